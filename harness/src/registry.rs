//! The tests of a test binary: where `#[fwtest::test]` puts them and the runner finds them.
//!
//! What is here is for the attribute's expansion and for the runner. Everybody else sees the
//! attribute.

use std::error::Error;
use std::pin::Pin;

pub use insta;
pub use linkme;

pub use crate::runner::{Binary, run};
pub use crate::snapshot::assert_rootfs;

pub use crate::instance::Instance;

/// A test that ended with an error: any.
pub type BoxError = Box<dyn Error + Send + Sync>;
/// A test that runs. It borrows its instance, and stays on the thread that began it.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<(), BoxError>> + 'a>>;

/// One `#[fwtest::test]`.
#[derive(Debug)]
pub struct TestCase {
    /// Module path and function: `web::status_page`.
    pub name: &'static str,
    /// The source file, as the compiler was told.
    pub file: &'static str,
    /// The function's line.
    pub line: u32,
    /// A glob for the names of the firmwares to run on; all of them without one.
    pub firmware: Option<&'static str>,
    /// The deadline in milliseconds; the configured one without it.
    pub timeout: Option<u64>,
    /// Why it does not run unless asked for.
    pub ignore: Option<&'static str>,
    /// Calls the function.
    pub run: for<'a> fn(&'a mut Instance) -> Running<'a>,
}

/// All tests of the binary, in the order of the linker, which is none.
#[linkme::distributed_slice]
pub static TESTS: [TestCase];

/// What a test may return: nothing, or a result whose error can go to another thread.
#[diagnostic::on_unimplemented(
    message = "a test returns nothing or a `Result<(), E>`, not `{Self}`",
    label = "not what a test returns",
    note = "`E` can be any error type that is `Send` and `Sync`: it is turned into `Box<dyn Error + Send + Sync>`"
)]
pub trait IntoResult {
    /// As the runner takes it.
    ///
    /// # Errors
    /// The test's own.
    fn into_result(self) -> Result<(), BoxError>;
}

impl IntoResult for () {
    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError>> IntoResult for Result<(), E> {
    fn into_result(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

#[cfg(test)]
#[expect(unsafe_code, reason = "linkme's link section; in other crates the lint does not see it")]
mod tests {
    use super::{Instance, TESTS, TestCase};

    #[fwtest::test(firmware = "router*", timeout = "10s", ignore = "a sample")]
    async fn with_all(_: &mut Instance) -> Result<(), std::fmt::Error> {
        Err(std::fmt::Error)
    }

    const LINE: u32 = line!() + 3;
    #[fwtest::test]
    /// Says nothing.
    fn with_nothing(_fw: &mut Instance) {}

    #[fwtest::test]
    #[cfg(any())]
    fn left_out(_: &mut Instance) {}

    #[fwtest::test]
    async fn r#async(fw: &mut Instance) -> Result<(), String> {
        std::future::ready(fw).await;
        Ok(())
    }

    fn case(name: &str) -> &'static TestCase {
        let name = format!("{}::{name}", module_path!());
        TESTS.iter().find(|case| case.name == name).expect("it is registered")
    }

    #[test]
    fn the_attribute_registers_what_it_says() {
        let (all, nothing) = (case("with_all"), case("with_nothing"));
        assert_eq!((all.firmware, all.timeout), (Some("router*"), Some(10_000)));
        assert_eq!(all.ignore, Some("a sample"));
        assert_eq!((nothing.firmware, nothing.timeout, nothing.ignore), (None, None, None));
        assert_eq!((nothing.file, nothing.line), (file!(), LINE));
        assert_eq!(TESTS.len(), 3);
    }
}
