//! The development loop: a firmware that is rebuilt while its instances run.

use std::fs;
use std::path::Path;

use fwtest::instance::Instance;
use fwtest::prelude::{Result, expect};
use tests::{Tree, firmware};

fn replace(rootfs: &Path, name: &str, text: &str) {
    let new = rootfs.join("new-file");
    fs::write(&new, text).unwrap();
    fs::rename(new, rootfs.join(name)).unwrap();
}

#[fwtest::test(firmware = "idle")]
async fn a_remount_shows_what_was_rebuilt(_: &mut Instance) -> Result<()> {
    let place = tempfile::tempdir()?;
    let rootfs = place.path().join("rootfs");
    fixtures::router_at(&rootfs)?;
    let ready = "ready = [{ port = \"tcp:80\" }]";
    let fw = Instance::boot(&firmware(&rootfs, ready)).await?;
    expect!(fw.file("/etc/issue")).content().eq("Welcome to router\n");
    expect!(fw.http("/new.html").await?).status(404);
    fw.exec(["sh", "-c", "echo mine >/etc/shells"]).await?.success()?;
    let before = Tree::look(&rootfs);

    replace(&rootfs, "etc/issue", "Rebuilt\n");
    replace(&rootfs, "var/www/new.html", "fresh\n");
    replace(&rootfs, "etc/shells", "rebuilt too\n");
    fs::remove_file(rootfs.join("etc/profile"))?;
    fs::create_dir(rootfs.join("etc/added"))?;
    fs::write(rootfs.join("etc/added/file"), "deep\n")?;
    fw.remount()?;

    expect!(fw.file("/etc/issue")).content().eq("Rebuilt\n");
    let issue = fw.exec(["cat", "/etc/issue", "/etc/added/file"]).await?.success()?;
    assert_eq!(issue.stdout(), "Rebuilt\ndeep\n");
    let page = fw.http("/new.html").await?;
    expect!(page).status(200);
    expect!(fw.file("/etc/profile")).absent();
    // What the instance wrote stays its own.
    expect!(fw.file("/etc/shells")).content().eq("mine\n");
    fw.close()?;

    let next = Instance::boot(&firmware(&rootfs, ready)).await?;
    expect!(next.file("/etc/issue")).content().eq("Rebuilt\n");
    expect!(next.file("/etc/shells")).content().eq("rebuilt too\n");
    next.close()?;
    let after = Tree::look(&rootfs);
    assert_ne!(before, after, "the walk sees what was rebuilt");
    Ok(())
}

#[fwtest::test(firmware = "idle")]
async fn the_next_instance_has_the_rebuilt_directory(_: &mut Instance) -> Result<()> {
    let place = tempfile::tempdir()?;
    let rootfs = place.path().join("rootfs");
    for word in ["one", "two", "three"] {
        // As a build does it: all of it goes, and all of it comes anew.
        let _ = fs::remove_dir_all(&rootfs);
        fixtures::minimal(&rootfs, &format!("echo this is {word}\nexec sleep 1000"));
        fs::write(rootfs.join(word), word)?;
        let keys = format!("ready = [{{ log = \"this is {word}\" }}]");
        let fw = Instance::boot(&firmware(&rootfs, &keys)).await?;
        expect!(fw.file(format!("/{word}"))).content().eq(word);
        assert!(fw.changes()?.is_empty());
    }
    Ok(())
}

/// An instance goes on with what it has, even when the directory is removed under it.
#[fwtest::test(firmware = "idle")]
async fn a_directory_that_goes_takes_no_instance_along(_: &mut Instance) -> Result<()> {
    let place = tempfile::tempdir()?;
    let rootfs = place.path().join("rootfs");
    fixtures::minimal(&rootfs, "exec sleep 1000");
    let mut fw = Instance::boot(&firmware(&rootfs, "ready = [{ process = \"sleep\" }]")).await?;
    fs::remove_dir_all(&rootfs)?;
    assert_eq!(fw.status(), None);
    fw.kill().await?;
    let error = Instance::boot(&firmware(&rootfs, "")).await.expect_err("there is none any more");
    let rootfs = rootfs.display().to_string();
    expect!(error.to_string()).contains(&rootfs);
    Ok(())
}
