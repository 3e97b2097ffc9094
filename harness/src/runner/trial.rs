//! One test on one firmware: boot, run, judge, keep, end.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use super::context::{self, Current};
use super::event::{Event, KEEP, KEEP_DIR, NO_CAPTURE, Outcome};
use super::failure::{hint_below, report, with_causes};
use super::{host, panics, sink, watchdog};
use crate::attempt::{Attempt, last_lines};
use crate::expect::Failure;
use crate::firmware::Firmware;
use crate::instance::{BootError, Instance, NetError};
use crate::registry::{BoxError, Running};
use crate::suite::PlacedStep;

/// Attempts that are listed where they are why a test fails.
const LISTED: usize = 12;

/// What a test does.
pub(super) enum Body {
    Rust(for<'a> fn(&'a mut Instance) -> Running<'a>),
    Suite { file: PathBuf, steps: Vec<PlacedStep> },
}

/// A test on a firmware.
pub(super) struct Plan {
    /// `firmware::file::test`
    pub(super) name: String,
    pub(super) firmware: Firmware,
    pub(super) current: Current,
    pub(super) body: Body,
    /// Where kept files go when nobody says.
    pub(super) keep_in: PathBuf,
}

impl Plan {
    pub(super) fn into_trial(self, timeout: Duration, ignored: bool) -> Trial {
        let name = self.name.clone();
        Trial::test(name, move || self.run(timeout)).with_ignored_flag(ignored)
    }

    fn run(self, timeout: Duration) -> Result<(), Failed> {
        sink::send(&Event::Started { test: self.name.clone() });
        let start = Instant::now();
        let test = self.name.clone();
        host::remember();
        let watched = watchdog::watch(&test, self.firmware.boot_timeout + timeout);
        let (result, kept) = self.judge(timeout);
        drop(watched);
        let result = unharmed(result);
        let outcome = match &result {
            Ok(()) => Outcome::Passed,
            Err(report) => Outcome::Failed { report: report.clone() },
        };
        let seconds = start.elapsed().as_secs_f64();
        sink::send(&Event::Finished { test, outcome, seconds, kept });
        result.map_err(Failed::from)
    }

    /// The verdict, with its report, and where the instance's files are kept.
    fn judge(self, timeout: Duration) -> (Result<(), String>, Option<PathBuf>) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                return (Err(format!("failed to start the test's runtime: {error}")), None);
            }
        };
        runtime.block_on(async {
            let mut instance = match Instance::start(&self.firmware) {
                Ok(instance) => instance,
                Err(error) => return (Err(boot_report(&error, &self.name)), None),
            };
            let mirror = std::env::var_os(NO_CAPTURE).is_some() || nocapture();
            let _mirror = mirror.then(|| instance.mirror(self.name.clone()));
            if let Err(error) = instance.become_ready().await {
                return self.keep(&instance, Err(boot_report(&error, &self.name)));
            }
            let entered = context::enter(self.current.clone());
            let run = panics::caught(self.body.run(&mut instance));
            let result = match tokio::time::timeout(timeout, run).await {
                Ok(Ok(Ok(()))) => unnoticed(&instance).map_or(Ok(()), Err),
                Ok(Ok(Err(error))) => Err(error_text(&*error)),
                Ok(Err(panic)) => Err(panic_text(panic)),
                Err(_) => Err(format!(
                    "the test did not end within {timeout:?}: it was waiting, or is slower than \
                     its `timeout`"
                )),
            };
            drop(entered);
            let result = result.map_err(|what| report(&what, Some(&instance.report()), &self.name));
            let (result, kept) = self.keep(&instance, result);
            (result.and_then(|()| end(instance)), kept)
        })
    }

    /// Keeps the instance's files where that is wanted.
    fn keep(
        &self,
        instance: &Instance,
        result: Result<(), String>,
    ) -> (Result<(), String>, Option<PathBuf>) {
        let wanted = match std::env::var(KEEP).as_deref() {
            Ok("all") => true,
            Ok("none") => false,
            _ => result.is_err(),
        };
        if !wanted {
            return (result, None);
        }
        let base = std::env::var_os(KEEP_DIR).map_or_else(|| self.keep_in.clone(), PathBuf::from);
        let directory = base.join(file_name(&self.name));
        let text = result.as_ref().err().map_or("passed\n", String::as_str);
        match instance.keep(&directory, text) {
            Ok(()) => {
                let kept = |text: String| {
                    format!("{text}\n  {:<10}{}", "kept", crate::path::shown(&directory))
                };
                (result.map_err(kept), Some(directory))
            }
            // A verdict must not change because the disk is full or read-only.
            Err(error) => {
                let said =
                    |text: String| format!("{text}\n  {:<10}not: {}", "kept", one_line(&error));
                (result.map_err(said), None)
            }
        }
    }
}

