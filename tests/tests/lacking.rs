//! Hosts that lack something: what a run does without it, and what it says.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::StatVfsMountFlags;
use tests::shim::{Call, refuse};
use tests::{Project, Ran, cargo_fwtest, process};

/// Says that it is up, and does nothing.
const IDLE: &str = "echo up; while :; do sleep 1000; done";

/// Passes once it is.
const UP: &str = "{ wait = { log = \"up\" } }";

/// A small firmware, and a test of it with these steps.
fn project(init: &str, steps: &str) -> Project {
    let suite = format!("[[test]]\nname = \"lacking\"\nsteps = [{steps}]\n");
    let project = Project::without_package(&[("box.fw.toml", &suite)]);
    fixtures::minimal(&project.path("rootfs"), init);
    project.write("fwtest.toml", "[firmware.box]\nrootfs = \"rootfs\"\n");
    project
}

/// Runs it where these calls are answered with `errno`.
fn run(project: &Project, line: &str, calls: &[Call], errno: i32) -> Ran {
    let mut command = project.fwtest(line);
    refuse(&mut command, calls, errno);
    Ran::of(command)
}

/// Its layers, as the run says them.
#[track_caller]
fn layers(ran: &Ran) -> &str {
    let line = ran.stderr.lines().find_map(|line| line.strip_prefix("layers: "));
    line.unwrap_or_else(|| panic!("{}", ran.stderr))
}

/// A run that requires `layer` fails before any test, and says why.
#[track_caller]
fn check_required(project: &Project, layer: &str, words: &str, calls: &[Call], errno: i32) {
    // Another one that root always has makes no difference.
    let ran = run(project, &format!("--require ids,{layer}"), calls, errno).ended_with(96);
    let expected = format!(
        "error: the layer `{layer}` is required, and this run has it not: {words}\n\n\
         hint: `cargo fwtest doctor` says what this host lacks for it; `--require` and \
         FWTEST_REQUIRE name what is required\n"
    );
    assert!(ran.stderr.ends_with(&expected), "{}", ran.stderr);
    assert!(!ran.stdout.contains("PASS"), "{}", ran.stdout);
}

/// `cargo fwtest doctor` has a row for it, and a firmware can boot all the same.
#[track_caller]
fn check_doctor(project: &Project, row: &str, calls: &[Call], errno: i32) {
    let sound = Ran::of(project.fwtest("doctor")).ended_with(0).stdout;
    assert!(sound.contains(&format!("\nok        {row} ")), "{sound}");
    let ran = run(project, "doctor", calls, errno).ended_with(0);
    assert!(ran.stdout.contains(&format!("\ndegraded  {row} ")), "{}", ran.stdout);
}

const TIME: Call = Call::with(libc::SYS_unshare, 0, libc::CLONE_NEWTIME.cast_unsigned());

/// time_namespaces(7). The kernel may be built without it, and says EINVAL then.
#[test]
#[ignore = "needs root, for a filter without no_new_privs"]
fn without_time_namespaces_the_uptime_is_the_hosts() {
    let uptime = fs::read_to_string("/proc/uptime").unwrap();
    let (seconds, _) = uptime.split_once('.').unwrap();
    let script = format!("read up _ </proc/uptime; test ${{up%.*}} -ge {seconds}");
    let is_hosts = format!("{{ exec = {{ run = [\"sh\", \"-c\", \"{script}\"] }} }}");
    let project = project(IDLE, &is_hosts);
    for errno in [libc::EINVAL, libc::EPERM] {
        let ran = run(&project, "", &[TIME], errno).ended_with(0);
        let words = "no time namespace (the uptime is the host's)";
        assert!(layers(&ran).contains(words), "{}", ran.stderr);
        check_required(&project, "time", words, &[TIME], errno);
        check_doctor(&project, "clocks", &[TIME], errno);
    }
    // What is tested with it is seen without the shim.
    let ran = Ran::of(project.fwtest("")).ended_with(100);
    assert!(layers(&ran).contains(", time namespace, "), "{}", ran.stderr);
    assert!(ran.stdout.contains("step `exec` at box.fw.toml:3:"), "{}", ran.stdout);

    let restarts = format!("test -e /again || {{ touch /again; reboot -f; }}; {IDLE}");
    let project =
        self::project(&restarts, &format!("{{ wait = {{ boot = 2 }} }}, {UP}, {is_hosts}"));
    let _ = run(&project, "", &[TIME], libc::EINVAL).ended_with(0);
}

