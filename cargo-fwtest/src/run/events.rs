use fwtest::runner::event::Event;

/// Takes bytes as they come out of the pipe, and gives whole events.
#[derive(Debug, Default)]
pub struct Decoder {
    unfinished: Vec<u8>,
}

/// A line that is no event.
#[derive(Debug)]
pub struct BadEvent {
    pub line: String,
    pub source: serde_json::Error,
}

impl Decoder {
    /// A line that a killed child left unfinished is never told of.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Result<Event, BadEvent>> {
        self.unfinished.extend_from_slice(bytes);
        let Some(end) = self.unfinished.iter().rposition(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        let rest = self.unfinished.split_off(end + 1);
        let whole = std::mem::replace(&mut self.unfinished, rest);
        whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(decode).collect()
    }
}

fn decode(line: &[u8]) -> Result<Event, BadEvent> {
    serde_json::from_slice(line)
        .map_err(|source| BadEvent { line: String::from_utf8_lossy(line).into_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_survive_the_cuts_of_a_pipe() {
        let text =
            b"{\"event\":\"started\",\"test\":\"a\"}\n{\"event\":\"layers\",\"text\":\"b\"}\n";
        let expected = [Event::Started { test: "a".into() }, Event::Layers { text: "b".into() }];
        for cut in 0..text.len() {
            let mut decoder = Decoder::default();
            let mut events = decoder.push(&text[..cut]);
            events.extend(decoder.push(&text[cut..]));
            let events: Vec<Event> = events.into_iter().map(Result::unwrap).collect();
            assert_eq!(events, expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_line_that_is_no_event_is_told() {
        let found = Decoder::default().push(b"{\"event\":\"boiled\"}\n");
        assert_eq!(found[0].as_ref().unwrap_err().line, "{\"event\":\"boiled\"}");
    }
}
