//! Names of snapshots.

use serde::{Deserialize, Deserializer};

use crate::suite::parse::is_name;
use crate::value::{ValueError, text};

/// The name of a snapshot: `[A-Za-z0-9_-]+`, for it becomes a part of a file's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(pub String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a name in a string", |text| match is_name(text) {
            true => Ok(Self(text.to_owned())),
            false => Err(ValueError::hinted(
                format!("`{}` cannot name a snapshot", text.escape_debug()),
                "a name is made of letters, digits, `_` and `-`",
            )),
        })
    }
}
