//! Files that are opened for writing.
//!
//! Most are files, and the kernel's to open. What stands for the machine is opened in pretence: the
//! caller gets a pipe, and what it writes there is recorded.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use rustix::fs::FileType;
use rustix::pipe::PipeFlags;

use super::Power;
use super::device::Device;
use super::file_system::{FileSystem, FileSystems};
use super::path::{Base, Looks, Target, end_of_links, guest_path_at};
use super::question::{Outcome, Question, Reply};
use crate::attempt::{Act, Answer, Caller, Class, DeviceKind, RebootCommand, Verdict};
use crate::path::GuestPath;

/// Below /proc/sys, and the instance's own, though the kernel lets only the host's root write them.
const OWN_SYSCTLS: [&[u8]; 2] = [b"kernel/hostname", b"kernel/domainname"];
/// Files that may be open in pretence at once: each is a descriptor of ours.
const OPEN: usize = 64;
/// Writes that are taken from one in one go: as many as its pipe holds, however large the guest has
/// made it.
const WRITES: usize = 256;

/// What was opened in pretence and is not closed yet.
#[derive(Debug, Default)]
pub(super) struct Files {
    pretended: Vec<Pretended>,
    /// The device of the mask's file system.
    mask: Option<(u32, u32)>,
}

#[derive(Debug)]
pub(super) struct Pretended {
    reader: OwnedFd,
    what: What,
    by: Caller,
    written: bool,
}

#[derive(Clone, Debug)]
enum What {
    Sysrq,
    Sysctl(GuestPath),
}

/// What was written to a file that was opened in pretence.
pub(super) struct Written {
    pub(super) act: Act,
    pub(super) verdict: Verdict,
    pub(super) by: Caller,
    pub(super) power: Option<Power>,
}

/// open(2), openat(2), openat2(2), creat(2), for writing.
pub(super) struct Open {
    pub(super) base: Base,
    pub(super) path: u64,
    pub(super) flags: u64,
}

impl Files {
    pub(super) fn new(mask: Option<(u32, u32)>) -> Self {
        Self { pretended: Vec::new(), mask }
    }

    pub(super) fn open(
        &mut self,
        question: &Question<'_>,
        open: Open,
        file_systems: &mut FileSystems,
    ) -> Result<Outcome, Errno> {
        let Open { base, path, flags } = open;
        let has = |flag: i32| flags & u64::from(flag.cast_unsigned()) != 0;
        // Writes nothing; or opens only what is not there yet, and then it is a file.
        if has(libc::O_PATH) || has(libc::O_CREAT) && has(libc::O_EXCL) {
            return Ok(Outcome::kernel());
        }
        // What we cannot read, the kernel can, or says why not.
        let Ok(bytes) = question.memory().text(path) else { return Ok(Outcome::kernel()) };
        let target = match Target::find(question, base, &bytes) {
            Ok(target) => target,
            Err(Errno::ENOENT) => {
                return self.open_missing(question, base, &bytes, flags, file_systems);
            }
            Err(_) => return Ok(Outcome::kernel()),
        };
        let Some(looks) = target.look() else { return Ok(Outcome::kernel()) };
        if matches!(looks.kind, FileType::CharacterDevice | FileType::BlockDevice) {
            return open_node(question, &target, &looks, has(libc::O_CLOEXEC));
        }
        if looks.kind == FileType::Fifo && target.path() == b"/proc/sysrq-trigger" {
            // Ours, and as it does not tell who writes, a pipe is better.
            return self.open_sysrq(question, flags);
        }
        if self.mask == Some(looks.device) && !is_root(question) {
            // The kernel refuses it without a word to the mask.
            return Ok(Outcome::refused(Act::Sysrq(Vec::new()), Errno::EACCES));
        }
        let file_system = file_systems.of(question.tid, looks.device);
        if !matches!(file_system, FileSystem::Proc | FileSystem::Sysfs) {
            return Ok(Outcome::kernel());
        }
        let Some(path) = target.path_in_file_system(question.tid) else {
            return Ok(Outcome::kernel());
        };
        match file_of_machine(file_system, &path) {
            Some(FileOfMachine::Sysrq) => self.open_sysrq(question, flags),
            Some(FileOfMachine::Sysctl(name)) => {
                // What belongs to a namespace belongs to its root.
                if looks.uid == 0 || OWN_SYSCTLS.contains(&name) {
                    return Ok(Outcome::kernel());
                }
                let path = [b"/proc", &path[..]].concat();
                self.open_sysctl(question, GuestPath::from(OsStr::from_bytes(&path)), flags)
            }
            Some(FileOfMachine::Suspend) => {
                Ok(Outcome::refused(Act::Reboot(RebootCommand::Suspend), Errno::EACCES))
            }
            None => Ok(Outcome::kernel()),
        }
    }

