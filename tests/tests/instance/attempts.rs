//! What the guest tries is answered as on a board, and recorded.

use std::time::{Duration, Instant};

use fwtest::attempt::{Act, Attempt};
use fwtest::prelude::*;

use crate::{eventually, ids, powerless, shell};

/// What a script tried, beyond what there was before.
async fn tried(fw: &Instance, script: &str) -> Vec<Attempt> {
    let before = fw.attempts().len();
    shell(fw, script).await;
    fw.attempts().into_iter().skip(before).collect()
}

#[fwtest::test(firmware = "router")]
async fn the_clock_is_set_in_pretence(fw: &mut Instance) {
    let tried = tried(fw, "date -s 2001-02-03 && date +%Y > /tmp/year").await;
    let [attempt] = &tried[..] else { panic!("{tried:?}") };
    let Act::SetClock { seconds: 981_158_400, nanoseconds: 0, ahead: ..0 } = attempt.act else {
        panic!("{attempt:?}")
    };
    assert_eq!(attempt.verdict, Verdict::Pretended);
    assert_eq!((attempt.by.comm.as_str(), attempt.by.uid), ("date", 0));
    assert_eq!(attempt.by.parents.last().unwrap().comm, "sh");
    expect!(fw.file("/tmp/year")).content().lacks("2001");
}

#[fwtest::test(firmware = "router")]
async fn the_real_time_clock_keeps_what_it_is_set_to(fw: &mut Instance) {
    shell(fw, "hwclock -r && test -c /dev/rtc && test -c /dev/watchdog0").await;
    let tried = tried(fw, "hwclock -w && hwclock -s").await;
    let classes: Vec<Class> = tried.iter().map(Attempt::class).collect();
    let (set_rtc, rest) = classes.split_first().unwrap();
    assert_eq!(*set_rtc, Class::Rtc);
    assert!(rest.contains(&Class::Clock), "{tried:?}");
    assert!(rest.iter().all(|class| [Class::Clock, Class::TimeZone].contains(class)), "{tried:?}");
}

#[fwtest::test(firmware = "router")]
async fn who_may_not_is_told_so(fw: &mut Instance) -> Result<()> {
    let others = ids(fw).await > 1;
    let output = powerless(fw, &["date", "-s", "2001-02-03"]).await.await?;
    expect!(output.stderr()).contains("Operation not permitted");
    let attempts = fw.attempts();
    let attempt = attempts.iter().last().expect("it is recorded all the same");
    assert_eq!(attempt.verdict, Verdict::Refused(rustix::io::Errno::PERM.raw_os_error()));
    assert_eq!(attempt.by.uid, if others { 65534 } else { 0 });
    // Not the same as of the clock.
    powerless(fw, &["hwclock", "-w"]).await.await?;
    let refused = Verdict::Refused(rustix::io::Errno::ACCESS.raw_os_error());
    expect!(fw.attempts()).rtc().count(1).verdict(refused);
    // A file is its owner's, and where there is one id alone that is everybody.
    let verdict = if others { refused } else { Verdict::Pretended };
    powerless(fw, &["sh", "-c", "echo h > /proc/sysrq-trigger"]).await.await?;
    expect!(fw.attempts()).sysrq().count(1).verdict(verdict);
    Ok(())
}

