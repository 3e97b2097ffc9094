//! What a path in a call leads to.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, StatxAttributes, StatxFlags};

use super::question::Question;
use crate::path::GuestPath;

/// What a relative path begins at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    WorkingDirectory,
    /// An open directory of the caller's.
    Directory(i32),
}

impl Base {
    pub(super) fn of(descriptor: i32) -> Self {
        match descriptor {
            libc::AT_FDCWD => Self::WorkingDirectory,
            other => Self::Directory(other),
        }
    }
}

/// The path at an address, as an absolute one.
pub(super) fn guest_path(question: &Question<'_>, address: u64) -> Result<GuestPath, Errno> {
    let bytes = question.memory().text(address)?;
    Ok(guest_path_at(question, Base::WorkingDirectory, &bytes))
}

/// A path as an absolute one, by name alone: nothing on the way is looked at.
pub(super) fn guest_path_at(question: &Question<'_>, base: Base, bytes: &[u8]) -> GuestPath {
    GuestPath::from(OsStr::from_bytes(&absolute(question.tid, base, bytes)))
}

fn absolute(tid: i32, base: Base, bytes: &[u8]) -> Vec<u8> {
    if bytes.starts_with(b"/") {
        return bytes.to_vec();
    }
    let link = |path: &str| fs::read_link(path).unwrap_or_default().into_os_string();
    let base = match base {
        Base::WorkingDirectory => link(&format!("/proc/{tid}/cwd")),
        Base::Directory(number) => link(&format!("/proc/{tid}/fd/{number}")),
    };
    // In the terms of the mount namespace; a caller that has changed its root has fewer of them.
    let root = link(&format!("/proc/{tid}/root"));
    let base = match base.as_bytes().strip_prefix(root.as_bytes()) {
        Some(below) if root != "/" => below,
        _ => base.as_bytes(),
    };
    let mut path = base.to_vec();
    if !bytes.is_empty() {
        path.push(b'/');
        path.extend_from_slice(bytes);
    }
    path
}

/// What procfs says of whoever asks is something else to us.
fn callers_own(question: &Question<'_>, path: Vec<u8>) -> Vec<u8> {
    let Some(status) = question.status() else { return path };
    if let Some(rest) = path.strip_prefix(b"/proc/self/") {
        return [format!("/proc/{}/", status.pid).as_bytes(), rest].concat();
    }
    if let Some(rest) = path.strip_prefix(b"/proc/thread-self/") {
        let thread = format!("/proc/{}/task/{}/", status.pid, status.thread);
        return [thread.as_bytes(), rest].concat();
    }
    path
}

/// Where the link at `path` leads in the end, whether there is something or not; `None` where it is
/// no link.
pub(super) fn end_of_links(question: &Question<'_>, path: &[u8]) -> Option<Vec<u8>> {
    /// The kernel follows more; nobody makes as many.
    const LINKS: usize = 8;
    let follow = |path: &Vec<u8>| {
        let link = Target::open(question.tid, path, OFlags::NOFOLLOW).ok()?;
        let text = rustix::fs::readlinkat(&link.0, "", Vec::new()).ok()?.into_bytes();
        if text.starts_with(b"/") {
            return Some(callers_own(question, text));
        }
        let name = path.iter().rposition(|byte| *byte == b'/')? + 1;
        Some([&path[..name], &text].concat())
    };
    std::iter::successors(Some(path.to_vec()), follow).skip(1).take(LINKS).last()
}

/// What a path leads to, links followed as for the caller. Nothing is opened that could act.
pub(super) struct Target(OwnedFd);

impl Target {
    pub(super) fn find(question: &Question<'_>, base: Base, bytes: &[u8]) -> Result<Self, Errno> {
        if bytes.is_empty() {
            return Err(Errno::ENOENT);
        }
        let path = callers_own(question, absolute(question.tid, base, bytes));
        match Self::at(question.tid, &path) {
            // Or by a link that says "self".
            Err(Errno::ENOENT) => match end_of_links(question, &path) {
                Some(end) => Self::at(question.tid, &end),
                None => Err(Errno::ENOENT),
            },
            found => found,
        }
    }

    /// By an absolute path of the process's.
    pub(super) fn at(tid: i32, path: &[u8]) -> Result<Self, Errno> {
        Self::open(tid, path, OFlags::empty())
    }

