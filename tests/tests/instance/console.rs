//! The console.

use std::time::{Duration, Instant};

use fwtest::prelude::*;

#[fwtest::test(firmware = "router")]
async fn expectations_pass_in_their_order(fw: &mut Instance) -> Result<()> {
    let console = fw.console();
    assert_eq!(console.expect("Starting s\\w+: ").await?, "Starting syslogd: ");
    assert_eq!(console.expect("Starting \\w+d: OK").await?, "Starting klogd: OK");
    assert_eq!(console.expect("Starting httpd: OK").await?, "Starting httpd: OK");
    // It was there, but before what has been seen since.
    let late = console.expect_within("Starting syslogd", Duration::from_millis(100)).await;
    let WaitError::Late { nearest, .. } = late.expect_err("that was before") else {
        panic!("it is late")
    };
    expect!(nearest).contains("the console's last line is `+");
    fw.exec(["sh", "-c", "echo something new >/dev/console"]).await?.success()?;
    console.expect("something new").await?;
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn it_has_every_byte_in_order(fw: &mut Instance) -> Result<()> {
    let script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done >/dev/console";
    fw.exec(["sh", "-c", script]).timeout(Duration::from_secs(20)).await?.success()?;
    fw.wait(log("line 19999\n")).await?;
    let text = fw.console().text();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("line ")).collect();
    assert_eq!(lines.len(), 20_000);
    for (number, line) in lines.iter().enumerate() {
        assert_eq!(*line, format!("line {number}"));
    }
    Ok(())
}

/// A getty throws away what it takes for sent; here nothing is, until the harness has read it.
#[fwtest::test(firmware = "idle")]
async fn a_getty_throws_nothing_away(fw: &mut Instance) -> Result<()> {
    // More than a terminal holds at a time, so that it is read while getty throws away.
    let script = "i=0; while [ $i -lt 50 ]; do seq 1 3000 >/dev/console; \
        getty -ni -l /bin/true 0 console; i=$((i+1)); done; echo the end >/dev/console";
    fw.exec(["sh", "-c", script]).timeout(Duration::from_secs(60)).await?.success()?;
    fw.wait(log("the end")).await?;
    let text = fw.console().text();
    let numbers = text.lines().filter_map(|line| line.parse::<usize>().ok());
    let lost = numbers.zip((0..50).flat_map(|_| 1..=3000)).find(|(seen, written)| seen != written);
    assert_eq!(lost, None, "(seen, written)");
    assert_eq!(text.lines().filter(|line| line.parse::<usize>().is_ok()).count(), 50 * 3000);
    Ok(())
}

/// Waiting for what cannot come any more ends with the firmware.
#[fwtest::test(firmware = "idle")]
async fn waiting_ends_with_init(fw: &mut Instance) -> Result<()> {
    fw.signal(9)?;
    let start = Instant::now();
    for condition in [log("never"), port("tcp:80"), process("never"), file("/never")] {
        let error = fw.wait(condition).await.expect_err("it never comes");
        assert!(matches!(error, WaitError::Ended { .. }), "{error}");
    }
    let error = fw.console().expect("never").await.expect_err("it never comes");
    expect!(error.to_string()).eq("failed to see log `never`: init has ended (killed by SIGKILL)");
    assert!(start.elapsed() < Duration::from_secs(5), "it took {:?}", start.elapsed());
    Ok(())
}

#[fwtest::test(firmware = "router")]
async fn waiting_in_vain_says_what_came_nearest(fw: &mut Instance) {
    let check = async |condition: fwtest::ready::Condition, expected: &str| {
        let condition = condition.within(Duration::from_millis(50));
        expect!(fw.wait(condition).await.expect_err("it never comes").to_string())
            .contains(expected);
    };
    check(port("tcp:22"), "failed to see port `tcp:22` within 50ms: open are `tcp:80 by httpd(")
        .await;
    check(process("sshd"), "running are `init`, ").await;
    check(file("/nowhere/x"), "its directory does not exist either").await;
    check(file("/etc/x"), "it does not exist").await;
    check(log("never"), "the console's last line is `+").await;
}
