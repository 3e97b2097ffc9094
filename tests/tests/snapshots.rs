//! Snapshots: the same bytes each time, and reviewed with `cargo insta`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use tests::{Project, Ran};

/// What a command does: something of each kind.
const SCRIPT: &str = "cd /etc; rm shells; mv issue motd; chmod 600 profile; mkdir -p new/deep; \
    seq 1 40 >new/deep/numbers; head -c 3000 /dev/zero >new/zeros; ln -s deep new/link; \
    rm -r /var/www/admin; mkdir /var/www/admin; mkfifo new/fifo";

/// All that the router does on its own, what a request changes, and what a command does.
fn steps(snapshot: &str) -> String {
    format!(
        r#"[
  {{ wait = {{ file = "/var/log/messages" }} }},
  {{ http = {{ url = "http://router/cgi-bin/set?location=attic" }} }},
  {{ exec = {{ run = ["sh", "-c", "{SCRIPT}"] }} }},
  {{ snapshot = "{snapshot}" }},
]
"#
    )
}

/// The snapshots in a directory, by name: what stands below the header.
fn snapshots(directory: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(directory).expect("there are snapshots");
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("text");
        let (_, content) = text.split_once("\n---\n").expect("a header");
        (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), content.to_owned())
    };
    entries.map(read).collect()
}

#[test]
fn fifty_runs_give_the_same_bytes() {
    let mut suite = String::new();
    for number in 0..50 {
        suite.push_str(&format!("[[test]]\nname = \"t{number:02}\"\nsteps = {}\n", steps("s")));
    }
    let project = Project::without_package(&[("many.fw.toml", &suite)]);
    let _ = Ran::of(project.fwtest("-j 8 --accept")).ended_with(0);
    let taken = snapshots(&project.path("snapshots"));
    assert_eq!(taken.len(), 50);
    let first = &taken["many.t00.s@router.snap"];
    for (name, content) in &taken {
        assert_eq!(content, first, "{name}");
    }
    // One at a time, and without writing anything, they are the same again.
    let mut command = project.fwtest("-j 1");
    command.env("INSTA_UPDATE", "no");
    let again = Ran::of(command).ended_with(0);
    assert!(again.stdout.contains("50 passed, 0 failed, 0 skipped"), "{}", again.stdout);
    assert_eq!(snapshots(&project.path("snapshots")), taken);

    for (sign, path) in [
        ('~', "/etc/config/system"),
        ('+', "/etc/motd"),
        ('+', "/etc/new/fifo"),
        ('~', "/etc/profile"),
        ('-', "/etc/shells"),
        ('-', "/var/www/admin/index.html"),
    ] {
        let shown = first.lines().any(|line| line.starts_with(sign) && line.ends_with(path));
        assert!(shown, "`{sign} {path}` is not in\n{first}");
    }
    for noise in ["random-seed", "messages"] {
        let line = first.lines().find(|line| line.contains(noise)).expect("it is a change");
        assert!(line.contains('['), "its content is hidden behind a name: {line}");
    }
}

const RUST: &str = r#"use fwtest::prelude::*;

#[fwtest::test]
async fn writes(fw: &mut Instance) -> Result<()> {
    fw.wait(file("/var/log/messages")).await?;
    fw.exec(["sh", "-c", "echo WORD >/etc/motd"]).await?.success()?;
    assert_rootfs_snapshot!(fw);
    Ok(())
}

fwtest::main!(suites);
"#;

const SUITE: &str = r#"[[test]]
name = "writes"
steps = [
  { wait = { file = "/var/log/messages" } },
  { exec = { run = ["sh", "-c", "echo WORD >/etc/motd"] } },
  { snapshot = "after" },
]
"#;

const RUST_SNAPSHOT: &str = "tests/snapshots/web.writes.rootfs@router.snap";
const SUITE_SNAPSHOT: &str = "tests/snapshots/page.writes.after@router.snap";

fn insta(project: &Project, line: &str) -> Ran {
    let missing =
        "cargo-insta is missing: `cargo install cargo-insta` installs it, as ci/setup does";
    let has_it = Command::new("cargo-insta").arg("--version").output();
    assert!(has_it.is_ok_and(|output| output.status.success()), "{missing}");
    Ran::of(project.cargo(&format!("insta {line}"))).ended_with(0)
}

