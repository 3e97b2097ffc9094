//! Instances under AppArmor, on a kernel that has it: in the lab, as its root.
//!
//! `ci/lab/run PATH-OF-THIS-BINARY --ignored --test-threads=1` runs them. One at a time: they look
//! at all policy namespaces of the machine.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use fwtest::attempt::{Attempt, Class, Layer, Verdict};
use fwtest::firmware::Config;
use fwtest::instance::ExitStatus;
use fwtest::prelude::*;
use tests::{Ran, cargo_fwtest, process};

fwtest::main!(config = tests::apparmor_config());

const NAMESPACES: &str = "/sys/kernel/security/apparmor/policy/namespaces";

/// The policy namespaces of ours that there are.
fn namespaces() -> BTreeSet<String> {
    let entries = fs::read_dir(NAMESPACES).expect("this runs in the lab").map(Result::unwrap);
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("fwtest-")).collect()
}

/// Pid, label and command line of each process that is in a policy namespace of ours.
fn confined() -> Vec<(i32, String, String)> {
    let pids = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| {
        let label = fs::read_to_string(format!("/proc/{pid}/attr/apparmor/current")).ok()?;
        let label = label.trim_end().to_owned();
        label.starts_with(":fwtest-").then(|| (pid, label, process::command_line(pid)))
    })
    .collect()
}

async fn shell(fw: &Instance, script: &str) -> String {
    let output = fw.exec(["sh", "-c", script]).await.unwrap();
    output.success().unwrap_or_else(|error| panic!("{error}")).stdout().into_owned()
}

/// Looks every 5 ms, for at most 10 s, until something is so that no event tells of.
#[track_caller]
fn await_that(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(10), "never {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn tried(fw: &Instance) -> Vec<Attempt> {
    fw.attempts().into_iter().collect()
}

#[fwtest::test(ignore = "needs the lab: ci/lab/run")]
async fn everything_of_a_guest_is_under_its_profile(fw: &mut Instance) {
    let others = namespaces();
    let other = Instance::boot(fw.firmware()).await.unwrap();
    let new: Vec<_> = namespaces().difference(&others).cloned().collect();
    let [namespace] = &*new else { panic!("{new:?}") };
    assert!(namespace.starts_with(&format!("fwtest-{}-", std::process::id())), "{namespace}");

    // As the machine sees it: init, what it has started, and a command of a user's.
    let command = other.exec(["sleep", "1000"]).user("nobody").spawn().await.unwrap();
    let label = format!(":{namespace}:firmware (enforce)");
    let processes: Vec<_> =
        confined().into_iter().filter(|(_, found, _)| *found == label).collect();
    let lines: Vec<_> = processes.iter().map(|(_, _, line)| line.as_str()).collect();
    assert!(lines.contains(&"sleep 1000000") && lines.contains(&"sleep 1000"), "{lines:?}");

    // As the guest sees it.
    let seen = shell(&other, "cat /proc/1/attr/current /proc/self/attr/apparmor/current").await;
    assert_eq!(seen, "firmware (enforce)\nfirmware (enforce)\n");

    command.kill();
    other.close().unwrap();
    assert_eq!(namespaces(), others);
}

#[fwtest::test(ignore = "needs the lab: ci/lab/run")]
async fn nobody_leaves_the_profile(fw: &mut Instance) {
    for (file, order) in [
        ("current", "changeprofile unconfined"),
        ("exec", "exec unconfined"),
        ("current", "changeprofile :root:unconfined"),
    ] {
        let script = format!("echo '{order}' >/proc/self/attr/apparmor/{file}");
        let refused = fw.exec(["sh", "-c", &script]).await.unwrap();
        assert_ne!(refused.status, ExitStatus::Code(0), "{order}");
    }
    let seen = shell(fw, "cat /proc/self/attr/apparmor/current").await;
    assert_eq!(seen, "firmware (enforce)\n");

    let attempts = tried(fw);
    let shown: Vec<_> =
        attempts.iter().map(|it| format!("{} {} {}", it.act, it.verdict, it.layer)).collect();
    assert!(
        shown.contains(&"change_profile unconfined refused (EACCES) apparmor".to_owned())
            && shown.contains(&"change_onexec unconfined refused (EACCES) apparmor".to_owned()),
        "{shown:?}"
    );
    assert!(attempts.iter().all(|it| it.class() == Class::Confinement), "{attempts:?}");
}

