use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};

/// How tests are run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Running")]
pub struct RunArgs {
    /// Prints the names of the tests, and runs none
    #[arg(long)]
    pub list: bool,

    /// How many tests run at a time [default: the number of processors]
    #[arg(short = 'j', long, value_name = "N")]
    pub test_threads: Option<NonZeroUsize>,

    /// Stops at the first test that fails
    #[arg(long, overrides_with = "no_fail_fast")]
    pub fail_fast: bool,

    /// Runs every test, whatever fails; this is the default
    #[arg(long, overrides_with = "fail_fast")]
    pub no_fail_fast: bool,

    /// Shows the consoles and what tests print while they run, one test at a time unless -j says more
    #[arg(long, visible_alias = "nocapture")]
    pub no_capture: bool,

    /// Of which tests the instance's files are kept
    #[arg(long, value_name = "WHICH", default_value = "failed", env = "FWTEST_KEEP")]
    pub keep: Keep,

    /// Runs no test unless the run has this layer: ids, storage, cgroup, recorder, mask, apparmor
    #[arg(long, value_name = "LAYER", value_delimiter = ',', env = "FWTEST_REQUIRE")]
    pub require: Vec<String>,

    /// Accepts every snapshot as it is now
    #[arg(long)]
    pub accept: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Keep {
    Failed,
    All,
    None,
}

impl Keep {
    pub fn as_str(self) -> &'static str {
        match self {
            Keep::Failed => "failed",
            Keep::All => "all",
            Keep::None => "none",
        }
    }
}
