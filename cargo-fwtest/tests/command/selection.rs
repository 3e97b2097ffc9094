//! Which tests are built and run.

use std::fs;

use insta::assert_snapshot;

use crate::project::{Project, fwtest_in, ran};

#[test]
fn only_targets_that_use_fwtest_hold_tests() {
    assert_snapshot!(Project::at("web").run("--list").all(), @"
    exit 0
    --- stdout
    router::web::passes
    router::web::fails
    camera::web::passes
    --- stderr
    ");
}

#[test]
fn a_package_that_does_not_use_fwtest_is_not_built() {
    assert_snapshot!(Project::at("without").run("").all(), @"
    exit 4
    --- stdout
    --- stderr
    error: no tests: there is neither a suite nor a test target that uses fwtest

    hint: a suite is a file `NAME.fw.toml` beside or below `fwtest.toml`; a test target has `harness = false` and ends in `fwtest::main!();`
    ");
}

#[test]
fn packages_and_targets_are_selected_as_cargo_does() {
    let listed = |line: &str| Project::top().run(line).stdout;
    let web = listed("--list -p web");
    assert_eq!(listed("--list --workspace --exclude odd"), web);
    assert_eq!(listed("--list -p w*"), web);
    assert_eq!(Project::at("odd").run("--list --manifest-path ../web/Cargo.toml").stdout, web);
    assert_eq!(listed("--list -p web --test again"), "router::web::passes\n");
    assert_snapshot!(Project::top().run("-p wbe").all(), @"
    exit 96
    --- stdout
    --- stderr
    error: failed to find the package `wbe` in the workspace at ROOT
    ");
    assert_snapshot!(Project::top().run("-p web --test nothing").all(), @"
    exit 96
    --- stdout
    --- stderr
    error: failed to find a test target `nothing` in a package that depends on `fwtest`
    ");
}

#[test]
fn a_filter_that_matches_nothing_is_an_error() {
    assert_snapshot!(Project::at("web").run("camra").all(), @"
    exit 4
    --- stdout
    --- stderr
    error: no tests: the filter matches none of 4 tests

    hint: the nearest: `camera::slow::ignored`, `camera::web::passes`
    ");
    assert_eq!(Project::at("web").run("--list camra").code, Some(4));
    assert_snapshot!(Project::at("web").run("ignored").all(), @"
    exit 4
    --- stdout
    --- stderr
    error: no tests: what the filter matches is ignored (1 test)

    hint: `--run-ignored all` runs those too, such as `camera::slow::ignored`
    ");
}

#[test]
fn filters_narrow_what_is_listed() {
    let listed = |line: &str| Project::at("web").run(line).stdout;
    assert_eq!(listed("--list --firmware camera"), "camera::web::passes\n");
    assert_eq!(listed("--list --run-ignored only"), "camera::slow::ignored\n");
    assert_eq!(listed("--list fails camera"), "router::web::fails\ncamera::web::passes\n");
}

#[test]
fn a_directory_needs_a_configuration_but_no_cargo_project() {
    let directory = tempfile::tempdir().unwrap();
    let run = || ran(&mut fwtest_in(directory.path()), directory.path());
    let without = run();
    assert_eq!(without.code, Some(96));
    assert_snapshot!(
        without.stderr.lines().next().unwrap(),
        @"error: failed to find `fwtest.toml` in `ROOT` or above"
    );
    let config = "[firmware.router]\nrootfs = \".\"\n";
    fs::write(directory.path().join("fwtest.toml"), config).unwrap();
    assert_snapshot!(run().all(), @"
    exit 4
    --- stdout
    --- stderr
    error: no tests: there is neither a suite nor a test target that uses fwtest

    hint: a suite is a file `NAME.fw.toml` beside or below `fwtest.toml`; a test target has `harness = false` and ends in `fwtest::main!();`
    ");
}
