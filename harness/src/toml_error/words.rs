//! serde speaks to Rust programmers ("unknown field", "expected u8"); here its messages are put into
//! the words of a TOML file.

use crate::value::ValueError;

/// serde's message in the words of a TOML file, and the hint that goes with it.
pub(super) fn in_words_of_the_file(message: &str) -> (String, Option<String>) {
    if let Some((message, hint)) = ValueError::split(message) {
        return (message.to_owned(), Some(hint.to_owned()));
    }
    if let Some(unknown) = Unknown::read(message) {
        return (format!("unknown {} `{}`", unknown.kind, unknown.name), unknown.hint());
    }
    if let Some(name) = message.strip_prefix("missing field ") {
        return (format!("missing key {name}"), None);
    }
    // A word where a step stands, or something that is neither word nor table.
    if message.contains("unit variant") || message == "wanted string or table" {
        let hint = "write `{ stop = {} }` or `{ wait = { port = \"tcp:80\" } }`";
        return ("a step is a table".to_owned(), Some(hint.to_owned()));
    }
    if let Some((found, expected)) = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "))
    {
        return (format!("expected {}, found {}", plain_type(expected), plain_value(found)), None);
    }
    if message.starts_with("wanted exactly 1 element") {
        let hint = "write `{ wait = … }, { exec = … }`: a pair of braces for each step";
        return ("a step has exactly one key".to_owned(), Some(hint.to_owned()));
    }
    (message.to_owned(), None)
}

fn plain_type(expected: &str) -> &str {
    match expected {
        "u8" => "a number from 0 to 255",
        "u16" => "a number from 0 to 65535",
        "u32" | "u64" | "usize" => "a number from 0 up",
        "a boolean" => "`true` or `false`",
        "a sequence" => "an array",
        "a map" => "a table",
        expected if expected.starts_with("struct ") => "a table",
        expected if expected.starts_with("enum ") => "a table",
        expected => expected,
    }
}

fn plain_value(found: &str) -> &str {
    match found {
        "map" => "a table",
        "sequence" => "an array",
        found => found,
    }
}

/// A name that is none of those that could stand there.
struct Unknown<'m> {
    kind: &'m str,
    name: &'m str,
    known: Vec<&'m str>,
}

impl<'m> Unknown<'m> {
    /// Reads ``unknown field `x`, expected one of `a`, `b` ``.
    fn read(message: &'m str) -> Option<Self> {
        let (kind, rest) = message.strip_prefix("unknown ")?.split_once(" `")?;
        let (name, known) =
            rest.split_once("`, expected ").or_else(|| rest.split_once("`, there are no "))?;
        let kind = match kind {
            "field" => "key",
            // The kinds of steps are the only enum whose names are keys.
            "variant" => "step",
            other => other,
        };
        Some(Self { kind, name, known: known.split('`').skip(1).step_by(2).collect() })
    }

    fn hint(&self) -> Option<String> {
        if self.known.is_empty() {
            return Some(format!("no {} can stand here", self.kind));
        }
        did_you_mean(self.name, self.known.iter().copied()).or_else(|| {
            let known: Vec<_> = self.known.iter().map(|name| format!("`{name}`")).collect();
            Some(format!("known here: {}", known.join(", ")))
        })
    }
}

/// ``did you mean `timeout`?``, if one of `known` is near enough to `name`.
pub(crate) fn did_you_mean<'k>(
    name: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<String> {
    let spelled = name.to_lowercase().replace('_', "-");
    let distance = |known: &str| strsim::damerau_levenshtein(&spelled, &known.replace('_', "-"));
    let nearest = known.into_iter().min_by_key(|known| distance(known))?;
    // A third of a word wrong is a slip; more is another word.
    let near = distance(nearest) <= (name.chars().count() / 3).max(1);
    near.then(|| format!("did you mean `{nearest}`?"))
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[track_caller]
    fn check(name: &str, meant: Option<&str>) {
        let known = ["timeout", "name", "stdout-contains", "stdin"];
        let hint = meant.map(|meant| format!("did you mean `{meant}`?"));
        assert_eq!(did_you_mean(name, known), hint);
    }

    #[test]
    fn a_slip_is_recognised() {
        check("timout", Some("timeout"));
        check("Timeout", Some("timeout"));
        check("stdout_contains", Some("stdout-contains"));
        check("stdni", Some("stdin"));
        check("nane", Some("name"));
        check("privileges", None);
        check("x", None);
        check("", None);
    }
}