    fn open(tid: i32, path: &[u8], flags: OFlags) -> Result<Self, Errno> {
        let root = rustix::fs::open(
            format!("/proc/{tid}/root"),
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map_err(errno)?;
        let path = Path::new(OsStr::from_bytes(path));
        let flags = flags | OFlags::PATH | OFlags::CLOEXEC;
        let found = match crate::path::open_in_root(&root, path, flags) {
            // On the way is a link of procfs that leads anywhere, such as /proc/1/root.
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::XDEV) => {
                let below = path.strip_prefix("/").unwrap_or(path);
                rustix::fs::openat(&root, below, flags, Mode::empty())
            }
            other => other,
        };
        found.map(Self).map_err(errno)
    }

    /// What is known of it without asking whoever serves its file system.
    pub(super) fn look(&self) -> Option<Looks> {
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        let wanted = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
        let statx = rustix::fs::statx(&self.0, "", flags, wanted).ok()?;
        Some(Looks {
            kind: FileType::from_raw_mode(statx.stx_mode.into()),
            uid: statx.stx_uid,
            device: (statx.stx_dev_major, statx.stx_dev_minor),
            number: (statx.stx_rdev_major, statx.stx_rdev_minor),
            mount: statx.stx_mnt_id,
            is_mount: statx.stx_attributes.contains(StatxAttributes::MOUNT_ROOT),
        })
    }

    /// Its path, as the mount namespace has it.
    pub(super) fn path(&self) -> Vec<u8> {
        let link = fs::read_link(format!("/proc/self/fd/{}", self.0.as_raw_fd()));
        link.unwrap_or_default().into_os_string().as_bytes().to_vec()
    }

    /// Its path from the root of its file system: what it is, wherever that is mounted, and though
    /// it be bound by another name.
    pub(super) fn path_in_file_system(&self, tid: i32) -> Option<Vec<u8>> {
        let mount = self.look()?.mount;
        let mounts = fs::read(format!("/proc/{tid}/mountinfo")).ok()?;
        let found = mounts.split(|byte| *byte == b'\n').find_map(|line| mount_of(line, mount));
        let (root, point) = found?;
        Some(below(&root, &point, &self.path()))
    }
}

/// Root and mount point, if a line of proc_pid_mountinfo(5) is about that mount.
fn mount_of(line: &[u8], mount: u64) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut fields = line.split(|byte| *byte == b' ');
    let id = std::str::from_utf8(fields.next()?).ok()?;
    if id.parse() != Ok(mount) {
        return None;
    }
    Some((unescaped(fields.nth(2)?), unescaped(fields.next()?)))
}

/// Blanks and their like are octal in there: `\040`.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if *first == b'\\' => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}

/// A path below a mount point, from the root of the mounted file system.
fn below(root: &[u8], point: &[u8], path: &[u8]) -> Vec<u8> {
    let trimmed = |path: &[u8]| path.strip_suffix(b"/").unwrap_or(path).to_vec();
    let rest = path.strip_prefix(&trimmed(point)[..]).unwrap_or(path);
    let whole = [&trimmed(root)[..], rest].concat();
    if whole.is_empty() { b"/".to_vec() } else { whole }
}

/// statx(2), as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Looks {
    pub(super) kind: FileType,
    pub(super) uid: u32,
    /// Of the file system that it is on.
    pub(super) device: (u32, u32),
    /// That it stands for, where it is a node.
    pub(super) number: (u32, u32),
    mount: u64,
    is_mount: bool,
}

impl Looks {
    /// The mount that it is the root of.
    pub(super) fn mount(&self) -> Option<u64> {
        self.is_mount.then_some(self.mount)
    }
}

fn errno(errno: rustix::io::Errno) -> Errno {
    Errno::from_raw(errno.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_place_in_its_file_system() {
        let check = |line: &str, path: &str, expected: &str| {
            let (root, point) = mount_of(line.as_bytes(), 36).unwrap();
            let found = below(&root, &point, path.as_bytes());
            assert_eq!(String::from_utf8(found).unwrap(), expected);
        };
        let rest = "rw,noatime - proc proc rw";
        check(&format!("36 35 0:22 / /proc {rest}"), "/proc/sys/kernel/panic", "/sys/kernel/panic");
        check(&format!("36 35 0:22 / /a\\040b {rest}"), "/a b/sysrq-trigger", "/sysrq-trigger");
        check(&format!("36 35 0:22 /sys/kernel/panic /x {rest}"), "/x", "/sys/kernel/panic");
        check(&format!("36 35 0:22 /sys /mnt {rest}"), "/mnt/kernel/panic", "/sys/kernel/panic");
        check(&format!("36 35 0:22 / / {rest}"), "/sysrq-trigger", "/sysrq-trigger");
        check(&format!("36 35 0:22 / /proc {rest}"), "/proc", "/");
        assert_eq!(mount_of(b"35 1 0:22 / / rw", 36), None);
        assert_eq!(mount_of(b"", 36), None);
    }
}
