//! Suite files: `*.fw.toml`, tests that need no Rust.
//!
//! * **suite**: one file; its tests, and the firmwares that they are for.
//! * **step**: one thing that a test does or asserts. A step that would assert nothing is an error.
//! * **line**: where a step stands, so that its failure points there.
//!
//! Parsing is pure. Only [`Suite::load`] and [`discover()`] touch files.

mod discover;
mod parse;
mod run;
pub mod step;
mod suite_file;
#[cfg(test)]
mod tests;

pub use discover::{DiscoverError, SuiteFile, discover};
pub(crate) use run::run;
pub use step::Step;
pub use suite_file::{PlacedStep, Suite, Test};
