//! Attempts for tests.

use std::time::Duration;

use super::{Act, Attempt, Caller, Layer, Parent, Verdict};

/// A script of init's sets the clock back to 2001, with date(1).
pub(crate) fn clock() -> Attempt {
    let act = Act::SetClock { seconds: 978_307_200, nanoseconds: 0, ahead: -788_923_800 };
    let by = caller(33, &["date", "-s", "010100002001"]);
    let by = Caller { parents: vec![script(20, "/etc/init.d/S10clock"), init()], ..by };
    attempt(310, act, Verdict::Pretended, by)
}

/// ntpd(8) adjusts it.
pub(crate) fn adjust(milliseconds: u64) -> Attempt {
    let act = Act::AdjustClock(super::ClockChange { modes: 1 });
    let by = Caller { parents: vec![init()], ..caller(41, &["/usr/sbin/ntpd", "-n"]) };
    attempt(milliseconds, act, Verdict::Pretended, by)
}

/// The script of the shutdown remounts everything read-only.
pub(crate) fn sysrq() -> Attempt {
    let Parent { pid, comm, argv } = script(52, "/etc/init.d/rcK");
    let by = Caller { pid, uid: 0, comm, argv, parents: vec![init()] };
    attempt(1200, Act::Sysrq(b"u\n".to_vec()), Verdict::Pretended, by)
}

/// A module is not loaded.
pub(crate) fn module() -> Attempt {
    let act = Act::LoadModule { name: "nf_tables".to_owned(), parameters: String::new() };
    let by = Caller { parents: vec![init()], ..caller(35, &["modprobe", "nf_tables"]) };
    attempt(400, act, Verdict::Refused(libc::EPERM), by)
}

fn attempt(milliseconds: u64, act: Act, verdict: Verdict, by: Caller) -> Attempt {
    let at = Duration::from_millis(milliseconds);
    Attempt { at, boot: 1, act, verdict, layer: Layer::Seccomp, by }
}

fn caller(pid: i32, argv: &[&str]) -> Caller {
    let comm = argv[0].rsplit('/').next().unwrap_or_default().to_owned();
    let argv = argv.iter().map(|word| (*word).to_owned()).collect();
    Caller { pid, comm, argv, ..Caller::default() }
}

fn script(pid: i32, path: &str) -> Parent {
    let comm = path.rsplit('/').next().unwrap_or_default().to_owned();
    Parent { pid, comm, argv: vec!["/bin/sh".to_owned(), path.to_owned()] }
}

fn init() -> Parent {
    Parent { pid: 1, comm: "init".to_owned(), argv: vec!["init".to_owned()] }
}
