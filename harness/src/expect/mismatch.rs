//! What a check answers when the value is not what was wanted.

use std::fmt;

/// What was wanted, what was there instead, and what came closest to it.
///
/// ```
/// # use fwtest::expect::Mismatch;
/// let mismatch = Mismatch::new("mode 0600", "mode 0644").of("/etc/shadow");
/// assert_eq!(
///     mismatch.to_string(),
///     "  expected  /etc/shadow: mode 0600\n  actual    mode 0644\n"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What was wanted.
    pub expected: String,
    /// What was there.
    pub actual: String,
    /// What was not wanted but comes close to it, such as the port next door.
    pub nearest: Option<String>,
    /// Line by line, `-` for what was wanted and `+` for what was there, where both have several.
    pub diff: Option<String>,
}

impl Mismatch {
    /// A mismatch that knows nothing near and has no diff.
    pub fn new(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Self { expected: expected.into(), actual: actual.into(), nearest: None, diff: None }
    }

    /// The answer of a check that could not know. Never pass instead: an assertion about a file
    /// that nobody could read would hold for ever.
    pub fn not_evaluated(expected: impl Into<String>, why: impl fmt::Display) -> Self {
        Self::new(expected, format!("not evaluated: {why}"))
    }

    /// Adds what comes close.
    #[must_use]
    pub fn with_nearest(mut self, nearest: Option<String>) -> Self {
        self.nearest = nearest;
        self
    }

    /// Says what the expectation is of: a path, a header.
    #[must_use]
    pub fn of(mut self, noun: impl fmt::Display) -> Self {
        let space = if self.expected.contains('\n') { '\n' } else { ' ' };
        self.expected = format!("{noun}:{space}{}", self.expected);
        self
    }
}

/// Rows with their values aligned, each with a newline; a value's further lines stand below its
/// first.
impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        row(f, "expected", &self.expected)?;
        row(f, "actual", &self.actual)?;
        if let Some(nearest) = &self.nearest {
            row(f, "nearest", nearest)?;
        }
        if let Some(diff) = &self.diff {
            row(f, "diff", diff)?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, label: &str, value: &str) -> fmt::Result {
    for (number, line) in value.lines().enumerate() {
        let label = if number == 0 { label } else { "" };
        writeln!(f, "{}", format!("  {label:<10}{line}").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Mismatch;

    #[test]
    fn values_are_aligned_whatever_their_lines() {
        let mismatch = Mismatch {
            expected: "tcp:80 listening".into(),
            actual: "not listening".into(),
            nearest: Some("tcp:8080 by uhttpd(143)\nudp:80 by ntpd(150)".into()),
            diff: Some("- a\n\n+ b".into()),
        };
        insta::assert_snapshot!(mismatch, @"
          expected  tcp:80 listening
          actual    not listening
          nearest   tcp:8080 by uhttpd(143)
                    udp:80 by ntpd(150)
          diff      - a

                    + b
        ");
    }

    #[test]
    fn a_noun_stands_above_an_expectation_of_several_lines() {
        assert_eq!(Mismatch::new("| a\n| b", "").of("body").expected, "body:\n| a\n| b");
    }
}