impl Body {
    async fn run(&self, instance: &mut Instance) -> Result<(), BoxError> {
        match self {
            Self::Rust(run) => run(instance).await,
            Self::Suite { file, steps } => {
                crate::suite::run(file, steps, instance).await.map_err(Into::into)
            }
        }
    }
}

/// A host that is not as it was fails the test, whatever else there is to say.
fn unharmed(result: Result<(), String>) -> Result<(), String> {
    let changes = host::changes();
    if changes.is_empty() {
        return result;
    }
    let list = changes.join("\n  ");
    let mut text = format!("this host is not as it was before the test\n  {list}");
    text.push_str(
        "\n\nhint: either the firmware got past its sandbox, which is a bug of fwtest's, or \
         something else on this host did it meanwhile, such as an NTP client that steps the clock",
    );
    match result {
        Ok(()) => Err(text),
        Err(report) => Err(format!("{text}\n\n{report}")),
    }
}

/// What happened to the instance that no passing test may overlook.
fn unnoticed(instance: &Instance) -> Option<String> {
    if let Some(status) = instance.unexpected_end() {
        let what = "init ended while the test ran, and the test took no notice";
        return Some(format!("{what}: {status}"));
    }
    if let Some(boot) = instance.unexpected_boot() {
        return Some(format!(
            "the instance was restarted while the test ran, and the test took no notice: this is \
             its boot {boot}"
        ));
    }
    if instance.asks_in_vain() {
        return Some(format!(
            "the test asks what the firmware has attempted, and this run has no recorder{}",
            hint_below(Some(
                "`cargo fwtest doctor` says what this host lacks for it; `--require recorder` fails \
                 the run before its first test"
            ))
        ));
    }
    let attempts = instance.unexpected_attempts();
    (!attempts.is_empty()).then(|| unexpected(&attempts))
}

/// The attempts that nobody expects.
fn unexpected(attempts: &[Attempt]) -> String {
    let classes: BTreeSet<_> = attempts.iter().map(Attempt::class).collect();
    let classes: Vec<_> = classes.into_iter().map(|class| format!("`{class}`")).collect();
    let lines = last_lines(attempts, LISTED).into_iter().map(|line| format!("\n  {line}"));
    let hint = "ask for the class in the test, or name it in `attempts` of fwtest.toml";
    format!(
        "the firmware attempted what nobody expects: {}{}{}",
        classes.join(", "),
        lines.collect::<String>(),
        hint_below(Some(hint))
    )
}

/// Ends the instance, and sees that it went.
fn end(instance: Instance) -> Result<(), String> {
    instance.close().map_err(|error| with_causes(&error))
}

fn boot_report(error: &BootError, name: &str) -> String {
    let what = format!("{}{}", with_causes(error), hint_below(error.hint().as_deref()));
    match error.report() {
        Some(instance) => report(&what, Some(instance), name),
        None => report(&what, None, name),
    }
}

/// A test's own error.
fn error_text(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.to_string();
    }
    let hint = match error.downcast_ref::<NetError>() {
        Some(error) => error.hint(),
        None => error.downcast_ref::<BootError>().and_then(BootError::hint),
    };
    format!("{}{}", with_causes(error), hint_below(hint.as_deref()))
}

fn panic_text(panic: panics::Panic) -> String {
    match Failure::from_panic(panic.payload) {
        Ok(failure) => failure.to_string(),
        Err(message) => {
            let place = panic.place.unwrap_or_else(|| "an unknown place".to_owned());
            format!("panicked at {place}\n  {message}")
        }
    }
}

/// libtest's flag for it, which libtest-mimic takes and leaves to us.
fn nocapture() -> bool {
    std::env::args_os().any(|argument| argument == "--nocapture")
        && std::env::var_os("NEXTEST").is_none()
}

/// A test's name as a directory's.
fn file_name(name: &str) -> String {
    name.replace("::", ".").replace('/', ".")
}

fn one_line(error: &dyn std::error::Error) -> String {
    with_causes(error).replace("\n  caused by", "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::sample;

    #[test]
    fn what_was_attempted_unexpectedly_is_shown() {
        let attempts = [sample::sysrq(), sample::clock(), sample::adjust(500)];
        insta::assert_snapshot!(unexpected(&attempts), @r#"
        the firmware attempted what nobody expects: `clock`, `sysrq`
          +1.20s sysrq: write "u\n", pretended, by /bin/sh /etc/init.d/rcK (52)
          +0.31s clock: set the time (2001-01-01 00:00:00, -25 y), pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
          +0.50s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)

        hint: ask for the class in the test, or name it in `attempts` of fwtest.toml
        "#);
    }
}
