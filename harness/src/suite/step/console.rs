//! `console`: what the firmware prints.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::value::{Pattern, optional_duration, table};

/// Waits until the console has shown something since boot.
#[derive(Clone, Debug, PartialEq)]
pub struct Console {
    /// What.
    pub expect: Pattern,
    /// For how long at most; 10 s where it is not said.
    pub within: Option<Duration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    expect: Pattern,
    #[serde(default, deserialize_with = "optional_duration")]
    within: Option<Duration>,
}

impl<'de> Deserialize<'de> for Console {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { expect, within } = table(deserializer)?;
        Ok(Self { expect, within })
    }
}
