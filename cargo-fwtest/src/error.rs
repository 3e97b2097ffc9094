//! What keeps a run from being one. A test that fails is no error: it is a result.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::engine::shown;
use crate::engine::{AskError, CacheError, ConfigError, Problem, ProjectError, StepError};
use crate::exit::Exit;
use crate::run::ended;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Config(#[from] ConfigError),

    #[error(transparent)]
    Project(#[from] ProjectError),

    #[error("failed to boot the firmware `{name}` from `{rootfs}`")]
    Firmware { name: String, rootfs: String, source: Box<Problem> },

    #[error("failed to prepare the firmware `{name}`")]
    Prepare { name: String, source: Box<AskError> },

    #[error("failed to make a sandbox")]
    Launcher(#[source] StepError),

    #[error(transparent)]
    Cache(CacheError),

    #[error("failed to {op} {}", shown(path))]
    Os { op: &'static str, path: PathBuf, source: io::Error },

    #[error("failed to read the Cargo project of {}", directory.display())]
    Metadata { directory: PathBuf, source: Box<cargo_metadata::Error> },

    #[error("failed to find the package `{spec}` in the workspace at {}", root.display())]
    NoPackage { spec: String, root: PathBuf },

    #[error("failed to find a test target `{name}` in a package that depends on `fwtest`")]
    NoTarget { name: String },

    #[error("failed to parse the glob `{glob}`")]
    Glob { glob: String, source: globset::Error },

    /// Cargo has said why, on standard error.
    #[error("failed to build the tests: `cargo test --no-run` {}", ended(*status))]
    Build { status: ExitStatus },

    #[error("failed to list the tests of {name}: it {}", ended(*status))]
    List { name: String, status: ExitStatus, output: String },

    #[error("failed to list the tests of {name}: it printed `{line}`")]
    ListLine { name: String, line: String },

    #[error("failed to set up {name}: it {} before any test", ended(*status))]
    SetUp { name: String, status: ExitStatus, output: String },

    #[error("failed to read an event of {name}: `{line}`")]
    Event { name: String, line: String, source: serde_json::Error },

    #[error("{name} {} although its tests passed", ended(*status))]
    Unclean { name: String, status: ExitStatus, output: String },

    #[error("no tests: {why}")]
    NoTests { why: String, hint: Option<String> },

    #[error("failed to write to standard output")]
    Output(#[source] io::Error),
}

fn is_out_of_files(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    matches!(errno, Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE))
}

impl Error {
    /// For `map_err`: what was done, to what.
    pub fn os(op: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::Os { op, path, source }
    }

    pub fn exit(&self) -> Exit {
        match self {
            Error::NoTests { .. } => Exit::NoTests,
            Error::Build { .. } => Exit::Build,
            Error::Unclean { .. } => Exit::Failed,
            _ => Exit::SetUp,
        }
    }

    /// What to do about it, where we know.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::Config(error) => return error.hint().map(str::to_owned),
            Error::Project(error) => return error.hint().map(str::to_owned),
            Error::Firmware { source, .. } => return source.hint(),
            Error::Prepare { source, .. } => return source.hint(),
            Error::Launcher(error) => return error.hint(),
            Error::ListLine { .. } => {
                "a runner or a `main` of its own that prints while tests are listed has to be silent"
            }
            Error::Event { .. } => {
                "the crate `fwtest` of that test binary and this `cargo fwtest` are of different \
                 versions; update the older one"
            }
            Error::NoTests { hint, .. } => return hint.clone(),
            Error::Os { source, .. } if is_out_of_files(source) => {
                "raise the limit of open files (`ulimit -n`)"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// What the program that failed wrote last.
    pub fn output(&self) -> Option<&str> {
        match self {
            Error::List { output, .. }
            | Error::SetUp { output, .. }
            | Error::Unclean { output, .. } => Some(output),
            _ => None,
        }
    }

    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Error::Output(source) if source.kind() == io::ErrorKind::BrokenPipe)
    }
}
