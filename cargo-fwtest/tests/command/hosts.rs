//! Hosts that allow less, or more, than most.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use rustix::process::{Resource, geteuid, getrlimit};

use crate::repo::{Repo, SUITE};

/// Runs the rest in a user namespace where no further one may be made: the limit is the
/// namespace's own, and the host's stays as it is (namespaces(7)).
const FORBIDDEN: [&str; 6] = [
    "unshare",
    "--user",
    "--map-root-user",
    "sh",
    "-ec",
    "echo 0 >/proc/sys/user/max_user_namespaces; exec \"$0\" \"$@\"",
];

#[test]
fn user_namespaces_that_are_forbidden() {
    // Before the firmware is looked at: there is none.
    assert_snapshot!(Repo::without_rootfs().run_under(&FORBIDDEN).all(), @r#"
    exit 96
    --- stdout
    --- stderr
    error: failed to make a sandbox
      caused by: failed to make a user namespace
      caused by: No space left on device (os error 28)

    hint: "no space" is the kernel's word for `user.max_user_namespaces`: this user may have no more of them; `cargo fwtest doctor` prints the one-time mend
    "#);
}

#[test]
fn the_doctor_tries_and_tells() {
    let repo = Repo::without_rootfs();
    let ran = repo.ran(repo.fwtest(&FORBIDDEN).arg("doctor"));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(96), ""), "{}", ran.stdout);
    let row = |name: &str| ran.stdout.lines().find(|line| line[10..].starts_with(name)).unwrap();
    assert_snapshot!(row("user namespaces"), @"missing   user namespaces  none may be made (`user.max_user_namespaces` is 0)");
    assert_snapshot!(row("sandbox"), @"missing   sandbox          failed to make a user namespace: No space left on device (os error 28)");
    assert_snapshot!(ran.stdout.lines().last().unwrap(), @"no firmware can boot here: 2 points missing");

    let ran = repo.run("doctor");
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    let row = ran.stdout.lines().find(|line| line[10..].starts_with("sandbox")).unwrap();
    assert!(row.starts_with("ok        sandbox"), "{row}");
}

#[test]
fn few_open_files() {
    let repo = Repo::idle();
    let ran = repo.run_under(&["prlimit", "--nofile=64:64"]);
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    let ran = repo.run_under(&["prlimit", "--nofile=12:12"]);
    assert_eq!(ran.code, Some(96), "{}", ran.all());
    assert_snapshot!(ran.stderr.lines().last().unwrap(), @"hint: raise the limit of open files (`ulimit -n`)");
}

/// Whoever closes every descriptor up to the limit by hand takes seconds with this one.
#[test]
fn many_open_files() {
    const WANTED: u64 = 1 << 20;
    let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let repo = Repo::idle();
    // Only root may raise a hard limit, and not every root.
    let highest = |limit: u64| {
        let nofile = format!("--nofile={limit}:{limit}");
        let ran = repo.run_under(&["prlimit", &nofile]);
        (ran.code == Some(0)).then_some(limit).ok_or(ran)
    };
    let used = highest(WANTED).or_else(|_| highest(hard.min(WANTED)));
    let used = used.unwrap_or_else(|ran| panic!("{}", ran.all()));
    println!("with a limit of {used} open files");
}

#[test]
fn a_directory_that_cannot_be_written_to() {
    let repo = Repo::idle();
    // The report shows what runs.
    repo.configure("ready = [{ process = \"sleep\" }]");
    let failing = SUITE.replace("stdout = \"hello\"", "stdout = \"hallo\"");
    let failing = failing.replace("says_hello", "fails");
    repo.write("tests/web.fw.toml", &format!("{SUITE}{failing}"));
    let ran = match geteuid().is_root() {
        // Modes do not keep root from anything.
        true => {
            let script = "mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\" && exec \"$0\" \"$@\"";
            let under = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script];
            repo.ran(repo.fwtest(&under).arg("-j1"))
        }
        false => {
            fs::set_permissions(repo.directory(), Permissions::from_mode(0o555)).unwrap();
            let ran = repo.run("-j1");
            fs::set_permissions(repo.directory(), Permissions::from_mode(0o755)).unwrap();
            ran
        }
    };
    let why = if geteuid().is_root() {
        "Read-only file system (os error 30)"
    } else {
        "Permission denied (os error 13)"
    };
    assert_snapshot!(ran.all().replace(why, "WHY"), @r#"
    exit 100
    --- stdout
    FAIL [  TIME ] router::tests::web::fails

    step `exec` at tests/web.fw.toml:6:1
      expected  stdout of `echo hello`: "hallo"
      actual    "hello"
      init      /sbin/init running for TIME
      processes 1 sleep 1000
      listening nothing
      console   empty
      changes   none
      storage   0 KiB of 1 MiB used
      reproduce cargo fwtest --exact router::tests::web::fails
      kept      not: failed to write `ROOT/target/fwtest/router.tests.web.fails`: WHY

    PASS [  TIME ] router::tests::web::says_hello

    failed:
      router::tests::web::fails

    1 passed, 1 failed, 0 skipped in TIME
    --- stderr
    running 2 tests
    layers: LAYERS
    "#);
    assert!(!repo.path("target").exists());
}

