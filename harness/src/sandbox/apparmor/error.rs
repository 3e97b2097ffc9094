//! What can go wrong with AppArmor.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why there is no AppArmor for our guests, where `apparmor = "auto"` goes without.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// Built without it.
    #[error("this kernel has no AppArmor")]
    NotInKernel,
    /// Built with it, and booted without.
    #[error("this kernel's AppArmor is switched off")]
    SwitchedOff,
    /// Its directory is not there.
    #[error("{} is not there: securityfs is not mounted", path.display())]
    NotMounted {
        /// Where it should be.
        path: PathBuf,
    },
    /// Another user's run.
    #[error("only root may load AppArmor policy, and the tests are run by another user")]
    NotRoot,
    /// Root of a container, say.
    #[error("this root may not load AppArmor policy: {lacks}")]
    NotAllowed {
        /// What it has not.
        lacks: &'static str,
    },
    /// No compiler.
    #[error("`apparmor_parser` is not installed")]
    NoParser,
    /// The kernel takes no policy.
    #[error("{} cannot be written to", path.display())]
    NotWritable {
        /// The directory of policy namespaces.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nobody would hear of what it reports.
    #[error("the kernel's audit records cannot be read")]
    NoAudit(#[source] io::Error),
}

impl Unavailable {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotInKernel => {
                "boot a kernel with CONFIG_SECURITY_APPARMOR=y, such as Debian's or Ubuntu's"
            }
            Self::SwitchedOff => {
                "boot with `lsm=…,apparmor` (or `apparmor=1 security=apparmor`) on the kernel's \
                 command line"
            }
            Self::NotMounted { .. } => "mount -t securityfs securityfs /sys/kernel/security",
            Self::NotRoot => "run the tests as root",
            Self::NotAllowed { .. } | Self::NoAudit(_) => {
                "run the tests outside of a container, as the machine's own root"
            }
            Self::NoParser => "install the package `apparmor`",
            Self::NotWritable { .. } => {
                "securityfs is mounted read-only, or AppArmor's policy is locked: \
                 `mount -o remount,rw /sys/kernel/security`"
            }
        })
    }
}

/// Why this process's guests have no AppArmor.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    /// The host has it not, or not for us; and it was required, or nobody would ask.
    #[error("AppArmor is required, but cannot be used")]
    Unavailable(#[source] Unavailable),
    /// It has, and it does not work.
    #[error(transparent)]
    Failed(#[from] AppArmorError),
}

impl Missing {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unavailable(why) => why.hint(),
            Self::Failed(error) => error.hint(),
        }
    }
}

/// AppArmor that was to be used, and failed.
#[derive(Debug, thiserror::Error)]
pub enum AppArmorError {
    /// The kernel does not say what it can do.
    #[error("failed to read what the kernel's AppArmor can do from {}", path.display())]
    Features {
        /// The tree.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The compiler could not be run.
    #[error("failed to run {}", parser.display())]
    Run {
        /// Which.
        parser: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The compiler said no.
    #[error("failed to compile the AppArmor profile: {} {}: {words}", parser.display(), ended(*status))]
    Compile {
        /// Which.
        parser: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// What it said, or that it said nothing.
        words: String,
    },
    /// The compiler was content, and gave no policy.
    #[error("failed to compile the AppArmor profile: {} printed no policy, but {words}", parser.display())]
    NoPolicy {
        /// Which.
        parser: PathBuf,
        /// What it printed.
        words: String,
    },
    /// The kernel refused a change of policy.
    #[error("failed to {op} {}", path.display())]
    Policy {
        /// What was to be done.
        op: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The profile was tried, and does not hold.
    #[error("the AppArmor profile does not hold: {0}")]
    Canary(String),
    /// It could not be tried.
    #[error("failed to try the AppArmor profile")]
    Try(#[source] Box<super::super::AskError>),
}

impl AppArmorError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Compile { .. } | Self::NoPolicy { .. } | Self::Run { .. } => Some(
                "`cargo fwtest doctor --apparmor` prints the profile; `apparmor = \"off\"` in \
                 fwtest.toml goes without",
            ),
            Self::Canary(_) => Some("`apparmor = \"off\"` in fwtest.toml goes without it"),
            _ => None,
        }
    }
}

fn ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}
