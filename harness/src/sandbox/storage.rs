//! Storage: where what an instance writes goes.
//!
//! * **memory**: a tmpfs of the instance's own, of limited size. The ordinary case.
//! * **disk**: a directory of the instance's own, in the user's cache: for a firmware that writes
//!   more than memory should hold, and where tmpfs lacks the attributes in which overlayfs keeps its
//!   marks (before Linux 6.6). It has no limit: that would take project quotas.
//!
//! A directory has a name on the host, and its files are the guest's ids'. It is locked as long as
//! the harness or the keeper has it open. The keeper empties it when the instance has ended, and the
//! harness removes it; what a SIGKILL has left, without a lock, the next run removes.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, XattrFlags};

use crate::firmware::{CacheError, cache_directory};
use crate::path::shown;

/// A firmware that is to write to disk cannot.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// Nothing says where the user's cache is.
    #[error(transparent)]
    Nowhere(#[from] CacheError),
    /// It is on a file system that cannot be an upper layer, or is none of a disk.
    #[error(
        "failed to put an upper layer into `{}`: it is on {kind}, and that takes ext4, xfs or btrfs",
        shown(path)
    )]
    Unfit {
        /// The directory.
        path: PathBuf,
        /// The name of its file system.
        kind: String,
    },
    /// A directory there could not be had.
    #[error("failed to {op} `{}`", shown(path))]
    Io {
        /// What failed.
        op: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl DiskError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Nowhere(error) => error.hint(),
            Self::Unfit { .. } => Some("`XDG_CACHE_HOME` names another place"),
            Self::Io { .. } => None,
        }
    }
}

fn failed(op: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DiskError {
    let path = path.to_owned();
    move |source| DiskError::Io { op, path, source }
}

/// An instance's directory on disk.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) path: PathBuf,
    /// Locked, in the keeper too.
    pub(crate) directory: OwnedFd,
}

impl Disk {
    /// Makes one.
    pub(crate) fn make() -> Result<Self, DiskError> {
        let place = place()?;
        let pid = std::process::id();
        for number in 0_u64.. {
            // Another pid namespace may have our number as well.
            let path = place.join(format!("{pid}-{number}"));
            match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                other => other.map_err(failed("create", &path))?,
            }
            let locked = open(&path).and_then(|directory| {
                rustix::fs::flock(&directory, FlockOperation::LockExclusive)?;
                Ok(directory)
            });
            match locked {
                // Unless another run has taken it for a dead one's before it was locked.
                Ok(directory) if path.is_dir() => return Ok(Self { path, directory }),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed("open", &path)(error)),
            }
        }
        unreachable!("there are fewer names than numbers");
    }

    /// Makes a user of the host, the guest's root, its owner.
    pub(crate) fn give(&self, (uid, gid): (u32, u32)) -> Result<(), DiskError> {
        let (uid, gid) = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(gid));
        rustix::fs::fchown(&self.directory, Some(uid), Some(gid))
            .map_err(io::Error::from)
            .map_err(failed("change the owner of", &self.path))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Its keeper has emptied it; where that was killed, `sweep` does both.
        let _ = fs::remove_dir(&self.path);
    }
}

/// A directory on disk, as the launcher and the keeper have it.
pub(crate) struct Room {
    /// The same that the harness has locked.
    pub(crate) directory: OwnedFd,
    /// The same as a mount of its own.
    pub(crate) mount: OwnedFd,
}

/// Removes the directories of instances that are dead, which is when nobody has them locked.
/// `clear` removes what is in one, whatever ids of the guest have it.
pub(crate) fn sweep(clear: impl Fn(&Path) -> io::Result<()>) {
    let Ok(place) = directory() else { return };
    let Ok(entries) = fs::read_dir(place) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let Ok(directory) = open(&path) else { continue };
        if rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        // Root may, and who has one id; else the rest of it is subordinate ids'.
        if fs::remove_dir_all(&path).is_err() && clear(&path).is_ok() {
            let _ = fs::remove_dir(&path);
        }
    }
}

/// The file system that directories on disk are on, where instances can have some.
pub(crate) fn place() -> Result<PathBuf, DiskError> {
    let path = directory()?;
    fs::create_dir_all(&path).map_err(failed("create", &path))?;
    match kind(&path).map_err(failed("look at", &path))? {
        Kind::Fit => Ok(path),
        Kind::Unfit(kind) => Err(DiskError::Unfit { path, kind }),
    }
}

fn directory() -> Result<PathBuf, CacheError> {
    Ok(cache_directory()?.join("uppers"))
}

enum Kind {
    Fit,
    Unfit(String),
}

/// By the numbers of statfs(2).
fn kind(path: &Path) -> io::Result<Kind> {
    let number = rustix::fs::statfs(path)?.f_type as u64 & 0xffff_ffff;
    Ok(match number {
        // ext4, xfs, btrfs.
        0xef53 | 0x5846_5342 | 0x9123_683e => Kind::Fit,
        0x0102_1994 => Kind::Unfit("tmpfs".to_owned()),
        0x794c_7630 => Kind::Unfit("overlayfs".to_owned()),
        0x6969 => Kind::Unfit("NFS".to_owned()),
        0x6573_5546 => Kind::Unfit("FUSE".to_owned()),
        0x2fc1_2fc1 => Kind::Unfit("ZFS".to_owned()),
        other => Kind::Unfit(format!("a file system of type {other:#x}")),
    })
}

/// Whether overlayfs can keep its marks on the tmpfs that has this directory.
pub(crate) fn has_user_attributes(directory: &str) -> bool {
    rustix::fs::setxattr(directory, "user.fwtest", b"", XattrFlags::empty()).is_ok()
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
}

/// Whether two descriptors are of one directory.
pub(crate) fn are_same(one: impl AsFd, other: impl AsFd) -> io::Result<bool> {
    let (one, other) = (rustix::fs::fstat(one)?, rustix::fs::fstat(other)?);
    Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}
