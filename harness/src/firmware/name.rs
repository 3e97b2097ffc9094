//! Names of firmwares.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use crate::value::{ValueError, text};

/// Names a firmware in fwtest.toml, and then a directory, a cgroup and a host: 1 to 64 of
/// `[a-z0-9_-]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FirmwareName(String);

/// The longest host name that Linux has: uname(2).
const LONGEST: usize = 64;

impl FirmwareName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FirmwareName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let letter = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        if !text.is_empty() && text.len() <= LONGEST && text.bytes().all(letter) {
            return Ok(Self(text.to_owned()));
        }
        let hint = "a name is made of at most 64 lower-case letters, digits, `_` and `-`";
        Err(ValueError::hinted(format!("`{}` cannot name a firmware", text.escape_debug()), hint))
    }
}

impl fmt::Display for FirmwareName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for FirmwareName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a name in a string", str::parse)
    }
}
