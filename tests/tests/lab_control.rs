//! The control: without a sandbox, what the naughty firmware tries does reach the machine. A test of
//! containment that cannot show this would prove nothing.
//!
//! Only in the lab: it sets the clock of the machine that it runs on, and pulls its sysrq.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rustix::time::{ClockId, clock_gettime};

/// What nothing in the lab is set to.
const SOME_TIME: i64 = 978_307_200;

/// In the firmware's root, with the machine's own /proc, as the machine's own root.
fn bare(root: &Path, argv: &[&str]) -> Output {
    let words = fs::read_to_string("/proc/cmdline").unwrap();
    assert!(words.split_whitespace().any(|word| word == "fwtest-lab"), "this is not the lab");
    let script =
        "mount -t proc proc \"$1/proc\" && root=$1 && shift && exec chroot \"$root\" \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-ec", script, "sh"]);
    command.arg(root).args(argv).output().unwrap()
}

/// A firmware of this test's own: the shared one is only to be read.
fn naughty() -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("naughty");
    fixtures::naughty_at(&root).unwrap();
    (place, root)
}

/// How often the kernel has done what `h` asks of sysrq.
fn helps() -> usize {
    let log = Command::new("dmesg").output().unwrap();
    String::from_utf8_lossy(&log.stdout).matches("sysrq: HELP").count()
}

fn seconds() -> i64 {
    clock_gettime(ClockId::Realtime).tv_sec
}

/// By its own name, by a link, bound elsewhere, and in a procfs of one's own.
#[test]
#[ignore = "needs the lab: ci/lab/run"]
fn sysrq_is_reached_by_every_alias() {
    let (_place, root) = naughty();
    for argv in [
        &["tempt", "write", "/proc/sysrq-trigger", "h"][..],
        &["sh", "-c", "echo h > /proc/1/root/proc/sysrq-trigger"],
        &["sh", "-c", "ln -s /proc/sysrq-trigger /tmp/link && echo h > /tmp/link"],
        &["sh", "-c", ": > /tmp/x; mount --bind /proc/sysrq-trigger /tmp/x && echo h > /tmp/x"],
        &["sh", "-c", "mount -t proc proc /mnt && echo h > /mnt/sysrq-trigger"],
    ] {
        let before = helps();
        let output = bare(&root, argv);
        assert!(output.status.success(), "{argv:?}: {output:?}");
        assert_eq!(
            helps(),
            before + 1,
            "{argv:?} does not reach the kernel: the test bites nothing"
        );
    }
}

#[test]
#[ignore = "needs the lab: ci/lab/run"]
fn the_clock_and_a_parameter_are_set() {
    let (_place, root) = naughty();
    let now = seconds();
    let output = bare(&root, &["date", "-u", "-s", "2001-01-01 00:00:00"]);
    let then = seconds();
    // Back, before anything is judged: the machine has other tests.
    bare(&root, &["date", "-u", "-s", &format!("@{now}")]);
    assert!(output.status.success(), "{output:?}");
    assert!((SOME_TIME..SOME_TIME + 60).contains(&then), "the clock was not set: {then}");

    let parameter = "/proc/sys/kernel/core_pattern";
    let before = fs::read_to_string(parameter).unwrap();
    let output = bare(&root, &["sh", "-c", &format!("echo naughty > {parameter}")]);
    let after = fs::read_to_string(parameter).unwrap();
    fs::write(parameter, &before).unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(after, "naughty\n");
}
