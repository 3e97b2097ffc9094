//! What is wrong in a TOML file, where, and what to write instead.
//!
//! * **source**: the text of a file and the path that it goes by in messages.
//! * **snippet**: the line at fault, with carets under the words at fault.
//! * **hint**: what to do about it. Never part of the message.

mod error;
mod place;
mod source;
mod words;

pub use error::{LoadError, TomlError};
pub use source::Source;
pub(crate) use words::did_you_mean;
