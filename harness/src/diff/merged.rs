//! A directory of the upper, and what it covers.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;

use super::error::{During, Fault, Op};
use super::layer::{Opaque, Seen};
use super::look::{Look, open_directory};
use super::names::names;
use crate::instance::FileKind;

/// A directory of the upper with those of the same path in the lowers, topmost first.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) upper: OwnedFd,
    pub(super) lowers: Vec<Lower>,
    /// Whether the guest sees no name of the lowers here: this directory is opaque, or one above.
    pub(super) hides: bool,
}

/// What an upper directory is, and what its name was before.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) merged: Merged,
    pub(super) after: Look,
    pub(super) before: Option<Look>,
}

/// A directory of a lower layer.
#[derive(Debug)]
pub(super) struct Lower {
    fd: OwnedFd,
    /// Whether whiteouts may be attributes here. Elsewhere overlayfs takes such a file for a file,
    /// and so it may be one of the firmware.
    xattr_whiteouts: bool,
}

impl Merged {
    pub(super) fn root(upper: BorrowedFd<'_>, lowers: &[BorrowedFd<'_>]) -> Result<Entered, Fault> {
        let upper = open_directory(upper, c".").during(Op::Open)?;
        let after = Look::directory(upper.as_fd())?;
        let mut covered = Covered::default();
        for lower in lowers {
            if covered.add(*lower, c".", false)? {
                break;
            }
        }
        let hides = after.seen() == Seen::OpaqueDirectory;
        let merged = Self { upper, lowers: covered.lowers, hides };
        Ok(Entered { merged, after, before: covered.before })
    }

    /// The directory `name`; `None` where it is none any more.
    pub(super) fn enter(&self, name: &CStr) -> Result<Option<Entered>, Fault> {
        match self.try_enter(name) {
            Ok(entered) => Ok(Some(entered)),
            Err(fault) if fault.is_race() => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    fn try_enter(&self, name: &CStr) -> Result<Entered, Fault> {
        let upper = open_directory(self.upper.as_fd(), name).during(Op::Open)?;
        let after = Look::directory(upper.as_fd())?;
        if after.xattrs().marks.elsewhere {
            return Err(Fault { op: Op::Interpret, errno: Errno::OPNOTSUPP });
        }
        let mut covered = Covered::default();
        for lower in &self.lowers {
            if covered.add(lower.fd.as_fd(), name, lower.xattr_whiteouts)? {
                break;
            }
        }
        let hides = self.hides || after.seen() == Seen::OpaqueDirectory;
        let merged = Self { upper, lowers: covered.lowers, hides };
        Ok(Entered { merged, after, before: covered.before })
    }

    /// What `name` is in the lowers, and in which directory it is found.
    pub(super) fn below(&self, name: &CStr) -> Result<Option<(Look, BorrowedFd<'_>)>, Fault> {
        for lower in &self.lowers {
            if let Some(look) = stat(lower.fd.as_fd(), name, lower.xattr_whiteouts)? {
                let visible = look.seen() != Seen::Whiteout;
                return Ok(visible.then(|| (look, lower.fd.as_fd())));
            }
        }
        Ok(None)
    }

    /// All names in the lowers, sorted; some may be whiteouts.
    pub(super) fn names_below(&self) -> Result<Vec<CString>, Fault> {
        let mut all = Vec::new();
        for lower in &self.lowers {
            // Through a descriptor of its own, for a descriptor is listed once.
            let listing = open_directory(lower.fd.as_fd(), c".").during(Op::Open)?;
            let names = names(listing.as_fd()).during(Op::List)?;
            all.extend(names.into_iter().map(|name| name.name));
        }
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }
}

/// What an upper directory covers, gathered layer by layer.
#[derive(Default)]
struct Covered {
    lowers: Vec<Lower>,
    before: Option<Look>,
}

impl Covered {
    /// Adds what `name` is in a layer; whether that hides the layers below it.
    fn add(
        &mut self,
        layer: BorrowedFd<'_>,
        name: &CStr,
        xattr_whiteouts: bool,
    ) -> Result<bool, Fault> {
        // O_DIRECTORY has a device refused before its driver hears of it.
        let fd = match open_directory(layer, name) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(false),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                if self.lowers.is_empty()
                    && let Some(mut look) = stat(layer, name, xattr_whiteouts)?
                    && look.seen() == Seen::Leaf
                {
                    look.complete(layer, name)?;
                    self.before = Some(look);
                }
                return Ok(true);
            }
            Err(errno) => return Err(Fault { op: Op::Open, errno }),
        };
        let look = Look::directory(fd.as_fd())?;
        let xattr_whiteouts = look.xattrs().marks.opaque == Opaque::HoldsXattrWhiteouts;
        self.lowers.push(Lower { fd, xattr_whiteouts });
        let opaque = look.seen() == Seen::OpaqueDirectory;
        self.before.get_or_insert(look);
        Ok(opaque)
    }
}

/// A name of a lower layer, with its attributes where they can make it a whiteout.
fn stat(layer: BorrowedFd<'_>, name: &CStr, xattr_whiteouts: bool) -> Result<Option<Look>, Fault> {
    let mut look = Look::stat(layer, name)?;
    if let Some(look) = &mut look {
        // The firmware's own file of that form is a file, wherever overlayfs takes it for one.
        if xattr_whiteouts && look.kind() == FileKind::File && look.size() == 0 {
            look.complete(layer, name)?;
        }
    }
    Ok(look)
}
