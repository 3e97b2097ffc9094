//! A step that the kernel refused, as data that crosses processes.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

/// What was being done, in the words that follow "failed to".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// A new process, in namespaces of its own.
    Clone(Role),
    /// Ids written to /proc/PID/uid_map and gid_map.
    MapIds(Role),
    /// setresuid(2) and its like.
    BecomeRoot(Role),
    /// The firmware's directory, bound read-only.
    OpenLower(String),
    /// mount(2): what, where.
    Mount(String, String),
    /// A directory, file or link that the harness needs.
    Create(String),
    /// A file that the harness needs.
    Open(String),
    /// A file in /proc.
    Write(String),
    /// pivot_root(2) and the old root's end.
    PivotRoot,
    /// unshare(2).
    Unshare,
    /// sethostname(2).
    SetHostname(String),
    /// A pseudoterminal for the console.
    OpenConsole,
    /// seccomp(2).
    InstallFilter,
    /// A system call that nothing can stand in for, by its name; tried before the first test.
    Call(String),
    /// A change of the AppArmor profile, to this label.
    EnterProfile(String),
    /// /proc/PID/attr/apparmor/current
    ReadLabel(Role),
    /// Who should have one label has another.
    SeeConfined(Role, String, String),
    /// AppArmor let go of what should have stayed.
    StayConfined,
    /// setns(2).
    Enter,
    /// chdir(2).
    ChangeDirectory(String),
    /// setuid(2), setgid(2), setgroups(2) for a command.
    ChangeUser(u32, u32),
    /// execve(2).
    Execute(String),
    /// A message between our own processes.
    Talk,
    /// The wait for a process of ours that was told to end.
    End(Role),
}

/// Who.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    Launcher,
    Keeper,
    Init,
    Command,
    /// Of the layers.
    Comparer,
    /// Of the system call filter.
    Prober,
    /// Which tries the AppArmor profile.
    Canary,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Launcher => "the launcher",
            Self::Keeper => "the keeper",
            Self::Init => "init",
            Self::Command => "the command",
            Self::Comparer => "the comparison of the layers",
            Self::Prober => "the trial of the system call filter",
            Self::Canary => "the process that tries the AppArmor profile",
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clone(Role::Launcher) => f.write_str("make a user namespace"),
            Self::Clone(role) => write!(f, "clone {role}"),
            Self::MapIds(role) => write!(f, "map the user and group ids of {role}"),
            Self::BecomeRoot(role) => write!(f, "give {role} its ids"),
            Self::OpenLower(path) => write!(f, "open the firmware `{path}`"),
            Self::Mount(what, target) => write!(f, "mount {what} on {target}"),
            Self::Create(path) => write!(f, "create {path}"),
            Self::Open(path) => write!(f, "open {path}"),
            Self::Write(path) => write!(f, "write {path}"),
            Self::PivotRoot => f.write_str("change the root file system"),
            Self::Unshare => f.write_str("unshare the namespaces of init"),
            Self::SetHostname(name) => write!(f, "set the host name `{name}`"),
            Self::OpenConsole => f.write_str("open a pseudoterminal for the console"),
            Self::InstallFilter => f.write_str("install the system call filter"),
            Self::Call(name) => write!(f, "make the system call {name}(2)"),
            Self::EnterProfile(label) => write!(f, "enter the AppArmor profile `{label}`"),
            Self::ReadLabel(role) => write!(f, "read the AppArmor label of {role}"),
            Self::SeeConfined(role, wanted, found) => write!(
                f,
                "see {role} under the AppArmor profile `{wanted}`: its label is `{found}`"
            ),
            Self::StayConfined => {
                f.write_str("be held by the AppArmor profile: it let go of who wanted to leave it")
            }
            Self::Enter => f.write_str("enter the instance"),
            Self::ChangeDirectory(path) => write!(f, "change to the directory `{path}`"),
            Self::ChangeUser(uid, gid) => write!(f, "become user {uid}, group {gid}"),
            Self::Execute(path) => write!(f, "execute `{path}`"),
            Self::End(role) => write!(f, "end {role}"),
            Self::Talk => f.write_str("talk between the harness's processes"),
        }
    }
}