    /// A name that leads to nothing: sysrq, where the kernel was built without it.
    fn open_missing(
        &mut self,
        question: &Question<'_>,
        base: Base,
        bytes: &[u8],
        flags: u64,
        file_systems: &mut FileSystems,
    ) -> Result<Outcome, Errno> {
        const NAME: &[u8] = b"/sysrq-trigger";
        let path = guest_path_at(question, base, bytes);
        let end = end_of_links(question, path.as_bytes());
        let path = end.as_deref().unwrap_or(path.as_bytes());
        let Some(directory) = path.strip_suffix(NAME) else {
            return Ok(Outcome::kernel());
        };
        let found = Target::find(question, Base::WorkingDirectory, directory).ok();
        match found.and_then(|found| found.look()) {
            Some(looks) if file_systems.of(question.tid, looks.device) == FileSystem::Proc => {
                self.open_sysrq(question, flags)
            }
            _ => Ok(Outcome::kernel()),
        }
    }

    fn open_sysrq(&mut self, question: &Question<'_>, flags: u64) -> Result<Outcome, Errno> {
        let unseen = Act::Sysrq(Vec::new());
        if !is_root(question) || question.instance.policy.answer(Class::Sysrq) == Answer::Refuse {
            return Ok(Outcome::refused(unseen, Errno::EACCES));
        }
        self.pretend(question, What::Sysrq, flags)
    }

    fn open_sysctl(
        &mut self,
        question: &Question<'_>,
        path: GuestPath,
        flags: u64,
    ) -> Result<Outcome, Errno> {
        if !is_root(question) || question.instance.policy.answer(Class::Sysctl) == Answer::Refuse {
            return Ok(Outcome::refused(Act::Sysctl { path, value: None }, Errno::EACCES));
        }
        self.pretend(question, What::Sysctl(path), flags)
    }

    fn pretend(
        &mut self,
        question: &Question<'_>,
        what: What,
        flags: u64,
    ) -> Result<Outcome, Errno> {
        if self.pretended.len() >= OPEN {
            return Err(Errno::ENFILE);
        }
        // Of packets, one for each write: sysrq takes the first byte of each.
        let pipe = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::DIRECT);
        let (reader, file) = pipe.map_err(|errno| Errno::from_raw(errno.raw_os_error()))?;
        // Ours alone: the other end belongs to an open file of its own.
        rustix::io::ioctl_fionbio(&reader, true)
            .map_err(|errno| Errno::from_raw(errno.raw_os_error()))?;
        let by = question.caller();
        self.pretended.push(Pretended { reader, what, by, written: false });
        let cloexec = flags & libc::O_CLOEXEC.cast_unsigned() as u64 != 0;
        Ok(Outcome::plain(Reply::File { file, cloexec }))
    }

    pub(super) fn polled(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.pretended.iter().map(|file| file.reader.as_fd())
    }

    /// What has been written since the last time.
    pub(super) fn written(&mut self) -> Vec<Written> {
        let mut all = Vec::new();
        self.pretended.retain_mut(|file| {
            let mut bytes = [0; 4096];
            for _ in 0..WRITES {
                match rustix::io::read(&file.reader, &mut bytes) {
                    Ok(0) => {
                        // Opened and closed. Of a sysctl nobody knows what for; sysrq takes bytes.
                        if !file.written
                            && let What::Sysctl(path) = &file.what
                        {
                            let act = Act::Sysctl { path: path.clone(), value: None };
                            all.push(file.recorded(act, Verdict::Pretended, None));
                        }
                        return false;
                    }
                    Ok(length) => {
                        file.written = true;
                        all.push(file.taken(&bytes[..length]));
                    }
                    Err(rustix::io::Errno::INTR) => {}
                    Err(_) => return true,
                }
            }
            true
        });
        all
    }
}

impl Pretended {
    fn taken(&self, bytes: &[u8]) -> Written {
        match &self.what {
            What::Sysrq => {
                let (verdict, power) = sysrq(bytes);
                self.recorded(Act::Sysrq(bytes.to_vec()), verdict, power)
            }
            What::Sysctl(path) => {
                let act = Act::Sysctl { path: path.clone(), value: Some(bytes.to_vec()) };
                self.recorded(act, Verdict::Pretended, None)
            }
        }
    }

    fn recorded(&self, act: Act, verdict: Verdict, power: Option<Power>) -> Written {
        Written { act, verdict, by: self.by.clone(), power }
    }
}

/// What bytes for sysrq do: the kernel's sysrq document. It takes the first of each write.
pub(super) fn sysrq(bytes: &[u8]) -> (Verdict, Option<Power>) {
    let power = match bytes.first() {
        Some(b'b') => Power::Restart,
        Some(b'o') => Power::Off,
        Some(b'c') => Power::Crash,
        _ => return (Verdict::Pretended, None),
    };
    (Verdict::Emulated, Some(power))
}

