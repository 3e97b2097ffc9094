//! Which test this thread runs: what a macro in the test's crate cannot be told otherwise.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::snapshot::Normaliser;

/// Calls `insta::assert_snapshot!(name, text)` under the settings, in the test's own crate.
pub type SnapshotFn = fn(settings: &insta::Settings, name: &str, text: &str);

/// The crate that has the tests.
#[derive(Clone, Debug)]
pub(crate) struct Crate {
    /// What `file!()` counts from.
    pub(crate) root: PathBuf,
    pub(crate) snapshot: SnapshotFn,
}

/// A test, as its thread knows it.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    /// `web.web_ui`: what its snapshots' names begin with.
    pub(crate) stem: String,
    pub(crate) firmware: String,
    /// What paths are shown from.
    pub(crate) root: PathBuf,
    /// Where its snapshots are.
    pub(crate) snapshots: PathBuf,
    /// The suite file that it is from.
    pub(crate) suite: Option<PathBuf>,
    pub(crate) normaliser: Arc<Normaliser>,
    pub(crate) snapshot: SnapshotFn,
    /// Names of the snapshots that it has taken.
    pub(crate) taken: BTreeSet<String>,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// Says which test the thread runs, until the guard goes.
pub(crate) fn enter(current: Current) -> Entered {
    CURRENT.with_borrow_mut(|slot| *slot = Some(current));
    Entered
}

pub(crate) struct Entered;

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|slot| *slot = None);
    }
}

/// The test of this thread, and whether it takes a snapshot of that name for the first time.
pub(crate) fn take(name: &str) -> Option<(Current, bool)> {
    CURRENT.with_borrow_mut(|slot| {
        let current = slot.as_mut()?;
        let first = current.taken.insert(name.to_owned());
        Some((current.clone(), first))
    })
}
