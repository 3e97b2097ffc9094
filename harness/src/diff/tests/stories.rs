//! One promise of the diff each.

use std::ffi::CStr;
use std::fs::{self, File, FileTimes};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use rustix::fs::{Mode, OFlags, mkdirat, openat};

use super::scene::Scene;
use crate::diff::{Options, What, changes};
use crate::path::GuestPath;

#[test]
fn an_instance_that_writes_nothing_has_no_changes() {
    let scene = Scene::new();
    scene.firmware().file("etc/passwd", "root").directory("var").link("tmp", "var/tmp");
    scene.middle().file("etc/resolv.conf", "nameserver 127.0.0.1\n");
    scene.check(&[]);
}

#[test]
fn a_copy_up_without_a_difference_is_no_change() {
    let scene = Scene::new();
    for layer in [scene.firmware(), scene.upper()] {
        layer.file("etc/passwd", "root").link("sbin/init", "/bin/busybox").fifo("run/initctl");
        layer.file("bin/big", vec![1; 200_000]).file("empty", "");
        layer.xattr("bin/big", "user.comment", b"same");
    }
    scene.upper().xattr("etc", "user.overlay.origin", b"\0").xattr(
        "bin/big",
        "user.overlay.x",
        b"",
    );
    let long_ago = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
    File::open(scene.upper().path("etc/passwd")).unwrap().set_times(long_ago).unwrap();
    scene.check(&[]);
}

#[test]
fn each_kind_of_difference_is_a_change() {
    let scene = Scene::new();
    scene
        .firmware()
        .file("content", "abc")
        .file("size", "abc")
        .file("mode", "")
        .file("xattr", "")
        .file("kind", "was a file")
        .link("target", "old");
    scene
        .upper()
        .file("content", "abd")
        .file("size", "abcd")
        .file_with("mode", "", 0o4755)
        .file("xattr", "")
        .xattr("xattr", "user.comment", b"new")
        .link("kind", "is a link")
        .link("target", "new");
    scene.check(&[
        "~ /content content",
        "~ /kind kind mode size content target",
        "~ /mode mode",
        "~ /size size content",
        "~ /target target",
        "~ /xattr xattr",
    ]);
}

#[test]
fn a_last_byte_of_a_large_file_is_a_change() {
    let scene = Scene::new();
    let mut bytes = vec![b'a'; 300_000];
    scene.firmware().file("large", &bytes);
    *bytes.last_mut().unwrap() = b'b';
    scene.upper().file("large", &bytes);
    scene.check(&["~ /large content"]);
    let What::Changed { before, after } = scene.changes().unwrap().remove(0).what else { panic!() };
    assert_ne!(before.content.unwrap().sha1, after.content.unwrap().sha1);
    assert_eq!((before.size, after.size), (300_000, 300_000));
}

#[test]
fn a_whiteout_removes_a_name_and_lists_it_once() {
    let scene = Scene::new();
    scene.firmware().file("file", "").file("tree/a/b", "").file("attribute", "");
    scene.upper().whiteout("file").whiteout("tree").file("attribute", "");
    scene.upper().xattr("attribute", "user.overlay.whiteout", b"y");
    scene.check(&["- /attribute", "- /file", "- /tree"]);
}

#[test]
fn a_whiteout_over_nothing_is_no_change() {
    let scene = Scene::new();
    scene.middle().whiteout("hidden-by-middle");
    scene.firmware().file("hidden-by-middle", "");
    scene.upper().whiteout("gone").whiteout("hidden-by-middle").whiteout("new/gone");
    scene.check(&["+ /new"]);
}

#[test]
fn an_empty_file_of_the_firmware_that_only_looks_like_a_whiteout_is_a_file() {
    let scene = Scene::new();
    for directory in ["plain/f", "marked/f"] {
        scene.firmware().file(directory, "").xattr(directory, "user.overlay.whiteout", b"");
        scene.upper().whiteout(directory);
    }
    scene.firmware().xattr("marked", "user.overlay.opaque", b"x");
    scene.check(&["- /plain/f"]);
}

