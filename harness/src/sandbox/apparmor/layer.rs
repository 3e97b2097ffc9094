//! AppArmor for this process's instances: set up once, then a policy namespace for each.

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::AskError;
use super::audit::{Audit, Mailbox};
use super::available::{Found, find, namespaces};
use super::error::{AppArmorError, Missing, Unavailable};
use super::features::Features;
use super::policy::{Names, Namespace};
use super::record::Kind;
use super::sighting::Sighting;
use super::{profile, sweep};

/// How long the processes of an instance may take to end whose keeper was killed.
const FAREWELL: Duration = Duration::from_secs(10);

/// What it takes to put an instance under the profile.
#[derive(Debug)]
pub(crate) struct AppArmor {
    /// Of policy namespaces.
    directory: PathBuf,
    blob: Vec<u8>,
    names: Names,
    audit: Arc<Audit>,
}

impl AppArmor {
    /// Sweeps up after dead runs, compiles the profile, and tries it on a canary: `fly` has the
    /// launcher send one under the label, and waits for its end.
    pub(crate) fn set_up(
        cache: Option<PathBuf>,
        fly: impl FnOnce(&str) -> Result<(), AskError>,
    ) -> Result<Self, Missing> {
        let Found { tree, parser, audit } = find().map_err(Missing::Unavailable)?;
        let directory = namespaces(&tree);
        sweep::sweep(&directory)?;
        let path = tree.join("features");
        let features = Features::read(&path)
            .map_err(|source| AppArmorError::Features { path: path.clone(), source })?;
        let blob = parser.compiled(&profile::text(), &features, cache.as_deref())?;
        let names = Names::new();
        let audit = Audit::start(audit, names.run())
            .map_err(|source| Missing::Unavailable(Unavailable::NoAudit(source)))?;
        let apparmor = Self { directory, blob, names, audit: Arc::new(audit) };
        apparmor.try_profile(fly)?;
        Ok(apparmor)
    }

    /// What the profile must refuse is refused, and what it must report is reported.
    fn try_profile(
        &self,
        fly: impl FnOnce(&str) -> Result<(), AskError>,
    ) -> Result<(), AppArmorError> {
        let confined = self.confine(None)?;
        let flown = fly(&confined.label());
        confined.catch_up();
        let sightings = confined.mailbox.take();
        // It has ended, and been waited for: all but where the launcher did not answer.
        confined.end(flown.is_ok())?;
        flown.map_err(|error| AppArmorError::Try(Box::new(error)))?;
        let has = |kind, end: &[u8]| {
            let mut records = sightings.iter().map(|sighting| &sighting.record);
            records.any(|record| record.kind == kind && record.object.ends_with(end))
        };
        if !has(Kind::Reported, b"/sysrq-trigger") {
            let what = "a write to a file called `sysrq-trigger` was not reported; the kernel's \
                        audit records reach no other network namespace than the machine's own, and \
                        none with `audit=0` on the kernel's command line";
            return Err(AppArmorError::Canary(what.to_owned()));
        }
        match has(Kind::Denied, b"unconfined") {
            true => Ok(()),
            false => {
                let what = "a refused change to `unconfined` was not reported";
                Err(AppArmorError::Canary(what.to_owned()))
            }
        }
    }

    /// A policy namespace for an instance. `wake` is counted up when something is heard of it.
    pub(crate) fn confine(&self, wake: Option<OwnedFd>) -> Result<Confined, AppArmorError> {
        let name = self.names.next();
        let mailbox = self.audit.listen(&name, wake);
        let namespace = Namespace::make(&self.directory, name.clone(), &self.blob);
        match namespace {
            Ok(namespace) => Ok(Confined {
                namespace,
                mailbox,
                audit: Arc::clone(&self.audit),
                removed: Cell::new(false),
            }),
            Err(error) => {
                self.audit.forget(&name);
                Err(error)
            }
        }
    }
}

/// An instance's policy namespace. It is removed when nobody is in it any more: at its end, or, if
/// that cannot be, by the next run.
#[derive(Debug)]
pub(crate) struct Confined {
    namespace: Namespace,
    mailbox: Arc<Mailbox>,
    audit: Arc<Audit>,
    removed: Cell<bool>,
}

impl Confined {
    /// What init has to be under.
    pub(crate) fn label(&self) -> String {
        self.namespace.name.label()
    }

    /// What AppArmor has seen of the instance since the last time.
    pub(crate) fn sightings(&self) -> Vec<Sighting> {
        self.mailbox.take()
    }

    /// Waits until everything that the instance has done so far has been heard.
    pub(crate) fn catch_up(&self) {
        self.audit.catch_up();
    }

    /// Removes it. `all_gone`: every process of the instance has ended, as its keeper has said.
    /// Otherwise it is looked for them, and waited.
    pub(crate) fn end(&self, all_gone: bool) -> Result<(), AppArmorError> {
        if self.removed.get() || !(all_gone || self.wait_until_left()) {
            return Ok(());
        }
        self.namespace.remove()?;
        self.audit.forget(&self.namespace.name);
        self.removed.set(true);
        Ok(())
    }

    /// Waits until nobody is in it. False when time is up.
    fn wait_until_left(&self) -> bool {
        let end = Instant::now() + FAREWELL;
        while sweep::is_used(&self.namespace.name, &sweep::labels()) {
            if Instant::now() > end {
                return false;
            }
            // The kernel tells nobody of the last one that leaves.
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        // `end` has reported already where somebody asked.
        let _ = self.end(false);
    }
}
