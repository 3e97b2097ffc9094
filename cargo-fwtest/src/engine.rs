//! What this command asks of the crate `fwtest`, and the only file that asks it.

use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// fwtest.toml.
#[derive(Debug)]
pub struct Config {
    pub path: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("failed to find `fwtest.toml` in `{}` or above", start.display())]
    NotFound { start: PathBuf },
}

impl ConfigError {
    pub fn hint(&self) -> Option<&str> {
        match self {
            ConfigError::NotFound { .. } => Some(
                "it says what to boot: `[firmware.NAME]` and below it `rootfs = \"PATH\"` are enough",
            ),
        }
    }
}

impl Config {
    /// The nearest one, from the directory `start` upwards.
    pub fn find(start: &Path) -> Result<Config, ConfigError> {
        let paths = start.ancestors().map(|above| above.join("fwtest.toml"));
        match paths.into_iter().find(|path| path.is_file()) {
            Some(path) => Ok(Config { path }),
            None => Err(ConfigError::NotFound { start: start.to_path_buf() }),
        }
    }

    /// Suites are searched below it.
    pub fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}

/// The process that all test binaries of a run get their sandboxes from.
pub struct Launcher(Infallible);

impl Launcher {
    /// Forks it, so the process must have one thread. `None`: each test binary makes its own.
    pub fn start() -> io::Result<Option<Launcher>> {
        Ok(None)
    }

    /// A new client socket, for a child to inherit.
    pub fn client(&self) -> io::Result<OwnedFd> {
        match self.0 {}
    }
}

/// Runs this process as a test binary that holds the suites alone; its arguments are those of
/// libtest-mimic, after [`crate::source::SUITES`].
pub fn suites_main() -> Option<fn() -> ExitCode> {
    None
}
