use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use fwtest::firmware::{Config, Firmware};

/// What `idle` and `bare` run: nothing is written, nothing ends.
const SLEEP: &str = "exec sleep 1000000";

const PASSWD: &str = "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n";

/// The fwtest.toml of tests that boot instances in their own process:
///
/// * `router`: the fixture, ready when it says so.
/// * `idle`: a root file system with something to change in `/data`, whose init does nothing.
/// * `bare`: the same without `/data`, and without the directories that the harness mounts on.
///
/// # Panics
/// When the firmwares cannot be built.
#[must_use]
pub fn router_config() -> PathBuf {
    let router = fixtures::router();
    let version = version();
    let idle = built(&format!("idle-{version:016x}"), |root| {
        fixtures::minimal(root, SLEEP);
        data(&root.join("data"))
    });
    let bare = built(&format!("bare-{version:016x}"), |root| {
        fixtures::minimal(root, SLEEP);
        ["dev", "proc", "sys"].iter().try_for_each(|name| fs::remove_dir(root.join(name)))
    });
    let text = format!(
        "[firmware.router]\nrootfs = {router:?}\nready = [{{ log = {line:?} }}]\n\n\
         [firmware.idle]\nrootfs = {idle:?}\nready = [{{ process = \"sleep\" }}]\n\n\
         [firmware.bare]\nrootfs = {bare:?}\nready = [{{ process = \"sleep\" }}]\n",
        line = fixtures::model::ROUTER.boot_line,
    );
    let directory = built(&format!("config-{:016x}", digest(&[text.as_bytes()])), |directory| {
        fs::write(directory.join("fwtest.toml"), &text)
    });
    directory.join("fwtest.toml")
}

/// The fwtest.toml of tests under AppArmor: `box`, whose init does nothing, and which does not boot
/// without.
///
/// # Panics
/// When the firmware cannot be built.
#[must_use]
pub fn apparmor_config() -> PathBuf {
    let rootfs = built(&format!("box-{:016x}", version()), |root| {
        fixtures::minimal(root, "sleep 1000000 & wait");
        fs::write(root.join("etc/passwd"), PASSWD)?;
        fs::create_dir_all(root.join("tmp"))
    });
    let text = format!(
        "[firmware.box]\nrootfs = {rootfs:?}\nready = [{{ process = \"sleep\" }}]\n\
         apparmor = \"required\"\n"
    );
    let directory = built(&format!("config-{:016x}", digest(&[text.as_bytes()])), |directory| {
        fs::write(directory.join("fwtest.toml"), &text)
    });
    directory.join("fwtest.toml")
}

/// The fwtest.toml of the tests that boot the naughty firmware.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn naughty_config() -> PathBuf {
    let text = format!(
        "[firmware.naughty]\nrootfs = {rootfs:?}\nready = [{{ log = {line:?} }}]\n",
        rootfs = fixtures::naughty(),
        line = fixtures::model::naughty::BOOT_LINE,
    );
    let directory = built(&format!("config-{:016x}", digest(&[text.as_bytes()])), |directory| {
        fs::write(directory.join("fwtest.toml"), &text)
    });
    directory.join("fwtest.toml")
}

/// A firmware at `rootfs`; `keys` are the other lines of its table.
///
/// # Panics
/// When the lines are wrong.
#[must_use]
pub fn firmware(rootfs: &Path, keys: &str) -> Firmware {
    let text = format!("[firmware.other]\nrootfs = {rootfs:?}\n{keys}");
    let config = Config::parse(Path::new("/fwtest.toml"), &text)
        .unwrap_or_else(|error| panic!("failed to read\n{text}\n{error}"));
    config.firmwares.into_iter().next().expect("it has one")
}

/// Something of each kind, for a test to change.
fn data(data: &Path) -> std::io::Result<()> {
    for directory in ["", "emptied", "emptied/deep", "removed"] {
        fs::create_dir(data.join(directory))?;
    }
    for file in [
        "appended",
        "emptied/deep/file",
        "emptied/file",
        "moded",
        "moved",
        "owned",
        "removed/file",
        "retyped",
        "rewritten",
        "touched",
    ] {
        fs::write(data.join(file), format!("{file}\n"))?;
    }
    std::os::unix::fs::symlink("appended", data.join("link"))
}

/// The directory `name` of this user's, made by whoever comes first: complete or not there.
fn built(name: &str, build: impl FnOnce(&Path) -> std::io::Result<()>) -> PathBuf {
    let place = crate::project::scratch();
    let path = place.join(name);
    if path.exists() {
        return path;
    }
    let partial = tempfile::tempdir_in(&place).expect("a directory beside it");
    let root = partial.path().join("root");
    fs::create_dir(&root).expect("a new directory");
    build(&root).unwrap_or_else(|error| panic!("failed to build {}: {error}", path.display()));
    match fs::rename(&root, &path) {
        Ok(()) => {}
        // Somebody else was faster; what he made is the same.
        Err(error)
            if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {}
        Err(error) => panic!("failed to make {}: {error}", path.display()),
    }
    path
}

/// Of what `idle` and `bare` are made of, so that others are made when that changes.
fn version() -> u64 {
    let busybox = fs::read("/bin/busybox").unwrap_or_default();
    digest(&[include_bytes!("firmwares.rs"), &busybox])
}

fn digest(parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}
