//! Who did what a record tells of: as long as the process is there to be looked at.

use std::fs;

use super::super::ids::Ids;
use super::record::Record;
use crate::attempt::{Caller, Parent};

/// The machine's own pid namespace: `PROC_PID_INIT_INO`. Records have its numbers.
const OF_THE_MACHINE: &str = "pid:[4026531836]";
/// Of the numbers that a process of a guest has: the machine's, the launcher's, the guest's.
const IN_THE_GUEST: usize = 2;

/// Looks processes up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Callers {
    /// Our numbers are those of the records.
    see_the_machine: bool,
}

/// A process, by its number here.
struct Process {
    /// Its number in the guest.
    pid: i32,
    /// Its parent's number here.
    parent: i32,
    comm: String,
}

impl Callers {
    pub(super) fn new() -> Self {
        let link = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        Self { see_the_machine: link.as_os_str() == OF_THE_MACHINE }
    }

    /// Who it was, as far as can be told: at least by the name that the record has.
    pub(super) fn find(&self, record: &Record) -> Caller {
        let uid = record.uid.unwrap_or(0);
        let unknown = Caller { comm: record.comm.clone(), uid, ..Caller::default() };
        if !self.see_the_machine || !is_in(record.pid, record.namespace.as_str()) {
            return unknown;
        }
        let Some(process) = process(record.pid) else { return unknown };
        // What has ended between the two looks has no arguments any more, and lost no other.
        Caller {
            pid: process.pid,
            uid: inside(record.pid, uid).unwrap_or(uid),
            comm: record.comm.clone(),
            argv: arguments(record.pid),
            parents: parents(&process),
        }
    }
}

/// Whether the number is of a process in that policy namespace, and not yet somebody else's.
fn is_in(pid: i32, namespace: &str) -> bool {
    let label = fs::read_to_string(format!("/proc/{pid}/attr/apparmor/current"));
    label.is_ok_and(|label| label.starts_with(&format!(":{namespace}:")))
}

/// Up to the guest's pid 1.
fn parents(process: &Process) -> Vec<Parent> {
    /// A chain that is longer is none that anybody reads.
    const MOST: usize = 32;
    let (mut parents, mut guest, mut next) = (Vec::new(), process.pid, process.parent);
    while guest != 1 && parents.len() < MOST {
        let Some(parent) = self::process(next) else { break };
        let argv = arguments(next);
        (guest, next) = (parent.pid, parent.parent);
        parents.push(Parent { pid: guest, comm: parent.comm, argv });
    }
    parents
}

fn process(pid: i32) -> Option<Process> {
    parse(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

/// proc_pid_status(5)
fn parse(status: &str) -> Option<Process> {
    let value = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    Some(Process {
        pid: value("NSpid:")?.split_whitespace().nth(IN_THE_GUEST)?.parse().ok()?,
        parent: value("PPid:")?.parse().ok()?,
        comm: value("Name:")?.to_owned(),
    })
}

fn arguments(pid: i32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    match bytes.is_empty() {
        true => Vec::new(),
        false => bytes
            .split(|byte| *byte == 0)
            .map(|argument| String::from_utf8_lossy(argument).into_owned())
            .collect(),
    }
}

/// The guest's number for a user, by the map of the process's user namespace.
fn inside(pid: i32, uid: u32) -> Option<u32> {
    Ids::inside_map(&fs::read_to_string(format!("/proc/{pid}/uid_map")).ok()?, uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_a_number_in_each_pid_namespace() {
        let status = "Name:\tsh\nUmask:\t0022\nPPid:\t4700\nNSpid:\t4711\t40\t7\n";
        let process = parse(status).unwrap();
        assert_eq!((process.pid, process.parent, process.comm.as_str()), (7, 4700, "sh"));
        // One of the host's.
        assert!(parse("Name:\tsh\nPPid:\t1\nNSpid:\t4711\n").is_none());
        // In a pid namespace that the guest has made.
        assert_eq!(parse("Name:\tx\nPPid:\t1\nNSpid:\t9\t8\t7\t1\n").unwrap().pid, 7);
    }
}
