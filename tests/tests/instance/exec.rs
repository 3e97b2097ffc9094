//! Commands in the guest.

use std::time::{Duration, Instant};

use fwtest::instance::ExecError;
use fwtest::prelude::*;

use crate::{eventually, ids};

fn message(error: &ExecError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[fwtest::test(firmware = "idle")]
async fn streams_are_apart_and_the_status_is_told(fw: &mut Instance) -> Result<()> {
    let output = fw.exec(["sh", "-c", "echo out; echo err >&2; exit 3"]).await?;
    assert_eq!((&*output.stdout(), &*output.stderr()), ("out\n", "err\n"));
    assert_eq!(output.status, ExitStatus::Code(3));
    assert_eq!(output.argv, ["sh", "-c", "echo out; echo err >&2; exit 3"]);
    output.success().expect_err("3 is no success");
    let killed = fw.exec(["sh", "-c", "kill -SEGV $$"]).await?;
    assert_eq!(killed.status, ExitStatus::Signal(11));
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn input_is_read_to_its_end(fw: &mut Instance) -> Result<()> {
    let nothing = fw.exec(["cat"]).await?;
    assert_eq!((nothing.status, nothing.stdout.len()), (ExitStatus::Code(0), 0));
    let input: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let copy = fw.exec(["cat"]).stdin(input.clone()).await?.success()?;
    assert!(copy.stdout == input, "{} bytes came back of {}", copy.stdout.len(), input.len());
    // One that reads none of it is none the worse for it.
    let unread = fw.exec(["true"]).stdin(input).await?;
    assert_eq!(unread.status, ExitStatus::Code(0));
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn the_environment_is_ours_alone(fw: &mut Instance) -> Result<()> {
    let sorted = |output: fwtest::instance::Output| {
        let mut lines: Vec<_> = output.stdout().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let path = "PATH=/sbin:/usr/sbin:/bin:/usr/bin";
    assert_eq!(sorted(fw.exec(["env"]).await?), ["HOME=/", path, "TERM=linux"]);
    let more =
        fw.exec(["env"]).env("TERM", "vt100").env("ODD", "a=b\nc").env("TERM", "dumb").await?;
    assert_eq!(sorted(more), ["HOME=/", "ODD=a=b", path, "TERM=dumb", "c"]);
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn it_runs_where_it_is_told_to(fw: &mut Instance) -> Result<()> {
    assert_eq!(fw.exec(["pwd"]).await?.stdout(), "/\n");
    assert_eq!(fw.exec(["pwd"]).cwd("/data/emptied").await?.stdout(), "/data/emptied\n");
    let error = fw.exec(["pwd"]).cwd("/nowhere").await.expect_err("there is no such directory");
    expect!(message(&error))
        .contains("failed to change to the directory `/nowhere`")
        .contains("No such file or directory");
    Ok(())
}

/// A harness that has one id to give can make nobody else of a command, and says so.
#[fwtest::test(firmware = "router")]
async fn it_runs_as_whom_it_is_told_to(fw: &mut Instance) -> Result<()> {
    let script = "id -u; id -g; echo $HOME; id -G";
    let root = fw.exec(["sh", "-c", script]).await?;
    assert!(root.stdout().starts_with("0\n0\n/\n0"), "{}", root.stdout());
    let admin = fw.exec(["sh", "-c", script]).user("admin").await;
    if ids(fw).await == 1 {
        let error = admin.expect_err("there is no second id");
        expect!(message(&error))
            .contains("failed to become user 1000, group 1000")
            .contains("Invalid argument");
    } else {
        assert_eq!(admin?.stdout(), "1000\n1000\n/home/admin\n1000\n");
        let number = fw.exec(["sh", "-c", script]).user("1000:33").await?;
        assert_eq!(number.stdout(), "1000\n33\n/home/admin\n33\n");
        let shadow = fw.exec(["cat", "/etc/shadow"]).user("admin").await?;
        assert_eq!((shadow.status, shadow.stdout().len()), (ExitStatus::Code(1), 0));
    }
    let error = fw.exec(["id"]).user("guest").await.expect_err("there is no such user");
    assert_eq!(
        error.to_string(),
        "failed to run `id`: the firmware has no user `guest` in /etc/passwd"
    );
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn what_cannot_be_run_says_why(fw: &mut Instance) {
    let check = async |program: &str, expected: &str| {
        let error = fw.exec([program]).await.expect_err("it cannot be run");
        expect!(message(&error)).contains(program).contains(expected);
    };
    check("no-such-program", "No such file or directory").await;
    check("/bin/no-such-program", "No such file or directory").await;
    check("/etc/passwd", "Permission denied").await;
    check("/data", "Permission denied").await;
}

#[fwtest::test(firmware = "idle")]
async fn one_that_is_late_is_killed(fw: &mut Instance) -> Result<()> {
    let script = "echo early; exec sleep 4321";
    let error = fw.exec(["sh", "-c", script]).timeout(Duration::from_millis(300)).await;
    let error = error.expect_err("it is late");
    assert_eq!(
        error.to_string(),
        "`sh -c 'echo early; exec sleep 4321'` did not end within 300ms, and was killed\n  \
         stdout: early"
    );
    eventually("gone", || {
        !fw.processes().0.iter().any(|process| process.argv.contains(&"4321".to_owned()))
    })
    .await;
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn one_in_the_background_is_waited_for_later(fw: &mut Instance) -> Result<()> {
    let script = "mkfifo /tmp/go; read word </tmp/go; echo $word";
    let waiting = fw.exec(["sh", "-c", script]).spawn().await?;
    fw.wait(file("/tmp/go")).await?;
    fw.exec(["sh", "-c", "echo went >/tmp/go"]).await?.success()?;
    assert_eq!(waiting.wait().await?.success()?.stdout(), "went\n");

    let killed = fw.exec(["sleep", "4321"]).spawn().await?;
    killed.kill();
    assert_eq!(killed.wait().await?.status, ExitStatus::Signal(9));
    Ok(())
}

/// A daemon that a command starts keeps its standard output open.
#[fwtest::test(firmware = "idle")]
async fn it_ends_when_the_command_does(fw: &mut Instance) -> Result<()> {
    let start = Instant::now();
    let output = fw.exec(["sh", "-c", "sleep 4321 & echo hi; echo ho >&2"]).await?.success()?;
    assert_eq!((&*output.stdout(), &*output.stderr()), ("hi\n", "ho\n"));
    assert!(start.elapsed() < Duration::from_secs(5), "it took {:?}", start.elapsed());
    let left = |process: &fwtest::instance::Process| process.argv == ["sleep", "4321"];
    // The shell's child has to become the program first.
    eventually("left behind", || fw.processes().0.iter().any(left)).await;
    Ok(())
}

/// So does one that never stops writing to it.
#[fwtest::test(firmware = "idle")]
async fn it_ends_though_something_goes_on_writing(fw: &mut Instance) -> Result<()> {
    let start = Instant::now();
    let script = "yes & yes >&2 & usleep 50000; echo the end";
    let output = fw.exec(["sh", "-c", script]).await?.success()?;
    expect!(output.stdout()).contains("the end\n");
    assert!(start.elapsed() < Duration::from_secs(5), "it took {:?}", start.elapsed());
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn large_output_on_both_streams_comes_whole(fw: &mut Instance) -> Result<()> {
    let script = "head -c 6000000 /dev/zero & head -c 5000000 /dev/zero >&2; wait";
    let output = fw.exec(["sh", "-c", script]).await?.success()?;
    assert_eq!((output.stdout.len(), output.stderr.len()), (6_000_000, 5_000_000));
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn many_at_a_time_are_kept_apart(fw: &mut Instance) -> Result<()> {
    let mut running = Vec::new();
    for number in 0..20 {
        let command = fw.exec(["sh".to_owned(), "-c".to_owned(), format!("echo {number}; cat")]);
        running.push(command.stdin(format!("{number}\n")).spawn().await?);
    }
    for (number, child) in running.into_iter().enumerate().rev() {
        let output = child.wait().await?.success()?;
        assert_eq!(output.stdout(), format!("{number}\n{number}\n"));
    }
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn one_that_outlives_its_instance_has_no_status(fw: &mut Instance) -> Result<()> {
    let child = fw.exec(["sleep", "4321"]).spawn().await?;
    fw.kill().await?;
    match child.wait().await {
        // Its helper, outside, may have seen the kernel kill it.
        Ok(output) => assert_eq!(output.status, ExitStatus::Signal(9)),
        Err(ExecError::Lost { command }) => assert_eq!(command, "sleep 4321"),
        Err(error) => panic!("{error}"),
    }
    let error = fw.exec(["true"]).await.expect_err("the instance has ended");
    expect!(message(&error)).contains("failed to run `true`");
    Ok(())
}
