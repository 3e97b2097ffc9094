//! `attempts`: what the firmware has tried.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::attempt::{Class, KeyOr};
use crate::value::ValueError;

/// Counts what the firmware has tried since its first boot: `{ clock = 1, sysrq = 0, others = 0 }`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// How many attempts there are to be of each class.
    pub counts: BTreeMap<Class, usize>,
    /// Whether there is to be none of any other class: `others = 0`.
    pub no_others: bool,
}

impl<'de> Deserialize<'de> for Attempts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Table)
    }
}

struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = Attempts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Attempts, A::Error> {
        let mut attempts = Attempts::default();
        while let Some(key) = table.next_key_seed(KeyOr("others"))? {
            match key {
                Some(class) => {
                    attempts.counts.insert(class, table.next_value()?);
                }
                None => {
                    let Zero = table.next_value()?;
                    attempts.no_others = true;
                }
            }
        }
        if attempts == Attempts::default() {
            let hint = "write `{ clock = 1 }`, or `{ others = 0 }` for none at all";
            return Err(ValueError::hinted("it asks for no attempt", hint).into_serde());
        }
        Ok(attempts)
    }
}

/// What `others` can be.
struct Zero;

impl<'de> Deserialize<'de> for Zero {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match usize::deserialize(deserializer)? {
            0 => Ok(Self),
            more => Err(D::Error::custom(format_args!(
                "`others = {more}` does not say which: name their classes"
            ))),
        }
    }
}
