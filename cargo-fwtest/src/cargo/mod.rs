//! Cargo: which packages use fwtest, and their test binaries.

mod build;
mod elf;
mod project;

pub use build::{Binary, build};
pub use project::Project;
