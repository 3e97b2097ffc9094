//! Control groups: each instance has its own, where the host lets the harness make some.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use fwtest::prelude::*;
use rustix::process::geteuid;

use crate::shell;

/// The group of this process's run. None where it may make none: an ordinary user to whom no group
/// was delegated.
fn run_group() -> Option<PathBuf> {
    let ours = format!("fwtest-{}-", std::process::id());
    let entries = fs::read_dir(tests::groups::own()?).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&ours)))
}

/// Where the host has the group in which the guest has made one of this name.
fn with_group(name: &str) -> PathBuf {
    let entries = fs::read_dir(run_group().unwrap()).unwrap();
    let mut groups = entries.map(|entry| entry.unwrap().path());
    groups.find(|path| path.join(name).is_dir()).unwrap()
}

/// Whether the guest sees its own, which has to agree with what the host says.
async fn has_group(fw: &Instance) -> bool {
    let mounts = shell(fw, "cat /proc/mounts").await;
    let seen = mounts.lines().any(|line| line.starts_with("cgroup2 /sys/fs/cgroup cgroup2 rw,"));
    assert_eq!(seen, run_group().is_some(), "{mounts}");
    if geteuid().is_root() && fs::read_to_string("/proc/mounts").unwrap().contains(" cgroup2 rw,") {
        assert!(seen, "root can have one");
    }
    seen
}

/// Without a group of its own the guest must not see the host's.
async fn sees_none(fw: &Instance) {
    assert_eq!(shell(fw, "ls -A /sys/fs/cgroup").await, "");
}

#[fwtest::test(firmware = "router")]
async fn init_and_commands_are_in_the_group_of_the_instance(fw: &mut Instance) {
    if !has_group(fw).await {
        return sees_none(fw).await;
    }
    let lines = "grep ^0: /proc/1/cgroup; grep ^0: /proc/self/cgroup";
    assert_eq!(shell(fw, lines).await, "0::/\n0::/\n");
    let all = shell(fw, "cat /sys/fs/cgroup/cgroup.procs; echo shell $$").await;
    let members: BTreeSet<&str> =
        all.lines().take_while(|line| !line.starts_with("shell")).collect();
    let (_, shell) = all.trim_end().rsplit_once(' ').unwrap();
    assert!(members.contains("1") && members.contains(shell), "{all}");
    // What is not of the guest has no number in it.
    assert!(!members.contains("0"), "{all}");
    let running = fw.processes().0.iter().map(|process| process.pid.to_string()).collect();
    let members: BTreeSet<String> = members.into_iter().map(str::to_owned).collect();
    assert!(members.is_superset(&running), "{members:?} and {running:?}");

    // On the host they are below the run's group, and what makes them is beside them.
    crate::shell(fw, "mkdir /sys/fs/cgroup/here").await;
    let count =
        |group: PathBuf| fs::read_to_string(group.join("cgroup.procs")).unwrap().lines().count();
    assert!(count(with_group("here")) >= running.len());
    assert!(count(run_group().unwrap().join("keepers")) >= 2, "the launcher and a keeper");
}

/// What systemd and container programs do first.
#[fwtest::test(firmware = "router")]
async fn the_guest_divides_its_own_group(fw: &mut Instance) -> Result<()> {
    if !has_group(fw).await {
        sees_none(fw).await;
        return Ok(());
    }
    let inside = shell(
        fw,
        "cd /sys/fs/cgroup; mkdir -p a/b; echo $$ >a/b/cgroup.procs; grep ^0: /proc/self/cgroup
         cat a/b/cgroup.procs; echo $$; cat cgroup.procs | grep -cx $$ || true",
    )
    .await;
    let lines: Vec<&str> = inside.lines().collect();
    let [place, shell_and_cat @ .., shell_again, in_top] = &*lines else { panic!("{inside}") };
    assert_eq!((*place, *in_top), ("0::/a/b", "0"), "{inside}");
    assert!(shell_and_cat.contains(shell_again), "{inside}");

    // Another user of the firmware has no right to it; not where there is no other user.
    if crate::ids(fw).await > 1 {
        let mkdir = fw.exec(["mkdir", "/sys/fs/cgroup/c"]).user("nobody").await?;
        assert_ne!(mkdir.status, ExitStatus::Code(0));
    }
    // There is no way up: it is the root of all that is seen.
    assert_eq!(shell(fw, "ls -d /sys/fs/cgroup/../cgroup/cgroup.procs").await.lines().count(), 1);
    let above = shell(fw, "mkdir /tmp/c; mount -t cgroup2 none /tmp/c; ls -d /tmp/c/*/").await;
    assert_eq!(above, "/tmp/c/a/\n");

    // All of it goes with the instance, what it has made too.
    let group = with_group("a/b");
    let sleeper = fw
        .exec(["sh", "-c", "echo $$ >/sys/fs/cgroup/a/b/cgroup.procs; exec sleep 1000"])
        .spawn()
        .await?;
    fw.kill().await?;
    assert!(group.join("a/b").is_dir(), "it is there as long as the instance can be asked");
    drop(sleeper);
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn two_instances_have_two_groups(one: &mut Instance) -> Result<()> {
    if !has_group(one).await {
        sees_none(one).await;
        return Ok(());
    }
    let two = Instance::boot(one.firmware()).await?;
    let deep = "d=/sys/fs/cgroup; for i in 1 2 3 4 5; do d=$d/d; mkdir $d; done; mkdir $d/end";
    shell(one, deep).await;
    assert_eq!(shell(&two, "ls -d /sys/fs/cgroup/*/ 2>/dev/null || true").await, "");
    let top = shell(one, "readlink /proc/1/ns/cgroup").await;
    assert_ne!(shell(&two, "readlink /proc/1/ns/cgroup").await, top);
    assert_eq!(shell(one, "readlink /proc/self/ns/cgroup").await, top);

    shell(&two, &format!("{deep}; mkdir /sys/fs/cgroup/other")).await;
    let group = with_group("other");
    // Guest root's, which is nobody on the host where root runs the tests.
    assert!(group.metadata()?.uid() != 0 || !geteuid().is_root());
    two.close()?;
    assert!(!group.exists());
    assert!(with_group("d").join("d/d/d/d/d/end").is_dir(), "the other one's");
    Ok(())
}
