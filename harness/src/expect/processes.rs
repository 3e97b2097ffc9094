//! Checks of the guest's processes.
//!
//! A zombie has a name, yet nothing runs: it does not count. And since an instance has at least
//! its init, an empty list means that nobody looked.

use super::nearest::nearest;
use super::{Mismatch, Subject};
use crate::instance::{Process, Processes};

/// So that a failure stays on one screen.
const LISTED: usize = 12;

/// The living processes of one name, and all others for the failure. Made by
/// [`Subject::named`].
#[derive(Clone, Debug)]
pub struct Selection {
    name: String,
    all: Processes,
}

/// `count` living processes go by `name`: [`Process::is_named`].
///
/// # Errors
/// When more or fewer do, no process at all was seen, or the name is empty.
pub fn check_count(processes: &Processes, name: &str, count: usize) -> Result<(), Mismatch> {
    let wanted = match count {
        0 => format!("no process named `{name}`"),
        1 => format!("1 process named `{name}`"),
        _ => format!("{count} processes named `{name}`"),
    };
    let found = living(processes, name, &wanted)?;
    if found.len() == count { Ok(()) } else { Err(mismatch(processes, name, wanted, &found)) }
}

/// A living process goes by `name`.
///
/// # Errors
/// When none does, no process at all was seen, or the name is empty.
pub fn check_running(processes: &Processes, name: &str) -> Result<(), Mismatch> {
    let wanted = format!("a process named `{name}`");
    let found = living(processes, name, &wanted)?;
    if found.is_empty() { Err(mismatch(processes, name, wanted, &found)) } else { Ok(()) }
}

/// Living processes go by `name`, and all of them have the effective user `uid`.
///
/// # Errors
/// When one has another, no process goes by that name, none at all was seen, or the name is empty.
pub fn check_owned_by(processes: &Processes, name: &str, uid: u32) -> Result<(), Mismatch> {
    let wanted = format!("each process named `{name}` with uid {uid}");
    let found = living(processes, name, &wanted)?;
    if found.is_empty() {
        return Err(mismatch(processes, name, wanted, &found));
    }
    if found.iter().all(|process| process.uid == uid) {
        return Ok(());
    }
    let uids = found.iter().map(|process| format!("{} with uid {}", title(process), process.uid));
    Err(Mismatch::new(wanted, listed(uids)))
}

fn living<'a>(
    processes: &'a Processes,
    name: &str,
    wanted: &str,
) -> Result<Vec<&'a Process>, Mismatch> {
    if name.is_empty() {
        return Err(Mismatch::not_evaluated(wanted, "the name is empty"));
    }
    if processes.0.is_empty() {
        return Err(Mismatch::not_evaluated(wanted, "no process was seen, not even init"));
    }
    let living = processes.0.iter().filter(|process| !is_dead(process));
    Ok(living.filter(|process| process.is_named(name)).collect())
}

/// Zombie, or about to go: proc_pid_stat(5).
fn is_dead(process: &Process) -> bool {
    matches!(process.state, 'Z' | 'X' | 'x')
}

fn mismatch(processes: &Processes, name: &str, wanted: String, found: &[&Process]) -> Mismatch {
    if !found.is_empty() {
        return Mismatch::new(wanted, listed(found.iter().map(|process| title(process))));
    }
    let (dead, living): (Vec<_>, Vec<_>) = processes.0.iter().partition(|process| is_dead(process));
    let actual = format!("none; running: {}", listed(living.iter().map(|process| title(process))));
    let ended = dead.iter().find(|process| process.is_named(name));
    let ended = ended.map(|process| format!("{}, a zombie", title(process)));
    let near = || nearest(name, living.iter().flat_map(|process| names(process)));
    Mismatch::new(wanted, actual).with_nearest(ended.or_else(near))
}

