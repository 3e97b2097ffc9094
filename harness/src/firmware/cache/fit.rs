//! Whether a tree can be used as it is.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Whether `has` knows every owner below `directory`. Looks at all of it: a tree that was unpacked
/// as root has one foreign file as soon as it has any, but a patched one may have few.
///
/// # Errors
/// With the path, where a directory cannot be read: nobody can say then.
pub(crate) fn fits(
    directory: &Path,
    has: &impl Fn(u32, u32) -> bool,
) -> Result<bool, (std::path::PathBuf, io::Error)> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| (path, error)
    };
    let metadata = fs::symlink_metadata(directory).map_err(at(directory))?;
    if !has(metadata.uid(), metadata.gid()) {
        return Ok(false);
    }
    for entry in fs::read_dir(directory).map_err(at(directory))? {
        let entry = entry.map_err(at(directory))?;
        let metadata = entry.metadata().map_err(at(&entry.path()))?;
        let fit = match metadata.is_dir() {
            true => fits(&entry.path(), has)?,
            false => has(metadata.uid(), metadata.gid()),
        };
        if !fit {
            return Ok(false);
        }
    }
    Ok(true)
}
