//! Copying a tree: everything but the owners, which are listed.

use std::collections::HashMap;
use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::XattrFlags;
use serde::{Deserialize, Serialize};

use crate::path::GuestPath;

const CAPABILITY: &str = "security.capability";

/// A name of the copy, and what only somebody with rights over it can give it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owned {
    /// From the top of the copy; empty for the top itself.
    pub(crate) path: GuestPath,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Permission bits: a change of owner clears some. `None` for a link, which has none.
    pub(crate) mode: Option<u32>,
    /// File capabilities, as the file system has them.
    pub(crate) capability: Option<Vec<u8>>,
}

/// What of the tree could not be copied.
#[derive(Debug)]
pub(crate) struct CopyError {
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}

/// Copies the tree `from` to `to`, which must not exist, with the user's own ids; gives the owners
/// of all of it. Device nodes are left out: `/dev` is the harness's, and elsewhere they are inert.
pub(super) fn copy(from: &Path, to: &Path) -> Result<Vec<Owned>, CopyError> {
    let mut copier = Copier { from, to, owned: Vec::new(), links: HashMap::new() };
    let top = fs::symlink_metadata(from).map_err(at(from))?;
    copier.directory(Path::new(""), &top)?;
    Ok(copier.owned)
}

struct Copier<'a> {
    from: &'a Path,
    to: &'a Path,
    owned: Vec<Owned>,
    /// Files with more than one name: where the first one went.
    links: HashMap<(u64, u64), PathBuf>,
}

impl Copier<'_> {
    fn directory(&mut self, path: &Path, metadata: &Metadata) -> Result<(), CopyError> {
        let (from, to) = (self.from.join(path), self.to.join(path));
        // Open to us until its entries are there, whatever its mode is to be.
        fs::create_dir(&to).map_err(at(&to))?;
        fs::set_permissions(&to, Permissions::from_mode(0o700)).map_err(at(&to))?;
        let mut names = Vec::new();
        for entry in fs::read_dir(&from).map_err(at(&from))? {
            names.push(entry.map_err(at(&from))?.file_name());
        }
        names.sort();
        for name in names {
            self.entry(&path.join(name))?;
        }
        fs::set_permissions(&to, Permissions::from_mode(metadata.mode() & 0o7777))
            .map_err(at(&to))?;
        self.owned(path, metadata, None);
        Ok(())
    }

    fn entry(&mut self, path: &Path) -> Result<(), CopyError> {
        let (from, to) = (self.from.join(path), self.to.join(path));
        let metadata = fs::symlink_metadata(&from).map_err(at(&from))?;
        let kind = metadata.file_type();
        if kind.is_dir() {
            return self.directory(path, &metadata);
        }
        if metadata.nlink() > 1 {
            let first = self.links.entry((metadata.dev(), metadata.ino())).or_insert(to.clone());
            if *first != to {
                return fs::hard_link(&*first, &to).map_err(at(&to));
            }
        }
        if kind.is_symlink() {
            let target = fs::read_link(&from).map_err(at(&from))?;
            symlink(target, &to).map_err(at(&to))?;
            self.owned(path, &metadata, None);
        } else if kind.is_file() {
            fs::copy(&from, &to).map_err(at(&from))?;
            let capability = attributes(&from, &to).map_err(at(&from))?;
            let modified = metadata.modified().map_err(at(&from))?;
            // With write permission for the owner a moment longer: a file of mode 0444 takes no
            // time through a descriptor that may write.
            fs::set_permissions(&to, Permissions::from_mode(0o600)).map_err(at(&to))?;
            let file = File::options().write(true).open(&to).map_err(at(&to))?;
            file.set_modified(modified).map_err(at(&to))?;
            let mode = Permissions::from_mode(metadata.mode() & 0o7777);
            file.set_permissions(mode).map_err(at(&to))?;
            self.owned(path, &metadata, capability);
        } else if kind.is_fifo() || kind.is_socket() {
            let kind = if kind.is_fifo() {
                rustix::fs::FileType::Fifo
            } else {
                rustix::fs::FileType::Socket
            };
            let mode = rustix::fs::Mode::from_raw_mode(metadata.mode() & 0o7777);
            rustix::fs::mknodat(rustix::fs::CWD, &to, kind, mode, 0)
                .map_err(io::Error::from)
                .map_err(at(&to))?;
            self.owned(path, &metadata, None);
        }
        Ok(())
    }

    fn owned(&mut self, path: &Path, metadata: &Metadata, capability: Option<Vec<u8>>) {
        self.owned.push(Owned {
            path: GuestPath::from(path),
            uid: metadata.uid(),
            gid: metadata.gid(),
            mode: (!metadata.is_symlink()).then_some(metadata.mode() & 0o7777),
            capability,
        });
    }
}

