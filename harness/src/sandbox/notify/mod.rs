//! Calls of the guest that its keeper is asked about: seccomp_unotify(2).
//!
//! * **question**: a call, its arguments, and who makes it. The caller waits.
//! * **reply**: what the caller gets: the kernel's own answer, a value, an errno, a file of ours.
//! * **outcome**: the reply, and the attempt that the call was, if it was one.
//!
//! None of it is the wall: what the kernel lets a guest do is decided by its user namespace, whatever
//! is replied here. So a caller that changes its arguments while they are looked at gains nothing but
//! a wrong record.

mod caller;
mod clock;
mod device;
mod file;
mod file_system;
mod kernel_log;
mod memory;
mod module;
mod mount;
mod node;
mod path;
mod power;
mod question;
mod supervisor;
mod swap;

pub(crate) use power::Power;
pub(crate) use supervisor::{Arrival, Given, Supervisor};
