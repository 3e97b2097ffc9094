//! From a firmware to an instance of it.

use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use super::{BootError, Instance, WaitError};
use crate::firmware::Firmware;
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
        let deadline = instance.start_time() + firmware.boot_timeout;
        for condition in &firmware.ready {
            let left = deadline.saturating_duration_since(Instant::now());
            let limit = condition.within.map_or(left, |within| within.min(left));
            if let Err(source) = instance.wait_within(condition.clone(), limit).await {
                return Err(instance.not_ready(source));
            }
        }
        Ok(instance)
    }

    fn start(firmware: &Firmware) -> Result<Self, BootError> {
        let launcher = launcher()?;
        let rootfs = std::path::absolute(&firmware.rootfs).unwrap_or(firmware.rootfs.clone());
        let init = crate::firmware::preflight(&rootfs, firmware.init.as_deref())?;
        let failed = |source| BootError::Sandbox { firmware: firmware.name.to_string(), source };
        let ids = launcher.ready().map_err(|error| failed(error.into()))?;
        let order = order(firmware, &rootfs, &init.argv, ids.single());
        let start = Instant::now();
        let boot = Boot { rootfs: &rootfs, order, patience: firmware.boot_timeout };
        let sandbox = launcher.boot(boot).map_err(failed)?;
        Self::new(firmware.clone(), init.file, sandbox, start).map_err(BootError::Launcher)
    }

    fn not_ready(&self, source: WaitError) -> BootError {
        let (source, report) = (Box::new(source), Box::new(self.report()));
        BootError::NotReady { firmware: self.firmware().name.to_string(), source, report }
    }
}

fn order(firmware: &Firmware, rootfs: &Path, argv: &[String], single_id: bool) -> BootOrder {
    let extra: Vec<_> =
        firmware.env.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let unlimited = u64::MAX;
    BootOrder {
        firmware: rootfs.display().to_string(),
        argv: argv.iter().map(Into::into).collect(),
        env: environment(&extra),
        hostname: firmware.hostname.clone(),
        storage: firmware.limits.storage.map(|size| size.0),
        single_id,
        open_files: (limit.current.unwrap_or(unlimited), limit.maximum.unwrap_or(unlimited)),
    }
}
