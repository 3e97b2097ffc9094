//! One name of one layer, looked at.

use std::ffi::{CStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use rustix::fs::{AtFlags, Mode, OFlags, Statx, StatxFlags, openat, readlinkat, statx};
use rustix::io::Errno;

use super::change::Entry;
use super::content::{OpenFile, Version};
use super::error::{During, Fault, Op};
use super::layer::{Facts, Seen, seen};
use super::xattr::{self, Xattrs};
use crate::instance::FileKind;
use crate::path::GuestPath;

/// What a name of one layer stands for.
#[derive(Debug)]
pub(super) struct Look {
    /// Without content; extended attributes and link target once [`Look::complete`] has them.
    entry: Entry,
    xattrs: Xattrs,
    /// A regular file, open.
    file: Option<OpenFile>,
    version: Version,
}

impl Look {
    /// What stat tells of `name`; `None` where there is none.
    pub(super) fn stat(directory: BorrowedFd<'_>, name: &CStr) -> Result<Option<Self>, Fault> {
        match statx(directory, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS) {
            Ok(stat) => Ok(Some(Self::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(Fault { op: Op::Stat, errno }),
        }
    }

    /// All but the content of what is believed to be a regular file; one system call cheaper than
    /// `stat` and `complete`.
    pub(super) fn file(directory: BorrowedFd<'_>, name: &CStr) -> Result<Self, Fault> {
        let file = open_file(directory, name)?;
        let mut look = Self::of(&stat_open(file.as_fd())?);
        if look.entry.kind != FileKind::File {
            // Replaced since it was listed.
            return Err(Fault { op: Op::Open, errno: Errno::STALE });
        }
        look.opened(file)?;
        Ok(look)
    }

    fn opened(&mut self, fd: OwnedFd) -> Result<(), Fault> {
        self.xattrs = xattr::read(fd.as_fd()).during(Op::ReadXattr)?;
        self.file = Some(OpenFile { fd, version: self.version });
        Ok(())
    }

    /// An open directory.
    pub(super) fn directory(directory: BorrowedFd<'_>) -> Result<Self, Fault> {
        let mut look = Self::of(&stat_open(directory)?);
        look.xattrs = xattr::read(directory).during(Op::ReadXattr)?;
        Ok(look)
    }

    /// Learns what stat does not tell.
    pub(super) fn complete(&mut self, directory: BorrowedFd<'_>, name: &CStr) -> Result<(), Fault> {
        match self.entry.kind {
            FileKind::File => self.opened(open_file(directory, name)?)?,
            FileKind::Symlink => {
                let target = readlinkat(directory, name, Vec::new()).during(Op::ReadLink)?;
                self.entry.target = Some(GuestPath(OsString::from_vec(target.into_bytes())));
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn seen(&self) -> Seen {
        let Entry { kind, size, device, .. } = self.entry;
        seen(Facts { kind, size, device: device.unwrap_or_default() }, &self.xattrs.marks)
    }

    pub(super) fn xattrs(&self) -> &Xattrs {
        &self.xattrs
    }

    pub(super) fn kind(&self) -> FileKind {
        self.entry.kind
    }

    pub(super) fn size(&self) -> u64 {
        self.entry.size
    }

    /// As a change has it, but for the content, which is in the file.
    pub(super) fn into_parts(self) -> (Entry, Option<OpenFile>) {
        (Entry { xattrs: self.xattrs.guest, ..self.entry }, self.file)
    }

    fn of(stat: &Statx) -> Self {
        let mode = u32::from(stat.stx_mode);
        let kind = FileKind::of_mode(mode);
        let device = matches!(kind, FileKind::CharDevice | FileKind::BlockDevice)
            .then_some((stat.stx_rdev_major, stat.stx_rdev_minor));
        let entry = Entry {
            kind,
            mode: mode & 0o7777,
            uid: stat.stx_uid,
            gid: stat.stx_gid,
            size: if kind == FileKind::File { stat.stx_size } else { 0 },
            content: None,
            target: None,
            device,
            xattrs: Vec::new(),
        };
        Self { entry, xattrs: Xattrs::default(), file: None, version: Version::of(stat) }
    }
}

/// Opens a directory for listing; a link to one is none.
pub(super) fn open_directory(
    directory: BorrowedFd<'_>,
    name: &CStr,
) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty())
}

/// Only for what was a regular file a moment ago. Should it be a FIFO by now, NONBLOCK keeps the
/// open from waiting for a writer.
fn open_file(directory: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Fault> {
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty()).during(Op::Open)
}

fn stat_open(fd: BorrowedFd<'_>) -> Result<Statx, Fault> {
    statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS).during(Op::Stat)
}