#[test]
fn an_opaque_directory_removes_what_it_does_not_have() {
    let scene = Scene::new();
    scene.middle().file("srv/by-middle", "");
    scene
        .firmware()
        .file("srv/gone", "")
        .file("srv/same", "same")
        .file("srv/other", "before")
        .file("srv/sub/gone", "")
        .file("srv/sub/tree/deep", "")
        .file("srv/tree/deep/er", "");
    scene
        .upper()
        .opaque("srv")
        .file("srv/same", "same")
        .file("srv/other", "after!")
        .file("srv/new", "")
        .directory("srv/sub");
    scene.check(&[
        "- /srv/by-middle",
        "- /srv/gone",
        "+ /srv/new",
        "~ /srv/other content",
        "- /srv/sub/gone",
        "- /srv/sub/tree",
        "- /srv/tree",
    ]);
}

#[test]
fn a_mark_that_is_not_y_hides_nothing() {
    let scene = Scene::new();
    scene.firmware().file("srv/stays", "");
    scene.upper().directory("srv").xattr("srv", "user.overlay.opaque", b"x");
    scene.check(&[]);
}

#[test]
fn a_name_of_another_kind_is_changed_and_a_new_directorys_names_are_added() {
    let scene = Scene::new();
    scene
        .firmware()
        .file("file-to-dir", "x")
        .file("dir-to-file/child", "")
        .link("link-to-dir", "/");
    scene.upper().file("file-to-dir/sub/f", "").file("dir-to-file", "").directory("link-to-dir");
    scene.check(&[
        "~ /dir-to-file kind mode content",
        "~ /file-to-dir kind mode size content",
        "+ /file-to-dir/sub",
        "+ /file-to-dir/sub/f",
        "~ /link-to-dir kind mode target",
    ]);
}

#[test]
fn the_middle_hides_the_firmware_and_is_never_news() {
    let scene = Scene::new();
    scene.middle().file("etc/resolv.conf", "ours").file("etc/hosts", "ours").file("opt", "file");
    scene.firmware().file("etc/hosts", "theirs").file("opt/x", "");
    // A copy-up of the harness's file, a change of one, and a name below what the middle hides.
    scene.upper().file("etc/resolv.conf", "ours").file("etc/hosts", "guest").file("opt/x", "");
    scene.check(&["~ /etc/hosts size content", "~ /opt kind mode size content", "+ /opt/x"]);
}

#[test]
fn an_opaque_directory_of_the_middle_hides_the_firmwares() {
    let scene = Scene::new();
    scene.middle().opaque("dev");
    scene.firmware().file("dev/shipped", "");
    scene.upper().file("dev/shipped", "");
    scene.check(&["+ /dev/shipped"]);
}

#[test]
fn directories_are_compared_by_mode_and_attributes_the_root_among_them() {
    let scene = Scene::new();
    scene.firmware().directory("a").directory("b");
    scene.upper().directory("a").directory("b").xattr("b", "user.comment", b"");
    for directory in ["", "a"] {
        let mode = fs::Permissions::from_mode(0o1777);
        fs::set_permissions(scene.upper().0.join(directory), mode).unwrap();
    }
    scene.check(&["~ / mode", "~ /a mode", "~ /b xattr"]);
}

#[test]
fn nothing_but_files_and_directories_is_opened() {
    let scene = Scene::new();
    scene.firmware().fifo("to-file").file("to-fifo", "");
    scene.upper().fifo("new").file("to-file", "").fifo("to-fifo");
    let _socket = UnixListener::bind(scene.upper().path("socket")).unwrap();
    // A FIFO without a writer would keep us here.
    scene.check(&["+ /new", "+ /socket", "~ /to-fifo kind content", "~ /to-file kind content"]);
}

#[test]
fn odd_names_are_names() {
    let scene = Scene::new();
    scene.firmware().file(b"tab\there", "").file("a-b", "");
    let longest = vec![b'n'; 255];
    scene.upper().whiteout(b"tab\there").file(b"\xff\n", "").file(&longest, "").file("a/b", "");
    scene.upper().file("a-b", "x");
    let longest = format!("+ /{}", "n".repeat(255));
    // Sorted as bytes: `-` comes before `/`.
    scene.check(&[
        "+ /a",
        "~ /a-b size content",
        "+ /a/b",
        &longest,
        "- /tab\\there",
        "+ /\\xff\\n",
    ]);
}

