//! What makes an identity another, and what doesn't.

use std::fs::{self, File, FileTimes, Permissions};
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FileType, Mode, XattrFlags, makedev, mknodat, setxattr};
use tempfile::TempDir;

use super::cache::identity_cached_at;
use super::{Identity, identity};

/// A tree as a build makes it, below a temporary directory.
struct Build {
    temporary: TempDir,
    root: PathBuf,
}

impl Build {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().join("target");
        for directory in ["", "etc", "bin", "bin/sub", "empty"] {
            fs::create_dir(root.join(directory)).unwrap();
            mode(&root.join(directory), 0o755);
        }
        fs::write(root.join("etc/passwd"), "root:x:0:0\n").unwrap();
        fs::write(root.join("bin/busybox"), vec![7; 100_000]).unwrap();
        symlink("busybox", root.join("bin/sh")).unwrap();
        mknodat(CWD, root.join("bin/fifo"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        mode(&root.join("etc/passwd"), 0o644);
        Self { temporary, root }
    }

    fn identity(&self) -> Identity {
        identity(self.open().as_fd(), owners()).unwrap()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn open(&self) -> File {
        File::open(&self.root).unwrap()
    }

    fn cache(&self) -> PathBuf {
        self.temporary.path().join("cache/of/identity")
    }

    /// As if the walk began this long from now.
    fn cached(&self, later: Duration) -> Identity {
        let now = SystemTime::now() + later;
        identity_cached_at(now, self.open().as_fd(), &self.cache(), owners()).unwrap()
    }
}

/// Whatever the umask.
fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Whoever runs the tests is the guest's root.
fn owners() -> impl Fn(u32, u32) -> (u32, u32) {
    let uid = rustix::process::geteuid().as_raw();
    move |owner, _| (if owner == uid { 0 } else { owner }, 0)
}

const LATER: Duration = Duration::from_secs(10);

#[test]
fn two_builds_of_the_same_content_are_the_same() {
    let (one, other) = (Build::new(), Build::new());
    assert_eq!(one.identity(), other.identity());

    let long_ago = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
    File::open(other.path("etc/passwd")).unwrap().set_times(long_ago).unwrap();
    File::open(other.path("bin")).unwrap().set_times(long_ago).unwrap();
    assert_eq!(one.identity(), other.identity(), "times");

    let mut other = other;
    let renamed = other.root.with_file_name("renamed");
    fs::rename(&other.root, &renamed).unwrap();
    other.root = renamed;
    assert_eq!(one.identity(), other.identity(), "the path of the tree");
}

#[test]
fn whatever_a_guest_can_see_makes_a_difference() {
    let original = Build::new().identity();
    #[track_caller]
    fn check(original: Identity, change: impl FnOnce(&Build)) {
        let build = Build::new();
        change(&build);
        assert_ne!(build.identity(), original);
    }
    check(original, |b| mode(&b.path("etc/passwd"), 0o600));
    check(original, |b| mode(&b.path("empty"), 0o700));
    check(original, |b| mode(&b.path(""), 0o700));
    check(original, |b| fs::write(b.path("etc/passwd"), "root:x:0:1\n").unwrap());
    check(original, |b| fs::write(b.path("etc/passwd"), "").unwrap());
    check(original, |b| fs::rename(b.path("etc/passwd"), b.path("etc/group")).unwrap());
    check(original, |b| fs::rename(b.path("etc/passwd"), b.path("bin/passwd")).unwrap());
    check(original, |b| fs::remove_dir(b.path("empty")).unwrap());
    check(original, |b| fs::write(b.path("new"), "").unwrap());
    check(original, |b| {
        fs::remove_file(b.path("bin/sh")).unwrap();
        symlink("/bin/busybox", b.path("bin/sh")).unwrap();
    });
    check(original, |b| {
        fs::remove_file(b.path("bin/sh")).unwrap();
        fs::write(b.path("bin/sh"), "busybox").unwrap();
    });

    let build = Build::new();
    let other_owner = identity(build.open().as_fd(), |_, _| (0, 1)).unwrap();
    assert_ne!(other_owner, original, "owners, as the guest has them");
}

#[test]
#[ignore = "needs root for file capabilities and device nodes"]
fn capabilities_and_devices_make_a_difference() {
    let capability = |revision: u8, rootid: &[u8]| {
        let build = Build::new();
        let mut value = [&[1, 0, 0, revision][..], &[0; 16], rootid].concat();
        value[5] = 4;
        let path = build.path("bin/busybox");
        setxattr(path, "security.capability", &value, XattrFlags::empty()).unwrap();
        build.identity()
    };
    let device = |minor| {
        let build = Build::new();
        let device = makedev(1, minor);
        let mode = Mode::from_raw_mode(0o666);
        mknodat(CWD, build.path("null"), FileType::CharacterDevice, mode, device).unwrap();
        build.identity()
    };
    assert_ne!(capability(2, &[]), Build::new().identity());
    assert_eq!(capability(2, &[]), capability(3, &[0xa0, 0x86, 1, 0]), "the host's part of it");
    assert_ne!(device(3), device(5));
}

#[test]
fn a_tree_that_did_not_change_is_not_read_again() {
    let build = Build::new();
    let first = build.cached(LATER);
    assert_eq!(first, build.identity());

    // That the cache is asked shows when it lies.
    let mut lie = fs::read(build.cache()).unwrap();
    lie[20] ^= 1;
    let digest = sha1::Digest::finalize(<sha1::Sha1 as sha1::Digest>::new_with_prefix(&lie[..40]));
    lie[40..].copy_from_slice(&digest);
    fs::write(build.cache(), &lie).unwrap();
    assert_ne!(build.cached(LATER), first);
}

#[test]
fn a_tree_that_changed_is_read_again() {
    let build = Build::new();
    let first = build.cached(LATER);
    // Of the same size, and with the time of modification that it had.
    let path = build.path("etc/passwd");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "root:x:0:9\n").unwrap();
    File::open(&path).unwrap().set_times(FileTimes::new().set_modified(modified)).unwrap();
    let second = build.cached(LATER);
    assert_ne!(second, first);
    assert_eq!(second, build.identity());
}

#[test]
fn a_damaged_cache_is_ignored() {
    let build = Build::new();
    let first = build.cached(LATER);
    let good = fs::read(build.cache()).unwrap();
    let mut flipped = good.clone();
    flipped[25] ^= 1;
    for damaged in [&b""[..], b"x", &good[..59], &flipped, &[0; 60]] {
        fs::write(build.cache(), damaged).unwrap();
        assert_eq!(build.cached(LATER), first);
        assert_eq!(fs::read(build.cache()).unwrap(), good, "written anew");
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_no_error() {
    let build = Build::new();
    let unwritable = Path::new("/dev/null/cache");
    let now = SystemTime::now() + LATER;
    let identity = identity_cached_at(now, build.open().as_fd(), unwritable, owners()).unwrap();
    assert_eq!(identity, build.identity());
}

/// As in git's index: what was written within the clock's tick may be written again unseen.
#[test]
fn a_tree_that_changed_a_moment_ago_is_not_trusted() {
    let build = Build::new();
    build.cached(Duration::ZERO);
    assert!(!build.cache().exists());
}

#[test]
fn a_part_that_cannot_be_read_is_an_error_with_its_path() {
    let build = Build::new();
    mode(&build.path("etc/passwd"), 0);
    let root = build.open();
    let error =
        crate::testing::as_an_ordinary_user(|| identity(root.as_fd(), owners()).unwrap_err());
    assert_eq!(error.to_string(), "failed to open /etc/passwd of the firmware");
}

#[test]
fn an_identity_is_written_in_hexadecimal() {
    let mut bytes = [0; 20];
    bytes[..4].copy_from_slice(&[0x9f, 0x3c, 0x12, 0xab]);
    assert_eq!(Identity(bytes).to_string(), format!("9f3c12ab{}", "0".repeat(32)));
    assert_eq!(Identity(bytes).short(), "9f3c12ab");
}
