//! How a firmware is contained. Nothing outside knows by what means.

pub(crate) mod apparmor;
mod cgroup;
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
mod storage;
pub(crate) mod sys;
mod terminal;

pub use apparmor::{AppArmorError, Missing, Unavailable};
pub use cgroup::GroupError;
pub use fault::StepError;
pub use host::{AskError, Launcher};
pub use mask::Kind as MaskKind;
pub use message::Means;
pub use storage::DiskError;
pub(crate) use storage::place as disk_place;

pub(crate) use host::{Boot, Sandbox, StatusChannel, environment};
pub(crate) use ids::Ids;
pub(crate) use log::{Happened, LogReader};
pub(crate) use message::{
    BootOrder, Domain, ExecOrder, FileFacts, FromCommand, FromKeeper, ToKeeper, Transport,
};
