//! Text to suite: the keys of the file, and what only a look at all of it shows.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_spanned::Spanned;

use super::{PlacedStep, Step, Suite, Test};
use crate::toml_error::{Source, TomlError};
use crate::value::{OneOrMany, duration, table};

pub(super) fn parse(source: Source) -> Result<Suite, TomlError> {
    let Keys { firmware, test: written } = source.parse()?;
    if written.is_empty() {
        let hint = "a test begins with the line `[[test]]`".to_owned();
        return Err(source.error(None, "it has no tests", Some(hint)));
    }
    let mut lines = HashMap::new();
    let mut tests = Vec::with_capacity(written.len());
    for TestKeys { name, timeout, ignore, steps } in written.into_iter().map(|test| test.0) {
        let error = |span, message: String, hint: &str| {
            Err(source.error(Some(span), message, Some(hint.to_owned())))
        };
        let (line, span) = (source.line(name.span().start), name.span());
        let name = name.into_inner();
        if !is_name(&name) {
            let hint = "a name is made of letters, digits, `_` and `-`";
            return error(span, format!("`{}` cannot name a test", name.escape_debug()), hint);
        }
        if let Some(first) = lines.insert(name.clone(), line) {
            let message = format!("two tests are named `{name}`");
            return error(span, message, &format!("the first is at line {first}"));
        }
        if let Some(reason) = ignore.as_ref().filter(|reason| reason.get_ref().trim().is_empty()) {
            let hint = "say why: `ignore = \"needs the new boot loader\"`";
            return error(reason.span(), "no reason to ignore the test".to_owned(), hint);
        }
        if steps.get_ref().is_empty() {
            let hint = "`{ wait = { port = \"tcp:80\" } }` is one";
            return error(steps.span(), format!("test `{name}` has no steps"), hint);
        }
        let mut snapshots = HashMap::new();
        for step in steps.get_ref() {
            if let Step::Snapshot(snapshot) = step.get_ref()
                && let Some(first) = snapshots.insert(snapshot, step.span())
            {
                let message = format!("two snapshots of test `{name}` are named `{}`", snapshot.0);
                let hint = format!("the first is at line {}", source.line(first.start));
                return error(step.span(), message, &hint);
            }
        }
        let steps = steps.into_inner().into_iter().map(|step| PlacedStep {
            line: source.line(step.span().start),
            step: step.into_inner(),
        });
        let (ignore, steps) = (ignore.map(Spanned::into_inner), steps.collect());
        tests.push(Test { name, line, timeout, ignore, steps });
    }
    Ok(Suite { source, tests, firmware })
}

/// What names a test or a snapshot: it becomes a part of file names and of `firmware::file::test`.
pub(super) fn is_name(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !text.is_empty() && text.bytes().all(letter)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    firmware: Option<Spanned<OneOrMany>>,
    #[serde(default)]
    test: Vec<TestTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestKeys {
    name: Spanned<String>,
    #[serde(default = "default_timeout", deserialize_with = "duration")]
    timeout: Duration,
    ignore: Option<Spanned<String>>,
    steps: Spanned<Vec<Spanned<Step>>>,
}

struct TestTable(TestKeys);

impl<'de> Deserialize<'de> for TestTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        table(deserializer).map(Self)
    }
}

fn default_timeout() -> Duration {
    Duration::from_secs(30)
}
