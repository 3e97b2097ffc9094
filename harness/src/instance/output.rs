//! What a command that ran in the guest left behind.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// How a process ended: wait(2), without its encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitStatus {
    /// exit(3) with this code.
    Code(i32),
    /// Killed by this signal's number.
    Signal(i32),
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(number) => match nix::sys::signal::Signal::try_from(number) {
                Ok(signal) => write!(f, "killed by {signal}"),
                Err(_) => write!(f, "killed by signal {number}"),
            },
        }
    }
}

/// A command of the guest that has ended, and what it wrote until then.
#[derive(Clone, Debug)]
pub struct Output {
    /// What was run.
    pub argv: Vec<String>,
    /// How it ended.
    pub status: ExitStatus,
    /// Bytes of its standard output.
    pub stdout: Vec<u8>,
    /// Bytes of its standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Standard output as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn stdout(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn stderr(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }
}
