//! Boots an embedded-Linux firmware's root file system, with its own unmodified pid 1, in a sandbox
//! that takes milliseconds to make, and tests it from outside.

pub mod diff;
pub mod expect;
pub mod firmware;
pub mod instance;
pub mod path;
pub mod ready;
pub mod runner;
pub mod snapshot;
pub mod suite;
pub mod toml_error;
pub mod value;
