//! What a firmware's attempts are answered with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Answer, Class};

/// The `attempts` of a firmware: what each class is answered with, and whether one that nobody
/// expected fails the test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What fwtest.toml says; the others have their class's default. A class that is named here is
    /// one that the firmware is known to try.
    pub answers: BTreeMap<Class, Answer>,
    /// What an attempt does that nobody expected.
    pub unexpected: Unexpected,
}

/// What becomes of a test when its firmware tries something that neither fwtest.toml names nor the
/// test asks about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unexpected {
    /// It is recorded, and shown where attempts are shown.
    #[default]
    Report,
    /// The test fails.
    Fail,
}

impl Policy {
    /// What an attempt of this class is answered with.
    #[must_use]
    pub fn answer(&self, class: Class) -> Answer {
        self.answers.get(&class).copied().unwrap_or_else(|| class.default_answer())
    }
}
