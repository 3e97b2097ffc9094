//! What is told of tests that end as tests do.

use insta::assert_snapshot;

use crate::project::Project;

#[test]
fn results_are_on_stdout_and_failures_are_named_again() {
    assert_snapshot!(Project::at("web").run("").all(), @"
    exit 100
    --- stdout
    SKIP [ignored] camera::slow::ignored
    PASS [  TIME ] router::web::passes
    FAIL [  TIME ] router::web::fails

    expected `a`
      actual `b`

    PASS [  TIME ] camera::web::passes

    failed:
      router::web::fails
        files kept in /kept/it

    2 passed, 1 failed, 1 skipped in TIME
    --- stderr
    running 3 of 4 tests
    layers: none
    ");
}

#[test]
fn a_run_without_failures_is_success() {
    assert_snapshot!(Project::at("web").run("--skip fails").all(), @"
    exit 0
    --- stdout
    SKIP [ignored] camera::slow::ignored
    PASS [  TIME ] router::web::passes
    PASS [  TIME ] camera::web::passes

    2 passed, 0 failed, 1 skipped in TIME
    --- stderr
    running 2 of 4 tests
    layers: none
    ");
}

#[test]
fn the_first_failure_ends_a_run_on_demand() {
    let line = "--fail-fast --test odd router::odd::directories router::e::waits";
    let ran = Project::at("odd").run(line);
    assert_snapshot!(ran.stdout.lines().last().unwrap(), @"0 passed, 1 failed, 0 skipped, 1 not run in TIME");
}

#[test]
fn children_are_told_how_to_run() {
    let odd = Project::at("odd");
    let one = "--test odd --exact router::odd::environment";
    assert_snapshot!(odd.run(one).stdout, @"
    FAIL [  TIME ] router::odd::environment

    arguments: --include-ignored --logfile /dev/null
    FWTEST_KEEP=failed
    FWTEST_NO_CAPTURE=unset
    INSTA_UPDATE=unset
    INSTA_OUTPUT=none

    failed:
      router::odd::environment
        files kept in /kept/it

    0 passed, 1 failed, 0 skipped in TIME
    ");
    let more = format!("{one} --accept --keep all -j 3");
    assert_snapshot!(odd.run(&more).stdout, @"
    FAIL [  TIME ] router::odd::environment

    arguments: --include-ignored --logfile /dev/null --test-threads=3
    FWTEST_KEEP=all
    FWTEST_NO_CAPTURE=unset
    INSTA_UPDATE=always
    INSTA_OUTPUT=none

    failed:
      router::odd::environment
        files kept in /kept/it

    0 passed, 1 failed, 0 skipped in TIME
    ");
    let ci = odd.fwtest(one).env("CI", "1").output().unwrap();
    assert!(String::from_utf8_lossy(&ci.stdout).contains("INSTA_UPDATE=new"));
}

#[test]
fn children_are_told_where_things_are() {
    let odd = Project::at("odd");
    assert_snapshot!(odd.run("--test odd --exact router::odd::directories").stdout, @"
    FAIL [  TIME ] router::odd::directories

    config ROOT/fwtest.toml
    keep ROOT/target/fwtest
    insta ROOT

    failed:
      router::odd::directories
        files kept in /kept/it

    0 passed, 1 failed, 0 skipped in TIME
    ");
}

#[test]
fn what_tests_print_is_shown_on_demand() {
    let odd = Project::at("odd");
    let line = "--test odd --exact router::odd::prints";
    assert!(!odd.run(line).stdout.contains("printed by the test"));
    assert_snapshot!(odd.run(&format!("{line} --no-capture")).stdout, @"
    printed by the test
    PASS [  TIME ] router::odd::prints

    1 passed, 0 failed, 0 skipped in TIME
    ");
}

#[test]
fn color_is_used_on_demand() {
    let ran = Project::at("web").run("--color always router::web::passes");
    assert_snapshot!(ran.stdout.replace('\x1b', "ESC"), @"
    ESC[1;32mPASSESC[0m [  TIME ] router::web::passes

    ESC[1;32m1 passedESC[0m, 0 failed, 0 skipped in TIME
    ");
}
