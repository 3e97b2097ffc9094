//! Steps: what a suite's test does and asserts, a file for each kind.

mod attempts;
mod console;
mod exec;
mod file;
mod http;
mod kind;
mod listening;
mod name;
mod process;
mod remount;
mod stop;
mod text_checks;

pub use attempts::Attempts;
pub use console::Console;
pub use exec::Exec;
pub use file::{File, FileState};
pub use http::Http;
pub use kind::Step;
pub use listening::{Listening, Ports};
pub use name::Name;
pub use process::{Count, Process};
pub use remount::Remount;
pub use stop::Stop;
pub use text_checks::TextChecks;
