//! The mask: a file system of one file, which lies over `/proc/sysrq-trigger`.
//!
//! The kernel would refuse a guest to write there, and nobody would know. To the guest this file
//! looks like the real one on a board: root's, to be written to. What is written comes to the keeper
//! with the pid of who wrote it, by whatever name the file was opened.
//!
//! The root of the file system is that file: so it can lie over a file, and there is nothing else in
//! it to serve. Where this user may not open /dev/fuse a FIFO lies there instead: it looks less like
//! the real one, and what comes through it has no sender.
//!
//! # References
//! fuse(4), and the kernel's fuse and sysrq documents

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::mount::MountFlags;
use serde::{Deserialize, Serialize};

use super::fault::{During, Step, StepError};
use super::launcher::{bind, mount};

/// What it lies over.
const FILE: &str = "proc/sysrq-trigger";
/// As the kernel has it.
const MODE: u32 = 0o100_200;
/// `FUSE_ROOT_ID`, `struct fuse_attr`'s inode.
const ROOT: u64 = 1;
/// A request's header, and an answer's.
const HEADER_IN: usize = 40;
const HEADER_OUT: usize = 16;
/// The kernel reads with no smaller buffer than `FUSE_MIN_READ_BUFFER`.
const LARGEST: usize = 8192;
/// What a write may have at once: less than a request, so that it fits.
const LARGEST_WRITE: u32 = 4096;

/// What lies over the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A file system of ours, which tells who wrote.
    Fuse,
    /// A FIFO: /dev/fuse cannot be opened.
    Fifo,
    /// Nothing: the kernel was built without the file.
    NoFile,
}

/// What an instance will have, for a caller whose root has a proc and a /dev/fuse.
pub(crate) fn kind() -> Kind {
    match (rustix::fs::stat(format!("/{FILE}")), open()) {
        (Err(_), _) => Kind::NoFile,
        (Ok(_), Ok(_)) => Kind::Fuse,
        (Ok(_), Err(_)) => Kind::Fifo,
    }
}

/// The kernel wants it opened in the user namespace that mounts.
fn open() -> rustix::io::Result<OwnedFd> {
    rustix::fs::open("/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
}

/// Lays it over the file below the directory `root`, which has a proc in it. Gives the keeper's end,
/// where there is a file to lie over.
pub(crate) fn lay(root: &str) -> Result<Option<(Kind, OwnedFd)>, StepError> {
    let target = format!("{root}/{FILE}");
    if rustix::fs::stat(&target).is_err() {
        return Ok(None);
    }
    match open() {
        Ok(connection) => lay_fuse(connection, &target).map(|end| Some((Kind::Fuse, end))),
        Err(_) => lay_fifo(&target).map(|end| Some((Kind::Fifo, end))),
    }
}

fn lay_fifo(target: &str) -> Result<OwnedFd, StepError> {
    let step = || Step::Create("a FIFO for sysrq".to_owned());
    let name = "sysrq";
    rustix::fs::mknodat(CWD, name, FileType::Fifo, Mode::WUSR, 0).during(step)?;
    bind(name, target)?;
    // For writing as well, or it would end with its first writer.
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(name, flags, Mode::empty()).during(step)
}

fn lay_fuse(connection: OwnedFd, target: &str) -> Result<OwnedFd, StepError> {
    use std::os::fd::AsRawFd;
    let options = format!(
        "fd={},rootmode={MODE:o},user_id=0,group_id=0,allow_other,default_permissions",
        connection.as_raw_fd(),
    );
    let nothing = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("sysrq", target, "fuse", nothing, &options)?;
    rustix::io::ioctl_fionbio(&connection, true).during(|| Step::Open("/dev/fuse".to_owned()))?;
    Ok(connection)
}

/// The side that answers.
#[derive(Debug)]
pub(crate) struct Mask {
    pub(crate) connection: OwnedFd,
}

/// What somebody did with the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Touch {
    /// Wants to open it for writing.
    Open,
    Write(Vec<u8>),
}

/// Who and what, and how to answer.
#[derive(Debug)]
pub(crate) struct Request {
    id: u64,
    /// In the guest.
    pub(crate) pid: i32,
    pub(crate) touch: Touch,
}

