//! Extended attributes: the guest's and overlayfs's own, told apart.

use std::ffi::CStr;
use std::os::fd::BorrowedFd;

use rustix::fs::{fgetxattr, flistxattr};
use rustix::io::{Errno, Result};

use super::layer::{Marks, Opaque};

/// XATTR_LIST_MAX and XATTR_SIZE_MAX of linux/limits.h.
const MAX: usize = 64 * 1024;

/// The attributes of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Xattrs {
    /// The guest's business, sorted by name.
    pub(super) guest: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) marks: Marks,
}

/// Whose business an attribute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Guest,
    Whiteout,
    Opaque,
    Elsewhere,
    /// Bookkeeping of overlayfs, or a label that the host's kernel puts on every file, whose value
    /// would differ from one host to the next.
    Nobody,
}

fn owner(name: &[u8]) -> Owner {
    const LABELS: [&[u8]; 4] =
        [b"security.selinux", b"security.apparmor", b"security.ima", b"security.evm"];
    match name {
        b"user.overlay.whiteout" => Owner::Whiteout,
        b"user.overlay.opaque" => Owner::Opaque,
        b"user.overlay.redirect" | b"user.overlay.metacopy" => Owner::Elsewhere,
        name if name.starts_with(b"user.overlay.") => Owner::Nobody,
        name if name.starts_with(b"trusted.overlay.") => Owner::Nobody,
        name if name.starts_with(b"security.SMACK64") || LABELS.contains(&name) => Owner::Nobody,
        _ => Owner::Guest,
    }
}

/// The attributes of an open regular file or directory. Other kinds are never opened, and the
/// kernel lets nobody but the host's root give them any.
pub(super) fn read(fd: BorrowedFd<'_>) -> Result<Xattrs> {
    let mut xattrs = Xattrs::default();
    let mut small = [0; 512];
    let mut large = Vec::new();
    let list = match flistxattr(fd, &mut small[..]) {
        Ok(0) | Err(Errno::NOTSUP) => return Ok(xattrs),
        Ok(length) => &small[..length],
        Err(Errno::RANGE) => {
            large.resize(MAX, 0);
            let length = flistxattr(fd, &mut large[..])?;
            &large[..length]
        }
        Err(errno) => return Err(errno),
    };
    for name in list.split_inclusive(|&byte| byte == 0) {
        let name = CStr::from_bytes_with_nul(name).map_err(|_| Errno::ILSEQ)?;
        match owner(name.to_bytes()) {
            Owner::Nobody => {}
            Owner::Whiteout => xattrs.marks.whiteout = true,
            Owner::Elsewhere => xattrs.marks.elsewhere = true,
            Owner::Opaque => {
                xattrs.marks.opaque = value(fd, name)?.map_or(Opaque::No, |v| Opaque::of(&v));
            }
            Owner::Guest => {
                let value = value(fd, name)?;
                xattrs.guest.extend(value.map(|value| (name.to_bytes().to_vec(), value)));
            }
        }
    }
    xattrs.guest.sort_unstable();
    Ok(xattrs)
}

/// `None` where it was removed since it was listed.
fn value(fd: BorrowedFd<'_>, name: &CStr) -> Result<Option<Vec<u8>>> {
    for size in [256, MAX] {
        let mut value = vec![0; size];
        match fgetxattr(fd, name, &mut value[..]) {
            Ok(length) => {
                value.truncate(length);
                return Ok(Some(value));
            }
            Err(Errno::NODATA) => return Ok(None),
            Err(Errno::RANGE) => {}
            Err(errno) => return Err(errno),
        }
    }
    Err(Errno::RANGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_the_guests_unless_overlayfs_or_the_host_made_it() {
        assert_eq!(owner(b"user.overlay.whiteout"), Owner::Whiteout);
        assert_eq!(owner(b"user.overlay.opaque"), Owner::Opaque);
        assert_eq!(owner(b"user.overlay.metacopy"), Owner::Elsewhere);
        assert_eq!(owner(b"user.overlay.origin"), Owner::Nobody);
        assert_eq!(owner(b"trusted.overlay.impure"), Owner::Nobody);
        assert_eq!(owner(b"security.selinux"), Owner::Nobody);
        assert_eq!(owner(b"security.SMACK64EXEC"), Owner::Nobody);
        assert_eq!(owner(b"security.capability"), Owner::Guest);
        assert_eq!(owner(b"system.posix_acl_access"), Owner::Guest);
        assert_eq!(owner(b"user.overlayed"), Owner::Guest);
        assert_eq!(owner(b"user.comment"), Owner::Guest);
    }
}
