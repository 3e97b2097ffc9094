//! Checks of text.

use std::fmt;

use super::nearest::nearest;
use super::shown::{cut, shown};
use super::{Mismatch, Subject, check_eq};
use crate::value::Pattern;

/// What a text should be: for the parts of a value that are text, as a header is.
///
/// ```
/// # use fwtest::expect::{contains, equals, matches};
/// assert!(contains("httpd").check("uhttpd 2.1").is_ok());
/// assert!(matches(r"^uhttpd \d").check("uhttpd 2.1").is_ok());
/// assert!(equals("uhttpd").check("uhttpd 2.1").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextMatcher {
    /// It is this, from its first to its last character.
    Equals(String),
    /// This is somewhere in it.
    Contains(String),
    /// This is nowhere in it.
    Lacks(String),
    /// This regular expression matches somewhere in it. `^` and `$` are the ends of a line, as
    /// everywhere here: [`Pattern`].
    Matches(String),
    /// One of its lines is this.
    Line(String),
    /// There is nothing in it, not even white space.
    Empty,
}

/// The text has `part` in it.
pub fn contains(part: impl Into<String>) -> TextMatcher {
    TextMatcher::Contains(part.into())
}

/// The text has no `part` in it.
pub fn lacks(part: impl Into<String>) -> TextMatcher {
    TextMatcher::Lacks(part.into())
}

/// The text is `whole`.
pub fn equals(whole: impl Into<String>) -> TextMatcher {
    TextMatcher::Equals(whole.into())
}

/// The regular expression `pattern` matches somewhere in the text: [`TextMatcher::Matches`].
pub fn matches(pattern: impl Into<String>) -> TextMatcher {
    TextMatcher::Matches(pattern.into())
}

impl TextMatcher {
    /// Whether `actual` is as it should be.
    ///
    /// # Errors
    /// When it is not; and, as not evaluated, when any text would do (an empty part, an empty
    /// pattern) or the pattern is no regular expression.
    pub fn check(&self, actual: &str) -> Result<(), Mismatch> {
        let holds = match self {
            Self::Equals(whole) => return check_eq(actual, whole.as_str()),
            Self::Contains(part) | Self::Matches(part) if part.is_empty() => {
                return Err(Mismatch::not_evaluated(self.to_string(), "any text does"));
            }
            Self::Contains(part) => actual.contains(part),
            Self::Lacks(part) => !actual.contains(part),
            Self::Matches(pattern) => match pattern.parse::<Pattern>() {
                Ok(pattern) => pattern.is_match(actual.as_bytes()),
                Err(error) => return Err(Mismatch::not_evaluated(self.to_string(), error)),
            },
            Self::Line(line) => actual.lines().any(|found| found == line),
            Self::Empty => actual.is_empty(),
        };
        if holds { Ok(()) } else { Err(self.mismatch(actual)) }
    }

    fn mismatch(&self, actual: &str) -> Mismatch {
        let (seen, nearest) = match self {
            Self::Contains(part) | Self::Line(part) => (shown(actual), nearest_line(part, actual)),
            Self::Lacks(part) => (lines_with(part, actual).unwrap_or_else(|| shown(actual)), None),
            Self::Equals(_) | Self::Matches(_) | Self::Empty => (shown(actual), None),
        };
        Mismatch::new(self.to_string(), seen).with_nearest(nearest)
    }
}

/// What is wanted, as the failure says it.
impl fmt::Display for TextMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals(whole) => write!(f, "is {}", quoted(whole)),
            Self::Contains(part) => write!(f, "contains {}", quoted(part)),
            Self::Lacks(part) => write!(f, "lacks {}", quoted(part)),
            Self::Matches(pattern) => write!(f, "matches `{pattern}`"),
            Self::Line(line) => write!(f, "has the line {}", quoted(line)),
            Self::Empty => f.write_str("is empty"),
        }
    }
}

fn quoted(text: &str) -> String {
    cut(&format!("{text:?}"))
}

/// In a text of one line there is nothing to point at.
fn nearest_line(wanted: &str, text: &str) -> Option<String> {
    let lines = text.lines().enumerate().map(|(index, line)| (line, (index, line)));
    let (index, line) = nearest(wanted, lines)?;
    (text.lines().nth(1).is_some()).then(|| numbered(index, line))
}

/// The lines that have `part` in them, where it is not the end of a line itself.
fn lines_with(part: &str, text: &str) -> Option<String> {
    text.lines().nth(1)?;
    let found = text.lines().enumerate().filter(|(_, line)| line.contains(part));
    let found: Vec<_> = found.map(|(index, line)| numbered(index, line)).collect();
    let more = found.len().saturating_sub(3);
    let mut lines = found.get(..3).unwrap_or(&found).join("\n");
    if more > 0 {
        lines.push_str(&format!("\n… {more} more lines"));
    }
    (!found.is_empty()).then_some(lines)
}

fn numbered(index: usize, line: &str) -> String {
    format!("line {}: {}", index + 1, quoted(line))
}

impl<T: AsRef<str>> Subject<T> {
    /// The text without the white space around it, such as the newline that ends a command's
    /// output.
    ///
    /// ```
    /// # use fwtest::expect;
    /// expect!("router\n").trimmed().eq("router");
    /// ```
    #[must_use = "without a matcher nothing is checked"]
    pub fn trimmed(self) -> Subject<String> {
        self.part(".trimmed()", |text| Ok(text.as_ref().trim().to_owned()))
    }

    /// Is `part` in it? An empty one fails: it is in every text.
    pub fn contains(self, part: impl Into<String>) -> Self {
        self.text(&contains(part))
    }

