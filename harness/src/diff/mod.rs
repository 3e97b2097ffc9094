//! Upper against lower: what an instance changed in its root file system.
//!
//! * **upper**: the directory that overlayfs writes to. Only it is walked.
//! * **lower**: a directory below it, read-only. Looked into only where the upper has a name.
//! * **whiteout**: a name of the upper that hides one of the lowers: a 0:0 character device, or an
//!   empty file with the attribute `user.overlay.whiteout`.
//! * **opaque**: a directory of the upper that hides all of the lowers' names: the guest removed a
//!   directory and made it again.
//! * **copy-up**: the whole file that overlayfs puts in the upper at the first write, chmod or touch.
//!   Only a copy-up that differs from what it covers is a change.
//!
//! Nothing here mounts, and nothing follows a link or opens what is not a regular file or directory.

mod change;
mod compare;
mod content;
mod descent;
mod error;
mod layer;
mod look;
mod merged;
mod names;
mod xattr;

#[cfg(test)]
mod tests;

pub use change::{Change, Content, Entry, What};
pub use compare::{Options, changes};
pub use error::{DiffError, Op};

pub(crate) use content::hash;
pub(crate) use descent::{Descent, below};
pub(crate) use names::names;
