//! How a firmware is contained. Nothing outside knows by what means.

pub(crate) mod apparmor;
mod channel;
mod command;
mod fault;
mod filter;
mod guest;
mod host;
mod ids;
mod init;
mod keeper;
mod launcher;
mod layers;
mod log;
mod mask;
mod message;
mod notify;
mod sockets;
pub(crate) mod sys;
mod terminal;

pub use apparmor::{AppArmorError, Missing, Unavailable};
pub use fault::StepError;
pub use host::{AskError, Launcher};

pub(crate) use host::{Boot, Sandbox, StatusChannel, environment};
pub(crate) use log::{Happened, LogReader};
pub(crate) use message::{
    BootOrder, Domain, ExecOrder, FileFacts, FromCommand, FromKeeper, ToKeeper, Transport,
};
pub(crate) use sys::can_ask;
