//! Ports: `tcp:80`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use super::{ValueError, text};
use crate::instance::Protocol;

/// A port and what is spoken there. In a file, and in Rust tests, it is `tcp:80` or `udp:53`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// What is spoken.
    pub protocol: Protocol,
    /// Its number, never 0.
    pub number: u16,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.protocol, self.number)
    }
}

impl FromStr for Port {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let parts = text.split_once(':').and_then(|(protocol, number)| {
            let protocol = match protocol {
                "tcp" => Protocol::Tcp,
                "udp" => Protocol::Udp,
                _ => return None,
            };
            let digits = number.bytes().all(|byte| byte.is_ascii_digit()); // `+80` parses too
            Some((protocol, number.parse().ok().filter(|number| digits && *number != 0)?))
        });
        match parts {
            Some((protocol, number)) => Ok(Self { protocol, number }),
            None => {
                let hint = "write `tcp:80` or `udp:53`, with a number from 1 to 65535";
                Err(ValueError::hinted(format!("`{text}` is not a port"), hint))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a port such as \"tcp:80\"", str::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_says_what_is_spoken_there() {
        for good in ["tcp:80", "udp:53", "tcp:65535"] {
            assert_eq!(good.parse::<Port>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "80",
            "tcp",
            "tcp:",
            "tcp:0",
            "tcp:65536",
            "tcp:+80",
            "tcp:http",
            "sctp:1",
            "TCP:80",
        ] {
            assert!(bad.parse::<Port>().is_err(), "{bad}");
        }
    }
}
