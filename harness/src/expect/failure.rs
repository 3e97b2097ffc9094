//! What a failed assertion is to the runner.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::panic;

use super::Mismatch;

/// A place in a test's source, be it Rust or a suite file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// As the compiler or the user named it.
    pub file: String,
    /// From 1 on.
    pub line: u32,
    /// From 1 on.
    pub column: u32,
}

impl From<&panic::Location<'_>> for Location {
    fn from(location: &panic::Location<'_>) -> Self {
        Self { file: location.file().to_owned(), line: location.line(), column: location.column() }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A failed assertion: where, of what, and the mismatch. A matcher panics with it, a suite's step
/// ends with it, and the runner adds what the instance did.
///
/// ```
/// # use fwtest::{expect, expect::Failure};
/// let panic = std::panic::catch_unwind(|| expect!("OpenWrt\n").trimmed().eq("router"));
/// let failure = Failure::from_panic(panic.err().expect("they differ")).expect("of a matcher");
/// assert_eq!(failure.expression, r#"expect!("OpenWrt\n").trimmed()"#);
/// assert_eq!(failure.mismatch.expected, r#""router""#);
/// assert_eq!(failure.mismatch.actual, r#""OpenWrt""#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Where the assertion is written.
    pub location: Location,
    /// What it looks at, as it is written.
    pub expression: String,
    /// What was wanted and what was there.
    pub mismatch: Mismatch,
}

impl Failure {
    /// What a panic was about.
    ///
    /// # Errors
    /// The panic's message when no matcher raised it: an `assert!`, an `unwrap`, a bug.
    pub fn from_panic(payload: Box<dyn Any + Send>) -> Result<Self, String> {
        let payload = match payload.downcast::<Self>() {
            Ok(failure) => return Ok(*failure),
            Err(other) => other,
        };
        Err(match payload.downcast::<String>() {
            Ok(message) => *message,
            Err(other) => match other.downcast::<&'static str>() {
                Ok(message) => (*message).to_owned(),
                Err(_) => "a panic without a message".to_owned(),
            },
        })
    }
}

/// A line that says where, then the rows of the [`Mismatch`].
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}\n{}", self.expression, self.location, self.mismatch)
    }
}

impl Error for Failure {}

#[cfg(test)]
mod tests {
    use std::panic::{catch_unwind, panic_any};

    use super::Failure;

    #[test]
    fn a_failure_shows_where_and_what() {
        let report = super::super::report::of(|| crate::expect!(1 + 1).eq(3));
        insta::assert_snapshot!(report, @"
        expect!(1 + 1) at tests/web.rs:9:5
          expected  3
          actual    2
        ");
    }

    #[test]
    fn other_panics_keep_their_message() {
        let message = |panic: fn()| {
            let payload = catch_unwind(panic).expect_err("it panics");
            Failure::from_panic(payload).expect_err("no matcher's")
        };
        assert_eq!(message(|| panic!("plain")), "plain");
        assert_eq!(message(|| panic!("formatted {}", 1)), "formatted 1");
        assert_eq!(message(|| panic_any(1)), "a panic without a message");
    }
}
