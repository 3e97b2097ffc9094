//! A change, as data.

use serde::{Deserialize, Serialize};

use crate::instance::FileKind;
use crate::path::GuestPath;

/// One difference between the upper layer and what lies below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Where, from the guest's root.
    pub path: GuestPath,
    /// What.
    pub what: What,
}

/// What happened to a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// It is there now and was not.
    Added(Entry),
    /// It was there and is not. A directory's own contents are not listed again, and the entry is
    /// what stat(2) tells: its content and extended attributes are the firmware's to look up.
    Removed(Entry),
    /// It is something else now: type, mode, owner, content, link target, device number or extended
    /// attribute.
    Changed {
        /// As the firmware was shipped.
        before: Entry,
        /// As the instance has it.
        after: Entry,
    },
}

/// What a name stands for, with all that a snapshot may show of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What kind of file.
    pub kind: FileKind,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner as the guest has it.
    pub uid: u32,
    /// Group as the guest has it.
    pub gid: u32,
    /// A regular file's bytes; 0 for all that is not one.
    pub size: u64,
    /// A regular file's content; `None` where the file was removed.
    pub content: Option<Content>,
    /// Where a symbolic link points.
    pub target: Option<GuestPath>,
    /// A device's major and minor number.
    pub device: Option<(u32, u32)>,
    /// Extended attributes that are the guest's business, sorted by name: never overlayfs's own, nor
    /// the labels of the host's security modules.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A regular file's content, as far as it is worth carrying.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// SHA-1 of all bytes.
    pub sha1: [u8; 20],
    /// The bytes themselves where they are text (UTF-8, no control characters but tab, newline,
    /// carriage return, escape) and at most 64 KiB.
    pub text: Option<String>,
}
