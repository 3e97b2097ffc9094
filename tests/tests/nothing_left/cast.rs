//! Who is who in a run, and how far it is, read from procfs.

use std::fmt;
use std::os::fd::OwnedFd;

use tests::process::{self, children, comm, command_line, numbers};

use crate::run::{GONE, Run};

/// A process of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `cargo fwtest`.
    Command,
    /// The test binary, here that of the suites.
    Harness,
    Launcher,
    Keeper,
    /// The firmware's pid 1, or what is about to become it.
    Init,
    /// A child of the keeper's: it runs a command in the guest, or compares the layers.
    Helper,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Until init is the firmware's program.
    SetUp,
    /// Its script runs.
    Boot,
    /// The test runs a command.
    Exec,
    /// The layers are compared, and the snapshot is taken.
    Snapshot,
    /// The test has done its last, until all is gone.
    TearDown,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}").to_lowercase())
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}").to_lowercase())
    }
}

/// Writes some files, so that a comparison takes a while, and names some by the mark.
pub const INIT: &str = "sleep 1000 &
    i=0; while [ $i -lt 200 ]; do echo $i >/tmp/$i; i=$((i + 1)); done
    : >/dev/shm/$FWTEST_RUN_MARK; : >/tmp/$FWTEST_RUN_MARK; mkdir /run; : >/run/$FWTEST_RUN_MARK
    echo booted
    while :; do sleep 1000; done";

/// Needs the words of [`Stage`] in the guest's tree: `sleep 1001` says that the command has ended,
/// `sleep 1002` that the snapshot is taken.
pub const STORY: &str = r#"
[[test]]
name = "story"
steps = [
  { wait = { log = "booted" } },
  { exec = { run = ["sleep", "0.01"] } },
  { exec = { run = ["sh", "-c", "FWTEST_RUN_MARK=<mark> sleep 1001 &"] } },
  { snapshot = "story" },
  { exec = { run = ["sh", "-c", "FWTEST_RUN_MARK=<mark> sleep 1002 &"] } },
]
"#;

/// What is there of a run at one moment.
#[derive(Debug, Default)]
pub struct Cast {
    harness: Option<i32>,
    launcher: Option<i32>,
    keeper: Option<i32>,
    init: Option<i32>,
    helper: Option<i32>,
    stage: Option<Stage>,
}

impl Cast {
    /// Looks. `Stage::SetUp` is also what comes before there is anybody.
    pub fn of(run: &Run) -> Self {
        let mut cast = Self::default();
        for child in children(run.pid) {
            match numbers(child).len() {
                // The command's, or that of a test binary that we have started ourselves.
                2 => cast.launcher = Some(child),
                1 if command_line(child).contains(" --include-ignored") => {
                    cast.harness = Some(child)
                }
                _ => {}
            }
        }
        if cast.launcher.is_none() {
            let made = cast.harness.map(children).unwrap_or_default();
            cast.launcher = made.into_iter().find(|child| numbers(*child).len() == 2);
        }
        let deep = |parent: Option<i32>, depth| {
            let children = parent.map(children).unwrap_or_default();
            children.into_iter().filter(move |child| numbers(*child).len() == depth)
        };
        // A launcher has others, for a moment: they try what the kernel has.
        cast.keeper = deep(cast.launcher, 2).find(|child| comm(*child) == "fwtest-keeper");
        cast.init = deep(cast.keeper, 3).find(|child| numbers(*child).last() == Some(&1));
        cast.helper = deep(cast.keeper, 2).next();
        cast.stage = cast.init.map(|init| {
            let marks: Vec<String> = children(init).into_iter().map(command_line).collect();
            let shown = |mark: &str| marks.iter().any(|line| line.contains(mark));
            match () {
                () if shown("sleep 1002") => Stage::TearDown,
                () if shown("sleep 1001") => Stage::Snapshot,
                () if deep(cast.helper, 3).next().is_some() => Stage::Exec,
                () if command_line(init).contains("/sbin/init") => Stage::Boot,
                () => Stage::SetUp,
            }
        });
        cast
    }

    /// Waits until the run has come as far as `wanted`, and `role` is there.
    #[track_caller]
    pub fn wait_for(run: &Run, role: Role, wanted: Stage) -> OwnedFd {
        let mut stage = Stage::SetUp;
        loop {
            let cast = Self::of(run);
            stage = cast.stage(stage);
            if stage >= wanted
                && let Some(found) = cast.open(role, run)
            {
                return found;
            }
            assert!(run.elapsed() < GONE && !run.over_already(), "no {role} in {wanted}: {cast:?}");
            run.pause();
        }
    }

    /// Init's arguments.
    pub fn init_line(&self) -> String {
        self.init.map(command_line).unwrap_or_default()
    }

    /// How far it is; `before` is what the last look said, for an instance that has gone says
    /// nothing any more.
    pub fn stage(&self, before: Stage) -> Stage {
        match self.stage {
            Some(stage) => stage.max(before),
            None if before > Stage::SetUp => Stage::TearDown,
            None => Stage::SetUp,
        }
    }

    /// A descriptor for one of them, if it is there.
    pub fn open(&self, role: Role, run: &Run) -> Option<OwnedFd> {
        let pid = match role {
            Role::Command => Some(run.pid),
            Role::Harness => self.harness,
            Role::Launcher => self.launcher,
            Role::Keeper => self.keeper,
            Role::Init => self.init,
            Role::Helper => self.helper,
        };
        process::open(pid?)
    }
}
