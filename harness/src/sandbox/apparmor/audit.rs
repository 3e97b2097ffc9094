//! The kernel's audit records, as they are told to all who may listen: one reader for this process,
//! who gives each record to the instance whose it is.
//!
//! The kernel's log has them too, but leaves out most when there are many.
//!
//! # References
//! netlink(7), audit(7)

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::net::netlink::{AUDIT, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use super::caller::Callers;
use super::policy::Name;
use super::record::parse;
use super::sighting::Sighting;

/// `AUDIT_NLGRP_READLOG`, as a bit: all records, to listen to.
const READ_LOG: u32 = 1;
/// `AUDIT_AVC`: what security modules write.
const FROM_MODULES: u16 = 1400;
/// `AUDIT_USER_AVC`: what user space has to say of the kind. Passed on even where auditing is off.
const FROM_USERS: u16 = 1107;
/// `NLM_F_REQUEST`
const REQUEST: u16 = 1;
/// `struct nlmsghdr`
const HEADER: usize = 16;
/// `MAX_AUDIT_MESSAGE_LENGTH`, and the header.
const LONGEST: usize = 8970 + HEADER;
/// Room for the records of a guest that does nothing but what is reported.
const BUFFER: usize = 4 << 20;
/// Records of one instance that are kept: a firmware that does nothing else must not fill the
/// harness's memory, and how often something was done is nothing that AppArmor tells.
const MOST: usize = 10_000;
/// How long a record may take from its act to us.
const PATIENCE: Duration = Duration::from_secs(2);

/// A socket that hears them.
pub(super) fn open() -> io::Result<OwnedFd> {
    let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
    let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, Some(AUDIT))?;
    // Only root may have that much, and root it is; with less, some may be lost.
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER);
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, READ_LOG))?;
    Ok(socket)
}

/// What has been heard of one instance.
#[derive(Debug)]
pub(super) struct Mailbox {
    sightings: Mutex<Vec<Sighting>>,
    /// How many have come so far.
    count: AtomicUsize,
    /// Counted up for whoever waits for something of the instance to happen.
    wake: Option<OwnedFd>,
}

impl Mailbox {
    /// What has come since the last time.
    pub(super) fn take(&self) -> Vec<Sighting> {
        std::mem::take(&mut *lock(&self.sightings))
    }

    fn put(&self, sighting: Sighting) {
        if self.count.fetch_add(1, Ordering::Relaxed) >= MOST {
            return;
        }
        lock(&self.sightings).push(sighting);
        if let Some(wake) = &self.wake {
            // Full only where nobody has looked 2^64 times.
            let _ = rustix::io::write(wake, &1u64.to_ne_bytes());
        }
    }
}

/// The one reader of this process: a thread that ends with the process.
#[derive(Debug)]
pub(super) struct Audit {
    socket: OwnedFd,
    shared: Arc<Shared>,
    /// What our own words in the records begin with.
    word: String,
}

#[derive(Debug, Default)]
struct Shared {
    mailboxes: Mutex<HashMap<String, Arc<Mailbox>>>,
    echo: Mutex<Echo>,
    heard: Condvar,
}

/// Of our own words in the records.
#[derive(Debug, Default)]
struct Echo {
    said: u64,
    heard: u64,
    /// One did not come back: it is not tried again.
    mute: bool,
}

