//! Text and its changes, indented, within limits.

use std::fmt::Write;

use similar::{ChangeTag, TextDiff};

use super::line::digest;

/// How much of a text a snapshot shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Unchanged lines on either side of a change.
    pub(super) context: usize,
    pub(super) lines: usize,
    /// Characters of a line.
    pub(super) width: usize,
}

/// Lines that differ, beyond which the time for a small hunk isn't worth it: it grows with their
/// square.
const TOO_MANY: usize = 4000;

/// Lines to show below a change.
pub(super) struct Shown {
    lines: Vec<String>,
    /// Whether some of them are longer than they are shown.
    cut: bool,
}

/// A new file's text, each line as added.
pub(super) fn added(text: &str, limits: Limits) -> Shown {
    let mut shown = Shown { lines: Vec::new(), cut: false };
    for line in lines_of(text) {
        shown.push('+', line, limits.width);
    }
    shown
}

/// What became of a text as a unified diff. `None` where it is another text altogether.
pub(super) fn changed(before: &str, after: &str, limits: Limits) -> Option<Shown> {
    let (before, after) = (lines_of(before), lines_of(after));
    if differing(&before, &after) > TOO_MANY {
        return None;
    }
    let diff = TextDiff::from_slices(&before, &after);
    let mut shown = Shown { lines: Vec::new(), cut: false };
    for group in diff.grouped_ops(limits.context) {
        if let (Some(first), Some(last)) = (group.first(), group.last()) {
            let old = range(first.old_range().start, last.old_range().end);
            let new = range(first.new_range().start, last.new_range().end);
            shown.lines.push(format!("@@ -{old} +{new} @@"));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            shown.push(sign, change.value(), limits.width);
        }
    }
    Some(shown)
}

impl Shown {
    fn push(&mut self, sign: char, line: &str, width: usize) {
        let (line, ended) = match line.strip_suffix('\n') {
            Some(line) => (line, true),
            None => (line, false),
        };
        // insta takes `\r\n` for `\n`, and a terminal acts on an escape.
        let mut line = line.replace('\r', "␍").replace('\x1b', "␛");
        if let Some((end, _)) = line.char_indices().nth(width) {
            line.truncate(end);
            line.push('…');
            self.cut = true;
        }
        self.lines.push(format!("{sign}{line}"));
        if !ended {
            self.lines.push("\\ no newline at end of file".to_owned());
        }
    }

    /// What is left out is pinned by the digest of the whole.
    pub(super) fn write(&self, out: &mut String, sha1: &[u8; 20], limits: Limits) {
        // A line that says one line is missing would be as long as that line.
        let all = self.lines.len() <= limits.lines + 1;
        let shown = if all { self.lines.len() } else { limits.lines };
        for line in &self.lines[..shown] {
            indent(out, line);
        }
        if !all {
            let more = self.lines.len() - shown;
            indent(out, &format!("… {more} more lines ({})", digest(sha1)));
        } else if self.cut {
            indent(out, &format!("… cut lines ({})", digest(sha1)));
        }
    }
}

/// One line of detail.
pub(super) fn indent(out: &mut String, line: &str) {
    // An unchanged empty line is a blank and nothing else, which editors like to remove.
    match line {
        " " => out.push('\n'),
        line => writeln!(out, "    {line}").expect("a String takes everything"),
    }
}

/// Ended by `\n` alone, so that the `\r` of a DOS text stays in sight.
fn lines_of(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// `3,2`, counted from 1; an empty range counts from the line before it, as diff(1) has it.
fn range(start: usize, end: usize) -> String {
    match end - start {
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        length => format!("{},{length}", start + 1),
    }
}

/// Lines left when those that both begin and end with are taken away.
fn differing(before: &[&str], after: &[&str]) -> usize {
    let same_start = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let (before, after) = (&before[same_start..], &after[same_start..]);
    let same_end = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
    before.len() + after.len() - 2 * same_end
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { context: 1, lines: 4, width: 12 };

    fn hunks(before: &str, after: &str) -> String {
        let mut out = String::new();
        changed(before, after, LIMITS).unwrap().write(&mut out, &[0xab; 20], LIMITS);
        out
    }

    #[test]
    fn a_change_shows_as_a_hunk() {
        insta::assert_snapshot!(hunks("a\nb\n\nd\n", "a\nb\n\nD\n"), @"
            @@ -3,2 +3,2 @@

            -d
            +D
        ");
        insta::assert_snapshot!(hunks("", "one\r\ntwo"), @r"
        @@ -0,0 +1,2 @@
        +one␍
        +two
        \ no newline at end of file
        ");
        insta::assert_snapshot!(hunks("a\n", ""), @"
            @@ -1 +0,0 @@
            -a
        ");
    }

    #[test]
    fn what_is_too_much_is_counted_and_pinned() {
        let text = |lines: usize| (0..lines).map(|n| format!("{n}\n")).collect::<String>();
        insta::assert_snapshot!(hunks("", &text(5)), @"
            @@ -0,0 +1,5 @@
            +0
            +1
            +2
            … 2 more lines (sha1:abababababab)
        ");
        insta::assert_snapshot!(hunks("", "0123456789äöüßabcdef\n"), @"
        @@ -0,0 +1 @@
        +0123456789äö…
        … cut lines (sha1:abababababab)
        ");
        assert!(changed(&text(5000), "another", LIMITS).is_none());
        assert!(changed(&text(5000), &text(5001), LIMITS).is_some());
    }
}
