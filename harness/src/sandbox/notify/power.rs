//! The end of the machine, and its next start.

use nix::errno::Errno;

use super::caller::Capability;
use super::question::{Outcome, Question, Reply};
use crate::attempt::{Act, Answer, RebootCommand, Verdict};

/// What becomes of the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    /// It boots again, on the same root file system.
    Restart,
    Halt,
    Off,
    /// A kernel panic.
    Crash,
}

/// reboot(2)
pub(super) fn reboot(question: &Question<'_>) -> Result<Outcome, Errno> {
    const MAGIC: u32 = 0xFEE1_DEAD;
    const MAGIC2: [u32; 4] = [672_274_793, 85_072_278, 369_367_448, 537_993_216];
    let word = |index| question.int(index).cast_unsigned();
    if word(0) != MAGIC || !MAGIC2.contains(&word(1)) {
        return Err(Errno::EINVAL);
    }
    if !question.in_own_pid_namespace() {
        // A container of the firmware's own: the kernel ends that one alone.
        return Ok(Outcome::kernel());
    }
    let (command, power) = match word(2) {
        // Ctrl-Alt-Del, switched on and off: every init does, and none has such keys here.
        0x89AB_CDEF | 0 if question.may(Capability::SysBoot) => return Ok(Outcome::value(0)),
        0x89AB_CDEF | 0 => return Err(Errno::EPERM),
        0x0123_4567 => (RebootCommand::Restart, Power::Restart),
        0xA1B2_C3D4 => {
            let word = question.memory().words(question.arguments[3])?;
            (RebootCommand::RestartWith(word), Power::Restart)
        }
        0xCDEF_0123 => (RebootCommand::Halt, Power::Halt),
        0x4321_FEDC => (RebootCommand::PowerOff, Power::Off),
        0xD000_FCE2 => {
            return Ok(Outcome::refused(Act::Reboot(RebootCommand::Suspend), Errno::EPERM));
        }
        0x4558_4543 => return kexec(question),
        _ => return Err(Errno::EINVAL),
    };
    let act = Act::Reboot(command);
    if !question.may(Capability::SysBoot)
        || question.instance.policy.answer(act.class()) == Answer::Refuse
    {
        return Ok(Outcome::refused(act, Errno::EPERM));
    }
    let attempt = Some((act, Verdict::Emulated));
    Ok(Outcome { reply: Reply::Nothing, attempt, power: Some(power) })
}

/// kexec_load(2), kexec_file_load(2)
pub(super) fn kexec(question: &Question<'_>) -> Result<Outcome, Errno> {
    Ok(question.judge(Act::Kexec, Capability::SysBoot, Errno::EPERM))
}
