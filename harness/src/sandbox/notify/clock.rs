//! The wall clock and its time zone.

use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;

use super::caller::Capability;
use super::memory::{int, long};
use super::question::{Outcome, Question};
use crate::attempt::{Act, ClockChange};
use crate::sandbox::filter::Abi;

/// settimeofday(2): the time, the time zone, or both.
pub(super) fn set_time_of_day(question: &Question<'_>) -> Result<Outcome, Errno> {
    let [time, zone, ..] = question.arguments;
    if time != 0 {
        // `struct timeval`
        let (seconds, microseconds) = pair(question, time, question.abi)?;
        let nanoseconds = u32::try_from(microseconds).ok().and_then(|us| us.checked_mul(1000));
        return set(question, seconds, nanoseconds);
    }
    if zone == 0 {
        return Ok(Outcome::kernel());
    }
    // `struct timezone`
    let minutes_west = int(&question.memory().read::<8>(zone)?, 0);
    let act = Act::SetTimeZone { minutes_west };
    Ok(question.judge(act, Capability::SysTime, Errno::EPERM))
}

/// clock_settime(2), with the `struct timespec` of that size.
pub(super) fn set_clock(question: &Question<'_>, abi: Abi) -> Result<Outcome, Errno> {
    if question.int(0) != libc::CLOCK_REALTIME {
        // No other can be set, or it is a device's.
        return Ok(Outcome::kernel());
    }
    let (seconds, mut nanoseconds) = pair(question, question.arguments[1], abi)?;
    if question.abi == Abi::Bits32 {
        // A `long` of 32 bits; where it has a place of 64, whatever lies in the rest.
        nanoseconds &= 0xFFFF_FFFF;
    }
    set(question, seconds, u32::try_from(nanoseconds).ok())
}

/// stime(2)
pub(super) fn set_time(question: &Question<'_>) -> Result<Outcome, Errno> {
    let seconds = int(&question.memory().read::<4>(question.arguments[0])?, 0);
    set(question, seconds.into(), Some(0))
}

fn set(question: &Question<'_>, seconds: i64, nanoseconds: Option<u32>) -> Result<Outcome, Errno> {
    let Some(nanoseconds) = nanoseconds.filter(|count| *count < 1_000_000_000 && seconds >= 0)
    else {
        return Err(Errno::EINVAL);
    };
    let act = Act::SetClock { seconds, nanoseconds, ahead: seconds - now() };
    Ok(question.judge(act, Capability::SysTime, Errno::EPERM))
}

/// adjtimex(2), clock_adjtime(2): `struct timex` at this address, which begins with its `modes` on
/// every machine.
pub(super) fn adjust(question: &Question<'_>, address: u64) -> Result<Outcome, Errno> {
    /// `ADJ_OFFSET_SS_READ`, adjtime(3) that asks only.
    const SINGLE_SHOT_READ: u32 = 0xA001;
    let modes = int(&question.memory().read::<4>(address)?, 0).cast_unsigned();
    if modes == 0 || modes == SINGLE_SHOT_READ {
        return Ok(Outcome::kernel());
    }
    // Pretended, it is TIME_OK, which is 0; the values that were asked for stay as they are.
    let act = Act::AdjustClock(ClockChange { modes });
    Ok(question.judge(act, Capability::SysTime, Errno::EPERM))
}

/// Seconds, and micro- or nanoseconds.
fn pair(question: &Question<'_>, address: u64, abi: Abi) -> Result<(i64, i64), Errno> {
    match abi {
        Abi::Bits64 => {
            let bytes = question.memory().read::<16>(address)?;
            Ok((long(&bytes, 0), long(&bytes, 8)))
        }
        Abi::Bits32 => {
            let bytes = question.memory().read::<8>(address)?;
            Ok((int(&bytes, 0).into(), int(&bytes, 4).into()))
        }
    }
}

/// The host's time, in seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::notify::question::tests::asked;

    /// What clock_settime64(2) of a 32-bit program has asked for, with these nanoseconds.
    fn asked_for(abi: Abi, nanoseconds: u64) -> Option<Act> {
        let time = [981_158_400, nanoseconds];
        let address = time.as_ptr().expose_provenance() as u64;
        asked(abi, [0, address, 0, 0, 0, 0], true, |asked| {
            set_clock(asked, Abi::Bits64).ok()?.attempt.map(|(act, _)| act)
        })
    }

    /// The kernel's get_timespec64: "zero out the padding in compat mode".
    #[test]
    fn the_padding_of_a_32_bit_programs_time_means_nothing() {
        let is_set =
            |act| matches!(act, Some(Act::SetClock { seconds: 981_158_400, nanoseconds: 5, .. }));
        assert!(is_set(asked_for(Abi::Bits32, 0xDEAD_BEEF_0000_0005)));
        assert!(is_set(asked_for(Abi::Bits64, 5)));
        assert_eq!(asked_for(Abi::Bits64, 0xDEAD_BEEF_0000_0005), None);
        assert_eq!(asked_for(Abi::Bits32, 1_000_000_000), None);
    }
}
