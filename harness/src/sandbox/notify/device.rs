//! The real-time clock and the watchdog: ioctl(2) on them.
//!
//! Their nodes are /dev/null at another name: whatever is written to them is gone, and what is
//! asked of them comes here.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;

use super::caller::Capability;
use super::clock::now;
use super::memory::int;
use super::question::{Outcome, Question};
use crate::attempt::{Act, Answer, Class, Verdict, civil};

/// What the instance's devices remember.
#[derive(Clone, Copy, Debug)]
pub(super) struct Devices {
    /// Seconds that the real-time clock is ahead of the host's.
    clock_ahead: i64,
    watchdog_timeout: i32,
}

impl Default for Devices {
    fn default() -> Self {
        Self { clock_ahead: 0, watchdog_timeout: 60 }
    }
}

/// A device that is there in pretence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Device {
    Clock,
    Watchdog,
}

impl Device {
    /// By its path in the guest.
    pub(super) fn at(path: &OsStr) -> Option<Self> {
        match path.as_bytes() {
            b"/dev/rtc0" => Some(Self::Clock),
            b"/dev/watchdog" => Some(Self::Watchdog),
            _ => None,
        }
    }
}

impl Devices {
    /// Those of the next boot.
    pub(super) fn after(&self, before: &Self) -> Self {
        Self { clock_ahead: before.clock_ahead, ..*self }
    }

    /// ioctl(2) with a command of a clock's or a watchdog's.
    pub(super) fn control(&mut self, question: &Question<'_>) -> Result<Outcome, Errno> {
        let link = format!("/proc/{}/fd/{}", question.tid, question.int(0));
        let path = fs::read_link(link).map_err(|_| Errno::EBADF)?;
        match Device::at(path.as_os_str()) {
            // Another kind of device may have commands of the same numbers.
            None => Ok(Outcome::kernel()),
            Some(Device::Clock) => self.clock(question),
            Some(Device::Watchdog) => self.watchdog(question),
        }
    }

    /// rtc(4)
    fn clock(&mut self, question: &Question<'_>) -> Result<Outcome, Errno> {
        const RTC_RD_TIME: u32 = 0x8024_7009;
        const RTC_SET_TIME: u32 = 0x4024_700A;
        let address = question.arguments[2];
        match question.int(1).cast_unsigned() {
            RTC_RD_TIME => {
                let time = rtc_time(now() + self.clock_ahead);
                question.give(address, &time)?;
                Ok(Outcome::value(0))
            }
            RTC_SET_TIME => {
                let time = question.memory().read::<36>(address)?;
                let seconds = seconds(&time).ok_or(Errno::EINVAL)?;
                let ahead = seconds - now();
                let act = Act::SetRtc { seconds, ahead };
                // Not EPERM: `rtc_dev_ioctl` in the kernel's drivers/rtc/dev.c.
                let outcome = question.judge(act, Capability::SysTime, Errno::EACCES);
                if matches!(outcome.attempt, Some((_, Verdict::Pretended))) {
                    self.clock_ahead = ahead;
                }
                Ok(outcome)
            }
            // As one without alarms and interrupts.
            _ => Err(Errno::EINVAL),
        }
    }

