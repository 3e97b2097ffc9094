//! The kinds of steps.

use serde::Deserialize;

use super::{Attempts, Console, Exec, File, Http, Listening, Name, Process, Remount, Stop};
use crate::ready::Condition;

/// One thing that a test does or asserts: a table with the name of its kind for a key.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Waits until something is so.
    Wait(Condition),
    /// Runs a command in the firmware.
    Exec(Exec),
    /// Asks an HTTP server of the firmware.
    Http(Http),
    /// Looks at a file of the firmware.
    File(File),
    /// Looks for processes of the firmware.
    Process(Process),
    /// Looks at the firmware's open ports.
    Listening(Listening),
    /// Waits until the console has shown something.
    Console(Console),
    /// Counts what the firmware has tried.
    Attempts(Attempts),
    /// Stops the firmware and waits for its end.
    Stop(Stop),
    /// Takes a changed firmware into the running instance.
    Remount(Remount),
    /// Compares what the firmware changed with the snapshot of that name.
    Snapshot(Name),
}

impl Step {
    /// The key that says what kind it is, as a suite has it.
    #[must_use]
    pub fn keyword(&self) -> &'static str {
        match self {
            Self::Wait(_) => "wait",
            Self::Exec(_) => "exec",
            Self::Http(_) => "http",
            Self::File(_) => "file",
            Self::Process(_) => "process",
            Self::Listening(_) => "listening",
            Self::Console(_) => "console",
            Self::Attempts(_) => "attempts",
            Self::Stop(_) => "stop",
            Self::Remount(_) => "remount",
            Self::Snapshot(_) => "snapshot",
        }
    }
}
