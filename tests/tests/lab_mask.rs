//! What lies over /proc/sysrq-trigger where /dev/fuse cannot be opened.
//!
//! Only in the lab: it has the file, and no mask may be missing over that of an ordinary machine.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use tests::shim::{Call, refuse};
use tests::{Project, Ran};

const FUSE: &str = "/dev/fuse";
const AWAY: &str = "/dev/fuse.away";

/// The machine's /dev/fuse out of reach, as long as it lives.
enum OutOfReach {
    /// The launcher is root, but not the machine's.
    Closed,
    Away,
}

impl OutOfReach {
    fn put(self) -> Self {
        let words = fs::read_to_string("/proc/cmdline").unwrap();
        assert!(words.split_whitespace().any(|word| word == "fwtest-lab"), "this is not the lab");
        match self {
            Self::Closed => fs::set_permissions(FUSE, Permissions::from_mode(0o600)).unwrap(),
            Self::Away => fs::rename(FUSE, AWAY).unwrap(),
        }
        self
    }
}

impl Drop for OutOfReach {
    fn drop(&mut self) {
        match self {
            Self::Closed => fs::set_permissions(FUSE, Permissions::from_mode(0o666)).unwrap(),
            Self::Away => fs::rename(AWAY, FUSE).unwrap(),
        }
    }
}

/// How often the kernel has done what `h` asks of sysrq.
fn helps() -> usize {
    let log = Command::new("dmesg").output().unwrap();
    String::from_utf8_lossy(&log.stdout).matches("sysrq: HELP").count()
}

const SUITE: &str = r#"[[test]]
name = "sysrq"
steps = [
  { exec = { run = ["sh", "-c", "echo h >/proc/sysrq-trigger"] } },
  { wait = { attempt = "sysrq" } },
  { attempts = { sysrq = 1 } },
  { exec = { run = ["sh", "-c", "echo b >/proc/sysrq-trigger; sleep 1000"], signal = "SIGKILL" } },
  { wait = { boot = 2 } },
  { attempts = { sysrq = 2 } },
]
"#;

fn project() -> Project {
    let project = Project::without_package(&[("box.fw.toml", SUITE)]);
    fixtures::minimal(&project.path("rootfs"), "while :; do sleep 1000; done");
    project.write("fwtest.toml", "[firmware.box]\nrootfs = \"rootfs\"\n");
    project
}

#[test]
#[ignore = "needs the lab: ci/lab/run"]
fn a_fifo_stands_in_for_the_mask() {
    let (project, before) = (project(), helps());
    let ran = Ran::of(project.fwtest("--require mask")).ended_with(0);
    assert!(ran.stderr.contains(", sysrq mask"), "{}", ran.stderr);

    let words = "a FIFO for a sysrq mask (/dev/fuse cannot be opened)";
    for out_of_reach in [OutOfReach::Closed, OutOfReach::Away] {
        let _out_of_reach = out_of_reach.put();
        let ran = Ran::of(project.fwtest("")).ended_with(0);
        assert!(ran.stderr.contains(&format!(", seccomp recorder, {words}")), "{}", ran.stderr);
    }

    let _closed = OutOfReach::Closed.put();
    let row =
        "\ndegraded  sysrq            masked by a FIFO, for instances cannot open /dev/fuse\n";
    let ran = Ran::of(project.fwtest("doctor")).ended_with(0);
    assert!(ran.stdout.contains(row), "{}", ran.stdout);
    let ran = Ran::of(project.fwtest("--require recorder,mask")).ended_with(96);
    let error = format!("error: the layer `mask` is required, and this run has it not: {words}\n");
    assert!(ran.stderr.contains(&error), "{}", ran.stderr);

    // The FIFO alone: nobody is asked about who opens it.
    let flag = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER as u32;
    let mut command = project.fwtest("");
    refuse(&mut command, &[Call::with(libc::SYS_seccomp, 1, flag)], libc::EINVAL);
    let ran = Ran::of(command).ended_with(0);
    assert!(ran.stderr.contains("seccomp filter without a recorder"), "{}", ran.stderr);
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    assert_eq!(helps(), before);
}
