//! What a test is told when a process under it is killed: at once, and what it was.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tests::process;

use crate::cast::{Cast, INIT, Role, Stage};
use crate::run::{Ended, GONE, Repo, Run};

/// Nobody waits longer for a verdict.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Three tests that would take a minute each.
fn suite(steps: &str) -> String {
    let test =
        |name| format!("[[test]]\nname = \"{name}\"\ntimeout = \"60s\"\nsteps = [{steps}]\n");
    ["a", "b", "c"].map(test).concat()
}

const WAIT: &str = "{ wait = { log = \"never\", within = \"60s\" } }";
const EXEC: &str = "{ exec = { run = [\"sleep\", \"60\"], timeout = \"60s\" } }";

/// Kills the role when the first test is at the stage; only that one is run unless `more`.
#[track_caller]
fn killed(role: Role, stage: Stage, steps: &str, arguments: &[&str]) -> Ended {
    let repo = Repo::new(INIT, &suite(steps));
    let before = repo.look();
    let run = Run::start(&mut repo.fwtest(&[&["-j", "1"], arguments].concat()));
    let victim = Cast::wait_for(&run, role, stage);
    process::signal(&victim, Signal::KILL);
    let ended = run.gone_within(GONE);
    assert!(ended.took < AT_ONCE, "{:?}: {}", ended.took, ended.said);
    assert_eq!(repo.look(), before);
    ended
}

#[track_caller]
fn says(ended: &Ended, code: i32, lines: &[&str]) {
    assert_eq!(ended.status.code(), Some(code), "{}", ended.said);
    for line in lines {
        assert!(ended.said.contains(line), "without `{line}`:\n{}", ended.said);
    }
}

const FIRST: &[&str] = &["--exact", "mini::story::a"];

#[test]
#[serial_test::serial]
fn a_keeper_that_is_killed() {
    let ended = killed(Role::Keeper, Stage::Boot, WAIT, FIRST);
    says(&ended, 100, &["the instance's keeper has ended: somebody has killed it"]);
    let ended = killed(Role::Keeper, Stage::Exec, EXEC, FIRST);
    says(&ended, 100, &["the instance's keeper has ended: somebody has killed it"]);
}

#[test]
#[serial_test::serial]
fn an_init_that_is_killed() {
    let ended = killed(Role::Init, Stage::Boot, WAIT, FIRST);
    says(&ended, 100, &["init has ended (killed by SIGKILL)"]);
    let ended = killed(Role::Init, Stage::Exec, EXEC, FIRST);
    says(&ended, 100, &["SIGKILL"]);
}

#[test]
#[serial_test::serial]
fn a_helper_that_is_killed() {
    let ended = killed(Role::Helper, Stage::Exec, EXEC, FIRST);
    says(&ended, 100, &["`sleep 60` ended without a status"]);
}

/// All tests fail that were to come, none of them slowly.
#[test]
#[serial_test::serial]
fn a_launcher_that_is_killed() {
    let ended = killed(Role::Launcher, Stage::Boot, WAIT, &[]);
    says(
        &ended,
        100,
        &[
            "the instance's keeper has ended: somebody has killed it",
            "the run's launcher has ended: somebody has killed it",
            "0 passed, 3 failed, 0 skipped in ",
        ],
    );
}

#[test]
#[serial_test::serial]
fn a_test_binary_that_is_killed() {
    let repo = Repo::new(INIT, &suite(WAIT));
    let run = Run::start(&mut repo.fwtest(&[&["-j", "1"], FIRST].concat()));
    let victim = Cast::wait_for(&run, Role::Harness, Stage::Boot);
    process::signal(&victim, Signal::KILL);
    let ended = run.gone_within(AT_ONCE);
    says(&ended, 100, &["the test binary was killed by SIGKILL while it ran"]);
}

/// The firmware goes with its keeper, not with the run, which has more tests: here its pid 1 has
/// changed its ids, which clears the signal that it would have got (prctl(2), PR_SET_PDEATHSIG).
#[test]
#[serial_test::serial]
fn an_instance_does_not_outlive_its_keeper() {
    // Where there is a second id to change to.
    let init = "cp /bin/busybox /tmp/sleep; chown 1 /tmp/sleep; chmod u+s /tmp/sleep; exec /tmp/sleep 1000";
    let repo = Repo::new(init, &suite(WAIT));
    let run = Run::start(&mut repo.fwtest(&["-j", "1"]));
    // Init first: what the launcher makes before an instance, to try a profile, has none.
    let init = Cast::wait_for(&run, Role::Init, Stage::SetUp);
    let keeper = Cast::wait_for(&run, Role::Keeper, Stage::SetUp);
    while !Cast::of(&run).init_line().ends_with("sleep 1000") {
        assert!(run.elapsed() < GONE);
        run.pause();
    }
    process::signal(&keeper, Signal::KILL);
    assert!(process::wait(&init, Instant::now() + AT_ONCE), "init lives on");
    assert!(!run.over_already());
    run.signal(Signal::TERM);
    run.gone_within(GONE);
}

/// Its launcher is its own here, so that nothing but the end of its parent can end it: the test
/// has a minute to go.
#[test]
#[serial_test::serial]
fn a_test_binary_does_not_outlive_the_command() {
    let repo = Repo::new(INIT, &suite(EXEC));
    let before = repo.look();
    let binary = repo.test_binary();
    let mut shell = Command::new("sh");
    shell.args(["-c", "\"$@\"; true", "sh"]).arg(binary.get_program()).args(binary.get_args());
    shell.args(["--include-ignored", "--exact", "mini::story::a"]);
    for (name, value) in binary.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    shell.current_dir(repo.path("")).env("FWTEST_EVENTS_FD", "1").stdin(Stdio::null());
    let run = Run::start(&mut shell);
    Cast::wait_for(&run, Role::Init, Stage::Exec);
    run.signal(Signal::KILL);
    run.gone_within(AT_ONCE);
    repo.assert_only_groups_left(&before, "the command");
}
