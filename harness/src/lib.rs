//! Boots an embedded-Linux firmware's root file system, with its own unmodified pid 1, in a sandbox
//! that takes milliseconds to make, and tests it from outside.

#[cfg(test)]
extern crate self as fwtest; // as the attribute's expansion calls it

pub mod diff;
pub mod expect;
pub mod firmware;
pub mod instance;
pub mod path;
pub mod ready;
#[doc(hidden)]
pub mod registry;
pub mod runner;
pub mod snapshot;
pub mod suite;
pub mod toml_error;
pub mod value;

#[doc(hidden)]
pub use registry as __private;

/// Makes a function a test: it runs once on each firmware of fwtest.toml, each time on a fresh
/// instance of its own.
///
/// The function takes `&mut Instance`. It is `async` or not, and returns nothing or a
/// `Result<(), E>` with any error type that is `Send` and `Sync`. It fails when it panics, as the matchers of
/// [`expect!`] do, or returns an error.
///
/// | argument | means |
/// | --- | --- |
/// | `firmware = "router*"` | only on the firmwares whose names this glob matches |
/// | `timeout = "10s"` | it fails when it has not ended by then; a whole number of `ms`, `s` or `m` |
/// | `ignore = "needs a modem"` | it runs only when ignored tests are asked for |
///
/// ```no_run
/// # use fwtest::__private::Instance;
/// #[fwtest::test(firmware = "router*", timeout = "10s")]
/// async fn says_hello(fw: &mut Instance) -> Result<(), std::io::Error> {
///     # let _ = fw;
///     Ok(())
/// }
/// # fn main() {}
/// ```
///
/// What it cannot run does not compile:
///
/// ```compile_fail
/// #[fwtest::test]
/// async fn takes_nothing() {}
/// # fn main() {}
/// ```
pub use fwtest_macros::test;
