//! From a firmware to an instance of it.

use std::io;
use std::sync::OnceLock;
use std::time::Instant;

use super::{BootError, Instance, WaitError};
use crate::firmware::Firmware;
use crate::ready::Condition;
use crate::sandbox::{Boot, BootOrder, Launcher, StepError, environment};

/// The launcher of this process, or why there is none.
static LAUNCHER: OnceLock<Result<Launcher, StepError>> = OnceLock::new();

/// Says which launcher this process's instances come from. The first one stays.
pub(crate) fn use_launcher(launcher: Result<Launcher, StepError>) {
    let _ = LAUNCHER.set(launcher);
}

/// Ends the launcher, if it is of this process, and waits until it is gone.
pub(crate) fn end_launcher() -> Result<(), StepError> {
    match LAUNCHER.get() {
        Some(Ok(launcher)) => launcher.end(),
        _ => Ok(()),
    }
}

/// The launcher of this process.
pub(crate) fn launcher() -> Result<&'static Launcher, BootError> {
    match LAUNCHER.get() {
        Some(Ok(launcher)) => Ok(launcher),
        Some(Err(error)) => Err(BootError::Sandbox {
            firmware: "any firmware".to_owned(),
            source: error.again().into(),
        }),
        None => Err(BootError::Launcher(io::Error::other("this process has none"))),
    }
}

impl Instance {
    /// Boots a firmware, and waits until everything that its `ready` names is so, for at most its
    /// `boot-timeout`.
    ///
    /// # Errors
    /// [`BootError`]: the root file system cannot boot, the host refuses, or the firmware did not
    /// become ready; then with what it did until then.
    pub async fn boot(firmware: &Firmware) -> Result<Self, BootError> {
        let instance = Self::start(firmware)?;
        instance.become_ready().await?;
        Ok(instance)
    }

    /// Waits for what the firmware's `ready` names.
    pub(crate) async fn become_ready(&self) -> Result<(), BootError> {
        let firmware = self.firmware();
        let deadline = self.start_time() + firmware.boot_timeout;
        for (index, condition) in firmware.ready.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let (wait, limit) = match condition.within {
                Some(within) if within <= left => (within, within),
                _ => (left, firmware.boot_timeout),
            };
            if let Err(source) = self.wait_within(condition.clone(), wait).await {
                // What the user wrote is the limit, not what the conditions before left of it.
                let source = match source {
                    WaitError::Late { condition, nearest, .. } => {
                        let nearest = nearest + &still_to_come(&firmware.ready[index + 1..]);
                        WaitError::Late { condition, limit, nearest }
                    }
                    other => other,
                };
                return Err(self.not_ready(source));
            }
        }
        Ok(())
    }

    /// Boots a firmware, ready or not.
    pub(crate) fn start(firmware: &Firmware) -> Result<Self, BootError> {
        let launcher = launcher()?;
        let rootfs = std::path::absolute(&firmware.rootfs).unwrap_or(firmware.rootfs.clone());
        let init = crate::firmware::preflight(&rootfs, firmware.init.as_deref())?;
        let failed = |source| BootError::Sandbox { firmware: firmware.name.to_string(), source };
        let ids = launcher.ready().map_err(|error| failed(error.into()))?;
        let means = launcher.means().map_err(|error| failed(error.into()))?;
        let order = order(firmware, &init.argv, ids.single(), means.recorder);
        let start = Instant::now();
        let disk = firmware.limits.disk;
        let boot = Boot {
            rootfs: &rootfs,
            order,
            disk,
            patience: firmware.boot_timeout,
            apparmor: firmware.apparmor,
        };
        let sandbox = launcher.boot(boot).map_err(failed)?;
        Self::new(firmware.clone(), init.file, sandbox, start).map_err(BootError::Launcher)
    }

    fn not_ready(&self, source: WaitError) -> BootError {
        let (source, report) = (Box::new(source), Box::new(self.report()));
        BootError::NotReady { firmware: self.firmware().name.to_string(), source, report }
    }
}

/// What was not looked at, because what comes before it was not seen.
fn still_to_come(conditions: &[Condition]) -> String {
    let list: Vec<_> = conditions.iter().map(ToString::to_string).collect();
    if list.is_empty() { String::new() } else { format!("; still to come: {}", list.join(", ")) }
}

fn order(firmware: &Firmware, argv: &[String], single_id: bool, asks: bool) -> BootOrder {
    let extra: Vec<_> =
        firmware.env.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let unlimited = u64::MAX;
    BootOrder {
        argv: argv.iter().map(Into::into).collect(),
        env: environment(&extra),
        hostname: firmware.hostname.clone(),
        storage: firmware.limits.storage.map(|size| size.0),
        single_id,
        label: None,
        asks,
        open_files: (limit.current.unwrap_or(unlimited), limit.maximum.unwrap_or(unlimited)),
        attempts: firmware.attempts.clone(),
    }
}
