//! What can go wrong with an instance. Each message says what was seen, not only what was wanted.

use std::io;
use std::time::Duration;

use super::{ExitStatus, Report};
use crate::ready::Condition;
use crate::sandbox::AskError;

/// An instance that did not come up.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The root file system cannot boot, and was not tried.
    #[error(transparent)]
    Preflight(#[from] crate::firmware::PreflightError),
    /// There is no launcher: the test binary has no `fwtest::main!()`, or could not make one.
    #[error("failed to start the launcher")]
    Launcher(#[source] io::Error),
    /// The host refused a step of it.
    #[error("failed to boot `{firmware}`")]
    Sandbox {
        /// Which firmware.
        firmware: String,
        /// What was refused.
        source: AskError,
    },
    /// It runs, but not as it should.
    #[error("`{firmware}` did not become ready: {source}")]
    NotReady {
        /// Which firmware.
        firmware: String,
        /// What it was waited for.
        source: Box<WaitError>,
        /// What it did meanwhile.
        report: Box<Report>,
    },
}

impl BootError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Preflight(error) => error.hint(),
            Self::Sandbox { source, .. } => source.hint(),
            Self::Launcher(_) => {
                Some("a test binary needs `fwtest::main!();` and `harness = false`".to_owned())
            }
            Self::NotReady { source, .. } if matches!(**source, WaitError::Ended { .. }) => Some(
                "its console may say why; is it the right program? `init` in fwtest.toml names \
                 another"
                    .to_owned(),
            ),
            Self::NotReady { .. } => Some(
                "raise `boot-timeout` in fwtest.toml, or mend `ready` or the firmware".to_owned(),
            ),
        }
    }

    /// What the firmware did until then, where it got that far.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        match self {
            Self::NotReady { report, .. } => Some(report),
            _ => None,
        }
    }
}

/// A condition that did not come true.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// Time is up.
    #[error("failed to see {condition} within {}: {nearest}", show(*limit))]
    Late {
        /// What was waited for.
        condition: Condition,
        /// For how long.
        limit: Duration,
        /// What came nearest: the ports that are open, the processes that run.
        nearest: String,
    },
    /// Init has ended, so that nothing will come any more.
    #[error("failed to see {condition}: init has ended ({status})")]
    Ended {
        /// What was waited for.
        condition: Condition,
        /// How it ended.
        status: ExitStatus,
    },
    /// The keeper did not answer.
    #[error("failed to look for {condition}")]
    Ask {
        /// What was waited for.
        condition: Condition,
        /// Why.
        source: AskError,
    },
}

/// A command that could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// It could not be started.
    #[error("failed to run `{command}`")]
    Start {
        /// What was to be run.
        command: String,
        /// Why.
        source: AskError,
    },
    /// Init has ended, and with it everything that ran.
    #[error("failed to run `{command}`: init has ended ({status})")]
    Ended {
        /// What was to be run.
        command: String,
        /// How init ended.
        status: ExitStatus,
    },
    /// No such user.
    #[error("failed to run `{command}`: the firmware has no user `{user}` in /etc/passwd")]
    NoUser {
        /// What was to be run.
        command: String,
        /// As whom.
        user: String,
    },
    /// It did not end in time, and was killed.
    #[error("`{command}` did not end within {}, and was killed{}", show(*limit), said(stdout, stderr))]
    Late {
        /// What ran.
        command: String,
        /// For how long.
        limit: Duration,
        /// What it had written until then.
        stdout: Vec<u8>,
        /// What it had written until then.
        stderr: Vec<u8>,
    },
    /// Its helper in the instance was killed, so that nobody knows how it ended.
    #[error("`{command}` ended without a status: the instance has ended")]
    Lost {
        /// What ran.
        command: String,
    },
    /// Its pipes.
    #[error("failed to talk to `{command}`")]
    Talk {
        /// What ran.
        command: String,
        /// Why.
        source: io::Error,
    },
}

impl ExecError {
    pub(crate) fn start(command: &str, source: impl Into<AskError>) -> Self {
        Self::Start { command: command.to_owned(), source: source.into() }
    }

    /// Whether there was nothing to run it in any more.
    pub(crate) fn is_ended(&self) -> bool {
        matches!(self, Self::Start { source: AskError::Step(step), .. } if step.is_ended())
    }
}

/// A connection to the guest that was not to be had, or broke.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// There is no socket.
    #[error("failed to make a socket in the instance")]
    Socket(#[source] AskError),
    /// Nobody answers.
    #[error("failed to connect to `{address}`{}", listening(.open))]
    Connect {
        /// Whom.
        address: String,
        /// What does listen.
        open: Vec<String>,
        /// Why.
        source: io::Error,
    },
    /// The URL is none that can be asked for.
    #[error("failed to read the URL `{url}`: {reason}")]
    Url {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The answer is no HTTP, or stops half-way.
    #[error("failed to get `{request}`: {reason}")]
    Http {
        /// What was asked for.
        request: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// No answer in time.
    #[error("failed to get `{request}` within {}", show(*limit))]
    Late {
        /// What was asked for.
        request: String,
        /// How long it was waited.
        limit: Duration,
    },
}

impl NetError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Connect { source, .. } if source.kind() == io::ErrorKind::NetworkUnreachable => {
                Some("the firmware has not brought up `lo` (`ip link set lo up`)".to_owned())
            }
            _ => None,
        }
    }
}

/// An instance that could not be asked, or not be ended.
#[derive(Debug, thiserror::Error)]
#[error("failed to {op}")]
pub struct InstanceError {
    /// What was to be done.
    pub op: &'static str,
    /// Why it was not.
    pub source: AskError,
}

impl InstanceError {
    pub(crate) fn during(op: &'static str) -> impl FnOnce(AskError) -> Self {
        move |source| Self { op, source }
    }
}

/// `1.5s`, `30s`, `250ms`; what is left of a limit is not told to the nanosecond.
fn show(duration: Duration) -> String {
    let granularity = if duration < Duration::from_secs(1) { 1_000_000 } else { 100_000_000 };
    let rounded = duration.as_nanos().next_multiple_of(granularity);
    format!("{:?}", Duration::from_nanos(u64::try_from(rounded).unwrap_or(u64::MAX)))
}

fn listening(open: &[String]) -> String {
    match open {
        [] => ": nothing listens".to_owned(),
        open => format!(": open are `{}`", open.join("`, `")),
    }
}

fn said(stdout: &[u8], stderr: &[u8]) -> String {
    let stream = |name: &str, bytes: &[u8]| match String::from_utf8_lossy(bytes).trim_end() {
        "" => String::new(),
        text => format!("\n  {name}: {}", text.replace('\n', "\n          ")),
    };
    stream("stdout", stdout) + &stream("stderr", stderr)
}
