//! Whether the host is as it was: a firmware that got past its sandbox would show here.

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// What a firmware would set that believes to be alone: proc_sys_kernel(5), proc_sys_vm(5).
const PARAMETERS: &[&str] = &[
    "kernel/core_pattern",
    "kernel/ctrl-alt-del",
    "kernel/dmesg_restrict",
    "kernel/domainname",
    "kernel/hostname",
    "kernel/kptr_restrict",
    "kernel/modprobe",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/poweroff_cmd",
    "kernel/printk",
    "kernel/randomize_va_space",
    "kernel/sysrq",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "vm/swappiness",
];

/// By how much a clock may be off that was not set: what NTP slews in that time (adjtimex(2) goes to
/// 500 parts in a million), and what two readings are apart.
const SLACK: Duration = Duration::from_millis(50);
const SLEW: u32 = 1000;

/// The host, as far as it is looked at. Not what others change all the time: mounts, devices, links.
#[derive(Clone, Debug, PartialEq)]
struct Host {
    at: Instant,
    /// Nanoseconds from the boot to now, less those from 1970: moves only when the clock is set.
    clock: i128,
    parameters: Vec<Option<String>>,
}

static BEFORE: Mutex<Option<Host>> = Mutex::new(None);

/// Takes the host for what it ought to be. Only the first call does.
pub(super) fn remember() {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(look);
}

/// What is not as it was at the last look, a line each. From now on that is how it ought to be, so
/// that one accident is not told of every test after it.
pub(super) fn changes() -> Vec<String> {
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    let now = look();
    before.replace(now.clone()).map(|before| differences(&before, &now)).unwrap_or_default()
}

/// How far apart the clock and the time since the boot are, by readings that nothing came between.
fn clock() -> i128 {
    let nanoseconds = |clock| {
        let time = clock_gettime(clock);
        i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
    };
    let reading = |_| {
        let before = nanoseconds(ClockId::Boottime);
        let clock = nanoseconds(ClockId::Realtime);
        (nanoseconds(ClockId::Boottime) - before, clock - before)
    };
    // On a busy machine another process may come in between, and take its time.
    let quickest = (0..8).map(reading).min();
    quickest.map_or(0, |(_, clock)| clock)
}

fn look() -> Host {
    let value = |name: &&str| fs::read_to_string(format!("/proc/sys/{name}")).ok();
    Host { at: Instant::now(), clock: clock(), parameters: PARAMETERS.iter().map(value).collect() }
}

fn differences(before: &Host, now: &Host) -> Vec<String> {
    let mut lines = Vec::new();
    let allowed = SLACK + now.at.saturating_duration_since(before.at) / SLEW;
    let moved = now.clock - before.clock;
    if moved.unsigned_abs() > allowed.as_nanos() {
        let seconds = moved as f64 / 1e9;
        lines.push(format!("the clock was set, by {seconds:+.3} s"));
    }
    for ((name, before), now) in PARAMETERS.iter().zip(&before.parameters).zip(&now.parameters) {
        if before != now {
            let shown = |value: &Option<String>| match value {
                Some(value) => format!("`{}`", value.trim_end().escape_debug()),
                None => "unreadable".to_owned(),
            };
            lines.push(format!("/proc/sys/{name} was {}, is {}", shown(before), shown(now)));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_set_is_a_difference() {
        let host = |seconds: u64, clock: i128, panic: &str| Host {
            at: look().at + Duration::from_secs(seconds),
            clock,
            parameters: PARAMETERS
                .iter()
                .map(|name| (*name == "kernel/panic").then(|| format!("{panic}\n")))
                .collect(),
        };
        let before = host(0, 0, "0");
        let check = |now: Host, expected: &[&str]| {
            assert_eq!(differences(&before, &now), expected);
        };
        check(host(1, 0, "0"), &[]);
        check(host(1, 40_000_000, "0"), &[]);
        check(host(100, -120_000_000, "0"), &[]); // slewed
        check(host(1, 500_000_000, "0"), &["the clock was set, by +0.500 s"]);
        check(host(1, -788_918_400_000_000_000, "0"), &["the clock was set, by -788918400.000 s"]);
        check(host(1, 0, "5"), &["/proc/sys/kernel/panic was `0`, is `5`"]);
    }

    #[test]
    fn this_host_stays_as_it_is() {
        remember();
        assert_eq!(changes(), [""; 0]);
    }
}
