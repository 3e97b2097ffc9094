//! What becomes of an attempt, and who saw it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is to become of the attempts of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Answer {
    /// The firmware is told that it may not.
    Refuse,
    /// The firmware is told that it worked; nothing is done.
    Pretend,
    /// It has its effect inside the instance.
    Emulate,
}

impl Answer {
    /// Its name in fwtest.toml.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Pretend => "pretend",
            Self::Emulate => "emulate",
        }
    }
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// The firmware was told that it may not, with this errno.
    Refused(i32),
    /// The firmware was told that it worked; nothing was done.
    Pretended,
    /// It had its effect inside the instance.
    Emulated,
    /// It was let through: nothing outside of the instance can be reached by it.
    Allowed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(errno) => {
                write!(f, "refused ({:?})", nix::errno::Errno::from_raw(*errno))
            }
            Self::Pretended => f.write_str("pretended"),
            Self::Emulated => f.write_str("emulated"),
            Self::Allowed => f.write_str("allowed"),
        }
    }
}

/// Which part of the sandbox saw an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Layer {
    /// The system call filter: seccomp_unotify(2).
    Seccomp,
    /// The file that stands for `/proc/sysrq-trigger`.
    Mask,
    /// The security module: apparmor(7).
    AppArmor,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Seccomp => "seccomp",
            Self::Mask => "mask",
            Self::AppArmor => "apparmor",
        })
    }
}
