//! The real command on throw-away projects, whose test binaries speak the protocol and boot nothing.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod project;
mod results;
mod selection;
mod terminal;
mod trouble;