#[test]
fn a_tree_deeper_than_any_path_is_walked() {
    const DEPTH: usize = 600;
    const NAME: &CStr = c"a-name-of-twenty-byt";
    let scene = Scene::new();
    let mut at = OwnedFd::from(File::open(scene.upper().0).unwrap());
    for _ in 0..DEPTH {
        mkdirat(&at, NAME, Mode::from_raw_mode(0o755)).unwrap();
        // A second one, so that the walk has to come back.
        mkdirat(&at, c"z", Mode::from_raw_mode(0o755)).unwrap();
        at = openat(&at, NAME, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    let changes = scene.changes().unwrap();
    assert_eq!(changes.len(), 2 * DEPTH);
    let longest = changes.iter().map(|change| change.path.as_bytes().len()).max().unwrap();
    assert_eq!(longest, DEPTH * (NAME.count_bytes() + 1));
    assert!(longest > libc::PATH_MAX as usize);
}

#[test]
fn what_cannot_be_understood_is_an_error_with_its_name() {
    let scene = Scene::new();
    scene.upper().directory("etc/moved").xattr("etc/moved", "user.overlay.redirect", b"/old");
    let error = scene.changes().unwrap_err();
    let expected = "failed to interpret the overlay redirect or metacopy of /etc/moved";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_volume_has_no_lower_and_a_place_of_its_own() {
    let scene = Scene::new();
    scene.upper().file("db", "");
    let upper = File::open(scene.upper().0).unwrap();
    let options = Options { at: GuestPath::from("/data"), ..Options::default() };
    // Twice: a descriptor that was listed once is as good as new.
    for _ in 0..2 {
        let changes = changes(upper.as_fd(), &[], &options).unwrap();
        let paths: Vec<_> = changes.iter().map(|change| change.path.to_string()).collect();
        assert_eq!(paths, ["/data/db"]);
    }
}

#[test]
#[ignore = "needs root for chown and file capabilities"]
fn owners_and_capabilities_are_compared() {
    let scene = Scene::new();
    let capability = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    for layer in [scene.firmware(), scene.upper()] {
        layer.file("bin/ping", "").file("etc/shadow", "");
    }
    scene.upper().xattr("bin/ping", "security.capability", capability);
    chown(scene.upper().path("etc/shadow"), Some(5), Some(6)).unwrap();
    scene.check(&["~ /bin/ping xattr", "~ /etc/shadow owner"]);
}

#[test]
fn what_cannot_be_read_is_an_error_with_its_name() {
    let scene = Scene::new();
    scene.upper().file_with("secret", "", 0);
    let error = crate::testing::as_an_ordinary_user(|| scene.changes().unwrap_err());
    assert_eq!(error.to_string(), "failed to open /secret");
}

#[test]
fn a_guest_that_goes_on_writing_does_not_fail_the_diff() {
    let scene = Scene::new();
    scene.firmware().file("f", "before").file("d/g", "");
    let upper = scene.upper();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Each name is now a file, now a directory, now gone.
            while !ended.load(Ordering::Relaxed) {
                for round in 0..20 {
                    let (a, b) = (upper.path("f"), upper.path("d"));
                    fs::write(&a, "x".repeat(round * 1000)).unwrap();
                    fs::create_dir_all(b.join("deep/er")).unwrap();
                    fs::remove_file(&a).unwrap();
                    fs::create_dir(&a).unwrap();
                    fs::remove_dir_all(&b).unwrap();
                    fs::write(&b, "").unwrap();
                    fs::remove_dir(&a).unwrap();
                    fs::remove_file(&b).unwrap();
                }
            }
        });
        let walks: Vec<_> = (0..300).map(|_| scene.changes()).collect();
        ended.store(true, Ordering::Relaxed);
        for walk in walks {
            walk.unwrap();
        }
    });
}
