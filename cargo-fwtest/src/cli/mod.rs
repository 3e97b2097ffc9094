//! The command line.

mod cargo;
mod command;
mod filter;
mod run;

pub use cargo::CargoArgs;
pub use command::{Cli, Color, Command};
pub use filter::{FilterArgs, RunIgnored};
pub use run::RunArgs;
