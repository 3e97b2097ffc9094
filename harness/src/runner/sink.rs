//! Where events go.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::event::{EVENTS_FD, Event};
use crate::sandbox::sys;

static SINK: OnceLock<Option<Mutex<File>>> = OnceLock::new();

/// Tells `cargo fwtest` of something; false where nobody listens.
pub(super) fn send(event: &Event) -> bool {
    let Some(sink) = SINK.get_or_init(open) else { return false };
    let Ok(mut line) = serde_json::to_vec(event) else { return false };
    line.push(b'\n');
    // A listener that has gone will not miss it.
    sink.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line).is_ok()
}

#[expect(unsafe_code, reason = "takes a descriptor by its number")]
fn open() -> Option<Mutex<File>> {
    let number = std::env::var(EVENTS_FD).ok()?.parse().ok()?;
    // SAFETY: the number comes from the environment that our starter made, and only this function
    // reads it, once.
    let descriptor = unsafe { sys::adopt(number, rustix::fs::FileType::Fifo) }.ok()?;
    Some(Mutex::new(descriptor.into()))
}
