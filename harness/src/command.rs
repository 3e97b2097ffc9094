//! What the command `cargo fwtest` and the benchmark take from this crate besides what tests do. Not
//! for others.

use std::process::ExitCode;

pub use crate::sandbox::{Launcher, StepError};

/// Says which launcher this process's instances come from. The first one stays.
pub fn use_launcher(launcher: Result<Launcher, StepError>) {
    crate::instance::use_launcher(launcher);
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
