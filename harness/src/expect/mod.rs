//! The failure report and the matchers.
//!
//! * **subject**: what an [`expect!`](crate::expect!) looks at: a value, and the code it came from.
//! * **check**: a function of the value and of what is wanted that answers with a [`Mismatch`] or
//!   with nothing. All that is decided is decided in checks; suites call them as they are.
//! * **matcher**: a method of [`Subject`] that calls a check and panics with a [`Failure`].
//! * **not evaluated**: the actual value of a check that cannot know: a file that could not be
//!   read, an empty list, a pattern that is none. It fails.
//!
//! One file for each kind of value. The values themselves are in [`instance`](crate::instance).

mod attempts;
mod command;
mod failure;
mod file;
mod listening;
mod mismatch;
mod nearest;
mod processes;
mod response;
mod shown;
mod subject;
mod text;
mod value;

#[cfg(test)]
mod report;

pub use attempts::{
    AttemptSelection, check_attempt_contains, check_attempt_count, check_attempted,
    check_attempted_only, check_verdict,
};
pub use command::CommandFailed;
pub use failure::{Failure, Location};
pub use file::{
    check_absent, check_exists, check_kind, check_mode, check_owner, check_size, check_target,
    content,
};
pub use listening::{check_includes, check_nothing, check_only};
pub use mismatch::Mismatch;
pub use processes::{Selection, check_count, check_owned_by, check_running};
pub use response::{check_body, check_header, check_status};
pub use subject::Subject;
pub use text::{TextMatcher, contains, equals, lacks, matches};
pub use value::{check_at_least, check_at_most, check_eq, check_ne};
