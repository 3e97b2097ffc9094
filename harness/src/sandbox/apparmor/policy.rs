//! Policy namespaces, one for each instance: made, loaded, removed.
//!
//! The kernel has them as directories. Whoever made one holds a lock on it, for as long as he
//! lives: that tells [`super::sweep`] from what others still use. Both make and sweep hold the lock
//! of the directory above meanwhile, or a namespace could be swept before its lock is taken.

use std::fmt;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::error::AppArmorError;
use super::profile;

/// What the names of ours begin with.
const PREFIX: &str = "fwtest-";

/// `fwtest-RUN-N`. The kernel takes any name, even one that cannot stand in a label, and a label
/// with a name from elsewhere could be anybody's: so there is one way to make one, and one to read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name(String);

impl Name {
    /// One that was never used: a run is a process, and random bits, for numbers of processes come
    /// back.
    pub(super) fn new(run: &str, number: u32) -> Option<Self> {
        Self::parse(&format!("{PREFIX}{run}-{number}"))
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let rest = text.strip_prefix(PREFIX)?;
        // As long as a number of a process, 32 random bits, and a number of an instance are.
        let fits = !rest.is_empty() && text.len() <= 40 && rest.bytes().all(letter);
        fits.then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Where a process of the instance is.
    pub(super) fn label(&self) -> String {
        format!(":{}:{}", self.0, profile::NAME)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The names that this process gives.
#[derive(Debug)]
pub(super) struct Names {
    run: String,
    next: AtomicU32,
}

impl Names {
    pub(super) fn new() -> Self {
        // What the standard library has of random bits: new ones for each.
        let bits = RandomState::new().build_hasher().finish() & 0xFFFF_FFFF;
        Self { run: format!("{}-{bits:08x}", std::process::id()), next: AtomicU32::new(0) }
    }

    /// A word that is this process's alone.
    pub(super) fn run(&self) -> &str {
        &self.run
    }

    pub(super) fn next(&self) -> Name {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Name::new(&self.run, number).expect("numbers and letters fit")
    }
}

/// A policy namespace with the profile in it.
#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) name: Name,
    path: PathBuf,
    /// Locked, for as long as it is open.
    _lock: File,
}

impl Namespace {
    /// Makes one in `directory`, and loads the profile with the one write that the kernel wants.
    pub(super) fn make(directory: &Path, name: Name, blob: &[u8]) -> Result<Self, AppArmorError> {
        let path = directory.join(name.as_str());
        let failed = |op| {
            let path = path.clone();
            move |source| AppArmorError::Policy { op, path, source }
        };
        let lock = {
            let _no_sweep = lock(directory)?;
            // EEXIST where there is one of that name: it is never taken over.
            fs::create_dir(&path).map_err(failed("make the AppArmor policy namespace"))?;
            lock(&path)?
        };
        let made = Self { name, path: path.clone(), _lock: lock };
        let load = fs::OpenOptions::new().write(true).open(path.join(".load"));
        let loaded = load.and_then(|mut file| match file.write(blob)? {
            length if length == blob.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        });
        match loaded.map_err(failed("load the AppArmor profile into")) {
            Ok(()) => Ok(made),
            Err(error) => {
                // Nobody is in it yet.
                let _ = made.remove();
                Err(error)
            }
        }
    }

    /// Removes it, with the profile. Nobody may be in it any more: the kernel would set him free.
    pub(super) fn remove(&self) -> Result<(), AppArmorError> {
        remove(&self.path)
    }
}

pub(super) fn remove(path: &Path) -> Result<(), AppArmorError> {
    match fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(|source| {
            let op = "remove the AppArmor policy namespace";
            AppArmorError::Policy { op, path: path.to_owned(), source }
        }),
    }
}

/// Waits for a directory's lock, and holds it until the file is closed.
pub(super) fn lock(directory: &Path) -> Result<File, AppArmorError> {
    let locked = File::open(directory).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|source| {
        let op = "lock the AppArmor policy namespace";
        AppArmorError::Policy { op, path: directory.to_owned(), source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ours_or_none() {
        for name in ["fwtest-4711-0badf00d-0", "fwtest-1-0-4294967295", "fwtest-k"] {
            assert_eq!(Name::parse(name).map(|name| name.to_string()).as_deref(), Some(name));
        }
        for name in [
            "",
            "fwtest-",
            "lxd-router",
            "fwtest",
            "fwtest-a:b",
            "fwtest-a b",
            "fwtest-../x",
            "fwtest-a/b",
            "fwtest-A",
            "fwtest-é",
            &format!("fwtest-{}", "1".repeat(40)),
        ] {
            assert_eq!(Name::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_is_never_given_twice() {
        let names = Names::new();
        let (one, two) = (names.next(), names.next());
        assert_ne!(one, two);
        assert_ne!(Names::new().next(), one);
        assert_eq!(one.label(), format!(":{one}:firmware"));
    }

    #[test]
    fn what_the_kernel_refuses_names_the_path() {
        let missing = Path::new("/nonexistent/namespaces");
        let name = Name::parse("fwtest-1-0-0").unwrap();
        let error = Namespace::make(missing, name, b"").unwrap_err();
        insta::assert_snapshot!(error, @"failed to lock the AppArmor policy namespace /nonexistent/namespaces");
    }

    /// A directory that is no policy namespace has no `.load`: nothing of the attempt stays.
    #[test]
    fn a_namespace_that_could_not_be_loaded_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let name = Name::parse("fwtest-1-0-0").unwrap();
        let error = Namespace::make(place.path(), name, b"x").unwrap_err().to_string();
        assert!(error.starts_with("failed to load the AppArmor profile into /"), "{error}");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
