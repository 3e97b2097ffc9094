//! The text that an error points into.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::place::Place;
use super::words::in_words_of_the_file;
use super::{LoadError, TomlError};

/// A TOML file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What the file goes by in messages.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

impl Source {
    /// Reads a file.
    /// # Errors
    /// [`LoadError::Read`] when it cannot be read or is not UTF-8.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self { path: path.to_owned(), text }),
            Err(source) => {
                let source = match source.kind() {
                    io::ErrorKind::InvalidData => io::Error::new(source.kind(), "it is not UTF-8"),
                    _ => source,
                };
                Err(LoadError::Read { path: path.to_owned(), source })
            }
        }
    }

    /// Reads a value from the text.
    /// # Errors
    /// The first thing wrong with it.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, TomlError> {
        toml::from_str(&self.text).map_err(|error| {
            let (message, hint) = in_words_of_the_file(error.message());
            self.error(error.span(), message, hint)
        })
    }

    /// The line, from 1, of a byte of the text.
    #[must_use]
    pub fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    /// An error about the bytes `span` of the text, for what only a look at the whole file shows.
    #[must_use]
    pub fn error(
        &self,
        span: Option<Range<usize>>,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> TomlError {
        let place = span.map(|span| Place::of(&self.text, span));
        TomlError { path: self.path.clone(), message: message.into(), hint, place }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::value::table;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Sample {
        timeout: Option<u8>,
        name: String,
        #[serde(default, deserialize_with = "some_table")]
        inner: Option<Inner>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {}

    fn some_table<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Inner>, D::Error> {
        table(from).map(Some)
    }

    fn shown(text: &str) -> String {
        let source = Source { path: "a.toml".into(), text: text.to_owned() };
        source.parse::<Sample>().unwrap_err().whole()
    }

    #[test]
    fn an_error_shows_the_key_and_the_way_out() {
        assert_snapshot!(shown("name = 'x'\ntimout = 1"), @"
        failed to read `a.toml`: unknown key `timout`
         --> a.toml:2:1
          |
        2 | timout = 1
          | ^^^^^^
        hint: did you mean `timeout`?
        ");
        assert_snapshot!(shown("name = 'x'\r\nfoo = 1\r\n"), @"
        failed to read `a.toml`: unknown key `foo`
         --> a.toml:2:1
          |
        2 | foo = 1
          | ^^^
        hint: known here: `timeout`, `name`, `inner`
        ");
        assert_snapshot!(shown("name = 'x'\ninner = { a = 1 }"), @"
        failed to read `a.toml`: unknown key `a`
         --> a.toml:2:11
          |
        2 | inner = { a = 1 }
          |           ^
        hint: no key can stand here
        ");
        assert_snapshot!(shown("timeout = 1"), @"
        failed to read `a.toml`: missing key `name`
         --> a.toml:1:1
          |
        1 | timeout = 1
          | ^
        ");
    }

    #[test]
    fn an_error_about_a_value_shows_the_value() {
        assert_snapshot!(shown("name = 'é'\n\ttimeout = 300"), @"
        failed to read `a.toml`: expected a number from 0 to 255, found integer `300`
         --> a.toml:2:12
          |
        2 | 	timeout = 300
          | 	          ^^^
        ");
        assert_snapshot!(shown("name = { e = 1 }"), @"
        failed to read `a.toml`: expected a string, found a table
         --> a.toml:1:8
          |
        1 | name = { e = 1 }
          |        ^^^^^^^^^
        ");
        assert_snapshot!(shown("name = '''\n'''\ntimeout = [\n1]"), @"
        failed to read `a.toml`: expected a number from 0 to 255, found an array
         --> a.toml:3:11
          |
        3 | timeout = [
          |           ^
        ");
        assert_snapshot!(shown("[inner]\na = 1"), @"
        failed to read `a.toml`: unknown key `a`
         --> a.toml:2:1
          |
        2 | a = 1
          | ^
        hint: no key can stand here
        ");
        assert_snapshot!(shown("name = 'x'\n[[inner]]\n[[inner]]"), @"
        failed to read `a.toml`: expected a table, found an array
         --> a.toml:2:1
          |
        2 | [[inner]]
          | ^^^^^^^^^
        ");
    }

    #[test]
    fn an_error_of_syntax_shows_where() {
        assert_snapshot!(shown("name = "), @"
        failed to read `a.toml`: string values must be quoted, expected literal string
         --> a.toml:1:8
          |
        1 | name = 
          |        ^
        ");
        assert_snapshot!(shown(""), @"
        failed to read `a.toml`: missing key `name`
         --> a.toml:1:1
          |
        1 | 
          | ^
        ");
        assert_snapshot!(shown("\u{feff}name = 'x'\nname = 'y'"), @"
        failed to read `a.toml`: duplicate key
         --> a.toml:2:1
          |
        2 | name = 'y'
          | ^^^^
        ");
        assert_snapshot!(shown("name = 'x\u{1b}[2J'"), @"
        failed to read `a.toml`: invalid literal string, expected non-single-quote visible characters
         --> a.toml:1:10
          |
        1 | name = 'x�[2J'
          |          ^
        ");
        assert_snapshot!(shown("name = 'x"), @"
        failed to read `a.toml`: invalid literal string, expected `'`
         --> a.toml:1:10
          |
        1 | name = 'x
          |          ^
        ");
    }
}
