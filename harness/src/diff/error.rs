//! What the walk could not do.

use std::fmt;
use std::io;

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::path::GuestPath;

/// The layers could not be compared. Crosses from the process that walks to the one that asked as
/// the operation, the path and the errno.
#[derive(Debug, thiserror::Error, Serialize, Deserialize)]
#[error("failed to {op} {path}")]
pub struct DiffError {
    /// What failed.
    pub op: Op,
    /// On what, from the guest's root.
    pub path: GuestPath,
    /// Why.
    #[serde(with = "errno")]
    pub source: io::Error,
}

/// What the walk does to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// Ask for its metadata.
    Stat,
    /// Open it, a regular file or a directory.
    Open,
    /// List a directory.
    List,
    /// Read a file.
    Read,
    /// Read a symbolic link.
    ReadLink,
    /// List or read extended attributes.
    ReadXattr,
    /// Understand an overlay feature that `userxattr` mounts never use: redirect and metacopy.
    Interpret,
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stat => "stat",
            Self::Open => "open",
            Self::List => "list",
            Self::Read => "read",
            Self::ReadLink => "read the link",
            Self::ReadXattr => "read the extended attributes of",
            Self::Interpret => "interpret the overlay redirect or metacopy of",
        })
    }
}

/// A [`DiffError`] whose path the caller knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) op: Op,
    pub(super) errno: Errno,
}

impl Fault {
    pub(super) fn at(self, path: GuestPath) -> DiffError {
        DiffError { op: self.op, path, source: self.errno.into() }
    }

    /// Whether a running guest explains it: since its directory was listed the name has gone, or
    /// has become a link (`ELOOP`, from O_NOFOLLOW), no directory, a socket (`ENXIO`), a FIFO
    /// (`ESPIPE`, from pread).
    pub(super) fn is_race(self) -> bool {
        const RACES: [Errno; 6] =
            [Errno::NOENT, Errno::LOOP, Errno::NOTDIR, Errno::NXIO, Errno::SPIPE, Errno::STALE];
        RACES.contains(&self.errno)
    }
}

/// Names the operation that an errno belongs to.
pub(super) trait During<T> {
    fn during(self, op: Op) -> Result<T, Fault>;
}

impl<T> During<T> for rustix::io::Result<T> {
    fn during(self, op: Op) -> Result<T, Fault> {
        self.map_err(|errno| Fault { op, errno })
    }
}

mod errno {
    use std::io;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(error: &io::Error, to: S) -> Result<S::Ok, S::Error> {
        error.raw_os_error().unwrap_or(libc::EIO).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<io::Error, D::Error> {
        Ok(io::Error::from_raw_os_error(i32::deserialize(from)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_arrives_as_what_it_was() {
        let error = Fault { op: Op::Open, errno: Errno::ACCESS }.at(GuestPath::from("/etc/\n"));
        let bytes = postcard::to_stdvec(&error).unwrap();
        let error: DiffError = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(error.to_string(), "failed to open /etc/\\n");
        assert_eq!(error.source.raw_os_error(), Some(libc::EACCES));
    }
}
