//! The filter on the process that calls.

use std::os::fd::OwnedFd;

use super::program::{Recorder, program};
use crate::sandbox::channel::Channel;
use crate::sandbox::fault::{During, Fault, Role, Step, StepError};
use crate::sandbox::sys;

/// Puts everything that this process and its children call from now on through the filter. Gives
/// the listener for the keeper, if there can be one (`asks`).
pub(crate) fn install(single_id: bool, asks: bool) -> Result<Option<OwnedFd>, StepError> {
    let step = || Step::InstallFilter;
    if !asks {
        sys::install_filter(&program(single_id, Recorder::None)).during(step)?;
        return Ok(None);
    }
    sys::install_asking_filter(&program(single_id, Recorder::Keeper)).during(step).map(Some)
}

/// Whether the filter can ask a keeper here. Old kernels have no listeners, a container's own filter
/// may refuse them, and where that filter has a listener itself the kernel takes no second one. As
/// this process would keep the filter, a child tries.
///
/// # Errors
/// When there can be no filter at all.
#[expect(unsafe_code, reason = "clones a process")]
pub(crate) fn can_ask() -> Result<bool, StepError> {
    let (ours, theirs) = Channel::<(), Result<bool, Fault>>::pair().during(|| Step::Talk)?;
    // SAFETY: the launcher has one thread.
    match unsafe { sys::clone(0, None) }.during(|| Step::Clone(Role::Prober))? {
        sys::Cloned::Child => {
            let tried = install(false, true).map(|_| true);
            let tried = tried.or_else(|_| install(false, false).map(|_| false));
            let _ = theirs.send(&tried.map_err(Fault::from), &[]);
            sys::exit_now(0)
        }
        sys::Cloned::Parent { pid, .. } => {
            drop(theirs);
            let answer = ours.receive().during(|| Step::InstallFilter);
            let _ = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid), None);
            match answer? {
                Some((tried, _)) => Ok(tried?),
                // It was killed: so a filter may answer, too.
                None => Err(std::io::Error::from_raw_os_error(libc::ECHILD))
                    .during(|| Step::InstallFilter),
            }
        }
    }
}
