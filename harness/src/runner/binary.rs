//! A test binary: `main`, from the arguments to the exit code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Conclusion, Trial};

use super::event::{CONFIG, EVENTS_FD, Event, LAUNCHER_FD, REQUIRE};
use super::layers::{Layers, RequireError};
use super::{panics, plan, sink};
use crate::firmware::{AppArmor, Config};
use crate::sandbox::{AskError, Launcher, StepError, sys};

/// What `fwtest::main!` knows of the crate that it stands in.
#[derive(Clone, Debug)]
pub struct Binary {
    /// `CARGO_MANIFEST_DIR` at compile time; the run-time one goes first.
    pub manifest_directory: &'static str,
    /// `file!()` of the macro's call.
    pub file: &'static str,
    /// The fwtest.toml, where it is not the nearest one.
    pub config: Option<PathBuf>,
    /// Whether the suites of the project run too.
    pub suites: bool,
    /// Where libtest's arguments begin: what stands before is somebody else's.
    pub first_argument: usize,
    /// Calls insta's macro in that crate, where `cargo insta` looks for snapshots.
    pub snapshot: super::context::SnapshotFn,
}

/// Set-up went wrong: nextest's code for it.
const SETUP_ERROR: u8 = 96;

/// What `fwtest::main!` calls: runs the tests that the arguments select, as libtest would.
#[must_use]
pub fn run(binary: Binary) -> ExitCode {
    if !end_with_the_command() {
        return ExitCode::from(SETUP_ERROR);
    }
    let arguments = arguments(binary.first_argument);
    let listing = arguments.list;
    // Before there is any other thread: the launcher is a copy of this process.
    let launcher = (!listing).then(start_launcher);
    prepare_insta(&binary);
    let (trials, modes) = match trials(&binary, &arguments) {
        Ok(found) => found,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(SETUP_ERROR);
        }
    };
    if let Some(launcher) = launcher {
        if !trials.iter().any(|trial| !arguments.is_filtered_out(trial)) {
            return libtest_mimic::run(&arguments, trials).exit_code();
        }
        let ignored_too = arguments.ignored || arguments.include_ignored;
        let runs = |trial: &&Trial| {
            !arguments.is_filtered_out(trial) && (ignored_too || !trial.has_ignored_flag())
        };
        let wanted = trials.iter().filter(runs);
        let wanted = wanted.filter_map(|trial| modes.get(trial.name().split("::").next()?));
        let wanted: BTreeSet<AppArmor> = wanted.copied().collect();
        let launched = launcher.as_ref().map_err(|error| error.again().into());
        if let Err(error) = launched.and_then(|launcher| tell_layers(launcher, &wanted)) {
            eprintln!("{}", super::failure::setup(&error, error.hint().as_deref()));
            return ExitCode::from(SETUP_ERROR);
        }
        crate::instance::use_launcher(launcher);
    }
    panics::install_hook();
    let conclusion: Conclusion = libtest_mimic::run(&arguments, trials);
    if let Err(error) = crate::instance::end_launcher() {
        eprintln!("{}", super::failure::setup(&error, error.hint().as_deref()));
        return ExitCode::from(SETUP_ERROR);
    }
    conclusion.exit_code()
}

/// Libtest's arguments, and its environment variable for the number of threads.
fn arguments(first: usize) -> Arguments {
    let mut arguments = Arguments::from_iter(std::env::args().skip(first));
    if arguments.test_threads.is_none() {
        arguments.test_threads =
            std::env::var("RUST_TEST_THREADS").ok().and_then(|threads| threads.parse().ok());
    }
    arguments
}

/// A test binary whose `cargo fwtest` is killed has nobody to tell its results to, and a test of it
/// may wait for something of its own, for ever. False when it has been killed already.
fn end_with_the_command() -> bool {
    if std::env::var_os(EVENTS_FD).is_none() {
        return true;
    }
    // It starts us from its only thread, which ends when it does: prctl(2) means the thread.
    let kill = rustix::process::Signal::KILL;
    let _ = rustix::process::set_parent_process_death_signal(Some(kill));
    sink::heard()
}

