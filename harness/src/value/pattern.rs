//! Regular expressions over what a firmware wrote.

use std::fmt;
use std::str::FromStr;

use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer};

use super::{ValueError, text};

/// A regular expression over bytes, in the syntax of the crate `regex`.
///
/// It is sought, not matched from end to end: anchor it where that matters. `^` and `$` stand at
/// the ends of a line, `\r\n` (which is what consoles end theirs with) among them.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it is found in `bytes`.
    #[must_use]
    pub fn is_match(&self, bytes: &[u8]) -> bool {
        self.0.is_match(bytes)
    }

    /// The compiled expression, for whoever wants to know where it was found.
    #[must_use]
    pub fn regex(&self) -> &Regex {
        &self.0
    }
}

impl FromStr for Pattern {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() {
            return Err(ValueError::new("an empty regular expression matches everything"));
        }
        match RegexBuilder::new(text).multi_line(true).crlf(true).build() {
            Ok(regex) => Ok(Self(regex)),
            Err(error) => {
                // The error draws its own snippet; ours is drawn around it.
                let error = error.to_string();
                let reason = error.rsplit("error: ").next().unwrap_or(&error).trim();
                Err(ValueError::new(format!("bad regular expression `{text}`: {reason}")))
            }
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a regular expression in a string", str::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_about_lines() {
        let pattern: Pattern = "^boot done$".parse().unwrap();
        assert!(pattern.is_match(b"Starting\r\nboot done\r\n# "));
        assert!(pattern.is_match(b"\xff\nboot done\n"));
        assert!(!pattern.is_match(b"not boot done\r\n"));
    }

    #[test]
    fn a_bad_pattern_says_what_is_wrong_with_it() {
        let message = |text: &str| text.parse::<Pattern>().unwrap_err().message;
        assert_eq!(message("(a"), "bad regular expression `(a`: unclosed group");
        assert_eq!(message(""), "an empty regular expression matches everything");
    }
}
