//! Boots an embedded-Linux firmware's root file system, with its own unmodified pid 1, in a sandbox
//! that takes milliseconds to make, and tests it from outside.

#[cfg(test)]
extern crate self as fwtest; // as the attribute's expansion calls it

#[doc(hidden)]
pub mod command;
pub mod diff;
pub mod expect;
pub mod firmware;
pub mod instance;
pub mod path;
pub mod prelude;
pub mod ready;
#[doc(hidden)]
pub mod registry;
pub mod runner;
mod sandbox;
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
/// # use fwtest::prelude::*;
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

/// What a test returns: any error will do, and is shown with its causes.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// The `main` of a test binary (`harness = false`): runs its `#[fwtest::test]`s on the firmwares of
/// the nearest fwtest.toml, from the package's directory upwards.
///
/// | argument | means |
/// | --- | --- |
/// | `suites` | the project's suites run too, every `*.fw.toml` below the directory of fwtest.toml, so that `cargo test` and `cargo nextest run` have them; one binary of a project is enough |
/// | `config = EXPRESSION` | the path of another fwtest.toml, for a project that writes one |
///
/// `cargo fwtest` runs suites either way, and none twice.
///
/// ```no_run
/// use fwtest::prelude::*;
///
/// #[fwtest::test]
/// async fn web(fw: &mut Instance) -> Result<()> {
///     fw.wait(port("tcp:80")).await?;
///     Ok(())
/// }
///
/// fwtest::main!(suites);
/// ```
#[macro_export]
macro_rules! main {
    () => {
        $crate::__main!(false, None);
    };
    (suites) => {
        $crate::__main!(true, None);
    };
    (config = $config:expr) => {
        $crate::__main!(false, Some(::std::path::PathBuf::from($config)));
    };
    (suites, config = $config:expr) => {
        $crate::__main!(true, Some(::std::path::PathBuf::from($config)));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __main {
    ($suites:expr, $config:expr) => {
        fn main() -> ::std::process::ExitCode {
            fn snapshot(settings: &$crate::__private::insta::Settings, name: &str, text: &str) {
                settings.bind(|| $crate::__private::insta::assert_snapshot!(name, text));
            }
            $crate::__private::run($crate::__private::Binary {
                manifest_directory: env!("CARGO_MANIFEST_DIR"),
                file: file!(),
                config: $config,
                suites: $suites,
                first_argument: 0,
                snapshot,
            })
        }
    };
}