impl Audit {
    /// Starts to read from `socket`. `run` is a word that no other process says.
    pub(super) fn start(socket: OwnedFd, run: &str) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let audit = Self { socket, shared: Arc::clone(&shared), word: format!("fwtest-{run}-at=") };
        let (socket, word) = (audit.socket.try_clone()?, audit.word.clone());
        let callers = Callers::new();
        std::thread::Builder::new().name("fwtest-audit".to_owned()).spawn(move || {
            let mut bytes = vec![0; LONGEST];
            loop {
                match rustix::net::recv(&socket, &mut *bytes, RecvFlags::empty()) {
                    Ok((length, _)) => shared.hear(&bytes[..length], &word, &callers),
                    // ENOBUFS says that some were lost: there are more.
                    Err(rustix::io::Errno::INTR | rustix::io::Errno::NOBUFS) => {}
                    Err(_) => return,
                }
            }
        })?;
        Ok(audit)
    }

    /// From now on, what is said of `name` is kept for whoever asks.
    pub(super) fn listen(&self, name: &Name, wake: Option<OwnedFd>) -> Arc<Mailbox> {
        let (sightings, count) = (Mutex::default(), AtomicUsize::new(0));
        let mailbox = Arc::new(Mailbox { sightings, count, wake });
        lock(&self.shared.mailboxes).insert(name.to_string(), Arc::clone(&mailbox));
        mailbox
    }

    /// And from now on it is not.
    pub(super) fn forget(&self, name: &Name) {
        lock(&self.shared.mailboxes).remove(name.as_str());
    }

    /// Waits until everything has been heard that was done before this call. The kernel tells of
    /// acts a little later, but in their order: so we say something ourselves, and wait for that.
    /// Where a host keeps such words from us, it waits once, and never again.
    pub(super) fn catch_up(&self) {
        let mut echo = lock(&self.shared.echo);
        if echo.mute {
            return;
        }
        echo.said += 1;
        let wanted = echo.said;
        if self.say(&format!("{}{wanted}", self.word)).is_err() {
            echo.mute = true;
            return;
        }
        let end = Instant::now() + PATIENCE;
        while echo.heard < wanted {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                echo.mute = true;
                return;
            }
            let waited = self.shared.heard.wait_timeout(echo, left);
            echo = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn say(&self, words: &str) -> io::Result<()> {
        let length = HEADER + words.len() + 1;
        let mut message = Vec::with_capacity(length);
        message.extend(u32::try_from(length).map_err(io::Error::other)?.to_ne_bytes());
        message.extend(FROM_USERS.to_ne_bytes());
        message.extend(REQUEST.to_ne_bytes());
        message.extend([0; 8]);
        message.extend(words.as_bytes());
        message.push(0);
        rustix::net::send(self.socket.as_fd(), &message, SendFlags::empty())?;
        Ok(())
    }
}

impl Shared {
    /// One message. Its length is that of the datagram: the one in its header is not always right.
    fn hear(&self, message: &[u8], word: &str, callers: &Callers) {
        let Some(body) = message.get(HEADER..) else { return };
        match u16::from_ne_bytes([message[4], message[5]]) {
            FROM_MODULES => {
                let Some(record) = parse(body).filter(|record| !record.is_of_the_mask()) else {
                    return;
                };
                let name = record.namespace.as_str();
                let Some(mailbox) = lock(&self.mailboxes).get(name).cloned() else { return };
                let done = when(record.at, SystemTime::now(), Instant::now());
                let by = callers.find(&record);
                mailbox.put(Sighting { done, record, by });
            }
            FROM_USERS => {
                let Some(number) = echoed(body, word) else { return };
                let mut echo = lock(&self.echo);
                echo.heard = echo.heard.max(number);
                drop(echo);
                self.heard.notify_all();
            }
            _ => {}
        }
    }
}

/// When something was done that the machine's clock said to be `at`, now that it says `clock`. A
/// record may be on its way for a while; but what a clock says that was set meanwhile is nothing.
fn when(at: Duration, clock: SystemTime, now: Instant) -> Instant {
    let since = clock.duration_since(UNIX_EPOCH).unwrap_or_default().checked_sub(at);
    since.filter(|since| *since < PATIENCE).and_then(|since| now.checked_sub(since)).unwrap_or(now)
}

