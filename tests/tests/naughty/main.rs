//! The naughty firmware, and what the table of its acts says of each.
//!
//! A row holds when the program saw what it is said to see, when what was recorded is what the row
//! has and nothing else, when the instance goes on, and when the machine is as it was. All rows that
//! do not hold are shown at once; a machine that is not as it was ends the test there.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod acts;
mod restart;
mod row;
mod scripts;

fwtest::main!(config = tests::naughty_config());
