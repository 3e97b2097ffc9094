//! Two instances of one firmware at a time.

use fwtest::instance::Instance;
use fwtest::prelude::{Result, expect, port};

use crate::shell;

#[fwtest::test(firmware = "router")]
async fn they_share_nothing_that_can_be_written(one: &mut Instance) -> Result<()> {
    let two = Instance::boot(one.firmware()).await?;
    // Both have a pid 1, a web server at port 80 and the same files.
    for fw in [&*one, &two] {
        expect!(fw.listening()).only(["tcp:80"]);
        assert_eq!(fw.processes().0.iter().filter(|process| process.pid == 1).count(), 1);
    }

    shell(one, "hostname changed; echo mine >/etc/issue; rm /etc/shells").await;
    shell(one, "echo mine >/tmp/file; echo mine >/dev/shm/file; : >/dev/mine; mkdir /run/mine")
        .await;
    assert_eq!(shell(one, "hostname").await, "changed\n");
    assert_eq!(shell(&two, "hostname").await, "router\n");
    expect!(two.file("/etc/issue")).content().eq("Welcome to router\n");
    expect!(two.file("/etc/shells")).is_file();
    for path in ["/tmp/file", "/dev/shm/file", "/dev/mine", "/run/mine"] {
        expect!(one.file(path)).exists();
        expect!(two.file(path)).absent();
    }
    let changed = |fw: &Instance| {
        fw.changes().unwrap().iter().any(|change| change.path == "/etc/issue".into())
    };
    assert!(changed(one) && !changed(&two));

    let sleeper = one.exec(["sleep", "4321"]).spawn().await?;
    let sleeps = |fw: &Instance| {
        fw.processes().0.iter().any(|process| process.argv.contains(&"4321".to_owned()))
    };
    assert!(sleeps(one) && !sleeps(&two));
    assert!(!shell(&two, "ps").await.contains("4321"));
    sleeper.kill();

    let server = one.exec(["nc", "-l", "-p", "7000"]).spawn().await?;
    one.wait(port("tcp:7000")).await?;
    expect!(two.listening()).only(["tcp:80"]);
    server.kill();
    expect!(two.http("http://router/cgi-bin/set?location=attic").await?).status(200);
    expect!(one.file("/etc/config/system")).content().line("location=cellar");

    for namespace in ["ipc", "mnt", "net", "pid", "user", "uts"] {
        let script = format!("readlink /proc/self/ns/{namespace}");
        assert_ne!(shell(one, &script).await, shell(&two, &script).await);
    }
    // Sockets without a file are in the network namespace: none of one is listed in the other.
    // The number is padded where the machine is young.
    let sockets = "tr -s ' ' </proc/net/unix | cut -d ' ' -f 7 | grep '^[0-9]' | sort -u";
    let (ours, theirs) = (shell(one, sockets).await, shell(&two, sockets).await);
    assert!(!ours.is_empty() && !theirs.is_empty(), "syslogd has one in each");
    assert!(!ours.lines().any(|inode| theirs.lines().any(|other| other == inode)));

    // The end of one is no matter of the other's.
    one.kill().await?;
    expect!(two.http("http://router/").await?).status(200);
    two.close()?;
    Ok(())
}

#[fwtest::test(firmware = "router")]
async fn many_boot_at_once(one: &mut Instance) -> Result<()> {
    let mut all = Vec::new();
    for _ in 0..10 {
        all.push(Instance::boot(one.firmware()).await?);
    }
    for (number, fw) in all.iter().enumerate() {
        shell(fw, &format!("echo {number} >/etc/issue")).await;
    }
    for (number, fw) in all.iter().enumerate() {
        expect!(fw.file("/etc/issue")).content().eq(format!("{number}\n"));
        expect!(fw.http("/").await?).status(200);
    }
    expect!(one.file("/etc/issue")).content().eq("Welcome to router\n");
    Ok(())
}
