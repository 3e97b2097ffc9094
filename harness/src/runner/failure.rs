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
    text.push_str(&format!("\n  {:<10}{}", "reproduce", reproduce(name)));
    text
}

/// A line for the shell that runs this test again, the way that it was run.
fn reproduce(name: &str) -> String {
    let given = |variable| std::env::var(variable).ok();
    let package = given("CARGO_PKG_NAME").map(|name| format!(" -p {name}")).unwrap_or_default();
    match given(super::event::REPRODUCE) {
        Some(command) => format!("{command} --exact {}", quoted(name)),
        None => format!("cargo test{package} -- --exact {}", quoted(name)),
    }
}

/// A word for a shell.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-:.,/@%+=".contains(&byte);
    match !word.is_empty() && word.bytes().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_needs_it() {
        assert_eq!(quoted("router::tests::web::ui"), "router::tests::web::ui");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's \\xff"), r"'it'\''s \xff'");
        assert_eq!(quoted(""), "''");
    }
}
