//! Attempts: what a firmware tried that would have reached past its sandbox.
//!
//! * **attempt**: one act of the firmware that on a board would have changed the board: it set the
//!   clock, wrote to sysrq, rebooted, loaded a module. Here it is contained, and recorded.
//! * **class**: what kind of thing was tried. Each has a default answer, which fwtest.toml may
//!   change for a firmware.
//! * **verdict**: what became of it: refused, pretended, emulated or allowed.
//! * **layer**: which part of the sandbox saw it.
//!
//! Here: attempts as data. How they are seen and answered is the sandbox's.

mod act;
mod attempts;
mod class;
mod date;
mod event;
mod key;
mod line;
mod policy;
#[cfg(test)]
pub(crate) mod sample;
mod verdict;
mod who;

pub use act::{Act, ClockChange, DeviceKind, RebootCommand};
pub use attempts::Attempts;
pub(crate) use attempts::Expected;
pub use class::Class;
pub(crate) use date::civil;
pub use event::{Attempt, Caller, Parent};
pub(crate) use key::{KeyOr, classes, optional_class};
pub(crate) use line::last_lines;
pub use policy::{Policy, Unexpected};
pub use verdict::{Answer, Layer, Verdict};
