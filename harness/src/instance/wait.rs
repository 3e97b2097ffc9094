//! Waiting for a condition, from outside.

use std::time::{Duration, Instant};

use super::{Instance, WaitError};
use crate::ready::{Awaited, Condition};
use crate::sandbox::AskError;

/// How long to wait where nobody says.
pub(super) const LIMIT: Duration = Duration::from_secs(10);
/// How often to look at what the kernel tells no event of: processes, files.
const POLL: Duration = Duration::from_millis(5);
/// The same for sockets, where a look takes 0.1 ms.
const POLL_SOCKETS: Duration = Duration::from_millis(2);

impl Instance {
    /// Waits until `condition` holds, for at most 10 s or what [`Condition::within`] says.
    ///
    /// Looks from outside: the firmware needs no tool for it and notices nothing. A TCP port counts
    /// once a socket listens in the instance's network namespace, a UDP port once one is bound. The
    /// kernel has no event for either, nor for processes and files: sockets are looked at every
    /// 2 ms (sock_diag(7)), the others every 5 ms (proc_pid_stat(5)). The console, attempts and restarts
    /// tell of themselves.
    ///
    /// # Errors
    /// - [`WaitError::Ended`], at once, when init ends; has its status.
    /// - [`WaitError::Late`], at the time limit; has what came nearest (the ports that *are* open).
    /// # Examples
    /// ```no_run
    /// # use std::time::Duration;
    /// # use fwtest::prelude::*;
    /// # async fn web(fw: &mut Instance) -> Result<(), WaitError> {
    /// fw.wait(port("tcp:80").within(Duration::from_secs(2))).await?;
    /// # Ok(()) }
    /// ```
    pub async fn wait(&self, condition: Condition) -> Result<(), WaitError> {
        let limit = condition.within.unwrap_or(LIMIT);
        self.wait_within(condition, limit).await
    }

    pub(super) async fn wait_within(
        &self,
        condition: Condition,
        limit: Duration,
    ) -> Result<(), WaitError> {
        let start = Instant::now();
        let ask = |source| WaitError::Ask { condition: condition.clone(), source };
        if let Awaited::Attempt(class) = condition.awaited {
            self.expect_attempt(class);
        }
        loop {
            // Before the look: what init did last, such as a reboot, is told before its end.
            let ended = self.ended_as();
            if self.holds(&condition.awaited).map_err(ask)? {
                return Ok(());
            }
            if let Some(status) = ended {
                self.expect_end();
                return Err(WaitError::Ended { condition, status });
            }
            if self.keeper_gone() {
                return Err(ask(AskError::KeeperGone));
            }
            let left = limit.saturating_sub(start.elapsed());
            if left.is_zero() {
                let nearest = self.nearest(&condition.awaited);
                return Err(WaitError::Late { condition, limit, nearest });
            }
            let nap = match condition.awaited {
                Awaited::Log(_) | Awaited::Attempt(_) | Awaited::Boot(_) => left,
                // Silence is measured from the last word on.
                Awaited::Quiet(length) => left.min(length.saturating_sub(self.silence())),
                Awaited::Port(_) => left.min(POLL_SOCKETS),
                Awaited::Process(_) | Awaited::File(_) => left.min(POLL),
            };
            // Woken by a new record, or by the clock where there is no event.
            let _ = tokio::time::timeout(nap, self.woken()).await;
        }
    }

    fn holds(&self, awaited: &Awaited) -> Result<bool, AskError> {
        Ok(match awaited {
            Awaited::Port(port) => {
                let open = self.ask_listening(false)?;
                open.0.iter().any(|listener| {
                    listener.protocol == port.protocol && listener.address.port() == port.number
                })
            }
            Awaited::Log(pattern) => pattern.is_match(&self.transcript().text),
            Awaited::Process(name) => {
                let processes = self.ask_processes()?;
                processes.0.iter().any(|process| process.state != 'Z' && process.is_named(name))
            }
            Awaited::File(path) => self.exists(path)?,
            Awaited::Quiet(length) => self.silence() >= *length,
            Awaited::Attempt(class) => self.tried().iter().any(|attempt| attempt.class() == *class),
            Awaited::Boot(number) => self.boots() >= *number,
        })
    }

    /// How long the console has been silent.
    fn silence(&self) -> Duration {
        let last = self.transcript().last().unwrap_or_default();
        self.uptime().saturating_sub(last)
    }

    /// What came nearest to what did not come.
    fn nearest(&self, awaited: &Awaited) -> String {
        let failed = |error: AskError| error.to_string();
        match awaited {
            Awaited::Port(_) => match self.ask_listening(true) {
                Ok(open) if open.0.is_empty() => "nothing listens".to_owned(),
                Ok(open) => format!("open are `{}`", super::listening::ports(&open).join("`, `")),
                Err(error) => failed(error),
            },
            Awaited::Process(_) => match self.ask_processes() {
                Ok(processes) => {
                    let names: Vec<_> =
                        processes.0.iter().map(|process| process.comm.as_str()).collect();
                    format!("running are `{}`", names.join("`, `"))
                }
                Err(error) => failed(error),
            },
            Awaited::Log(_) => match self.transcript().tail(1).pop() {
                Some(line) => format!("the console's last line is `{line}`"),
                None => "the console is empty".to_owned(),
            },
            Awaited::Quiet(_) => {
                format!("the console has been silent for {:.1?} only", self.silence())
            }
            Awaited::Attempt(_) => match self.tried().last() {
                Some(last) => format!("the last attempt is `{last}`"),
                None => "nothing was attempted".to_owned(),
            },
            Awaited::Boot(_) => format!("this is boot {}", self.boots()),
            Awaited::File(path) => match path.parent().map(|parent| self.exists(&parent)) {
                Some(Ok(false)) => "its directory does not exist either".to_owned(),
                _ => "it does not exist".to_owned(),
            },
        }
    }
}
