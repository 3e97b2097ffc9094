//! Text to suite: the keys of the file, and what only a look at all of it shows.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_spanned::Spanned;

use super::step::Name;
use super::{PlacedStep, Step, Suite, Test};
use crate::toml_error::{Source, TomlError};
use crate::value::{OneOrMany, duration, table};

pub(super) fn parse(source: Source) -> Result<Suite, TomlError> {
    let Keys { firmware, test: written } = source.parse()?;
    if written.is_empty() {
        let hint = "a test begins with the line `[[test]]`".to_owned();
        return Err(source.error(None, "it has no tests", Some(hint)));
    }
    let mut tests: Vec<Test> = Vec::with_capacity(written.len());
    for TestTable(keys) in written {
        let span = keys.name.span();
        let test = read_test(&source, keys)?;
        if let Some(first) = tests.iter().find(|first| first.name == test.name) {
            let message = format!("two tests are named `{}`", test.name);
            let hint = format!("the first is at line {}", first.line);
            return Err(source.error(Some(span), message, Some(hint)));
        }
        tests.push(test);
    }
    Ok(Suite { source, tests, firmware })
}

fn read_test(source: &Source, keys: TestKeys) -> Result<Test, TomlError> {
    let TestKeys { name, timeout, ignore, steps } = keys;
    let error = |span, message: String, hint: &str| {
        Err(source.error(Some(span), message, Some(hint.to_owned())))
    };
    if !is_name(name.get_ref()) {
        let message = format!("`{}` cannot name a test", name.get_ref().escape_debug());
        return error(name.span(), message, "a name is made of letters, digits, `_` and `-`");
    }
    if let Some(reason) = ignore.as_ref().filter(|reason| reason.get_ref().trim().is_empty()) {
        let hint = "say why: `ignore = \"needs the new boot loader\"`";
        return error(reason.span(), "no reason to ignore the test".to_owned(), hint);
    }
    if steps.get_ref().is_empty() {
        let message = format!("test `{}` has no steps", name.get_ref());
        return error(steps.span(), message, "`{ wait = { port = \"tcp:80\" } }` is one");
    }
    let mut snapshots = HashMap::new();
    for step in steps.get_ref() {
        let line = source.line(step.span().start);
        if let Step::Snapshot(Name(snapshot)) = step.get_ref()
            && let Some(first) = snapshots.insert(snapshot, line)
        {
            let test = name.get_ref();
            let message = format!("two snapshots of test `{test}` are named `{snapshot}`");
            return error(step.span(), message, &format!("the first is at line {first}"));
        }
    }
    let place = |step: Spanned<Step>| PlacedStep {
        line: source.line(step.span().start),
        step: step.into_inner(),
    };
    Ok(Test {
        line: source.line(name.span().start),
        name: name.into_inner(),
        timeout,
        ignore: ignore.map(Spanned::into_inner),
        steps: steps.into_inner().into_iter().map(place).collect(),
    })
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
