//! The words of our TOML files: what stands in a string there, and in Rust tests.

mod duration;
mod error;
mod guest_path;
mod list;
mod pattern;
mod port;
mod signal;
mod size;
mod table;
mod text;

pub(crate) use duration::{duration, optional_duration};
pub use error::ValueError;
pub(crate) use guest_path::{guest_path, optional_guest_path};
pub(crate) use list::{OneOrMany, command, environment, optional_command};
pub use pattern::Pattern;
pub use port::Port;
pub use signal::Signal;
pub use size::Size;
pub(crate) use table::table;
pub(crate) use text::text;
