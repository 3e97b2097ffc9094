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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_crosses_to_the_keeper() {
        let policy = Policy {
            answers: Class::all().map(|class| (class, class.answers().remove(0))).collect(),
            unexpected: Unexpected::Fail,
        };
        for policy in [policy, Policy::default()] {
            let bytes = postcard::to_stdvec(&policy).unwrap();
            assert_eq!(postcard::from_bytes::<Policy>(&bytes).unwrap(), policy);
        }
    }

    #[test]
    fn a_class_that_is_not_named_has_its_default() {
        let answers = [(Class::Clock, Answer::Refuse)].into();
        let policy = Policy { answers, ..Policy::default() };
        assert_eq!(policy.answer(Class::Clock), Answer::Refuse);
        assert_eq!(policy.answer(Class::Reboot), Answer::Emulate);
    }
}