/// What [`Process::is_named`] goes by, each with how the failure says it.
fn names(process: &Process) -> impl Iterator<Item = (&str, String)> {
    let comm = (process.comm.as_str(), title(process));
    let script = process.argv.get(1).filter(|script| script.starts_with('/'));
    let paths = process.argv.first().into_iter().chain(script);
    let bases = paths.filter_map(|path| path.trim_start_matches('-').rsplit('/').next());
    [comm].into_iter().chain(bases.map(|name| (name, format!("{name}, as {}", title(process)))))
}

fn title(process: &Process) -> String {
    format!("{}({})", process.comm.escape_debug(), process.pid)
}

fn listed(entries: impl ExactSizeIterator<Item = String>) -> String {
    let more = entries.len().saturating_sub(LISTED);
    let mut list = entries.take(LISTED).collect::<Vec<_>>().join(", ");
    if more > 0 {
        list.push_str(&format!(" and {more} more"));
    }
    list
}

impl Subject<Processes> {
    /// The processes that go by `name`, to look at from here on: the last component of `argv[0]`,
    /// the kernel's name of it, or for a shell script the script's.
    ///
    /// ```no_run
    /// # use fwtest::{expect, instance::Processes};
    /// # fn test(processes: Processes) {
    /// expect!(processes).named("httpd").count(1).owned_by(33);
    /// # }
    /// ```
    #[must_use = "without a matcher nothing is checked"]
    pub fn named(self, name: impl Into<String>) -> Subject<Selection> {
        let name = name.into();
        self.part(&format!(".named({name:?})"), |all| Ok(Selection { name, all }))
    }
}

/// Zombies do not count.
impl Subject<Selection> {
    /// Is there one at least?
    pub fn exists(self) -> Self {
        self.holds(|of| check_running(&of.all, &of.name))
    }

    /// Is there none?
    pub fn absent(self) -> Self {
        self.count(0)
    }

    /// Are there that many?
    pub fn count(self, count: usize) -> Self {
        self.holds(|of| check_count(&of.all, &of.name, count))
    }

    /// Is `uid` the effective user of each? Fails where there are none.
    pub fn owned_by(self, uid: u32) -> Self {
        self.holds(|of| check_owned_by(&of.all, &of.name, uid))
    }
}

#[cfg(test)]
mod tests {
    use crate::expect;
    use crate::expect::report;
    use crate::instance::{Process, Processes};

    fn process(pid: i32, argv: &[&str], uid: u32, state: char) -> Process {
        let argv: Vec<String> = argv.iter().map(|&argument| argument.to_owned()).collect();
        let comm = argv[0].rsplit('/').next().unwrap_or_default().to_owned();
        Process { pid, parent: 1, comm, argv, uid, state }
    }

    fn seen() -> Processes {
        Processes(vec![
            process(1, &["init"], 0, 'S'),
            process(88, &["/sbin/syslogd", "-n"], 0, 'S'),
            process(143, &["/usr/sbin/uhttpd", "-f"], 33, 'S'),
            process(144, &["/usr/sbin/uhttpd", "-f"], 0, 'R'),
            process(151, &["dnsmasq"], 65534, 'Z'),
            process(160, &["/bin/sh", "/usr/sbin/wifi-watch"], 0, 'S'),
        ])
    }

    #[test]
    fn what_holds_passes() {
        expect!(seen()).named("uhttpd").count(2).exists();
        expect!(seen()).named("syslogd").count(1).owned_by(0);
        expect!(seen()).named("wifi-watch").count(1);
        expect!(seen()).named("httpd").absent().count(0);
    }

