//! For the matchers' tests: how a failure reads.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Failure, Location};

/// The whole text of the failure that `assertion` panics with, at a location that no edit moves.
#[track_caller]
pub(super) fn of<T>(assertion: impl FnOnce() -> T) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(assertion)) else {
        panic!("the assertion holds");
    };
    let failure = Failure::from_panic(payload).expect("a matcher panics with a failure");
    let location = Location { file: "tests/web.rs".into(), line: 9, column: 5 };
    Failure { location, ..failure }.to_string()
}
