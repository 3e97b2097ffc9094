//! From AppArmor's records to attempts: one for each act, whoever saw it.

use std::time::{Duration, Instant};

use super::record::{Kind, Record};
use crate::attempt::{Act, Attempt, Caller, Layer, Verdict};
use crate::path::GuestPath;

/// A record, when its act was done, and whose doing it was as far as could be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(super) done: Instant,
    pub(super) record: Record,
    pub(super) by: Caller,
}

/// How far apart two layers may tell of one act, and the kernel of its parts: an `echo >` to a file
/// is a creation, an opening and a truncation. Long for these, on a machine that has much to do: what
/// AppArmor tells is that something was done, and never how often.
const TOGETHER: Duration = Duration::from_secs(1);

impl Sighting {
    /// As an attempt of an instance that was made at `start`.
    pub(crate) fn attempt(&self, start: Instant) -> Attempt {
        Attempt {
            at: self.done.saturating_duration_since(start),
            boot: 1,
            act: act(&self.record),
            verdict: match self.record.kind {
                Kind::Reported => Verdict::Allowed,
                Kind::Denied => Verdict::Refused(self.record.errno.unwrap_or(libc::EACCES)),
            },
            layer: Layer::AppArmor,
            by: self.by.clone(),
        }
    }
}

fn act(record: &Record) -> Act {
    let path = || {
        use std::os::unix::ffi::OsStrExt;
        GuestPath::from(std::ffi::OsStr::from_bytes(&record.object))
    };
    if record.object.ends_with(b"/sysrq-trigger") {
        return Act::OpenSysrq { path: path() };
    }
    if record.object.starts_with(b"/proc/sys/") {
        return Act::Sysctl { path: path(), value: None };
    }
    Act::Denied {
        operation: record.operation.clone(),
        object: String::from_utf8_lossy(&record.object).into_owned(),
    }
}

/// The attempts that others have recorded, with those that only AppArmor saw; in order of time.
pub(crate) fn merge(recorded: &[Attempt], witnessed: &[Attempt]) -> Vec<Attempt> {
    let mut merged: Vec<(&Attempt, Duration)> =
        recorded.iter().map(|attempt| (attempt, attempt.at)).collect();
    let known = merged.len();
    for sighting in witnessed {
        if merged[..known].iter().any(|(other, _)| is_told_by(other, sighting)) {
            continue;
        }
        // A part of an act goes with the part before it.
        let same = merged[known..].iter_mut().find(|(other, last)| {
            other.act == sighting.act
                && is_by_the_same(other, sighting)
                && sighting.at.abs_diff(*last) <= TOGETHER
        });
        match same {
            Some((_, last)) => *last = sighting.at,
            None => merged.push((sighting, sighting.at)),
        }
    }
    merged.sort_by_key(|(attempt, _)| attempt.at);
    merged.into_iter().map(|(attempt, _)| attempt.clone()).collect()
}

/// Whether another layer, which knows more, has told of the act that AppArmor saw.
fn is_told_by(recorded: &Attempt, sighting: &Attempt) -> bool {
    // What was opened may be written to at any time later, by that process or one that it has made.
    let is_by_a_child = recorded.boot == sighting.boot
        && recorded.by.parents.iter().any(|parent| parent.pid == sighting.by.pid);
    if recorded.class() != sighting.class()
        || !(is_by_the_same(recorded, sighting) || is_by_a_child)
    {
        return false;
    }
    let opened = matches!(sighting.act, Act::OpenSysrq { .. }) && sighting.by.pid != 0;
    recorded.at.abs_diff(sighting.at) <= TOGETHER || (opened && recorded.at >= sighting.at)
}

fn is_by_the_same(one: &Attempt, other: &Attempt) -> bool {
    // Each boot begins to count its processes anew.
    one.boot == other.boot
        && match (one.by.pid, other.by.pid) {
            // One that has ended too soon to be looked up.
            (0, _) | (_, 0) => one.by.comm == other.by.comm,
            (one, other) => one == other,
        }
}

#[cfg(test)]
mod tests {
    use super::super::policy::Name;
    use super::*;
    use crate::attempt::Parent;

    fn by(pid: i32, comm: &str) -> Caller {
        Caller { pid, comm: comm.to_owned(), ..Caller::default() }
    }

    fn attempt(at: u64, layer: Layer, pid: i32, act: Act) -> Attempt {
        let by = by(pid, "sh");
        let at = Duration::from_millis(at);
        Attempt { at, boot: 1, act, verdict: Verdict::Pretended, layer, by }
    }

    fn mask(at: u64, pid: i32) -> Attempt {
        attempt(at, Layer::Mask, pid, Act::Sysrq(b"u".to_vec()))
    }

