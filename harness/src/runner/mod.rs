//! Trials: what a test binary runs, and what it tells of it.

pub mod event;