const LISTENER: Call =
    Call::with(libc::SYS_seccomp, 1, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER as u32);

/// Filters are the kernel's to refuse, or to have without a listener: seccomp_unotify(2).
#[test]
#[ignore = "needs root, for a filter without no_new_privs"]
fn without_a_listener_the_kernel_answers() {
    // Busybox goes on after that.
    let date = "{ exec = { run = [\"date\", \"-s\", \"2001-01-01 00:00:00\"], \
                stderr = \"date: can't set date: Operation not permitted\" } }";
    let project = project(IDLE, date);
    // Of an old kernel, of a container, of a kernel where the container's filter has one.
    for errno in [libc::EINVAL, libc::EPERM, libc::EBUSY] {
        let ran = run(&project, "", &[LISTENER], errno).ended_with(0);
        let words = "seccomp filter without a recorder \
                     (attempts are the kernel's to refuse, and not told)";
        assert!(layers(&ran).contains(words), "{}", ran.stderr);
        check_required(&project, "recorder", words, &[LISTENER], errno);
        check_doctor(&project, "recorder", &[LISTENER], errno);
    }
    // That nothing was recorded says nothing.
    let strict = "attempts = { unexpected = \"fail\" }\n";
    for (steps, keys) in [
        (format!("{date}, {{ attempts = {{ others = 0 }} }}"), ""),
        (format!("{date}, {{ attempts = {{ sysrq = 0 }} }}"), ""),
        (date.to_owned(), strict),
    ] {
        let project = self::project(IDLE, &steps);
        let config = project.read("fwtest.toml");
        project.write("fwtest.toml", &format!("{config}{keys}"));
        let ran = run(&project, "", &[LISTENER], libc::EINVAL).ended_with(100);
        let words =
            "\n\nthe test asks what the firmware has attempted, and this run has no recorder\n";
        assert!(ran.stdout.contains(words), "{}", ran.stdout);
        let row = "\n  attempts  not recorded: this run has no recorder\n";
        assert!(ran.stdout.contains(row), "{}", ran.stdout);
    }

    let ran = Ran::of(project.fwtest("")).ended_with(100);
    assert!(layers(&ran).contains(", seccomp recorder"), "{}", ran.stderr);
    assert!(ran.stdout.contains("step `exec` at box.fw.toml:3:"), "{}", ran.stdout);
}

/// A run that ends before any test has begun, and all that it says.
#[track_caller]
fn check_set_up_error(ran: Ran, failed_to: &str, cause: &str, hint: &str) {
    let ran = ran.ended_with(96);
    let expected = format!(
        "error: failed to make a sandbox\n  caused by: failed to {failed_to}\n  caused by: {cause}\n\n\
         hint: {hint}\n"
    );
    assert_eq!((&*ran.stdout, ran.stderr), ("", expected));
}

#[test]
#[ignore = "needs root, for a filter without no_new_privs"]
fn without_filters_nothing_boots() {
    let project = project(IDLE, UP);
    let ran = run(&project, "", &[Call::any(libc::SYS_seccomp)], libc::ENOSYS);
    check_set_up_error(
        ran,
        "install the system call filter",
        "Function not implemented (os error 38)",
        "the kernel was built without CONFIG_SECCOMP_FILTER, or a container's own filter refuses \
         others; run the container with `--security-opt seccomp=unconfined`",
    );
}

/// A filter cannot look into the argument of clone3(2): containers refuse it, so that the C library
/// falls back on clone(2).
#[test]
#[ignore = "needs root, for a filter without no_new_privs, and to make groups"]
fn without_clone3_it_is_clone() {
    // Init is in the instance's own group, and no process of ours: it would have no number there.
    let has = |pid: &str, rest: &str| {
        let run = format!("[\"grep\", \"-x\", \"{pid}\", \"/sys/fs/cgroup/cgroup.procs\"]");
        format!("{{ exec = {{ run = {run}, {rest} }} }}")
    };
    let groups = [has("1", "stdout = \"1\""), has("0", "status = 1")].join(", ");
    let project = project(IDLE, &format!("{UP}, {groups}, {{ snapshot = \"s\" }}"));
    let with = Ran::of(project.fwtest("--require cgroup --accept")).ended_with(0);
    let without = run(&project, "", &[Call::any(libc::SYS_clone3)], libc::ENOSYS).ended_with(0);
    assert_eq!(layers(&without), layers(&with));
}

