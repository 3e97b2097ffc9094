//! Sources: the programs that hold tests. Each is a plain test binary, as libtest-mimic makes them;
//! the suites are held by this executable itself.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use fwtest::runner::event;

use crate::cargo::{Binary, Project};
use crate::engine::{Config, SuiteTest};
use crate::error::Error;

/// The first argument with which this executable is the test binary of the suites.
pub const SUITES: &str = "__suites";

#[derive(Debug)]
pub struct Source {
    /// For messages: ``the test binary `web` ``.
    pub name: String,
    pub tests: Tests,
    program: PathBuf,
    arguments: Vec<OsString>,
    directory: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

/// How the tests of a source get known.
#[derive(Debug)]
pub enum Tests {
    /// They were read.
    Known(Vec<SuiteTest>),
    /// It lists them.
    Asked,
}

impl Source {
    /// The test binaries in Cargo's order, then the suites: where both hold a test, the binary runs
    /// it, for it is what `cargo test` runs.
    pub fn all(
        binaries: Vec<Binary>,
        suites: Option<Vec<SuiteTest>>,
        project: Option<&Project>,
        config: &Config,
    ) -> Result<Vec<Source>, Error> {
        // insta runs `cargo metadata` for it in every test binary otherwise.
        let root = project.map_or(config.directory(), |project| &project.root);
        let mut sources: Vec<Source> = binaries.into_iter().map(Source::binary).collect();
        if let Some(tests) = suites {
            sources.push(Source::suites(tests, config)?);
        }
        for source in &mut sources {
            source.environment.push((event::CONFIG, (&config.path).into()));
            if env::var_os("INSTA_WORKSPACE_ROOT").is_none() {
                source.environment.push(("INSTA_WORKSPACE_ROOT", root.into()));
            }
        }
        Ok(sources)
    }

    fn binary(binary: Binary) -> Source {
        Source {
            name: format!("the test binary `{}`", binary.target),
            tests: Tests::Asked,
            program: binary.path,
            arguments: Vec::new(),
            environment: vec![
                ("CARGO_MANIFEST_DIR", binary.directory.clone().into()),
                ("CARGO_PKG_NAME", binary.package.into()),
                ("CARGO_PKG_VERSION", binary.version.into()),
            ],
            directory: binary.directory,
        }
    }

    fn suites(tests: Vec<SuiteTest>, config: &Config) -> Result<Source, Error> {
        Ok(Source {
            name: "the suites".to_owned(),
            tests: Tests::Known(tests),
            program: env::current_exe().map_err(Error::os("find", "/proc/self/exe"))?,
            arguments: vec![SUITES.into()],
            directory: config.directory().to_path_buf(),
            environment: Vec::new(),
        })
    }

    /// It, with no argument of libtest-mimic's yet.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .current_dir(&self.directory)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    pub fn program(&self) -> PathBuf {
        self.program.clone()
    }
}

pub fn is_suites(mut arguments: impl Iterator<Item = OsString>) -> bool {
    arguments.nth(1).is_some_and(|word| word == SUITES)
}
