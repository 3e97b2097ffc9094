//! What the firmware said on its console.

use std::time::{Duration, Instant};

use super::{Instance, WaitError};
use crate::ready::{Awaited, Condition};
use crate::sandbox::AskError;
use crate::value::Pattern;

/// The console of an instance.
#[derive(Clone, Copy, Debug)]
pub struct Console<'a> {
    instance: &'a Instance,
}

impl Instance {
    /// What the firmware says on its console.
    #[must_use]
    pub fn console(&self) -> Console<'_> {
        Console { instance: self }
    }
}

impl Console<'_> {
    /// Everything since boot, with line ends as `\n`; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        self.instance.listen_to_log();
        String::from_utf8_lossy(&self.instance.transcript().text).into_owned()
    }

    /// Waits, for at most 10 s, until the console shows a match of the regular expression that no
    /// earlier `expect` has passed; gives what matched. So two expectations in a row see two things
    /// in that order.
    ///
    /// # Errors
    /// [`WaitError::Late`] at the time limit, with the console's last line; [`WaitError::Ended`],
    /// at once, when init ends.
    /// # Panics
    /// When `pattern` is no regular expression, for then the test is wrong and not the firmware.
    pub async fn expect(&self, pattern: &str) -> Result<String, WaitError> {
        self.expect_within(pattern, super::wait::LIMIT).await
    }

    /// The same with another time limit.
    ///
    /// # Errors
    /// As [`expect`](Self::expect).
    /// # Panics
    /// As [`expect`](Self::expect).
    pub async fn expect_within(&self, pattern: &str, limit: Duration) -> Result<String, WaitError> {
        let condition = crate::ready::log(pattern);
        let Awaited::Log(pattern) = &condition.awaited else { unreachable!("`log` makes one") };
        let start = Instant::now();
        loop {
            self.instance.listen_to_log();
            if let Some(found) = self.find(pattern) {
                return Ok(found);
            }
            if let Some(status) = self.instance.status() {
                return Err(WaitError::Ended { condition, status });
            }
            if self.instance.keeper_gone() {
                return Err(WaitError::Ask { condition, source: AskError::KeeperGone });
            }
            let left = limit.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(self.late(condition, limit));
            }
            let _ = tokio::time::timeout(left, self.instance.woken()).await;
        }
    }

    fn find(&self, pattern: &Pattern) -> Option<String> {
        let (text, end) = {
            let transcript = self.instance.transcript();
            let found = pattern.regex().find_at(&transcript.text, transcript.seen)?;
            (String::from_utf8_lossy(found.as_bytes()).into_owned(), found.end())
        };
        self.instance.mark_seen(end);
        Some(text)
    }

    fn late(&self, condition: Condition, limit: Duration) -> WaitError {
        let nearest = match self.instance.transcript().tail(1).pop() {
            Some(line) => format!("the console's last line is `{line}`"),
            None => "the console is empty".to_owned(),
        };
        WaitError::Late { condition, limit, nearest }
    }
}

/// Everything since boot, with line ends as `\n`, and when each piece came.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    pub(crate) text: Vec<u8>,
    /// Where in `text` a piece begins, and when it came.
    times: Vec<(usize, Duration)>,
    /// How far [`Console::expect`](super::Console::expect) has come.
    pub(crate) seen: usize,
}

impl Transcript {
    pub(crate) fn push(&mut self, at: Duration, bytes: &[u8]) {
        self.times.push((self.text.len(), at));
        // The terminal makes `\r\n` of `\n`; a piece may end between the two.
        for &byte in bytes {
            if byte == b'\n' && self.text.last() == Some(&b'\r') {
                self.text.pop();
            }
            self.text.push(byte);
        }
    }

    /// When the last piece came.
    pub(crate) fn last(&self) -> Option<Duration> {
        self.times.last().map(|(_, at)| *at)
    }

    /// How many lines there are.
    pub(crate) fn count(&self) -> usize {
        String::from_utf8_lossy(&self.text).lines().count()
    }

    /// The last lines, each with the time of its first byte: `+1.19s dnsmasq: …`.
    pub(crate) fn tail(&self, lines: usize) -> Vec<String> {
        let mut start = 0;
        let mut all = Vec::new();
        for line in self.text.split_inclusive(|byte| *byte == b'\n') {
            let piece = self.times.partition_point(|(offset, _)| *offset <= start);
            let at = self.times[piece.saturating_sub(1)].1;
            let text = String::from_utf8_lossy(line);
            let text = text.trim_end_matches(['\n', '\r']);
            // Bare, what controls a terminal would control the reader's.
            let text: String = text.chars().map(shown).collect();
            all.push(format!("+{:.2}s {text}", at.as_secs_f64()));
            start += line.len();
        }
        all.split_off(all.len().saturating_sub(lines))
    }
}

fn shown(c: char) -> String {
    if c.is_control() { c.escape_debug().to_string() } else { c.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_the_time_of_their_first_byte() {
        let mut transcript = Transcript::default();
        transcript.push(Duration::from_millis(10), b"one\r\ntw");
        transcript.push(Duration::from_millis(1200), b"o\r");
        transcript.push(Duration::from_millis(1300), b"\nit's\x1b[0m");
        assert_eq!(transcript.text, b"one\ntwo\nit's\x1b[0m");
        assert_eq!(transcript.tail(9), ["+0.01s one", "+0.01s two", "+1.30s it's\\u{1b}[0m"]);
        assert_eq!(transcript.tail(1), ["+1.30s it's\\u{1b}[0m"]);
        assert_eq!(transcript.count(), 3);
        assert_eq!(Transcript::default().tail(3), [] as [&str; 0]);
    }
}
