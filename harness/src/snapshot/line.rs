//! The line of one change.

use crate::diff::Entry;
use crate::instance::FileKind;
use crate::path::GuestPath;

use super::names::Names;

/// What fills the columns between sign and path, apart from the entries themselves.
pub(super) struct Columns<'a> {
    pub(super) names: &'a Names,
    /// Shown in place of a regular file's size.
    pub(super) normalised: Option<&'a str>,
    /// Shown after the size: the content's digest, where the content itself isn't below.
    pub(super) digest: Option<[u8; 20]>,
}

/// `file 0644 -> 0600 root:root 36 /etc/x`: `after`, and `before` where it differs. Of a name that
/// is another kind of thing now, only the kinds are compared.
pub(super) fn line(
    before: Option<&Entry>,
    after: &Entry,
    path: &GuestPath,
    columns: &Columns<'_>,
) -> String {
    let mut line = match before {
        Some(before) => arrow(kind(before.kind), kind(after.kind)),
        None => kind(after.kind).to_owned(),
    };
    let mut column = |column: &str| {
        line.push(' ');
        line.push_str(column);
    };
    let before = before.filter(|before| before.kind == after.kind).unwrap_or(after);
    if after.kind != FileKind::Symlink {
        // A link's mode means nothing.
        column(&arrow(&mode(before), &mode(after)));
    }
    let owner = |entry: &Entry| columns.names.owner(entry.uid, entry.gid);
    column(&arrow(&owner(before), &owner(after)));
    if let (Some(a), Some(b)) = (before.device, after.device) {
        column(&arrow(&format!("{}:{}", a.0, a.1), &format!("{}:{}", b.0, b.1)));
    }
    if after.kind == FileKind::File {
        match columns.normalised {
            Some(name) => column(name),
            None => column(&arrow(&before.size.to_string(), &after.size.to_string())),
        }
    }
    if let Some(sha1) = &columns.digest {
        column(&digest(sha1));
    }
    match &after.target {
        Some(target) => column(&format!("{} -> {}", without_arrow(path), without_arrow(target))),
        None => column(&path.to_string()),
    }
    line
}

/// The word for a kind of file.
pub(super) fn kind(kind: FileKind) -> &'static str {
    match kind {
        FileKind::File => "file",
        FileKind::Directory => "dir",
        FileKind::Symlink => "link",
        FileKind::Fifo => "fifo",
        FileKind::Socket => "socket",
        FileKind::CharDevice => "char",
        FileKind::BlockDevice => "block",
    }
}

/// The first 48 bits of a digest: enough to tell apart by accident.
pub(super) fn digest(sha1: &[u8; 20]) -> String {
    sha1[..6].iter().fold("sha1:".to_owned(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn mode(entry: &Entry) -> String {
    format!("{:04o}", entry.mode)
}

/// `before -> after`, or what both are.
fn arrow(before: &str, after: &str) -> String {
    if before == after { after.to_owned() } else { format!("{before} -> {after}") }
}

/// An arrow that is part of a name, escaped: the one between link and target is ours.
fn without_arrow(path: &GuestPath) -> String {
    path.to_string().replace(" -> ", "\\x20->\\x20")
}
