//! A running firmware.

use std::cell::{Cell, Ref, RefCell};
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use tokio::io::unix::AsyncFd;

use super::mirror::Mirror;
use super::{Cause, Exec, ExitStatus, InstanceError, Request, Transcript};
use crate::attempt::{Attempt, Attempts, Class, Expected, Unexpected};
use crate::diff::Change;
use crate::firmware::Firmware;
use crate::sandbox::apparmor::{self, Sighting};
use crate::sandbox::{Happened, Sandbox, ToKeeper, sys};

/// A firmware that runs: its root file system under a fresh upper layer, and its own pid 1.
///
/// Everything that is asked of it is answered from outside; the firmware needs no shell, no server
/// and no tool for it. Dropping it ends it, and waits until nothing of it is left.
#[derive(Debug)]
pub struct Instance {
    firmware: Firmware,
    /// The program that is pid 1, links followed: what a graceful stop goes by.
    pub(super) program: crate::path::GuestPath,
    sandbox: Sandbox,
    wake: AsyncFd<OwnedFd>,
    /// The keeper's socket, which tells of its end.
    keeper: AsyncFd<OwnedFd>,
    log: RefCell<Log>,
    end_expected: Cell<bool>,
    /// The last boot that the test knows of.
    boots_expected: Cell<u32>,
    attempts_expected: Expected,
    start: Instant,
}

/// What the keeper has recorded, as far as it was read.
#[derive(Debug, Default)]
struct Log {
    transcript: Transcript,
    kernel: Transcript,
    attempts: Vec<Attempt>,
    /// What the keeper has recorded.
    recorded: Vec<Attempt>,
    /// What AppArmor saw, the same acts among them.
    sightings: Vec<Sighting>,
    /// When it booted again.
    reboots: Vec<Duration>,
    /// Classes of which there were more than are recorded.
    attempts_full: Vec<Class>,
    /// How often it has booted, once it has more than once.
    boots: u32,
    end: Option<(ExitStatus, Cause)>,
}

impl Log {
    /// One attempt for each act, whoever saw it.
    fn merged(&self, start: Instant) -> Vec<Attempt> {
        let witnessed = self.sightings.iter().map(|sighting| {
            let mut attempt = sighting.attempt(start);
            let before = self.reboots.iter().filter(|at| **at <= attempt.at).count();
            attempt.boot = u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1);
            attempt
        });
        apparmor::merge(&self.recorded, &witnessed.collect::<Vec<_>>())
    }
}

impl Instance {
    pub(super) fn new(
        firmware: Firmware,
        program: crate::path::GuestPath,
        sandbox: Sandbox,
        start: Instant,
    ) -> io::Result<Self> {
        let wake = sys::watch(sandbox.wake.try_clone()?)?;
        let keeper = sandbox.watch_keeper()?;
        Ok(Self {
            firmware,
            program,
            sandbox,
            wake,
            keeper,
            log: RefCell::default(),
            end_expected: Cell::new(false),
            boots_expected: Cell::new(1),
            attempts_expected: Expected::default(),
            start,
        })
    }

    /// The firmware, as fwtest.toml has it.
    #[must_use]
    pub fn firmware(&self) -> &Firmware {
        &self.firmware
    }

