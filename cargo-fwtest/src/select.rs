//! Which of the tests that exist are run. Decided by names alone.

use std::collections::HashSet;

use globset::{Glob, GlobMatcher};

use crate::cli::{FilterArgs, RunIgnored};
use crate::engine::{self, Config, Firmware, Launcher, shown};
use crate::error::Error;
use crate::list::Test;

pub struct Filter<'a> {
    args: &'a FilterArgs,
    firmwares: Vec<GlobMatcher>,
}

#[derive(Debug, PartialEq)]
pub struct Selection {
    pub run: Vec<Test>,
    /// Ignored, though the filter matches them.
    pub skipped: Vec<Test>,
    /// How many tests exist.
    pub total: usize,
}

impl Selection {
    /// Prepares each firmware that some test to run is for, and fails for the first that cannot
    /// boot: no test on it could say anything else.
    pub fn prepare(&self, config: &Config, launcher: &Launcher) -> Result<(), Error> {
        let wanted: HashSet<&str> = self.run.iter().map(|test| firmware(&test.name)).collect();
        let wanted = config.firmwares.iter().filter(|it| wanted.contains(it.name.as_str()));
        for firmware in wanted {
            let Firmware { name, rootfs, .. } = firmware;
            engine::preflight(firmware).map_err(|source| Error::Firmware {
                name: name.to_string(),
                rootfs: shown(rootfs).into_owned(),
                source: Box::new(source),
            })?;
            let prepared = engine::has_apparmor(firmware).and_then(|()| launcher.prepare(rootfs));
            prepared.map_err(|source| Error::Prepare {
                name: name.to_string(),
                source: Box::new(source),
            })?;
        }
        Ok(())
    }
}

impl<'a> Filter<'a> {
    pub fn new(args: &'a FilterArgs) -> Result<Filter<'a>, Error> {
        let firmwares = args.firmware.iter().map(|text| glob(text)).collect::<Result<_, _>>()?;
        Ok(Filter { args, firmwares })
    }

    /// Fails when nothing is left to run: a filter that is misspelt must not look like success.
    pub fn select(&self, tests: Vec<Test>) -> Result<Selection, Error> {
        let total = tests.len();
        let (matched, rest): (Vec<Test>, _) = tests.into_iter().partition(|test| self.has(test));
        let (run, skipped): (Vec<Test>, _) =
            matched.into_iter().partition(|test| match self.args.run_ignored {
                RunIgnored::Default => !test.ignored,
                RunIgnored::Only => test.ignored,
                RunIgnored::All => true,
            });
        if !run.is_empty() {
            // With `--run-ignored only` the others are not skipped: they were not asked for.
            let skipped = skipped.into_iter().filter(|test| test.ignored).collect();
            return Ok(Selection { run, skipped, total });
        }
        let (why, hint) = self.explain(&skipped, &rest);
        Err(Error::NoTests { why, hint })
    }

    fn has(&self, test: &Test) -> bool {
        let matches = |filter: &String| match self.args.exact {
            true => test.name == *filter,
            false => test.name.contains(filter.as_str()),
        };
        let (filters, firmware) = (&self.args.filters, firmware(&test.name));
        (filters.is_empty() || filters.iter().any(matches))
            && !self.args.skip.iter().any(matches)
            && (self.firmwares.is_empty()
                || self.firmwares.iter().any(|glob| glob.is_match(firmware)))
    }

    /// Why nothing is left, and what would leave something.
    fn explain(&self, skipped: &[Test], rest: &[Test]) -> (String, Option<String>) {
        if let Some(example) = skipped.first() {
            if self.args.run_ignored == RunIgnored::Only {
                return ("none of those that the filter matches is ignored".to_owned(), None);
            }
            return (
                format!("what the filter matches is ignored ({})", counted(skipped.len(), "test")),
                Some(format!("`--run-ignored all` runs those too, such as `{}`", example.name)),
            );
        }
        if rest.is_empty() {
            return (
                "there is neither a suite nor a test target that uses fwtest".to_owned(),
                Some(
                    "a suite is a file `NAME.fw.toml` beside or below `fwtest.toml`; a test target \
                     has `harness = false` and ends in `fwtest::main!();`"
                        .to_owned(),
                ),
            );
        }
        let why = format!("the filter matches none of {}", counted(rest.len(), "test"));
        let asked =
            |test: &&Test| self.firmwares.iter().any(|it| it.is_match(firmware(&test.name)));
        if !self.firmwares.is_empty() && !rest.iter().any(|test| asked(&test)) {
            let mut names: Vec<_> = rest.iter().map(|test| firmware(&test.name)).collect();
            names.sort();
            names.dedup();
            let why = format!("none is for the firmware `{}`", self.args.firmware.join("` or `"));
            return (why, Some(format!("there are tests for `{}`", names.join("`, `"))));
        }
        let wanted = match &self.args.filters[..] {
            [] => &self.args.firmware,
            filters => filters,
        };
        let nearest = nearest(wanted, rest.iter().map(|test| test.name.as_str()));
        let hint = match nearest.is_empty() {
            true => "`cargo fwtest --list` prints their names".to_owned(),
            false => format!("the nearest: {}", nearest.join(", ")),
        };
        (why, Some(hint))
    }
}

pub fn glob(text: &str) -> Result<GlobMatcher, Error> {
    let glob = Glob::new(text).map_err(|source| Error::Glob { glob: text.to_owned(), source })?;
    Ok(glob.compile_matcher())
}

/// `1 test`, `2 tests`.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn firmware(name: &str) -> &str {
    name.split("::").next().unwrap_or(name)
}

