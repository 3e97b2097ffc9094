//! What an instance changed in its root file system.

use fwtest::diff::{Change, What};
use fwtest::instance::FileKind;
use fwtest::prelude::*;
use fwtest::snapshot::{RenderOptions, render};
use tests::Tree;

use crate::{ids, shell};

/// `+ /path`, `- /path`, `~ /path`.
fn lines(changes: &[Change]) -> Vec<String> {
    let sign = |change: &Change| match change.what {
        What::Added(_) => '+',
        What::Removed(_) => '-',
        What::Changed { .. } => '~',
    };
    changes.iter().map(|change| format!("{} {}", sign(change), change.path)).collect()
}

/// The bare one lacks /dev, /proc and /sys: what the harness mounts on is no change either.
async fn nothing(fw: &mut Instance) -> Result<()> {
    assert_eq!(lines(&fw.changes()?), [""; 0]);
    for path in ["/", "/dev", "/proc", "/sys", "/dev/pts", "/sys/block"] {
        expect!(fw.file(path)).is_dir();
    }
    expect!(fw.file("/bin/busybox")).is_file();
    fw.exec(["cat", "/etc/passwd", "/proc/uptime"]).await?.success()?;
    fw.exec(["sh", "-c", "echo >/dev/null; : >/dev/shm/x; cat /sys/class/net/lo/mtu"])
        .await?
        .success()?;
    assert_eq!(lines(&fw.changes()?), [""; 0]);
    fw.kill().await?;
    assert_eq!(lines(&fw.changes()?), [""; 0]);
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn there_are_none_where_nothing_is_written(fw: &mut Instance) -> Result<()> {
    nothing(fw).await
}

#[fwtest::test(firmware = "bare")]
async fn mount_points_of_the_harness_are_none(fw: &mut Instance) -> Result<()> {
    nothing(fw).await
}

async fn check(fw: &Instance, script: &str, expected: &[&str]) {
    shell(fw, &format!("cd /data; {script}")).await;
    assert_eq!(lines(&fw.changes().unwrap()), expected, "{script}");
}

#[fwtest::test(firmware = "idle")]
async fn what_ends_as_it_was_is_none(fw: &mut Instance) {
    check(fw, "touch touched; touch -d '2001-01-01 00:00' moded link .", &[]).await;
    check(fw, "cat rewritten >/tmp/r; cat /tmp/r >rewritten; rm /tmp/r", &[]).await;
    check(fw, "chmod 600 moded; chmod 644 moded", &[]).await;
    check(fw, "cp -p moved m; rm moved; mv m moved", &[]).await;
    check(fw, "mkdir new; echo x >new/x; rm -r new", &[]).await;
    check(fw, "rm link; ln -s appended link", &[]).await;
    let again = "rm -r emptied; mkdir -p emptied/deep; echo emptied/deep/file >emptied/deep/file; \
        echo emptied/file >emptied/file";
    check(fw, again, &[]).await;
}

#[fwtest::test(firmware = "idle")]
async fn each_kind_is_told(fw: &mut Instance) -> Result<()> {
    check(fw, "echo more >>appended", &["~ /data/appended"]).await;
    let so_far = ["~ /data/appended", "~ /data/link", "~ /data/moded"];
    check(fw, "chmod 4700 moded; rm link; ln -s moded link", &so_far).await;
    shell(fw, "cd /data; rm -r removed; rm retyped; mkdir retyped; mv moved renamed").await;
    shell(fw, "cd /data; rm -r emptied; mkdir emptied; echo new >emptied/new; mkfifo fifo").await;
    let changes = fw.changes()?;
    assert_eq!(
        lines(&changes),
        [
            "~ /data/appended",
            "- /data/emptied/deep",
            "- /data/emptied/file",
            "+ /data/emptied/new",
            "+ /data/fifo",
            "~ /data/link",
            "~ /data/moded",
            "- /data/moved",
            "- /data/removed",
            "+ /data/renamed",
            "~ /data/retyped",
        ]
    );
    let what = |path: &str| {
        let change = changes.iter().find(|change| change.path == path.into()).unwrap();
        match &change.what {
            What::Added(entry) => (None, Some(entry)),
            What::Removed(entry) => (Some(entry), None),
            What::Changed { before, after } => (Some(before), Some(after)),
        }
    };
    let (Some(before), Some(after)) = what("/data/appended") else { panic!("it was changed") };
    assert_eq!((before.size, after.size), (9, 14));
    let text = |entry: &fwtest::diff::Entry| entry.content.as_ref().unwrap().text.clone();
    assert_eq!(text(before).as_deref(), Some("appended\n"));
    assert_eq!(text(after).as_deref(), Some("appended\nmore\n"));
    let (Some(before), Some(after)) = what("/data/moded") else { panic!("it was changed") };
    assert_eq!((before.mode, after.mode), (0o644, 0o4700));
    let (Some(before), Some(after)) = what("/data/link") else { panic!("it was changed") };
    assert_eq!(before.target, Some("appended".into()));
    assert_eq!(after.target, Some("moded".into()));
    let (Some(before), Some(after)) = what("/data/retyped") else { panic!("it was changed") };
    assert_eq!((before.kind, after.kind), (FileKind::File, FileKind::Directory));
    assert_eq!(what("/data/fifo").1.unwrap().kind, FileKind::Fifo);
    assert_eq!(what("/data/removed").0.unwrap().kind, FileKind::Directory);
    Ok(())
}

/// With a single id there is nobody to give a file to: it is pretended, and nothing changes.
#[fwtest::test(firmware = "idle")]
async fn a_change_of_owner_is_told(fw: &mut Instance) -> Result<()> {
    shell(fw, "chown 1000:100 /data/owned").await;
    let changes = fw.changes()?;
    if ids(fw).await == 1 {
        assert_eq!(lines(&changes), [""; 0]);
        expect!(fw.file("/data/owned")).owner("0:0");
        return Ok(());
    }
    assert_eq!(lines(&changes), ["~ /data/owned"]);
    let What::Changed { before, after } = &changes[0].what else { panic!("{changes:?}") };
    assert_eq!((before.uid, before.gid, after.uid, after.gid), (0, 0, 1000, 100));
    expect!(fw.file("/data/owned")).owner("1000:100");
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn names_need_not_be_text(fw: &mut Instance) -> Result<()> {
    let script = r#"cd /data; : >"$(printf 'a\nb')"; : >"$(printf 'c\377')"; : >'d \ e'"#;
    shell(fw, script).await;
    let text = render(&fw.changes()?, &RenderOptions::default());
    for name in ["/data/a\\nb", "/data/c\\xff", "/data/d \\\\ e"] {
        expect!(text.as_str()).contains(name);
    }
    Ok(())
}

#[fwtest::test(firmware = "router")]
async fn the_firmware_itself_is_never_written_to(fw: &mut Instance) -> Result<()> {
    let rootfs = fw.firmware().rootfs.clone();
    let before = Tree::look(&rootfs);
    let script = "cd /; echo x >>etc/hostname; rm -r etc/init.d var/www; chmod -R 700 home; \
        chown -R 1:1 root; mv etc/config etc/moved; ln -sf x bin/sh; touch etc/passwd; \
        mkdir etc/init.d; mount -o remount,rw / 2>/dev/null || :; echo x >bin/busybox || :";
    shell(fw, script).await;
    assert!(fw.changes()?.len() > 5);
    fw.kill().await?;
    before.assert_same(&Tree::look(&rootfs));
    Ok(())
}
