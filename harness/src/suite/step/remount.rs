//! `remount`: a changed firmware under a running instance.

use serde::{Deserialize, Deserializer};

use crate::value::table;

/// Takes a firmware that was rebuilt since the boot into the running instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remount {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {}

impl<'de> Deserialize<'de> for Remount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written {} = table(deserializer)?;
        Ok(Self {})
    }
}
