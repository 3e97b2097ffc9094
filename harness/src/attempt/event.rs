//! One attempt: what, who, when, and what became of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Act, Class, Layer, Verdict};

/// Something that a firmware tried, which would have reached past its sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When, since the instance was made. Reboots do not start it anew.
    pub at: Duration,
    /// In which boot of the instance: 1 is the first.
    pub boot: u32,
    /// What.
    pub act: Act,
    /// What became of it.
    pub verdict: Verdict,
    /// Who saw it.
    pub layer: Layer,
    /// Whose doing it was.
    pub by: Caller,
}

/// The process that tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// Its pid in the guest; 0 where that could not be told.
    pub pid: i32,
    /// Its user id in the guest.
    pub uid: u32,
    /// The kernel's name for it, of at most 15 bytes.
    pub comm: String,
    /// Its arguments.
    pub argv: Vec<String>,
    /// Who started it, and who started that one, up to pid 1.
    pub parents: Vec<Parent>,
}

/// A process above the one that tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// Its pid in the guest.
    pub pid: i32,
    /// The kernel's name for it.
    pub comm: String,
    /// Its arguments.
    pub argv: Vec<String>,
}

impl Attempt {
    /// Its class.
    #[must_use]
    pub fn class(&self) -> Class {
        self.act.class()
    }
}
