//! Boots an embedded-Linux firmware's root file system, with its own unmodified pid 1, in a sandbox
//! that takes milliseconds to make, and tests it from outside.
//!
//! A test gets a running firmware of its own, an [`Instance`](instance::Instance): it asks for
//! files, processes, open ports, web pages and commands, says what it expects of them, and compares
//! what the firmware has changed in its root file system with a snapshot that somebody has reviewed.
//! The firmware needs no shell, no ssh and no agent for it, and the machine that runs the test needs
//! no root.
//!
//! # A test binary
//!
//! `fwtest.toml`, beside or above the package's `Cargo.toml`, names the firmwares:
//!
//! ```toml
//! [firmware.router]
//! rootfs = "output/target"
//! ready = [{ port = "tcp:80" }]
//! ```
//!
//! `Cargo.toml` has a test target without libtest's own `main`:
//!
//! ```toml
//! [[test]]
//! name = "router"
//! harness = false
//! ```
//!
//! And `tests/router.rs` has the tests:
//!
//! ```no_run
//! use fwtest::prelude::*;
//!
//! #[fwtest::test]
//! async fn web_ui(fw: &mut Instance) -> Result<()> {
//!     fw.wait(port("tcp:80")).await?;
//!
//!     let name = fw.exec(["hostname"]).await?.success()?;
//!     expect!(name.stdout()).trimmed().eq("router");
//!     expect!(fw.processes()).named("httpd").count(1);
//!     expect!(fw.file("/etc/shadow")).mode(0o600).owner("root:root");
//!     expect!(fw.listening()).only(["tcp:80"]);
//!     expect!(fw.http("http://router/").await?).status(200).body(contains("Status"));
//!
//!     assert_rootfs_snapshot!(fw);
//!     Ok(())
//! }
//!
//! fwtest::main!();
//! ```
//!
//! `cargo test`, `cargo nextest run` and `cargo fwtest` run it, once on each firmware; the test's
//! name is then `router::router::web_ui`: firmware, file, function. Each run boots anew.
//!
//! # Words
//!
//! * **firmware**: a root file system to boot, and how: a `[firmware.NAME]` of fwtest.toml, here a
//!   [`Firmware`](firmware::Firmware).
//! * **instance**: one running firmware, with an upper layer of its own. Its end is the end of every
//!   process, mount and namespace of it.
//! * **lower**, **middle**, **upper**: the layers of an instance's root file system: the firmware,
//!   which nothing writes to; the harness's own few names, read-only; what the firmware writes, on a
//!   tmpfs that is gone with the instance.
//! * **change**: one difference between the upper layer and what lies below it: added, changed or
//!   removed. See [`diff`].
//! * **attempt**: something the firmware tried that would have reached past its sandbox: it set the
//!   clock, asked for a restart, loaded a module. See [`attempt`].
//! * **snapshot**: the changes and attempts as text, kept beside the tests and reviewed like code. See
//!   [`assert_rootfs_snapshot!`].
//! * **suite**: a `*.fw.toml` file of tests, which need no Rust. See [`suite`].
//!
//! # What goes where
//!
//! | module | has |
//! | --- | --- |
//! | [`prelude`] | what a test needs, in one `use` |
//! | [`instance`] | the running firmware, and what can be asked of it |
//! | [`ready`] | the conditions that a test or a boot waits for |
//! | [`mod@expect`] | [`expect!`], its matchers, and the failure that they make |
//! | [`firmware`] | fwtest.toml, and whether a root file system can boot at all |
//! | [`attempt`] | attempts, and what they are answered with |
//! | [`diff`], [`snapshot`] | changes, and changes and attempts as text |
//! | [`suite`] | suites, as data |
//!
//! # What it is not
//!
//! It keeps a firmware that believes to be alone on a board from harming the machine that tests it:
//! the firmware's root is nobody there, and the kernel's own permission checks are the wall. That is
//! protection from accidents. It is no jail for malware: firmware and host share one kernel.
//!
//! It is no emulator. The firmware has to be built for the CPU that runs the tests, and meets that
//! machine's kernel: drivers, kernel modules, the boot loader, dm-verity and real flash are not there
//! to be tested.
#![warn(missing_docs)]

#[cfg(test)]
extern crate self as fwtest; // as the attribute's expansion calls it

pub mod attempt;
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
#[cfg(test)]
mod testing;
pub mod toml_error;
pub mod value;

#[doc(hidden)]
pub use registry as __private;

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

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
