//! Where copies are: one directory for each content, made under a lock and moved into place whole.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::copy::{CopyError, Owned, copy};
use crate::firmware::identity::identity_cached;
use crate::path::shown;

/// The tree, in the directory that is moved into place.
const TREE: &str = "tree";

/// A copy that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("failed to {op} `{}` while preparing the firmware for this user", shown(path))]
pub struct CacheError {
    /// What failed.
    pub op: &'static str,
    /// On what.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl CacheError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self.source.kind() {
            io::ErrorKind::PermissionDenied if self.op == "read" => Some(
                "parts of the firmware are not readable for this user: run as root, or unpack it \
                 as this user",
            ),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Some("`XDG_CACHE_HOME` names another place for the copy")
            }
            _ => None,
        }
    }
}

fn failed(op: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CacheError {
    let path = path.to_owned();
    move |source| CacheError { op, path, source }
}

/// The directory of this user's copies: `fwtest` in `XDG_CACHE_HOME`, or in `~/.cache`.
///
/// # Errors
/// When neither variable says where.
pub(crate) fn directory() -> Result<PathBuf, CacheError> {
    let given = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let base = given("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| given("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let missing = io::Error::new(io::ErrorKind::NotFound, "neither XDG_CACHE_HOME nor HOME is set");
    let base = base.ok_or(missing).map_err(failed("find", Path::new("the cache directory")))?;
    Ok(base.join("fwtest"))
}

/// The copy of `rootfs` for a guest with the ids that `map` describes; made now if there is none.
/// `own` gives the names of a copy their owners.
///
/// # Errors
/// With the path, where something cannot be read or written. Nothing half-made is ever used.
pub(crate) fn copied(
    rootfs: &Path,
    map: &str,
    own: impl FnOnce(&Path, Vec<Owned>) -> Result<(), io::Error>,
) -> Result<PathBuf, CacheError> {
    let cache = directory()?;
    let lowers = cache.join("firmware");
    let stats = cache.join("identity");
    for directory in [&lowers, &stats] {
        fs::create_dir_all(directory).map_err(failed("create", directory))?;
    }
    let root = File::open(rootfs).map_err(failed("read", rootfs))?;
    let stat_file = stats.join(hex(rootfs.as_os_str().as_encoded_bytes()));
    // The owners as the host has them: whom they stand for in the guest is part of the name.
    let identity =
        identity_cached(root.as_fd(), &stat_file, |uid, gid| (uid, gid)).map_err(|error| {
            let path =
                rootfs.join(Path::new(&error.path.0).strip_prefix("/").unwrap_or("".as_ref()));
            CacheError { op: "read", path, source: error.source }
        })?;
    let copy_at = lowers.join(format!("{identity}-{}", hex(map.as_bytes())));
    let tree_at = copy_at.join(TREE);
    if copy_at.is_dir() {
        return Ok(tree_at);
    }
    let lock_at = copy_at.with_extension("lock");
    let lock = File::create(&lock_at).map_err(failed("create", &lock_at))?;
    lock.lock().map_err(failed("lock", &lock_at))?;
    if copy_at.is_dir() {
        return Ok(tree_at);
    }
    let half = tempfile::Builder::new()
        .prefix("half-")
        .tempdir_in(&lowers)
        .map_err(failed("create", &lowers))?;
    let tree = half.path().join(TREE);
    let owned = copy(rootfs, &tree).map_err(|CopyError { path, source }| {
        let op = if path.starts_with(rootfs) { "read" } else { "write" };
        CacheError { op, path, source }
    })?;
    own(&tree, owned).map_err(failed("set the owners in", &tree))?;
    // Not the tree itself: to move a directory takes write permission for it, and it may be
    // another id's by now.
    fs::rename(half.path(), &copy_at).map_err(failed("create", &copy_at))?;
    let _ = half.keep();
    Ok(tree_at)
}

/// A short name for any bytes.
fn hex(bytes: &[u8]) -> String {
    use sha1::{Digest, Sha1};
    Sha1::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