    /// How long it has been running.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.start.elapsed()
    }

    /// How init has ended; `None` while it runs.
    #[must_use]
    pub fn status(&self) -> Option<ExitStatus> {
        let status = self.ended_as();
        if status.is_some() {
            self.expect_end();
        }
        status
    }

    /// The same, for ourselves: the test has not been told.
    pub(super) fn ended_as(&self) -> Option<ExitStatus> {
        self.listen_to_log();
        self.log.borrow().end.map(|(status, _)| status)
    }

    /// Why it has ended; `None` while it runs.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.status().and_then(|_| self.cause_of_end())
    }

    /// The same, for ourselves: the test has not been told.
    pub(super) fn cause_of_end(&self) -> Option<Cause> {
        self.log.borrow().end.map(|(_, cause)| cause)
    }

    /// How often the instance has booted: 1, and one more each time that its firmware restarted it.
    /// Its root file system is the same all the time, with what was written to it.
    #[must_use]
    pub fn boots(&self) -> u32 {
        let boots = self.booted();
        self.boots_expected.set(self.boots_expected.get().max(boots));
        boots
    }

    /// The same, for ourselves: the test has not been told.
    fn booted(&self) -> u32 {
        self.listen_to_log();
        self.log.borrow().boots.max(1)
    }

    /// The number of the current boot, where the test neither waited for it nor was told.
    pub(crate) fn unexpected_boot(&self) -> Option<u32> {
        Some(self.booted()).filter(|boots| *boots > self.boots_expected.get())
    }

    /// The test knows that init ends, or has ended.
    pub(super) fn expect_end(&self) {
        self.end_expected.set(true);
    }

    /// How init has ended, where the test neither asked for that nor was told: on a board it would
    /// have been a kernel panic.
    pub(crate) fn unexpected_end(&self) -> Option<ExitStatus> {
        self.ended_as().filter(|_| !self.end_expected.get())
    }

    /// How init has ended, once it has; `None` where nobody tells of it within `limit`, or it is
    /// another boot's by now.
    pub(crate) async fn end_status(&self, limit: Duration) -> Option<ExitStatus> {
        let told = async {
            let boot = self.booted();
            loop {
                match self.status() {
                    None if !self.keeper_gone() && self.booted() == boot => self.woken().await,
                    status => return status,
                }
            }
        };
        tokio::time::timeout(limit, told).await.ok().flatten()
    }

    /// What the firmware has tried so far that would have reached past its sandbox, in the order in
    /// which it did.
    ///
    /// Each is recorded before the firmware has its answer: what a command has tried is there when the
    /// command has ended. For what the firmware may be about to try there is
    /// [`wait`](Self::wait) with [`attempt`](crate::ready::attempt).
    #[must_use]
    pub fn attempts(&self) -> Attempts {
        self.settle();
        Attempts::new(self.tried().clone(), self.attempts_expected.clone())
    }

    /// The test has asked for attempts of this class.
    pub(super) fn expect_attempt(&self, class: Class) {
        self.attempts_expected.add(class);
    }

    /// What was attempted, though neither fwtest.toml nor the test says so, where fwtest.toml wants
    /// that to fail.
    pub(crate) fn unexpected_attempts(&self) -> Vec<Attempt> {
        self.settle();
        let tried = self.tried();
        let unexpected = self.attempts_expected.unexpected(&tried, &self.firmware.attempts);
        unexpected.into_iter().cloned().collect()
    }

    /// Whether the test asks for attempts, or fwtest.toml wants them to fail it, where nobody could
    /// record any: then there being none says nothing.
    pub(crate) fn asks_in_vain(&self) -> bool {
        let strict = self.firmware.attempts.unexpected == Unexpected::Fail;
        !self.sandbox.is_recorded() && (strict || self.attempts_expected.needs_recorder())
    }

    /// Has the keeper record what is still on its way: what the firmware wrote to a file in pretence.
    pub(super) fn settle(&self) {
        // A keeper that is gone has recorded what there was.
        let _ = self.sandbox.ask(&ToKeeper::Settle);
        self.sandbox.catch_up();
    }

    /// The attempts that are recorded.
    pub(super) fn tried(&self) -> Ref<'_, Vec<Attempt>> {
        self.listen_to_log();
        Ref::map(self.log.borrow(), |log| &log.attempts)
    }

    /// A line for each class of which there were more than are recorded.
    pub(super) fn unrecorded(&self) -> Vec<String> {
        self.listen_to_log();
        let line = |class| format!("… and more of the class `{class}` than is recorded");
        self.log.borrow().attempts_full.iter().map(line).collect()
    }

    /// A command to run in the guest, with its arguments. No shell is in between.
    ///
    /// ```no_run
    /// # use fwtest::prelude::*;
    /// # async fn name(fw: &mut Instance) -> Result<()> {
    /// let name = fw.exec(["hostname"]).await?.success()?;
    /// expect!(name.stdout()).trimmed().eq("router");
    /// # Ok(()) }
    /// ```
    pub fn exec<S: Into<OsString>>(&self, argv: impl IntoIterator<Item = S>) -> Exec<'_> {
        Exec::new(self, argv.into_iter().map(Into::into).collect())
    }

    /// A request to an HTTP server of the guest: `http://router:8080/status` or `/status`. Whatever
    /// the host in the URL, it goes to this instance; the host is what the server is told.
    pub fn http(&self, url: impl Into<String>) -> Request<'_> {
        Request::new(self, url.into())
    }

    /// What the instance has changed in its root file system, by path.
    ///
    /// # Errors
    /// When the layers cannot be compared.
    pub fn changes(&self) -> Result<Vec<Change>, InstanceError> {
        let during = InstanceError::during("compare the instance's root file system");
        self.sandbox.changes().map_err(during)
    }

    /// Shows the instance what has changed in the firmware's directory on the host: what the kernel
    /// remembers of names there is let go.
    ///
    /// # Errors
    /// When overlayfs refuses.
    pub fn remount(&self) -> Result<(), InstanceError> {
        let during = InstanceError::during("remount the root file system");
        self.sandbox.ask(&ToKeeper::Remount).map(drop).map_err(during)
    }

    /// Ends the instance: every process of it, and with them its mounts, namespaces and layers.
    /// Dropping it does the same, but has nobody to tell what went wrong.
    ///
    /// # Errors
    /// When the keeper does not end within 10 s.
    pub fn close(self) -> Result<(), InstanceError> {
        self.sandbox.shut_down().map_err(InstanceError::during("end the instance"))
    }

    /// Shows the console on standard error while it is written, each line with `name` before it,
    /// for as long as the handle lives.
    pub(crate) fn mirror(&self, name: String) -> Mirror {
        Mirror::start(self.sandbox.second_log(), name)
    }

    pub(super) fn start_time(&self) -> Instant {
        self.start
    }

    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub(super) fn keeper_gone(&self) -> bool {
        self.sandbox.keeper_gone()
    }

    /// Takes over what the keeper has recorded since the last time.
    pub(super) fn listen_to_log(&self) {
        let mut log = self.log.borrow_mut();
        let seen = log.sightings.len();
        log.sightings.extend(self.sandbox.sightings());
        let mut news = log.sightings.len() > seen;
        // The log is a memory file of ours: reading it cannot fail but by a bug.
        for record in self.sandbox.log().read().unwrap_or_default() {
            match record.what {
                Happened::Console(bytes) => log.transcript.push(record.at, &bytes),
                Happened::KernelLog(bytes) => log.kernel.push(record.at, &bytes),
                Happened::ConsoleFull => {
                    log.transcript.push(record.at, b"\n[fwtest: the console is full]\n");
                }
                Happened::Attempt(attempt) => {
                    log.recorded.push(attempt.clone());
                    match log.sightings.is_empty() {
                        true => log.attempts.push(attempt),
                        false => news = true,
                    }
                }
                Happened::AttemptsFull(class) => log.attempts_full.push(class),
                Happened::Booted(boot) => {
                    log.boots = boot;
                    log.reboots.push(record.at);
                }
                Happened::Ended(status, cause) => log.end = Some((status, cause)),
            }
        }
        if news {
            log.attempts = log.merged(self.start);
        }
    }

    pub(super) fn transcript(&self) -> Ref<'_, Transcript> {
        Ref::map(self.log.borrow(), |log| &log.transcript)
    }

    pub(super) fn mark_seen(&self, position: usize) {
        self.log.borrow_mut().transcript.seen = position;
    }

    /// Waits for the next record, or for the end of the keeper, after which there is none.
    pub(super) async fn woken(&self) {
        tokio::select! {
            () = async {
                if let Ok(mut guard) = self.wake.readable().await {
                    // Never read: each record is an edge of its own, for everyone who waits.
                    guard.clear_ready();
                }
            } => {}
            () = self.keeper_ended() => {}
        }
    }

    async fn keeper_ended(&self) {
        while let Ok(mut guard) = self.keeper.readable().await {
            if guard.ready().is_read_closed() {
                return;
            }
            // An answer, and whoever asked reads it.
            guard.clear_ready();
        }
    }
}