/// The real file is closed to guests by its permissions, before AppArmor is asked: another one of
/// that name stands in for it.
#[fwtest::test(ignore = "needs the lab: ci/lab/run")]
async fn a_write_to_sysrq_is_an_attempt(fw: &mut Instance) {
    assert_eq!(tried(fw), []);
    let script = "echo h >/tmp/sysrq-trigger; cat >/dev/null";
    let writer = fw.exec(["sh", "-c", script]).stdin(b"".to_vec()).await.unwrap();
    writer.success().unwrap();
    let attempts = tried(fw);
    let [attempt] = &*attempts else { panic!("one `echo` is one attempt: {attempts:?}") };
    assert_eq!(attempt.class(), Class::Sysrq);
    assert_eq!(attempt.act.to_string(), "open /tmp/sysrq-trigger");
    assert_eq!((attempt.layer, attempt.verdict), (Layer::AppArmor, Verdict::Allowed));
    assert_eq!((attempt.by.comm.as_str(), attempt.by.uid), ("sh", 0));

    // Whoever lives long enough to be looked at is known whole: its number in the guest, and whose
    // child it is.
    let script = "echo $$; sh -c 'echo u >/tmp/sysrq-trigger; sleep 1; :'; :";
    let output = shell(fw, script).await;
    let attempts = tried(fw);
    let [_, attempt] = &*attempts else { panic!("{attempts:?}") };
    let parent = attempt.by.parents.first().unwrap_or_else(|| panic!("{attempt:?}"));
    assert_eq!(parent.pid.to_string(), output.trim());
    assert_eq!(parent.argv, ["sh", "-c", script]);
    assert!(attempt.by.pid > parent.pid, "{attempt:?}");
    assert_eq!(attempt.by.argv[..2], ["sh", "-c"]);

    // By another name, and as another user.
    let bound = "mkdir -p /a/b && mount --bind /tmp /a/b && echo s >/a/b/sysrq-trigger";
    shell(fw, bound).await;
    let attempts = tried(fw);
    assert_eq!(attempts.last().unwrap().act.to_string(), "open /a/b/sysrq-trigger");
    let script = "echo s >/tmp/nobodys; mkdir -m 777 /open; sleep 0";
    shell(fw, script).await;
    assert_eq!(tried(fw).len(), 3, "other files are nobody's business");
    let nobody = fw.exec(["sh", "-c", "echo s >/open/sysrq-trigger; sleep 1"]).user("nobody");
    nobody.await.unwrap().success().unwrap();
    assert_eq!(tried(fw).last().unwrap().by.uid, 65_534);
}

/// AppArmor and the file that stands for the real one both see it: the one that knows more tells.
#[fwtest::test(ignore = "needs the lab: ci/lab/run")]
async fn what_two_layers_see_is_one_attempt(fw: &mut Instance) {
    shell(fw, "echo u >/proc/sysrq-trigger").await;
    shell(fw, "exec 3>/proc/sysrq-trigger; sleep 2; echo s >&3").await;
    // To open it alone does nothing, on a board too.
    shell(fw, ": >/proc/sysrq-trigger").await;
    let attempts = tried(fw);
    let shown: Vec<_> = attempts.iter().map(|it| format!("{} {}", it.act, it.layer)).collect();
    assert_eq!(shown, ["write \"u\\n\" mask", "write \"s\\n\" mask"]);
}

#[fwtest::test(ignore = "needs the lab: ci/lab/run")]
async fn every_boot_is_under_the_profile(fw: &mut Instance) {
    let write = "echo h >/tmp/sysrq-trigger; sleep 0";
    shell(fw, write).await;
    let before = namespaces();
    fw.exec(["reboot", "-f"]).await.unwrap();
    await_that("booted again", || fw.boots() == 2);
    fw.wait(fwtest::ready::process("sleep")).await.unwrap();
    let seen = shell(fw, "cat /proc/1/attr/current /proc/self/attr/current").await;
    assert_eq!(seen, "firmware (enforce)\nfirmware (enforce)\n");
    assert_eq!(namespaces(), before, "it is the same instance");
    shell(fw, write).await;
    let sysrq = fw.attempts().of(Class::Sysrq);
    assert_eq!(sysrq.iter().map(|attempt| attempt.boot).collect::<Vec<_>>(), [1, 2]);
}

