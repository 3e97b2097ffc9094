//! An ordinary user's runs, with and without a control group that was delegated to the user.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use tests::cargo_fwtest;
use tests::groups::Group;

/// Nobody's, on every distribution.
const NOBODY: u32 = 65_534;

fn suite(groups: &str) -> String {
    format!(
        "[[test]]\nname = \"groups\"\nsteps = [\n\
         {{ exec = {{ run = [\"sh\", \"-c\", \"ls -d /sys/fs/cgroup/cgroup.procs\"], {groups} }} }},\n]\n"
    )
}

fn run(place: &Path) -> (bool, String) {
    let mut command = Command::new(place.join("cargo-fwtest"));
    command.args(["fwtest", "--keep", "none"]).current_dir(place.join("project"));
    command.env_clear().env("HOME", place.join("home")).uid(NOBODY).gid(NOBODY);
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.success(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

/// cgroups(7), "Cgroups delegation": the directory, and the files that processes are moved and
/// controllers are handed down with.
#[test]
#[ignore = "needs root, to delegate a group"]
fn a_user_has_groups_where_one_was_delegated() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    for directory in ["project", "home"] {
        fs::create_dir(path(directory)).unwrap();
    }
    // Root's firmware is copied to there.
    chown(path("home"), Some(NOBODY), Some(NOBODY)).unwrap();
    fixtures::minimal(&path("project/rootfs"), "exec sleep 1000");
    fs::write(path("project/fwtest.toml"), "[firmware.box]\nrootfs = \"rootfs\"\n").unwrap();
    let config = |groups| fs::write(path("project/a.fw.toml"), suite(groups)).unwrap();
    fs::copy(cargo_fwtest(), path("cargo-fwtest")).unwrap();

    config("status = 1");
    let (passed, said) = run(place.path());
    assert!(passed && said.contains(", no cgroup, "), "{said}");

    let name = format!("delegated-{}", std::process::id());
    let group = Group::enter(&name).expect("root may make a group where cgroup2 is mounted");
    for file in ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"] {
        chown(group.path().join(file), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    config("stdout = \"/sys/fs/cgroup/cgroup.procs\"");
    let (passed, said) = run(place.path());
    assert!(passed && said.contains(", cgroup v2, "), "{said}");
    assert_eq!(group.below(), [] as [std::path::PathBuf; 0]);
}
