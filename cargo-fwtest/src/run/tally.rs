use std::path::PathBuf;
use std::time::Duration;

use crate::error::Error;
use crate::exit::Exit;

/// A test that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    pub test: String,
    pub verdict: Verdict,
    pub seconds: f64,
    /// Where its instance's files are kept.
    pub kept: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    Passed,
    Failed { report: String },
}

/// How a run went.
#[derive(Debug, Default)]
pub struct Tally {
    pub finished: Vec<Finished>,
    pub skipped: usize,
    /// Selected, but the run ended before they did.
    pub not_run: usize,
    pub elapsed: Duration,
    /// The signal that ended the run.
    pub signal: Option<i32>,
    /// What went wrong beside the tests.
    pub fault: Option<Error>,
}

impl Tally {
    pub fn failed(&self) -> impl Iterator<Item = &Finished> {
        self.finished.iter().filter(|finished| finished.verdict != Verdict::Passed)
    }

    pub fn exit(self) -> Result<Exit, Error> {
        let failed = self.failed().next().is_some();
        match (self.fault, self.signal) {
            (Some(fault), _) => Err(fault),
            (None, Some(signal)) => Ok(Exit::Signal(u8::try_from(signal).unwrap_or(u8::MAX - 128))),
            (None, None) if failed => Ok(Exit::Failed),
            (None, None) => Ok(Exit::Passed),
        }
    }
}
