//! What can be wrong with a root file system, and what to do about it.

use std::fmt;
use std::io;

use super::Machine;
use super::machine::HOST;
use crate::instance::FileKind;
use crate::path::{GuestPath, escape};

/// What is wrong with a root file system.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It is not there.
    #[error("there is no such directory")]
    Missing,
    /// It is something else.
    #[error("it is not a directory")]
    NotADirectory,
    /// There is nothing in it.
    #[error("the directory is empty")]
    Empty,
    /// It, or something in it, cannot be looked at.
    #[error("failed to read `{path}` in it")]
    Unreadable {
        /// What cannot, from the root file system's `/`.
        path: GuestPath,
        /// Why.
        source: io::Error,
    },
    /// A directory that the sandbox mounts on is something else.
    #[error("`{path}` is {}", Described(kind, target.as_ref()))]
    MountPoint {
        /// Which.
        path: GuestPath,
        /// What it is.
        kind: FileKind,
        /// Where it points, if it is a link.
        target: Option<GuestPath>,
    },
    /// There is nothing to run as pid 1.
    #[error("there is no init: {}", listed(tried, |(path, why)| format!("`{path}` {why}")))]
    NoInit {
        /// What was tried, and why it will not do.
        tried: Vec<(GuestPath, Unusable)>,
        /// Whether fwtest.toml names it.
        is_configured: bool,
    },
    /// The kernel would not run a program.
    #[error("`{path}` is not executable: its mode is {mode:04o}")]
    NotExecutable {
        /// Which.
        path: GuestPath,
        /// Its permission bits.
        mode: u32,
    },
    /// A program is for another machine.
    #[error("`{path}` is for {machine}, this machine is {HOST}")]
    WrongMachine {
        /// Which.
        path: GuestPath,
        /// Which it is for.
        machine: Machine,
    },
    /// The kernel would not know what to do with a program: "exec format error".
    #[error("`{path}` is neither an ELF file nor a script")]
    NotAProgram {
        /// Which.
        path: GuestPath,
    },
    /// An ELF file is cut off or worse.
    #[error("`{path}` is a broken ELF file: {reason}")]
    BrokenElf {
        /// Which.
        path: GuestPath,
        /// What is wrong with it.
        reason: String,
    },
    /// Scripts whose interpreters are scripts, deeper than the kernel goes.
    #[error("`{path}` is a script whose interpreter is a script, and so on")]
    NestedScripts {
        /// The first.
        path: GuestPath,
    },
    /// What a program is to be run with will not do.
    #[error("`{path}` needs the interpreter `{interpreter}`, which {why}")]
    Interpreter {
        /// The program, or the script.
        path: GuestPath,
        /// What runs it.
        interpreter: GuestPath,
        /// Why it will not do.
        why: Unusable,
    },
    /// A program's libraries are not there.
    #[error("`{path}` lacks libraries: {}", listed(libraries, MissingLibrary::to_string))]
    Libraries {
        /// The program.
        path: GuestPath,
        /// Which.
        libraries: Vec<MissingLibrary>,
    },
}

/// Why a path of a root file system leads to no program; goes after the path.
#[derive(Debug)]
pub enum Unusable {
    /// There is no such name.
    Missing,
    /// It is a link that leads nowhere, or there is one on the way.
    Dangling {
        /// The one on the way, where it is not the path itself.
        on_the_way: Option<GuestPath>,
        /// Where the link points.
        target: GuestPath,
    },
    /// Links on the way lead to each other.
    LinkLoop,
    /// It is a directory, say.
    NotAFile(FileKind),
    /// It has no permission to be run; these it has.
    NotExecutable(u32),
    /// It is for another machine than what needs it.
    ForMachine(Machine),
    /// It cannot be looked at.
    Unreadable(io::Error),
}

/// A library that a program, or a library of its, needs.
#[derive(Debug)]
pub struct MissingLibrary {
    /// Its name.
    pub name: GuestPath,
    /// The library that needs it, if it is not the program itself.
    pub needed_by: Option<GuestPath>,
    /// One of that name that will not do: it is for another machine, or a link that leads nowhere.
    pub other: Option<(GuestPath, Unusable)>,
}

impl Problem {
    pub(super) fn unreadable(path: &GuestPath) -> impl Fn(io::Error) -> Self {
        |source| Self::Unreadable { path: path.clone(), source }
    }

