//! The filter on the process that calls.

use std::os::fd::OwnedFd;

use super::program::{Recorder, program};
use crate::sandbox::fault::{During, Step, StepError};
use crate::sandbox::sys;

/// Puts everything that this process and its children call from now on through the filter. Gives
/// the listener for the keeper, if the kernel has such (`asks`).
pub(crate) fn install(single_id: bool, asks: bool) -> Result<Option<OwnedFd>, StepError> {
    let step = || Step::InstallFilter;
    if !asks {
        sys::install_filter(&program(single_id, Recorder::None)).during(step)?;
        return Ok(None);
    }
    sys::install_asking_filter(&program(single_id, Recorder::Keeper)).during(step).map(Some)
}
