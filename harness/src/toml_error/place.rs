//! Where in a text, to be shown.

use std::ops::Range;
use std::path::Path;

/// Some words of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
    text: String,
    width: usize,
}

impl Place {
    pub(super) fn of(text: &str, span: Range<usize>) -> Self {
        let start = char_boundary(text, span.start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |length| start + length);
        let end = char_boundary(text, span.end).clamp(start, line_end);
        // What a terminal would obey is not printed. TOML allows no such character but a tab, so
        // it may be just what is wrong here.
        let printed = |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c };
        Self {
            line: 1 + before.matches('\n').count(),
            column: 1 + text[line_start..start].chars().count(),
            text: text[line_start..line_end].trim_end_matches('\r').chars().map(printed).collect(),
            width: text[start..end].trim_end().chars().count().max(1),
        }
    }

    pub(super) fn snippet(&self, path: &Path) -> String {
        let Self { line, column, text, width } = self;
        let gutter = " ".repeat(line.to_string().len());
        // A tab stays a tab, so that the caret stands where the terminal puts the word.
        let indent: String =
            text.chars().take(column - 1).map(|c| if c == '\t' { c } else { ' ' }).collect();
        let carets = "^".repeat(*width);
        format!(
            "{gutter}--> {}:{line}:{column}\n{gutter} |\n{line} | {text}\n{gutter} | {indent}{carets}",
            path.display()
        )
    }
}

/// The start of the character that the byte `index` is in, or the end of the text.
fn char_boundary(text: &str, index: usize) -> usize {
    let index = index.min(text.len());
    (0..=index).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0)
}
