//! A suite as its runner holds it.

use std::path::Path;
use std::time::Duration;

use serde_spanned::Spanned;

use super::{Step, parse};
use crate::firmware::{Config, Firmware};
use crate::toml_error::{LoadError, Source, TomlError};
use crate::value::OneOrMany;

/// A suite file.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The file, for messages.
    pub source: Source,
    /// Its tests, at least one, in the order of the file. No two have one name.
    pub tests: Vec<Test>,
    /// Globs over the names of firmwares; `None` stands for every firmware.
    pub(super) firmware: Option<Spanned<OneOrMany>>,
}

/// One test of a suite.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// Its name: `[A-Za-z0-9_-]+`.
    pub name: String,
    /// The line of its name, from 1.
    pub line: usize,
    /// For how long it may run, its firmware's boot left out.
    pub timeout: Duration,
    /// Why it does not run by default.
    pub ignore: Option<String>,
    /// What it does, at least one thing.
    pub steps: Vec<PlacedStep>,
}

/// A step and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedStep {
    /// The line where it begins, from 1.
    pub line: usize,
    /// What it does.
    pub step: Step,
}

impl Suite {
    /// Reads a suite from `text`; `path` is only for messages.
    /// # Errors
    /// The first thing wrong in it.
    pub fn parse(path: &Path, text: &str) -> Result<Self, TomlError> {
        parse::parse(Source { path: path.to_owned(), text: text.to_owned() })
    }

    /// Reads a suite file.
    /// # Errors
    /// That it cannot be read, or the first thing wrong in it.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        Ok(parse::parse(Source::load(path)?)?)
    }

    /// The firmwares of `config` that the tests are for, by name, each once.
    /// # Errors
    /// Points at a name or glob that stands for none.
    pub fn firmwares<'c>(&self, config: &'c Config) -> Result<Vec<&'c Firmware>, TomlError> {
        let Some(globs) = &self.firmware else {
            return Ok(config.firmwares.iter().collect());
        };
        let mut wanted = Vec::new();
        for glob in &globs.get_ref().0 {
            wanted.extend(config.firmwares_matching(glob).map_err(|error| {
                self.source.error(Some(globs.span()), error.to_string(), error.hint())
            })?);
        }
        wanted.sort_by_key(|firmware| &firmware.name);
        wanted.dedup_by_key(|firmware| &firmware.name);
        Ok(wanted)
    }
}
