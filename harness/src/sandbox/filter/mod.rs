//! The system call filter of everything that runs in a guest.
//!
//! The user namespace is the wall. The filter is there for what the wall lets through or keeps quiet
//! about: it asks the keeper about calls that would change the machine, which records them and
//! answers, and gives a fixed answer to a few that would slip past it.

mod calls;
mod install;
mod program;

pub(crate) use calls::{Abi, Call, identify};
pub(crate) use install::{can_ask, install};