/// At most three names, quoted, that are like one of `wanted`, the likest first.
fn nearest<'t>(wanted: &[String], names: impl Iterator<Item = &'t str>) -> Vec<String> {
    let likeness = |name: &str| {
        let parts = name.split("::").chain([name]);
        let pairs = parts.flat_map(|part| wanted.iter().map(move |text| (part, text)));
        pairs.map(|(part, text)| strsim::jaro_winkler(part, text)).fold(0.0, f64::max)
    };
    let mut scored: Vec<(f64, &str)> = names.map(|name| (likeness(name), name)).collect();
    scored.retain(|(score, _)| *score > 0.75);
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored.iter().take(3).map(|(_, name)| format!("`{name}`")).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        filter: FilterArgs,
    }

    /// What is run of these, or why nothing is; the one in parentheses is ignored.
    #[track_caller]
    fn check(line: &str, expected: &str) {
        const NAMES: [&str; 4] =
            ["router::web::ui", "router::web::login", "camera::web::ui", "(router::boot::slow)"];
        let test = |name: &str| Test {
            ignored: name.starts_with('('),
            name: name.trim_matches(['(', ')']).to_owned(),
            source: 0,
        };
        let args = Line::parse_from(format!("x {line}").split_whitespace()).filter;
        let found = match Filter::new(&args).unwrap().select(NAMES.map(test).into()) {
            Ok(selection) => {
                let names: Vec<_> = selection.run.into_iter().map(|test| test.name).collect();
                names.join(" ")
            }
            Err(Error::NoTests { why, hint }) => format!("{why}; {}", hint.unwrap_or_default()),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(found, expected, "of `{line}`");
    }

    #[test]
    fn filters_firmwares_and_skips_narrow_what_is_run() {
        check("", "router::web::ui router::web::login camera::web::ui");
        check("ui", "router::web::ui camera::web::ui");
        check("login camera", "router::web::login camera::web::ui");
        check("--exact router::web::ui", "router::web::ui");
        check("--skip ui", "router::web::login");
        check("--skip router --skip nothing", "camera::web::ui");
        check("--firmware camera", "camera::web::ui");
        check("--firmware r*", "router::web::ui router::web::login");
        check("--firmware r* --firmware c* ui", "router::web::ui camera::web::ui");
        check("--run-ignored only", "router::boot::slow");
        check("--run-ignored all --firmware router boot", "router::boot::slow");
    }

    #[test]
    fn nothing_to_run_says_why() {
        check("logni", "the filter matches none of 4 tests; the nearest: `router::web::login`");
        check(
            "--firmware ruoter",
            "none is for the firmware `ruoter`; there are tests for `camera`, `router`",
        );
        check(
            "zzz",
            "the filter matches none of 4 tests; `cargo fwtest --list` prints their names",
        );
        check(
            "slow",
            "what the filter matches is ignored (1 test); `--run-ignored all` runs those too, such \
             as `router::boot::slow`",
        );
        check("ui --run-ignored only", "none of those that the filter matches is ignored; ");
    }
}
