//! Processes as procfs shows them: to anybody, without a word from the program under test.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// The children of every thread of `pid`; none when it has ended.
pub fn children(pid: i32) -> Vec<i32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists =
        tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// Its number in its own pid namespace and each above it, ours first; none when it has ended.
pub fn numbers(pid: i32) -> Vec<i32> {
    let line = field(pid, "NSpid:").unwrap_or_default();
    line.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

/// A line of its proc_pid_status(5).
pub fn field(pid: i32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().to_owned())
}

/// Its arguments, with blanks between them; empty for a zombie.
pub fn command_line(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim_end_matches('\0').replace('\0', " ")
}

/// The kernel's name for it.
#[must_use]
pub fn comm(pid: i32) -> String {
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    comm.trim_end().to_owned()
}

/// Says which process it is, for a failure: number, state, where in the kernel it waits, arguments.
pub fn describe(pid: i32) -> String {
    let state = field(pid, "State:").unwrap_or_else(|| "ended".to_owned());
    let waits = fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default();
    let name = field(pid, "Name:").unwrap_or_default();
    format!("{pid} {state} in `{waits}`: {name}: {}", command_line(pid))
}

/// A descriptor for `pid`; `None` when it has ended.
pub fn open(pid: i32) -> Option<OwnedFd> {
    pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()
}

/// Sends a signal; false when the process has ended.
pub fn signal(pidfd: &OwnedFd, signal: Signal) -> bool {
    pidfd_send_signal(pidfd, signal).is_ok()
}

/// Waits until `fd` is readable or hung up; false when `deadline` passes.
pub fn wait(fd: impl AsFd, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).expect("a deadline is near");
        match poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&timeout)) {
            Ok(0) if left == Duration::ZERO => return false,
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return true,
            Err(error) => panic!("failed to poll: {}", io::Error::from(error)),
        }
    }
}
