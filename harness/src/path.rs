//! Paths as the firmware sees them.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A path as the firmware sees it: bytes, as the kernel has them. On the host it names something
/// else, so nothing in `std::fs` takes it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuestPath(pub OsString);

impl GuestPath {
    /// The path's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The path one level down, `name` below `self`.
    #[must_use]
    pub fn join(&self, name: &OsStr) -> Self {
        let mut path = self.0.clone();
        if !path.as_bytes().ends_with(b"/") {
            path.push("/");
        }
        path.push(name);
        Self(path)
    }
}

impl GuestPath {
    /// The directory that it is in; `None` for `/` and for a bare name.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let parent = std::path::Path::new(&self.0).parent()?;
        (!parent.as_os_str().is_empty()).then(|| Self(parent.as_os_str().to_owned()))
    }
}

impl<T: AsRef<OsStr> + ?Sized> From<&T> for GuestPath {
    fn from(path: &T) -> Self {
        Self(path.as_ref().to_owned())
    }
}

/// Control characters, backslashes and bytes that are not UTF-8 are escaped (`\n`, `\xff`), so
/// that one path is one line and two paths never look alike.
impl fmt::Display for GuestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(self.as_bytes()))
    }
}

impl fmt::Debug for GuestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Opens a path below `root`, which every link on the way takes for `/`; a link of procfs that leads
/// anywhere is ELOOP.
///
/// The kernel gives up (EAGAIN) where a `..` is in the path and something was mounted or renamed
/// meanwhile, anywhere on the machine. Then it is tried again; on a machine where that goes on and on,
/// a hundred times.
///
/// # References
/// openat2(2)
pub(crate) fn open_in_root(
    root: impl AsFd,
    path: impl rustix::path::Arg + Copy,
    flags: OFlags,
) -> rustix::io::Result<OwnedFd> {
    let root = root.as_fd();
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let open = || rustix::fs::openat2(root, path, flags, Mode::empty(), resolve);
    let mut left = 100;
    loop {
        match open() {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if left > 0 => left -= 1,
            other => return other,
        }
    }
}

/// A path of the host's, shown as [`GuestPath`] shows itself.
#[must_use]
pub fn shown(path: &std::path::Path) -> Cow<'_, str> {
    escape(path.as_os_str().as_bytes())
}

/// What [`GuestPath`] does to display itself, for any bytes.
#[must_use]
pub fn escape(bytes: &[u8]) -> Cow<'_, str> {
    let plain = |text: &str| !text.chars().any(|c| c.is_control() || c == '\\');
    match std::str::from_utf8(bytes) {
        Ok(text) if plain(text) => Cow::Borrowed(text),
        _ => {
            let mut out = String::with_capacity(bytes.len() + 8);
            for chunk in bytes.utf8_chunks() {
                for c in chunk.valid().chars() {
                    match c {
                        '\\' => out.push_str("\\\\"),
                        c if c.is_control() => out.extend(c.escape_default()),
                        c => out.push(c),
                    }
                }
                for byte in chunk.invalid() {
                    out.push_str(&format!("\\x{byte:02x}"));
                }
            }
            Cow::Owned(out)
        }
    }
}

impl Serialize for GuestPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_bytes().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for GuestPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(OsString::from_vec(Vec::deserialize(deserializer)?)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// openat2(2): "EAGAIN: … the kernel could not ensure that a ".." component didn't escape".
    #[test]
    fn a_machine_that_is_busy_renaming_gets_nobody_to_give_up() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("a")).unwrap();
        fs::write(place.path().join("b"), "").unwrap();
        let root = fs::File::open(place.path()).unwrap();
        let (one, other) = (place.path().join("one"), place.path().join("other"));
        fs::create_dir(&one).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    fs::rename(&one, &other).unwrap();
                    fs::rename(&other, &one).unwrap();
                }
            });
            let opened = (0..20_000).try_for_each(|_| {
                let path = "a/../a/../a/../a/../b";
                open_in_root(&root, path, OFlags::PATH | OFlags::CLOEXEC).map(drop)
            });
            done.store(true, Ordering::Relaxed);
            assert_eq!(opened, Ok(()));
        });
    }
}
