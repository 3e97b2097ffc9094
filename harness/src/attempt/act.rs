//! What was tried, decoded.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Class;
use crate::path::GuestPath;

/// What a firmware tried, with the arguments as it gave them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    /// settimeofday(2), clock_settime(2), stime(2).
    SetClock {
        /// Seconds since 1970 that were asked for.
        seconds: i64,
        /// And nanoseconds.
        nanoseconds: u32,
        /// Seconds ahead of the host's clock at that moment; behind it where negative.
        ahead: i64,
    },
    /// adjtimex(2), clock_adjtime(2), adjtime(3), with something to change.
    AdjustClock(ClockChange),
    /// settimeofday(2) with a time zone alone.
    SetTimeZone {
        /// Minutes west of Greenwich.
        minutes_west: i32,
    },
    /// `RTC_SET_TIME`.
    SetRtc {
        /// Seconds since 1970 that were asked for.
        seconds: i64,
        /// Seconds ahead of the host's clock at that moment; behind it where negative.
        ahead: i64,
    },
    /// Bytes written to `/proc/sysrq-trigger`.
    Sysrq(Vec<u8>),
    /// A file called `sysrq-trigger` was opened for writing; what was written, if anything, was not
    /// seen.
    OpenSysrq {
        /// By this name.
        path: GuestPath,
    },
    /// reboot(2), or a write to /sys/power/state.
    Reboot(RebootCommand),
    /// kexec_load(2), kexec_file_load(2), or reboot(2) into what they loaded.
    Kexec,
    /// init_module(2), finit_module(2).
    LoadModule {
        /// Its name, where it could be told.
        name: String,
        /// Its parameters, as one text.
        parameters: String,
    },
    /// delete_module(2).
    RemoveModule {
        /// Its name.
        name: String,
    },
    /// mount(2) of what is a device's.
    Mount {
        /// A device, as it was named.
        source: String,
        /// Where.
        target: GuestPath,
        /// The kind of file system, as it was named; empty for none.
        kind: String,
        /// mount(2)'s flags.
        flags: u64,
    },
    /// mknod(2) of a device.
    MakeNode {
        /// Where.
        path: GuestPath,
        /// Block or character.
        kind: DeviceKind,
        /// The device's major and minor number.
        number: (u32, u32),
    },
    /// open(2) of a device's node.
    OpenDevice {
        /// Which.
        path: GuestPath,
        /// Block or character.
        kind: DeviceKind,
        /// The device's major and minor number.
        number: (u32, u32),
    },
    /// swapon(2).
    SwapOn {
        /// What to swap to.
        path: GuestPath,
    },
    /// swapoff(2).
    SwapOff {
        /// What to swap to no more.
        path: GuestPath,
    },
    /// syslog(2) with a command that changes something, by its number.
    KernelLog {
        /// `SYSLOG_ACTION_…`
        action: i32,
        /// What comes with it: the level of `SYSLOG_ACTION_CONSOLE_LEVEL`.
        value: i32,
    },
    /// A write below /proc/sys.
    Sysctl {
        /// The file.
        path: GuestPath,
        /// What was written, where that could be seen.
        value: Option<Vec<u8>>,
    },
    /// A watchdog was opened for writing, which starts it.
    OpenWatchdog {
        /// Which.
        path: GuestPath,
    },
    /// `WDIOC_SETTIMEOUT`, in seconds.
    SetWatchdog {
        /// Seconds.
        timeout: i32,
    },
    /// Something that the security module has refused and that is none of the above.
    Denied {
        /// The kernel's word for it: `change_profile`.
        operation: String,
        /// What it was to be done to; empty where that was not told.
        object: String,
    },
}

/// What adjtimex(2) was to change: its `modes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockChange {
    /// `ADJ_OFFSET`, `ADJ_FREQUENCY` and their like, as bits.
    pub modes: u32,
}

/// What reboot(2) was to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RebootCommand {
    /// `LINUX_REBOOT_CMD_RESTART`
    Restart,
    /// `LINUX_REBOOT_CMD_RESTART2`: with a word for the boot loader.
    RestartWith(String),
    /// `LINUX_REBOOT_CMD_HALT`
    Halt,
    /// `LINUX_REBOOT_CMD_POWER_OFF`
    PowerOff,
    /// `LINUX_REBOOT_CMD_SW_SUSPEND`, or a state written to /sys/power/state.
    Suspend,
}

