//! What is booted: the firmwares of fwtest.toml, and whether one of them can be booted at all.

mod attempts;
mod cache;
mod config;
#[cfg(test)]
mod craft;
mod elf;
pub mod identity;
mod init;
mod libraries;
mod machine;
mod name;
mod preflight;
mod problem;
mod root;
mod selection;
#[cfg(test)]
mod tests;

pub use cache::CacheError;
pub(crate) use cache::{Owned, copied, directory as cache_directory, fits};
pub use config::{AppArmor, Config, ConfigError, Firmware, Limits, Normalise, Snapshot};
pub use init::Init;
pub use machine::Machine;
pub use name::FirmwareName;
pub use preflight::{PreflightError, preflight};
pub use problem::{MissingLibrary, Problem, Unusable};
pub use selection::SelectionError;
