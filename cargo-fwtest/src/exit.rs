//! Exit codes: nextest's, so that what reads those reads ours.

use std::process::ExitCode;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: every test that ran passed; for `doctor`, a firmware can boot here.
    Passed,
    /// 4: there was no test to run.
    NoTests,
    /// 96: the configuration or the host does not let tests run.
    SetUp,
    /// 100: a test failed.
    Failed,
    /// 101: the tests did not build.
    Build,
    /// 128 and the number of the signal that ended the run, as a shell has it.
    Signal(u8),
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Exit::Passed => 0,
            Exit::NoTests => 4,
            Exit::SetUp => 96,
            Exit::Failed => 100,
            Exit::Build => 101,
            Exit::Signal(signal) => 128 + signal,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
