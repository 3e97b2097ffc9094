//! What a terminal shows besides the results.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::project::Project;

/// The two ends of a new one: what shows, and what a program is given.
fn terminal() -> (File, OwnedFd) {
    let shows = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&shows).unwrap();
    unlockpt(&shows).unwrap();
    let name = ptsname(&shows, Vec::new()).unwrap();
    let path = Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()));
    let given = File::options().read(true).write(true).open(path).unwrap();
    (File::from(shows), OwnedFd::from(given))
}

/// Reads until `wanted` has been shown, or until nobody is left to write.
fn read_until(terminal: &mut File, wanted: &str) -> String {
    let mut shown = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&shown).contains(wanted) {
        match terminal.read(&mut buffer) {
            Ok(count @ 1..) => shown.extend_from_slice(&buffer[..count]),
            _ => break, // EIO: the other end is closed
        }
    }
    String::from_utf8_lossy(&shown).into_owned()
}

#[test]
fn a_bar_shows_what_runs_and_leaves_nothing_behind() {
    let (mut shows, given) = terminal();
    let odd = Project::at("odd");
    let mut command = odd.fwtest("--test odd router::a router::e::waits");
    command.env("TERM", "xterm").env_remove("NO_COLOR").env_remove("CLICOLOR");
    command.stdout(given.try_clone().unwrap()).stderr(given);
    let mut run = command.spawn().unwrap();
    drop(command); // it holds the end that has to close

    let running = read_until(&mut shows, "] router::e::waits");
    assert!(running.contains("\x1b[1;32mPASS\x1b[0m"), "{running:?}");
    assert!(running.contains(" 1/2"), "{running:?}");
    kill_process(Pid::from_child(&run), Signal::INT).unwrap();
    let rest = read_until(&mut shows, "that is never shown");
    let end = rest.rsplit("\x1b[2K").next().unwrap();
    assert!(!end.contains("router::e::waits"), "{rest:?}");
    assert!(end.contains("1 not run"), "{rest:?}");
    assert_eq!(run.wait().unwrap().code(), Some(130));
}
