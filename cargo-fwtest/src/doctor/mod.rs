//! What this host can do, and the exact mend for what it cannot.
//!
//! A check is a file with a `CHECK`, and a row in `examine::CHECKS`. It reads what the kernel or
//! the distribution says (`look`) and judges it without a further look (`judge`).

mod apparmor;
mod cgroup;
mod clocks;
mod confinement;
mod examine;
mod host;
mod id_programs;
mod id_ranges;
mod kernel;
mod mask;
mod open_files;
mod overlay;
mod proc;
mod recorder;
mod sandbox;
mod user_namespaces;
mod xattrs;

pub use examine::{Finding, State, examine, verdict};
