//! What an instance said and what became of it: a file that its keeper appends to and the harness
//! reads. It outlives both the keeper and a harness that does not look for a while.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::attempt::{Attempt, Class};
use crate::instance::{Cause, ExitStatus};

/// Where the console's record ends, and the instance goes on.
const CONSOLE_LIMIT: u64 = 64 << 20;
/// The same for the attempts of each class: some ten thousand. Of each, so that a flood of one hides
/// none of another.
const ATTEMPTS_LIMIT: u64 = 4 << 20;

/// Something that happened, and when: since init was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) at: Duration,
    pub(crate) what: Happened,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Happened {
    /// Bytes on the console.
    Console(Vec<u8>),
    /// Bytes on /dev/kmsg.
    KernelLog(Vec<u8>),
    /// Nothing of the console is recorded from here on.
    ConsoleFull,
    /// The guest tried something.
    Attempt(Attempt),
    /// No attempt of this class is recorded from here on.
    AttemptsFull(Class),
    /// The instance has booted again, for the time with this number.
    Booted(u32),
    /// Init has ended, and no other comes.
    Ended(ExitStatus, Cause),
}

/// The keeper's end.
pub(crate) struct LogWriter {
    file: File,
    wake: OwnedFd,
    end: u64,
    start: Instant,
    /// Bytes of the consoles' records.
    console: u64,
    full: bool,
    /// Bytes of the records of each class of attempts.
    attempts: BTreeMap<Class, u64>,
}

impl LogWriter {
    pub(crate) fn new(file: OwnedFd, wake: OwnedFd) -> Self {
        let (file, start, attempts) = (file.into(), Instant::now(), BTreeMap::new());
        Self { file, wake, end: 0, start, console: 0, full: false, attempts }
    }

    /// The time since init was made.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Records something, as of now, and wakes the harness.
    pub(crate) fn record(&mut self, what: Happened) -> io::Result<()> {
        match what {
            Happened::Console(_) | Happened::KernelLog(_) => {
                if self.console <= CONSOLE_LIMIT {
                    self.console += self.append(what)?;
                } else if !std::mem::replace(&mut self.full, true) {
                    self.append(Happened::ConsoleFull)?;
                }
            }
            Happened::Attempt(attempt) => {
                let class = attempt.class();
                let used = self.attempts.get(&class).copied().unwrap_or(0);
                if used <= ATTEMPTS_LIMIT {
                    let used = used + self.append(Happened::Attempt(attempt))?;
                    self.attempts.insert(class, used);
                    if used > ATTEMPTS_LIMIT {
                        self.append(Happened::AttemptsFull(class))?;
                    }
                }
            }
            other => drop(self.append(other)?),
        }
        Ok(())
    }

    /// How many bytes it took.
    fn append(&mut self, what: Happened) -> io::Result<u64> {
        let body = postcard::to_stdvec(&Record { at: self.start.elapsed(), what })
            .map_err(io::Error::other)?;
        let length = u32::try_from(body.len()).map_err(io::Error::other)?;
        let mut framed = length.to_le_bytes().to_vec();
        framed.extend(body);
        self.file.write_all_at(&framed, self.end)?;
        self.end += framed.len() as u64;
        rustix::io::write(&self.wake, &1u64.to_ne_bytes())?;
        Ok(framed.len() as u64)
    }
}

/// The harness's end.
#[derive(Debug)]
pub(crate) struct LogReader {
    file: File,
    position: u64,
}

impl LogReader {
    pub(crate) fn new(file: OwnedFd) -> Self {
        Self { file: file.into(), position: 0 }
    }

    /// A reader of the same log, from its beginning.
    pub(crate) fn again(&self) -> io::Result<Self> {
        Ok(Self { file: self.file.try_clone()?, position: 0 })
    }

    /// What has been recorded since the last call. A record that is still being written waits for
    /// the next one.
    pub(crate) fn read(&mut self) -> io::Result<Vec<Record>> {
        let length = self.file.metadata()?.len();
        let fresh = usize::try_from(length.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; fresh];
        self.file.read_exact_at(&mut bytes, self.position)?;
        let mut records = Vec::new();
        let mut rest = bytes.as_slice();
        while let Some((length, tail)) = rest.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let Some(body) = tail.get(..length) else { break };
            records.push(postcard::from_bytes(body).map_err(io::Error::other)?);
            rest = &tail[length..];
        }
        self.position += (bytes.len() - rest.len()) as u64;
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::sample;

    fn log() -> (File, LogWriter, LogReader) {
        let file =
            File::from(rustix::fs::memfd_create("log", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
        let wake = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).unwrap();
        let reader = LogReader::new(file.try_clone().unwrap().into());
        let writer = LogWriter::new(file.try_clone().unwrap().into(), wake);
        (file, writer, reader)
    }

    /// A firmware that sets its clock all the time fills no memory, and what else it tries is told.
    #[test]
    fn a_flood_of_one_class_is_cut_off_and_hides_no_other() {
        let (_, mut writer, mut reader) = log();
        let one = 2 * ATTEMPTS_LIMIT / 100;
        let name = "x".repeat(usize::try_from(one).unwrap());
        let flood = Attempt { act: crate::attempt::Act::RemoveModule { name }, ..sample::clock() };
        for _ in 0..100 {
            writer.record(Happened::Attempt(flood.clone())).unwrap();
        }
        writer.record(Happened::Attempt(sample::sysrq())).unwrap();
        writer.record(Happened::Console(b"said".to_vec())).unwrap();
        let what: Vec<_> = reader.read().unwrap().into_iter().map(|record| record.what).collect();
        let recorded = what.iter().filter(|what| **what == Happened::Attempt(flood.clone()));
        assert_eq!(recorded.count(), 50);
        assert_eq!(
            what[50..],
            [
                Happened::AttemptsFull(Class::Modules),
                Happened::Attempt(sample::sysrq()),
                Happened::Console(b"said".to_vec()),
            ]
        );
    }

    #[test]
    fn records_are_read_once_and_whole() {
        let (file, mut writer, mut reader) = log();
        assert_eq!(reader.read().unwrap(), []);
        writer.record(Happened::Console(b"one".to_vec())).unwrap();
        writer.record(Happened::Ended(ExitStatus::Code(3), Cause::Exit)).unwrap();
        let what: Vec<_> = reader.read().unwrap().into_iter().map(|record| record.what).collect();
        assert_eq!(
            what,
            [Happened::Console(b"one".to_vec()), Happened::Ended(ExitStatus::Code(3), Cause::Exit)]
        );
        assert_eq!(reader.read().unwrap(), []);
        let end = writer.end;
        writer.record(Happened::Console(b"two".to_vec())).unwrap();
        file.set_len(writer.end - 1).unwrap();
        assert_eq!(reader.read().unwrap(), [], "half a record");
        assert_eq!(reader.position, end);
    }
}