impl Mask {
    pub(crate) fn new(connection: OwnedFd) -> Self {
        Self { connection }
    }

    /// The next request that is more than a look; the others are answered on the way. `None` when
    /// there is none for now.
    ///
    /// # Errors
    /// ENODEV, once it lies over nothing any more.
    pub(crate) fn next(&self) -> io::Result<Option<Request>> {
        let mut bytes = [0; LARGEST];
        loop {
            let length = match rustix::io::read(&self.connection, &mut bytes) {
                Ok(length) => length,
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                // Of a caller that has died.
                Err(rustix::io::Errno::NOENT | rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let Some(request) = parse(&bytes[..length]) else { return Ok(None) };
            match request {
                Parsed::Touch(request) => return Ok(Some(request)),
                Parsed::Answer(id, answer) => self.send(id, answer),
                Parsed::Silent => {}
            }
        }
    }

    /// It may; a write was taken whole.
    pub(crate) fn accept(&self, request: &Request) {
        let body = match &request.touch {
            Touch::Open => opened(),
            // `struct fuse_write_out`
            Touch::Write(bytes) => numbers(&[u32::try_from(bytes.len()).unwrap_or(0), 0]),
        };
        self.send(request.id, Ok(body));
    }

    /// It may not.
    pub(crate) fn refuse(&self, request: &Request, errno: i32) {
        self.send(request.id, Err(errno));
    }

    fn send(&self, id: u64, answer: Result<Vec<u8>, i32>) {
        let (errno, body) = match answer {
            Ok(body) => (0, body),
            Err(errno) => (-errno, Vec::new()),
        };
        // `struct fuse_out_header`
        let length = u32::try_from(HEADER_OUT + body.len()).unwrap_or(0);
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(errno.to_ne_bytes());
        bytes.extend(id.to_ne_bytes());
        bytes.extend(body);
        // ENOENT: the caller has died, and nobody waits.
        let _ = rustix::io::write(&self.connection, &bytes);
    }
}

#[derive(Debug)]
enum Parsed {
    Touch(Request),
    Answer(u64, Result<Vec<u8>, i32>),
    /// Wants no answer.
    Silent,
}

/// A request: `struct fuse_in_header`, and what belongs to it.
fn parse(bytes: &[u8]) -> Option<Parsed> {
    const FORGET: u32 = 2;
    const GETATTR: u32 = 3;
    const SETATTR: u32 = 4;
    const OPEN: u32 = 14;
    const READ: u32 = 15;
    const WRITE: u32 = 16;
    const STATFS: u32 = 17;
    const RELEASE: u32 = 18;
    const FSYNC: u32 = 20;
    const FLUSH: u32 = 25;
    const INIT: u32 = 26;
    const INTERRUPT: u32 = 36;
    const BATCH_FORGET: u32 = 42;
    let word = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let id = u64::from_ne_bytes(bytes.get(8..16)?.try_into().ok()?);
    let pid = word(32)?.cast_signed();
    let touch = |touch| Parsed::Touch(Request { id, pid, touch });
    let answer = |answer| Parsed::Answer(id, answer);
    Some(match word(4)? {
        INIT => answer(Ok(started(word(HEADER_IN)?, word(HEADER_IN + 4)?))),
        // Truncated or touched: nothing to do for it.
        GETATTR | SETATTR => answer(Ok(attributes())),
        // `struct fuse_open_in`: flags first. Who only reads does nothing, and finds nothing.
        OPEN if word(HEADER_IN)?.cast_signed() & libc::O_ACCMODE == libc::O_RDONLY => {
            answer(Ok(opened()))
        }
        OPEN => touch(Touch::Open),
        READ => answer(Err(libc::EIO)),
        WRITE => {
            // `struct fuse_write_in`: handle, offset, size, and more.
            let size = word(HEADER_IN + 16)? as usize;
            let start = HEADER_IN + 40;
            touch(Touch::Write(bytes.get(start..start + size)?.to_vec()))
        }
        STATFS => answer(Ok(vec![0; 80])),
        RELEASE | FLUSH | FSYNC => answer(Ok(Vec::new())),
        FORGET | BATCH_FORGET | INTERRUPT => Parsed::Silent,
        _ => answer(Err(libc::ENOSYS)),
    })
}

/// `struct fuse_open_out`: no handle; `FOPEN_DIRECT_IO`, so that each write comes here.
fn opened() -> Vec<u8> {
    numbers(&[0, 0, 1, 0])
}

/// `struct fuse_init_out`, for the version of the protocol that the kernel offers.
fn started(major: u32, minor: u32) -> Vec<u8> {
    // All that is used here is the same since 7.23, and the structure has its length since then.
    let minor = if major == 7 { minor.min(31) } else { 31 };
    let mut body = numbers(&[7, minor, 0, 0]);
    // `max_background` and `congestion_threshold`, two halves of a word.
    body.extend(numbers(&[0x0001_0001, LARGEST_WRITE, 1]));
    body.resize(64, 0);
    body
}

/// `struct fuse_attr_out`: good for a second, then `struct fuse_attr`.
fn attributes() -> Vec<u8> {
    let mut body = 1u64.to_ne_bytes().to_vec();
    body.extend([0; 8]);
    // Inode, size, blocks, three times.
    body.extend(ROOT.to_ne_bytes());
    body.extend([0; 40]);
    // Nanoseconds, three; mode, links, owner, group, device, size of a block, flags.
    body.extend(numbers(&[0, 0, 0, MODE, 1, 0, 0, 0, 4096, 0]));
    body
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(opcode: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER_IN + body.len()).unwrap();
        let mut bytes = numbers(&[length, opcode]);
        bytes.extend(7u64.to_ne_bytes());
        bytes.extend(ROOT.to_ne_bytes());
        bytes.extend(numbers(&[0, 0, 33, 0]));
        bytes.extend(body);
        bytes
    }

    #[test]
    fn a_write_has_a_writer_and_bytes() {
        let mut body = numbers(&[0, 0, 0, 0, 2, 0, 0, 0, 0, 0]);
        body.extend(b"u\n");
        let Some(Parsed::Touch(write)) = parse(&request(16, &body)) else { panic!() };
        assert_eq!((write.pid, write.touch), (33, Touch::Write(b"u\n".to_vec())));
        body.pop();
        assert!(parse(&request(16, &body)).is_none(), "less than it says");
        assert!(parse(&[]).is_none());
    }

    #[test]
    fn who_only_reads_tries_nothing() {
        let open = |flags: i32| parse(&request(14, &numbers(&[flags.cast_unsigned(), 0])));
        let Some(Parsed::Answer(7, Ok(opened))) = open(libc::O_RDONLY | libc::O_CLOEXEC) else {
            panic!()
        };
        assert_eq!(opened.len(), 16, "struct fuse_open_out");
        for flags in [libc::O_WRONLY, libc::O_RDWR] {
            let Some(Parsed::Touch(Request { touch: Touch::Open, .. })) = open(flags) else {
                panic!()
            };
        }
        // As of a file of procfs that has nothing to read.
        let read = parse(&request(15, &[0; 40]));
        assert!(matches!(read, Some(Parsed::Answer(7, Err(libc::EIO)))), "{read:?}");
    }

    #[test]
    fn a_look_is_answered_without_asking() {
        let Some(Parsed::Answer(7, Ok(attributes))) = parse(&request(3, &[0; 16])) else {
            panic!()
        };
        assert_eq!(attributes.len(), 16 + 88, "struct fuse_attr_out");
        let Some(Parsed::Answer(7, Ok(init))) = parse(&request(26, &numbers(&[7, 39, 0, 0])))
        else {
            panic!()
        };
        assert_eq!((init.len(), &init[..8]), (64, &numbers(&[7, 31])[..]), "struct fuse_init_out");
        assert!(matches!(parse(&request(22, &[])), Some(Parsed::Answer(7, Err(libc::ENOSYS)))));
        assert!(matches!(parse(&request(36, &[0; 8])), Some(Parsed::Silent)));
    }
}
