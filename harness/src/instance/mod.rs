//! What a test holds: a running firmware, and what can be asked of it.

mod file;
mod http;
mod listening;
mod output;
mod process;

pub use file::{File, FileKind, FileState};
pub use http::Response;
pub use listening::{Listener, Listening, Protocol};
pub use output::{ExitStatus, Output};
pub use process::{Process, Processes};
