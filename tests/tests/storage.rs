//! What an instance writes: to disk where the firmware asks for it, or where a tmpfs will not do.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tests::shim::{SET_ATTRIBUTE, refuse};
use tests::{cargo_fwtest, process};

/// Writes, and removes what it was built with.
const INIT: &str = "rm -r /data/old && mkdir /data/new && echo new >/data/new/file
    dd if=/dev/zero of=/data/big bs=64k count=64 2>/dev/null
    rm -r /data/replaced && mkdir /data/replaced && chmod 600 /data/moded
    echo booted; while :; do sleep 1000; done";

const PASSES: &str = r#"[[test]]
name = "writes"
steps = [
  { wait = { log = "booted" } },
  { file = { path = "/data/old", exists = false } },
  { file = { path = "/data/new/file", equals = "new" } },
  { snapshot = "changes" },
]
"#;
const ENDLESS: &str = "[[test]]\nname = \"endless\"\nsteps = [\n\
    { wait = { log = \"booted\" } },\n{ exec = { run = [\"sleep\", \"60\"] } },\n]\n";

/// All that is changed. `replaced` was removed and made anew: what was in it is gone.
const CHANGES: &str = "3 added, 1 changed, 3 removed
+ file 0644 root:0 4194304 sha1:2bccbd2f38f1 /data/big
~ file 0644 -> 0600 root:0 4 /data/moded
+ dir 0755 root:0 /data/new
+ file 0644 root:0 4 /data/new/file
    +new
- dir /data/old
- dir /data/replaced/below
- file /data/replaced/file
";

/// On a disk, mostly: not on the tmpfs that /tmp is in places.
struct Scene(tempfile::TempDir);

impl Scene {
    fn new(limits: &str) -> Self {
        let scene = Self(tempfile::tempdir_in("/var/tmp").unwrap());
        let root = scene.path("project/rootfs");
        fixtures::minimal(&root, INIT);
        for directory in ["old/deep", "replaced/below"] {
            fs::create_dir_all(root.join("data").join(directory)).unwrap();
        }
        for file in ["old/deep/file", "old/file", "replaced/file", "moded"] {
            fs::write(root.join("data").join(file), "old\n").unwrap();
        }
        let config = format!("[firmware.box]\nrootfs = \"rootfs\"\n{limits}");
        fs::write(scene.path("project/fwtest.toml"), config).unwrap();
        scene.write_suite(PASSES);
        scene
    }

