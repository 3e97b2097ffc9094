//! Firmwares by glob.

use globset::Glob;

use super::{Config, Firmware};
use crate::toml_error::did_you_mean;

/// A glob that selects no firmware.
#[derive(Debug, thiserror::Error)]
pub enum SelectionError {
    /// It is not one.
    #[error("`{glob}` is not a glob")]
    BadGlob {
        /// As it was written.
        glob: String,
        /// Why.
        source: globset::Error,
    },
    /// There is no such firmware.
    #[error("no firmware is named `{glob}`")]
    NoMatch {
        /// As it was written.
        glob: String,
        /// The firmwares that there are.
        known: Vec<String>,
    },
}

impl SelectionError {
    /// What to do about it, where we know.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::BadGlob { source, .. } => Some(source.kind().to_string()),
            Self::NoMatch { glob, known } => did_you_mean(glob, known.iter().map(String::as_str))
                .or_else(|| {
                    let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
                    Some(format!("known here: {}", known.join(", ")))
                }),
        }
    }
}

impl Config {
    /// The firmwares that a name or glob (`router-*`, `{a,b}`) stands for, by name, at least one.
    /// # Errors
    /// When it stands for none.
    pub fn firmwares_matching(&self, glob: &str) -> Result<Vec<&Firmware>, SelectionError> {
        let matcher = match Glob::new(glob) {
            Ok(glob) => glob.compile_matcher(),
            Err(source) => return Err(SelectionError::BadGlob { glob: glob.to_owned(), source }),
        };
        let matches = |firmware: &&Firmware| matcher.is_match(firmware.name.as_str());
        let firmwares: Vec<_> = self.firmwares.iter().filter(matches).collect();
        if firmwares.is_empty() {
            let known = self.firmwares.iter().map(|firmware| firmware.name.to_string()).collect();
            return Err(SelectionError::NoMatch { glob: glob.to_owned(), known });
        }
        Ok(firmwares)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[track_caller]
    fn check(glob: &str, selected: Result<&[&str], (&str, &str)>) {
        let text = ["router", "router-b", "camera"]
            .map(|name| format!("[firmware.{name}]\nrootfs = '.'\n"))
            .concat();
        let config = Config::parse(Path::new("fwtest.toml"), &text).unwrap();
        let found = config.firmwares_matching(glob);
        let found = found
            .map(|found| found.iter().map(|firmware| firmware.name.as_str()).collect::<Vec<_>>())
            .map_err(|error| (error.to_string(), error.hint().unwrap_or_default()));
        let selected = selected
            .map(<[&str]>::to_vec)
            .map_err(|(message, hint)| (message.to_owned(), hint.to_owned()));
        assert_eq!(found, selected);
    }

    #[test]
    fn a_glob_stands_for_at_least_one_firmware() {
        check("router", Ok(&["router"]));
        check("router*", Ok(&["router", "router-b"]));
        check("{camera,router}", Ok(&["camera", "router"]));
        check("*", Ok(&["camera", "router", "router-b"]));
        check("ruter", Err(("no firmware is named `ruter`", "did you mean `router`?")));
        check(
            "x*",
            Err(("no firmware is named `x*`", "known here: `camera`, `router`, `router-b`")),
        );
        check("[", Err(("`[` is not a glob", "unclosed character class; missing ']'")));
    }
}
