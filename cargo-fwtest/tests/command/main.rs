//! The real command on throw-away projects.
//!
//! * **project**: Cargo packages, whose test binaries speak the protocol and boot nothing: what the
//!   command makes of what they say.
//! * **repo**: suites and a firmware that boots, or does not: what a user meets.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod boots;
mod files;
mod hosts;
mod paths;
mod project;
mod repo;
mod results;
mod roots;
mod selection;
mod terminal;
mod trouble;
