//! One project under each of the runners: the same tests, the same verdicts.

use std::collections::BTreeMap;

use regex::Regex;
use tests::{Project, Ran};

const RUST: &str = r#"use fwtest::prelude::*;

#[fwtest::test]
async fn passes(fw: &mut Instance) -> Result<()> {
    expect!(fw.http("http://router/").await?).status(200);
    Ok(())
}

#[fwtest::test]
fn fails(fw: &mut Instance) {
    expect!(fw.file("/etc/hostname")).content().trimmed().eq("switch");
}

#[fwtest::test(ignore = "takes too long")]
async fn is_ignored(fw: &mut Instance) -> Result<()> {
    fw.exec(["sh", "-c", "sleep 1000 & echo left behind"]).await?.success()?;
    Ok(())
}

fwtest::main!(suites);
"#;

const SUITE: &str = r#"[[test]]
name = "passes"
steps = [{ http = { url = "http://router/", contains = "Status" } }]

[[test]]
name = "fails"
steps = [
  { process = { name = "httpd", count = 1 } },
  { exec = { run = ["hostname"], stdout = "switch" } },
]

[[test]]
name = "is_ignored"
ignore = "takes too long"
steps = [{ exec = { run = ["true"] } }]
"#;

const ALL: [&str; 6] = [
    "router::tests::page::fails",
    "router::tests::page::is_ignored",
    "router::tests::page::passes",
    "router::web::fails",
    "router::web::is_ignored",
    "router::web::passes",
];

fn project() -> Project {
    Project::with_package("runners", &[("tests/web.rs", RUST), ("tests/page.fw.toml", SUITE)])
}

/// By a test's name what a runner says of it, from its lines that match `pattern`.
fn verdicts(text: &str, pattern: &str) -> BTreeMap<String, String> {
    let pattern = Regex::new(pattern).expect("a pattern");
    let found = text.lines().filter_map(|line| pattern.captures(line));
    found.map(|found| (found["test"].to_owned(), found["verdict"].to_lowercase())).collect()
}

fn expected(ignored: &str) -> BTreeMap<String, String> {
    let verdict = |name: &str| match name.rsplit("::").next() {
        Some("passes") => "pass".to_owned(),
        Some("fails") => "fail".to_owned(),
        _ => ignored.to_owned(),
    };
    let all = ALL.iter().map(|name| ((*name).to_owned(), verdict(name)));
    all.filter(|(_, verdict)| !verdict.is_empty()).collect()
}

fn cargo_test(text: &str) -> BTreeMap<String, String> {
    let pattern = r"^test (?<test>router::\S+) +\.\.\. (?<verdict>ok|FAILED|ignored)";
    let mut verdicts = verdicts(text, pattern);
    for verdict in verdicts.values_mut() {
        *verdict = match verdict.as_str() {
            "ok" => "pass".to_owned(),
            "failed" => "fail".to_owned(),
            other => other.to_owned(),
        };
    }
    verdicts
}

fn fwtest(text: &str) -> BTreeMap<String, String> {
    verdicts(text, r"^(?<verdict>PASS|FAIL|SKIP) \[[^]]*\] (?<test>router::\S+)$")
}

#[test]
fn the_same_tests_have_the_same_verdicts() {
    let project = project();
    let test = Ran::of(project.cargo("test --test web --no-fail-fast")).ended_with(101);
    assert_eq!(cargo_test(&test.stdout), expected("ignored"), "{}", test.stdout);

    let nextest = Ran::of(project.cargo("nextest run --no-fail-fast")).ended_with(100);
    let pattern = r"^ +(?<verdict>PASS|FAIL|LEAK|SIG\w+|TIMEOUT)( .*)? runners::web (?<test>\S+)$";
    assert_eq!(verdicts(&nextest.stderr, pattern), expected(""), "{}", nextest.stderr);
    // Nothing holds a test's output once it has ended: neither a launcher nor a guest.
    assert!(!nextest.stderr.contains("LEAK"), "{}", nextest.stderr);
    assert!(nextest.stderr.contains("2 passed, 2 failed, 2 skipped"), "{}", nextest.stderr);

    let own = Ran::of(project.fwtest("")).ended_with(100);
    assert_eq!(fwtest(&own.stdout), expected("skip"), "{}", own.stdout);
    assert!(own.stdout.contains("2 passed, 2 failed, 2 skipped in "), "{}", own.stdout);

    // One report, whoever runs the test; but each says how to see it again in its own words.
    let cargo_test = "cargo test -p runners -- --exact";
    for (runner, again) in [
        (&test.stdout, cargo_test),
        (&nextest.stderr, cargo_test),
        (&own.stdout, "cargo fwtest --exact"),
    ] {
        for line in [
            r#"expect!(fw.file("/etc/hostname")).content().trimmed() at tests/web.rs:11:5"#,
            "step `exec` at tests/page.fw.toml:9:1",
            "expected  /etc/hostname: \"switch\"",
            "expected  stdout of `hostname`: \"switch\"",
            "actual    \"router\"",
            &format!("reproduce {again} router::web::fails"),
            &format!("reproduce {again} router::tests::page::fails"),
        ] {
            assert!(runner.contains(line), "`{line}` is not in\n{runner}");
        }
    }
}

