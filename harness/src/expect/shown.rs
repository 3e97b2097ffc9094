//! How values look in a failure: whole where they are small, cut where they are not, and escaped,
//! so that no terminal obeys them.

use std::fmt;
use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use super::Mismatch;

/// So that a failure stays on one screen.
const LINES: usize = 24;
/// So that a line of a minified page does not fill it.
const COLUMNS: usize = 160;
/// A value whose `Debug` is longer than this is laid out over several lines.
const COMPACT: usize = 80;
/// Equal lines around each difference.
const CONTEXT: usize = 2;

/// `value` as its `Debug` has it; text of several lines is laid out in lines.
pub(super) fn shown(value: &(impl fmt::Debug + ?Sized)) -> String {
    Layout::of(value).render()
}

/// `wanted` against `actual`; with a diff where both have several lines.
pub(super) fn unequal(
    actual: &(impl fmt::Debug + ?Sized),
    wanted: &(impl fmt::Debug + ?Sized),
) -> Mismatch {
    let (mut actual, mut wanted) = (Layout::of(actual), Layout::of(wanted));
    if actual.lines.len() < 2 || wanted.lines.len() < 2 {
        return Mismatch::new(wanted.render(), actual.render());
    }
    let count = |layout: &Layout| format!("{} lines", layout.lines.len());
    let mut mismatch = Mismatch::new(count(&wanted), count(&actual));
    if actual.ended != wanted.ended {
        actual.mark_end();
        wanted.mark_end();
    }
    mismatch.diff = Some(diff(&wanted.lines, &actual.lines));
    mismatch
}

/// What `Debug` wrote, in lines without their newlines.
struct Layout {
    lines: Vec<String>,
    /// The value is text, and `lines` are its own.
    text: bool,
    /// The last line has a newline.
    ended: bool,
}

impl Layout {
    fn of(value: &(impl fmt::Debug + ?Sized)) -> Self {
        let debug = format!("{value:?}");
        match text_lines(&debug) {
            Some((lines, ended)) if lines.len() > 1 => Self { lines, text: true, ended },
            None if debug.len() > COMPACT => {
                let lines = format!("{value:#?}").lines().map(str::to_owned).collect();
                Self { lines, text: false, ended: true }
            }
            _ => {
                Self { lines: debug.lines().map(str::to_owned).collect(), text: false, ended: true }
            }
        }
    }

    /// Shows that there is no newline at the end.
    fn mark_end(&mut self) {
        if let (false, Some(last)) = (self.ended, self.lines.last_mut()) {
            last.push_str(" (no newline at the end)");
        }
    }

    fn render(&self) -> String {
        let mark = if self.text { "| " } else { "" };
        let lines = self.lines.iter().map(|line| format!("{mark}{}", cut(line)));
        head(lines, self.lines.len())
    }
}

/// The lines of the text whose `Debug` this is, and whether the last has a newline; `None` where
/// it is not the `Debug` of a text. Only newlines and quotes lose their escapes: control
/// characters stay visible.
///
/// From the `Debug`, because a value of any type that can be compared with a text may be one
/// (`&str`, `String`, `Cow<str>`), and stable Rust has no way to ask a type parameter.
fn text_lines(debug: &str) -> Option<(Vec<String>, bool)> {
    let inner = debug.strip_prefix('"')?.strip_suffix('"')?;
    let mut lines = vec![String::new()];
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        let line = lines.last_mut()?;
        match c {
            '"' => return None, // it ends before the end: two texts, or something else
            '\\' => match chars.next()? {
                'n' => lines.push(String::new()),
                '"' => line.push('"'),
                escaped => line.extend(['\\', escaped]),
            },
            _ => line.push(c),
        }
    }
    let ended = lines.last().is_some_and(String::is_empty);
    if ended {
        lines.pop();
    }
    Some((lines, ended))
}

fn diff(wanted: &[String], actual: &[String]) -> String {
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let actual: Vec<&str> = actual.iter().map(String::as_str).collect();
    // What takes longer than this is told a little less well, and still right.
    let diff =
        TextDiff::configure().timeout(Duration::from_millis(500)).diff_slices(&wanted, &actual);
    let mut lines = vec!["- expected, + actual".to_owned()];
    for group in diff.grouped_ops(CONTEXT) {
        if lines.len() > 1 || group.first().is_some_and(|op| op.old_range().start > 0) {
            lines.push("…".to_owned());
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines.push(format!("{sign} {}", cut(change.value())));
        }
    }
    if lines.len() == 1 {
        return "none in what `Debug` shows".to_owned();
    }
    let count = lines.len();
    head(lines.into_iter(), count)
}

