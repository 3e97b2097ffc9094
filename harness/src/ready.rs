//! Conditions: what a test, or a boot, waits for.
//!
//! Here: what they are and how they are written. Whoever waits looks from outside, so the firmware
//! needs no tool for it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::attempt::{Class, optional_class};
use crate::path::GuestPath;
use crate::value::{Pattern, Port, ValueError, optional_duration, optional_guest_path, table};

/// Something that will be so, and by when. In a file: `{ port = "tcp:80", within = "5s" }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// What is waited for.
    pub awaited: Awaited,
    /// For how long at most; the waiter's own limit where it is not said: 10 s in a test, and at boot
    /// what is left of `boot-timeout`.
    pub within: Option<Duration>,
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq)]
pub enum Awaited {
    /// A TCP socket listens or a UDP socket is bound there.
    Port(Port),
    /// The console has shown it, since boot.
    Log(Pattern),
    /// A process of that name runs.
    Process(String),
    /// The name exists. Links on the way are followed inside the guest; the last component is not, so
    /// that a link counts whether its target exists or not.
    File(GuestPath),
    /// The console has shown nothing for so long.
    Quiet(Duration),
    /// The firmware has attempted something of that class, since its first boot.
    Attempt(Class),
    /// The instance has booted so often: once, and again each time that its firmware restarts it.
    Boot(u32),
}

impl Condition {
    /// Waits for so long at most.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = Some(limit);
        self
    }
}

impl From<Awaited> for Condition {
    fn from(awaited: Awaited) -> Self {
        Self { awaited, within: None }
    }
}

/// Until something listens on a port: `port("tcp:80")`, `port("udp:53")`.
/// # Panics
/// When `port` is not written so, for then the test is wrong and not the firmware.
#[track_caller]
#[must_use]
pub fn port(port: &str) -> Condition {
    Awaited::Port(right(port.parse())).into()
}

/// Until the console has shown a match of a regular expression (see [`Pattern`]) since boot.
/// # Panics
/// When `pattern` is not one, for then the test is wrong and not the firmware.
#[track_caller]
#[must_use]
pub fn log(pattern: &str) -> Condition {
    Awaited::Log(right(pattern.parse())).into()
}

/// Until a process of that name runs, a zombie not counted: see
/// [`Process::is_named`](crate::instance::Process::is_named).
#[must_use]
pub fn process(name: &str) -> Condition {
    Awaited::Process(name.to_owned()).into()
}

/// Until the firmware has a file of that name: see [`Awaited::File`].
#[must_use]
pub fn file(path: &str) -> Condition {
    Awaited::File(GuestPath::from(path)).into()
}

/// Until the console has shown nothing for so long. A firmware is silent before its first word too.
#[must_use]
pub fn quiet(length: Duration) -> Condition {
    Awaited::Quiet(length).into()
}

/// Until the firmware has attempted something of that class since its first boot: it set the clock, it
/// asked for a restart. Whoever waits for a class expects it, in a test or in the firmware's `ready`:
/// see [`Attempts`](crate::attempt::Attempts).
#[must_use]
pub fn attempt(class: Class) -> Condition {
    Awaited::Attempt(class).into()
}

/// Until the instance has booted so often: `boot(2)` is the first restart. Its `ready` is about the
/// first boot alone; a test waits for what it needs of the next ones.
/// # Panics
/// For a number below 2: every instance has booted once.
#[track_caller]
#[must_use]
pub fn boot(number: u32) -> Condition {
    assert!(number >= 2, "every instance has booted once");
    Awaited::Boot(number).into()
}

#[track_caller]
fn right<T>(parsed: Result<T, ValueError>) -> T {
    match parsed {
        Ok(value) => value,
        Err(ValueError { message, hint: Some(hint) }) => panic!("{message}: {hint}"),
        Err(ValueError { message, hint: None }) => panic!("{message}"),
    }
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, "port `{port}`"),
            Self::Log(pattern) => write!(f, "log `{pattern}`"),
            Self::Process(name) => write!(f, "process `{name}`"),
            Self::File(path) => write!(f, "file `{path}`"),
            Self::Quiet(length) => write!(f, "quiet for {length:?}"),
            Self::Attempt(class) => write!(f, "attempt `{class}`"),
            Self::Boot(number) => write!(f, "boot {number}"),
        }
    }
}