    /// Is `part` nowhere in it?
    pub fn lacks(self, part: impl Into<String>) -> Self {
        self.text(&lacks(part))
    }

    /// Does the regular expression `pattern` match somewhere in it? See [`TextMatcher::Matches`].
    ///
    /// ```
    /// # use fwtest::expect;
    /// expect!("eth0\nwlan0\n").matches("(?m)^wlan[0-9]$");
    /// ```
    pub fn matches(self, pattern: impl Into<String>) -> Self {
        self.text(&matches(pattern))
    }

    /// Is one of its lines `line`?
    pub fn line(self, line: impl Into<String>) -> Self {
        self.text(&TextMatcher::Line(line.into()))
    }

    /// Is there nothing in it, not even white space?
    pub fn is_empty(self) -> Self {
        self.text(&TextMatcher::Empty)
    }

    fn text(self, matcher: &TextMatcher) -> Self {
        self.holds(|text| matcher.check(text.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{TextMatcher, contains, equals, lacks, matches};
    use crate::expect;
    use crate::expect::report;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnobody:x:99:99::/:/bin/false\n";

    #[test]
    fn what_holds_passes() {
        expect!(PASSWD).contains("/root").lacks("toor").line("nobody:x:99:99::/:/bin/false");
        expect!(PASSWD.to_owned()).matches("(?m)^nobody:").matches(r"\d+:99");
        expect!(Cow::from("\n")).trimmed().is_empty();
        expect!("a\r\nb").line("a").line("b");
        expect!("").lacks("a").is_empty();
    }

    #[test]
    fn what_does_not_hold_fails() {
        insta::assert_snapshot!(report::of(|| expect!(PASSWD).contains("Nobody")), @r#"
        expect!(PASSWD) at tests/web.rs:9:5
          expected  contains "Nobody"
          actual    | root:x:0:0:root:/root:/bin/sh
                    | nobody:x:99:99::/:/bin/false
          nearest   line 2: "nobody:x:99:99::/:/bin/false"
        "#);
        insta::assert_snapshot!(report::of(|| expect!("OpenWrt").contains("router")), @r#"
        expect!("OpenWrt") at tests/web.rs:9:5
          expected  contains "router"
          actual    "OpenWrt"
        "#);
        insta::assert_snapshot!(report::of(|| expect!(PASSWD).lacks("x:")), @r#"
        expect!(PASSWD) at tests/web.rs:9:5
          expected  lacks "x:"
          actual    line 1: "root:x:0:0:root:/root:/bin/sh"
                    line 2: "nobody:x:99:99::/:/bin/false"
        "#);
        insta::assert_snapshot!(report::of(|| expect!("panic").lacks("panic")), @r#"
        expect!("panic") at tests/web.rs:9:5
          expected  lacks "panic"
          actual    "panic"
        "#);
        insta::assert_snapshot!(report::of(|| expect!(PASSWD).line("nobody:x:99:99::/:/bin/true")), @r#"
        expect!(PASSWD) at tests/web.rs:9:5
          expected  has the line "nobody:x:99:99::/:/bin/true"
          actual    | root:x:0:0:root:/root:/bin/sh
                    | nobody:x:99:99::/:/bin/false
          nearest   line 2: "nobody:x:99:99::/:/bin/false"
        "#);
        insta::assert_snapshot!(report::of(|| expect!(PASSWD).matches("^Nobody")), @"
        expect!(PASSWD) at tests/web.rs:9:5
          expected  matches `^Nobody`
          actual    | root:x:0:0:root:/root:/bin/sh
                    | nobody:x:99:99::/:/bin/false
        ");
        insta::assert_snapshot!(report::of(|| expect!("\n").is_empty()), @r#"
        expect!("\n") at tests/web.rs:9:5
          expected  is empty
          actual    "\n"
        "#);
        insta::assert_snapshot!(report::of(|| expect!(" a ").trimmed().eq("b")), @r#"
        expect!(" a ").trimmed() at tests/web.rs:9:5
          expected  "b"
          actual    "a"
        "#);
    }

    #[test]
    fn what_any_text_would_pass_fails() {
        insta::assert_snapshot!(report::of(|| expect!("a").contains("")), @r#"
        expect!("a") at tests/web.rs:9:5
          expected  contains ""
          actual    not evaluated: any text does
        "#);
        insta::assert_snapshot!(report::of(|| expect!("a").matches("")), @r#"
        expect!("a") at tests/web.rs:9:5
          expected  matches ``
          actual    not evaluated: any text does
        "#);
        assert!(lacks("").check("").is_err());
    }

    #[test]
    fn a_pattern_that_is_none_fails() {
        insta::assert_snapshot!(report::of(|| expect!("a(b").matches("a(b")), @r#"
        expect!("a(b") at tests/web.rs:9:5
          expected  matches `a(b`
          actual    not evaluated: bad regular expression `a(b`: unclosed group
        "#);
    }

    #[test]
    fn a_line_end_that_is_not_wanted_is_seen() {
        assert!(lacks("\n").check("a\nb").is_err());
    }

    #[test]
    fn a_matcher_says_what_it_wants() {
        let line = TextMatcher::Line("a".into());
        let all = [equals("a"), contains("a"), lacks("a"), matches("a"), line, TextMatcher::Empty];
        let all: Vec<_> = all.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(all.join("\n"), @r#"
        is "a"
        contains "a"
        lacks "a"
        matches `a`
        has the line "a"
        is empty
        "#);
    }
}