/// The change of label makes the kernel forget what a process is to be sent at its parent's end.
#[fwtest::test(ignore = "needs the lab: ci/lab/run")]
async fn a_guest_ends_with_its_keeper_and_the_policy_after_it(fw: &mut Instance) {
    let others = namespaces();
    let other = Instance::boot(fw.firmware()).await.unwrap();
    let namespace = namespaces().difference(&others).next().unwrap().clone();
    let guests = || -> Vec<_> {
        let all = confined().into_iter();
        all.filter(|(_, label, _)| label.contains(&format!(":{namespace}:"))).collect()
    };
    let init = guests().into_iter().find(|(pid, ..)| process::numbers(*pid).last() == Some(&1));
    let (init, ..) = init.unwrap();
    let parent = process::field(init, "PPid:").unwrap().parse().unwrap();
    let keeper = process::open(parent).unwrap();
    assert!(process::signal(&keeper, rustix::process::Signal::KILL));
    await_that("gone", || guests().is_empty());
    assert!(namespaces().contains(&namespace));
    drop(other);
    assert_eq!(namespaces(), others);
    assert!(!confined().is_empty(), "the first one goes on");
}

/// Twenty at once: each hears of its own acts and no others, and nothing is left of any.
#[fwtest::test(ignore = "needs the lab: ci/lab/run", timeout = "120s")]
async fn twenty_at_once(fw: &mut Instance) {
    const COUNT: usize = 20;
    let (firmware, others, barrier) =
        (fw.firmware().clone(), namespaces(), Barrier::new(COUNT + 1));
    std::thread::scope(|scope| {
        for number in 0..COUNT {
            let (firmware, barrier) = (&firmware, &barrier);
            scope.spawn(move || {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let fw = Instance::boot(firmware).await.unwrap();
                    barrier.wait();
                    let path = format!("/tmp/{number}");
                    let script = format!("mkdir {path}; echo h >{path}/sysrq-trigger");
                    shell(&fw, &script).await;
                    let attempts = tried(&fw);
                    barrier.wait();
                    fw.close().unwrap();
                    let acts: Vec<_> = attempts.iter().map(|it| it.act.to_string()).collect();
                    assert_eq!(acts, [format!("open {path}/sysrq-trigger")]);
                });
            });
        }
        barrier.wait();
        let at_once = namespaces();
        barrier.wait();
        assert_eq!(at_once.difference(&others).count(), COUNT);
    });
    assert_eq!(namespaces(), others);
}

// ---- runs of the real command ----

/// A project whose one firmware must be under AppArmor.
struct Scene(tempfile::TempDir);

const PASSES: &str = "{ exec = { run = [\"cat\", \"/proc/self/attr/apparmor/current\"], stdout = \"firmware (enforce)\" } }";

impl Scene {
    fn new(step: &str) -> Self {
        let scene = Self(tempfile::tempdir().unwrap());
        fs::set_permissions(scene.0.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fixtures::minimal(&scene.path("rootfs"), "exec sleep 1000000");
        let config = "[firmware.box]\nrootfs = \"rootfs\"\napparmor = \"required\"\n";
        fs::write(scene.path("fwtest.toml"), config).unwrap();
        let suite = format!("[[test]]\nname = \"one\"\ntimeout = \"60s\"\nsteps = [{step}]\n");
        fs::write(scene.path("box.fw.toml"), suite).unwrap();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `cargo fwtest`, started by the words before it.
    fn fwtest(&self, before: &[&str]) -> Command {
        let mut words = before.iter().map(std::ffi::OsString::from).collect::<Vec<_>>();
        words.extend([cargo_fwtest().into_os_string(), "fwtest".into(), "--keep=none".into()]);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(self.0.path()).stdin(Stdio::null());
        // Nothing of the run that we are a test of.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("FWTEST_") {
                command.env_remove(name);
            }
        }
        command.env("XDG_CACHE_HOME", self.path("cache"));
        command
    }