/// Without the time limit, which is for the sentence around it.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.awaited.fmt(f)
    }
}

/// A condition as it is written: one of the keys that say what, and perhaps `within`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    port: Option<Port>,
    log: Option<Pattern>,
    process: Option<String>,
    #[serde(default, deserialize_with = "optional_guest_path")]
    file: Option<GuestPath>,
    #[serde(default, deserialize_with = "optional_duration")]
    quiet: Option<Duration>,
    #[serde(default, deserialize_with = "optional_class")]
    attempt: Option<Class>,
    boot: Option<u32>,
    #[serde(default, deserialize_with = "optional_duration")]
    within: Option<Duration>,
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { port, log, process, file, quiet, attempt, boot, within } =
            table(deserializer)?;
        if boot.is_some_and(|number| number < 2) {
            let hint = "`boot = 2` waits for the first restart";
            let error = ValueError::hinted("every instance has booted once", hint);
            return Err(error.into_serde());
        }
        let process = process.filter(|name| !name.is_empty());
        let mut said = [
            port.map(Awaited::Port),
            log.map(Awaited::Log),
            process.map(Awaited::Process),
            file.map(Awaited::File),
            quiet.map(Awaited::Quiet),
            attempt.map(Awaited::Attempt),
            boot.map(Awaited::Boot),
        ]
        .into_iter()
        .flatten();
        let hint = "write one of `port`, `log`, `process`, `file`, `quiet`, `attempt`, `boot`, and \
                    `within` if you like";
        let error = |message: &str| ValueError::hinted(message, hint).into_serde();
        match (said.next(), said.next()) {
            (Some(awaited), None) => Ok(Self { awaited, within }),
            (None, _) => Err(error("nothing to wait for")),
            (Some(_), Some(_)) => Err(error("two conditions in one")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, condition: Condition) {
        assert_eq!(toml::from_str::<Condition>(text).unwrap(), condition);
    }

    #[test]
    fn a_file_and_a_rust_test_say_the_same() {
        check("port = 'tcp:80'", port("tcp:80"));
        check("log = '^done$'\nwithin = '2s'", log("^done$").within(Duration::from_secs(2)));
        check("process = 'httpd'", process("httpd"));
        check("file = '/run/x'", file("/run/x"));
        check("quiet = '500ms'", quiet(Duration::from_millis(500)));
        check("attempt = 'kernel-log'", attempt(Class::KernelLog));
        check("boot = 2", boot(2));
    }

    #[track_caller]
    fn check_error(text: &str, message: &str) {
        let error = toml::from_str::<Condition>(text).unwrap_err();
        assert_eq!(error.message().lines().next(), Some(message));
    }

    #[test]
    fn a_condition_is_one_thing() {
        check_error("within = '1s'", "nothing to wait for");
        check_error("process = ''", "nothing to wait for");
        check_error("port = 'tcp:80'\nlog = 'x'", "two conditions in one");
        check_error("file = 'run/x'", "`run/x` does not begin with `/`");
        check_error("attempt = 'clok'", "unknown class of attempts `clok`");
        check_error("boot = 1", "every instance has booted once");
        check_error("port = 80", "invalid type: integer `80`, expected a port such as \"tcp:80\"");
    }

    #[test]
    #[should_panic(expected = "`80` is not a port: write `tcp:80`")]
    fn a_port_that_is_none_is_the_tests_fault() {
        let _ = port("80");
    }

    #[test]
    fn a_condition_fits_into_a_sentence() {
        assert_eq!(port("tcp:80").to_string(), "port `tcp:80`");
        assert_eq!(quiet(Duration::from_millis(500)).to_string(), "quiet for 500ms");
    }
}
