//! The tests that exist: what each source says with `--list`.

use std::collections::HashSet;
use std::process::{Child, Stdio};

use crate::engine::SuiteTest;
use crate::error::Error;
use crate::source::{Source, Tests};

#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// `firmware::file::test`.
    pub name: String,
    pub ignored: bool,
    /// Which of the sources runs it.
    pub source: usize,
}

/// The tests of every source. One that several have is the first one's.
pub fn list(sources: &[Source]) -> Result<Vec<Test>, Error> {
    let mut tests = Vec::new();
    let mut seen = HashSet::new();
    for (number, source) in sources.iter().enumerate() {
        let listed = match &source.tests {
            Tests::Known(tests) => tests.clone(),
            Tests::Asked => ask_for_tests(source)?,
        };
        for SuiteTest { name, ignored } in listed {
            if seen.insert(name.clone()) {
                tests.push(Test { ignored, name, source: number });
            }
        }
    }
    Ok(tests)
}

/// Asks twice, as nextest does: for all tests, and for the ignored ones alone.
fn ask_for_tests(source: &Source) -> Result<Vec<SuiteTest>, Error> {
    let (all, ignored) = (ask(source, &[])?, ask(source, &["--ignored"])?);
    let (all, ignored) = (names(source, all)?, names(source, ignored)?);
    let ignored: HashSet<String> = ignored.into_iter().collect();
    let test = |name: String| SuiteTest { ignored: ignored.contains(&name), name };
    Ok(all.into_iter().map(test).collect())
}

/// Starts it only, so that both questions are answered at the same time.
fn ask(source: &Source, more: &[&str]) -> Result<Child, Error> {
    source
        .command()
        .args(["--list", "--format", "terse"])
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::os("run", source.program()))
}

fn names(source: &Source, asked: Child) -> Result<Vec<String>, Error> {
    let answer = asked.wait_with_output().map_err(Error::os("wait for", source.program()))?;
    if !answer.status.success() {
        return Err(Error::List {
            name: source.name.clone(),
            status: answer.status,
            output: String::from_utf8_lossy(&answer.stderr).into_owned(),
        });
    }
    String::from_utf8_lossy(&answer.stdout)
        .lines()
        .map(|line| match line.strip_suffix(": test") {
            Some(name) => Ok(name.to_owned()),
            None => Err(Error::ListLine { name: source.name.clone(), line: line.to_owned() }),
        })
        .collect()
}
