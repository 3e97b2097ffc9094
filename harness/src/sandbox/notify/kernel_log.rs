//! The kernel's log, which is the host's: a guest's is empty.

use std::time::Duration;

use nix::errno::Errno;

use super::caller::Capability;
use super::question::{Outcome, Question, Reply};
use crate::attempt::Act;

/// A reader of an empty log waits. This is how long at once: one that is told to end by a signal
/// sees that then, for while it is held it sees none.
const WAIT: Duration = Duration::from_millis(800);
/// Of the log, in bytes, as far as a guest is told.
const SIZE: i64 = 16_384;

/// syslog(2): `SYSLOG_ACTION_…`
pub(super) fn syslog(question: &Question<'_>) -> Result<Outcome, Errno> {
    let action = question.int(0);
    Ok(match action {
        // Only a look. The host may allow it to anybody; here there is nothing to see.
        3 => Outcome::value(0),
        10 => Outcome::value(SIZE),
        4..=8 => {
            let value = if action == 8 { question.int(2) } else { 0 };
            let act = Act::KernelLog { action, value };
            question.judge(act, Capability::Syslog, Errno::EPERM)
        }
        0..=9 if !question.may(Capability::Syslog) => Outcome::errno(Errno::EPERM),
        // Open and close do nothing; nothing is unread.
        0 | 1 | 9 => Outcome::value(0),
        2 => Outcome::plain(Reply::Hold(WAIT)),
        _ => Outcome::errno(Errno::EINVAL),
    })
}
