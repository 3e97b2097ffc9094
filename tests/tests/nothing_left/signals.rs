//! Signals that ask a run to end, from a terminal and from programs.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::cast::{Cast, INIT, Role, Stage};
use crate::run::{GONE, Repo, Run};

const ENDLESS_BOOT: &str = "[[test]]\nname = \"boots\"\nsteps = [{ wait = { log = \"never\" } }]\n";
const ENDLESS_EXEC: &str =
    "[[test]]\nname = \"executes\"\nsteps = [{ exec = { run = [\"sleep\", \"60\"] } }]\n";

/// Ctrl-C, as a terminal has it: SIGINT to the whole foreground group.
#[test]
#[serial_test::serial]
fn control_c_ends_all_and_tells_what_was_done() {
    let repo = Repo::new(INIT, "");
    let before = repo.look();
    for (suite, stage) in [(ENDLESS_BOOT, Stage::Boot), (ENDLESS_EXEC, Stage::Exec)] {
        repo.write_suite(suite);
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let terminal = openpt(flags).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let end = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        // A session of its own, with that terminal: setsid(1) becomes the command.
        let fwtest = repo.fwtest(&["--color", "never"]);
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(fwtest.get_program()).args(fwtest.get_args());
        for (name, value) in fwtest.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.current_dir(fwtest.get_current_dir().unwrap());
        command.stdin(end.try_clone().unwrap()).stdout(end.try_clone().unwrap()).stderr(end);
        let run = Run::start_silent(&mut command);
        drop(command); // it has the other end open, and the terminal would not hang up

        Cast::wait_for(&run, Role::Init, stage);
        let mut terminal = File::from(terminal);
        terminal.write_all(b"\x03").unwrap();
        let ended = run.gone_within(GONE);
        let mut said = Vec::new();
        // EIO is how a terminal ends.
        let _ = terminal.read_to_end(&mut said);
        let said = String::from_utf8_lossy(&said);
        assert_eq!(ended.status.code(), Some(130), "{said}");
        assert!(said.contains("0 passed, 0 failed, 0 skipped, 1 not run in "), "{said}");
        assert_eq!(repo.look(), before);
        eprintln!("Ctrl-C in {stage}: all was gone {:.1?} later", ended.took);
    }
}

/// Of them only the command learns.
#[test]
#[serial_test::serial]
fn a_signal_to_the_command_alone_ends_all() {
    let repo = Repo::new(INIT, ENDLESS_EXEC);
    let before = repo.look();
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let run = Run::start(&mut repo.fwtest(&[]));
        Cast::wait_for(&run, Role::Init, Stage::Exec);
        run.signal(signal);
        let ended = run.gone_within(GONE);
        assert_eq!(ended.status.code(), Some(code), "{}", ended.said);
        assert!(
            ended.said.contains("0 passed, 0 failed, 0 skipped, 1 not run in "),
            "{}",
            ended.said
        );
        assert_eq!(repo.look(), before);
    }
}

/// What nextest does to a test that takes too long. The launcher is not in that group.
#[test]
#[serial_test::serial]
fn the_end_of_a_test_binarys_group_is_the_end_of_all() {
    let repo = Repo::new(INIT, ENDLESS_EXEC);
    let before = repo.look();
    for signal in [Signal::KILL, Signal::TERM, Signal::INT] {
        let run = Run::start(repo.test_binary().process_group(0).stdin(Stdio::null()));
        Cast::wait_for(&run, Role::Init, Stage::Exec);
        kill_process_group(Pid::from_raw(run.pid).unwrap(), signal).unwrap();
        run.gone_within(GONE);
        repo.assert_only_groups_left(&before, "the whole group");
    }
}
