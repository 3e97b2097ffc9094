//! What the guest sees of the host: nothing.

use std::collections::BTreeSet;
use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;

use fwtest::prelude::*;

use crate::shell;

#[fwtest::test(firmware = "idle")]
async fn init_has_the_console_and_nothing_else(fw: &mut Instance) {
    for process in ["1", "self"] {
        let script =
            format!("cd /proc/{process}/fd; for fd in *; do echo $fd $(readlink $fd); done");
        let fds = shell(fw, &script).await;
        if process == "1" {
            assert_eq!(fds, "0 /dev/console\n1 /dev/console\n2 /dev/console\n");
        }
        for line in fds.lines() {
            let (_, target) = line.split_once(' ').unwrap();
            // A command has its pipes, the directory that it lists, and ash nothing more.
            let known = ["/dev/console", "pipe:[", "/proc/"];
            assert!(known.iter().any(|known| target.starts_with(known)), "{process}: {line}");
        }
    }
}

#[fwtest::test(firmware = "router")]
async fn a_real_init_has_the_console_and_nothing_else(fw: &mut Instance) {
    let fds = shell(fw, "cd /proc/1/fd; for fd in *; do echo $fd $(readlink $fd); done").await;
    assert_eq!(fds, "0 /dev/console\n1 /dev/console\n2 /dev/console\n");
}

#[fwtest::test(firmware = "router")]
async fn the_environment_is_clean(fw: &mut Instance) -> Result<()> {
    let environment = fw.exec(["cat", "/proc/1/environ"]).await?.success()?;
    let mut variables: Vec<&str> =
        std::str::from_utf8(&environment.stdout)?.trim_end_matches('\0').split('\0').collect();
    variables.sort_unstable();
    assert_eq!(variables, ["HOME=/", "PATH=/sbin:/usr/sbin:/bin:/usr/bin", "TERM=linux"]);
    Ok(())
}

#[fwtest::test(firmware = "router")]
async fn no_mount_names_anything_of_the_host(fw: &mut Instance) {
    let mounts = shell(fw, "cat /proc/self/mountinfo").await;
    let rootfs = fw.firmware().rootfs.display().to_string();
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().display().to_string();
    let host = fs::read_to_string("/proc/self/mounts").unwrap();
    let sources = host.lines().filter_map(|line| line.split(' ').next());
    let devices: BTreeSet<&str> = sources.filter(|source| source.starts_with('/')).collect();
    for part in [rootfs.as_str(), &ours, "/stage", "/target"].into_iter().chain(devices) {
        assert!(!mounts.contains(part), "`{part}` is in\n{mounts}");
    }
    let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
    expect!(root).contains(" - overlay overlay ").contains("upperdir=u,");
}

#[fwtest::test(firmware = "router")]
async fn the_kernel_tells_nothing_of_the_host(fw: &mut Instance) -> Result<()> {
    assert_eq!(shell(fw, "cat /proc/cmdline").await, "ro\n");
    for directory in ["/sys/block", "/sys/class/block", "/sys/dev/block"] {
        let entries = fw.file(directory).state?.unwrap().entries.unwrap()?;
        assert_eq!(entries, [], "{directory}");
    }
    // Its log: not by the call, not by the file.
    let log = fw.exec(["dmesg"]).await?;
    assert!(log.status != ExitStatus::Code(0) || log.stdout.is_empty(), "{}", log.stdout());
    // No interface but its own; the fallback devices of tunnel modules are in every namespace.
    let links = shell(fw, "ls /sys/class/net").await;
    let host: BTreeSet<_> = fs::read_dir("/sys/class/net")?
        .filter_map(|entry| {
            let entry = entry.unwrap();
            let is_real = fs::exists(entry.path().join("device")).unwrap();
            is_real.then(|| entry.file_name().into_string().unwrap())
        })
        .collect();
    assert!(links.lines().any(|link| link == "lo"), "{links}");
    assert!(!links.lines().any(|link| host.contains(link)), "{links}");
    Ok(())
}

