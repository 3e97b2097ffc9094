//! A port as a test names it.

use std::fmt;
use std::str::FromStr;

use crate::instance::Protocol;

/// A port, whatever the address: `tcp:80`, `udp:53`.
///
/// ```
/// # use fwtest::{expect::Port, instance::Protocol};
/// assert_eq!("tcp:80".parse(), Ok(Port { protocol: Protocol::Tcp, number: 80 }));
/// assert!("80".parse::<Port>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// What it speaks.
    pub protocol: Protocol,
    /// From 1 on.
    pub number: u16,
}

/// A text is no [`Port`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no port: write `tcp:80` or `udp:53`")]
pub struct PortError(pub String);

impl FromStr for Port {
    type Err = PortError;

    fn from_str(text: &str) -> Result<Self, PortError> {
        let port = || {
            let (protocol, number) = text.split_once(':')?;
            let protocol = match protocol {
                "tcp" => Protocol::Tcp,
                "udp" => Protocol::Udp,
                _ => return None,
            };
            let digits = number.bytes().all(|byte| byte.is_ascii_digit()); // `+80` parses too
            let number = number.parse().ok().filter(|&number| digits && number != 0)?;
            Some(Self { protocol, number })
        };
        port().ok_or_else(|| PortError(text.to_owned()))
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.protocol, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::Port;

    #[test]
    fn what_is_shown_is_what_is_read() {
        for text in ["tcp:1", "udp:65535"] {
            assert_eq!(text.parse::<Port>().map(|port| port.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for text in ["", "80", "tcp", "tcp:", "tcp:0", "tcp:+80", "tcp:65536", "sctp:80", "TCP:80"]
        {
            assert!(text.parse::<Port>().is_err(), "{text}");
        }
    }
}
