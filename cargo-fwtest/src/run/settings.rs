use std::env;
use std::ffi::OsString;
use std::process::{Command, Stdio};

use fwtest::runner::event;

use crate::cargo::Project;
use crate::cli::{Cli, RunArgs, RunIgnored};
use crate::engine::{Config, shell_word};

/// What is the same for every child.
#[derive(Debug)]
pub struct Settings {
    pub fail_fast: bool,
    pub capture: Capture,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
}

/// What becomes of a child's standard output and standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capture {
    /// Its end is shown when the child dies.
    Kept,
    /// They are ours.
    Inherited,
}

impl Settings {
    pub fn new(cli: &Cli, config: &Config, project: Option<&Project>) -> Settings {
        let args = &cli.run;
        let target = match project {
            Some(project) => project.target_directory.clone(),
            None => config.directory().join("target"),
        };
        let mut environment = vec![
            (event::KEEP, args.keep.as_str().into()),
            (event::KEEP_DIR, target.join("fwtest").into()),
            (event::REPRODUCE, again(cli).into()),
            // The failure report holds the difference.
            ("INSTA_OUTPUT", "none".into()),
        ];
        let given = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        if let Some(update) = insta_update(args.accept, given("CI"), given("INSTA_UPDATE")) {
            environment.push(("INSTA_UPDATE", update.into()));
        }
        if !args.require.is_empty() {
            environment.push((event::REQUIRE, args.require.join(",").into()));
        }
        if args.no_capture {
            environment.push((event::NO_CAPTURE, "1".into()));
        }
        Settings {
            fail_fast: args.fail_fast,
            capture: if args.no_capture { Capture::Inherited } else { Capture::Kept },
            arguments: arguments(args),
            environment,
        }
    }

    pub fn apply(&self, command: &mut Command) {
        let stdio = || match self.capture {
            Capture::Kept => Stdio::piped(),
            Capture::Inherited => Stdio::inherit(),
        };
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(stdio())
            .stderr(stdio());
    }
}

/// This command for a shell, with what it takes to have the same tests.
fn again(cli: &Cli) -> String {
    let mut words = cli.cargo.manifest();
    words.extend(cli.cargo.selection());
    words.extend(cli.cargo.compilation());
    if cli.filter.run_ignored != RunIgnored::Default {
        words.extend(["--run-ignored".into(), "all".into()]);
    }
    let words = words.iter().map(|word| shell_word(&word.to_string_lossy()));
    ["cargo".to_owned(), "fwtest".to_owned()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

/// libtest-mimic's. Which tests are run, the tests file says.
fn arguments(args: &RunArgs) -> Vec<OsString> {
    // Its report would stand between ours and what the tests print.
    let mut words: Vec<OsString> =
        ["--include-ignored", "--logfile", "/dev/null"].map(Into::into).into();
    let threads = match args.test_threads {
        Some(threads) => Some(threads.get()),
        None => args.no_capture.then_some(1),
    };
    words.extend(threads.map(|threads| format!("--test-threads={threads}").into()));
    words
}

/// By itself insta writes nothing under CI, and then there is nothing to download and review.
fn insta_update(accept: bool, ci: bool, given: bool) -> Option<&'static str> {
    match (accept, ci, given) {
        (true, _, _) => Some("always"),
        (false, true, false) => Some("new"),
        (false, _, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_run_again_with_the_flags_that_say_where_it_is() {
        let check = |line: &str, expected| {
            let words = ["cargo-fwtest"].into_iter().chain(line.split_whitespace());
            assert_eq!(again(&Cli::from(words.map(OsString::from))), expected);
        };
        check("", "cargo fwtest");
        check("web --firmware router -j2 --no-capture --keep all", "cargo fwtest");
        check(
            "-p web --test ui* -r -F a --run-ignored only x",
            "cargo fwtest --package web --test 'ui*' --features a --release --run-ignored all",
        );
        check(
            "--workspace --exclude odd --manifest-path ../Cargo.toml",
            "cargo fwtest --manifest-path ../Cargo.toml --workspace --exclude odd",
        );
    }

    #[test]
    fn snapshots_are_accepted_on_demand_and_written_in_ci() {
        assert_eq!(insta_update(true, true, true), Some("always"));
        assert_eq!(insta_update(false, true, false), Some("new"));
        assert_eq!(insta_update(false, true, true), None, "the user has chosen");
        assert_eq!(insta_update(false, false, false), None, "insta's own default is right");
    }
}
