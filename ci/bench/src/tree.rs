//! What a diff and an identity take, and what it takes to read as much and do nothing with it.

use std::error::Error;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::Path;

use fwtest::diff::changes;
use fwtest::firmware::identity::identity_cached;

use crate::times::Times;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const TIMES: usize = 15;

/// An upper layer with `count` changed files of 4 KiB in directories of 64, over a lower one that
/// has them all.
pub fn diff(count: usize, bare: bool) -> Result<Times> {
    let place = tempfile::tempdir()?;
    let (upper, lower) = (place.path().join("upper"), place.path().join("lower"));
    for number in 0..count {
        for (layer, byte) in [(&lower, b'a'), (&upper, b'b')] {
            let directory = layer.join(format!("d{}", number / 64));
            fs::create_dir_all(&directory)?;
            fs::write(directory.join(format!("f{number}")), [byte; 4096])?;
        }
    }
    let (upper_fd, lower_fd) = (File::open(&upper)?, File::open(&lower)?);
    let times = Times::of(TIMES, || -> Result<()> {
        if bare {
            return walk(&upper, true);
        }
        let found = changes(upper_fd.as_fd(), &[lower_fd.as_fd()], &Default::default())?;
        let files = found.iter().filter(|change| change.path.as_bytes().contains(&b'f')).count();
        (files == count).then_some(()).ok_or_else(|| format!("found {files} changes").into())
    })?;
    Ok(times.per(count))
}

/// The identity of a tree that has one in its cache.
pub fn identity(root: &Path, bare: bool) -> Result<Times> {
    let place = tempfile::tempdir()?;
    let cache = place.path().join("identity");
    let tree = File::open(root)?;
    let identify = || identity_cached(tree.as_fd(), &cache, |uid, gid| (uid, gid));
    let first = identify()?;
    Times::of(TIMES, || -> Result<()> {
        if bare {
            return walk(root, false);
        }
        (identify()? == first).then_some(()).ok_or_else(|| "it changed meanwhile".into())
    })
}

/// Stats every name, and reads every file if asked.
fn walk(directory: &Path, read: bool) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            walk(&entry.path(), read)?;
        } else if read && metadata.is_file() {
            fs::read(entry.path())?;
        }
    }
    Ok(())
}
