//! A rootfs snapshot against the accepted one.

use std::fs;
use std::panic::{AssertUnwindSafe, Location as PanicLocation, catch_unwind, panic_any};
use std::path::Path;

use similar::TextDiff;

use super::{RenderOptions, render, render_attempts};
use crate::expect::{Failure, Location, Mismatch};
use crate::instance::Instance;
use crate::runner::context::{self, Current, SnapshotFn};

/// Compares what the instance has changed in its root file system, and what it has attempted, with
/// the accepted snapshot.
///
/// It is one insta snapshot in `snapshots/` beside the test's file, named after the test, `name`
/// and the firmware; `cargo insta review` shows what is new. Without a name it is `rootfs`.
///
/// ```no_run
/// # use fwtest::prelude::*;
/// #[fwtest::test]
/// async fn boots(fw: &mut Instance) {
///     assert_rootfs_snapshot!(fw);
///     fw.exec(["touch", "/etc/touched"]).await.unwrap();
///     assert_rootfs_snapshot!(fw, "touched");
/// }
/// # fn main() {}
/// ```
/// # Panics
/// When the two differ, with the difference; when there is none that was accepted; when the test
/// takes two snapshots of one name; outside a test.
#[macro_export]
macro_rules! assert_rootfs_snapshot {
    ($instance:expr $(,)?) => {
        $crate::assert_rootfs_snapshot!($instance, "rootfs")
    };
    ($instance:expr, $name:expr $(,)?) => {
        $crate::__private::assert_rootfs(&*$instance, $name, |settings, name, text| {
            settings.bind(|| $crate::__private::insta::assert_snapshot!(name, text));
        })
    };
}

/// What [`assert_rootfs_snapshot!`](crate::assert_rootfs_snapshot!) expands to: the closure calls
/// insta in the test's own crate.
#[doc(hidden)]
#[track_caller]
pub fn assert_rootfs(instance: &Instance, name: &str, assert: SnapshotFn) {
    let location = Location::from(PanicLocation::caller());
    if let Err(mismatch) = check_rootfs(instance, name, Some(assert)) {
        let expression = format!("assert_rootfs_snapshot!(\"{name}\")");
        panic_any(Failure { location, expression, mismatch });
    }
}

/// Checks the snapshot `name` of the test that this thread runs.
pub(crate) fn check_rootfs(
    instance: &Instance,
    name: &str,
    assert: Option<SnapshotFn>,
) -> Result<(), Mismatch> {
    let wanted = format!("the accepted snapshot `{name}`");
    let Some((current, first)) = context::take(name) else {
        return Err(Mismatch::not_evaluated(wanted, "no test of fwtest runs on this thread"));
    };
    if !first {
        let why = "this test has taken a snapshot of that name already; give each its own";
        return Err(Mismatch::not_evaluated(wanted, why));
    }
    let changes = match instance.changes() {
        Ok(changes) => changes,
        Err(error) => {
            let why = crate::instance::chain(&error);
            return Err(Mismatch::not_evaluated(wanted, why));
        }
    };
    let options = RenderOptions {
        names: instance.names(),
        normaliser: (*current.normaliser).clone(),
        ..RenderOptions::default()
    };
    let text = render(&changes, &options) + &render_attempts(&instance.attempts(), &options);
    compare(&current, name, &text, assert.unwrap_or(current.snapshot))
}

fn compare(current: &Current, name: &str, text: &str, assert: SnapshotFn) -> Result<(), Mismatch> {
    let stem = format!("{}.{name}", current.stem);
    let file = current.snapshots.join(format!("{stem}@{}.snap", current.firmware));
    let accepted = accepted(&file);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&current.snapshots);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_suffix(&current.firmware);
    settings.set_omit_expression(true);
    settings
        .set_description(format!("what `{}` changed in its root file system", current.firmware));
    if let Some(suite) = &current.suite {
        settings.set_input_file(suite);
    }
    // insta panics to fail; with INSTA_UPDATE and INSTA_FORCE_PASS it may also let pass.
    let asserted = catch_unwind(AssertUnwindSafe(|| assert(&settings, &stem, text)));
    if asserted.is_ok() {
        return Ok(());
    }
    let shown = file.strip_prefix(&current.root).unwrap_or(&file).display();
    let review = "`cargo insta review` shows it, `cargo fwtest --accept` accepts it";
    Err(match accepted {
        Some(accepted) => Mismatch {
            diff: Some(diff(&accepted, text)),
            ..Mismatch::new(format!("what {shown} says"), format!("something else; {review}"))
        },
        None => Mismatch::new(
            format!("an accepted snapshot in {shown}"),
            format!("there is none yet; {review}:\n{}", text.trim_end()),
        ),
    })
}

/// The content of a snapshot file: what comes after its header.
fn accepted(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let rest = text.strip_prefix("---\n")?;
    let (_, content) = rest.split_once("\n---\n")?;
    Some(content.to_owned())
}

fn diff(accepted: &str, text: &str) -> String {
    let diff = TextDiff::from_lines(accepted, text);
    let mut shown = String::from("- accepted, + now\n");
    shown.push_str(&diff.unified_diff().context_radius(2).to_string());
    shown.trim_end().to_owned()
}
