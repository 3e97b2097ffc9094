//! Whether a root file system can be booted, found out before anything is mounted.
//!
//! The kernel says "No such file or directory" for a missing init, for a missing interpreter and for
//! a missing library alike, and it says so inside the sandbox. Here each has a name of its own.

use std::io;
use std::path::{Path, PathBuf};

use super::init::{self, Init};
use super::problem::Problem;
use super::root::Root;
use crate::instance::FileKind;
use crate::path::{GuestPath, shown};

/// A root file system that cannot be booted.
#[derive(Debug, thiserror::Error)]
#[error("failed to boot from `{}`", shown(rootfs))]
pub struct PreflightError {
    /// Where it is.
    pub rootfs: PathBuf,
    /// What is wrong with it.
    #[source]
    pub problem: Problem,
}

impl PreflightError {
    /// What to do about it, where we know.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        self.problem.hint()
    }
}

/// Looks at a root file system, a directory, and finds its init.
///
/// Without a configured init it is the first that exists of `/sbin/init`, `/init`, `/etc/init` and
/// `/bin/init`. Reads headers only, and writes nothing; needs no privilege.
/// # Errors
/// Says what would keep it from booting: the directory itself, `/dev`, `/proc` or `/sys` that
/// cannot be mounted on, no init, or one that could not run for want of a permission, the right
/// machine, its interpreter or its libraries.
pub fn preflight(rootfs: &Path, configured: Option<&[String]>) -> Result<Init, PreflightError> {
    look(rootfs, configured)
        .map_err(|problem| PreflightError { rootfs: rootfs.to_owned(), problem })
}

fn look(rootfs: &Path, configured: Option<&[String]>) -> Result<Init, Problem> {
    let top = GuestPath::from("/");
    let root = Root::open(rootfs).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Problem::Missing,
        io::ErrorKind::NotADirectory => Problem::NotADirectory,
        _ => Problem::unreadable(&top)(error),
    })?;
    if root.is_empty().map_err(Problem::unreadable(&top))? {
        return Err(Problem::Empty);
    }
    for path in ["/dev", "/proc", "/sys"] {
        let path = GuestPath::from(path);
        match root.find_itself(&path).map_err(Problem::unreadable(&path))? {
            None | Some((FileKind::Directory, _)) => {}
            Some((kind, target)) => return Err(Problem::MountPoint { path, kind, target }),
        }
    }
    init::find(&root, configured)
}