    fn fails(&self, before: &[&str]) -> String {
        Ran::of(self.fwtest(before)).ended_with(96).stderr
    }

    /// An `apparmor_parser` of ours, first in PATH.
    fn with_parser(&self, script: &str) -> Command {
        let place = self.path("bin");
        fs::create_dir_all(&place).unwrap();
        let parser = place.join("apparmor_parser");
        fs::write(&parser, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&parser, fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = self.fwtest(&[]);
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", place.display()));
        command
    }
}

#[track_caller]
fn says(text: &str, words: &str) {
    assert!(text.contains(words), "`{words}` is not in\n{text}");
}

#[fwtest::test(ignore = "needs the lab: ci/lab/run", timeout = "120s")]
fn a_run_says_that_it_has_apparmor_and_compiles_once(_: &mut Instance) {
    let before = namespaces();
    let scene = Scene::new(PASSES);
    let blobs = || {
        let entries = fs::read_dir(scene.path("cache/fwtest/apparmor")).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        let blobs = paths.filter(|path| path.extension().is_some_and(|it| it == "policy"));
        blobs.map(|path| (fs::metadata(&path).unwrap().modified().unwrap(), path)).collect()
    };
    let first = Ran::of(scene.fwtest(&[])).ended_with(0);
    says(&first.stderr, ", AppArmor\n");
    let compiled: Vec<_> = blobs();
    assert_eq!(compiled.len(), 1);
    let _ = Ran::of(scene.fwtest(&[])).ended_with(0);
    assert_eq!(blobs(), compiled);
    let config = fs::read_to_string(scene.path("fwtest.toml")).unwrap();
    fs::write(scene.path("fwtest.toml"), config.replace("required", "off")).unwrap();
    let off = Ran::of(scene.fwtest(&[])).ended_with(100);
    says(&off.stdout, "unconfined");
    assert!(!off.stderr.contains("AppArmor"), "{}", off.stderr);
    fs::write(scene.path("fwtest.toml"), config.replace("required", "auto")).unwrap();
    let _ = Ran::of(scene.fwtest(&[])).ended_with(0);
    assert_eq!(namespaces(), before);
}

/// Everything that is needed is taken away, a thing at a time.
#[fwtest::test(ignore = "needs the lab: ci/lab/run", timeout = "120s")]
fn what_is_missing_is_said(_: &mut Instance) {
    let scene = Scene::new(PASSES);
    let required = "AppArmor is required, but cannot be used\n  caused by: ";

    let hidden = "for parser in /sbin /usr/sbin; do mount --bind /dev/null $parser/apparmor_parser; done; exec \"$0\" \"$@\"";
    let said = scene.fails(&["unshare", "--mount", "sh", "-c", hidden]);
    says(&said, &format!("{required}`apparmor_parser` is not installed"));
    says(&said, "hint: install the package `apparmor`");

    let empty = "mount -t tmpfs none /sys/kernel/security; exec \"$0\" \"$@\"";
    let said = scene.fails(&["unshare", "--mount", "sh", "-c", empty]);
    says(
        &said,
        &format!("{required}/sys/kernel/security/apparmor is not there: securityfs is not mounted"),
    );

    let closed = "mount -t tmpfs none /sys/kernel/security; mkdir -p /sys/kernel/security/apparmor/policy/namespaces; mount -o remount,ro /sys/kernel/security; exec \"$0\" \"$@\"";
    let said = scene.fails(&["unshare", "--mount", "sh", "-c", closed]);
    let path = format!(
        "{required}/sys/kernel/security/apparmor/policy/namespaces cannot be written to\n  caused by: Read-only file system"
    );
    says(&said, &path);

    let said = scene.fails(&["setpriv", "--bounding-set=-mac_admin", "--inh-caps=-mac_admin"]);
    says(
        &said,
        &format!("{required}this root may not load AppArmor policy: it has no CAP_MAC_ADMIN"),
    );

    let said = scene.fails(&["setpriv", "--bounding-set=-audit_read", "--inh-caps=-audit_read"]);
    says(
        &said,
        &format!(
            "{required}the kernel's audit records cannot be read\n  caused by: Operation not permitted"
        ),
    );

    let said = scene.fails(&["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"]);
    says(&said, &format!("{required}only root may load AppArmor policy"));

    // Records reach one network namespace alone: what nobody would hear of is no witness.
    let said = scene.fails(&["unshare", "--net"]);
    says(
        &said,
        "the AppArmor profile does not hold: a write to a file called `sysrq-trigger` was not reported",
    );
}

#[fwtest::test(ignore = "needs the lab: ci/lab/run", timeout = "120s")]
fn a_profile_that_does_not_compile_or_hold_boots_nothing(_: &mut Instance) {
    let before = namespaces();
    let scene = Scene::new(PASSES);
    let fails = |script: &str| Ran::of(scene.with_parser(script)).ended_with(96).stderr;

    let said = fails(
        "cat >/dev/null; echo 'AppArmor parser error, in stdin line 2: syntax error' >&2; exit 1",
    );
    says(
        &said,
        "apparmor_parser exited with 1: AppArmor parser error, in stdin line 2: syntax error",
    );
    let said = fails("cat >/dev/null; echo Cached");
    says(&said, "apparmor_parser printed no policy, but `Cached`");
    // It looks like policy, and the kernel says what it thinks of it.
    let said = fails(r"cat >/dev/null; printf '\004\010\000version\000\002\007\000\000\000'");
    says(
        &said,
        "failed to load the AppArmor profile into /sys/kernel/security/apparmor/policy/namespaces/fwtest-",
    );

    // Policy that the kernel takes, and that is not what we wrote.
    let real = "exec /usr/sbin/apparmor_parser \"$@\"";
    let said = fails(&format!("sed 's/pivot_root,/pivot_root, change_profile,/' | {real}"));
    says(&said, "it let go of who wanted to leave it");
    let said = fails(&format!("sed 's/audit //' | {real}"));
    says(&said, "a write to a file called `sysrq-trigger` was not reported");
    let said = fails(&format!("sed 's/profile firmware/profile other/' | {real}"));
    says(&said, "failed to enter the AppArmor profile `:fwtest-");
    let said = fails(&format!("sed 's/flags=(/flags=(complain, /' | {real}"));
    says(&said, "the AppArmor profile");
    assert_eq!(namespaces(), before);
}

/// What is left of a run that was killed is gone after the next, and nothing else.
#[fwtest::test(ignore = "needs the lab: ci/lab/run", timeout = "120s")]
fn what_a_killed_run_leaves_is_swept(_: &mut Instance) {
    let before = namespaces();
    let foreign = Path::new(NAMESPACES).join("somebody-elses");
    fs::create_dir(&foreign).unwrap();
    let scene = Scene::new("{ wait = { log = \"never\", within = \"60s\" } }");
    let mut run =
        Killed(scene.fwtest(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let ours = |(_, label, _): &(i32, String, String)| {
        !before.iter().any(|name| label.contains(&format!(":{name}:")))
    };
    await_that("booted", || confined().iter().any(|it| ours(it) && it.2 == "sleep 1000000"));
    run.0.kill().unwrap();
    run.0.wait().unwrap();
    await_that("gone", || !confined().iter().any(ours));
    let left: Vec<_> = namespaces().difference(&before).cloned().collect();
    assert_eq!(left.len(), 1, "nobody was there to remove it: {left:?}");

    let _ = Ran::of(Scene::new(PASSES).fwtest(&[])).ended_with(0);
    assert_eq!(namespaces(), before);
    assert!(foreign.is_dir());
    fs::remove_dir(&foreign).unwrap();
}

/// A child that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The firmware is what the configuration says, or the tests above would prove nothing.
#[fwtest::test(ignore = "needs the lab: ci/lab/run")]
fn apparmor_is_required_of_the_firmware(fw: &mut Instance) {
    let config = Config::load(&tests::apparmor_config()).unwrap();
    assert_eq!(config.firmwares[0].apparmor, fwtest::firmware::AppArmor::Required);
    assert_eq!(fw.firmware().apparmor, fwtest::firmware::AppArmor::Required);
}
