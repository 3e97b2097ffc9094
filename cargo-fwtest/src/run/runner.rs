use std::time::Instant;

use fwtest::runner::event::{Event, Outcome};
use rustix::process::Signal;

use super::batch::{Batch, End};
use super::child::{Child, Happened};
use super::events::BadEvent;
use super::settings::Settings;
use super::signals::Signals;
use super::tally::{Finished, Tally, Verdict};
use crate::engine::Launcher;
use crate::error::Error;
use crate::report::Report;
use crate::select::Selection;
use crate::source::Source;

/// The process that makes instances. To be had before signals are caught, whose ordinary meaning it
/// keeps.
pub fn launcher() -> Result<Launcher, Error> {
    let launcher = Launcher::start().map_err(Error::Launcher)?;
    launcher.ready().map_err(Error::Launcher)?;
    Ok(launcher)
}

/// Runs what was selected, source by source, and reports each result as it comes.
pub fn run(
    sources: &[Source],
    selection: &Selection,
    settings: &Settings,
    launcher: Launcher,
    report: &mut Report,
) -> Result<Tally, Error> {
    let begin = Instant::now();
    let signals = Signals::catch().map_err(Error::os("catch", "signals"))?;
    let tally = Tally { skipped: selection.skipped.len(), ..Tally::default() };
    let mut run = Run { settings, launcher, signals, report, tally, stop: false };

    run.report.begin(selection);
    for test in &selection.skipped {
        run.report.skipped(&test.name).map_err(Error::Output)?;
    }
    for (number, source) in sources.iter().enumerate() {
        let ours = selection.run.iter().filter(|test| test.source == number);
        run.source(source, ours.map(|test| test.name.clone()).collect())?;
    }
    // What is left of the run ends before it does: whoever waits for us may remove the firmware.
    let ended = run.launcher.end();
    if run.tally.fault.is_none() {
        run.tally.fault = ended.err().map(Error::Launcher);
    }
    run.tally.elapsed = begin.elapsed();
    Ok(run.tally)
}

struct Run<'a> {
    settings: &'a Settings,
    launcher: Launcher,
    signals: Signals,
    report: &'a mut Report,
    tally: Tally,
    /// No further test begins.
    stop: bool,
}

impl Run<'_> {
    /// Runs `tests` in as many children as it takes: each that dies takes at least one of them.
    fn source(&mut self, source: &Source, mut tests: Vec<String>) -> Result<(), Error> {
        while !tests.is_empty() && !self.stop {
            let mut batch = Batch::new(tests);
            let mut child = Child::start(source, batch.waiting(), self.settings, &self.launcher)?;
            let status = loop {
                let patience = self.report.tick();
                match child.next(&self.signals, patience)? {
                    Happened::Event(event) => self.event(event, &mut batch, &child)?,
                    Happened::BadEvent(bad) => self.bad_event(bad, &child, source),
                    Happened::Signal(signal) => self.signal(signal, &child),
                    Happened::Nothing => {}
                    Happened::Ended(status) => break status,
                }
            };
            if self.stop {
                // It was told to end, so what it left unfinished has not failed.
                self.tally.not_run += batch.unfinished();
                return Ok(());
            }
            let unfinished = batch.unfinished();
            let (name, output) = (source.name.clone(), child.last_words());
            let fault = match batch.end(status, &output) {
                End::Whole => return Ok(()),
                End::Died { failed, rest } => {
                    for finished in failed {
                        self.finished(finished)?;
                    }
                    tests = rest;
                    self.stop |= self.settings.fail_fast;
                    continue;
                }
                End::NotSetUp => Error::SetUp { name, status, output },
                End::Unclean => Error::Unclean { name, status, output },
            };
            self.tally.not_run += unfinished;
            self.tally.fault = Some(fault);
            self.stop = true;
            return Ok(());
        }
        self.tally.not_run += tests.len();
        Ok(())
    }

    fn event(&mut self, event: Event, batch: &mut Batch, child: &Child<'_>) -> Result<(), Error> {
        match event {
            Event::Layers { text } => self.report.layers(text),
            Event::Started { test } => {
                if batch.start(&test) {
                    self.report.started(test);
                }
            }
            Event::Finished { test, outcome, seconds, kept } => {
                if !batch.finish(&test, &outcome) {
                    return Ok(());
                }
                let verdict = match outcome {
                    Outcome::Passed => Verdict::Passed,
                    Outcome::Failed { report } => Verdict::Failed { report },
                };
                let failed = verdict != Verdict::Passed;
                self.finished(Finished { test, verdict, seconds, kept })?;
                if failed && self.settings.fail_fast && !self.stop {
                    self.stop = true;
                    child.signal(Signal::TERM);
                }
            }
        }
        Ok(())
    }

    fn bad_event(&mut self, bad: BadEvent, child: &Child<'_>, source: &Source) {
        let BadEvent { line, source: cause } = bad;
        let name = source.name.clone();
        self.tally.fault = Some(Error::Event { name, line, source: cause });
        self.stop = true;
        child.signal(Signal::KILL);
    }

    fn finished(&mut self, finished: Finished) -> Result<(), Error> {
        self.report.finished(&finished).map_err(Error::Output)?;
        self.tally.finished.push(finished);
        Ok(())
    }

    /// A terminal sends its signals to the child as well, but `kill` does not.
    fn signal(&mut self, signal: i32, child: &Child<'_>) {
        let again = self.tally.signal.replace(signal).is_some();
        self.stop = true;
        match Signal::from_named_raw(signal) {
            Some(signal) if !again => child.signal(signal),
            _ => child.signal(Signal::KILL),
        }
        self.report.interrupted();
    }
}