#[test]
fn the_same_tests_are_listed() {
    let project = project();
    let test = Ran::of(project.cargo("test --test web -- --list")).ended_with(0);
    let listed: Vec<&str> =
        test.stdout.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    assert_eq!(listed, ALL);
    let ignored = Ran::of(project.cargo("test --test web -- --list --ignored")).ended_with(0);
    assert_eq!(ignored.stdout.matches(": test").count(), 2, "{}", ignored.stdout);

    let nextest = Ran::of(project.cargo("nextest list --message-format oneline --run-ignored all"));
    let nextest = nextest.ended_with(0).stdout;
    let listed: Vec<&str> =
        nextest.lines().filter_map(|line| line.strip_prefix("runners::web ")).collect();
    assert_eq!(listed, ALL);

    let own = Ran::of(project.fwtest("--list --run-ignored all")).ended_with(0);
    let mut listed: Vec<&str> = own.stdout.lines().collect();
    listed.sort_unstable();
    assert_eq!(listed, ALL);
}

#[test]
fn tests_are_selected_alike() {
    let project = project();
    let check = |line: &str, own: &str, selected: &[&str]| {
        let test = Ran::of(project.cargo(&format!("test --test web -- {line}")));
        let ran = cargo_test(&test.stdout);
        let ran: Vec<_> = ran.iter().filter(|(_, verdict)| *verdict != "ignored").collect();
        let names: Vec<&str> = ran.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, selected, "{line}\n{}{}", test.stdout, test.stderr);
        let test = Ran::of(project.fwtest(own));
        let ran = fwtest(&test.stdout);
        let ran: Vec<_> = ran.iter().filter(|(_, verdict)| *verdict != "skip").collect();
        let names: Vec<&str> = ran.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, selected, "{own}\n{}{}", test.stdout, test.stderr);
    };
    check("web::passes", "web::passes", &["router::web::passes"]);
    let exact = "--exact router::tests::page::passes";
    check(exact, exact, &["router::tests::page::passes"]);
    check("page", "page", &["router::tests::page::fails", "router::tests::page::passes"]);
    let skip = "--skip fails";
    check(skip, skip, &["router::tests::page::passes", "router::web::passes"]);
    let ignored = ["router::tests::page::is_ignored", "router::web::is_ignored"];
    check("--ignored", "--run-ignored only", &ignored);
    check(
        "--include-ignored web",
        "--run-ignored all web",
        &["router::web::fails", "router::web::is_ignored", "router::web::passes"],
    );

    let filter = "nextest run --run-ignored all -E test(=router::web::is_ignored)";
    let nextest = Ran::of(project.cargo(filter)).ended_with(0);
    assert!(nextest.stderr.contains("1 test run: 1 passed"), "{}", nextest.stderr);
    assert!(!nextest.stderr.contains("LEAK"), "{}", nextest.stderr);
}

#[test]
fn a_project_without_cargo_has_its_suites() {
    let project = Project::without_package(&[("tests/page.fw.toml", SUITE)]);
    let own = Ran::of(project.fwtest("")).ended_with(100);
    let suites = expected("skip").into_iter().filter(|(name, _)| name.contains("::page::"));
    assert_eq!(fwtest(&own.stdout), suites.collect(), "{}", own.stdout);
}

/// A suite that cannot be read would be missing from the run: it is told before anything runs.
#[test]
fn a_broken_suite_is_told() {
    let files =
        [("tests/page.fw.toml", SUITE), ("bad.fw.toml", "[[test]]\nname = \"a\"\nstep = []\n")];
    let project = Project::without_package(&files);
    let ran = Ran::of(project.fwtest("passes")).ended_with(96);
    assert!(ran.stderr.contains("bad.fw.toml:3:1"), "{}", ran.stderr);
    assert!(ran.stderr.contains("did you mean `steps`?"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
}