/// What it says depends on the host: most that run this have no AppArmor, or are no root's run. With
/// all that it takes it is there; the lab's tests take that away, a thing at a time.
#[test]
fn apparmor_that_is_required() {
    let repo = Repo::idle();
    repo.configure("apparmor = \"required\"");
    let ran = repo.run("");
    let enabled = fs::read_to_string("/sys/module/apparmor/parameters/enabled");
    let (why, hint) = match (enabled.as_deref().map(str::trim_end), geteuid().is_root()) {
        (Ok("Y"), true) => {
            assert_eq!(ran.code, Some(0), "{}", ran.all());
            return;
        }
        (Ok("Y"), false) => (
            "only root may load AppArmor policy, and the tests are run by another user",
            "run the tests as root",
        ),
        (Ok(_), _) => (
            "this kernel's AppArmor is switched off",
            "boot with `lsm=…,apparmor` (or `apparmor=1 security=apparmor`) on the kernel's command line",
        ),
        (Err(_), _) => (
            "this kernel has no AppArmor",
            "boot a kernel with CONFIG_SECURITY_APPARMOR=y, such as Debian's or Ubuntu's",
        ),
    };
    assert_snapshot!(ran.all().replace(why, "WHY").replace(hint, "HINT"), @"
    exit 96
    --- stdout
    --- stderr
    error: failed to prepare the firmware `router`
      caused by: AppArmor is required, but cannot be used
      caused by: WHY

    hint: HINT
    ");
}

#[test]
fn the_doctor_shows_the_apparmor_profile() {
    let ran = Repo::without_rootfs().run("doctor --apparmor");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.starts_with("profile firmware flags=("), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("  audit /{,**/}sysrq-trigger w,\n}\n"), "{}", ran.stdout);
}

/// As root: the firmware has a file of root's, and another user runs the tests. An ordinary user
/// has no other's files to hide, and hides a directory from itself.
#[test]
fn a_firmware_that_this_user_cannot_read_whole() {
    let repo = Repo::idle();
    let (hidden, mode) = match geteuid().is_root() {
        true => ("rootfs/etc/shadow", 0o600),
        false => ("rootfs/etc/keys", 0o000),
    };
    match geteuid().is_root() {
        true => repo.write(hidden, "root:*:::::::\n"),
        false => fs::create_dir(repo.path(hidden)).unwrap(),
    }
    fs::set_permissions(repo.path(hidden), Permissions::from_mode(mode)).unwrap();
    let ran = match geteuid().is_root() {
        true => {
            // The other user has to reach it all, this command too.
            fs::set_permissions(repo.directory(), Permissions::from_mode(0o755)).unwrap();
            let command = repo.path("cargo-fwtest");
            fs::copy(env!("CARGO_BIN_EXE_cargo-fwtest"), &command).unwrap();
            let home = repo.path("home");
            fs::create_dir(&home).unwrap();
            std::os::unix::fs::chown(&home, Some(64321), Some(64321)).unwrap();
            let run = format!("exec '{}' fwtest", command.display());
            let ids = ["--reuid=64321", "--regid=64321", "--clear-groups"];
            let mut other = repo.fwtest(&["setpriv", ids[0], ids[1], ids[2], "sh", "-c", &run]);
            repo.ran(other.env("HOME", home).env_remove("XDG_CACHE_HOME"))
        }
        false => repo.run(""),
    };
    fs::set_permissions(repo.path(hidden), Permissions::from_mode(0o700)).unwrap();
    assert_snapshot!(ran.all().replace(hidden, "HIDDEN"), @"
    exit 96
    --- stdout
    --- stderr
    error: failed to prepare the firmware `router`
      caused by: failed to read `ROOT/HIDDEN` while preparing the firmware for this user
      caused by: Permission denied (os error 13)

    hint: parts of the firmware are not readable for this user: run as root, or unpack it as this user
    ");
}
