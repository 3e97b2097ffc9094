//! What a test can ask of an instance, on firmware that is booted for real.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod attempts;
mod changes;
mod console;
mod ending;
mod exec;
mod files;
mod groups;
mod isolation;
mod model;
mod network;
mod power;
mod rebuilt;
mod record;
mod two;

use std::time::{Duration, Instant};

use fwtest::instance::Instance;

fwtest::main!(config = tests::router_config());

/// How many user ids the guest has: one where its harness has no subordinate ids to give.
async fn ids(fw: &Instance) -> u32 {
    let map = fw.exec(["cat", "/proc/self/uid_map"]).await.unwrap();
    let lines = map.stdout();
    lines.lines().map(|line| line.split_whitespace().nth(2).unwrap().parse::<u32>().unwrap()).sum()
}

/// A command without the rights of the firmware's root: as somebody else, or, where the guest has no
/// other id, in a user namespace of its own, where it is root of nothing that matters.
async fn powerless<'a>(fw: &'a Instance, argv: &[&str]) -> fwtest::instance::Exec<'a> {
    match ids(fw).await {
        1 => fw.exec(["unshare", "-U"].iter().chain(argv).copied()),
        _ => fw.exec(argv.iter().copied()).user("nobody"),
    }
}

/// A shell command that must succeed: its standard output.
async fn shell(fw: &Instance, script: &str) -> String {
    let output = fw.exec(["sh", "-ec", script]).await.unwrap();
    output.success().unwrap_or_else(|error| panic!("{error}")).stdout().into_owned()
}

/// Looks every 5 ms, for at most 10 s, until something is so that no event tells of.
#[track_caller]
fn eventually<'a>(
    what: &'a str,
    mut is_so: impl FnMut() -> bool + 'a,
) -> impl Future<Output = ()> + 'a {
    let place = std::panic::Location::caller();
    async move {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < Duration::from_secs(10), "never {what}, at {place}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