/// A device's node: one of the instance's own, or one that stands for the machine's.
fn open_node(
    question: &Question<'_>,
    target: &Target,
    looks: &Looks,
    cloexec: bool,
) -> Result<Outcome, Errno> {
    let kind = match looks.kind {
        FileType::CharacterDevice => DeviceKind::Character,
        _ => DeviceKind::Block,
    };
    let number = looks.number;
    let path = target.path();
    let path = GuestPath::from(OsStr::from_bytes(&path));
    match Device::at(&path.0) {
        Some(Device::Watchdog) => {
            let act = Act::OpenWatchdog { path };
            let mut outcome = question.decide(act, Errno::EACCES);
            if matches!(outcome.reply, Reply::Value(_)) {
                outcome.reply = Reply::Kernel;
            }
            return Ok(outcome);
        }
        Some(Device::Clock) => return Ok(Outcome::kernel()),
        None => {}
    }
    let own = match (kind, number) {
        // null, zero, full, random, urandom; tty, console, ptmx; pseudoterminals.
        (DeviceKind::Character, (1, 3 | 5 | 7 | 8 | 9) | (5, 0..=2) | (136..=143, _)) => true,
        // A whiteout.
        (DeviceKind::Character, (0, 0)) => true,
        _ => false,
    };
    if own {
        return Ok(Outcome::kernel());
    }
    let mut outcome = question.decide(Act::OpenDevice { path, kind, number }, Errno::EACCES);
    if matches!(outcome.reply, Reply::Value(_)) {
        let null =
            rustix::fs::open("/dev/null", rustix::fs::OFlags::RDWR, rustix::fs::Mode::empty());
        let file = null.map_err(|errno| Errno::from_raw(errno.raw_os_error()))?;
        outcome.reply = Reply::File { file, cloexec };
    }
    Ok(outcome)
}

fn is_root(question: &Question<'_>) -> bool {
    question.status().is_some_and(super::caller::Status::is_root)
}

/// A file that stands for the machine.
#[derive(Debug, PartialEq, Eq)]
enum FileOfMachine<'a> {
    Sysrq,
    /// With its path below `sys`.
    Sysctl(&'a [u8]),
    Suspend,
}

/// By its path in its file system.
fn file_of_machine(file_system: FileSystem, path: &[u8]) -> Option<FileOfMachine<'_>> {
    match (file_system, path) {
        (FileSystem::Proc, b"/sysrq-trigger") => Some(FileOfMachine::Sysrq),
        (FileSystem::Proc, _) => path.strip_prefix(b"/sys/").map(FileOfMachine::Sysctl),
        (FileSystem::Sysfs, b"/power/state") => Some(FileOfMachine::Suspend),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::filter::Abi;
    use crate::sandbox::notify::question::tests::asked;

    /// open(2): with O_PATH "the file itself is not opened", and O_EXCL with O_CREAT opens none that is
    /// there.
    #[test]
    fn who_cannot_write_by_it_opens_nothing_of_the_machine() {
        let path = c"/proc/sysrq-trigger";
        let is_attempt = |flags: i32| {
            let open = Open {
                base: Base::WorkingDirectory,
                path: path.as_ptr().expose_provenance() as u64,
                flags: u64::from(flags.cast_unsigned()),
            };
            asked(Abi::Bits64, [0; 6], true, |asked| {
                let outcome = Files::default().open(asked, open, &mut FileSystems::default());
                outcome.unwrap().attempt.is_some()
            })
        };
        assert!(is_attempt(libc::O_WRONLY));
        assert!(is_attempt(libc::O_RDWR | libc::O_CREAT | libc::O_CLOEXEC));
        assert!(!is_attempt(libc::O_WRONLY | libc::O_PATH));
        assert!(!is_attempt(libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL));
    }

    #[test]
    fn a_file_of_the_machine_is_known() {
        let sysctl = |name: &'static str| Some(FileOfMachine::Sysctl(name.as_bytes()));
        for (file_system, path, expected) in [
            (FileSystem::Proc, "/sysrq-trigger", Some(FileOfMachine::Sysrq)),
            (FileSystem::Proc, "/sys/kernel/panic", sysctl("kernel/panic")),
            (FileSystem::Proc, "/1/oom_score_adj", None),
            (FileSystem::Sysfs, "/power/state", Some(FileOfMachine::Suspend)),
            (FileSystem::Sysfs, "/devices/x/power/state", None),
            (FileSystem::Sysfs, "/sysrq-trigger", None),
        ] {
            assert_eq!(file_of_machine(file_system, path.as_bytes()), expected, "{path}");
        }
    }

    #[test]
    fn the_first_byte_of_a_write_is_what_sysrq_does() {
        for (bytes, power) in [
            ("b", Some(Power::Restart)),
            ("o\n", Some(Power::Off)),
            ("c", Some(Power::Crash)),
            ("u\n", None),
            ("sub", None),
            ("\nb", None),
            ("", None),
        ] {
            assert_eq!(sysrq(bytes.as_bytes()).1, power, "{bytes:?}");
        }
    }
}
