//! Signals: `SIGTERM`.

use std::fmt;
use std::str::FromStr;

use nix::sys::signal::Signal as Known;
use serde::{Deserialize, Deserializer};

use super::{ValueError, text};

/// A signal by its number: signal(7). In a file it is `SIGTERM`, `TERM`, `SIGRTMIN+3` or `37`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(pub i32);

/// What glibc calls SIGRTMIN: the kernel's 32 and two that it keeps for itself. It is the firmware's
/// libc that counts, not ours, and an init that takes real-time signals is systemd, which needs glibc.
const SIGRTMIN: i32 = 34;
/// The kernel's last.
const SIGRTMAX: i32 = 64;

impl FromStr for Signal {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let name = text.strip_prefix("SIG").unwrap_or(text);
        if let Ok(known) = format!("SIG{name}").parse::<Known>() {
            return Ok(Self(known as i32));
        }
        let number = match name.strip_prefix("RTMIN") {
            Some("") => Some(SIGRTMIN),
            Some(more) => more.strip_prefix('+').and_then(number).map(|more| SIGRTMIN + more),
            None => number(text),
        };
        match number {
            Some(number @ 1..=SIGRTMAX) => Ok(Self(number)),
            _ => {
                let hint = "write `SIGTERM`, `SIGRTMIN+3` or a number from 1 to 64";
                Err(ValueError::hinted(format!("`{text}` is not a signal"), hint))
            }
        }
    }
}

/// Two digits at most, so that adding to it is safe.
fn number(text: &str) -> Option<i32> {
    let digits = text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Known::try_from(self.0) {
            Ok(known) => f.write_str(known.as_str()),
            Err(_) if self.0 == SIGRTMIN => f.write_str("SIGRTMIN"),
            Err(_) if self.0 > SIGRTMIN => write!(f, "SIGRTMIN+{}", self.0 - SIGRTMIN),
            Err(_) => write!(f, "signal {}", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Signal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a signal such as \"SIGTERM\"", str::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, number: i32, shown: &str) {
        let signal: Signal = text.parse().unwrap();
        assert_eq!((signal.0, signal.to_string().as_str()), (number, shown));
    }

    #[test]
    fn a_signal_has_a_name_or_a_number() {
        check("SIGTERM", 15, "SIGTERM");
        check("USR2", 12, "SIGUSR2");
        check("15", 15, "SIGTERM");
        check("SIGRTMIN", 34, "SIGRTMIN");
        check("SIGRTMIN+3", 37, "SIGRTMIN+3");
        check("RTMIN+30", 64, "SIGRTMIN+30");
        for bad in ["", "SIG", "SIGFOO", "0", "65", "-1", "sigterm", "SIGRTMIN+31", "SIGRTMIN+"] {
            assert!(bad.parse::<Signal>().is_err(), "{bad}");
        }
    }
}
