//! One row of the table, done and judged.

use std::fs;
use std::time::{Duration, Instant};

use fixtures::model::naughty::{Act, BOOT, Run, Sees, Tried, Where};
use fwtest::attempt::Attempt;
use fwtest::instance::{Instance, Output};
use fwtest::prelude::ExitStatus;

/// Why this row cannot be done here.
pub(crate) fn left_out(act: &Act, ids: u32) -> Option<String> {
    act.only.iter().find_map(|only| match *only {
        Where::File(path) => (!fs::exists(path).unwrap()).then(|| format!("there is no {path}")),
        Where::Since(major, minor) => {
            let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
            let mut numbers = release.split(['.', '-']).map(|part| part.parse::<u32>());
            let version = (numbers.next()?.unwrap(), numbers.next()?.unwrap());
            (version < (major, minor)).then(|| format!("the kernel is {}", release.trim_end()))
        }
        Where::X86_64 => (!cfg!(target_arch = "x86_64")).then(|| "not an x86-64".to_owned()),
        Where::ManyIds => (ids == 1).then(|| "the guest has one user id".to_owned()),
        Where::Leak => Some("no descriptor is leaked to it".to_owned()),
    })
}

/// The row's program and its arguments.
pub(crate) fn argv(act: &Act) -> Vec<&'static str> {
    match act.run {
        Run::Tempt(words) => ["tempt"].into_iter().chain(words.split(' ')).collect(),
        Run::Shell(line) => vec!["sh", "-c", line],
    }
}

/// What the program saw that the row does not have.
pub(crate) fn not_seen(act: &Act, output: &Output) -> Option<String> {
    let (stdout, stderr) = (output.stdout(), output.stderr());
    let success = output.status == ExitStatus::Code(0);
    let last = stdout.lines().last().unwrap_or_default();
    let as_said = match (act.run, act.sees) {
        (Run::Tempt(_), Sees::Success) => success && last.ends_with(": OK"),
        (Run::Tempt(_), Sees::Errno(names)) => {
            !success && names.iter().any(|name| last.ends_with(&format!(": errno {name}")))
        }
        (Run::Shell(_), Sees::Success) => success,
        (Run::Shell(_), Sees::Errno(names)) => {
            !success && names.iter().any(|name| stderr.contains(in_words(name)))
        }
    };
    (!as_said).then(|| {
        let sees = match act.sees {
            Sees::Success => "success".to_owned(),
            Sees::Errno(names) => names.join(" or "),
        };
        format!("sees {sees}: {}, {:?}", output.status, format!("{stdout}{stderr}"))
    })
}

/// strerror(3), for the programs that say so.
fn in_words(errno: &str) -> &'static str {
    match errno {
        "EPERM" => "Operation not permitted",
        "EBUSY" => "Device or resource busy",
        other => panic!("no row had {other} in words"),
    }
}

/// All attempts but the first ones.
pub(crate) fn since(fw: &Instance, first: usize) -> Vec<Attempt> {
    fw.attempts().iter().skip(first).cloned().collect()
}

/// An attempt in the words of the table.
pub(crate) fn told(attempt: &Attempt) -> String {
    format!("{} {}: {}", attempt.class(), attempt.act, attempt.verdict)
}

/// What was recorded that the row does not have, or the other way round.
pub(crate) fn not_recorded(act: &Act, recorded: &[Attempt]) -> Option<String> {
    let expected: Vec<_> = act.recorded.tried().iter().map(Tried::to_string).collect();
    let told: Vec<_> = recorded.iter().map(told).collect();
    if expected != told {
        return Some(format!("recorded as {expected:?}: {told:?}"));
    }
    let by_another = |attempt: &&Attempt| {
        let by = &attempt.by;
        let right = match act.run {
            Run::Tempt(_) => by.argv == argv(act),
            // The shell's own doing, or that of a program it has started.
            Run::Shell(_) => !by.argv.is_empty(),
        };
        !right || by.pid == 0
    };
    recorded.iter().find(by_another).map(|attempt| format!("recorded as done by {:?}", attempt.by))
}

/// Once all of the boot is over: how many user ids the guest has. That this is the firmware that may
/// be tried is seen to as well.
pub(crate) async fn ready(fw: &Instance) -> u32 {
    let checked = fw.exec(["tempt", "--check"]).await.unwrap();
    checked.success().expect("the sandbox holds, or nothing is tried");
    let deadline = Instant::now() + Duration::from_secs(5);
    // A daemon takes its time, and no event tells of it.
    while fw.attempts().len() < BOOT.len() {
        assert!(Instant::now() < deadline, "the boot tried less: {:?}", fw.attempts());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let map = fw.exec(["cat", "/proc/self/uid_map"]).await.unwrap();
    let lines = map.stdout();
    lines.lines().map(|line| line.split_whitespace().nth(2).unwrap().parse::<u32>().unwrap()).sum()
}
