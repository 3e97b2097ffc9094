//! Paths as the firmware sees them.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

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
