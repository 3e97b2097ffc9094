//! Into the profile, and a look from outside whether that is so.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};

use super::super::fault::{During, Role, Step, StepError};

/// The way in for a process that is about to become the guest's: a /proc that no guest has touched.
/// Opened before the process changes its root.
pub(crate) struct Entrance {
    proc: OwnedFd,
}

impl Entrance {
    pub(crate) fn open() -> Result<Self, StepError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc = rustix::fs::open("/proc", flags, Mode::empty());
        Ok(Self { proc: proc.during(|| Step::Open("/proc".to_owned()))? })
    }

    /// Puts this process under `label`, now: the program that it executes later stays under it. An
    /// error means that it is where it was, and must not go on.
    ///
    /// What is to be sent to it at its parent's end is forgotten with the change.
    pub(crate) fn enter(&self, label: &str) -> Result<(), StepError> {
        self.change(label).during(|| Step::EnterProfile(label.to_owned()))
    }

    /// The kernel wants one write of the process that opened the file.
    pub(super) fn change(&self, label: &str) -> io::Result<()> {
        let path = "self/attr/apparmor/current";
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.proc, path, flags, Mode::empty())?;
        let order = format!("changeprofile {label}");
        match File::from(file).write(order.as_bytes())? {
            length if length == order.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    /// Whether the process `pid`, by its number here, is under `label`.
    pub(crate) fn read_back(&self, role: Role, pid: i32, label: &str) -> Result<(), StepError> {
        let path = format!("{pid}/attr/apparmor/current");
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let mut found = String::new();
        rustix::fs::openat(&self.proc, path, flags, Mode::empty())
            .map_err(io::Error::from)
            .and_then(|file| File::from(file).read_to_string(&mut found))
            .during(|| Step::ReadLabel(role))?;
        match is(&found, label) {
            true => Ok(()),
            false => Err(io::Error::from_raw_os_error(libc::EACCES))
                .during(|| Step::SeeConfined(role, label.to_owned(), found.trim_end().to_owned())),
        }
    }
}

/// The same for whoever has not changed its root.
pub(crate) fn read_back(role: Role, pid: i32, label: &str) -> Result<(), StepError> {
    Entrance::open()?.read_back(role, pid, label)
}

/// Whether what the kernel says of a process is `label`, enforced, and nothing else.
fn is(found: &str, label: &str) -> bool {
    found.strip_suffix('\n').unwrap_or(found).strip_suffix(" (enforce)") == Some(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_label_will_do() {
        let label = ":fwtest-1-a-0:firmware";
        for (found, expected) in [
            (":fwtest-1-a-0:firmware (enforce)\n", true),
            (":fwtest-1-a-0:firmware (enforce)", true),
            (":fwtest-1-a-0:firmware (complain)\n", false),
            (":fwtest-1-a-0:firmware\n", false),
            (":fwtest-1-a-0:unconfined\n", false),
            (":fwtest-1-a-0:firmware//x (enforce)\n", false),
            ("unconfined\n", false),
            ("firmware (enforce)\n", false),
            ("x//&:fwtest-1-a-0:firmware (enforce)\n", false),
            ("", false),
        ] {
            assert_eq!(is(found, label), expected, "{found}");
        }
    }
}
