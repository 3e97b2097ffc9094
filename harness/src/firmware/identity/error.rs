//! Why a tree has no identity.

use std::io;

use crate::path::GuestPath;

/// Part of a firmware could not be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to {op} {path} of the firmware")]
pub struct IdentityError {
    /// What failed.
    pub op: &'static str,
    /// On what, from the firmware's root.
    pub path: GuestPath,
    /// Why.
    pub source: io::Error,
}

/// Names the operation and the path below the root that an errno belongs to.
pub(super) trait At<T> {
    fn at(self, op: &'static str, path: &[u8]) -> Result<T, IdentityError>;
}

impl<T> At<T> for rustix::io::Result<T> {
    fn at(self, op: &'static str, path: &[u8]) -> Result<T, IdentityError> {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        self.map_err(|errno| IdentityError {
            op,
            path: GuestPath::from("/").join(OsStr::from_bytes(path)),
            source: errno.into(),
        })
    }
}
