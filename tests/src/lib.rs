//! What the end-to-end tests share; they themselves are in `tests/`.
//!
//! * **firmwares**: the fwtest.toml of the tests that boot instances in their own process.
//! * **project**: a throw-away project, and the real commands run in it.
//! * **tree**: all that can be known of a directory, to prove that nobody wrote to it.
//! * **host**: all that can be known of the host, to prove that nothing is left on it.
//! * **groups**: control groups.
//! * **process**: processes by pidfd.
//! * **shim**: a kernel that lacks something.

mod firmwares;
pub mod groups;
pub mod host;
pub mod process;
mod project;
pub mod shim;
mod tree;

pub use firmwares::{apparmor_config, firmware, naughty_config, router_config};
pub use project::{Project, Ran, cargo_fwtest};
pub use tree::Tree;