/// What was mounted in pretence is unmounted in pretence, and what there was before is busy.
#[fwtest::test(firmware = "idle")]
async fn mounts_come_in_pairs(fw: &mut Instance) -> Result<()> {
    let umount = |target: &'static str| fw.exec(["umount", target]).into_future();
    for target in ["/proc", "/sys", "/dev"] {
        expect!(umount(target).await?.stderr()).contains("Device or resource busy");
    }
    for (kind, target) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
        shell(fw, &format!("mount -t {kind} {kind} {target} && umount {target}")).await;
        expect!(umount(target).await?.stderr()).contains("Device or resource busy");
    }
    shell(fw, "mount -t tmpfs none /tmp && touch /tmp/mine && umount /tmp && test ! -e /tmp/mine")
        .await;
    expect!(umount("/tmp").await?.stderr()).contains("Invalid argument");
    shell(fw, "mount -o remount,ro / && mount -o remount,rw /").await;
    // All of that is a board's everyday life.
    expect!(fw.attempts()).none();

    let flash = "mount -t jffs2 /dev/mtdblock3 /mnt && umount /mnt && ! umount /mnt";
    let tried = tried(fw, &format!("mkdir -p /mnt; {flash}")).await;
    let [Attempt { act: Act::Mount { source, target, kind, .. }, verdict, .. }] = &tried[..] else {
        panic!("{tried:?}")
    };
    assert_eq!((source.as_str(), kind.as_str()), ("/dev/mtdblock3", "jffs2"));
    assert_eq!((target, *verdict), (&"/mnt".into(), Verdict::Pretended));
    Ok(())
}

/// By whatever name: what counts is the file that it leads to.
#[fwtest::test(firmware = "router")]
async fn a_kernel_parameter_is_known_by_any_name(fw: &mut Instance) -> Result<()> {
    for script in [
        "echo 5 > /proc/sys/kernel/panic",
        "cd /proc/sys && echo 5 > kernel/panic",
        "cd / && echo 5 > ./proc/../proc/sys/kernel/panic",
        "ln -sf /proc/sys/kernel/panic /tmp/panic && echo 5 > /tmp/panic",
        "echo 5 > /proc/1/root/proc/sys/kernel/panic",
        "echo 5 > /proc/self/root/proc/sys/kernel/panic",
        "touch /tmp/bound && mount --bind /proc/sys/kernel/panic /tmp/bound && echo 5 > /tmp/bound",
        "sysctl -w kernel.panic=5",
        "chroot / sh -c 'cd /proc/sys/kernel && echo 5 > panic'",
    ] {
        let tried = tried(fw, script).await;
        let [Attempt { act: Act::Sysctl { value, .. }, verdict, .. }] = &tried[..] else {
            panic!("{script}: {tried:?}")
        };
        assert_eq!(value.as_deref().map(<[u8]>::trim_ascii), Some(&b"5"[..]), "{script}");
        assert_eq!(*verdict, Verdict::Pretended, "{script}");
    }
    let own = "echo 1 > /proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward";
    let before = fw.attempts().len();
    assert_eq!(shell(fw, own).await, "1\n");
    assert_eq!(fw.attempts().len(), before, "its own network is its own");
    Ok(())
}

#[fwtest::test(firmware = "router")]
async fn sysrq_is_recorded_and_nothing_happens(fw: &mut Instance) {
    for (script, bytes) in [
        ("echo u > /proc/sysrq-trigger", "u\n"),
        ("printf s >> /proc/sysrq-trigger", "s"),
        ("cd /proc && printf h | tee sysrq-trigger", "h"),
        ("echo h > /proc/1/root/proc/sysrq-trigger", "h\n"),
    ] {
        let tried = tried(fw, script).await;
        let [Attempt { act: Act::Sysrq(written), verdict: Verdict::Pretended, .. }] = &tried[..]
        else {
            panic!("{script}: {tried:?}")
        };
        assert_eq!(written, bytes.as_bytes(), "{script}");
    }
}

