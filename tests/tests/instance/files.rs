//! Files of the guest, looked at from outside.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use fwtest::expect::{check_absent, check_exists, check_mode, content};
use fwtest::instance::{FileKind, Instance};
use fwtest::prelude::{ExitStatus, Result, expect, file};
use tests::firmware;

use crate::shell;

#[fwtest::test(firmware = "router")]
async fn every_kind_is_told_and_nothing_blocks(fw: &mut Instance) -> Result<()> {
    let script = "mkdir /tmp/d; : >/tmp/d/b; : >/tmp/d/a; mkfifo -m 640 /tmp/fifo; ln -s d /tmp/l; \
        printf 12345 >/tmp/f; chmod 6755 /tmp/f";
    shell(fw, script).await;
    let start = Instant::now();
    expect!(fw.file("/tmp/f")).is_file().mode(0o6755).size(5).content().eq("12345");
    expect!(fw.file("/tmp/d")).is_dir();
    let entries = fw.file("/tmp/d").state?.unwrap().entries.unwrap()?;
    assert_eq!(entries, ["a".into(), "b".into()]);
    expect!(fw.file("/tmp/l")).is_symlink().target("d");
    expect!(fw.file("/tmp/fifo")).is_fifo().mode(0o640);
    expect!(fw.file("/dev/null")).is_char_device().mode(0o666);
    expect!(fw.file("/dev/console")).is_char_device();
    expect!(fw.file("/dev/log")).is_socket();
    expect!(fw.file("/nowhere")).absent();
    expect!(fw.file("/etc/passwd/x")).absent();
    for path in ["/tmp/fifo", "/dev/zero", "/dev/console", "/dev/log", "/tmp/d", "/tmp/l"] {
        content(&fw.file(path)).expect_err("it has no content to look at");
    }
    assert!(start.elapsed() < Duration::from_secs(5), "it took {:?}", start.elapsed());
    Ok(())
}

#[fwtest::test(firmware = "router")]
async fn what_the_guest_has_mounted_is_seen(fw: &mut Instance) {
    shell(fw, "mount -t tmpfs none /mnt; echo inside >/mnt/file").await;
    expect!(fw.file("/mnt/file")).content().eq("inside\n");
    expect!(fw.file("/proc/1/comm")).content().eq("init\n");
}

#[fwtest::test(firmware = "router")]
async fn links_stay_inside_the_guest(fw: &mut Instance) {
    // A path that the host has and the guest has not.
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), "of the host").unwrap();
    let outside = outside.path().to_str().unwrap();
    let script = format!(
        "cd /tmp; ln -s /etc absolute; ln -s ../../../../../../etc above; ln -s loop loop; \
         ln -s pong ping; ln -s ping pong; ln -s {outside} outside; ln -s / root; \
         mkdir -p deep/er; ln -s ../../absolute deep/er/up"
    );
    shell(fw, &script).await;
    for directory in ["absolute", "above", "root/etc", "deep/er/up", "root/root/../tmp/absolute"] {
        let path = format!("/tmp/{directory}/hostname");
        expect!(fw.file(&path)).is_file().content().eq("router\n");
    }
    expect!(fw.file("/tmp/../../../../etc/hostname")).content().eq("router\n");
    expect!(fw.file(outside)).absent();
    expect!(fw.file("/tmp/outside")).is_symlink();
    expect!(fw.file(format!("/tmp/root/{outside}"))).absent();
    // The last component is not followed, so a loop is a link; on the way it cannot be passed.
    expect!(fw.file("/tmp/loop")).is_symlink().target("loop");
    for path in ["/tmp/loop/x", "/tmp/ping/x"] {
        let file = fw.file(path);
        check_exists(&file).expect_err("nobody knows");
        check_absent(&file).expect_err("nobody knows");
    }
}

/// The guest's accounts are read from outside: a link in their place must not lead to the host's.
#[fwtest::test(firmware = "idle")]
async fn accounts_are_never_the_hosts(_: &mut Instance) -> Result<()> {
    let place = tempfile::tempdir()?;
    let outside = place.path().join("passwd");
    fs::write(&outside, "stranger:x:0:0::/:/bin/sh\n")?;
    let rootfs = place.path().join("rootfs");
    fixtures::minimal(&rootfs, "exec sleep 1000");
    fs::remove_file(rootfs.join("etc/passwd"))?;
    symlink(&outside, rootfs.join("etc/passwd"))?;
    let fw = Instance::boot(&firmware(&rootfs, "")).await?;
    expect!(fw.file("/etc/passwd")).is_symlink();
    expect!(fw.file("/bin")).owner("0:0");
    fw.exec(["id"]).user("stranger").await.expect_err("nobody of that name is in the guest");

    // Where the link leads to something in the guest, that is what it has.
    fs::remove_file(rootfs.join("etc/passwd"))?;
    fs::write(rootfs.join("etc/accounts"), "boss:x:0:0::/data:/bin/sh\n")?;
    symlink("/etc/accounts", rootfs.join("etc/passwd"))?;
    let fw = Instance::boot(&firmware(&rootfs, "")).await?;
    expect!(fw.file("/bin")).owner("boss:0");
    let home = fw.exec(["sh", "-c", "echo $HOME"]).user("boss").await?;
    assert_eq!((home.status, &*home.stdout()), (ExitStatus::Code(0), "/data\n"));
    Ok(())
}

/// Only to be written to: nobody may read it, root neither.
const WRITE_ONLY: &str = "/proc/sys/net/ipv4/route/flush";

#[fwtest::test(firmware = "router")]
async fn what_cannot_be_read_holds_nothing(fw: &mut Instance) {
    let denied = fw.exec(["cat", WRITE_ONLY]).await.unwrap();
    expect!(denied.stderr()).contains("Permission denied");
    let file = fw.file(WRITE_ONLY);
    content(&file).expect_err("nobody knows");
    check_absent(&file).expect_err("it is there");
    // What is known without reading it is known.
    assert_eq!(file.state.as_ref().unwrap().as_ref().unwrap().kind, FileKind::File);
    check_exists(&file).unwrap();
    check_mode(&file, 0o200).unwrap();
}

#[fwtest::test(firmware = "router")]
async fn waiting_for_a_file_does_not_open_it(fw: &mut Instance) {
    shell(fw, "mkfifo /tmp/fifo; ln -s nowhere /tmp/dangling").await;
    fw.wait(file("/tmp/fifo")).await.unwrap();
    fw.wait(file("/dev/console")).await.unwrap();
    // As the guest has it: a link that leads nowhere is no file yet.
    let start = fw.wait(file("/tmp/dangling").within(Duration::from_millis(50))).await;
    start.expect_err("it leads nowhere");
    shell(fw, ": >/tmp/nowhere").await;
    fw.wait(file("/tmp/dangling")).await.unwrap();
}

/// Its keeper serves it, and must not wait for itself.
#[fwtest::test(firmware = "idle")]
async fn the_file_for_sysrq_is_looked_at_from_outside(fw: &mut Instance) -> Result<()> {
    let path = "/proc/sysrq-trigger";
    if !std::path::Path::new(path).exists() {
        expect!(fw.file(path)).absent();
        return Ok(());
    }
    expect!(fw.file(path)).is_file().mode(0o200).owner("0:0");
    // The kernel asks anew for what it was told more than a second ago.
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    expect!(fw.file(path)).is_file().mode(0o200);
    expect!(crate::shell(fw, "echo h > /proc/sysrq-trigger; ls -l /proc/sysrq-trigger").await)
        .contains("--w-------");
    expect!(fw.attempts()).sysrq().count(1);
    Ok(())
}
