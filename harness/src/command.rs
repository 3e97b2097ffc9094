//! What the command `cargo fwtest` takes from this crate besides what tests do. Not for others.

use std::path::PathBuf;
use std::process::ExitCode;

pub use crate::firmware::CacheError;
pub use crate::sandbox::{Launcher, StepError};

/// Where this user's copies of firmwares are.
///
/// # Errors
/// When the environment does not say where caches go.
pub fn cache_directory() -> Result<PathBuf, CacheError> {
    crate::firmware::cache_directory()
}

/// Runs this process as the test binary of the suites: its arguments, from the second on, are
/// those of libtest.
#[must_use]
pub fn suites_main(snapshot: crate::runner::context::SnapshotFn) -> ExitCode {
    crate::runner::run(crate::runner::Binary {
        manifest_directory: ".",
        file: "",
        config: None,
        suites: true,
        first_argument: 1,
        snapshot,
    })
}