/// Copies user.* attributes; gives the file capabilities, which a user may not set.
fn attributes(from: &Path, to: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut list = vec![0; 64 * 1024];
    let length = match rustix::fs::llistxattr(from, &mut list[..]) {
        Err(rustix::io::Errno::OPNOTSUPP) => return Ok(None),
        other => other?,
    };
    let mut capability = None;
    for name in list[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 64 * 1024];
        let is_capability = name == CAPABILITY.as_bytes();
        if is_capability || name.starts_with(b"user.") {
            let length = rustix::fs::lgetxattr(from, name, &mut value[..])?;
            value.truncate(length);
            if is_capability {
                capability = Some(value);
            } else {
                rustix::fs::lsetxattr(to, name, &value, XattrFlags::empty())?;
            }
        }
    }
    Ok(capability)
}

impl Owned {
    /// Gives a name below `top` its owner, mode and capabilities.
    pub(crate) fn apply(&self, top: &Path) -> io::Result<()> {
        let path = top.join(Path::new(&self.path.0));
        std::os::unix::fs::lchown(&path, Some(self.uid), Some(self.gid))?;
        if let Some(mode) = self.mode {
            fs::set_permissions(&path, Permissions::from_mode(mode))?;
        }
        if let Some(capability) = &self.capability {
            rustix::fs::lsetxattr(&path, CAPABILITY, capability, XattrFlags::empty())?;
        }
        Ok(())
    }

    /// For another owner.
    pub(crate) fn of(mut self, (uid, gid): (u32, u32)) -> Self {
        (self.uid, self.gid) = (uid, gid);
        self
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> CopyError {
    let path = path.to_owned();
    move |source| CopyError { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_the_same_but_for_its_owners() {
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        fs::create_dir_all(from.join("etc/empty")).unwrap();
        fs::write(from.join("etc/shadow"), "secret").unwrap();
        fs::set_permissions(from.join("etc/shadow"), Permissions::from_mode(0o400)).unwrap();
        fs::write(from.join("su"), "x").unwrap();
        fs::set_permissions(from.join("su"), Permissions::from_mode(0o4755)).unwrap();
        fs::hard_link(from.join("su"), from.join("etc/su")).unwrap();
        symlink("../../outside", from.join("link")).unwrap();
        fs::set_permissions(from.join("etc"), Permissions::from_mode(0o555)).unwrap();

        let owned = copy(&from, &to).unwrap();

        let mode = |path: &str| fs::symlink_metadata(to.join(path)).unwrap().mode() & 0o7777;
        assert_eq!([mode("etc"), mode("etc/shadow"), mode("su")], [0o555, 0o400, 0o4755]);
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("../../outside"));
        let inode = |path: &str| fs::metadata(to.join(path)).unwrap().ino();
        assert_eq!(inode("su"), inode("etc/su"));
        let paths: Vec<String> = owned.iter().map(|owned| owned.path.to_string()).collect();
        assert_eq!(paths, ["etc/empty", "etc/shadow", "etc/su", "etc", "link", ""]);
        for directory in [&from, &to] {
            let etc = directory.join("etc");
            fs::set_permissions(etc, Permissions::from_mode(0o755)).unwrap();
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let place = tempfile::tempdir().unwrap();
        let error = copy(&place.path().join("none"), &place.path().join("to")).unwrap_err();
        assert!(error.path.ends_with("none"));
        assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
    }
}
