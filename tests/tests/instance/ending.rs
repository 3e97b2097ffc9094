//! Ends: asked for, by force, and by somebody else.

use std::fs;
use std::time::{Duration, Instant};

use fwtest::instance::{Cause, Instance, Stopped};
use fwtest::prelude::{ExitStatus, Result, expect, port};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use tests::firmware;

use crate::{eventually, shell};

/// Boots busybox with a script for init.
async fn with_init(place: &tempfile::TempDir, script: &str, keys: &str) -> Result<Instance> {
    let rootfs = place.path().join("rootfs");
    fixtures::minimal(&rootfs, script);
    let keys = format!("ready = [{{ log = \"up\" }}]\n{keys}");
    Ok(Instance::boot(&firmware(&rootfs, &keys)).await?)
}

const LOOP: &str = "echo up; while :; do sleep 1000 & wait $!; done";

#[fwtest::test(firmware = "idle")]
async fn init_is_asked_to_stop(_: &mut Instance) -> Result<()> {
    let place = tempfile::tempdir()?;
    let script = format!("trap 'echo bye >/tmp/farewell; echo down; exit 7' TERM; {LOOP}");
    let mut fw = with_init(&place, &script, "").await?;
    let stopped = fw.stop().await?;
    let (status, cause) = (ExitStatus::Code(7), Cause::Exit);
    assert_eq!(stopped, Stopped { status, graceful: true, cause });
    assert_eq!(fw.status(), Some(ExitStatus::Code(7)));
    // It can still be looked at.
    expect!(fw.console().text()).contains("down");
    expect!(fw.file("/tmp/farewell")).content().eq("bye\n");
    assert_eq!(fw.changes()?.len(), 1);
    expect!(fw.listening()).nothing();
    assert_eq!(fw.processes().0, []);
    // A second time there is nothing left to do.
    let again = fw.stop().await?;
    assert_eq!(again.status, ExitStatus::Code(7));
    fw.close()?;
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn its_signal_is_configured(_: &mut Instance) -> Result<()> {
    let place = tempfile::tempdir()?;
    let script = format!("trap 'exit 1' TERM; trap 'exit 9' PWR; {LOOP}");
    let mut fw = with_init(&place, &script, "stop-signal = \"SIGPWR\"\n").await?;
    assert_eq!(fw.stop().await?.status, ExitStatus::Code(9));
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn init_that_does_not_listen_is_killed(_: &mut Instance) -> Result<()> {
    let place = tempfile::tempdir()?;
    let mut fw = with_init(&place, &format!("trap '' TERM; {LOOP}"), "").await?;
    let start = Instant::now();
    let stopped = fw.stop_within(Duration::from_millis(200)).await?;
    let (status, cause) = (ExitStatus::Signal(9), Cause::Exit);
    assert_eq!(stopped, Stopped { status, graceful: false, cause });
    assert!(start.elapsed() >= Duration::from_millis(200), "it was not given its time");
    Ok(())
}

#[fwtest::test(firmware = "router")]
async fn the_router_is_killed(fw: &mut Instance) -> Result<()> {
    let stopped = fw.kill().await?;
    let (status, cause) = (ExitStatus::Signal(9), Cause::Exit);
    assert_eq!(stopped, Stopped { status, graceful: false, cause });
    fw.tcp(80).await.expect_err("nobody is there");
    expect!(fw.file("/etc/hostname")).content().eq("router\n");
    Ok(())
}

/// The parent of a process of the host: the fourth field of proc_pid_stat(5).
fn parent(pid: i32) -> i32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let rest = &stat[stat.rfind(')').unwrap() + 1..];
    rest.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The process of the host whose arguments have this word.
fn pid_of(word: &str) -> i32 {
    let pids = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<i32>().ok());
    let has_it = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
    };
    let mut found = pids.filter(has_it);
    let pid = found.next().unwrap_or_else(|| panic!("no process has `{word}`"));
    assert_eq!(found.next(), None, "`{word}` is not one process's alone");
    pid
}

/// Somebody kills our own process that looks after the instance.
#[fwtest::test(firmware = "router")]
async fn the_end_of_the_keeper_is_told_and_takes_the_instance_along(
    fw: &mut Instance,
) -> Result<()> {
    // Seconds that no other test sleeps for: by them the command is found on the host.
    let word = format!("77{:09}.{}", std::process::id(), line!());
    let child = fw.exec(["sleep", &word]).spawn().await?;
    let command = pid_of(&word);
    let (helper, us) = (parent(command), i32::try_from(std::process::id())?);
    let keeper = parent(helper);
    assert_eq!(parent(parent(keeper)), us, "test, launcher, keeper, helper, command");
    let command = pidfd_open(Pid::from_raw(command).unwrap(), PidfdFlags::empty())?;

    kill_process(Pid::from_raw(keeper).unwrap(), Signal::KILL)?;
    let start = Instant::now();
    let mut polled = [PollFd::new(&command, PollFlags::IN)];
    let limit = Timespec { tv_sec: 10, tv_nsec: 0 };
    assert_eq!(poll(&mut polled, Some(&limit))?, 1, "the command goes on");

    assert_eq!(fw.ended().await, ExitStatus::Signal(9));
    let gone = "the instance's keeper has ended: somebody has killed it";
    let chain = |error: &dyn std::error::Error| {
        format!("{error}: {}", error.source().map(ToString::to_string).unwrap_or_default())
    };
    let changes = fw.changes().expect_err("there is nobody to ask");
    assert_eq!(
        chain(&changes),
        format!("failed to compare the instance's root file system: {gone}")
    );
    let waited = fw.wait(port("tcp:1")).await.expect_err("there is nobody to ask");
    assert_eq!(chain(&waited), format!("failed to look for port `tcp:1`: {gone}"));
    let executed = fw.exec(["true"]).await.expect_err("there is nobody to ask");
    assert_eq!(chain(&executed), format!("failed to run `true`: {gone}"));
    let console = fw.console().expect("never").await.expect_err("there is nobody to ask");
    assert_eq!(chain(&console), format!("failed to look for log `never`: {gone}"));
    assert_eq!(fw.file("/etc").state.expect_err("nobody knows").to_string(), gone);
    // Its helper may have seen its end before its own.
    if let Ok(output) = child.wait().await {
        assert_eq!(output.status, ExitStatus::Signal(9));
    }
    expect!(fw.report().to_string()).contains(gone);
    assert!(start.elapsed() < Duration::from_secs(5), "it took {:?}", start.elapsed());
    Ok(())
}

/// What is dropped is gone: every process of it, when the call comes back.
#[fwtest::test(firmware = "idle")]
async fn nothing_outlives_an_instance(fw: &mut Instance) -> Result<()> {
    let other = Instance::boot(fw.firmware()).await?;
    let word = format!("78{:09}.{}", std::process::id(), line!());
    let script = format!("setsid sleep {word} >/dev/null 2>&1 </dev/null &");
    shell(&other, &script).await;
    let pid = std::cell::Cell::new(0);
    // The shell's child has to become the program first.
    eventually("started", || {
        let lines = other.processes();
        lines.0.iter().any(|process| process.argv.contains(&word))
    })
    .await;
    pid.set(pid_of(&word));
    other.close()?;
    assert!(!fs::exists(format!("/proc/{}", pid.get()))?, "it is still there");
    Ok(())
}
