//! A look at the host: all that a run could leave there.
//!
//! It asks the kernel and nobody else. Other programs run beside the tests, other runs of fwtest
//! too; so where things have a maker they are told by the *mark*, a word that no other program
//! has: our run's processes have it in their environment or their arguments, the firmware's have it
//! there as well, and the firmware names files by it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::groups::Group;
use crate::process;

/// The environment variable that holds the mark.
pub const MARK: &str = "FWTEST_RUN_MARK";

/// What there is. Two looks are equal when nothing has been left in between.
#[derive(Debug, PartialEq)]
pub struct Host {
    /// Processes with the mark, zombies among them.
    processes: Vec<String>,
    machine: Machine,
    /// Control groups below that of the test.
    groups: Vec<PathBuf>,
    /// Network interfaces.
    links: Vec<PathBuf>,
    /// What is in the run's own temporary directory.
    temporary: Vec<PathBuf>,
    /// Names with the mark where a guest without a root of its own would have written them.
    named: Vec<PathBuf>,
    /// System V shared memory, semaphores and message queues: keys and ids.
    ipc: Vec<String>,
}

/// What a firmware would change that reached past its sandbox, with or without a trace of who it
/// was.
#[derive(Debug, PartialEq)]
pub struct Machine {
    /// The mounts of our own mount namespace, which is the host's.
    mounts: Vec<String>,
    sysctls: BTreeMap<PathBuf, Vec<u8>>,
    clock: ClockOffset,
    /// Areas of swap, another kernel, formats of binaries: names, without what changes by itself.
    tables: BTreeMap<&'static str, Vec<String>>,
}

/// CLOCK_REALTIME less CLOCK_BOOTTIME: only setting the clock changes it.
#[derive(Clone, Copy, Debug)]
struct ClockOffset(f64);

impl PartialEq for ClockOffset {
    /// NTP moves one of the clocks by up to 0.5 ms a second; a firmware that sets the time does not do
    /// so by less than a second.
    fn eq(&self, other: &Self) -> bool {
        (self.0 - other.0).abs() < 0.5
    }
}

impl Host {
    /// Looks for what belongs to `mark`, and for what has no mark: a run whose TMPDIR is `temporary`
    /// is the only one that may write there, and one that was started in `group` makes its groups in it.
    pub fn look(mark: &str, temporary: &Path, group: Option<&Group>) -> Self {
        Self {
            processes: processes(mark),
            machine: Machine::look(),
            groups: group.map(Group::below).unwrap_or_default(),
            links: names(Path::new("/sys/class/net")),
            temporary: names(temporary),
            named: named(mark),
            ipc: ipc(),
        }
    }

    /// Processes with the mark.
    pub fn processes(&self) -> &[String] {
        &self.processes
    }

    /// The control groups, which are then left out of comparisons.
    pub fn take_groups(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.groups)
    }

    /// What has a name: in the temporary directory, or with the mark.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.temporary.iter().chain(&self.named)
    }
}

impl Machine {
    /// Looks at it as it is now.
    #[must_use]
    pub fn look() -> Self {
        Self { mounts: mounts(), sysctls: sysctls(), clock: clock(), tables: tables() }
    }

    /// Looks again.
    ///
    /// # Panics
    /// When it is another one now: by `what`, with what differs.
    #[track_caller]
    pub fn assert_same_after(&self, what: impl std::fmt::Display) {
        let now = Self::look();
        assert!(
            self.mounts == now.mounts && self.tables == now.tables,
            "the machine was reached by `{what}`:\n{:?}\n{:?}\nwas\n{:?}\n{:?}",
            now.mounts,
            now.tables,
            self.mounts,
            self.tables,
        );
        for (name, value) in &self.sysctls {
            let now = now.sysctls.get(name);
            assert_eq!(now, Some(value), "{} was reached by `{what}`", name.display());
        }
        assert_eq!(now.clock, self.clock, "the machine's clock was reached by `{what}`");
    }
}

