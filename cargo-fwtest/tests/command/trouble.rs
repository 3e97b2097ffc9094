//! What is told when something else ends than a test.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};

use crate::project::Project;

#[test]
fn a_test_that_takes_its_process_with_it_fails_and_the_others_run() {
    let line = "--test odd router::a router::b router::c router::d";
    assert_snapshot!(Project::at("odd").run(line).all(), @"
    exit 100
    --- stdout
    PASS [  TIME ] router::a::passes
    FAIL [  TIME ] router::b::aborts

    the test binary was killed by SIGABRT while it ran; it had written

    free(): double free detected

    FAIL [  TIME ] router::c::exits

    the test binary ended with exit status 3 while it ran

    PASS [  TIME ] router::d::passes

    failed:
      router::b::aborts
      router::c::exits

    2 passed, 2 failed, 0 skipped in TIME
    --- stderr
    running 4 of 12 tests
    layers: none
    ");
}

#[test]
fn a_child_that_cannot_set_up_ends_the_run() {
    assert_snapshot!(Project::at("odd").run("--test odd router::f::refuses router::d").all(), @"
    exit 96
    --- stdout

    0 passed, 0 failed, 0 skipped, 2 not run in TIME
    --- stderr
    running 2 of 12 tests
    error: failed to set up the test binary `odd`: it ended with exit status 96 before any test

    error: no launcher
    ");
}

#[test]
fn a_binary_that_cannot_list_ends_the_run() {
    assert_snapshot!(Project::at("odd").run("--test broken").all(), @"
    exit 96
    --- stdout
    --- stderr
    error: failed to list the tests of the test binary `broken`: it ended with exit status 1

    error: the firmware of this list is broken
    ");
}

#[test]
fn a_build_that_fails_is_cargos_to_explain() {
    let ran = Project::at("odd").run("--test uncompilable --features uncompilable");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(101), ""));
    assert!(ran.stderr.contains("cannot find function `no_such_function`"), "{}", ran.stderr);
    assert_snapshot!(ran.stderr.lines().last().unwrap(), @"error: failed to build the tests: `cargo test --no-run` ended with exit status 101");
}

#[test]
fn a_process_that_fails_after_its_tests_have_passed_fails_the_run() {
    assert_snapshot!(Project::at("odd").run("--test odd router::unclean").all(), @"
    exit 100
    --- stdout
    PASS [  TIME ] router::unclean::passes

    1 passed, 0 failed, 0 skipped in TIME
    --- stderr
    running 1 of 12 tests
    layers: none
    error: the test binary `odd` ended with exit status 7 although its tests passed
    ");
}

#[test]
fn another_version_of_the_protocol_is_refused() {
    assert_snapshot!(Project::at("odd").run("--test odd router::f::babbles").all(), @r#"
    exit 96
    --- stdout

    0 passed, 0 failed, 0 skipped, 1 not run in TIME
    --- stderr
    running 1 of 12 tests
    layers: none
    error: failed to read an event of the test binary `odd`: `{"event":"of-a-later-version"}`
      caused by: unknown variant `of-a-later-version`, expected one of `layers`, `started`, `finished` at line 1 column 29

    hint: the crate `fwtest` of that test binary and this `cargo fwtest` are of different versions; update the older one
    "#);
}

#[test]
fn an_interrupted_run_still_tells_what_it_did() {
    let odd = Project::at("odd");
    let mut command = odd.fwtest("--test odd router::a router::e router::f::passes");
    let mut run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(run.stdout.take().unwrap());
    let mut first = String::new();
    stdout.read_line(&mut first).unwrap();
    assert!(first.starts_with("PASS"), "{first}");
    kill_process(Pid::from_child(&run), Signal::INT).unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("\n1 passed, 0 failed, 0 skipped, 2 not run in "), "{rest}");
    assert_eq!(run.wait().unwrap().code(), Some(130));
}

#[test]
fn a_reader_that_leaves_ends_the_run_quietly() {
    let (write, read) = UnixStream::pair().unwrap();
    drop(read);
    let mut command = Project::at("web").fwtest("--list");
    let left = command.stdout(std::os::fd::OwnedFd::from(write)).output().unwrap();
    assert_eq!(left.status.code(), Some(0));
    assert!(!String::from_utf8_lossy(&left.stderr).contains("error"));
}
