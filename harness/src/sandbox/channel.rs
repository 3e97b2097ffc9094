//! Typed messages and descriptors between the harness, the launcher and the keepers.
//!
//! A SOCK_SEQPACKET socket keeps messages apart and tells, with an empty read, that the other side
//! has ended. A message that does not fit a packet goes as a memfd.

use std::io::{self, IoSlice, IoSliceMut, Read, Seek, Write};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What the orders need, and no more: a keeper pays a page fault for each page that it is the first
/// to write to.
const PACKET: usize = 4096;
/// As many descriptors as one message ever carries.
const DESCRIPTORS: usize = 8;
/// First byte of a packet: the message itself, or a memfd (the last descriptor) has it.
const INLINE: u8 = 0;
const IN_MEMFD: u8 = 1;

/// One end: sends `S`, receives `R`.
#[derive(Debug)]
pub(crate) struct Channel<S, R> {
    socket: OwnedFd,
    types: PhantomData<fn(S) -> R>,
}

impl<S: Serialize, R: DeserializeOwned> Channel<S, R> {
    /// Two ends of one channel.
    pub(crate) fn pair() -> io::Result<(Self, Channel<R, S>)> {
        let (one, other) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok((Self::over(one), Channel { socket: other, types: PhantomData }))
    }

    /// The end that `socket` is.
    pub(crate) fn over(socket: OwnedFd) -> Self {
        Self { socket, types: PhantomData }
    }

    pub(crate) fn into_socket(self) -> OwnedFd {
        self.socket
    }

    /// The same socket, for the runtime of this thread to watch.
    pub(crate) fn watch(&self) -> io::Result<tokio::io::unix::AsyncFd<OwnedFd>> {
        super::sys::watch(self.socket.try_clone()?)
    }

    /// Sends a message with descriptors. EPIPE when the other side has ended.
    pub(crate) fn send(&self, message: &S, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let body = postcard::to_stdvec(message).map_err(io::Error::other)?;
        if body.len() < PACKET {
            return self.send_packet(INLINE, &body, descriptors);
        }
        let memfd = rustix::fs::memfd_create("fwtest-message", rustix::fs::MemfdFlags::CLOEXEC)?;
        let mut file = std::fs::File::from(memfd);
        file.write_all(&body)?;
        file.rewind()?;
        let descriptors: Vec<_> = descriptors.iter().copied().chain([file.as_fd()]).collect();
        self.send_packet(IN_MEMFD, &[], &descriptors)
    }

    fn send_packet(&self, form: u8, body: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors))
        {
            return Err(io::Error::other("too many descriptors for one message"));
        }
        let packet = [IoSlice::new(std::slice::from_ref(&form)), IoSlice::new(body)];
        rustix::io::retry_on_intr(|| {
            rustix::net::sendmsg(&self.socket, &packet, &mut ancillary, SendFlags::NOSIGNAL)
        })?;
        Ok(())
    }

    /// Receives a message and its descriptors; `None` when the other side has ended.
    pub(crate) fn receive(&self) -> io::Result<Option<(R, Vec<OwnedFd>)>> {
        self.receive_packet(RecvFlags::CMSG_CLOEXEC)
    }

    /// The same without waiting: `WouldBlock` when there is none.
    pub(crate) fn try_receive(&self) -> io::Result<Option<(R, Vec<OwnedFd>)>> {
        self.receive_packet(RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT)
    }

    /// The same, waiting no longer than `patience`: `TimedOut` when that passes.
    pub(crate) fn receive_within(
        &self,
        patience: Duration,
    ) -> io::Result<Option<(R, Vec<OwnedFd>)>> {
        let end = Instant::now() + patience;
        loop {
            match self.try_receive() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
            wait_readable(&self.socket, end.saturating_duration_since(Instant::now()))?;
        }
    }

    fn receive_packet(&self, flags: RecvFlags) -> io::Result<Option<(R, Vec<OwnedFd>)>> {
        let mut packet = [0; PACKET + 1];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::io::retry_on_intr(|| {
            rustix::net::recvmsg(
                &self.socket,
                &mut [IoSliceMut::new(&mut packet)],
                &mut ancillary,
                flags,
            )
        });
        let received = match received {
            // What a peer leaves that died with words of ours unread.
            Err(rustix::io::Errno::CONNRESET) => return Ok(None),
            other => other?,
        };
        let mut descriptors = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        let Some((&form, body)) = packet[..received.bytes].split_first() else { return Ok(None) };
        if received.flags.contains(ReturnFlags::TRUNC) {
            // Of another version of us: a test binary talks to the launcher of `cargo fwtest`.
            return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
        }
        if received.flags.contains(ReturnFlags::CTRUNC) {
            // RLIMIT_NOFILE: the kernel drops what finds no number.
            return Err(io::Error::from_raw_os_error(libc::EMFILE));
        }
        let message = if form == IN_MEMFD {
            let memfd = descriptors.pop().ok_or(io::ErrorKind::InvalidData)?;
            let mut body = Vec::new();
            std::fs::File::from(memfd).read_to_end(&mut body)?;
            postcard::from_bytes(&body)
        } else {
            postcard::from_bytes(body)
        };
        Ok(Some((message.map_err(io::Error::other)?, descriptors)))
    }
}

/// Waits until `fd` can be read, its other side has ended, or `patience` has passed: `TimedOut`.
pub(crate) fn wait_readable(fd: &impl AsFd, patience: Duration) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, Timespec};
    let end = Instant::now() + patience;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
        let mut polled = [PollFd::new(fd, PollFlags::IN)];
        match rustix::event::poll(&mut polled, Some(&timeout)) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl<S, R> AsFd for Channel<S, R> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<S, R> AsRawFd for Channel<S, R> {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
