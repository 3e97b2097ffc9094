//! Arrays of strings, and tables of them.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{ValueError, guest_path};

/// A program and its arguments: `["/sbin/init", "splash"]`, or just the program: `"/sbin/init"`.
pub(crate) fn command<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let (words, alone) = deserializer.deserialize_any(Words)?;
    let program = words.first().map(String::as_str).unwrap_or_default();
    if program.is_empty() {
        return Err(D::Error::custom("a command needs a program"));
    }
    // Split at its spaces it might be what was meant, but whoever quotes expects a shell.
    if alone && program.contains(char::is_whitespace) {
        let words: Vec<_> = program.split_whitespace().map(|word| format!("\"{word}\"")).collect();
        let hint = format!("no shell splits it: write `[{}]`", words.join(", "));
        let message = format!("`{program}` has a space in it");
        return Err(ValueError::hinted(message, hint).into_serde());
    }
    if words.iter().any(|word| word.contains('\0')) {
        return Err(D::Error::custom("an argument cannot have a NUL in it"));
    }
    Ok(words)
}

/// A [`command`] whose program is a path of the firmware, for init has no `PATH` yet.
pub(crate) fn optional_command<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    let words = command(deserializer)?;
    guest_path::check(&words[0]).map_err(ValueError::into_serde)?;
    Ok(Some(words))
}

/// A string, or an array of at least one. None is empty, for an empty string is in every text.
#[derive(Clone, Debug, Default)]
pub(crate) struct OneOrMany(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (words, _) = deserializer.deserialize_any(Words)?;
        if words.is_empty() || words.iter().any(String::is_empty) {
            return Err(D::Error::custom("it is empty, so it asks for nothing"));
        }
        Ok(Self(words))
    }
}

/// Environment variables: environ(7).
pub(crate) fn environment<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let variables = BTreeMap::<String, String>::deserialize(deserializer)?;
    for (name, value) in &variables {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            let message = format!("`{}` cannot be a variable", name.escape_debug());
            let hint = "a name has no `=`, and neither name nor value has a NUL";
            return Err(ValueError::hinted(message, hint).into_serde());
        }
    }
    Ok(variables)
}

/// A string or an array of strings; and whether it was a string alone.
struct Words;

impl<'de> Visitor<'de> for Words {
    type Value = (Vec<String>, bool);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Self::Value, E> {
        Ok((vec![word.to_owned()], true))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = array.next_element()? {
            words.push(word);
        }
        Ok((words, false))
    }
}
