//! What the command `cargo fwtest` and the benchmark take from this crate besides what tests do. Not
//! for others.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::firmware::Config;
use crate::runner::plan;
use crate::snapshot::RuleError;
use crate::suite::DiscoverError;
use crate::toml_error::LoadError;

pub use crate::firmware::CacheError;
pub use crate::sandbox::apparmor::{available as apparmor_available, text as apparmor_profile};
pub use crate::sandbox::{
    AppArmorError, AskError, DiskError, GroupError, Launcher, MaskKind, Means, Missing, StepError,
    Unavailable,
};

/// Where this user's copies of firmwares are.
///
/// # Errors
/// When the environment does not say where caches go.
pub fn cache_directory() -> Result<PathBuf, CacheError> {
    crate::firmware::cache_directory()
}

/// Says which launcher this process's instances come from. The first one stays.
pub fn use_launcher(launcher: Result<Launcher, StepError>) {
    crate::instance::use_launcher(launcher);
}

/// Ends the launcher, if it is of this process, and waits until it is gone.
///
/// # Errors
/// When that takes longer than 10 s.
pub fn end_launcher() -> Result<(), StepError> {
    crate::instance::end_launcher()
}

/// Where instances write that are to write to disk.
///
/// # Errors
/// When there is no such place.
pub fn disk_place() -> Result<PathBuf, DiskError> {
    crate::sandbox::disk_place()
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

/// A word for a shell.
#[must_use]
pub fn shell_word(word: &str) -> String {
    crate::runner::failure::quoted(word)
}

/// A test of a suite on one firmware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuiteTest {
    /// `firmware::file::test`
    pub name: String,
    /// It runs only when asked for.
    pub ignored: bool,
}

/// What is wrong with a project, seen before anything is built or booted.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// Its suites cannot be found.
    #[error(transparent)]
    Discover(#[from] DiscoverError),
    /// A suite cannot be read, or is for a firmware that there is not.
    #[error(transparent)]
    Suite(#[from] LoadError),
    /// A rule for snapshots is none.
    #[error("failed to read the rules for snapshots in fwtest.toml")]
    Rule(#[from] RuleError),
}

impl ProjectError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Discover(error) => error.hint(),
            Self::Suite(error) => error.hint(),
            Self::Rule(_) => None,
        }
    }

    /// The same error for a reader in `directory`: a file below it goes by its path from there.
    #[must_use]
    pub fn relative_to(self, directory: &Path) -> Self {
        match self {
            Self::Suite(error) => Self::Suite(error.relative_to(directory)),
            other => other,
        }
    }
}

/// The tests that [`suites_main`] would list, without a process for it.
///
/// # Errors
/// The first thing wrong with the project: what [`suites_main`] makes a failing test of.
pub fn suite_tests(config: &Config) -> Result<Vec<SuiteTest>, ProjectError> {
    plan::normaliser(config)?;
    let mut tests = Vec::new();
    for file in plan::suite_files(config)? {
        let (suite, firmwares) = plan::load_suite(config, &file)?;
        for firmware in firmwares {
            tests.extend(suite.tests.iter().map(|test| SuiteTest {
                name: plan::full_name(firmware, &format!("{}::{}", file.prefix, test.name)),
                ignored: test.ignore.is_some(),
            }));
        }
    }
    tests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tests)
}
