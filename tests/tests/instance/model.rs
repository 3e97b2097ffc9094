//! The router does what its model says.

use std::collections::BTreeMap;

use fixtures::model::{How, Kind, Lives, ROUTER};
use fwtest::diff::What;
use fwtest::expect::check_only;
use fwtest::prelude::*;

use crate::eventually;

#[fwtest::test(firmware = "router")]
async fn processes(fw: &mut Instance) -> Result<()> {
    for wanted in ROUTER.processes.iter().filter(|process| process.lives == Lives::Always) {
        fw.wait(process(wanted.name)).await?;
    }
    // Who started the daemons may be ending still, or be dead and wait for init.
    let running = || {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for process in fw.processes().0.into_iter().filter(|process| process.state != 'Z') {
            *counts.entry(process.comm).or_default() += 1;
        }
        counts
    };
    let modelled = |name: &String| ROUTER.processes.iter().any(|process| process.name == name);
    eventually("down to what the model has", || running().keys().all(modelled)).await;
    let mut counts = running();
    // What ends by itself may not have done so yet; all else has to be just so.
    for wanted in ROUTER.processes {
        let count = counts.remove(wanted.name);
        match wanted.lives {
            Lives::Always => assert_eq!(count, Some(wanted.count), "{}", wanted.name),
            Lives::WithKernelLog => {
                assert!(count.unwrap_or(0) <= wanted.count, "{}", wanted.name);
            }
        }
    }
    assert!(counts.is_empty(), "these run too: {counts:?}");
    let processes = fw.processes();
    let init = processes.0.iter().find(|process| process.pid == 1).expect("there is a pid 1");
    assert_eq!((&*init.comm, init.parent, init.uid), ("init", 0, 0));
    expect!(fw.processes()).named("httpd").count(1).owned_by(0);
    expect!(fw.processes()).named("telnetd").absent();
    Ok(())
}

#[fwtest::test(firmware = "router")]
async fn ports(fw: &mut Instance) {
    expect!(fw.listening()).only(ROUTER.listening);
    // Who holds the socket is known too, by the pids that the guest itself has.
    let listening = fw.listening();
    let httpd = fw.processes().0.into_iter().find(|process| process.comm == "httpd").unwrap();
    assert_eq!(listening.0[0].owners, [(httpd.pid, "httpd".to_owned())]);
    check_only(&listening, &["tcp:81"]).expect_err("80 is open and 81 is not");
}

#[fwtest::test(firmware = "router")]
fn files(fw: &mut Instance) {
    for file in ROUTER.files {
        let found = fw.file(file.path);
        match file.kind {
            Kind::Link(target) => expect!(found).is_symlink().target(target).owner(file.owner),
            Kind::Regular => expect!(found).is_file().mode(file.mode).owner(file.owner),
            Kind::Directory => expect!(found).is_dir().mode(file.mode).owner(file.owner),
        };
    }
    expect!(fw.file("/etc/hostname")).content().eq("router\n");
}

#[fwtest::test(firmware = "router")]
async fn pages(fw: &mut Instance) -> Result<()> {
    for page in ROUTER.pages {
        let mut request = fw.http(page.path);
        if let Some(login) = page.login {
            let encoded = fw.exec(["base64"]).stdin(login).await?.success()?;
            request = request.header("Authorization", format!("Basic {}", encoded.stdout().trim()));
        }
        expect!(request.await?).status(page.status).body(contains(page.contains));
    }
    let icon = fw.http("http://router:80/icon.svg").await?;
    expect!(icon).status(200).header("content-type", equals("image/svg+xml"));
    // The host of the URL is for the server to read, and never for a resolver.
    let nowhere = fw.http("http://no-such-host.invalid/").method("HEAD").await?;
    expect!(nowhere).status(200);
    Ok(())
}

#[fwtest::test(firmware = "router")]
async fn boot_line_and_host_name(fw: &mut Instance) -> Result<()> {
    let console = fw.console().text();
    assert_eq!(console.matches(ROUTER.boot_line).count(), 1, "{console}");
    let name = fw.exec(["hostname"]).await?.success()?;
    expect!(name.stdout()).trimmed().eq(ROUTER.hostname);
    Ok(())
}

#[fwtest::test(firmware = "router")]
async fn changes_of_a_boot(fw: &mut Instance) -> Result<()> {
    for change in ROUTER.boot_changes {
        // Something is mounted over /run by now.
        if !change.path.starts_with("/run/") {
            fw.wait(file(change.path)).await?;
        }
    }
    let seen: Vec<_> = fw
        .changes()?
        .into_iter()
        .map(|change| {
            let how = match change.what {
                What::Added(_) => How::Added,
                What::Changed { .. } => How::Changed,
                What::Removed(_) => How::Removed,
            };
            (change.path.to_string(), how)
        })
        .collect();
    let modelled: Vec<_> =
        ROUTER.boot_changes.iter().map(|change| (change.path.to_owned(), change.how)).collect();
    assert_eq!(seen, modelled);
    Ok(())
}

#[fwtest::test(firmware = "router")]
async fn setting(fw: &mut Instance) -> Result<()> {
    let setting = &ROUTER.setting;
    expect!(fw.file(setting.file)).content().line(setting.before);
    expect!(fw.http(setting.request).await?).status(200);
    expect!(fw.file(setting.file)).content().line(setting.after).lacks(setting.before);
    let changes = fw.changes()?;
    let change = changes.iter().find(|change| change.path == setting.file.into()).unwrap();
    let What::Changed { before, after } = &change.what else { panic!("{change:?}") };
    let text = |entry: &fwtest::diff::Entry| entry.content.as_ref().unwrap().text.clone().unwrap();
    expect!(text(before)).line(setting.before);
    expect!(text(after)).line(setting.after);
    Ok(())
}
