//! Who makes a call, by the keeper's proc(5).

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::attempt::{Caller, Parent};

/// Ancestors that are told of. A longer chain is one that somebody made to be long.
const ANCESTORS: usize = 16;

/// A capability's number: capabilities(7).
#[derive(Clone, Copy, Debug)]
pub(super) enum Capability {
    SysModule = 16,
    SysAdmin = 21,
    SysBoot = 22,
    SysTime = 25,
    Mknod = 27,
    Syslog = 34,
}

/// What proc_pid_status(5) says of a process.
#[derive(Clone, Debug)]
pub(super) struct Status {
    pub(super) comm: String,
    /// In the guest.
    pub(super) pid: i32,
    /// The thread, in the guest.
    pub(super) thread: i32,
    /// In the keeper's pid namespace.
    parent: i32,
    uid: u32,
    capabilities: u64,
}

impl Status {
    /// Of a process of the guest, by its pid in the keeper's pid namespace.
    pub(super) fn of(pid: i32) -> Option<Self> {
        parse(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
    }

    /// Whether it is the guest's root, to whom the machine's files belong.
    pub(super) fn is_root(&self) -> bool {
        self.uid == 0
    }

    pub(super) fn has(&self, capability: Capability) -> bool {
        self.capabilities >> (capability as u32) & 1 == 1
    }
}

fn parse(text: &str) -> Option<Status> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.strip_prefix(':')).map(str::trim)
    };
    Some(Status {
        comm: field("Name")?.to_owned(),
        // The first is that in the keeper's namespace, and the only one of what is not the guest's.
        pid: field("NStgid")?.split_whitespace().nth(1)?.parse().ok()?,
        thread: field("NSpid")?.split_whitespace().nth(1)?.parse().ok()?,
        parent: field("PPid")?.parse().ok()?,
        uid: field("Uid")?.split_whitespace().nth(1)?.parse().ok()?,
        capabilities: u64::from_str_radix(field("CapEff")?, 16).ok()?,
    })
}

/// The process with that status, and those above it.
pub(super) fn caller(pid: i32, status: &Status) -> Caller {
    let mut parents = Vec::new();
    let mut next = status.parent;
    while parents.len() < ANCESTORS
        && let Some(above) = Status::of(next)
    {
        parents.push(Parent { pid: above.pid, argv: argv(next), comm: above.comm });
        next = above.parent;
    }
    Caller { pid: status.pid, uid: status.uid, comm: status.comm.clone(), argv: argv(pid), parents }
}

/// proc_pid_cmdline(5)
fn argv(pid: i32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// The namespace of a kind that a process is in, as a number that is its own as long as it is there:
/// namespaces(7).
pub(super) fn namespace(pid: i32, kind: &str) -> Option<u64> {
    fs::metadata(format!("/proc/{pid}/ns/{kind}")).ok().map(|metadata| metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_of_the_guest_or_none() {
        let text = "Name:\tdate\nTgid:\t812\nPid:\t812\nPPid:\t790\nUid:\t0\t33\t0\t0\n\
                    NStgid:\t812\t34\nNSpid:\t812\t34\nCapEff:\t0000000002000000\n";
        let status = parse(text).unwrap();
        assert_eq!((status.comm.as_str(), status.pid, status.parent), ("date", 34, 790));
        assert_eq!(status.uid, 33);
        assert!(status.has(Capability::SysTime) && !status.has(Capability::SysAdmin));
        assert!(parse(&text.replace("812\t34", "812")).is_none(), "a keeper is no guest");
    }
}
