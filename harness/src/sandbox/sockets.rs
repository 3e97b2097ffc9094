//! The sockets that wait for others, as the kernel tells by netlink.
//!
//! /proc/net/tcp says the same, but the kernel looks through its table of connections for it, which
//! is one for the whole host and grows with its memory: 5 ms with 24 GiB, for each of its two files,
//! where this takes 50 µs.
//!
//! # References
//! sock_diag(7), netlink(7)

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::net::netlink::SOCK_DIAG;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType};

use super::message::Domain;
use crate::instance::Protocol;

/// `SOCK_DIAG_BY_FAMILY`: the kind of the question and of each answer.
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST | NLM_F_DUMP`: all that match.
const DUMP: u16 = 0x301;
/// `struct nlmsghdr` and `struct inet_diag_msg`.
const HEADER: usize = 16;
const SOCKET: usize = 72;

/// A socket to ask through, for the network namespace that we are in.
pub(super) fn open() -> io::Result<OwnedFd> {
    let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
    Ok(rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, Some(SOCK_DIAG))?)
}

/// TCP sockets that listen, or UDP sockets that are bound and not connected: address and inode.
pub(super) fn waiting(
    socket: &OwnedFd,
    protocol: Protocol,
    domain: Domain,
) -> io::Result<Vec<(SocketAddr, u64)>> {
    rustix::net::send(socket, &question(protocol, domain), SendFlags::empty())?;
    let mut found = Vec::new();
    // As iproute2: the kernel makes no larger piece.
    let mut piece = vec![0; 32 * 1024];
    loop {
        let length = rustix::io::retry_on_intr(|| rustix::io::read(socket, &mut *piece))?;
        let mut rest = &piece[..length];
        while let Some(length) = number::<4>(rest, 0).map(u32::from_ne_bytes) {
            let length = length as usize;
            let kind = number(rest, 4).map(u16::from_ne_bytes);
            let message = rest.get(HEADER..length).ok_or(io::ErrorKind::InvalidData)?;
            match kind.map(i32::from) {
                Some(libc::NLMSG_DONE) => return Ok(found),
                Some(libc::NLMSG_ERROR) => {
                    let errno = number(message, 0).map_or(0, i32::from_ne_bytes);
                    return Err(io::Error::from_raw_os_error(-errno));
                }
                _ => found.extend(answer(message)),
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}

/// `struct nlmsghdr`, then `struct inet_diag_req_v2`.
fn question(protocol: Protocol, domain: Domain) -> [u8; 72] {
    // The second is what an unconnected UDP socket is in.
    const TCP_LISTEN: u32 = 10;
    const TCP_CLOSE: u32 = 7;
    let (protocol, state) = match protocol {
        Protocol::Tcp => (libc::IPPROTO_TCP, TCP_LISTEN),
        Protocol::Udp => (libc::IPPROTO_UDP, TCP_CLOSE),
    };
    let family = match domain {
        Domain::Ipv4 => AddressFamily::INET,
        Domain::Ipv6 => AddressFamily::INET6,
    };
    let mut bytes = [0; 72];
    bytes[..4].copy_from_slice(&72u32.to_ne_bytes());
    bytes[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
    bytes[6..8].copy_from_slice(&DUMP.to_ne_bytes());
    // Both fit: the kernel's field has a byte for each.
    bytes[HEADER] = family.as_raw().to_le_bytes()[0];
    bytes[HEADER + 1] = protocol.to_le_bytes()[0];
    bytes[HEADER + 4..HEADER + 8].copy_from_slice(&(1u32 << state).to_ne_bytes());
    bytes
}

/// `struct inet_diag_msg`.
fn answer(message: &[u8]) -> Option<(SocketAddr, u64)> {
    let message = message.get(..SOCKET)?;
    let port = u16::from_be_bytes(number(message, 4)?);
    let ip = match u16::from(message[0]) {
        family if family == AddressFamily::INET.as_raw() => IpAddr::from(number::<4>(message, 8)?),
        _ => IpAddr::from(number::<16>(message, 8)?),
    };
    let inode = u32::from_ne_bytes(number(message, 68)?);
    Some((SocketAddr::new(ip, port), inode.into()))
}

fn number<const LENGTH: usize>(bytes: &[u8], at: usize) -> Option<[u8; LENGTH]> {
    bytes.get(at..at + LENGTH)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    #[test]
    fn sockets_that_wait_for_others_are_told_from_the_rest() {
        let netlink = open().unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let connected = TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
        let udp = UdpSocket::bind("127.0.0.2:0").unwrap();
        let addresses = |protocol| -> Vec<SocketAddr> {
            let found = waiting(&netlink, protocol, Domain::Ipv4).unwrap();
            found.into_iter().map(|(address, _)| address).collect()
        };
        assert!(addresses(Protocol::Tcp).contains(&tcp.local_addr().unwrap()));
        assert!(!addresses(Protocol::Tcp).contains(&connected.local_addr().unwrap()));
        assert!(addresses(Protocol::Udp).contains(&udp.local_addr().unwrap()));
        udp.connect("127.0.0.1:9").unwrap();
        assert!(!addresses(Protocol::Udp).contains(&udp.local_addr().unwrap()));
        let inode = format!("socket:[{}]", {
            let found = waiting(&netlink, Protocol::Tcp, Domain::Ipv4).unwrap();
            let ours = tcp.local_addr().unwrap();
            found.into_iter().find(|(address, _)| *address == ours).unwrap().1
        });
        let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&tcp));
        assert_eq!(std::fs::read_link(link).unwrap().to_str(), Some(inode.as_str()));
    }

    #[test]
    fn an_address_of_ipv6_is_read() {
        let Ok(tcp) = TcpListener::bind("[::1]:0") else { return };
        let found = waiting(&open().unwrap(), Protocol::Tcp, Domain::Ipv6).unwrap();
        assert!(found.iter().any(|(address, _)| *address == tcp.local_addr().unwrap()));
    }
}
