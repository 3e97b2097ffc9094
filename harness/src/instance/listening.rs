//! The guest's listening sockets, as they were when they were looked at.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// What a socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Protocol {
    /// tcp(7)
    Tcp,
    /// udp(7)
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// A TCP socket that listens or a UDP socket that is bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it listens.
    pub address: SocketAddr,
    /// The guest's processes that hold it: pid and comm.
    pub owners: Vec<(i32, String)>,
}

/// All of them, by protocol, port and address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening(pub Vec<Listener>);

/// `tcp:80 by httpd(143)`, one for each.
pub(crate) fn ports(listening: &Listening) -> Vec<String> {
    let show = |listener: &Listener| {
        let port = format!("{}:{}", listener.protocol, listener.address.port());
        match listener.owners.first() {
            Some((pid, comm)) => format!("{port} by {comm}({pid})"),
            None => port,
        }
    };
    listening.0.iter().map(show).collect()
}
