//! Who makes a call, by the keeper's proc(5).

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use crate::attempt::{Caller, Parent};

/// Ancestors that are told of. A longer chain is one that somebody made to be long.
const ANCESTORS: usize = 16;
/// Bytes of a process's arguments that are told: it may have millions.
const ARGUMENTS: u64 = 2048;

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
    /// In the procfs that it was read from.
    parent: i32,
    uid: u32,
    capabilities: u64,
}

/// A procfs, and how its pids are to be read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Proc<'a> {
    /// The keeper's own.
    Keeper,
    /// The guest's.
    Guest(&'a OwnedFd),
}

impl Proc<'_> {
    fn path(self, pid: i32, name: &str) -> String {
        match self {
            Self::Keeper => format!("/proc/{pid}/{name}"),
            Self::Guest(root) => format!("/proc/self/fd/{}/{pid}/{name}", root.as_raw_fd()),
        }
    }

    /// Of a process of the guest, by its pid in this procfs.
    pub(super) fn status(self, pid: i32) -> Option<Status> {
        parse(&String::from_utf8_lossy(&fs::read(self.path(pid, "status")).ok()?), self)
    }

    /// The process with that status, and those above it.
    pub(super) fn caller(self, pid: i32, status: &Status) -> Caller {
        let mut parents = Vec::new();
        let mut next = status.parent;
        while parents.len() < ANCESTORS
            && let Some(above) = self.status(next)
        {
            parents.push(Parent { pid: above.pid, argv: self.argv(next), comm: above.comm });
            next = above.parent;
        }
        Caller {
            pid: status.pid,
            uid: status.uid,
            comm: status.comm.clone(),
            argv: self.argv(pid),
            parents,
        }
    }

    /// proc_pid_cmdline(5)
    fn argv(self, pid: i32) -> Vec<String> {
        let mut bytes = Vec::new();
        if let Ok(file) = File::open(self.path(pid, "cmdline")) {
            // One that ends meanwhile has none.
            let _ = file.take(ARGUMENTS).read_to_end(&mut bytes);
        }
        let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
        if bytes.is_empty() {
            return Vec::new();
        }
        let words = bytes.split(|byte| *byte == 0);
        words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }
}

impl Status {
    /// Whether it is the guest's root, to whom the machine's files belong.
    pub(super) fn is_root(&self) -> bool {
        self.uid == 0
    }

    pub(super) fn has(&self, capability: Capability) -> bool {
        self.capabilities >> (capability as u32) & 1 == 1
    }
}

fn parse(text: &str, proc: Proc<'_>) -> Option<Status> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.strip_prefix(':')).map(str::trim)
    };
    // One for each pid namespace, from the procfs's own down. In the keeper's, what is not the
    // guest's has but one.
    let level = match proc {
        Proc::Keeper => 1,
        Proc::Guest(_) => 0,
    };
    let in_guest = |name: &str| field(name)?.split_whitespace().nth(level)?.parse().ok();
    Some(Status {
        comm: field("Name")?.to_owned(),
        pid: in_guest("NStgid")?,
        thread: in_guest("NSpid")?,
        parent: field("PPid")?.parse().ok()?,
        uid: field("Uid")?.split_whitespace().nth(1)?.parse().ok()?,
        capabilities: u64::from_str_radix(field("CapEff")?, 16).ok()?,
    })
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
                    NStgid:\t812\t34\nNSpid:\t812\t35\nCapEff:\t0000000002000000\n";
        let status = parse(text, Proc::Keeper).unwrap();
        assert_eq!((status.comm.as_str(), status.pid, status.parent), ("date", 34, 790));
        assert_eq!((status.thread, status.uid), (35, 33));
        assert!(status.has(Capability::SysTime) && !status.has(Capability::SysAdmin));
        let keeper = text.replace("812\t34", "812").replace("812\t35", "812");
        assert!(parse(&keeper, Proc::Keeper).is_none(), "a keeper is no guest");
    }
}
