//! `cargo fwtest`: finds, builds, runs and reports the tests of a repository's firmwares.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test ends at what it did not expect"))]

mod cargo;
mod clean;
mod cli;
mod doctor;
mod engine;
mod error;
mod exit;
mod list;
mod report;
mod run;
mod select;
mod source;

use std::env;
use std::process::ExitCode;

use cargo::Project;
use cli::{Cli, Command};
use engine::{Config, suite_tests};
use error::Error;
use exit::Exit;
use report::Report;
use select::Filter;
use source::Source;

fn main() -> ExitCode {
    // The suites are run by this executable again, as a test binary like any other.
    if source::is_suites(env::args_os()) {
        return engine::suites_main();
    }
    let cli = Cli::from(env::args_os());
    let mut report = Report::new(cli.color, cli.run.no_capture);
    match run(&cli, &mut report) {
        Ok(exit) => exit.into(),
        Err(error) if error.is_broken_pipe() => Exit::Passed.into(), // `| head` is no failure
        Err(error) => {
            report.error(&error);
            error.exit().into()
        }
    }
}

fn run(cli: &Cli, report: &mut Report) -> Result<Exit, Error> {
    if let Some(Command::Doctor { apparmor }) = cli.command {
        if apparmor {
            report.text(&engine::apparmor_profile()).map_err(Error::Output)?;
            return Ok(Exit::Passed);
        }
        let findings = doctor::examine();
        report.findings(&findings).map_err(Error::Output)?;
        return Ok(doctor::verdict(&findings));
    }
    if let Some(Command::Clean) = cli.command {
        return clean::clean(&run::launcher()?).map(|()| Exit::Passed);
    }
    // First what costs nothing to find wrong, and last what takes a build.
    let directory = cli.cargo.directory()?;
    let config = Config::find(&directory).map_err(|error| error.relative_to(&directory))?;
    let suites = match cli.cargo.test.is_empty() {
        true => Some(suite_tests(&config).map_err(|error| error.relative_to(&directory))?),
        false => None,
    };
    let filter = Filter::new(&cli.filter)?;
    let project = Project::find(&directory, &cli.cargo)?;
    let launcher = match cli.run.list {
        true => None,
        false => Some(run::launcher()?),
    };
    let binaries = match &project {
        Some(project) => cargo::build(project, &cli.cargo, cli.color)?,
        None => Vec::new(),
    };
    let sources = Source::all(binaries, suites, project.as_ref(), &config)?;
    let selection = filter.select(list::list(&sources)?)?;
    let Some(launcher) = launcher else {
        report.names(&selection).map_err(Error::Output)?;
        return Ok(Exit::Passed);
    };
    selection.prepare(&config, &launcher)?;
    let settings = run::Settings::new(cli, &config, project.as_ref());
    let tally = run::run(&sources, &selection, &settings, launcher, report)?;
    report.summary(&tally).map_err(Error::Output)?;
    tally.exit()
}