#[fwtest::test(firmware = "router")]
async fn uptime_begins_with_the_boot(fw: &mut Instance) {
    let up = shell(fw, "cat /proc/uptime").await;
    let up: f64 = up.split(' ').next().unwrap().parse().unwrap();
    // The namespace's offset is in whole seconds.
    expect!(up).at_most(fw.uptime().as_secs_f64() + 1.1);
}

#[fwtest::test(firmware = "router")]
async fn processes_of_the_host_are_not_there(fw: &mut Instance) -> Result<()> {
    let seen = shell(fw, "cd /proc; ls -d [0-9]*").await;
    let init = shell(fw, "readlink /proc/1/ns/pid; readlink /proc/self/ns/pid").await;
    let namespaces: BTreeSet<&str> = init.lines().collect();
    assert_eq!(namespaces.len(), 1, "{init}");
    assert!(!namespaces.contains(fs::read_link("/proc/self/ns/pid")?.to_str().unwrap()));
    // A machine that builds this has more, by far.
    expect!(seen.lines().count()).at_most(15);
    let harness = fs::read_to_string("/proc/self/comm")?;
    let names = shell(fw, "cat /proc/[0-9]*/comm").await;
    assert!(!names.lines().any(|name| name == harness.trim_end()), "{names}");
    Ok(())
}

#[fwtest::test(firmware = "router")]
async fn every_namespace_is_its_own(fw: &mut Instance) -> Result<()> {
    for name in ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"] {
        let theirs = shell(fw, &format!("readlink /proc/self/ns/{name}")).await;
        let ours = fs::read_link(format!("/proc/self/ns/{name}"))?;
        expect!(theirs).trimmed().ne(ours.to_str().unwrap());
    }
    Ok(())
}

/// Abstract sockets have no file that a mount namespace could hide.
#[fwtest::test(firmware = "router")]
async fn abstract_sockets_of_the_host_are_not_there(fw: &mut Instance) -> Result<()> {
    let name = format!("fwtest-{}-{}", std::process::id(), line!());
    let _socket = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
    assert!(fs::read_to_string("/proc/net/unix")?.contains(&name), "the host has it");
    let guest = shell(fw, "cat /proc/net/unix").await;
    assert!(guest.contains("/dev/log"), "the guest has its own:\n{guest}");
    assert!(!guest.contains(&name), "{guest}");
    Ok(())
}

/// Guest root is nobody on the host, also where root runs the harness.
#[fwtest::test(firmware = "router")]
async fn its_root_is_not_the_hosts(fw: &mut Instance) {
    let map = shell(fw, "cat /proc/self/uid_map").await;
    let init = shell(fw, "cat /proc/1/status").await;
    expect!(map.split_whitespace().next()).eq(Some("0"));
    expect!(init).contains("Uid:\t0\t0\t0\t0");
    for file in ["/proc/sys/kernel/hostname", "/proc/sys/kernel/panic", "/proc/sys/vm/swappiness"] {
        let state = fw.file(file).state.unwrap().unwrap();
        assert_ne!((file, state.uid), (file, 0), "a sysctl of the whole machine is not its root's");
    }
}

/// Until it is the program that was asked for, a command is a process of the harness's, and in sight.
#[fwtest::test(firmware = "router")]
async fn a_command_on_its_way_in_shows_nothing_of_the_host(fw: &mut Instance) -> Result<()> {
    // To be looked for in many places takes it a while.
    let long = format!("{}/bin", "/x:".repeat(40_000));
    let look = "for i in $(seq 20); do ls -l /proc/[0-9]*/fd 2>&1; cat /proc/[0-9]*/cmdline; done";
    let (command, seen) =
        tokio::join!(async { fw.exec(["true"]).env("PATH", long).await }, async {
            fw.exec(["sh", "-c", look]).await
        });
    command?.success()?;
    let seen = seen?.stdout().into_owned();
    expect!(&seen).contains("Permission denied").lacks("pidfd").lacks("seccomp").lacks("fwtest");
    Ok(())
}
