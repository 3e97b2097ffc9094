//! What is wrong in fwtest.toml or a suite: said at once, with the line and the way out.

use std::fs;

use insta::assert_snapshot;

use crate::repo::{CONFIG, Repo, SUITE};

fn said(repo: &Repo, code: i32) -> String {
    let ran = repo.run("");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{}", ran.stderr);
    ran.stderr
}

/// In all of these nothing is looked at but the files: there is no firmware.
#[track_caller]
fn refused(config: &str, suite: &str) -> String {
    let repo = Repo::without_rootfs();
    repo.write("fwtest.toml", config);
    repo.write("tests/web.fw.toml", suite);
    said(&repo, 96)
}

#[test]
fn a_misspelt_key() {
    assert_snapshot!(refused(&format!("{CONFIG}boot-timout = \"5s\"\n"), SUITE), @r#"
    error: failed to read `fwtest.toml`: unknown key `boot-timout`
     --> fwtest.toml:4:1
      |
    4 | boot-timout = "5s"
      | ^^^^^^^^^^^

    hint: did you mean `boot-timeout`?
    "#);
    assert_snapshot!(refused(CONFIG, &SUITE.replace("steps", "step")), @r#"
    error: failed to read `tests/web.fw.toml`: unknown key `step`
     --> tests/web.fw.toml:3:1
      |
    3 | step = [{ exec = { run = ["echo", "hello"], stdout = "hello" } }]
      | ^^^^

    hint: did you mean `steps`?
    "#);
    assert_snapshot!(refused(CONFIG, &SUITE.replace("stdout", "stdot")), @r#"
    error: failed to read `tests/web.fw.toml`: unknown key `stdot`
     --> tests/web.fw.toml:3:46
      |
    3 | steps = [{ exec = { run = ["echo", "hello"], stdot = "hello" } }]
      |                                              ^^^^^

    hint: did you mean `stdout`?
    "#);
}

#[test]
fn an_unknown_key_or_value() {
    assert_snapshot!(refused(&format!("{CONFIG}kernel = \"bzImage\"\n"), SUITE), @r#"
    error: failed to read `fwtest.toml`: unknown key `kernel`
     --> fwtest.toml:4:1
      |
    4 | kernel = "bzImage"
      | ^^^^^^

    hint: known here: `rootfs`, `init`, `hostname`, `ready`, `boot-timeout`, `apparmor`, `limits`, `env`, `stop-signal`, `attempts`
    "#);
    assert_snapshot!(refused(&format!("{CONFIG}boot-timeout = 5\n"), SUITE), @r#"
    error: failed to read `fwtest.toml`: expected a time such as "30s", found integer `5`
     --> fwtest.toml:4:16
      |
    4 | boot-timeout = 5
      |                ^
    "#);
    assert_snapshot!(refused(&CONFIG.replace("1M", "1 MB"), SUITE), @r#"
    error: failed to read `fwtest.toml`: `1 MB` is not a size
     --> fwtest.toml:3:22
      |
    3 | limits = { storage = "1 MB" }
      |                      ^^^^^^

    hint: write a whole number and a unit: `512K`, `16M` or `1G`
    "#);
}

#[test]
fn a_file_that_is_no_toml() {
    assert_snapshot!(refused("[firmware.router\nrootfs = 'x'\n", SUITE), @"
    error: failed to read `fwtest.toml`: unclosed table, expected `]`
     --> fwtest.toml:1:17
      |
    1 | [firmware.router
      |                 ^
    ");
    let repo = Repo::without_rootfs();
    fs::write(repo.path("tests/web.fw.toml"), b"# \xff\n").unwrap();
    assert_snapshot!(said(&repo, 96), @"
    error: failed to read `tests/web.fw.toml`
      caused by: it is not UTF-8
    ");
}

#[test]
fn no_firmware() {
    assert_snapshot!(refused("", SUITE), @r#"
    error: failed to read `fwtest.toml`: it names no firmware

    hint: write `[firmware.router]` and below it `rootfs = "output/target"`
    "#);
    assert_snapshot!(refused(CONFIG, &format!("firmware = \"ruter\"\n{SUITE}")), @r#"
    error: failed to read `tests/web.fw.toml`: no firmware is named `ruter`
     --> tests/web.fw.toml:1:12
      |
    1 | firmware = "ruter"
      |            ^^^^^^^

    hint: did you mean `router`?
    "#);
}

#[test]
fn no_tests() {
    assert_snapshot!(refused(CONFIG, ""), @"
    error: failed to read `tests/web.fw.toml`: it has no tests

    hint: a test begins with the line `[[test]]`
    ");
    let repo = Repo::without_rootfs();
    fs::remove_file(repo.path("tests/web.fw.toml")).unwrap();
    assert_snapshot!(said(&repo, 4), @"
    error: no tests: there is neither a suite nor a test target that uses fwtest

    hint: a suite is a file `NAME.fw.toml` beside or below `fwtest.toml`; a test target has `harness = false` and ends in `fwtest::main!();`
    ");
}

#[test]
fn a_filter_that_matches_nothing() {
    let repo = Repo::without_rootfs();
    assert_snapshot!(repo.run("say_hello").all(), @"
    exit 4
    --- stdout
    --- stderr
    error: no tests: the filter matches none of 1 test

    hint: the nearest: `router::tests::web::says_hello`
    ");
    assert_snapshot!(repo.run("--firmware camera").all(), @"
    exit 4
    --- stdout
    --- stderr
    error: no tests: none is for the firmware `camera`

    hint: there are tests for `router`
    ");
}

/// The same run lists them, for what a list needs is there.
#[test]
fn a_list_needs_no_firmware() {
    assert_snapshot!(Repo::without_rootfs().run("--list").all(), @"
    exit 0
    --- stdout
    router::tests::web::says_hello
    --- stderr
    ");
}
