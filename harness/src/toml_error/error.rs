//! The errors, in three parts: message, snippet, hint.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::place::Place;
use crate::path::shown;

/// A TOML file that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It could not be read.
    #[error("failed to read `{}`", shown(path))]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is something wrong in it.
    #[error(transparent)]
    Toml(#[from] TomlError),
}

impl LoadError {
    /// What to do about it, where we know.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Read { .. } => None,
            Self::Toml(error) => error.hint(),
        }
    }

    /// The same error for a reader in `directory`: a file below it goes by its path from there.
    #[must_use]
    pub fn relative_to(self, directory: &Path) -> Self {
        match self {
            Self::Read { path, source } => Self::Read { path: shorter(path, directory), source },
            Self::Toml(error) => Self::Toml(error.relative_to(directory)),
        }
    }
}

fn shorter(path: PathBuf, directory: &Path) -> PathBuf {
    path.strip_prefix(directory).map(Path::to_owned).unwrap_or(path)
}

/// Something wrong in a TOML file. Displays as the message and, below it, the snippet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}", self.message(), Below(self.place.as_ref().map(|_| self.snippet())))]
pub struct TomlError {
    pub(super) path: PathBuf,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) place: Option<Place>,
}

impl TomlError {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong, in a line: ``failed to read `tests/web.fw.toml`: unknown key `timout` ``.
    #[must_use]
    pub fn message(&self) -> String {
        format!("failed to read `{}`: {}", shown(&self.path), self.message)
    }

    /// Line and column, both from 1; the column counts characters.
    #[must_use]
    pub fn position(&self) -> Option<(usize, usize)> {
        self.place.as_ref().map(|place| (place.line, place.column))
    }

    /// The line at fault with its number, and carets under what is wrong; empty where no line is.
    #[must_use]
    pub fn snippet(&self) -> String {
        self.place.as_ref().map(|place| place.snippet(&self.path)).unwrap_or_default()
    }

    /// What to write instead, where we know.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The same error for a reader in `directory`: a file below it goes by its path from there.
    #[must_use]
    pub fn relative_to(self, directory: &Path) -> Self {
        Self { path: shorter(self.path, directory), ..self }
    }
}

/// Displays on a line of its own, or not at all.
struct Below(Option<String>);

impl fmt::Display for Below {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |text| write!(f, "\n{text}"))
    }
}

#[cfg(test)]
impl TomlError {
    /// Message, snippet and hint, for tests that compare them whole.
    pub(crate) fn whole(&self) -> String {
        let hint = self.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        format!("{self}{hint}")
    }
}
