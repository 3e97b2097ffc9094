//! A root file system as its firmware would see it, looked at before there is any firmware.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Component, Path};

use rustix::fs::{CWD, Dir, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::Unusable;
use crate::instance::FileKind;
use crate::path::GuestPath;

/// The directory of a root file system. Every link in it stays in it: openat2(2), RESOLVE_IN_ROOT.
pub(super) struct Root(OwnedFd);

/// A file that was found, whatever links led to it.
pub(super) struct Found {
    file: OwnedFd,
    stat: Stat,
}

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::openat(CWD, path, flags, Mode::empty())?))
    }

    pub(super) fn is_empty(&self) -> io::Result<bool> {
        Ok(self.names(&GuestPath::from("/"))?.is_empty())
    }

    /// The names in a directory, in no order.
    pub(super) fn names(&self, directory: &GuestPath) -> io::Result<Vec<OsString>> {
        let directory = self.open_at(directory, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut names = Vec::new();
        for entry in Dir::new(directory)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        Ok(names)
    }

    /// What is at `path`, links followed.
    pub(super) fn find(&self, path: &GuestPath) -> Result<Found, Unusable> {
        match self.look(path, OFlags::empty()) {
            Ok(found) => Ok(found),
            Err(Errno::NOENT | Errno::NOTDIR) => Err(self.why_missing(path)),
            Err(Errno::LOOP) => Err(Unusable::LinkLoop),
            Err(error) => Err(Unusable::Unreadable(error.into())),
        }
    }

    /// What is at `path`, links followed, if anything is; quicker than [`Self::find`] to say that
    /// nothing is.
    pub(super) fn find_if_any(&self, path: &GuestPath) -> Option<Found> {
        self.look(path, OFlags::empty()).ok()
    }

    /// What is at `path`, if anything: a link in its last component is not followed, and its target
    /// comes along.
    pub(super) fn find_itself(
        &self,
        path: &GuestPath,
    ) -> io::Result<Option<(FileKind, Option<GuestPath>)>> {
        let found = match self.look(path, OFlags::NOFOLLOW) {
            Ok(found) => found,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let kind = found.kind();
        let target = (kind == FileKind::Symlink).then(|| target(&found.file)).transpose()?;
        Ok(Some((kind, target)))
    }

    /// Opens a regular file for reading.
    pub(super) fn open_file(&self, path: &GuestPath) -> io::Result<File> {
        // NONBLOCK: between the look and the opening it may have become a FIFO.
        Ok(self.open_at(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?.into())
    }

    /// A file's bytes, at most `limit`.
    pub(super) fn read(&self, path: &GuestPath, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open_file(path)?.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The path of what was found at `path`, without the links that led to it.
    pub(super) fn real_path(&self, path: &GuestPath, found: &Found) -> GuestPath {
        let host = |descriptor: &OwnedFd| {
            std::fs::read_link(format!("/proc/self/fd/{}", descriptor.as_raw_fd())).ok()
        };
        let inside = host(&self.0).zip(host(&found.file)).and_then(|(root, file)| {
            file.strip_prefix(root).map(|rest| Path::new("/").join(rest).into_os_string()).ok()
        });
        inside.map_or_else(|| path.clone(), GuestPath)
    }

    /// Names the link that leads nowhere, if one is to blame.
    fn why_missing(&self, path: &GuestPath) -> Unusable {
        let mut link = GuestPath::from("/");
        for component in Path::new(&path.0).components() {
            let Component::Normal(name) = component else { continue };
            link = link.join(name);
            match (self.find_itself(&link), self.look(&link, OFlags::empty())) {
                (Ok(Some(_)), Ok(_)) => {}
                (Ok(Some((FileKind::Symlink, Some(target)))), Err(_)) => {
                    let on_the_way = (link != *path).then_some(link);
                    return Unusable::Dangling { on_the_way, target };
                }
                _ => break,
            }
        }
        Unusable::Missing
    }

    fn look(&self, path: &GuestPath, extra: OFlags) -> Result<Found, Errno> {
        let file = self.open_at(path, OFlags::PATH | extra)?;
        let stat = rustix::fs::fstat(&file)?;
        Ok(Found { file, stat })
    }

    fn open_at(&self, path: &GuestPath, flags: OFlags) -> Result<OwnedFd, Errno> {
        crate::path::open_in_root(&self.0, &path.0, flags | OFlags::CLOEXEC)
    }
}

impl Found {
    pub(super) fn kind(&self) -> FileKind {
        FileKind::of_mode(self.stat.st_mode)
    }

    /// Permission bits with setuid, setgid and sticky.
    pub(super) fn mode(&self) -> u32 {
        self.stat.st_mode & 0o7777
    }
}

/// What the kernel reads of a file to find out how to run it: `BINPRM_BUF_SIZE`.
const HEAD: usize = 256;

/// The first bytes of a file, without moving the place where it is read.
pub(super) fn head(file: &File) -> io::Result<Vec<u8>> {
    let mut head = vec![0; HEAD];
    let length = file.read_at(&mut head, 0)?;
    head.truncate(length);
    Ok(head)
}

fn target(link: &OwnedFd) -> io::Result<GuestPath> {
    let target = rustix::fs::readlinkat(link, "", Vec::new())?;
    Ok(GuestPath::from(OsStr::from_bytes(target.as_bytes())))
}
