//! Runs the selected tests, and learns from events how they go.
//!
//! * **batch**: the tests that one child runs. A child that dies in one of its tests is followed by
//!   another, with those that had not begun.
//! * **event**: a line that a child writes to a pipe of its own; its report on standard output is
//!   for people who run it by hand, and goes nowhere here.

mod batch;
mod child;
mod events;
mod runner;
mod settings;
mod signals;
mod status;
mod tail;
mod tally;

pub use runner::{launcher, run};
pub use settings::Settings;
pub use status::ended;
pub use tally::{Finished, Tally, Verdict};
