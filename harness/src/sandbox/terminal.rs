//! A pseudoterminal that the guest has as a device, and the keeper reads.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::termios::{OptionalActions, Winsize};

use super::fault::{During, Step, StepError};
use super::launcher::TERMINALS;

pub(crate) struct Terminal {
    pub(crate) master: OwnedFd,
    /// In the devpts that no guest sees.
    pub(crate) number: u32,
    /// Held open, or the master reads EIO, at once and for ever, while the guest has it closed.
    slave: OwnedFd,
}

impl Terminal {
    pub(crate) fn open() -> Result<Self, StepError> {
        let step = || Step::OpenConsole;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let path = format!("{TERMINALS}/ptmx");
        let master =
            rustix::fs::open(path, flags | OFlags::NONBLOCK, Mode::empty()).during(step)?;
        rustix::pty::unlockpt(&master).during(step)?;
        let name = rustix::pty::ptsname(&master, Vec::new()).during(step)?;
        let number = name.to_string_lossy();
        let number = number.rsplit('/').next().and_then(|digits| digits.parse().ok());
        let number: u32 = number.ok_or(rustix::io::Errno::NOTTY).during(step)?;
        let slave =
            rustix::fs::open(format!("{TERMINALS}/{number}"), flags, Mode::empty()).during(step)?;
        let size = Winsize { ws_row: 25, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&slave, size).during(step)?;
        Ok(Self { master, number, slave })
    }

    /// Bytes come as they were written, and none comes back.
    pub(crate) fn make_raw(&self) -> Result<(), StepError> {
        let step = || Step::OpenConsole;
        let mut settings = rustix::termios::tcgetattr(&self.slave).during(step)?;
        settings.make_raw();
        rustix::termios::tcsetattr(&self.slave, OptionalActions::Now, &settings).during(step)
    }

    /// What there is to read; `None` when that is nothing.
    pub(crate) fn read(&self) -> io::Result<Option<Vec<u8>>> {
        // A terminal gives no more at once.
        let mut bytes = [0; 4096];
        match rustix::io::read(&self.master, &mut bytes) {
            Ok(0) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::IO) => Ok(None),
            Ok(length) => Ok(Some(bytes[..length].to_vec())),
            Err(error) => Err(error.into()),
        }
    }
}
