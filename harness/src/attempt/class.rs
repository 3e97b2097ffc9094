//! The kinds of attempts, one row each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Answer;
use crate::value::ValueError;

/// A kind of thing that a firmware tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Class {
    /// The wall clock is set or adjusted: settimeofday(2), clock_settime(2), adjtimex(2).
    Clock,
    /// The kernel's time zone is set: the second argument of settimeofday(2).
    TimeZone,
    /// The real-time clock is set: rtc(4).
    Rtc,
    /// Something is written to `/proc/sysrq-trigger`.
    Sysrq,
    /// The machine is restarted, halted, powered off or suspended: reboot(2).
    Reboot,
    /// Another kernel is loaded: kexec_load(2).
    Kexec,
    /// A kernel module is loaded or removed: init_module(2).
    Modules,
    /// A file system of a device is mounted: mount(2).
    Mounts,
    /// A device node is made, or a raw device is opened: mknod(2).
    Devices,
    /// Swap is switched on or off: swapon(2).
    Swap,
    /// The kernel's log is cleared, or its console switched: syslog(2).
    KernelLog,
    /// A kernel parameter outside of the instance's own namespaces is set: proc_sys(5).
    Sysctl,
    /// A watchdog is started.
    Watchdog,
    /// The security module's profile is to be left, or something else is tried that it refuses.
    Confinement,
}

/// What there is to know of a class.
struct Row {
    class: Class,
    name: &'static str,
    default: Answer,
    /// What else fwtest.toml may choose.
    other: Option<Answer>,
}

/// In the order of the documentation, and of every list that is shown.
const ROWS: [Row; 14] = {
    use Answer::{Emulate, Pretend, Refuse};
    [
        row(Class::Clock, "clock", Pretend, Refuse),
        row(Class::TimeZone, "time-zone", Pretend, Refuse),
        row(Class::Rtc, "rtc", Pretend, Refuse),
        row(Class::Sysrq, "sysrq", Pretend, Refuse),
        row(Class::Reboot, "reboot", Emulate, Refuse),
        row(Class::Kexec, "kexec", Refuse, Pretend),
        row(Class::Modules, "modules", Pretend, Refuse),
        row(Class::Mounts, "mounts", Pretend, Refuse),
        row(Class::Devices, "devices", Refuse, Pretend),
        row(Class::Swap, "swap", Refuse, Pretend),
        row(Class::KernelLog, "kernel-log", Pretend, Refuse),
        row(Class::Sysctl, "sysctl", Pretend, Refuse),
        row(Class::Watchdog, "watchdog", Pretend, Refuse),
        // The kernel refuses before anybody could answer otherwise.
        Row { class: Class::Confinement, name: "confinement", default: Refuse, other: None },
    ]
};

const fn row(class: Class, name: &'static str, default: Answer, other: Answer) -> Row {
    Row { class, name, default, other: Some(other) }
}

impl Class {
    /// All of them, in the order in which they are shown.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.class)
    }

    /// Its name in fwtest.toml, suites and snapshots.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// What is answered when nobody says.
    #[must_use]
    pub fn default_answer(self) -> Answer {
        self.row().default
    }

    /// What fwtest.toml may choose from, the default first.
    #[must_use]
    pub fn answers(self) -> Vec<Answer> {
        [self.row().default].into_iter().chain(self.row().other).collect()
    }

    /// Whether a firmware may choose this answer.
    #[must_use]
    pub fn allows(self, answer: Answer) -> bool {
        self.answers().contains(&answer)
    }

    fn row(self) -> &'static Row {
        // The rows stand in the order of the variants: a test holds that.
        &ROWS[self as usize]
    }
}

/// By [`Class::name`].
impl FromStr for Class {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let named = Self::all().find(|class| class.name() == text);
        named.ok_or_else(|| super::key::unknown("class of attempts", text, None))
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_the_row_at_its_place() {
        for (index, row) in ROWS.iter().enumerate() {
            assert_eq!(row.class as usize, index, "{}", row.name);
            assert_ne!(Some(row.default), row.other, "{}", row.name);
        }
        assert_eq!(Class::Confinement as usize + 1, ROWS.len());
    }

    #[test]
    fn a_class_goes_by_its_name() {
        for class in Class::all() {
            assert_eq!(class.name().parse(), Ok(class));
            assert!(class.answers().into_iter().all(|answer| class.allows(answer)));
        }
        let error = "Kernel_log".parse::<Class>().unwrap_err();
        assert_eq!(error.message, "unknown class of attempts `Kernel_log`");
        assert_eq!(error.hint.as_deref(), Some("did you mean `kernel-log`?"));
    }
}
