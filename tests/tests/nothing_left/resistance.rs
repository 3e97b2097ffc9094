//! Firmwares that do not want to end.

use std::time::Instant;

use rustix::process::Signal;
use tests::process;

use crate::cast::{Cast, Role, Stage};
use crate::run::{GONE, Repo, Run};

/// A test that passes, and then has its instance ended.
const SUITE: &str = "[[test]]\nname = \"passes\"\nsteps = [\n\
    { wait = { log = \"booted\" } },\n\
    { exec = { run = [\"sleep\", \"0.1\"] } },\n]\n";

#[track_caller]
fn ends(what: &str, init: &str) {
    let repo = Repo::new(init, SUITE);
    let before = repo.look();
    let begin = Instant::now();
    let ended = Run::start(&mut repo.fwtest(&[])).gone_within(2 * GONE);
    assert!(ended.status.success(), "{}", ended.said);
    assert_eq!(repo.look(), before);
    eprintln!("{what}: boot, test and end took {:.0?}", begin.elapsed());
}

#[test]
#[serial_test::serial]
fn processes_that_ignore_signals() {
    ends(
        "200 processes that ignore signals",
        "trap '' HUP INT QUIT TERM USR1 USR2
         i=0
         while [ $i -lt 200 ]; do
             (while :; do sleep 1000; done) &
             i=$((i + 1))
         done
         echo booted; while :; do sleep 1000; done",
    );
}

#[test]
#[serial_test::serial]
fn processes_that_multiply_until_the_end() {
    // Each makes the next and ends, so that no list of them is ever right; no more than 50 at once.
    ends(
        "processes that multiply",
        "again() { again & exit; }
         i=0; while [ $i -lt 50 ]; do (again) & i=$((i + 1)); done
         echo booted; while :; do sleep 1000; done",
    );
}

/// From inside nobody can stop a pid 1: kill(1) of the guest has no effect on it.
#[test]
#[serial_test::serial]
fn an_init_and_processes_that_are_stopped() {
    let init = "i=0
        while [ $i -lt 20 ]; do (kill -STOP $(exec sh -c 'echo $PPID')) & i=$((i + 1)); done
        echo booted; while :; do sleep 1000; done";
    let repo = Repo::new(init, SUITE);
    let before = repo.look();
    let run = Run::start(&mut repo.fwtest(&[]));
    let init = Cast::wait_for(&run, Role::Init, Stage::Exec);
    process::signal(&init, Signal::STOP);
    let ended = run.gone_within(GONE);
    assert!(ended.status.success(), "{}", ended.said);
    assert_eq!(repo.look(), before);
    eprintln!("stopped: all was gone {:.0?} later", ended.took);
}

/// More than its keeper can ever read.
#[test]
#[serial_test::serial]
fn a_console_that_is_flooded() {
    ends(
        "a console that is flooded",
        "echo booted; yes 'without an end' & yes 'by' & yes 'several' & exec yes",
    );
}
