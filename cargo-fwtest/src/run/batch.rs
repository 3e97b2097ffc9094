use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::time::Instant;

use fwtest::runner::event::Outcome;

use super::status::ended;
use super::tally::{Finished, Verdict};

/// The tests that one child was given, and how far it is with them.
#[derive(Debug, Default)]
pub struct Batch {
    waiting: Vec<String>,
    running: BTreeMap<String, Instant>,
    failed: bool,
    begun: bool,
}

impl Batch {
    pub fn new(tests: Vec<String>) -> Batch {
        Batch { waiting: tests, ..Batch::default() }
    }

    /// Whether it is one of ours that had not begun.
    pub fn start(&mut self, test: &str) -> bool {
        let Some(at) = self.waiting.iter().position(|name| name == test) else { return false };
        self.waiting.remove(at);
        self.begun = true;
        self.running.insert(test.to_owned(), Instant::now()).is_none()
    }

    /// Whether it is one of ours that had begun.
    pub fn finish(&mut self, test: &str, outcome: &Outcome) -> bool {
        self.failed |= *outcome != Outcome::Passed;
        self.running.remove(test).is_some()
    }

    pub fn waiting(&self) -> &[String] {
        &self.waiting
    }

    /// Those that have neither passed nor failed.
    pub fn unfinished(&self) -> usize {
        self.waiting.len() + self.running.len()
    }

    /// What the end of the child means.
    pub fn end(self, status: ExitStatus, output: &str) -> End {
        if !self.running.is_empty() {
            let failed = blame(&self.running, status, output);
            return End::Died { failed, rest: self.waiting };
        }
        if !self.begun && !status.success() {
            return End::NotSetUp;
        }
        if !self.waiting.is_empty() {
            let report = format!("the test binary {} before it ran{}", ended(status), said(output));
            return End::Died { failed: fail(self.waiting, 0.0, &report), rest: Vec::new() };
        }
        match status.success() || self.failed {
            true => End::Whole,
            false => End::Unclean,
        }
    }
}

#[derive(Debug, PartialEq)]
pub enum End {
    /// Every test of the batch has ended.
    Whole,
    /// So has it here, and none failed, but the child says that it did.
    Unclean,
    /// Not one test has begun.
    NotSetUp,
    /// These ended with the child; `rest` had not begun.
    Died { failed: Vec<Finished>, rest: Vec<String> },
}

fn blame(running: &BTreeMap<String, Instant>, status: ExitStatus, output: &str) -> Vec<Finished> {
    let others = match running.len() {
        1 => String::new(),
        count => format!(" (and {} more: each of them may be the cause)", count - 1),
    };
    let report = format!("the test binary {} while it ran{others}{}", ended(status), said(output));
    running
        .iter()
        .flat_map(|(name, since)| fail(vec![name.clone()], since.elapsed().as_secs_f64(), &report))
        .collect()
}

fn said(output: &str) -> String {
    match output {
        "" => String::new(),
        output => format!("; it had written\n\n{output}"),
    }
}

fn fail(tests: Vec<String>, seconds: f64, report: &str) -> Vec<Finished> {
    let finished = |test| Finished {
        test,
        verdict: Verdict::Failed { report: report.to_owned() },
        seconds,
        kept: None,
    };
    tests.into_iter().map(finished).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    const SEGFAULT: i32 = 11;
    const OK: i32 = 0;
    const ERROR: i32 = 1 << 8;

    /// `script`: `+a` starts, `-a` passes, `!a` fails.
    #[track_caller]
    fn check(script: &str, status: i32, expected: &str) {
        let mut batch = Batch::new(["a", "b", "c"].map(String::from).into());
        for word in script.split_whitespace() {
            let (verb, test) = word.split_at(1);
            let known = match verb {
                "+" => batch.start(test),
                "-" => batch.finish(test, &Outcome::Passed),
                _ => batch.finish(test, &Outcome::Failed { report: String::new() }),
            };
            assert!(known, "{word}");
        }
        let found = match batch.end(ExitStatus::from_raw(status), "") {
            End::Died { failed, rest } => {
                let reports = failed.iter().map(|finished| match &finished.verdict {
                    Verdict::Failed { report } => format!("{}: {report}", finished.test),
                    Verdict::Passed => unreachable!("nobody dies and passes"),
                });
                format!("{}; rest: {}", reports.collect::<Vec<_>>().join(", "), rest.join(" "))
            }
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn the_end_of_a_child_is_judged_by_how_far_it_was() {
        check("+a -a +b -b +c -c", OK, "Whole");
        check("+a -a +b !b +c -c", ERROR, "Whole");
        check("+a -a +b -b +c -c", SEGFAULT, "Unclean");
        check("", ERROR, "NotSetUp");
        check("", SEGFAULT, "NotSetUp");
        check(
            "+a -a +b",
            SEGFAULT,
            "b: the test binary was killed by SIGSEGV while it ran; rest: c",
        );
        check(
            "+a +b",
            ERROR,
            "a: the test binary ended with exit status 1 while it ran (and 1 more: each of them \
             may be the cause), b: the test binary ended with exit status 1 while it ran (and 1 \
             more: each of them may be the cause); rest: c",
        );
        check(
            "+a -a +b -b",
            OK,
            "c: the test binary ended with exit status 0 before it ran; rest: ",
        );
    }

    #[test]
    fn a_test_is_told_once() {
        let mut batch = Batch::new(vec!["a".into()]);
        assert!(!batch.start("b"), "never asked for");
        assert!(batch.start("a"));
        assert!(!batch.start("a"), "twice");
        assert!(batch.finish("a", &Outcome::Passed));
        assert!(!batch.finish("a", &Outcome::Passed), "twice");
    }
}
