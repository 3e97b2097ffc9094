//! The look itself: a look that sees nothing would find every host clean.

use std::fs;
use std::process::{Command, Stdio};

use tests::host::MARK;
use tests::process;

use crate::cast::{Cast, INIT, Role, STORY, Stage};
use crate::run::{GONE, Repo, Run};

#[test]
#[serial_test::serial]
fn a_look_sees_what_is_left() {
    let repo = Repo::new(INIT, STORY);
    let before = repo.look();
    assert_eq!(before, repo.look());

    let file = repo.temporary().join("left");
    fs::write(&file, "").unwrap();
    let shared = format!("/dev/shm/{}", repo.mark());
    fs::write(&shared, "").unwrap();
    let after = repo.look();
    fs::remove_file(&file).unwrap();
    fs::remove_file(&shared).unwrap();
    assert_ne!(before, after);
    assert_eq!(after.files().collect::<Vec<_>>(), [&file, &shared.into()]);

    let mut sleeper = Command::new("sleep");
    let run = Run::start(sleeper.arg("60").env(MARK, repo.mark()).stdin(Stdio::null()));
    // Its arguments are there a moment after the exec that the parent waits for.
    while process::command_line(run.pid) != "sleep 60" {
        assert!(run.elapsed() < GONE);
    }
    let after = repo.look();
    run.signal(rustix::process::Signal::KILL);
    run.gone_within(GONE);
    assert_eq!(after.processes().len(), 1, "{:?}", after.processes());
    assert_eq!(before, repo.look());
}

/// Each of them has the mark, the firmware's own processes too.
#[test]
#[serial_test::serial]
fn a_look_sees_every_process_of_a_run() {
    let repo = Repo::new(INIT, STORY);
    repo.write_suite(
        "[[test]]\nname = \"endless\"\nsteps = [{ exec = { run = [\"sh\", \"-c\", \
         \"FWTEST_RUN_MARK=<mark> sleep 1003 & wait\"] } }]",
    );
    let before = repo.look();
    let run = Run::start(&mut repo.fwtest(&[]));
    let roles =
        [Role::Command, Role::Harness, Role::Launcher, Role::Keeper, Role::Init, Role::Helper];
    let mut stage = Stage::SetUp;
    loop {
        let cast = Cast::of(&run);
        stage = cast.stage(stage);
        if stage == Stage::Exec && roles.iter().all(|role| cast.open(*role, &run).is_some()) {
            break;
        }
        assert!(run.elapsed() < GONE, "{cast:?}");
        run.pause();
    }
    // Six of them, init's `sleep`, and the command with its own.
    while repo.look().processes().len() < 9 {
        assert!(run.elapsed() < GONE, "{:#?}", repo.look().processes());
    }
    run.signal(rustix::process::Signal::KILL);
    run.gone_within(GONE);
    repo.assert_only_groups_left(&before, "all");
}
