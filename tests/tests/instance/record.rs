//! Attempts as a test sees them. What is recorded of each is in `attempts`; here one stands for all.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use fwtest::attempt::{Act, Unexpected};
use fwtest::instance::Instance;
use fwtest::prelude::*;
use nix::errno::Errno;
use tests::firmware;

/// Sets the clock back to 2001.
const SET: [&str; 3] = ["date", "-s", "2001-01-01 00:00:00"];
/// The same, as a script of init's does it.
const SCRIPT: &str = "#!/bin/sh\ndate -s '2001-01-01 00:00:00'\n";

#[fwtest::test(firmware = "idle")]
async fn what_a_command_has_tried_is_there_when_it_has_ended(fw: &mut Instance) -> Result<()> {
    expect!(fw.attempts()).none();
    fw.exec(SET).await?.success()?;
    expect!(fw.attempts()).clock().by("date").count(1).contains("set the time").pretended();
    expect!(fw.attempts()).only([Class::Clock]);
    let attempts = fw.attempts();
    let attempt = attempts.iter().next().expect("there is one");
    assert!(
        matches!(attempt.act, Act::SetClock { seconds: 978_307_200, ahead: ..-700_000_000, .. }),
        "{:?}",
        attempt.act
    );
    assert_eq!((attempt.boot, attempt.by.uid, &*attempt.by.comm), (1, 0, "date"));
    assert_eq!(attempt.by.argv, SET);
    assert!(attempt.at <= fw.uptime());
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn an_attempt_is_waited_for(fw: &mut Instance) -> Result<()> {
    let never = attempt(Class::Clock).within(Duration::from_millis(20));
    let error = fw.wait(never.clone()).await.expect_err("nobody has tried");
    assert_eq!(
        error.to_string(),
        "failed to see attempt `clock` within 20ms: nothing was attempted"
    );
    let (waited, set) = tokio::join!(fw.wait(attempt(Class::Clock)), async { fw.exec(SET).await });
    waited?;
    set?.success()?;
    // What has been tried has been tried.
    fw.wait(never).await?;
    let error = fw.wait(attempt(Class::Swap).within(Duration::from_millis(20))).await;
    let error = error.expect_err("nobody has tried").to_string();
    expect!(error).contains("the last attempt is `+").contains("clock: set the time (2001-01-01");
    Ok(())
}

/// It is told before the end that it brings.
#[fwtest::test(firmware = "idle")]
async fn an_attempt_that_ends_the_instance_is_seen(fw: &mut Instance) -> Result<()> {
    for _ in 0..10 {
        let other = Instance::boot(fw.firmware()).await?;
        let (waited, off) = tokio::join!(other.wait(attempt(Class::Reboot)), async {
            other.exec(["poweroff", "-f"]).await
        });
        waited?;
        assert_eq!(off?.status, ExitStatus::Signal(9));
        expect!(other.attempts()).reboot().count(1).emulated().contains("power off");
        assert_eq!(other.ended().await, ExitStatus::Signal(2));
        let never = attempt(Class::Clock).within(Duration::from_secs(5));
        let error = other.wait(never).await.expect_err("nothing can come any more");
        expect!(error.to_string()).contains("failed to see attempt `clock`: init has ended");
    }
    Ok(())
}

/// Boots busybox with an init that runs a script, which sets the clock.
async fn with_script(place: &tempfile::TempDir, keys: &str) -> Result<Instance> {
    let rootfs = place.path().join("rootfs");
    let init = "/etc/init.d/S10clock start; echo up; while :; do sleep 1000 & wait $!; done";
    fixtures::minimal(&rootfs, init);
    let script = rootfs.join("etc/init.d/S10clock");
    std::fs::create_dir(rootfs.join("etc/init.d"))?;
    std::fs::write(&script, SCRIPT)?;
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755))?;
    Ok(Instance::boot(&firmware(&rootfs, &format!("ready = [{{ log = \"up\" }}]\n{keys}"))).await?)
}

#[fwtest::test(firmware = "idle")]
async fn a_script_of_init_is_named(_: &mut Instance) -> Result<()> {
    let place = tempfile::tempdir()?;
    let fw = with_script(&place, "").await?;
    for name in ["date", "S10clock", "/etc/init.d/S10clock"] {
        expect!(fw.attempts()).clock().by(name).count(1);
    }
    expect!(fw.attempts()).by("httpd").none();
    let report = fw.report().to_string();
    expect!(report).matches(
        r"^  attempts  \+\d+\.\d\ds clock: set the time \(2001-01-01 00:00:00, -\d+ y\), pretended, by date( -s 2001-01-01 00:00:00)? \(\d+\) from /etc/init\.d/S10clock \(\d+\)$",
    );
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn a_firmware_can_have_it_refused(_: &mut Instance) -> Result<()> {
    let place = tempfile::tempdir()?;
    let keys = "attempts = { clock = \"refuse\", unexpected = \"fail\" }";
    let fw = with_script(&place, keys).await?;
    assert_eq!(fw.firmware().attempts.unexpected, Unexpected::Fail);
    expect!(fw.attempts()).clock().count(1).verdict(Verdict::Refused(Errno::EPERM as i32));
    expect!(fw.console().text()).contains("Operation not permitted");
    Ok(())
}
