//! The end of an instance.

use std::time::Duration;

use super::{Cause, ExitStatus, Instance, InstanceError};
use crate::sandbox::ToKeeper;

/// How long a firmware may take to shut down where nothing else is said.
const GRACE: Duration = Duration::from_secs(10);

/// How pid 1 ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Its exit status or the signal.
    pub status: ExitStatus,
    /// Whether it ended by itself; else it was killed when its time was up.
    pub graceful: bool,
    /// Why.
    pub cause: Cause,
}

/// What an init takes for "power off", by the name of its program.
const SIGNALS: &[(&str, i32)] = &[
    // init/init.c of busybox: SIGUSR1 halts, SIGUSR2 powers off, SIGTERM reboots.
    ("busybox", libc::SIGUSR2),
];

impl Instance {
    /// Asks the firmware to power off, waits for at most 10 s, and kills what is left then. The
    /// instance can still be looked at: its files, its changes, its console.
    ///
    /// The signal is `stop-signal` of fwtest.toml; without it the one that the firmware's init is
    /// known to take, else SIGTERM.
    ///
    /// # Errors
    /// When the keeper cannot be asked.
    pub async fn stop(&mut self) -> Result<Stopped, InstanceError> {
        self.stop_within(GRACE).await
    }

    /// The same with another time limit.
    ///
    /// # Errors
    /// When the keeper cannot be asked.
    pub async fn stop_within(&mut self, grace: Duration) -> Result<Stopped, InstanceError> {
        self.signal(self.stop_signal())?;
        let ended = tokio::time::timeout(grace, self.ended()).await;
        if let Ok(status) = ended {
            return Ok(self.stopped(status, true));
        }
        self.kill().await
    }

    /// Kills the firmware's pid 1, and with it everything in the instance.
    ///
    /// # Errors
    /// When the keeper cannot be asked.
    pub async fn kill(&mut self) -> Result<Stopped, InstanceError> {
        self.signal(libc::SIGKILL)?;
        let status = self.ended().await;
        Ok(self.stopped(status, false))
    }

    fn stopped(&self, status: ExitStatus, graceful: bool) -> Stopped {
        // A keeper that is gone has killed it.
        Stopped { status, graceful, cause: self.cause().unwrap_or(Cause::Exit) }
    }

    /// Waits until init has ended, however long that takes.
    pub async fn ended(&self) -> ExitStatus {
        loop {
            if let Some(status) = self.status() {
                return status;
            }
            if self.keeper_gone() {
                // It takes init along.
                return ExitStatus::Signal(libc::SIGKILL);
            }
            self.woken().await;
        }
    }

    /// Sends a signal to init, by its number: signal(7).
    ///
    /// # Errors
    /// When the keeper cannot be asked. An init that has ended is none.
    pub fn signal(&self, number: i32) -> Result<(), InstanceError> {
        self.expect_end();
        let during = InstanceError::during("send a signal to init");
        self.sandbox().ask(&ToKeeper::Signal(number)).map(drop).map_err(during)
    }

    fn stop_signal(&self) -> i32 {
        if let Some(signal) = self.firmware().stop_signal {
            return signal.0;
        }
        let program = self.program.as_bytes();
        let name = program.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let known = SIGNALS.iter().find(|(known, _)| known.as_bytes() == name);
        known.map_or(libc::SIGTERM, |(_, signal)| *signal)
    }
}