/// The number after our word.
fn echoed(body: &[u8], word: &str) -> Option<u64> {
    let at = body.windows(word.len()).position(|window| window == word.as_bytes())?;
    let digits = &body[at + word.len()..];
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, body: &str) -> Vec<u8> {
        let mut message = vec![0; HEADER];
        message[4..6].copy_from_slice(&kind.to_ne_bytes());
        message.extend(body.as_bytes());
        message
    }

    fn record(name: &str, path: &str) -> String {
        format!(
            r#"audit(1.2:3): apparmor="AUDIT" operation="open" namespace="root//{name}" profile="firmware" name="{path}" pid=0 comm="sh""#
        )
    }

    #[test]
    fn each_instance_hears_of_itself_alone() {
        let (socket, _far) = std::os::unix::net::UnixStream::pair().unwrap();
        let audit = Audit::start(socket.into(), "1-a").unwrap();
        let name = |number: u32| Name::new("1-a", number).unwrap();
        let (one, two) = (audit.listen(&name(1), None), audit.listen(&name(2), None));
        let hear =
            |body: &str, kind| audit.shared.hear(&message(kind, body), "w=", &Callers::new());
        hear(&record("fwtest-1-a-1", "/x"), FROM_MODULES);
        hear(&record("fwtest-1-a-3", "/y"), FROM_MODULES);
        hear(&record("fwtest-1-a-2", "/z"), FROM_USERS);
        let paths = |mailbox: &Mailbox| -> Vec<_> {
            let sightings = mailbox.take().into_iter();
            sightings.map(|sighting| String::from_utf8(sighting.record.object).unwrap()).collect()
        };
        assert_eq!((paths(&one), paths(&two)), (vec!["/x".to_owned()], vec![]));
        assert_eq!(paths(&one), Vec::<String>::new(), "taken is taken");
        audit.forget(&name(1));
        hear(&record("fwtest-1-a-1", "/x"), FROM_MODULES);
        assert_eq!(paths(&one), Vec::<String>::new());
        audit.shared.hear(b"short", "w=", &Callers::new());
        for _ in 0..MOST + 10 {
            hear(&record("fwtest-1-a-2", "/z"), FROM_MODULES);
        }
        assert_eq!(two.take().len(), MOST);
    }

    /// A socket stands in for the kernel: what is said comes back as the kernel would have it.
    #[test]
    fn what_was_done_before_has_been_heard() {
        use std::io::{Read, Write};
        let (ours, mut far) = std::os::unix::net::UnixStream::pair().unwrap();
        let audit = Audit::start(ours.into(), "1-a").unwrap();
        let mailbox = audit.listen(&Name::new("1-a", 0).unwrap(), None);
        let kernel = std::thread::spawn(move || {
            let mut said = [0; 200];
            let length = far.read(&mut said).unwrap();
            far.write_all(&message(FROM_MODULES, &record("fwtest-1-a-0", "/x"))).unwrap();
            // A stream keeps no messages apart: the second must not come with the first.
            std::thread::sleep(Duration::from_millis(50));
            let words = std::str::from_utf8(&said[HEADER..length - 1]).unwrap();
            let echo = format!("audit(1.2:4): pid=1 uid=0 msg='{words} exe=\"x\"'");
            far.write_all(&message(FROM_USERS, &echo)).unwrap();
            far
        });
        audit.catch_up();
        assert_eq!(mailbox.take().len(), 1);
        assert!(!lock(&audit.shared.echo).mute);
        // And where nothing comes back it is not waited for again.
        drop(kernel.join().unwrap());
        audit.catch_up();
        assert!(lock(&audit.shared.echo).mute);
    }

    #[test]
    fn the_time_of_an_act_is_that_of_its_record() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let at = |at: u64| when(Duration::from_secs(at), UNIX_EPOCH + 100 * second, now);
        assert_eq!(at(100), now);
        assert_eq!(at(99), now - second);
        assert_eq!(at(10), now, "somebody has set the clock");
        assert_eq!(at(1000), now, "somebody has set the clock");
    }

    #[test]
    fn our_own_words_are_known_again() {
        assert_eq!(
            echoed(b"audit(1.2:3): pid=1 msg='fwtest-1-a-at=42 exe='", "fwtest-1-a-at="),
            Some(42)
        );
        assert_eq!(echoed(b"msg='fwtest-1-a-at=7'", "fwtest-1-a-at="), Some(7));
        assert_eq!(echoed(b"msg='fwtest-1-b-at=7'", "fwtest-1-a-at="), None);
        assert_eq!(echoed(b"msg='fwtest-1-a-at='", "fwtest-1-a-at="), None);
    }
}