/// Threads of ours have it in no other way than their process, so processes will do.
fn processes(mark: &str) -> Vec<String> {
    let holds = |path: PathBuf| {
        // Of another user's processes an ordinary user may read the arguments alone.
        let bytes = fs::read(path).unwrap_or_default();
        bytes.windows(mark.len()).any(|window| window == mark.as_bytes())
    };
    let ours = std::process::id();
    let pids = names(Path::new("/proc")).into_iter().filter(|directory| {
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        name.parse::<u32>().is_ok_and(|pid| pid != ours)
    });
    pids.filter(|directory| holds(directory.join("environ")) || holds(directory.join("cmdline")))
        .filter_map(|directory| directory.file_name()?.to_str()?.parse().ok())
        .map(process::describe)
        .collect()
}

/// proc_pid_mountinfo(5), whole: nothing of a run is mounted there, not even for a moment.
fn mounts() -> Vec<String> {
    let text = fs::read_to_string("/proc/self/mountinfo").expect("the kernel has procfs");
    text.lines().map(str::to_owned).collect()
}

fn named(mark: &str) -> Vec<PathBuf> {
    let places = ["/", "/dev", "/dev/shm", "/dev/mqueue", "/tmp", "/var/tmp", "/run", "/var/run"];
    let all = places.iter().flat_map(|place| names(Path::new(place)));
    let of_ours =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().contains(mark));
    all.filter(of_ours).collect()
}

/// Key and id of each, without sizes and times, which living programs change.
fn ipc() -> Vec<String> {
    let mut found = Vec::new();
    for kind in ["shm", "sem", "msg"] {
        let text = fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
        found.extend(text.lines().skip(1).map(|line| {
            let words: Vec<_> = line.split_whitespace().take(2).collect();
            format!("{kind} {}", words.join(" "))
        }));
    }
    found
}

/// What early user space sets, as far as we may read it.
fn sysctls() -> BTreeMap<PathBuf, Vec<u8>> {
    let names = [
        "kernel/core_pattern",
        "kernel/core_uses_pid",
        "kernel/ctrl-alt-del",
        "kernel/dmesg_restrict",
        "kernel/domainname",
        "kernel/hostname",
        "kernel/kptr_restrict",
        "kernel/modprobe",
        "kernel/msgmax",
        "kernel/panic",
        "kernel/panic_on_oops",
        "kernel/pid_max",
        "kernel/poweroff_cmd",
        "kernel/printk",
        "kernel/randomize_va_space",
        "kernel/sem",
        "kernel/shmall",
        "kernel/shmmax",
        "kernel/sysrq",
        "kernel/threads-max",
        "net/ipv4/ip_forward",
        "vm/overcommit_memory",
        "vm/panic_on_oom",
        "vm/swappiness",
    ];
    let paths = names.iter().map(|name| Path::new("/proc/sys").join(name));
    paths.filter_map(|path| Some((path.clone(), fs::read(path).ok()?))).collect()
}

/// The first word of each line of a table, or each name in a directory. Modules are not among them:
/// the kernel loads its own whenever anybody asks for what they do.
fn tables() -> BTreeMap<&'static str, Vec<String>> {
    let first_words = |path: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let words = text.lines().filter_map(|line| line.split_whitespace().next());
        let mut words: Vec<_> = words.map(str::to_owned).collect();
        words.sort();
        words
    };
    let listed =
        |path: &str| names(Path::new(path)).iter().map(|path| path.display().to_string()).collect();
    [
        ("swaps", first_words("/proc/swaps")),
        ("kexec", first_words("/sys/kernel/kexec_loaded")),
        ("formats", listed("/proc/sys/fs/binfmt_misc")),
    ]
    .into()
}

fn clock() -> ClockOffset {
    use rustix::time::{ClockId, clock_gettime};
    let seconds = |clock| {
        let time = clock_gettime(clock);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    // Somebody else may have the processor in between, on a slow machine for seconds.
    let looks = (0..100).map(|_| {
        let before = seconds(ClockId::Boottime);
        let time = seconds(ClockId::Realtime);
        (seconds(ClockId::Boottime) - before, time - before)
    });
    let narrow = |look: &(f64, f64)| look.0 < 0.01;
    let (_, offset) = looks.into_iter().find(narrow).expect("a clock can be read in 10 ms");
    ClockOffset(offset)
}

/// The paths in a directory, sorted; none when there is no such directory.
fn names(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}