/// Calls that nothing can stand in for. Linux 5.15 has them all; a container's filter may be older.
#[test]
#[ignore = "needs root, for a filter without no_new_privs"]
fn a_call_that_is_missing_is_named() {
    let project = project(IDLE, UP);
    for (call, name) in [
        (libc::SYS_openat2, "openat2"),
        (libc::SYS_open_tree, "open_tree"),
        (libc::SYS_move_mount, "move_mount"),
        (libc::SYS_close_range, "close_range"),
    ] {
        let causes = [
            (libc::ENOSYS, "Function not implemented (os error 38)"),
            (libc::EPERM, "Operation not permitted (os error 1)"),
        ];
        for (errno, cause) in causes {
            let ran = run(&project, "", &[Call::any(call)], errno);
            let failed_to = format!("make the system call {name}(2)");
            let hint = "Linux has it from 5.15 on, and a container's own filter may refuse it; run \
                        the container with `--security-opt seccomp=unconfined`";
            check_set_up_error(ran, &failed_to, cause, hint);
        }
    }
}

/// Nobody's, on every distribution.
const NOBODY: &str = "65534";

/// `cargo fwtest` as an ordinary user, whose the project is then, on a mount as /home mostly is. A
/// shim comes before the user: it is root's, without no_new_privs.
fn as_nobody(project: &Project) -> Command {
    let place = project.path("");
    fs::set_permissions(&place, Permissions::from_mode(0o755)).unwrap();
    let program = project.path("cargo-fwtest");
    // One that may still be ending cannot be written to.
    if !program.exists() {
        fs::copy(cargo_fwtest(), &program).unwrap();
    }
    let owner = format!("{NOBODY}:{NOBODY}");
    let chown = Command::new("chown").args(["-Rh", &owner]).arg(&place).status().unwrap();
    assert!(chown.success());
    let nosuid =
        "mount --bind . . && mount -o remount,bind,nosuid,nodev . && cd \"$PWD\" && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-ec", nosuid, "sh"]);
    command.args(["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).arg(program);
    command.arg("fwtest").current_dir(&place).stdin(Stdio::null());
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", place.join("home"));
    command.env("FWTEST_KEEP", "none");
    command
}

/// A firmware is read-only under all that is stacked on it, by whatever call it has become so.
#[test]
#[ignore = "needs root, for a filter without no_new_privs"]
fn without_mount_setattr_the_firmware_is_read_only_all_the_same() {
    let project = project(IDLE, UP);
    let calls = [Call::any(libc::SYS_mount_setattr)];
    for errno in [libc::ENOSYS, libc::EPERM] {
        // Root's is a copy then, as no mount can show other owners.
        let mut command = project.fwtest("");
        let cache = project.path(&format!("cache-{errno}"));
        refuse(command.env("XDG_CACHE_HOME", &cache), &calls, errno);
        let _ = Ran::of(command).ended_with(0);
        assert!(cache.join("fwtest/firmware").is_dir());
    }

    let endless = format!(
        "[[test]]\nname = \"endless\"\nsteps = [{UP}, {{ exec = {{ run = [\"sleep\", \"60\"] }} }}]\n"
    );
    project.write("box.fw.toml", &endless);
    for errno in [libc::ENOSYS, libc::EPERM] {
        let mut command = as_nobody(&project);
        refuse(&mut command, &calls, errno).stdout(Stdio::null()).stderr(Stdio::null());
        let run = Running(command.spawn().unwrap());
        let deadline = Instant::now() + Duration::from_secs(10);
        let all = loop {
            let all = descendants(i32::try_from(run.0.id()).unwrap());
            if all.iter().any(|pid| process::command_line(*pid) == "sleep 60") {
                break all;
            }
            assert!(Instant::now() < deadline, "the test has not begun");
            std::thread::yield_now();
        };
        // The keeper has it open as it is under the others. Below the launcher is its pid namespace.
        let below = all.into_iter().filter(|pid| process::numbers(*pid).len() == 2);
        let mounts: Vec<_> =
            below.flat_map(|pid| mounts_of(pid, &project.path("rootfs"))).collect();
        assert!(!mounts.is_empty());
        for flags in mounts {
            assert!(flags.contains(StatVfsMountFlags::RDONLY), "{flags:?}");
        }
    }
}

/// A run, until it is killed.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn descendants(pid: i32) -> Vec<i32> {
    let children = process::children(pid);
    let below: Vec<_> = children.iter().copied().flat_map(descendants).collect();
    [children, below].concat()
}

