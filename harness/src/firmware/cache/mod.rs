//! Copies of firmwares whose owners are not the guest's.
//!
//! An overlay shows a file's owner as the file system has it. Root shifts owners with the mount; an
//! ordinary user cannot, and of a tree that is somebody else's all would be nobody's in the guest.
//! Such a firmware is copied once, by content, and its owners are set in the copy.

mod copy;
mod fit;
mod place;

pub(crate) use copy::Owned;
pub(crate) use fit::fits;
pub use place::CacheError;
pub(crate) use place::{copied, directory};
