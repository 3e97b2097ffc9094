//! Connections to servers in the guest, over sockets that are made in its network namespace: no
//! interface on the host is needed, and no root.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

use super::{Instance, NetError, Protocol, listening};
use crate::sandbox::{AskError, Domain, FromKeeper, ToKeeper, Transport};

/// How long a connection may take to come about.
const LIMIT: Duration = Duration::from_secs(5);
/// A first packet that is sent while `lo` comes up is lost, and sent again only after a second:
/// better to ask again. On loopback the kernel answers within the call.
const ATTEMPT: Duration = Duration::from_millis(5);

impl Instance {
    /// Connects to a TCP server of the guest: at the address where it listens, or at loopback.
    ///
    /// # Errors
    /// [`NetError::Connect`] when nobody answers within 5 s; says what listens instead.
    pub async fn tcp(&self, port: u16) -> Result<TcpStream, NetError> {
        let address = self.address_of(Protocol::Tcp, port);
        let end = Instant::now() + LIMIT;
        loop {
            let attempt = end.min(Instant::now() + ATTEMPT);
            let error = match timeout_at(attempt, self.connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(Failed::Connect(error))) => error,
                Ok(Err(Failed::Socket(error))) => return Err(error),
                Err(_) if Instant::now() < end => continue,
                Err(_) => io::ErrorKind::TimedOut.into(),
            };
            return Err(self.refused(address, error));
        }
    }

    /// A UDP socket of the guest's network that is connected to a port there.
    ///
    /// # Errors
    /// [`NetError::Connect`] when there is no way to it, as when `lo` is down.
    pub async fn udp(&self, port: u16) -> Result<UdpSocket, NetError> {
        let address = self.address_of(Protocol::Udp, port);
        let socket = self.socket(address, Transport::Udp)?;
        let made = UdpSocket::from_std(socket.into());
        let socket = made.map_err(|source| self.refused(address, source))?;
        match socket.connect(address).await {
            Ok(()) => Ok(socket),
            Err(error) => Err(self.refused(address, error)),
        }
    }

    async fn connect(&self, address: SocketAddr) -> Result<TcpStream, Failed> {
        let socket = self.socket(address, Transport::Tcp).map_err(Failed::Socket)?;
        // The socket is not connected; the type is the door to tokio's own.
        let socket = TcpSocket::from_std_stream(std::net::TcpStream::from(socket));
        socket.connect(address).await.map_err(Failed::Connect)
    }

    fn socket(
        &self,
        address: SocketAddr,
        transport: Transport,
    ) -> Result<std::os::fd::OwnedFd, NetError> {
        let domain = if address.is_ipv4() { Domain::Ipv4 } else { Domain::Ipv6 };
        match self.sandbox().ask(&ToKeeper::Socket(domain, transport)) {
            Ok((FromKeeper::Done, Some(socket))) => Ok(socket),
            Ok(_) => Err(NetError::Socket(AskError::Nonsense)),
            Err(error) => Err(NetError::Socket(error)),
        }
    }

    /// Where to reach what listens on a port: its own address, or loopback for all of them.
    fn address_of(&self, protocol: Protocol, port: u16) -> SocketAddr {
        let open = self.ask_listening(false).unwrap_or_default();
        let listeners = open
            .0
            .iter()
            .filter(|listener| listener.protocol == protocol && listener.address.port() == port);
        let addresses: Vec<IpAddr> = listeners.map(|listener| listener.address.ip()).collect();
        let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
        let reachable = |ip: &IpAddr| match ip {
            // A socket for all IPv6 addresses takes IPv4 too, unless it says not to.
            IpAddr::V4(ip) if ip.is_unspecified() => loopback,
            IpAddr::V6(ip) if ip.is_unspecified() => loopback,
            ip => *ip,
        };
        let ip = addresses.iter().min_by_key(|ip| !ip.is_unspecified()).map(reachable);
        SocketAddr::new(ip.unwrap_or(loopback), port)
    }

    fn refused(&self, address: SocketAddr, source: io::Error) -> NetError {
        let open = self.ask_listening(true).unwrap_or_default();
        NetError::Connect { address: address.to_string(), open: listening::ports(&open), source }
    }
}

enum Failed {
    Socket(NetError),
    Connect(io::Error),
}
