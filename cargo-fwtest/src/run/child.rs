use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{self, ExitStatus};
use std::time::Duration;

use fwtest::runner::event::{self, Event};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::FdFlags;
use rustix::process::{Pid, PidfdFlags, Signal};

use super::events::{BadEvent, Decoder};
use super::settings::Settings;
use super::signals::Signals;
use super::tail::Tail;
use crate::engine::Launcher;
use crate::error::Error;
use crate::source::Source;

/// A test binary that runs. Dropped before it has ended, it is killed.
pub struct Child<'a> {
    source: &'a Source,
    process: process::Child,
    /// Readable once it has ended.
    pidfd: OwnedFd,
    /// What its events, its standard output and its standard error come from, while they are open.
    pipes: Vec<(Stream, File)>,
    decoder: Decoder,
    happened: VecDeque<Happened>,
    output: Tail,
    errors: Tail,
    ended: Option<ExitStatus>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stream {
    Events,
    Output,
    Errors,
}

#[derive(Debug)]
pub enum Happened {
    Event(Event),
    /// It has said what is no event.
    BadEvent(BadEvent),
    /// One of [`Signals`] has come to this process.
    Signal(i32),
    /// Nothing, for as long as was given.
    Nothing,
    /// It has ended, and every event of it has been told.
    Ended(ExitStatus),
}

impl<'a> Child<'a> {
    /// Starts `source` with `tests` to run. The process must have one thread: between the loss of
    /// FD_CLOEXEC and the close, any child that another thread starts would inherit too.
    pub fn start(
        source: &'a Source,
        tests: &[String],
        settings: &Settings,
        launcher: &Launcher,
    ) -> Result<Child<'a>, Error> {
        let tests = tests_file(tests)?;
        let (events, write) = pipe().map_err(Error::os("make a pipe for", source.program()))?;
        let client =
            launcher.client().map_err(Error::os("reach the launcher for", source.program()))?;
        let inherited = [
            (event::EVENTS_FD, "", write),
            (event::LAUNCHER_FD, "", client),
            (event::TESTS_FILE, "/proc/self/fd/", tests),
        ];

        let mut command = source.command();
        settings.apply(&mut command);
        for (name, directory, descriptor) in &inherited {
            rustix::io::fcntl_setfd(descriptor, FdFlags::empty()).map_err(|errno| {
                Error::os("hand a descriptor to", source.program())(errno.into())
            })?;
            command.env(name, format!("{directory}{}", descriptor.as_raw_fd()));
        }
        let mut process = command.spawn().map_err(Error::os("run", source.program()))?;
        drop(inherited); // the child has them; with ours open too, the events would never end

        let mut pipes = vec![(Stream::Events, File::from(events))];
        let output = process.stdout.take().map(OwnedFd::from).map(File::from);
        let errors = process.stderr.take().map(OwnedFd::from).map(File::from);
        pipes.extend(output.map(|pipe| (Stream::Output, pipe)));
        pipes.extend(errors.map(|pipe| (Stream::Errors, pipe)));
        let pidfd = watch(&process, &pipes).map_err(Error::os("watch", source.program()))?;
        Ok(Child {
            source,
            process,
            pidfd,
            pipes,
            decoder: Decoder::default(),
            happened: VecDeque::new(),
            output: Tail::default(),
            errors: Tail::default(),
            ended: None,
        })
    }

    /// Waits for the next thing to happen, at most for `patience`.
    pub fn next(
        &mut self,
        signals: &Signals,
        patience: Option<Duration>,
    ) -> Result<Happened, Error> {
        loop {
            if let Some(happened) = self.happened.pop_front() {
                return Ok(happened);
            }
            if let Some(status) = self.ended {
                return Ok(Happened::Ended(status));
            }
            if !self
                .wait(signals, patience)
                .map_err(Error::os("wait for", self.source.program()))?
            {
                return Ok(Happened::Nothing);
            }
            self.happened.extend(signals.take().map(Happened::Signal));
            // First whether it has ended, then what it said: so nothing is said in between.
            self.ended =
                self.process.try_wait().map_err(Error::os("wait for", self.source.program()))?;
            self.read()?;
        }
    }

    /// What it wrote last, standard error before standard output.
    pub fn last_words(&self) -> String {
        match self.errors.text() {
            nothing if nothing.is_empty() => self.output.text(),
            errors => errors,
        }
    }

    pub fn signal(&self, signal: Signal) {
        // ESRCH is all that this can say: then it has ended, and that is told soon.
        let _ = rustix::process::pidfd_send_signal(&self.pidfd, signal);
    }

    /// Whether there was anything before `patience` ended.
    fn wait(&self, signals: &Signals, patience: Option<Duration>) -> io::Result<bool> {
        let readable = |descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN);
        let mut polled = vec![readable(self.pidfd.as_fd()), readable(signals.as_fd())];
        polled.extend(self.pipes.iter().map(|(_, pipe)| readable(pipe.as_fd())));
        let timeout = patience.map(Timespec::try_from).transpose().map_err(io::Error::other)?;
        match poll(&mut polled, timeout.as_ref()) {
            Ok(ready) => Ok(ready > 0),
            // A signal, most likely one of those that are waited for: look.
            Err(rustix::io::Errno::INTR) => Ok(true),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Takes what is in the pipes, without waiting for more.
    fn read(&mut self) -> Result<(), Error> {
        let mut buffer = [0; 64 * 1024];
        let mut at = 0;
        while let Some((stream, pipe)) = self.pipes.get_mut(at) {
            let stream = *stream;
            match pipe.read(&mut buffer) {
                Ok(0) => drop(self.pipes.remove(at)),
                Ok(count) => self.heard(stream, &buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => at += 1,
                Err(error) => return Err(Error::os("read from", self.source.program())(error)),
            }
        }
        Ok(())
    }

    fn heard(&mut self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Output => self.output.push(bytes),
            Stream::Errors => self.errors.push(bytes),
            Stream::Events => {
                let events = self.decoder.push(bytes).into_iter();
                self.happened.extend(events.map(|event| match event {
                    Ok(event) => Happened::Event(event),
                    Err(bad) => Happened::BadEvent(bad),
                }));
            }
        }
    }
}

impl Drop for Child<'_> {
    fn drop(&mut self) {
        if self.ended.is_none() {
            // Either may fail only because it has ended.
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

/// The names, a line each, in a file without a name of its own: a run that is killed leaves none.
fn tests_file(tests: &[String]) -> Result<OwnedFd, Error> {
    let write = || {
        let memfd = rustix::fs::memfd_create("fwtest-tests", rustix::fs::MemfdFlags::CLOEXEC)?;
        let mut file = File::from(memfd);
        let lines: String = tests.iter().map(|test| format!("{test}\n")).collect();
        file.write_all(lines.as_bytes())?;
        Ok(file.into())
    };
    write().map_err(Error::os("write the names of the tests to", "a memory file"))
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?)
}

fn watch(process: &process::Child, pipes: &[(Stream, File)]) -> io::Result<OwnedFd> {
    for (_, pipe) in pipes {
        // Of our end alone: the child's end is another open file.
        rustix::fs::fcntl_setfl(pipe, OFlags::NONBLOCK)?;
    }
    let pid = Pid::from_child(process);
    Ok(rustix::process::pidfd_open(pid, PidfdFlags::empty())?)
}
