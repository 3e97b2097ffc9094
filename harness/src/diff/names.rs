//! The names in a directory.

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, RawDir};
use rustix::io::Result;

/// A name, and what the directory says that it stands for: a hint that saves a stat.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) name: CString,
    /// `Unknown` on a file system that keeps no types in its directories.
    pub(crate) hint: Hint,
}

/// What a directory says of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hint {
    Directory,
    File,
    Other,
    Unknown,
}

/// The names in `directory`, sorted, without `.` and `..`. Reads from where the descriptor stands,
/// so it must be one that was not listed before.
pub(crate) fn names(directory: BorrowedFd<'_>) -> Result<Vec<Name>> {
    let mut buffer = [MaybeUninit::uninit(); 8 * 1024];
    let mut listing = RawDir::new(directory, &mut buffer);
    let mut names = Vec::new();
    while let Some(entry) = listing.next() {
        let entry = entry?;
        if !is_dots(entry.file_name()) {
            let hint = match entry.file_type() {
                FileType::Directory => Hint::Directory,
                FileType::RegularFile => Hint::File,
                FileType::Unknown => Hint::Unknown,
                _ => Hint::Other,
            };
            names.push(Name { name: entry.file_name().to_owned(), hint });
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn is_dots(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}
