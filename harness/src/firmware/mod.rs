//! What is booted: the firmwares of fwtest.toml, and whether one of them can be booted at all.

mod config;
mod name;
mod selection;

pub use config::{Config, ConfigError, Firmware, Limits, Normalise, Snapshot};
pub use name::FirmwareName;
pub use selection::SelectionError;