/// The first lines, and how many there are beyond them.
fn head(lines: impl Iterator<Item = String>, count: usize) -> String {
    let mut text = lines.take(LINES).collect::<Vec<_>>().join("\n");
    if count > LINES {
        text.push_str(&format!("\n… {} more lines", count - LINES));
    }
    text
}

/// The beginning of a long line, and how much longer it is.
pub(super) fn cut(line: &str) -> String {
    match line.char_indices().nth(COLUMNS) {
        None => line.to_owned(),
        Some((end, _)) => {
            format!("{}… {} more characters", &line[..end], line[end..].chars().count())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, LINES, shown, text_lines, unequal};

    #[track_caller]
    fn check(text: &str, lines: &[&str], ended: bool) {
        let (found, end) = text_lines(&format!("{text:?}")).expect("it is a text");
        assert_eq!(
            (found.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), end),
            (lines, ended)
        );
    }

    #[test]
    fn a_text_is_known_by_its_debug() {
        check("", &[], true);
        check("a", &["a"], false);
        check("a\nb\n", &["a", "b"], true);
        check("a\n\nb", &["a", "", "b"], false);
        check("\"a\"\tb\r\n", &["\"a\"\\tb\\r"], true);
        check("C:\\new", &["C:\\\\new"], false); // no newline: a backslash and an n
        assert_eq!(text_lines(&format!("{:?}", 1)), None);
        assert_eq!(text_lines(r#""a", "b""#), None);
        assert_eq!(text_lines("\""), None);
    }

    #[test]
    fn what_is_long_is_cut() {
        assert_eq!(shown("a"), r#""a""#);
        assert_eq!(shown("a\n"), r#""a\n""#);
        assert_eq!(shown("a\nb\n"), "| a\n| b");
        assert!(shown(&"x".repeat(COLUMNS + 10)).ends_with("x… 12 more characters"));
        assert!(shown(&"x\n".repeat(LINES + 10)).ends_with("| x\n… 10 more lines"));
    }

    #[test]
    fn text_of_several_lines_has_a_diff() {
        let wanted = (0..20).map(|n| format!("line {n}\n")).collect::<String>();
        let actual = wanted.replace("line 7\n", "line seven\tand a half\n") + "line 20";
        insta::assert_snapshot!(unequal(&actual, &wanted), @r"
        expected  20 lines
        actual    21 lines
        diff      - expected, + actual
                  …
                    line 5
                    line 6
                  - line 7
                  + line seven\tand a half
                    line 8
                    line 9
                  …
                    line 18
                    line 19
                  + line 20 (no newline at the end)
        ");
    }

    #[test]
    fn a_missing_newline_is_told() {
        insta::assert_snapshot!(unequal("a\nb", "a\nb\n"), @"
        expected  2 lines
        actual    2 lines
        diff      - expected, + actual
                    a
                  - b
                  + b (no newline at the end)
        ");
    }

    #[test]
    fn so_has_a_value_that_is_long() {
        let (actual, wanted) = (vec![Some("a"); 12], vec![Some("b"); 12]);
        let wanted = [&actual[..1], &wanted[1..2], &actual[2..]].concat();
        insta::assert_snapshot!(unequal(&actual, &wanted), @r#"
        expected  38 lines
        actual    38 lines
        diff      - expected, + actual
                  …
                        ),
                        Some(
                  -         "b",
                  +         "a",
                        ),
                        Some(
        "#);
        insta::assert_snapshot!(unequal(&vec![f64::NAN; 24], &vec![f64::NAN; 24]), @"
        expected  26 lines
        actual    26 lines
        diff      none in what `Debug` shows
        ");
    }

    #[test]
    fn a_value_that_is_short_stays_on_its_line() {
        insta::assert_snapshot!(unequal(&vec![Some(1), None], &vec![Some(2), None]), @"
        expected  [Some(2), None]
        actual    [Some(1), None]
        ");
    }
}
