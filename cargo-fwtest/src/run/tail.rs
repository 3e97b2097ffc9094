use std::collections::VecDeque;

/// The end of what a program wrote: a test that prints without end must not fill the memory.
#[derive(Debug, Default)]
pub struct Tail {
    bytes: VecDeque<u8>,
    /// Something was dropped from the front.
    cut: bool,
}

const KEPT_BYTES: usize = 64 * 1024;
const SHOWN_LINES: usize = 40;

impl Tail {
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let excess = self.bytes.len().saturating_sub(KEPT_BYTES);
        self.bytes.drain(..excess);
        self.cut |= excess > 0;
    }

    /// The last lines; the first says so if there were more.
    pub fn text(&self) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.trim_end().lines().collect();
        let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
        match self.cut || shown.len() < lines.len() {
            true => format!("[…]\n{}", shown.join("\n")),
            false => shown.join("\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept() {
        let mut tail = Tail::default();
        tail.push(b"one\ntwo\n");
        assert_eq!(tail.text(), "one\ntwo");
        tail.push("x".repeat(KEPT_BYTES).as_bytes());
        assert_eq!(tail.text(), format!("[…]\n{}", "x".repeat(KEPT_BYTES)));
        tail.push("\n\n".repeat(100).as_bytes());
        tail.push("line\n".repeat(SHOWN_LINES).as_bytes());
        assert_eq!(tail.text(), format!("[…]\n{}", ["line"; SHOWN_LINES].join("\n")));
    }
}