/// The two kinds of device nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceKind {
    /// `b`
    Block,
    /// `c`
    Character,
}

impl Act {
    /// Its class.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::SetClock { .. } | Self::AdjustClock(_) => Class::Clock,
            Self::SetTimeZone { .. } => Class::TimeZone,
            Self::SetRtc { .. } => Class::Rtc,
            Self::Sysrq(_) | Self::OpenSysrq { .. } => Class::Sysrq,
            Self::Reboot(_) => Class::Reboot,
            Self::Kexec => Class::Kexec,
            Self::LoadModule { .. } | Self::RemoveModule { .. } => Class::Modules,
            Self::Mount { .. } => Class::Mounts,
            Self::MakeNode { .. } | Self::OpenDevice { .. } => Class::Devices,
            Self::SwapOn { .. } | Self::SwapOff { .. } => Class::Swap,
            Self::KernelLog { .. } => Class::KernelLog,
            Self::Sysctl { .. } => Class::Sysctl,
            Self::OpenWatchdog { .. } | Self::SetWatchdog { .. } => Class::Watchdog,
            Self::Denied { .. } => Class::Confinement,
        }
    }
}

/// The act in a few words that are the same whenever it is tried again: without the times that were
/// asked for.
impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetClock { .. } => f.write_str("set the time"),
            Self::AdjustClock(_) => f.write_str("adjust the clock"),
            Self::SetTimeZone { minutes_west } => {
                write!(f, "set to {minutes_west} minutes west")
            }
            Self::SetRtc { .. } => f.write_str("set the time"),
            Self::Sysrq(bytes) => write!(f, "write \"{}\"", crate::path::escape(bytes)),
            Self::OpenSysrq { path } => write!(f, "open {path}"),
            Self::Reboot(command) => match command {
                RebootCommand::Restart => f.write_str("restart"),
                RebootCommand::RestartWith(word) => {
                    write!(f, "restart with \"{}\"", word.escape_debug())
                }
                RebootCommand::Halt => f.write_str("halt"),
                RebootCommand::PowerOff => f.write_str("power off"),
                RebootCommand::Suspend => f.write_str("suspend"),
            },
            Self::Kexec => f.write_str("another kernel"),
            Self::LoadModule { name, parameters } => {
                write!(f, "load {name}")?;
                match parameters.is_empty() {
                    true => Ok(()),
                    false => write!(f, " {}", parameters.escape_debug()),
                }
            }
            Self::RemoveModule { name } => write!(f, "remove {name}"),
            Self::Mount { source, target, kind, .. } => {
                write!(f, "{} on {target}", source.escape_debug())?;
                if kind.is_empty() { Ok(()) } else { write!(f, " as {}", kind.escape_debug()) }
            }
            Self::MakeNode { path, kind, number: (major, minor) } => {
                write!(f, "make {path} {kind} {major}:{minor}")
            }
            Self::OpenDevice { path, kind, number: (major, minor) } => {
                write!(f, "open {path} {kind} {major}:{minor}")
            }
            Self::SwapOn { path } => write!(f, "on {path}"),
            Self::SwapOff { path } => write!(f, "off {path}"),
            Self::KernelLog { action, value } => match action {
                4 => f.write_str("read and clear"),
                5 => f.write_str("clear"),
                6 => f.write_str("console off"),
                7 => f.write_str("console on"),
                8 => write!(f, "console level {value}"),
                other => write!(f, "action {other}"),
            },
            Self::Sysctl { path, value } => match value {
                Some(value) => {
                    write!(f, "{path} = \"{}\"", crate::path::escape(value.trim_ascii()))
                }
                None => write!(f, "{path}"),
            },
            Self::OpenWatchdog { path } => write!(f, "start {path}"),
            Self::SetWatchdog { timeout } => write!(f, "timeout {timeout} s"),
            Self::Denied { operation, object } => {
                f.write_str(operation)?;
                if object.is_empty() { Ok(()) } else { write!(f, " {}", object.escape_debug()) }
            }
        }
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Block => "b",
            Self::Character => "c",
        })
    }
}
