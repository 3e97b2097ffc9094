//! `process`: the firmware's processes of a name.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::value::table;

/// Looks for processes of the firmware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// What they go by.
    pub name: String,
    /// How many there are to be.
    pub count: Count,
    /// Only those of this user, by name or number.
    pub user: Option<String>,
}

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// At least one.
    Some,
    /// So many, none among them.
    Exactly(usize),
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Some => f.write_str("at least 1"),
            Self::Exactly(count) => count.fmt(f),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    count: Option<usize>,
    user: Option<String>,
}

impl<'de> Deserialize<'de> for Process {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { name, count, user } = table(deserializer)?;
        if name.is_empty() {
            return Err(D::Error::custom("a process has a name"));
        }
        Ok(Self { name, count: count.map_or(Count::Some, Count::Exactly), user })
    }
}