fn start_launcher() -> Result<Launcher, StepError> {
    let number = std::env::var(LAUNCHER_FD).ok().and_then(|number| number.parse().ok());
    match number {
        // One that cannot be adopted is as good as none: we make our own.
        Some(number) => Launcher::adopt(number).or_else(|_| Launcher::start()),
        None => Launcher::start(),
    }
}

/// Says what this run has, once, before any test; and sees that it is what is required. `wanted` is
/// what the firmwares of the tests to run want of AppArmor.
fn tell_layers(launcher: &Launcher, wanted: &BTreeSet<AppArmor>) -> Result<(), SetupError> {
    let mut apparmor = Err("`apparmor` is off for all firmwares of this run".to_owned());
    for wanted in wanted.iter().filter(|wanted| **wanted != AppArmor::Off) {
        apparmor = match launcher.apparmor(*wanted)? {
            Ok(()) => Ok(()),
            Err(why) => Err(why.to_string()),
        };
    }
    let layers = Layers::of(&launcher.ready()?, launcher.means()?, apparmor);
    if let Some(required) = std::env::var_os(REQUIRE) {
        layers.check(&required.to_string_lossy())?;
    }
    let text = layers.to_string();
    if !sink::send(&Event::Layers { text: text.clone() }) && std::env::var_os("NEXTEST").is_none() {
        eprintln!("fwtest: {text}");
    }
    Ok(())
}

/// Why no test runs.
#[derive(Debug, thiserror::Error)]
enum SetupError {
    #[error(transparent)]
    Step(#[from] StepError),
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Layers(#[from] RequireError),
}

impl SetupError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Step(error) => error.hint(),
            Self::Ask(error) => error.hint(),
            Self::Layers(error) => Some(error.hint()),
        }
    }
}

#[expect(unsafe_code, reason = "sets environment variables")]
fn prepare_insta(binary: &Binary) {
    let root = workspace_root(binary);
    let defaults = [
        // The failure report has the difference already, in its own place.
        ("INSTA_OUTPUT", Some("none".into())),
        // In CI insta writes nothing by default, and then nobody can review anything.
        ("INSTA_UPDATE", std::env::var_os("CI").map(|_| "new".into())),
        // Else insta asks cargo, once in every process, for what we know.
        ("INSTA_WORKSPACE_ROOT", root.map(PathBuf::into_os_string)),
    ];
    for (name, value) in defaults {
        if let (None, Some(value)) = (std::env::var_os(name), value) {
            // SAFETY: the only thread is this one: `main!` calls us first.
            unsafe { sys::set_env(name, &value) };
        }
    }
}

/// The directory that `file!()` counts from.
fn workspace_root(binary: &Binary) -> Option<PathBuf> {
    // `cargo fwtest` knows it, and only it does where there is no source file.
    if let Some(root) = std::env::var_os("INSTA_WORKSPACE_ROOT") {
        return Some(PathBuf::from(root));
    }
    let package = package_directory(binary);
    package.ancestors().find(|root| root.join(binary.file).is_file()).map(Path::to_owned)
}

fn package_directory(binary: &Binary) -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(binary.manifest_directory), PathBuf::from)
}

/// What each firmware wants of AppArmor, by name.
type Modes = BTreeMap<String, AppArmor>;

fn trials(binary: &Binary, arguments: &Arguments) -> Result<(Vec<Trial>, Modes), String> {
    let path = binary.config.clone().or_else(|| std::env::var_os(CONFIG).map(PathBuf::from));
    let config = match path {
        Some(path) => Config::load(&path).map_err(Into::into),
        None => Config::find(&package_directory(binary)),
    };
    let root = workspace_root(binary).unwrap_or_else(|| package_directory(binary));
    let context = super::context::Crate { root, snapshot: binary.snapshot };
    match config {
        Ok(config) => {
            let modes = config.firmwares.iter().map(|it| (it.name.to_string(), it.apparmor));
            let modes = modes.collect();
            Ok((plan::trials(config, context, binary.suites, arguments)?, modes))
        }
        // Under nextest a binary that cannot list ends the whole run: one trial says why instead.
        Err(error) => {
            let message = super::failure::setup(&error, error.hint());
            Ok((vec![plan::broken("fwtest.toml", message)], Modes::new()))
        }
    }
}
