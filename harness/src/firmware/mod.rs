//! What is booted.

pub mod identity;