    #[test]
    fn what_does_not_hold_fails() {
        insta::assert_snapshot!(report::of(|| expect!(seen()).named("httpd").exists()), @r#"
        expect!(seen()).named("httpd") at tests/web.rs:9:5
          expected  a process named `httpd`
          actual    none; running: init(1), syslogd(88), uhttpd(143), uhttpd(144), sh(160)
          nearest   uhttpd(143)
        "#);
        insta::assert_snapshot!(report::of(|| expect!(seen()).named("wifi-wach").count(1)), @r#"
        expect!(seen()).named("wifi-wach") at tests/web.rs:9:5
          expected  1 process named `wifi-wach`
          actual    none; running: init(1), syslogd(88), uhttpd(143), uhttpd(144), sh(160)
          nearest   wifi-watch, as sh(160)
        "#);
        insta::assert_snapshot!(report::of(|| expect!(seen()).named("uhttpd").count(1)), @r#"
        expect!(seen()).named("uhttpd") at tests/web.rs:9:5
          expected  1 process named `uhttpd`
          actual    uhttpd(143), uhttpd(144)
        "#);
        insta::assert_snapshot!(report::of(|| expect!(seen()).named("uhttpd").absent()), @r#"
        expect!(seen()).named("uhttpd") at tests/web.rs:9:5
          expected  no process named `uhttpd`
          actual    uhttpd(143), uhttpd(144)
        "#);
        insta::assert_snapshot!(report::of(|| expect!(seen()).named("uhttpd").owned_by(33)), @r#"
        expect!(seen()).named("uhttpd") at tests/web.rs:9:5
          expected  each process named `uhttpd` with uid 33
          actual    uhttpd(143) with uid 33, uhttpd(144) with uid 0
        "#);
    }

    #[test]
    fn the_owner_of_nothing_fails() {
        insta::assert_snapshot!(report::of(|| expect!(seen()).named("telnetd").owned_by(0)), @r#"
        expect!(seen()).named("telnetd") at tests/web.rs:9:5
          expected  each process named `telnetd` with uid 0
          actual    none; running: init(1), syslogd(88), uhttpd(143), uhttpd(144), sh(160)
        "#);
    }

    #[test]
    fn a_zombie_does_not_run() {
        expect!(seen()).named("dnsmasq").absent();
        insta::assert_snapshot!(report::of(|| expect!(seen()).named("dnsmasq").exists()), @r#"
        expect!(seen()).named("dnsmasq") at tests/web.rs:9:5
          expected  a process named `dnsmasq`
          actual    none; running: init(1), syslogd(88), uhttpd(143), uhttpd(144), sh(160)
          nearest   dnsmasq(151), a zombie
        "#);
    }

    #[test]
    fn what_nobody_saw_fails() {
        let none = Processes::default;
        insta::assert_snapshot!(report::of(|| expect!(none()).named("httpd").absent()), @r#"
        expect!(none()).named("httpd") at tests/web.rs:9:5
          expected  no process named `httpd`
          actual    not evaluated: no process was seen, not even init
        "#);
        insta::assert_snapshot!(report::of(|| expect!(none()).named("httpd").exists()), @r#"
        expect!(none()).named("httpd") at tests/web.rs:9:5
          expected  a process named `httpd`
          actual    not evaluated: no process was seen, not even init
        "#);
        insta::assert_snapshot!(report::of(|| expect!(none()).named("httpd").owned_by(0)), @r#"
        expect!(none()).named("httpd") at tests/web.rs:9:5
          expected  each process named `httpd` with uid 0
          actual    not evaluated: no process was seen, not even init
        "#);
        insta::assert_snapshot!(report::of(|| expect!(seen()).named("").absent()), @r#"
        expect!(seen()).named("") at tests/web.rs:9:5
          expected  no process named ``
          actual    not evaluated: the name is empty
        "#);
    }

    #[test]
    fn a_long_list_is_cut() {
        let many = (1..40).map(|pid| process(pid, &["worker"], 0, 'S')).collect();
        insta::assert_snapshot!(report::of(|| expect!(Processes(many)).named("worker").count(2)), @r#"
        expect!(Processes(many)).named("worker") at tests/web.rs:9:5
          expected  2 processes named `worker`
          actual    worker(1), worker(2), worker(3), worker(4), worker(5), worker(6), worker(7), worker(8), worker(9), worker(10), worker(11), worker(12) and 27 more
        "#);
    }
}