/// A [`Step`] between two processes: the step and the errno, never a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fault {
    pub(crate) step: Step,
    pub(crate) errno: i32,
}

/// A step of making or using a sandbox that the kernel refused.
#[derive(Debug, thiserror::Error)]
#[error("failed to {step}")]
pub struct StepError {
    pub(crate) step: Step,
    pub(crate) source: io::Error,
}

impl StepError {
    /// What to do about it, where that is known. Never part of the message.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let errno = self.source.raw_os_error()?;
        let hint = match (&self.step, errno) {
            (Step::Clone(Role::Launcher), libc::ENOSPC | libc::EUSERS) => {
                "\"no space\" is the kernel's word for `user.max_user_namespaces`: this user may \
                 have no more of them; `cargo fwtest doctor` prints the one-time mend"
            }
            (Step::Clone(Role::Launcher), libc::EPERM)
            | (
                Step::MapIds(Role::Launcher) | Step::BecomeRoot(Role::Launcher),
                libc::EPERM | libc::EACCES,
            ) => {
                "this host keeps user namespaces from this user; `cargo fwtest doctor` prints the \
                 one-time mend"
            }
            (Step::Mount(..) | Step::Create(_), libc::ENOSPC | libc::EDQUOT) => {
                "the instance's storage is full before its firmware ran; raise `limits.storage`"
            }
            (Step::OpenLower(_), libc::EINVAL) => {
                "something is mounted below that directory, which an ordinary user's copy of it \
                 must not uncover; unmount it, or copy the firmware without it"
            }
            (Step::OpenLower(_), libc::EACCES) => {
                "every directory on the way to the firmware must be searchable for this user"
            }
            (Step::Mount(what, _), libc::EPERM) if what == "proc" || what == "sysfs" => {
                "something covers parts of this host's /proc or /sys, as Docker does; run the \
                 container with `--security-opt systempaths=unconfined`"
            }
            (Step::Call(_), libc::ENOSYS | libc::EPERM) => {
                "Linux has it from 5.15 on, and a container's own filter may refuse it; run the \
                 container with `--security-opt seccomp=unconfined`"
            }
            (Step::InstallFilter, libc::ENOSYS | libc::EINVAL | libc::EPERM | libc::ECHILD) => {
                "the kernel was built without CONFIG_SECCOMP_FILTER, or a container's own filter \
                 refuses others; run the container with `--security-opt seccomp=unconfined`"
            }
            (_, libc::EMFILE | libc::ENFILE) => "raise the limit of open files (`ulimit -n`)",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl StepError {
    /// Whether it looks like there is no instance to enter any more, for its init has ended.
    pub(crate) fn is_ended(&self) -> bool {
        match (&self.step, self.source.raw_os_error()) {
            (Step::Enter, Some(libc::ESRCH)) => true,
            // What the kernel says of a pid namespace that is going: pid_namespaces(7).
            (Step::Clone(Role::Command), Some(libc::ENOMEM)) => true,
            _ => false,
        }
    }

    /// The same error for another reader: `io::Error` has no copy.
    pub(crate) fn again(&self) -> Self {
        let source = match self.source.raw_os_error() {
            Some(errno) => io::Error::from_raw_os_error(errno),
            None => io::Error::new(self.source.kind(), self.source.to_string()),
        };
        Self { step: self.step.clone(), source }
    }
}

impl From<Fault> for StepError {
    fn from(fault: Fault) -> Self {
        Self { step: fault.step, source: io::Error::from_raw_os_error(fault.errno) }
    }
}

impl From<StepError> for Fault {
    fn from(error: StepError) -> Self {
        // An error without a number is one of ours about a message that makes no sense.
        Self { step: error.step, errno: error.source.raw_os_error().unwrap_or(libc::EPROTO) }
    }
}

/// Says which step an error belongs to.
pub(crate) trait During<T> {
    fn during(self, step: impl FnOnce() -> Step) -> Result<T, StepError>;
}

impl<T, E: Into<io::Error>> During<T> for Result<T, E> {
    fn during(self, step: impl FnOnce() -> Step) -> Result<T, StepError> {
        self.map_err(|source| StepError { step: step(), source: source.into() })
    }
}