/// The host's kernel log is not the guest's; a klogd waits for it, and ends when it is told to.
#[fwtest::test(firmware = "router")]
async fn the_kernel_log_is_empty(fw: &mut Instance) -> Result<()> {
    assert_eq!(shell(fw, "dmesg").await, "");
    let tried = tried(fw, "dmesg -c; dmesg -n 1").await;
    let acts: Vec<String> = tried.iter().map(|attempt| attempt.act.to_string()).collect();
    assert_eq!(acts, ["read and clear", "console level 1"]);
    expect!(fw.processes()).named("klogd").count(1);
    let start = Instant::now();
    shell(fw, "killall klogd; while pidof klogd; do usleep 10000; done").await;
    assert!(start.elapsed() < Duration::from_secs(5), "it took {:?}", start.elapsed());
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn a_module_and_a_device_are_named(fw: &mut Instance) -> Result<()> {
    let script = "printf '\\0license=GPL\\0name=w1_gpio\\0' > /tmp/w1-gpio.ko; \
                  insmod /tmp/w1-gpio.ko pin=4; rmmod w1_gpio; ! mknod /tmp/sda b 8 0";
    let acts: Vec<String> = tried(fw, script)
        .await
        .iter()
        .map(|attempt| format!("{}: {} {}", attempt.class(), attempt.act, attempt.verdict))
        .collect();
    assert_eq!(
        acts,
        [
            "modules: load w1_gpio pin=4 pretended",
            "modules: remove w1_gpio pretended",
            "devices: make /tmp/sda b 8:0 refused (EPERM)"
        ]
    );
    Ok(())
}

/// On a board each write is a command of its own.
#[fwtest::test(firmware = "router")]
async fn writes_to_a_file_of_the_machine_are_kept_apart(fw: &mut Instance) {
    for path in ["kernel/panic", "../sysrq-trigger"] {
        let script = format!("for i in $(seq 500); do printf h; done > /proc/sys/{path}");
        let acts = tried(fw, &script).await.into_iter().map(|attempt| attempt.act);
        let written = acts.map(|act| match act {
            Act::Sysctl { value: Some(bytes), .. } | Act::Sysrq(bytes) => bytes,
            other => panic!("{other}"),
        });
        assert_eq!(written.collect::<Vec<_>>(), vec![b"h".to_vec(); 500]);
    }
}

/// Whoever writes without an end holds up nobody, and fills no memory.
#[fwtest::test(firmware = "router")]
async fn a_flood_is_survived(fw: &mut Instance) -> Result<()> {
    let writer = "cat /dev/zero > /proc/sys/kernel/panic 2>/dev/null </dev/null &";
    shell(fw, &format!("exec >/dev/null; {writer} {writer}")).await;
    let full = "… and more of the class `sysctl` than is recorded";
    eventually("full", || fw.report().to_string().contains(full)).await;
    shell(fw, "date -s 2001-02-03").await;
    expect!(fw.attempts()).clock().count(1);
    let count = fw.attempts().of(Class::Sysctl).len();
    assert!(count < 5000, "{count} are recorded");
    Ok(())
}

/// What is open in pretence costs its keeper a descriptor each.
#[fwtest::test(firmware = "router")]
async fn not_every_descriptor_of_the_keeper_is_the_guests(fw: &mut Instance) -> Result<()> {
    let script = "exec >/tmp/said 2>&1 </dev/null; \
                  for i in $(seq 70); do sleep 1000 >/proc/sys/kernel/panic & done";
    shell(fw, script).await;
    let refused = "grep -c 'Too many open files in system' /tmp/said || true";
    for _ in 0..500 {
        if shell(fw, refused).await == "6\n" {
            shell(fw, "killall sleep; echo 5 > /proc/sys/kernel/panic").await;
            return Ok(());
        }
    }
    panic!("{}", shell(fw, "cat /tmp/said").await)
}

/// A file that the keeper itself serves, where the kernel has sysrq: to ask for it would be to wait for
/// itself.
#[fwtest::test(firmware = "router")]
async fn what_is_no_module_holds_nobody_up(fw: &mut Instance) -> Result<()> {
    for path in ["/proc/sysrq-trigger", "/dev/null", "/tmp", "/dev/kmsg"] {
        fw.exec(["insmod", path]).timeout(Duration::from_secs(5)).await?;
    }
    let fifo = "mkfifo /tmp/fifo; exec 3<>/tmp/fifo; insmod /tmp/fifo";
    fw.exec(["sh", "-c", fifo]).timeout(Duration::from_secs(5)).await?;
    expect!(fw.exec(["hostname"]).await?.stdout()).trimmed().eq("router");
    Ok(())
}