    fn opened(at: u64, pid: i32) -> Attempt {
        let path = GuestPath::from(std::ffi::OsStr::new("/proc/sysrq-trigger"));
        attempt(at, Layer::AppArmor, pid, Act::OpenSysrq { path })
    }

    fn denied(at: u64, pid: i32, object: &str) -> Attempt {
        let (operation, object) = ("change_profile".to_owned(), object.to_owned());
        attempt(at, Layer::AppArmor, pid, Act::Denied { operation, object })
    }

    #[track_caller]
    fn check(recorded: &[Attempt], witnessed: &[Attempt], expected: &[(u64, Layer)]) {
        let merged = merge(recorded, witnessed);
        let seen: Vec<_> = merged.iter().map(|a| (a.at.as_millis() as u64, a.layer)).collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn one_act_is_one_attempt() {
        use Layer::{AppArmor, Mask};
        // What the mask saw too.
        check(&[mask(101, 7)], &[opened(100, 7), opened(100, 7)], &[(101, Mask)]);
        // The process was gone when we looked: its name will do.
        check(&[mask(101, 7)], &[opened(100, 0)], &[(101, Mask)]);
        // Held open, and written to much later.
        check(&[mask(9000, 7)], &[opened(100, 7)], &[(9000, Mask)]);
        check(&[mask(9000, 7)], &[opened(100, 0)], &[(100, AppArmor), (9000, Mask)]);
        // Written first, opened again long after.
        check(&[mask(100, 7)], &[opened(9000, 7)], &[(100, Mask), (9000, AppArmor)]);
        // Opened by one, and written to by its child.
        let parents = vec![Parent { pid: 7, comm: "sh".to_owned(), argv: Vec::new() }];
        let mut by_child = mask(101, 8);
        by_child.by.parents = parents;
        check(&[by_child], &[opened(100, 7)], &[(101, Mask)]);
        // Somebody else's.
        check(&[mask(101, 8)], &[opened(100, 7)], &[(100, AppArmor), (101, Mask)]);
        // Another class.
        check(&[mask(101, 7)], &[denied(100, 7, "x")], &[(100, AppArmor), (101, Mask)]);
    }

    #[test]
    fn what_only_apparmor_saw_is_an_attempt_of_its_own() {
        use Layer::AppArmor;
        check(&[], &[opened(100, 7)], &[(100, AppArmor)]);
        // The creation, the opening and the truncation of one `echo >`, one after the other.
        check(&[], &[opened(100, 7), opened(900, 7), opened(1700, 7)], &[(100, AppArmor)]);
        check(&[], &[opened(100, 7), opened(1200, 7)], &[(100, AppArmor), (1200, AppArmor)]);
        check(
            &[],
            &[denied(100, 7, "x"), denied(101, 7, "y")],
            &[(100, AppArmor), (101, AppArmor)],
        );
        check(&[], &[], &[]);
        let next_boot = Attempt { boot: 2, ..opened(101, 7) };
        check(&[], &[opened(100, 7), next_boot.clone()], &[(100, AppArmor), (101, AppArmor)]);
        check(&[mask(100, 7)], &[next_boot], &[(100, Layer::Mask), (101, AppArmor)]);
    }

    #[test]
    fn a_record_says_what_was_tried_and_what_became_of_it() {
        let record = |kind, operation: &str, object: &str, errno| Record {
            kind,
            namespace: Name::parse("fwtest-1-a-0").unwrap(),
            operation: operation.to_owned(),
            object: object.as_bytes().to_vec(),
            pid: 1,
            comm: "sh".to_owned(),
            uid: None,
            owner: None,
            errno,
            at: Duration::ZERO,
        };
        let shown = |record| {
            let done = Instant::now();
            let attempt = Sighting { done, record, by: by(7, "sh") }.attempt(done);
            format!("{} {}: {}", attempt.class(), attempt.act, attempt.verdict)
        };
        for (record, expected) in [
            (
                record(Kind::Reported, "open", "/tmp/sysrq-trigger", None),
                "sysrq open /tmp/sysrq-trigger: allowed",
            ),
            (
                record(Kind::Denied, "open", "/proc/sysrq-trigger", Some(1)),
                "sysrq open /proc/sysrq-trigger: refused (EPERM)",
            ),
            (
                record(Kind::Denied, "open", "/proc/sys/kernel/core_pattern", None),
                "sysctl /proc/sys/kernel/core_pattern: refused (EACCES)",
            ),
            (
                record(Kind::Denied, "change_profile", "unconfined", None),
                "confinement change_profile unconfined: refused (EACCES)",
            ),
            (record(Kind::Denied, "ptrace", "", None), "confinement ptrace: refused (EACCES)"),
        ] {
            assert_eq!(shown(record), expected);
        }
    }
}
