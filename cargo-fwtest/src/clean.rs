//! `clean`: removes this user's copies of firmwares.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::engine::{Launcher, cache_directory};
use crate::error::Error;

/// Removes them all, and says how many there were. The launcher does it, for files of a copy may
/// belong to subordinate ids, which this user may not remove.
pub fn clean(launcher: &Launcher) -> Result<(), Error> {
    let directory = cache_directory().map_err(Error::Cache)?;
    let copies = directory.join("firmware");
    let count = match fs::read_dir(&copies) {
        Ok(entries) => entries.filter_map(Result::ok).filter(|entry| entry.path().is_dir()).count(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(Error::os("read", copies)(error)),
    };
    if directory.is_dir() {
        launcher.clear(&directory).map_err(Error::os("empty", &directory))?;
        fs::remove_dir(&directory).map_err(Error::os("remove", &directory))?;
    }
    say(count, &directory).map_err(Error::Output)
}

fn say(count: usize, directory: &Path) -> io::Result<()> {
    let copies = if count == 1 { "copy" } else { "copies" };
    writeln!(
        io::stdout().lock(),
        "removed {count} {copies} of firmwares from {}",
        directory.display()
    )
}