/// Flags of the mounts through which a process has this directory open.
fn mounts_of(pid: i32, directory: &Path) -> Vec<StatVfsMountFlags> {
    let wanted = directory.metadata().unwrap();
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_it = |path: &std::path::PathBuf| {
        let found = path.metadata();
        found.is_ok_and(|found| (found.dev(), found.ino()) == (wanted.dev(), wanted.ino()))
    };
    paths.filter(is_it).map(|path| rustix::fs::statvfs(path).unwrap().f_flag).collect()
}

/// As a container has it: cgroup2 is there, and read-only.
#[test]
#[ignore = "needs root, to mount"]
fn without_a_writable_cgroup_the_firmware_has_none() {
    let list = "{ exec = { run = [\"ls\", \"/sys/fs/cgroup\"], stdout = \"\" } }";
    let project = project(IDLE, &format!("{UP}, {list}"));
    let run = |line: &str| {
        let script = "for place in $(findmnt --noheadings --types cgroup2 --output TARGET); do \
                      mount -o remount,bind,ro \"$place\"; done; exec \"$@\"";
        let command = project.fwtest(line);
        let mut outer = Command::new("unshare");
        outer.args(["--mount", "--propagation", "private", "sh", "-ec", script, "sh"]);
        outer.arg(command.get_program()).args(command.get_args());
        let envs = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
        outer.current_dir(project.path("")).stdin(Stdio::null()).env_clear().envs(envs);
        Ran::of(outer)
    };
    let ran = run("").ended_with(0);
    assert!(layers(&ran).contains(", no cgroup, "), "{}", ran.stderr);
    let ran = run("--require cgroup").ended_with(96);
    let error = "error: the layer `cgroup` is required, and this run has it not: no cgroup\n";
    assert!(ran.stderr.contains(error), "{}", ran.stderr);
    // What is tested with it is seen on the host as it is.
    let ran = Ran::of(project.fwtest("")).ended_with(100);
    assert!(layers(&ran).contains(", cgroup v2, "), "{}", ran.stderr);
}

/// As Docker's own filter says it.
#[test]
#[ignore = "needs root, for a filter without no_new_privs"]
fn without_user_namespaces_nothing_boots() {
    let project = project(IDLE, UP);
    let mut command = project.fwtest("");
    refuse(&mut command, &[Call::any(libc::SYS_clone3)], libc::ENOSYS);
    let user = libc::CLONE_NEWUSER.cast_unsigned();
    let calls = [Call::with(libc::SYS_clone, 0, user), Call::with(libc::SYS_unshare, 0, user)];
    refuse(&mut command, &calls, libc::EPERM);
    check_set_up_error(
        Ran::of(command),
        "make a user namespace",
        "Operation not permitted (os error 1)",
        "this host keeps user namespaces from this user; `cargo fwtest doctor` prints the one-time \
         mend",
    );
}

#[test]
fn what_is_required_is_known() {
    let project = project(IDLE, UP);
    let check = |command: Command, words: &str| {
        let ran = Ran::of(command).ended_with(96);
        assert!(
            ran.stderr.contains(&format!("\n\nerror: unknown layer {words}")),
            "{}",
            ran.stderr
        );
        assert!(!ran.stdout.contains("PASS"), "{}", ran.stdout);
    };
    let close = "`recoder` is required\n\nhint: did you mean `recorder`?\n";
    check(project.fwtest("--require recoder"), close);
    let mut command = project.fwtest("");
    command.env("FWTEST_REQUIRE", "recoder");
    check(command, close);
    check(
        project.fwtest("--require flash"),
        "`flash` is required\n\nhint: there are `ids`, `storage`, ",
    );
}
