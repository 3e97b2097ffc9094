use clap::{Args, ValueEnum};

/// Which of the tests that exist are run.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Tests")]
pub struct FilterArgs {
    /// Runs the tests with one of these in their name (`firmware::file::test`)
    #[arg(value_name = "FILTER", help_heading = None::<&str>)]
    pub filters: Vec<String>,

    /// FILTER and --skip are whole names
    #[arg(long)]
    pub exact: bool,

    /// Leaves out the tests with this in their name
    #[arg(long, value_name = "FILTER")]
    pub skip: Vec<String>,

    /// Runs the tests of these firmwares alone
    #[arg(long, value_name = "NAME|GLOB")]
    pub firmware: Vec<String>,

    /// What to do with ignored tests
    #[arg(long, value_name = "WHICH", default_value = "default")]
    pub run_ignored: RunIgnored,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RunIgnored {
    /// Skip them
    #[default]
    Default,
    /// Run nothing else
    Only,
    /// Run them too
    All,
}
