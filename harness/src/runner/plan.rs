//! Which trials there are: every test on every firmware that it is for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};

use super::context::{Crate, Current};
use super::event::{Event, Outcome, TESTS_FILE};
use super::failure::setup;
use super::sink;
use super::trial::{Body, Plan};
use crate::firmware::{Config, Firmware};
use crate::registry::TESTS;
use crate::snapshot::{Normaliser, Rule};
use crate::suite::{DiscoverError, Suite, SuiteFile, discover};
use crate::toml_error::LoadError;

/// How long a Rust test may run where it does not say.
const TIMEOUT: Duration = Duration::from_secs(30);

/// All trials that the arguments and [`TESTS_FILE`] could select, by name.
pub(super) fn trials(
    config: Config,
    krate: Crate,
    suites: bool,
    arguments: &Arguments,
) -> Result<Vec<Trial>, String> {
    let normaliser = match normaliser(&config) {
        Ok(normaliser) => Arc::new(normaliser),
        Err(error) => return Ok(vec![broken("fwtest.toml", setup(&error, None))]),
    };
    let planner = Planner { config, krate, normaliser };
    let mut trials = planner.rust_tests();
    if suites {
        trials.extend(planner.suites(arguments));
    }
    // The linker's order is none.
    trials.sort_by(|a, b| a.name().cmp(b.name()));
    if let Some(path) = std::env::var_os(TESTS_FILE) {
        let path = PathBuf::from(path);
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("error: failed to read {}: {error}", path.display()))?;
        let wanted: BTreeSet<&str> = text.lines().collect();
        trials.retain(|trial| wanted.contains(trial.name()));
    }
    Ok(trials)
}

/// A trial that only says what is wrong.
pub(super) fn broken(name: &str, message: String) -> Trial {
    let test = name.to_owned();
    Trial::test(name, move || {
        sink::send(&Event::Started { test: test.clone() });
        let outcome = Outcome::Failed { report: message.clone() };
        sink::send(&Event::Finished { test, outcome, seconds: 0.0, kept: None });
        Err(Failed::from(message))
    })
}

/// The suites of a project.
pub(crate) fn suite_files(config: &Config) -> Result<Vec<SuiteFile>, DiscoverError> {
    let rootfs: Vec<_> = config.firmwares.iter().map(|firmware| firmware.rootfs.clone()).collect();
    discover(config.directory(), &rootfs)
}

/// A suite, and the firmwares that it is for.
pub(crate) fn load_suite<'c>(
    config: &'c Config,
    file: &SuiteFile,
) -> Result<(Suite, Vec<&'c Firmware>), LoadError> {
    let suite = Suite::load(&file.path)?;
    let firmwares = suite.firmwares(config)?;
    Ok((suite, firmwares))
}

/// `firmware::file::test`
pub(crate) fn full_name(firmware: &Firmware, rest: &str) -> String {
    format!("{}::{rest}", firmware.name)
}

pub(crate) fn normaliser(config: &Config) -> Result<Normaliser, crate::snapshot::RuleError> {
    let rules = config
        .snapshot
        .normalise
        .iter()
        .map(|rule| Rule { path: rule.path.glob().to_owned(), name: rule.replacement.clone() });
    let ignored: Vec<_> =
        config.snapshot.ignore.iter().map(|glob| glob.glob().to_owned()).collect();
    let normaliser = Normaliser::new(&rules.collect::<Vec<_>>(), &ignored)?;
    Ok(normaliser.without_attempts(config.snapshot.ignore_attempts.iter().copied()))
}

struct Planner {
    config: Config,
    krate: Crate,
    normaliser: Arc<Normaliser>,
}

impl Planner {
    fn rust_tests(&self) -> Vec<Trial> {
        let mut trials = Vec::new();
        for case in TESTS {
            let firmwares = match case.firmware {
                None => self.config.firmwares.iter().collect(),
                Some(glob) => match self.config.firmwares_matching(glob) {
                    Ok(firmwares) => firmwares,
                    Err(error) => {
                        let message = setup(&error, error.hint().as_deref());
                        trials.push(broken(case.name, message));
                        continue;
                    }
                },
            };
            for firmware in firmwares {
                let source = self.krate.root.join(case.file);
                let plan = self.plan(firmware, case.name, &source, None, Body::Rust(case.run));
                let timeout = case.timeout.map_or(TIMEOUT, Duration::from_millis);
                trials.push(plan.into_trial(timeout, case.ignore.is_some()));
            }
        }
        trials
    }

    fn suites(&self, arguments: &Arguments) -> Vec<Trial> {
        let files = match suite_files(&self.config) {
            Ok(files) => files,
            Err(error) => return vec![broken("suites", setup(&error, error.hint()))],
        };
        let mut trials = Vec::new();
        for file in files {
            // One process per test must not read every suite each time.
            let elsewhere = arguments.exact
                && arguments.filter.as_ref().is_some_and(|name| !name.contains(&file.prefix));
            if !elsewhere {
                trials.extend(self.suite(&file));
            }
        }
        trials
    }

    fn suite(&self, file: &SuiteFile) -> Vec<Trial> {
        let (suite, firmwares) = match load_suite(&self.config, file) {
            Ok(loaded) => loaded,
            Err(error) => {
                let name = format!("suite::{}", file.prefix);
                return vec![broken(&name, setup(&error, error.hint()))];
            }
        };
        // As `file!()` names what it names. It is in snapshots, which are the same wherever the
        // project lies.
        let roots = [&*self.krate.root, self.config.directory()];
        let shown = roots.iter().find_map(|root| file.path.strip_prefix(root).ok());
        let shown = shown.unwrap_or(&file.path).to_owned();
        let mut trials = Vec::new();
        for firmware in firmwares {
            for test in &suite.tests {
                let name = format!("{}::{}", file.prefix, test.name);
                let body = Body::Suite { file: shown.clone(), steps: test.steps.clone() };
                let plan = self.plan(firmware, &name, &file.path, Some(shown.clone()), body);
                trials.push(plan.into_trial(test.timeout, test.ignore.is_some()));
            }
        }
        trials
    }

    fn plan(
        &self,
        firmware: &Firmware,
        name: &str,
        source: &Path,
        suite: Option<PathBuf>,
        body: Body,
    ) -> Plan {
        // The directory is the snapshot's already: of `tests::web::web_ui` the last two will do.
        let parts: Vec<&str> = name.split("::").collect();
        let stem = parts[parts.len().saturating_sub(2)..].join(".");
        let current = Current {
            stem,
            firmware: firmware.name.to_string(),
            root: self.krate.root.clone(),
            snapshots: source.parent().unwrap_or(Path::new(".")).join("snapshots"),
            suite,
            normaliser: Arc::clone(&self.normaliser),
            snapshot: self.krate.snapshot,
            taken: BTreeSet::new(),
        };
        let name = full_name(firmware, name);
        let keep_in = self.config.directory().join("target/fwtest");
        Plan { name, firmware: firmware.clone(), current, body, keep_in }
    }
}
