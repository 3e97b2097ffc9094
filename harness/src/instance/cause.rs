//! Why an instance ended.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why an instance has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// Its pid 1 ended by itself or was killed. On a board that is a kernel panic.
    Exit,
    /// The firmware powered it off: reboot(2).
    PowerOff,
    /// The firmware halted it: reboot(2).
    Halt,
    /// The firmware made the kernel crash: `c`, written to `/proc/sysrq-trigger`.
    Crash,
    /// The firmware restarted it, and it could not be booted again; the console says why.
    NotRestarted,
}

/// In the words that follow "init" or "the instance".
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exit => "has ended",
            Self::PowerOff => "was powered off",
            Self::Halt => "was halted",
            Self::Crash => "has crashed",
            Self::NotRestarted => "could not be restarted",
        })
    }
}
