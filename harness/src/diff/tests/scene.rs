//! Layers in a directory of the host, and what the diff says of them.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, XattrFlags, makedev, mknodat, setxattr};
use tempfile::TempDir;

use crate::diff::{Change, DiffError, Entry, Options, What, changes};

/// Two lowers, `middle` over `firmware`, and the upper that overlayfs might have left.
pub(super) struct Scene {
    root: TempDir,
}

impl Scene {
    pub(super) fn new() -> Self {
        let root = directory_with_user_xattrs();
        // For tests that go on as another user.
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for layer in ["upper", "middle", "firmware"] {
            make_directory(&root.path().join(layer));
        }
        Self { root }
    }

    pub(super) fn upper(&self) -> Layer {
        Layer(self.root.path().join("upper"))
    }

    pub(super) fn middle(&self) -> Layer {
        Layer(self.root.path().join("middle"))
    }

    pub(super) fn firmware(&self) -> Layer {
        Layer(self.root.path().join("firmware"))
    }

    pub(super) fn changes(&self) -> Result<Vec<Change>, DiffError> {
        let open = |layer: Layer| fs::File::open(layer.0).unwrap();
        let (upper, middle, firmware) =
            (open(self.upper()), open(self.middle()), open(self.firmware()));
        let lowers = [middle.as_fd(), firmware.as_fd()];
        changes(upper.as_fd(), &lowers, &Options::default())
    }

    /// Whole, a line per change.
    #[track_caller]
    pub(super) fn check(&self, expected: &[&str]) {
        let lines: Vec<_> = self.changes().unwrap().iter().map(line).collect();
        assert_eq!(lines, expected);
    }
}

/// A layer to fill. Paths are bytes, relative to it; parents are made.
pub(super) struct Layer(pub(super) PathBuf);

impl Layer {
    pub(super) fn file(&self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> &Self {
        self.file_with(path, content, 0o644)
    }

    pub(super) fn file_with(
        &self,
        path: impl AsRef<[u8]>,
        content: impl AsRef<[u8]>,
        mode: u32,
    ) -> &Self {
        let path = self.path(path);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    pub(super) fn directory(&self, path: impl AsRef<[u8]>) -> &Self {
        make_directory(&self.path(path));
        self
    }

    pub(super) fn opaque(&self, path: impl AsRef<[u8]>) -> &Self {
        self.directory(&path).xattr(path, "user.overlay.opaque", b"y")
    }

    pub(super) fn link(&self, path: impl AsRef<[u8]>, target: &str) -> &Self {
        symlink(target, self.path(path)).unwrap();
        self
    }

    pub(super) fn fifo(&self, path: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        mknodat(CWD, &path, FileType::Fifo, Mode::empty(), 0).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        self
    }

    /// A 0:0 character device, the one that an ordinary user may make too (since 5.8).
    pub(super) fn whiteout(&self, path: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        mknodat(CWD, path, FileType::CharacterDevice, Mode::empty(), makedev(0, 0)).unwrap();
        self
    }

    pub(super) fn xattr(&self, path: impl AsRef<[u8]>, name: &str, value: &[u8]) -> &Self {
        setxattr(self.path(path), name, value, XattrFlags::empty()).unwrap();
        self
    }

    pub(super) fn path(&self, path: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(OsStr::from_bytes(path.as_ref()));
        if let Some(parent) = path.parent() {
            make_directory(parent);
        }
        path
    }
}

/// With a mode that no umask makes different.
fn make_directory(path: &Path) {
    if !path.exists() {
        make_directory(path.parent().unwrap());
        fs::create_dir(path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// A tmpfs has them from Linux 6.6 on; /var/tmp is on a disk.
fn directory_with_user_xattrs() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    match setxattr(root.path(), "user.probe", b"", XattrFlags::empty()) {
        Ok(()) => root,
        Err(_) => tempfile::tempdir_in("/var/tmp").unwrap(),
    }
}

/// A change in short: `+ /a`, `- /a`, `~ /a mode size`.
pub(super) fn line(change: &Change) -> String {
    let path = &change.path;
    match &change.what {
        What::Added(_) => format!("+ {path}"),
        What::Removed(_) => format!("- {path}"),
        What::Changed { before, after } => format!("~ {path}{}", differences(before, after)),
    }
}

fn differences(before: &Entry, after: &Entry) -> String {
    [
        (before.kind != after.kind, " kind"),
        (before.mode != after.mode, " mode"),
        ((before.uid, before.gid) != (after.uid, after.gid), " owner"),
        (before.size != after.size, " size"),
        (before.content != after.content, " content"),
        (before.target != after.target, " target"),
        (before.device != after.device, " device"),
        (before.xattrs != after.xattrs, " xattr"),
    ]
    .into_iter()
    .filter_map(|(differs, name)| differs.then_some(name))
    .collect()
}
