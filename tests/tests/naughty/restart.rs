//! Restarts: the instance boots again, on what it has written.

use std::time::{Duration, Instant};

use fixtures::model::naughty::{BOOT, BOOT_LINE, SHUTDOWN};
use fwtest::prelude::*;
use tests::firmware;
use tests::host::Machine;

use crate::row::{ready, since, told};
use crate::scripts::{by_scripts, expected};

/// Waits until the firmware has said for the `nth` time that it has booted.
async fn booted(fw: &Instance, nth: u32) -> Result<()> {
    let limit = Duration::from_secs(10);
    while fw.boots() < nth {
        // Each boot says it once, and a line is found once.
        fw.console().expect_within(BOOT_LINE, limit).await?;
    }
    let lines = || fw.console().text().matches(BOOT_LINE).count();
    let deadline = Instant::now() + limit;
    while lines() < nth as usize && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((fw.boots(), lines()), (nth, nth as usize));
    Ok(())
}

async fn shell(fw: &Instance, script: &str) -> Result<String> {
    Ok(fw.exec(["sh", "-ec", script]).await?.success()?.stdout().trim_end().to_owned())
}

#[fwtest::test(firmware = "naughty", timeout = "30s")]
async fn an_orderly_restart_boots_again_on_the_same_files(fw: &mut Instance) -> Result<()> {
    ready(fw).await;
    let machine = Machine::look();
    let traces = "echo kept >/data/file; echo gone >/tmp/file; echo gone >/dev/file; \
                  hostname other; setsid sleep 1000 </dev/null >/dev/null 2>&1 &";
    shell(fw, traces).await?;
    let tried = fw.attempts().len();
    shell(fw, "reboot").await?;
    booted(fw, 2).await?;

    assert_eq!(shell(fw, "cat /data/file").await?, "kept");
    assert_eq!(shell(fw, "ls /tmp").await?, "");
    expect!(fw.file("/dev/file")).absent();
    assert_eq!(shell(fw, "hostname").await?, "naughty");
    expect!(fw.processes()).named("sleep").absent();
    let up = shell(fw, "cat /proc/uptime").await?;
    let up: f64 = up.split(' ').next().unwrap().parse()?;
    // Going down takes it two seconds; the namespace's offset is in whole ones.
    expect!(up).at_most(fw.uptime().as_secs_f64() - 1.0);
    machine.assert_same_after("its restart");

    let (first, second): (Vec<_>, Vec<_>) =
        since(fw, tried).into_iter().partition(|attempt| attempt.boot == 1);
    let (last, scripts) = first.split_last().expect("it restarts");
    assert_eq!(by_scripts(scripts), expected(SHUTDOWN));
    assert_eq!(told(last), "reboot restart: emulated");
    assert!(second.iter().all(|attempt| attempt.boot == 2));
    let scripted = |tried: Vec<String>| -> Vec<String> {
        tried.into_iter().filter(|told| !told.ends_with(" by nobody")).collect()
    };
    assert_eq!(scripted(by_scripts(&second)), scripted(expected(BOOT)));
    Ok(())
}

#[fwtest::test(firmware = "naughty", timeout = "30s")]
async fn every_restart_is_counted(fw: &mut Instance) -> Result<()> {
    ready(fw).await;
    for boot in 2..=5 {
        shell(fw, "echo >>/data/boots").await?;
        // Nothing is left that could tell how it ended.
        let _ = fw.exec(["reboot", "-f"]).await;
        booted(fw, boot).await?;
    }
    assert_eq!(shell(fw, "wc -l </data/boots").await?, "4");
    fw.stop().await?;
    assert_eq!(fw.boots(), 5);
    Ok(())
}

/// Some firmware restarts after it has set itself up.
#[fwtest::test(firmware = "naughty")]
async fn a_firmware_that_restarts_while_it_boots_is_waited_for(_: &mut Instance) -> Result<()> {
    let place = tempfile::tempdir()?;
    let rootfs = place.path().join("rootfs");
    let script = "n=$(cat /n 2>/dev/null); n=$((n + 1)); echo $n >/n
        [ $n -eq 4 ] || reboot -f
        echo up; exec sleep 1000";
    fixtures::minimal(&rootfs, script);
    let fw = Instance::boot(&firmware(&rootfs, "ready = [{ log = \"up\" }]\n")).await?;
    assert_eq!(fw.boots(), 4);
    let told: Vec<_> = fw.attempts().iter().map(|attempt| (attempt.boot, told(attempt))).collect();
    let restart = "reboot restart: emulated".to_owned();
    assert_eq!(told, [(1, restart.clone()), (2, restart.clone()), (3, restart)]);
    Ok(())
}

/// And some never comes to an end of it.
#[fwtest::test(firmware = "naughty")]
async fn a_firmware_that_restarts_for_ever_does_not_boot(_: &mut Instance) -> Result<()> {
    let place = tempfile::tempdir()?;
    let rootfs = place.path().join("rootfs");
    fixtures::minimal(&rootfs, "reboot -f");
    let keys = "ready = [{ log = \"up\" }]\nboot-timeout = \"500ms\"\n";
    let error = Instance::boot(&firmware(&rootfs, keys)).await.expect_err("it is never up");
    let text = format!("{error}");
    assert!(text.contains("500ms") || text.contains("boot"), "{text}");
    Ok(())
}
