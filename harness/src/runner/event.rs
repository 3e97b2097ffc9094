//! What a test binary tells `cargo fwtest` while it runs: one JSON object a line, on the descriptor
//! that [`EVENTS_FD`] names.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Environment: the number of the descriptor that takes events.
pub const EVENTS_FD: &str = "FWTEST_EVENTS_FD";
/// Environment: the number of a descriptor that is a launcher's client socket; without it the test
/// binary starts a launcher of its own.
pub const LAUNCHER_FD: &str = "FWTEST_LAUNCHER_FD";
/// Environment: a file that names the tests to run, one a line; what is not named is left out.
pub const TESTS_FILE: &str = "FWTEST_TESTS_FILE";
/// Environment: the fwtest.toml to use; without it the nearest one upwards from the package.
pub const CONFIG: &str = "FWTEST_CONFIG";
/// Environment: of which tests the instance's files are kept: `failed` (default), `all`, `none`.
pub const KEEP: &str = "FWTEST_KEEP";
/// Environment: where they are kept; without it `target/fwtest` beside fwtest.toml.
pub const KEEP_DIR: &str = "FWTEST_KEEP_DIR";
/// Environment: the command, ready for a shell, to which `--exact NAME` is added to run a test again.
pub const REPRODUCE: &str = "FWTEST_REPRODUCE";
/// Environment: the layers that a run must have, with commas between them, or no test runs.
pub const REQUIRE: &str = "FWTEST_REQUIRE";
/// Environment: set to `1`, the guests' consoles go to standard error while tests run.
pub const NO_CAPTURE: &str = "FWTEST_NO_CAPTURE";

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// What protects the host in this run, in a line for the reader: told once, before any test.
    Layers {
        /// `user namespace (65536 ids), overlayfs on tmpfs, …`
        text: String,
    },
    /// A test has begun.
    Started {
        /// Its name.
        test: String,
    },
    /// A test has ended.
    Finished {
        /// Its name.
        test: String,
        /// How.
        outcome: Outcome,
        /// How long it took.
        seconds: f64,
        /// Where its instance's files are kept.
        #[serde(serialize_with = "lossy")]
        kept: Option<PathBuf>,
    },
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it should.
    Passed,
    /// It did not; with the whole report, lines and all.
    Failed {
        /// The report.
        report: String,
    },
}

/// JSON is Unicode, and a path need not be; an event that is not told would lose its test.
fn lossy<S: serde::Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(serializer)
}
