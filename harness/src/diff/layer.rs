//! What a name of one layer means to overlayfs, from what stat and its attributes say.

use crate::instance::FileKind;

/// overlayfs's own attributes on a name, as `userxattr` mounts have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) whiteout: bool,
    pub(super) opaque: Opaque,
    /// Redirect or metacopy: the name's content or place is elsewhere. `userxattr` turns both off.
    pub(super) elsewhere: bool,
}

/// The attribute `user.overlay.opaque`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Opaque {
    #[default]
    No,
    /// `y`: hides the directory of the same path in every lower layer.
    Yes,
    /// `x`: hides nothing, but holds whiteouts in the form of attributes.
    HoldsXattrWhiteouts,
}

impl Opaque {
    pub(super) fn of(value: &[u8]) -> Self {
        match value {
            b"y" => Self::Yes,
            b"x" => Self::HoldsXattrWhiteouts,
            _ => Self::No,
        }
    }
}

/// What a name of one layer means for those below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing is there, and what lies below is hidden.
    Whiteout,
    /// A directory, merged with those of the same path below.
    Directory,
    /// A directory that hides what lies below.
    OpaqueDirectory,
    /// Anything else; hides what lies below.
    Leaf,
}

/// What stat says of a name, as far as overlayfs cares.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) kind: FileKind,
    pub(super) size: u64,
    pub(super) device: (u32, u32),
}

/// # References
/// `Documentation/filesystems/overlayfs.rst`, "whiteouts and opaque directories"
pub(super) fn seen(facts: Facts, marks: &Marks) -> Seen {
    match facts.kind {
        FileKind::CharDevice if facts.device == (0, 0) => Seen::Whiteout,
        FileKind::File if facts.size == 0 && marks.whiteout => Seen::Whiteout,
        FileKind::Directory if marks.opaque == Opaque::Yes => Seen::OpaqueDirectory,
        FileKind::Directory => Seen::Directory,
        _ => Seen::Leaf,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: FileKind, size: u64, device: (u32, u32), marks: Marks, expected: Seen) {
        assert_eq!(seen(Facts { kind, size, device }, &marks), expected);
    }

    #[test]
    fn a_name_means_what_overlayfs_makes_of_it() {
        let none = Marks::default;
        let whiteout = || Marks { whiteout: true, ..none() };
        let opaque = |value: &[u8]| Marks { opaque: Opaque::of(value), ..none() };

        check(FileKind::CharDevice, 0, (0, 0), none(), Seen::Whiteout);
        check(FileKind::CharDevice, 0, (1, 3), none(), Seen::Leaf);
        check(FileKind::BlockDevice, 0, (0, 0), none(), Seen::Leaf);

        check(FileKind::File, 0, (0, 0), whiteout(), Seen::Whiteout);
        check(FileKind::File, 1, (0, 0), whiteout(), Seen::Leaf);
        check(FileKind::File, 0, (0, 0), none(), Seen::Leaf);
        check(FileKind::Directory, 0, (0, 0), whiteout(), Seen::Directory);

        check(FileKind::Directory, 40, (0, 0), none(), Seen::Directory);
        check(FileKind::Directory, 40, (0, 0), opaque(b"y"), Seen::OpaqueDirectory);
        check(FileKind::Directory, 40, (0, 0), opaque(b"x"), Seen::Directory);
        check(FileKind::Directory, 40, (0, 0), opaque(b""), Seen::Directory);
        check(FileKind::File, 0, (0, 0), opaque(b"y"), Seen::Leaf);

        check(FileKind::Symlink, 0, (0, 0), none(), Seen::Leaf);
        check(FileKind::Fifo, 0, (0, 0), whiteout(), Seen::Leaf);
        check(FileKind::Socket, 0, (0, 0), none(), Seen::Leaf);
    }
}