    fn write_suite(&self, suite: &str) {
        fs::write(self.path("project/story.fw.toml"), suite).unwrap();
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn fwtest(&self, arguments: &str) -> Command {
        let mut command = Command::new(cargo_fwtest());
        command.arg("fwtest").args(arguments.split_whitespace());
        command.current_dir(self.path("project")).stdin(Stdio::null()).env_clear();
        command
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("FWTEST_KEEP", "none")
            .env("XDG_CACHE_HOME", self.path("cache"));
        command
    }

    /// What instances have there, and what was left.
    fn uppers(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path("cache/fwtest/uppers")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    fn snapshot(&self) -> String {
        let mut all = fs::read_dir(self.path("project/snapshots")).unwrap();
        let text = fs::read_to_string(all.next().unwrap().unwrap().path()).unwrap();
        text.splitn(3, "---\n").nth(2).unwrap().to_owned()
    }
}

#[track_caller]
fn passed(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn a_firmware_may_write_to_disk() {
    let scene = Scene::new("");
    passed(&scene.fwtest("--accept").output().unwrap());
    let in_memory = scene.snapshot();
    assert_eq!(in_memory, CHANGES);
    assert_eq!(scene.uppers(), [] as [PathBuf; 0]);
    let config = "[firmware.box]\nrootfs = \"rootfs\"\nlimits = { disk = true }\n";
    fs::write(scene.path("project/fwtest.toml"), config).unwrap();
    // The same changes, wherever they are.
    passed(&scene.fwtest("").output().unwrap());
    assert_eq!(scene.uppers(), [] as [PathBuf; 0]);

    scene.write_suite(ENDLESS);
    let mut run = scene.fwtest("");
    let run = Running(run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_written(&scene.uppers()) {
        assert!(Instant::now() < deadline, "{:?}", scene.uppers());
        std::thread::yield_now();
    }
    // A living one's is not another run's to remove.
    let uppers = scene.uppers();
    passed(&scene.fwtest("doctor").output().unwrap());
    assert_eq!(scene.uppers(), uppers);

    // All at once: also who would have removed it. Nobody has it open any more when its lock is free.
    drop(run);
    while is_locked(&uppers[0]) {
        assert!(Instant::now() < deadline, "{:?} is locked", uppers[0]);
        std::thread::yield_now();
    }
    let dead = scene.path("cache/fwtest/uppers/1-0/u/deep");
    fs::create_dir_all(&dead).unwrap();
    fs::write(dead.join("file"), "").unwrap();
    scene.write_suite(PASSES);
    fs::write(scene.path("project/fwtest.toml"), "[firmware.box]\nrootfs = \"rootfs\"\n").unwrap();
    passed(&scene.fwtest("").output().unwrap());
    assert_eq!(scene.uppers(), [] as [PathBuf; 0]);
}

/// An instance ends with its keeper, which has no time to remove what was written then.
#[test]
fn a_keeper_that_is_killed_leaves_nothing_on_disk() {
    let scene = Scene::new("limits = { disk = true }\n");
    scene.write_suite(ENDLESS);
    let mut run = scene.fwtest("");
    let run = Running(run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let pid = i32::try_from(run.0.id()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let is_launcher = |pid: &i32| process::numbers(*pid).len() == 2;
    let keeper = loop {
        let launcher = process::children(pid).into_iter().find(is_launcher);
        let keepers = launcher.map(process::children).unwrap_or_default();
        if let [keeper] = *keepers
            && is_written(&scene.uppers())
        {
            break process::open(keeper).unwrap();
        }
        assert!(Instant::now() < deadline, "{keepers:?} {:?}", scene.uppers());
        std::thread::yield_now();
    };
    process::signal(&keeper, rustix::process::Signal::KILL);
    assert!(process::wait(process::open(pid).unwrap(), deadline), "the run goes on");
    assert_eq!(scene.uppers(), [] as [PathBuf; 0]);
}

/// Whether an instance has written what [`INIT`] writes.
fn is_written(uppers: &[PathBuf]) -> bool {
    let is_whole = |file: PathBuf| file.metadata().is_ok_and(|file| file.len() == 4 << 20);
    uppers.iter().any(|upper| is_whole(upper.join("u/data/big")))
}

/// A run, until it is killed.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn is_locked(directory: &Path) -> bool {
    let lock = rustix::fs::FlockOperation::NonBlockingLockExclusive;
    fs::File::open(directory).is_ok_and(|directory| rustix::fs::flock(directory, lock).is_err())
}

#[test]
fn a_disk_that_is_none_is_named() {
    let scene = Scene::new("limits = { disk = true }\n");
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let output = scene.fwtest("").env("XDG_CACHE_HOME", memory.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(100), "{said}");
    let place = memory.path().join("fwtest/uppers");
    let words = format!(
        "failed to put an upper layer into `{}`: it is on tmpfs, and that takes ext4, xfs or btrfs",
        place.display()
    );
    assert!(said.contains(&words), "{said}");
    assert!(said.contains("hint: `XDG_CACHE_HOME` names another place"), "{said}");
}

/// Before Linux 6.6 a tmpfs has no user attributes. Overlayfs needs one for a directory that covers
/// another, and without it the guest gets EIO.
#[test]
#[ignore = "needs root, for a filter without no_new_privs"]
fn where_tmpfs_has_no_attributes_the_disk_stands_in() {
    let scene = Scene::new("limits = { storage = \"1M\" }\n");
    let mut command = scene.fwtest("--accept");
    let said = passed(&refuse(&mut command, &SET_ATTRIBUTE, libc::EOPNOTSUPP).output().unwrap());
    let layers =
        "overlayfs on disk (tmpfs has no user attributes here; `limits.storage` is not heeded)";
    assert!(said.contains(layers), "{said}");
    // It has written 4 MiB, and the changes are those of any other run.
    assert_eq!(scene.snapshot(), CHANGES);
    assert_eq!(scene.uppers(), [] as [PathBuf; 0]);

    // Without a disk it is a tmpfs all the same, and that is said.
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let idle = "[[test]]\nname = \"idle\"\nsteps = [{ process = { name = \"init\" } }]\n";
    scene.write_suite(idle);
    let mut command = scene.fwtest("");
    command.env("XDG_CACHE_HOME", memory.path());
    let said = passed(&refuse(&mut command, &SET_ATTRIBUTE, libc::EOPNOTSUPP).output().unwrap());
    assert!(said.contains("overlayfs on tmpfs without user attributes ("), "{said}");
}
