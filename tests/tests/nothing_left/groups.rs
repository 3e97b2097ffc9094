//! Control groups are all that outlives a run that was killed; the next run removes them.

use rustix::process::Signal;

use crate::cast::{Cast, Role, Stage};
use crate::run::{GONE, Repo, Run};

/// Makes groups within its own, where it has one, and has a process in the deepest.
const INIT: &str = "mkdir -p /sys/fs/cgroup/a/b/c && echo $$ >/sys/fs/cgroup/a/b/c/cgroup.procs
    echo booted; while :; do sleep 1000; done";
const PASSES: &str = "[[test]]\nname = \"passes\"\nsteps = [{ wait = { log = \"booted\" } }]\n";
const ENDLESS: &str = "[[test]]\nname = \"endless\"\nsteps = [\n\
    { wait = { log = \"booted\" } },\n{ exec = { run = [\"sleep\", \"60\"] } },\n]\n";

#[test]
#[serial_test::serial]
fn a_run_removes_its_groups_and_those_of_a_dead_one() {
    let repo = Repo::new(INIT, PASSES);
    let before = repo.look();
    let whole = Run::start(&mut repo.fwtest(&[])).gone_within(GONE);
    assert!(whole.status.success(), "{}", whole.said);
    assert_eq!(repo.look(), before);

    // By the command, and by a test binary that has made its own launcher.
    for by_command in [true, false] {
        repo.write_suite(ENDLESS);
        let run = match by_command {
            true => Run::start(&mut repo.fwtest(&[])),
            false => Run::start(&mut repo.test_binary()),
        };
        Cast::wait_for(&run, Role::Init, Stage::Exec);
        let alive = repo.look().take_groups();
        assert_eq!(alive.iter().any(|group| group.ends_with("a/b/c")), repo.has_groups());
        run.signal(Signal::KILL);
        run.gone_within(GONE);
        repo.assert_only_groups_left(&before, "all was killed");
        assert_eq!(repo.look().take_groups().is_empty(), !repo.has_groups());

        repo.write_suite(PASSES);
        let next = Run::start(&mut repo.fwtest(&[])).gone_within(GONE);
        assert!(next.status.success(), "{}", next.said);
        assert_eq!(repo.look(), before);
    }
}

/// What a run has made is no other's to remove while it lives.
#[test]
#[serial_test::serial]
fn a_run_lets_the_groups_of_a_living_one_be() {
    let repo = Repo::new(INIT, ENDLESS);
    let before = repo.look();
    let one = Run::start(&mut repo.fwtest(&[]));
    let keeper = Cast::wait_for(&one, Role::Keeper, Stage::Exec);
    let alive = repo.look().take_groups();

    repo.write_suite(PASSES);
    // Not by `Run`, which would wait for the end of both.
    let two = repo.fwtest(&[]).output().unwrap();
    assert!(two.status.success(), "{}", String::from_utf8_lossy(&two.stderr));
    assert_eq!(repo.look().take_groups(), alive);

    // Of an instance whose keeper was killed they stay until the end of the run, and no longer.
    tests::process::signal(&keeper, Signal::KILL);
    let ended = one.gone_within(GONE);
    assert_eq!(ended.status.code(), Some(100), "{}", ended.said);
    assert_eq!(repo.look(), before);
}
