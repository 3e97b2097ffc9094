//! A string of a TOML file that stands for something.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Visitor};

use super::ValueError;

/// Reads a string with `parse`; anything else is not `expecting`.
pub(crate) fn text<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    expecting: &'static str,
    parse: impl FnOnce(&str) -> Result<T, ValueError>,
) -> Result<T, D::Error> {
    deserializer.deserialize_str(Text { expecting, parse })
}

struct Text<F> {
    expecting: &'static str,
    parse: F,
}

impl<T, F: FnOnce(&str) -> Result<T, ValueError>> Visitor<'_> for Text<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(ValueError::into_serde)
    }
}