    /// The kernel's watchdog-api document.
    fn watchdog(&mut self, question: &Question<'_>) -> Result<Outcome, Errno> {
        const WDIOC_GETSUPPORT: u32 = 0x8028_5700;
        const WDIOC_GETSTATUS: u32 = 0x8004_5701;
        const WDIOC_GETBOOTSTATUS: u32 = 0x8004_5702;
        const WDIOC_SETOPTIONS: u32 = 0x8004_5704;
        const WDIOC_KEEPALIVE: u32 = 0x8004_5705;
        const WDIOC_SETTIMEOUT: u32 = 0xC004_5706;
        const WDIOC_GETTIMEOUT: u32 = 0x8004_5707;
        let (memory, address) = (question.memory(), question.arguments[2]);
        match question.int(1).cast_unsigned() {
            WDIOC_GETSUPPORT => {
                /// `WDIOF_SETTIMEOUT | WDIOF_MAGICCLOSE | WDIOF_KEEPALIVEPING`
                const OPTIONS: u32 = 0x8180;
                // `struct watchdog_info`: options, version, identity.
                let mut info = [0; 40];
                info[..4].copy_from_slice(&OPTIONS.to_ne_bytes());
                info[8..16].copy_from_slice(b"Watchdog");
                question.give(address, &info)?;
            }
            WDIOC_GETSTATUS | WDIOC_GETBOOTSTATUS => question.give(address, &0i32.to_ne_bytes())?,
            WDIOC_SETOPTIONS | WDIOC_KEEPALIVE => {}
            WDIOC_SETTIMEOUT => {
                let timeout = int(&memory.read::<4>(address)?, 0);
                if timeout < 1 {
                    return Err(Errno::EINVAL);
                }
                let act = Act::SetWatchdog { timeout };
                if question.instance.policy.answer(Class::Watchdog) == Answer::Refuse {
                    return Ok(Outcome::refused(act, Errno::EOPNOTSUPP));
                }
                self.watchdog_timeout = timeout;
                return Ok(question.decide(act, Errno::EOPNOTSUPP));
            }
            WDIOC_GETTIMEOUT => question.give(address, &self.watchdog_timeout.to_ne_bytes())?,
            _ => return Err(Errno::ENOTTY),
        }
        Ok(Outcome::value(0))
    }
}

/// `struct rtc_time`: nine `int`, as gmtime(3) has them.
fn rtc_time(seconds: i64) -> [u8; 36] {
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, of_month) = civil(day);
    let of_year = day - days(year, 1, 1);
    let fields = [
        second % 60,
        second / 60 % 60,
        second / 3600,
        of_month,
        month - 1,
        year - 1900,
        (day + 4).rem_euclid(7), // 1970 began on a Thursday
        of_year,
        0,
    ];
    let mut bytes = [0; 36];
    for (place, field) in bytes.chunks_exact_mut(4).zip(fields) {
        place.copy_from_slice(&i32::try_from(field).unwrap_or(0).to_ne_bytes());
    }
    bytes
}

/// Seconds since 1970 of a `struct rtc_time`; none of one that is no time.
fn seconds(time: &[u8; 36]) -> Option<i64> {
    let field = |index: usize| i64::from(int(time, 4 * index));
    let (second, minute, hour) = (field(0), field(1), field(2));
    let (day, month, year) = (field(3), field(4) + 1, field(5) + 1900);
    let valid = (0..60).contains(&second)
        && (0..60).contains(&minute)
        && (0..24).contains(&hour)
        && (1..=12).contains(&month)
        && (1970..=9999).contains(&year)
        && (1..=31).contains(&day);
    let of_epoch = valid.then(|| days(year, month, day))?;
    (civil(of_epoch) == (year, month, day))
        .then_some(of_epoch * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days since 1970 of a date in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March have the odd day at their end.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_goes_both_ways() {
        for (time, fields) in [
            (0, [0, 0, 0, 1, 0, 70, 4, 0, 0]),
            (951_827_696, [56, 34, 12, 29, 1, 100, 2, 59, 0]), // a leap day
            (4_102_444_799, [59, 59, 23, 31, 11, 199, 4, 364, 0]),
        ] {
            let bytes = rtc_time(time);
            let read: Vec<i32> = (0..9).map(|index| int(&bytes, 4 * index)).collect();
            assert_eq!(read, fields, "{time}");
            assert_eq!(seconds(&bytes), Some(time));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let mut time = rtc_time(0);
        time[12..16].copy_from_slice(&31i32.to_ne_bytes());
        time[16..20].copy_from_slice(&1i32.to_ne_bytes());
        assert_eq!(seconds(&time), None, "31 February");
        assert_eq!(seconds(&[0xFF; 36]), None);
    }
}
