use std::env;
use std::io::IsTerminal;

use crate::cli::Color;

/// Colors, or none. They only ever repeat what the words say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint {
    on: bool,
}

impl Paint {
    pub fn new(choice: Color, stream: &impl IsTerminal) -> Paint {
        let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        Paint { on: decide(choice, variable, stream.is_terminal()) }
    }

    #[cfg(test)]
    pub const NONE: Paint = Paint { on: false };

    pub fn good(self, text: &str) -> String {
        self.with("1;32", text)
    }

    pub fn bad(self, text: &str) -> String {
        self.with("1;31", text)
    }

    pub fn odd(self, text: &str) -> String {
        self.with("1;33", text)
    }

    pub fn hint(self, text: &str) -> String {
        self.with("36", text)
    }

    pub fn strong(self, text: &str) -> String {
        self.with("1", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        match self.on {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

/// The flag first, then <https://no-color.org> and <https://bixense.com/clicolors>.
fn decide(choice: Color, variable: impl Fn(&str) -> Option<String>, terminal: bool) -> bool {
    let is = |name: &str, value: &str| variable(name).is_some_and(|found| found == value);
    match choice {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if variable("NO_COLOR").is_some() => false,
        Color::Auto if variable("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        Color::Auto => terminal && !is("TERM", "dumb") && !is("CLICOLOR", "0"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(choice: Color, environment: &[(&str, &str)], terminal: bool, expected: bool) {
        let variable = |name: &str| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(decide(choice, variable, terminal), expected);
    }

    #[test]
    fn color_is_for_terminals_and_those_who_ask() {
        check(Color::Auto, &[], true, true);
        check(Color::Auto, &[], false, false);
        check(Color::Auto, &[("NO_COLOR", "1")], true, false);
        check(Color::Auto, &[("CLICOLOR_FORCE", "1")], false, true);
        check(Color::Auto, &[("CLICOLOR_FORCE", "0")], false, false);
        check(Color::Auto, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], true, false);
        check(Color::Auto, &[("TERM", "dumb")], true, false);
        check(Color::Auto, &[("CLICOLOR", "0")], true, false);
        check(Color::Always, &[("NO_COLOR", "1"), ("TERM", "dumb")], false, true);
        check(Color::Never, &[("CLICOLOR_FORCE", "1")], true, false);
    }
}
