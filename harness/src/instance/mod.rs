//! What a test holds: a running firmware, and what can be asked of it.

mod boot;
mod cause;
mod console;
mod error;
mod exec;
mod file;
mod http;
mod http_request;
mod keep;
mod listening;
mod look;
mod mirror;
mod net;
mod output;
mod process;
mod report;
mod running;
mod stop;
mod user;
mod wait;

pub use cause::Cause;
pub use console::Console;
pub use error::{BootError, ExecError, InstanceError, NetError, WaitError};
pub use exec::{Child, Exec};
pub use file::{File, FileKind, FileState};
pub use http::Response;
pub use http_request::Request;
pub use listening::{Listener, Listening, Protocol};
pub use output::{ExitStatus, Output};
pub use process::{Process, Processes};
pub use report::Report;
pub use running::Instance;
pub use stop::Stopped;

pub(crate) use boot::{end_launcher, use_launcher};
pub(crate) use console::Transcript;
pub(crate) use look::chain;
