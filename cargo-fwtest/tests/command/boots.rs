//! Firmwares that begin to boot.

use std::fs;

use insta::assert_snapshot;

use crate::repo::Repo;

#[test]
fn an_init_that_ends_at_once() {
    let repo = Repo::with_init("echo starting; echo no flash found; exit 3");
    repo.configure("ready = [{ port = \"tcp:80\" }]");
    assert_snapshot!(repo.run("").all(), @"
    exit 100
    --- stdout
    FAIL [  TIME ] router::tests::web::says_hello

    `router` did not become ready: failed to see port `tcp:80`: init has ended (exit status 3)

    hint: its console may say why; is it the right program? `init` in fwtest.toml names another
      init      /sbin/init has ended: exit status 3
      processes none
      listening nothing
      console   last 2 of 2 lines
                | +TIME starting
                | +TIME no flash found
      changes   none
      storage   0 KiB of 1 MiB used
      reproduce cargo fwtest --exact router::tests::web::says_hello
      kept      ROOT/target/fwtest/router.tests.web.says_hello

    failed:
      router::tests::web::says_hello
        files kept in ROOT/target/fwtest/router.tests.web.says_hello

    0 passed, 1 failed, 0 skipped in TIME
    --- stderr
    running 1 test
    layers: LAYERS
    ");
    let console = repo.path("target/fwtest/router.tests.web.says_hello/console.log");
    assert_eq!(fs::read_to_string(console).unwrap(), "starting\nno flash found\n");
}

/// Files are there whoever runs: a test of nothing else must not pass over the end of init.
#[test]
fn an_init_that_ends_and_no_step_notices() {
    let repo = Repo::with_init("echo no flash found; exit 3");
    // As many as it takes to be still at it when init has long ended.
    let steps = "  { file = { path = \"/sbin/init\" } },\n".repeat(2000);
    repo.write("tests/web.fw.toml", &format!("[[test]]\nname = \"files\"\nsteps = [\n{steps}]\n"));
    let ran = repo.run("");
    assert_eq!(ran.code, Some(100), "{}", ran.stdout);
    let told = "init ended while the test ran, and the test took no notice: exit status 3";
    assert!(ran.stdout.contains(told), "{}", ran.stdout);
    assert!(ran.stdout.contains("no flash found"), "{}", ran.stdout);
}

#[test]
fn an_init_that_ends_where_nothing_waits_for_it() {
    let repo = Repo::with_init("echo no flash found; exit 3");
    repo.change("tests/web.fw.toml", "[\"echo\", \"hello\"]", "[\"sleep\", \"1000\"]");
    let stdout = repo.run("").stdout;
    // The command comes too late, or is killed with its init; either way the end is told.
    assert!(stdout.contains("init has ended (exit status 3)"), "{stdout}");
    assert!(stdout.contains("init      /sbin/init has ended: exit status 3"), "{stdout}");
    assert!(stdout.contains("no flash found"), "{stdout}");
}

#[test]
fn a_firmware_that_is_not_ready_in_time() {
    let repo = Repo::with_init("echo starting; exec sleep 1000");
    repo.configure(
        "ready = [{ log = \"starting\" }, { port = \"tcp:80\" }, { process = \"httpd\" }]\n\
         boot-timeout = \"2s\"",
    );
    assert_snapshot!(repo.run("").all(), @"
    exit 100
    --- stdout
    FAIL [  TIME ] router::tests::web::says_hello

    `router` did not become ready: failed to see port `tcp:80` within 2s: nothing listens; still to come: process `httpd`

    hint: raise `boot-timeout` in fwtest.toml, or mend `ready` or the firmware
      init      /sbin/init running for TIME
      processes 1 sleep 1000
      listening nothing
      console   last 1 of 1 lines
                | +TIME starting
      changes   none
      storage   0 KiB of 1 MiB used
      reproduce cargo fwtest --exact router::tests::web::says_hello
      kept      ROOT/target/fwtest/router.tests.web.says_hello

    failed:
      router::tests::web::says_hello
        files kept in ROOT/target/fwtest/router.tests.web.says_hello

    0 passed, 1 failed, 0 skipped in TIME
    --- stderr
    running 1 test
    layers: LAYERS
    ");
}

#[test]
fn storage_that_is_full() {
    let repo = Repo::with_init(
        "dd if=/dev/zero of=/var.log bs=1k count=200 2>&1 | head -n 1; echo booted; exec sleep 1000",
    );
    repo.configure("ready = [{ log = \"booted\" }, { process = \"sleep\" }]");
    repo.change("fwtest.toml", "1M", "64K");
    repo.change("tests/web.fw.toml", "stdout = \"hello\"", "stdout = \"hallo\"");
    assert_snapshot!(repo.run("--keep none").stdout, @r#"
    FAIL [  TIME ] router::tests::web::says_hello

    step `exec` at tests/web.fw.toml:3:1
      expected  stdout of `echo hello`: "hallo"
      actual    "hello"
      init      /sbin/init running for TIME
      processes 1 sleep 1000
      listening nothing
      console   last 2 of 2 lines
                | +TIME dd: error writing '/var.log': No space left on device
                | +TIME booted
      changes   + /var.log
      storage   64 KiB of 64 KiB used, full: raise `limits.storage`
      reproduce cargo fwtest --exact router::tests::web::says_hello

    failed:
      router::tests::web::says_hello

    0 passed, 1 failed, 0 skipped in TIME
    "#);
}

/// The kernel gives a tmpfs no less than a page: the layers fit in that, and nothing else does.
#[test]
fn storage_for_nothing_at_all() {
    let repo = Repo::with_init(
        "dd if=/dev/zero of=/file bs=8k count=1 || echo nothing fits; echo booted; exec sleep 1000",
    );
    repo.configure("ready = [{ log = \"booted\" }]");
    repo.change("fwtest.toml", "1M", "1");
    repo.change("tests/web.fw.toml", "stdout = \"hello\"", "stdout = \"hallo\"");
    let stdout = repo.run("--keep none").stdout;
    assert!(stdout.contains("| +TIME nothing fits"), "{stdout}");
    assert!(stdout.contains("used, full: raise `limits.storage`"), "{stdout}");
}
