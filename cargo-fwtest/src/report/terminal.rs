use std::io::{self, Write, stderr, stdout};
use std::time::Duration;

use super::bar::{Bar, TICK};
use super::paint::Paint;
use super::{problem, text};
use crate::cli::Color;
use crate::doctor::Finding;
use crate::error::Error;
use crate::run::{Finished, Tally};
use crate::select::Selection;

/// The two streams of a terminal, or of what stands in for one.
#[derive(Debug)]
pub struct Report {
    results: Paint,
    progress: Paint,
    /// While tests run, on a terminal that nobody else writes to.
    bar: Option<Bar>,
    shared: bool,
    layers: Option<String>,
}

impl Report {
    /// With `no_capture` the tests write to the same terminal.
    pub fn new(color: Color, no_capture: bool) -> Report {
        Report {
            results: Paint::new(color, &stdout()),
            progress: Paint::new(color, &stderr()),
            bar: None,
            shared: no_capture,
            layers: None,
        }
    }

    pub fn names(&mut self, selection: &Selection) -> io::Result<()> {
        let names = selection.run.iter().map(|test| format!("{}\n", test.name));
        self.result(&names.collect::<String>())
    }

    /// A text that was asked for.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.result(text)
    }

    pub fn findings(&mut self, findings: &[Finding]) -> io::Result<()> {
        self.result(&text::findings(findings, self.results))
    }

    pub fn begin(&mut self, selection: &Selection) {
        self.note(&text::begin(selection));
        self.bar = if self.shared { None } else { Bar::new(selection.run.len()) };
    }

    /// What protects the host; each child tells it, once is enough.
    pub fn layers(&mut self, layers: String) {
        if self.layers.as_ref() != Some(&layers) {
            self.note(&format!("layers: {layers}"));
            self.layers = Some(layers);
        }
    }

    pub fn started(&mut self, test: String) {
        if let Some(bar) = &mut self.bar {
            bar.started(test);
        }
    }

    pub fn finished(&mut self, finished: &Finished) -> io::Result<()> {
        if let Some(bar) = &mut self.bar {
            bar.finished(&finished.test);
        }
        self.result(&text::finished(finished, self.results))
    }

    pub fn skipped(&mut self, test: &str) -> io::Result<()> {
        self.result(&text::skipped(test, self.results))
    }

    pub fn interrupted(&mut self) {
        self.note("interrupted: waiting for the tests that run; once more kills them");
    }

    /// Draws what moves by itself; within the time that it returns it is due again.
    pub fn tick(&mut self) -> Option<Duration> {
        let bar = self.bar.as_ref()?;
        bar.tick();
        Some(TICK)
    }

    pub fn summary(&mut self, tally: &Tally) -> io::Result<()> {
        self.bar = None;
        self.result(&text::summary(tally, self.results))
    }

    pub fn error(&mut self, error: &Error) {
        self.bar = None;
        // Not even that it could not be told can be told.
        let _ = stderr().lock().write_all(problem::problem(error, self.progress).as_bytes());
    }

    /// Written at once and whole, so that a reader of a pipe sees every result as it comes.
    fn result(&mut self, text: &str) -> io::Result<()> {
        self.beside_the_bar(|| {
            let mut stdout = stdout().lock();
            stdout.write_all(text.as_bytes())?;
            stdout.flush()
        })
    }

    fn note(&mut self, line: &str) {
        // A run is worth more than a line about it.
        let _ = self.beside_the_bar(|| writeln!(stderr().lock(), "{line}"));
    }

    fn beside_the_bar<T>(&mut self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}
