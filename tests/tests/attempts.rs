//! Attempts in a project: strict firmwares, snapshots, kept files.

use tests::{Project, Ran};

/// Sets the clock back to 2001.
const SET: &str = "exec = { run = [\"sh\", \"-c\", \"date -s '2001-01-01 00:00:00'\"] }";

fn suite(steps: &str) -> String {
    format!("[[test]]\nname = \"clock\"\nsteps = [{steps}]\n")
}

/// What the test is told on a firmware with these keys, and the exit code.
fn run(keys: &str, steps: &str) -> Ran {
    let project = Project::without_package(&[("tests/a.fw.toml", &suite(steps))]);
    let config = project.read("fwtest.toml");
    project.write("fwtest.toml", &format!("{config}{keys}\n"));
    Ran::of(project.fwtest(""))
}

const STRICT: &str = "attempts = { unexpected = \"fail\" }";

#[test]
fn what_nobody_expects_fails_a_strict_firmware() {
    let failed = run(STRICT, &format!("{{ {SET} }}")).ended_with(100).stdout;
    let said = "the firmware attempted what nobody expects: `clock`\n  +";
    assert!(failed.contains(said), "{failed}");
    assert!(failed.contains("\nhint: ask for the class in the test"), "{failed}");
    for (keys, steps) in [
        // Not strict.
        ("", format!("{{ {SET} }}")),
        // Named in fwtest.toml.
        ("attempts = { clock = \"pretend\", unexpected = \"fail\" }", format!("{{ {SET} }}")),
        // Asked for by the test.
        (STRICT, format!("{{ {SET} }}, {{ attempts = {{ clock = 1 }} }}")),
        (STRICT, format!("{{ {SET} }}, {{ wait = {{ attempt = \"clock\" }} }}")),
        // Nothing was tried.
        (STRICT, "{ exec = { run = [\"true\"] } }, { attempts = { others = 0 } }".to_owned()),
    ] {
        let _ = run(keys, &steps).ended_with(0);
    }
}

#[test]
fn a_step_counts() {
    let steps = |count: &str| format!("{{ {SET} }}, {{ attempts = {{ {count} }} }}");
    let _ = run("", &steps("clock = 1, sysrq = 0, others = 0")).ended_with(0);
    let failed = run("", &steps("clock = 2")).ended_with(100).stdout;
    assert!(failed.contains("step `attempts` at tests/a.fw.toml:3:"), "{failed}");
    assert!(failed.contains("expected  2 attempts of `clock`\n  actual    +"), "{failed}");
    let failed = run("", &steps("others = 0")).ended_with(100).stdout;
    assert!(failed.contains("expected  no attempt\n  actual    +"), "{failed}");
}

#[test]
fn a_snapshot_and_kept_files_have_attempts() {
    let steps = format!("{{ {SET} }}, {{ {SET} }}, {{ snapshot = \"clock\" }}");
    let project = Project::without_package(&[("tests/a.fw.toml", &suite(&steps))]);
    let mut command = project.fwtest("--accept --keep all");
    // Nothing is built, so that the project can have a target directory of its own.
    command.env_remove("CARGO_TARGET_DIR");
    let _ = Ran::of(command).ended_with(0);
    let snapshot = project.read("tests/snapshots/a.clock.clock@router.snap");
    let end = "\nattempts\n! clock: set the time, pretended, by date\n";
    assert!(snapshot.ends_with(end), "{snapshot}");
    let _ = Ran::of(project.fwtest("")).ended_with(0);

    let kept = project.read("target/fwtest/router.tests.a.clock/attempts.txt");
    let is_set = |line: &str| line.contains("s clock: set the time (2001-01-01 00:00:00, -");
    assert_eq!(kept.lines().filter(|line| is_set(line)).count(), 2, "{kept}");

    let config = project.read("fwtest.toml");
    let ignore = "[snapshot]\nignore-attempts = [\"clock\"]\n";
    project.write("fwtest.toml", &format!("{config}{ignore}"));
    let _ = Ran::of(project.fwtest("--accept")).ended_with(0);
    let without = project.read("tests/snapshots/a.clock.clock@router.snap");
    assert_eq!(without, snapshot.strip_suffix(&end[1..]).expect("see above"));
}

/// Everything that the router tries when it goes down, from its script and from its init.
#[test]
fn a_shutdown_has_the_same_text_each_time() {
    let test = |number: u32| {
        format!(
            "[[test]]\nname = \"t{number:02}\"\nsteps = [{{ stop = {{}} }}, {{ snapshot = \"s\" }}]\n"
        )
    };
    let suite: String = (0..20).map(test).collect();
    let project = Project::without_package(&[("many.fw.toml", &suite)]);
    let _ = Ran::of(project.fwtest("-j 8 --accept")).ended_with(0);
    let read = |number: u32| project.read(&format!("snapshots/many.t{number:02}.s@router.snap"));
    let first = read(0);
    for number in 1..20 {
        assert_eq!(read(number), first, "{number}");
    }
    let (_, section) = first.split_once("\nattempts\n").unwrap_or_else(|| panic!("{first}"));
    assert_eq!(
        section,
        "! sysrq: write \"u\\n\", pretended, by /etc/init.d/rcK\n\
         ! reboot: power off, emulated, by init\n\
         ! kernel-log: console on, pretended, by klogd\n"
    );
}
