//! The digest of a tree's content.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{FileType, Mode, OFlags, fgetxattr, openat, readlinkat};
use rustix::io::Errno;

use super::encode::Encoder;
use super::error::{At, IdentityError};
use super::value::Identity;
use super::walk::{Node, walk};
use crate::diff::hash;

/// Changes with what is encoded, and with it every identity.
/// 1: path, mode with type, owner, then by type: size, digest and capabilities; target; device.
const VERSION: &[u8] = b"fwtest identity 1";

/// The identity of the tree at `root`. `owners` says which owner and group the guest has for those
/// on the disk: for a tree that an ordinary user built, that user's own are 0.
///
/// Reads every file; nothing of the tree is followed, and no device or FIFO opened.
/// # Errors
/// Where a part of the tree cannot be read, or vanishes meanwhile; has its path.
pub fn identity(
    root: BorrowedFd<'_>,
    owners: impl Fn(u32, u32) -> (u32, u32),
) -> Result<Identity, IdentityError> {
    let mut encoder = Encoder::new(VERSION);
    let mut buffer = Vec::new();
    walk(root, |node| {
        let (uid, gid) = owners(node.stat.stx_uid, node.stat.stx_gid);
        encoder.bytes(node.path);
        encoder.number(node.stat.stx_mode.into());
        encoder.number(uid.into());
        encoder.number(gid.into());
        match node.kind() {
            FileType::RegularFile => file(node, &mut encoder, &mut buffer)?,
            FileType::Symlink => {
                let target = readlinkat(node.directory, node.name, Vec::new());
                encoder.bytes(target.at("read the link", node.path)?.to_bytes());
            }
            FileType::CharacterDevice | FileType::BlockDevice => {
                encoder.number(node.stat.stx_rdev_major.into());
                encoder.number(node.stat.stx_rdev_minor.into());
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(Identity(encoder.finish()))
}

fn file(node: &Node<'_>, encoder: &mut Encoder, buffer: &mut Vec<u8>) -> Result<(), IdentityError> {
    let flags = OFlags::RDONLY
        | OFlags::NOFOLLOW
        | OFlags::NONBLOCK // should it be a FIFO by now
        | OFlags::NOCTTY
        | OFlags::CLOEXEC;
    let file = openat(node.directory, node.name, flags, Mode::empty()).at("open", node.path)?;
    let (sha1, size) = hash(file.as_fd(), node.stat.stx_size, buffer).at("read", node.path)?;
    encoder.number(size);
    encoder.bytes(&sha1);
    let mut value = [0; 64];
    let capabilities = match fgetxattr(&file, c"security.capability", &mut value[..]) {
        Ok(length) => without_rootid(&mut value[..length]),
        Err(Errno::NODATA | Errno::NOTSUP) => &[],
        Err(errno) => return Err(errno).at("read the capabilities of", node.path),
    };
    encoder.bytes(capabilities);
    Ok(())
}

/// A `vfs_ns_cap_data` as the `vfs_cap_data` that it is to the guest: the uid that stands for the
/// guest's root is the host's business.
/// # References
/// `linux/capability.h`
fn without_rootid(value: &mut [u8]) -> &[u8] {
    const REVISION_3: u8 = 3;
    const REVISION_2: u8 = 2;
    // Little endian: the revision is the top byte of the first word.
    if value.len() == 24 && value[3] == REVISION_3 {
        value[3] = REVISION_2;
        return &value[..20];
    }
    value
}