    /// What to do about it, where we know.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing => "build the firmware first, or mend `rootfs` in fwtest.toml".to_owned(),
            Self::NotADirectory => {
                "unpack the image, and name the directory in `rootfs`".to_owned()
            }
            Self::Empty => "build the firmware first".to_owned(),
            Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "whoever runs the tests has to be able to read the whole firmware".to_owned()
            }
            Self::Unreadable { source, .. }
            | Self::Interpreter { why: Unusable::Unreadable(source), .. }
                if source.raw_os_error() == Some(libc::EMFILE) =>
            {
                "raise the limit of open files (`ulimit -n`)".to_owned()
            }
            Self::MountPoint { path, .. } => {
                format!("the sandbox mounts its own `{path}`: make it a directory, or leave it out")
            }
            Self::NoInit { is_configured: true, .. } => {
                "mend `init` in fwtest.toml, or leave it out".to_owned()
            }
            Self::NoInit { is_configured: false, .. } => {
                "name it in fwtest.toml: `init = \"/usr/bin/my-init\"`".to_owned()
            }
            Self::NotExecutable { .. } => {
                "give it mode 0755 where the firmware is built".to_owned()
            }
            Self::WrongMachine { .. } => {
                format!("build the firmware for {HOST} too, or test on a machine of its kind")
            }
            Self::NotAProgram { .. } => {
                "a script begins with `#!` and its interpreter: `#!/bin/sh`".to_owned()
            }
            Self::Interpreter { interpreter, .. } if interpreter.as_bytes().ends_with(b"\r") => {
                "the script's lines end with a carriage return: save it with Unix line ends"
                    .to_owned()
            }
            Self::Interpreter { why: Unusable::NotExecutable(_), .. } => {
                "give it mode 0755 where the firmware is built".to_owned()
            }
            Self::Interpreter { why: Unusable::Missing | Unusable::Dangling { .. }, .. } => {
                "install it into the firmware's root file system".to_owned()
            }
            Self::Libraries { libraries, .. } if libraries.iter().all(|it| it.other.is_none()) => {
                "install them into the firmware's root file system, where its dynamic linker looks"
                    .to_owned()
            }
            Self::BrokenElf { .. } => "it may have been cut off: build it anew".to_owned(),
            Self::Unreadable { .. }
            | Self::NestedScripts { .. }
            | Self::Interpreter { .. }
            | Self::Libraries { .. } => return None,
        };
        Some(hint)
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Dangling { on_the_way: None, target } => {
                write!(f, "is a link to `{target}`, which is missing")
            }
            Self::Dangling { on_the_way: Some(link), target } => {
                write!(f, "is missing: `{link}` is a link to `{target}`, which is missing")
            }
            Self::LinkLoop => f.write_str("is a link that leads back to itself"),
            Self::NotAFile(kind) => write!(f, "is {}", Described(kind, None)),
            Self::NotExecutable(mode) => write!(f, "is not executable (mode {mode:04o})"),
            Self::ForMachine(machine) => write!(f, "is for {machine}"),
            Self::Unreadable(error) => write!(f, "cannot be read ({error})"),
        }
    }
}

impl fmt::Display for MissingLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.name)?;
        match (&self.needed_by, &self.other) {
            (None, None) => Ok(()),
            (Some(library), None) => write!(f, " (for `{library}`)"),
            (_, Some((path, why))) => write!(f, " (`{path}` {why})"),
        }
    }
}

/// `a link to …`, `a directory`.
struct Described<'p>(&'p FileKind, Option<&'p GuestPath>);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            (_, Some(target)) => write!(f, "a link to `{}`", escape(target.as_bytes())),
            (FileKind::File, None) => f.write_str("a regular file"),
            (FileKind::Directory, None) => f.write_str("a directory"),
            (FileKind::Symlink, None) => f.write_str("a link"),
            (FileKind::Fifo, None) => f.write_str("a FIFO"),
            (FileKind::Socket, None) => f.write_str("a socket"),
            (FileKind::CharDevice, None) => f.write_str("a character device"),
            (FileKind::BlockDevice, None) => f.write_str("a block device"),
        }
    }
}

fn listed<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    items.iter().map(show).collect::<Vec<_>>().join("; ")
}
