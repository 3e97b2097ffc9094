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

/// Whether somebody could listen: a pipe tells when its last reader has gone.
pub(super) fn heard() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let Some(sink) = SINK.get_or_init(open) else { return true };
    let sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
    let mut polled = [PollFd::new(&*sink, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let _ = poll(&mut polled, Some(&now));
    !polled[0].revents().contains(PollFlags::ERR)
}

#[expect(unsafe_code, reason = "takes a descriptor by its number")]
fn open() -> Option<Mutex<File>> {
    let number = std::env::var(EVENTS_FD).ok()?.parse().ok()?;
    // SAFETY: the number comes from the environment that our starter made, and only this function
    // reads it, once.
    let descriptor = unsafe { sys::adopt(number, rustix::fs::FileType::Fifo) }.ok()?;
    Some(Mutex::new(descriptor.into()))
}
