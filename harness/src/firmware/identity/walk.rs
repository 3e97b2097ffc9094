//! Every name of a firmware's tree, in an order of its own.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Statx, StatxFlags, openat, statx};

use super::error::{At, IdentityError};
use crate::diff::{Descent, below, names};

/// A name, and what stat tells of it.
pub(super) struct Node<'a> {
    pub(super) directory: BorrowedFd<'a>,
    pub(super) name: &'a CStr,
    /// Below the root, without a slash at either end; empty for the root.
    pub(super) path: &'a [u8],
    pub(super) stat: Statx,
}

impl Node<'_> {
    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.stx_mode.into())
    }
}

/// Visits the root, then the names of each directory, sorted, before those below them.
pub(super) fn walk(
    root: BorrowedFd<'_>,
    mut visit: impl FnMut(&Node<'_>) -> Result<(), IdentityError>,
) -> Result<(), IdentityError> {
    // A descriptor of our own: the caller's may have been listed before.
    let root = open(root, c".", b"")?;
    let stat = stat(root.as_fd(), c".", b"")?;
    visit(&Node { directory: root.as_fd(), name: c".", path: b"", stat })?;
    let mut list = |directory: BorrowedFd<'_>, path: &[u8]| {
        let mut subdirectories = Vec::new();
        for name in names(directory).at("list", path)? {
            let name = name.name;
            let path = below(path, &name);
            let stat = self::stat(directory, &name, &path)?;
            let node = Node { directory, name: &name, path: &path, stat };
            visit(&node)?;
            if node.kind() == FileType::Directory {
                subdirectories.push(name);
            }
        }
        Ok(subdirectories)
    };
    let subdirectories = list(root.as_fd(), b"")?;
    let mut descent = Descent::new(root, subdirectories);
    while let Some(directory) =
        descent.next(|parent, name, path| open(parent.as_fd(), name, path).map(Some))?
    {
        let subdirectories = list(directory.directory.as_fd(), &directory.path)?;
        descent.descend(directory, subdirectories);
    }
    Ok(())
}

fn open(directory: BorrowedFd<'_>, name: &CStr, path: &[u8]) -> Result<OwnedFd, IdentityError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty()).at("open", path)
}

fn stat(directory: BorrowedFd<'_>, name: &CStr, path: &[u8]) -> Result<Statx, IdentityError> {
    statx(directory, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS).at("stat", path)
}
