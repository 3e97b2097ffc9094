//! Trials: what a test binary runs, and what it tells of it.

mod binary;
pub mod context;
pub mod event;
pub(crate) mod failure;
mod host;
mod layers;
mod panics;
pub(crate) mod plan;
mod sink;
mod trial;
mod watchdog;

pub use binary::{Binary, run};
