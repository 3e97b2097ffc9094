//! A file of the guest, as it was when it was looked at.

use std::io;

use rustix::fs::FileType;
use serde::{Deserialize, Serialize};

use crate::path::GuestPath;

/// What a name of the guest's file system stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A FIFO.
    Fifo,
    /// A socket's name.
    Socket,
    /// A character device node.
    CharDevice,
    /// A block device node.
    BlockDevice,
}

impl FileKind {
    /// The kind in a mode of stat(2). Linux has these seven and no more.
    pub(crate) fn of_mode(mode: u32) -> Self {
        match FileType::from_raw_mode(mode) {
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Symlink,
            FileType::Fifo => Self::Fifo,
            FileType::Socket => Self::Socket,
            FileType::CharacterDevice => Self::CharDevice,
            FileType::BlockDevice => Self::BlockDevice,
            FileType::RegularFile | FileType::Unknown => Self::File,
        }
    }
}

/// A file of the guest, as it was when it was looked at. A link is not followed in the last
/// component of the path, as with lstat(2).
#[derive(Debug)]
pub struct File {
    /// As the test named it.
    pub path: GuestPath,
    /// What was found. `Ok(None)` where there is no such name; an error where nobody can say, which
    /// is never the same.
    pub state: io::Result<Option<FileState>>,
}

/// What is known of a file that exists.
#[derive(Debug)]
pub struct FileState {
    /// What kind of file.
    pub kind: FileKind,
    /// Permission bits with setuid, setgid and sticky: `0o7777` at most.
    pub mode: u32,
    /// Owner as the guest has it.
    pub uid: u32,
    /// Group as the guest has it.
    pub gid: u32,
    /// The owner's name in the guest's /etc/passwd, where it has one.
    pub user: Option<String>,
    /// The group's name in the guest's /etc/group, where it has one.
    pub group: Option<String>,
    /// Bytes.
    pub size: u64,
    /// Where a symbolic link points.
    pub target: Option<GuestPath>,
    /// A regular file's bytes, or why they could not be read; `None` for all that is not one.
    pub content: Option<io::Result<Vec<u8>>>,
    /// The names in a directory, sorted, or why they could not be read; `None` for what is none.
    pub entries: Option<io::Result<Vec<GuestPath>>>,
}
