use std::fs::File;
use std::io;
use std::path::Path;

use object::read::ReadCache;
use object::{Object, ObjectSection};

/// Where linkme gathers what `#[fwtest::test]` registers (`fwtest`'s slice is called `TESTS`). In a
/// program that links `fwtest` and registers nothing it is there, and empty.
/// Nothing that Cargo says tells such a target apart: `harness = false` is in no message of its.
const REGISTRATIONS: &str = "linkme_TESTS";

/// Whether the executable at `path` registers tests with fwtest; reads its section table alone.
pub fn uses_fwtest(path: &Path) -> io::Result<bool> {
    let data = ReadCache::new(File::open(path)?);
    let file = object::File::parse(&data).map_err(io::Error::other)?;
    Ok(file.sections().any(|section| section.size() > 0 && section.name() == Ok(REGISTRATIONS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executable_without_registrations_is_told_apart() {
        // These are unit tests: they link what takes registrations, and register nothing.
        assert!(!uses_fwtest(Path::new("/proc/self/exe")).unwrap());
        assert!(!uses_fwtest(Path::new("/bin/sh")).unwrap());
        assert!(uses_fwtest(Path::new(file!())).is_err(), "a source file is no executable");
    }
}
