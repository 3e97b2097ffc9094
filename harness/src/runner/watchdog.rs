//! A deadline for tests that never give their thread back: no timer of theirs can fire then.
//!
//! A thread cannot be ended from outside, so the process ends, and with it every instance of its
//! tests. `cargo fwtest` and nextest go on with the tests that had not begun.

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::event::{Event, Outcome};
use super::sink;
use crate::sandbox::sys;

/// What a test's own deadline, its report and the end of its instance may take together.
const GRACE: Duration = Duration::from_secs(30);
/// libtest's code for failed tests.
const FAILED: i32 = 101;

static WATCH: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();

enum Order {
    Watch { name: String, start: Instant, limit: Duration },
    Done { name: String },
}

/// Watches over a test until the guard is dropped.
pub(super) struct Watched(String);

/// Watches over the test `name`, which may take `limit` by its own account.
pub(super) fn watch(name: &str, limit: Duration) -> Watched {
    order(Order::Watch { name: name.to_owned(), start: Instant::now(), limit });
    Watched(name.to_owned())
}

impl Drop for Watched {
    fn drop(&mut self) {
        order(Order::Done { name: std::mem::take(&mut self.0) });
    }
}

fn order(order: Order) {
    let watch = WATCH.get_or_init(|| {
        let (orders, received) = channel();
        std::thread::spawn(move || {
            let mut watched = BTreeMap::new();
            loop {
                let now = Instant::now();
                let next = watched.values().map(|(start, limit)| *start + *limit + GRACE).min();
                let patience =
                    next.map_or(GRACE, |end: Instant| end.saturating_duration_since(now));
                match received.recv_timeout(patience) {
                    Ok(Order::Watch { name, start, limit }) => {
                        watched.insert(name, (start, limit));
                    }
                    Ok(Order::Done { name }) => drop(watched.remove(&name)),
                    Err(RecvTimeoutError::Timeout) => {
                        let late = watched
                            .iter()
                            .find(|(_, (start, limit))| start.elapsed() >= *limit + GRACE);
                        if let Some((name, (start, limit))) = late {
                            give_up(name, *start, *limit);
                        }
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        Mutex::new(orders)
    });
    // A watchdog that has gone (it never does) must not fail a test.
    let _ = watch.lock().unwrap_or_else(PoisonError::into_inner).send(order);
}

fn give_up(name: &str, start: Instant, limit: Duration) -> ! {
    let report = format!(
        "the test did not end within {limit:?}, and {} s later it still holds its thread\n\n\
         hint: `std::thread::sleep`, a blocking read or an endless loop keeps fwtest from ending \
         it; use `tokio::time::sleep` and the instance's own waits",
        GRACE.as_secs(),
    );
    eprintln!("{name}: {report}");
    sink::send(&Event::Finished {
        test: name.to_owned(),
        outcome: Outcome::Failed { report },
        seconds: start.elapsed().as_secs_f64(),
        kept: None,
    });
    sys::exit_now(FAILED)
}
