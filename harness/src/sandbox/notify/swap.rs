//! Swap.

use nix::errno::Errno;

use super::caller::Capability;
use super::path::guest_path;
use super::question::{Outcome, Question};
use crate::attempt::Act;

/// swapon(2)
pub(super) fn on(question: &Question<'_>) -> Result<Outcome, Errno> {
    let path = guest_path(question, question.arguments[0])?;
    Ok(question.judge(Act::SwapOn { path }, Capability::SysAdmin, Errno::EPERM))
}

/// swapoff(2)
pub(super) fn off(question: &Question<'_>) -> Result<Outcome, Errno> {
    let path = guest_path(question, question.arguments[0])?;
    Ok(question.judge(Act::SwapOff { path }, Capability::SysAdmin, Errno::EPERM))
}
