//! Firmwares whose owners are not the user's: copied once, by content, and removed by `clean`.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::cargo_fwtest;

/// Nobody's, on every distribution: it has no subordinate ids.
const NOBODY: u32 = 65_534;

const SUITE: &str = r#"[[test]]
name = "owners"
steps = [
  { file = { path = "/sbin/init", owner = "0:0" } },
  { file = { path = "/bin/busybox", owner = "0:0", type = "file" } },
  { exec = { run = ["cat", "/etc/motd"], stdout = "welcome" } },
]
"#;

/// A project of `user`'s on a firmware that the user of this test owns.
struct Scene {
    place: tempfile::TempDir,
    user: u32,
}

impl Scene {
    fn new(user: u32) -> Self {
        let place = tempfile::tempdir().unwrap();
        let scene = Self { place, user };
        fs::set_permissions(scene.place.path(), Permissions::from_mode(0o755)).unwrap();
        fixtures::minimal(&scene.path("rootfs"), "exec sleep 1000");
        scene.say("welcome");
        fs::create_dir_all(scene.path("project/home")).unwrap();
        let rootfs = scene.path("rootfs");
        let config = format!("[firmware.box]\nrootfs = {rootfs:?}\n");
        fs::write(scene.path("project/fwtest.toml"), config).unwrap();
        fs::write(scene.path("project/box.fw.toml"), SUITE).unwrap();
        // The one that was built may lie where only its builder may look.
        fs::copy(cargo_fwtest(), scene.path("cargo-fwtest")).unwrap();
        if user != own() {
            for path in ["project", "project/home"] {
                chown(scene.path(path), Some(user), Some(user)).unwrap();
            }
        }
        scene
    }

    fn path(&self, path: &str) -> PathBuf {
        self.place.path().join(path)
    }

    fn say(&self, motd: &str) {
        fs::write(self.path("rootfs/etc/motd"), format!("{motd}\n")).unwrap();
    }

    /// Exit code, standard output and standard error.
    fn fwtest(&self, arguments: &str) -> (Option<i32>, String, String) {
        let mut command = Command::new(self.path("cargo-fwtest"));
        command.arg("fwtest").args(arguments.split_whitespace());
        command.current_dir(self.path("project")).env_clear().envs([
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin".into()),
            ("HOME", self.path("project/home").into_os_string()),
        ]);
        if self.user != own() {
            command.uid(self.user).gid(self.user);
        }
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    fn copies(&self) -> usize {
        let cache = self.path("project/home/.cache/fwtest/firmware");
        let Ok(entries) = fs::read_dir(cache) else { return 0 };
        entries.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count()
    }

    #[track_caller]
    fn passes(&self) {
        let (code, stdout, stderr) = self.fwtest("");
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        assert!(stdout.contains("1 passed, 0 failed"), "{stdout}");
    }
}

fn own() -> u32 {
    fs::metadata("/proc/self").unwrap().uid()
}

/// As root: an ordinary user's run on root's firmware. As an ordinary user: on the user's own.
#[test]
fn a_firmware_is_copied_only_where_its_owner_is_another() {
    let foreign = own() == 0;
    let scene = Scene::new(if foreign { NOBODY } else { own() });
    let expected = usize::from(foreign);
    scene.passes();
    assert_eq!(scene.copies(), expected);
    scene.passes();
    assert_eq!(scene.copies(), expected, "the second run copies nothing");

    // By content: what has changed is seen without a word to anybody.
    scene.say("hello");
    let (code, stdout, _) = scene.fwtest("");
    assert_eq!(code, Some(100), "{stdout}");
    assert!(stdout.contains("actual    \"hello\""), "{stdout}");
    assert_eq!(scene.copies(), 2 * expected);

    let (code, stdout, stderr) = scene.fwtest("clean");
    assert_eq!(code, Some(0), "{stderr}");
    let copies = if foreign { "removed 2 copies" } else { "removed 0 copies" };
    assert!(stdout.starts_with(copies), "{stdout}");
    assert!(!scene.path("project/home/.cache/fwtest").exists());
}

/// Nothing is half-copied: a file that cannot be read is named, and no copy is left.
#[test]
fn what_cannot_be_read_is_named_before_anything_boots() {
    if own() != 0 {
        // Only root can own what another user cannot read; but a directory closed to all is
        // unreadable for its owner too.
        let scene = Scene::new(own());
        fs::create_dir(scene.path("rootfs/secret")).unwrap();
        fs::set_permissions(scene.path("rootfs/secret"), Permissions::from_mode(0o000)).unwrap();
        let (code, stdout, stderr) = scene.fwtest("");
        fs::set_permissions(scene.path("rootfs/secret"), Permissions::from_mode(0o755)).unwrap();
        named(&scene.path("rootfs/secret"), code, &stdout, &stderr);
        return;
    }
    let scene = Scene::new(NOBODY);
    let secret = scene.path("rootfs/etc/shadow");
    fs::write(&secret, "root:!:::::::\n").unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    let (code, stdout, stderr) = scene.fwtest("");
    named(&secret, code, &stdout, &stderr);
    assert_eq!(scene.copies(), 0);
}

#[track_caller]
fn named(path: &Path, code: Option<i32>, stdout: &str, stderr: &str) {
    assert_eq!(code, Some(96), "{stdout}{stderr}");
    assert!(stderr.contains(&*path.to_string_lossy()), "{stderr}");
    assert!(stderr.contains("Permission denied"), "{stderr}");
}
