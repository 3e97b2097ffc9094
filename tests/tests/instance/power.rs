//! The firmware restarts, halts and powers off its board, and it gets what it asked for.

use fwtest::attempt::{Act, RebootCommand};
use fwtest::instance::Cause;
use fwtest::prelude::*;

use crate::{powerless, shell};

/// On the same root file system, with everything else new.
#[fwtest::test(firmware = "router")]
async fn a_restart_boots_again_and_keeps_the_data(fw: &mut Instance) -> Result<()> {
    for boot in 2..=3 {
        shell(fw, "echo x >> /data; mount -t tmpfs none /mnt; touch /dev/stale; sync").await;
        let output = fw.exec(["reboot", "-f"]).await?;
        assert_eq!(output.status, ExitStatus::Signal(9), "it does not come back");
        fw.wait(fwtest::ready::boot(boot)).await?;
        fw.wait(port("tcp:80")).await?;
        expect!(fw.http("http://router/").await?).status(200);
        expect!(fw.file("/data")).content().eq("x\n".repeat(boot as usize - 1));
        expect!(fw.file("/dev/stale")).absent();
        expect!(shell(fw, "cat /proc/mounts").await).lacks(" /mnt ");
        assert_eq!(fw.status(), None, "it runs");
    }
    let attempts = fw.attempts();
    let restarts = attempts.iter().filter(|attempt| {
        attempt.act == Act::Reboot(RebootCommand::Restart) && attempt.verdict == Verdict::Emulated
    });
    assert_eq!(restarts.map(|attempt| attempt.boot).collect::<Vec<_>>(), [1, 2]);
    // Still the layers of the first boot, in one diff.
    let changes = fw.changes()?;
    assert!(changes.iter().any(|change| change.path == "/data".into()), "{changes:?}");
    Ok(())
}

#[fwtest::test(firmware = "router")]
async fn the_uptime_begins_anew(fw: &mut Instance) -> Result<()> {
    let uptime = async |fw: &Instance| -> f64 {
        let text = shell(fw, "cat /proc/uptime").await;
        text.split(' ').next().unwrap().parse().unwrap()
    };
    shell(fw, "sleep 2").await;
    let before = uptime(fw).await;
    fw.exec(["reboot", "-f"]).await?;
    fw.wait(boot(2)).await?;
    let after = uptime(fw).await;
    assert!(before >= 2.0 && after < before, "{before} s, then {after} s");
    Ok(())
}

#[fwtest::test(firmware = "router")]
async fn its_own_shutdown_ends_as_the_kernel_ends_it(fw: &mut Instance) -> Result<()> {
    let stopped = fw.stop().await?;
    assert!(stopped.graceful);
    assert_eq!((stopped.status, stopped.cause), (ExitStatus::Signal(2), Cause::PowerOff));
    let attempts = fw.attempts();
    let acts: Vec<&Act> = attempts.iter().map(|attempt| &attempt.act).collect();
    let sysrq = Act::Sysrq(fixtures::model::ROUTER.shutdown_sysrq.into());
    assert!(acts.contains(&&sysrq), "{acts:?}");
    assert_eq!(acts.last(), Some(&&Act::Reboot(RebootCommand::PowerOff)));
    expect!(fw.report().to_string()).contains("was powered off");
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn a_halt_and_a_crash_are_told_apart(fw: &mut Instance) -> Result<()> {
    for (script, cause, signal) in [
        ("halt -f", Cause::Halt, 2),
        ("poweroff -f", Cause::PowerOff, 2),
        ("echo o > /proc/sysrq-trigger; sleep 10", Cause::PowerOff, 2),
        ("echo c > /proc/sysrq-trigger; sleep 10", Cause::Crash, 9),
    ] {
        let other = Instance::boot(fw.firmware()).await?;
        let output = other.exec(["sh", "-c", script]).await?;
        assert_eq!(output.status, ExitStatus::Signal(9), "{script}");
        assert_eq!(other.ended().await, ExitStatus::Signal(signal), "{script}");
        assert_eq!(other.cause(), Some(cause), "{script}");
        assert_eq!(other.attempts().iter().last().unwrap().verdict, Verdict::Emulated, "{script}");
    }
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn sysrq_restarts(fw: &mut Instance) -> Result<()> {
    fw.exec(["sh", "-c", "echo b > /proc/sysrq-trigger; sleep 10"]).await?;
    fw.wait(boot(2)).await?;
    assert_eq!(fw.status(), None);
    Ok(())
}

/// Who has no right to reboot, and who is in a pid namespace of its own, does not take the
/// instance along.
#[fwtest::test(firmware = "router")]
async fn only_the_firmwares_root_may(fw: &mut Instance) -> Result<()> {
    let output = powerless(fw, &["reboot", "-f"]).await.await?;
    expect!(output.stderr()).contains("not permitted");
    fw.exec(["unshare", "-pf", "reboot", "-f"]).await?;
    assert_eq!((fw.boots(), fw.status()), (1, None));
    Ok(())
}

/// A board's real-time clock goes on while the board restarts.
#[fwtest::test(firmware = "router")]
async fn the_real_time_clock_outlives_a_restart(fw: &mut Instance) -> Result<()> {
    // Local time, five hours ahead.
    shell(fw, "TZ=AAA-5 hwclock -w -l").await;
    fw.exec(["reboot", "-f"]).await?;
    fw.wait(boot(2)).await?;
    shell(fw, "hwclock -s -u").await;
    let attempts = fw.attempts();
    let set = attempts.iter().rev().find_map(|attempt| match attempt.act {
        Act::SetClock { ahead, .. } => Some(ahead),
        _ => None,
    });
    assert!(matches!(set, Some(17_990..=18_000)), "{set:?}");
    Ok(())
}

/// What comes right after the restart is for the next boot.
#[fwtest::test(firmware = "idle")]
async fn nothing_is_lost_between_two_boots(fw: &mut Instance) -> Result<()> {
    for boot in 2..=30 {
        assert_eq!(fw.exec(["reboot", "-f"]).await?.status, ExitStatus::Signal(9));
        fw.exec(["true"]).await?.success()?;
        assert_eq!(fw.boots(), boot);
    }
    Ok(())
}
