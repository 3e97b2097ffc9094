use std::ffi::OsString;

use clap::{Parser, Subcommand, ValueEnum};

use super::{CargoArgs, FilterArgs, RunArgs};

/// Boots embedded-Linux firmware in a sandbox and tests it
///
/// Builds the test targets that use the crate `fwtest`, finds the suites (`*.fw.toml`), and runs the
/// tests of both, on every firmware of `fwtest.toml` that they match.
#[derive(Debug, Parser)]
#[command(name = "cargo-fwtest", bin_name = "cargo fwtest", version)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
#[command(after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,

    /// When to use colors
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true)]
    pub color: Color,

    #[command(flatten)]
    pub filter: FilterArgs,

    #[command(flatten)]
    pub run: RunArgs,

    #[command(flatten)]
    pub cargo: CargoArgs,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Says what this host can do, and the exact mend for what it cannot
    Doctor {
        /// Prints the AppArmor profile that firmwares run under, and nothing else
        #[arg(long)]
        apparmor: bool,
    },

    /// Removes the copies of firmwares that were made for this user; not while tests run
    Clean,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal; `NO_COLOR`, `CLICOLOR_FORCE` and `TERM=dumb` are respected
    #[default]
    Auto,
    Always,
    Never,
}

const EXIT_CODES: &str = "\
Exit codes: 0 passed, 100 a test failed, 101 the build failed, 4 no tests, \
96 the configuration or the host does not allow it, 2 wrong usage";

impl Cli {
    /// Reads the command line; ends the process for `--help`, `--version` and wrong usage.
    pub fn from(arguments: impl Iterator<Item = OsString>) -> Cli {
        Cli::parse_from(without_the_name_that_cargo_adds(arguments))
    }
}

/// `cargo fwtest x` starts `cargo-fwtest fwtest x`.
fn without_the_name_that_cargo_adds(
    arguments: impl Iterator<Item = OsString>,
) -> impl Iterator<Item = OsString> {
    arguments.enumerate().filter(|(at, word)| *at != 1 || word != "fwtest").map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn cargo_and_the_user_may_both_start_it() {
        let filters = |words: &[&str]| Cli::from(words.iter().map(OsString::from)).filter.filters;
        assert_eq!(filters(&["cargo-fwtest", "fwtest", "web"]), ["web"]);
        assert_eq!(filters(&["cargo-fwtest", "web"]), ["web"]);
        assert_eq!(filters(&["cargo-fwtest", "web", "fwtest"]), ["web", "fwtest"]);
    }
}
