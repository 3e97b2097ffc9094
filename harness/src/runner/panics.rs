//! Panics of tests: kept for the report, not printed in the midst of others' output.

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

thread_local! {
    /// Where this thread's last panic was, while a test runs on it.
    static PLACE: RefCell<Option<Option<String>>> = const { RefCell::new(None) };
}

/// From now on the panics of tests are quiet.
pub(super) fn install_hook() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let kept = PLACE.with_borrow_mut(|place| {
            let place = place.as_mut()?;
            *place = info.location().map(ToString::to_string);
            Some(())
        });
        if kept.is_none() {
            default(info);
        }
    }));
}

/// A panic and where it was.
pub(super) struct Panic {
    pub(super) payload: Box<dyn Any + Send>,
    pub(super) place: Option<String>,
}

/// Runs a future to its end or its panic.
pub(super) async fn caught<F: Future>(future: F) -> Result<F::Output, Panic> {
    PLACE.with_borrow_mut(|place| *place = Some(None));
    let result = Caught(Box::pin(future)).await;
    let place = PLACE.with_borrow_mut(Option::take).flatten();
    result.map_err(|payload| Panic { payload, place })
}

struct Caught<F>(Pin<Box<F>>);

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A test that has panicked is not polled again: what it left half-done nobody sees.
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    }
}
