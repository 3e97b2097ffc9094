//! The text of a failure: one for Rust tests and suites, for every reporter.

use std::error::Error;
use std::fmt::Display;

/// An error before any test, as it is printed: message, causes, hint.
pub(super) fn setup(error: &dyn Error, hint: Option<&str>) -> String {
    format!("error: {}{}", with_causes(error), hint_below(hint))
}

/// An error with its causes, a line each.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // An error that is transparent says the same as its cause.
        let line = error.to_string();
        if !text.ends_with(&line) {
            text.push_str(&format!("\n  caused by: {line}"));
        }
        cause = error.source();
    }
    text
}

/// A hint on a line of its own.
pub(super) fn hint_below(hint: Option<&str>) -> String {
    hint.map(|hint| format!("\n\nhint: {hint}")).unwrap_or_default()
}

/// What went wrong, then what the instance did, then how to see it again.
pub(super) fn report(what: &str, instance: Option<&dyn Display>, name: &str) -> String {
    let mut text = what.trim_end().to_owned();
    if let Some(instance) = instance {
        text.push_str(&format!("\n{instance}"));
    }
    text.push_str(&format!("\n  {:<10}cargo fwtest --exact {name}", "reproduce"));
    text
}