/// As a reviewer goes about it, for a Rust test and a suite alike, under each runner.
#[test]
fn snapshots_are_reviewed_with_cargo_insta() {
    let (first, second) = (RUST.replace("WORD", "hello"), SUITE.replace("WORD", "hello"));
    let files = [("tests/web.rs", &*first), ("tests/page.fw.toml", &*second)];
    let project = Project::with_package("snapshots", &files);
    let run = |line: &str| {
        let mut command = if line.is_empty() { project.fwtest("") } else { project.cargo(line) };
        command.env("INSTA_UPDATE", "new");
        Ran::of(command)
    };
    let exists = |path: &str| fs::exists(project.path(path)).expect("one can look");
    let pending = || {
        let listed = insta(&project, "pending-snapshots");
        let listed = listed.stdout + &listed.stderr;
        [RUST_SNAPSHOT, SUITE_SNAPSHOT].map(|path| listed.contains(path))
    };

    // There is none yet: that fails, and what would be accepted is beside the tests.
    let ran = run("").ended_with(100);
    for path in [RUST_SNAPSHOT, SUITE_SNAPSHOT] {
        assert!(ran.stdout.contains("an accepted snapshot in "), "{}", ran.stdout);
        assert!(!exists(path) && exists(&format!("{path}.new")), "{path}");
    }
    assert_eq!(pending(), [true, true]);
    insta(&project, "accept");
    assert_eq!(pending(), [false, false]);
    let accepted = project.read(RUST_SNAPSHOT);
    assert!(accepted.contains(" /etc/motd\n    +hello\n"), "{accepted}");
    let of_suite = project.read(SUITE_SNAPSHOT);
    assert!(of_suite.contains("input_file: tests/page.fw.toml"), "{of_suite}");
    let body = |text: &str| text.split_once("\n---\n").expect("a header").1.to_owned();
    assert_eq!(body(&accepted), body(&of_suite));
    let _ = run("").ended_with(0);
    let _ = run("test --test web").ended_with(0);
    let _ = run("nextest run").ended_with(0);
    assert!(!exists(&format!("{RUST_SNAPSHOT}.new")) && !exists(&format!("{SUITE_SNAPSHOT}.new")));

    // The suite changes, and says how; what was accepted stays until somebody accepts another.
    project.write("tests/page.fw.toml", &SUITE.replace("WORD", "good day"));
    for line in ["", "test --test web", "nextest run --no-fail-fast"] {
        let ran = run(line);
        assert!(matches!(ran.code, Some(100 | 101)), "{ran:?}");
        let report = ran.stdout + &ran.stderr;
        for line in [
            "step `snapshot` at tests/page.fw.toml:6:1",
            &format!("snapshots/{}", SUITE_SNAPSHOT.rsplit('/').next().expect("a name")),
            "- accepted, + now",
            "-    +hello",
            "+    +good day",
        ] {
            assert!(report.contains(line), "`{line}` is not in\n{report}");
        }
        assert_eq!(project.read(SUITE_SNAPSHOT), of_suite);
        assert_eq!(pending(), [false, true]);
    }
    insta(&project, "reject");
    assert_eq!(pending(), [false, false]);
    let _ = run("").ended_with(100);
    insta(&project, "accept");
    assert!(project.read(SUITE_SNAPSHOT).contains("good day"));
    let _ = run("").ended_with(0);

    // The same for the Rust test.
    project.write("tests/web.rs", &RUST.replace("WORD", "good day"));
    let ran = run("test --test web").ended_with(101);
    assert!(ran.stdout.contains(r#"assert_rootfs_snapshot!("rootfs") at tests/web.rs:7:5"#));
    assert!(ran.stdout.contains("+    +good day"), "{}", ran.stdout);
    assert_eq!(pending(), [true, false]);
    insta(&project, "accept");
    let _ = run("nextest run").ended_with(0);
    assert_eq!(body(&project.read(RUST_SNAPSHOT)), body(&project.read(SUITE_SNAPSHOT)));
}

/// `--accept` is the same in one go.
#[test]
fn snapshots_are_accepted_at_once() {
    let suite = SUITE.replace("WORD", "hello");
    let project = Project::without_package(&[("tests/page.fw.toml", &suite)]);
    let missing = Ran::of(project.fwtest("")).ended_with(100);
    assert!(missing.stdout.contains(" /etc/motd\n"), "{}", missing.stdout);
    let _ = Ran::of(project.fwtest("--accept")).ended_with(0);
    let accepted = project.read(SUITE_SNAPSHOT);
    assert!(accepted.contains("\ninput_file: tests/page.fw.toml\n"), "{accepted}");
    let mut strict = project.fwtest("");
    strict.env("INSTA_UPDATE", "no");
    let _ = Ran::of(strict).ended_with(0);

    let changed = project.read(SUITE_SNAPSHOT).replace("hello", "good night");
    project.write(SUITE_SNAPSHOT, &changed);
    let mut strict = project.fwtest("");
    strict.env("INSTA_UPDATE", "no");
    let ran = Ran::of(strict).ended_with(100);
    assert!(ran.stdout.contains("-    +good night"), "{}", ran.stdout);
    assert_eq!(project.read(SUITE_SNAPSHOT), changed);
    assert!(!fs::exists(project.path(&format!("{SUITE_SNAPSHOT}.new"))).expect("one can look"));
}
