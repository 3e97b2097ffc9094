//! Classes as the keys of a table, among them one word that stands for something else.

use serde::de::DeserializeSeed;
use serde::{Deserialize, Deserializer};

use super::Class;
use crate::toml_error::did_you_mean;
use crate::value::{ValueError, text};

/// Reads a key that is the name of a class; `None` where it is this word.
#[derive(Clone, Copy)]
pub(crate) struct KeyOr(pub(crate) &'static str);

impl<'de> DeserializeSeed<'de> for KeyOr {
    type Value = Option<Class>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        text(deserializer, "a class of attempts", |text| {
            if text == self.0 {
                return Ok(None);
            }
            text.parse().map(Some).map_err(|_| unknown("key", text, Some(self.0)))
        })
    }
}

/// Classes by their names.
pub(crate) fn classes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Class>, D::Error> {
    let named: Vec<Named> = Deserialize::deserialize(deserializer)?;
    Ok(named.into_iter().map(|Named(class)| class).collect())
}

/// A class by its name.
pub(crate) fn optional_class<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Class>, D::Error> {
    Named::deserialize(deserializer).map(|Named(class)| Some(class))
}

/// What [`Class`] itself reads is the number that it is between processes.
struct Named(Class);

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a class of attempts in a string", |text| text.parse().map(Self))
    }
}

/// The error of a word that is neither a class nor the word `besides`.
pub(super) fn unknown(kind: &str, text: &str, besides: Option<&'static str>) -> ValueError {
    let names: Vec<&str> = Class::all().map(Class::name).chain(besides).collect();
    let known = || {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        format!("known here: {}", names.join(", "))
    };
    let hint = did_you_mean(text, names.iter().copied()).unwrap_or_else(known);
    ValueError::hinted(format!("unknown {kind} `{}`", text.escape_debug()), hint)
}
