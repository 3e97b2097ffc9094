//! A date and time of day in UTC, of seconds since 1970.

/// `2001-01-01 00:00:00`: the proleptic Gregorian calendar, which is what clocks have.
pub(super) fn date(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// Year, month and day of a day counted from 1970-01-01.
///
/// Years begin in March here, so that a leap day is the last of its year, and months before a given
/// one have a number of days that a line through them rounds to.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    /// 400 years, after which the calendar repeats.
    const ERA: i64 = 146_097;
    /// From 0000-03-01 to 1970-01-01.
    const SHIFT: i64 = 719_468;
    let days = days + SHIFT;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let march_month = (5 * day + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    (year, month, day - (153 * march_month + 2) / 5 + 1)
}

/// `-25 y`, `+3 d`, `+2 min`: how far ahead, in the largest unit of which there is one.
pub(super) fn ahead(seconds: i64) -> String {
    /// A year is the calendar's mean.
    const UNITS: [(u64, &str); 4] = [(31_556_952, "y"), (86_400, "d"), (3600, "h"), (60, "min")];
    let sign = if seconds < 0 { '-' } else { '+' };
    let distance = seconds.unsigned_abs();
    let unit = UNITS.into_iter().find(|(length, _)| distance >= *length);
    let (length, unit) = unit.unwrap_or((1, "s"));
    format!("{sign}{} {unit}", distance / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: i64, expected: &str) {
        assert_eq!(date(seconds), expected);
    }

    /// Expected values are those of `date -u -d @SECONDS`.
    #[test]
    fn seconds_are_a_date() {
        check(0, "1970-01-01 00:00:00");
        check(-1, "1969-12-31 23:59:59");
        check(86_399, "1970-01-01 23:59:59");
        check(951_782_400, "2000-02-29 00:00:00");
        check(951_868_800, "2000-03-01 00:00:00");
        check(978_307_200, "2001-01-01 00:00:00");
        check(1_709_164_800, "2024-02-29 00:00:00");
        check(4_107_542_400, "2100-03-01 00:00:00");
        check(2_147_483_647, "2038-01-19 03:14:07");
        check(-2_208_988_800, "1900-01-01 00:00:00");
        check(253_402_300_800, "10000-01-01 00:00:00");
        check(-62_167_219_200, "0000-01-01 00:00:00");
    }

    #[test]
    fn any_number_of_seconds_is_one() {
        check(i64::MAX, "292277026596-12-04 15:30:07");
        assert!(date(i64::MIN).ends_with("-01-27 08:29:52"));
    }

    /// Each day follows the one before, for 800 years around 1970.
    #[test]
    fn no_day_is_left_out() {
        let lengths = |year: i64| {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        };
        let mut day = -146_097;
        for year in 1570..2370 {
            for (month, length) in (1..).zip(lengths(year)) {
                for day_of_month in 1..=length {
                    assert_eq!(civil(day), (year, month, day_of_month));
                    day += 1;
                }
            }
        }
    }

    #[test]
    fn a_distance_has_one_unit() {
        let shown = [0, 59, -60, 7200, -86_400, 31_556_952, -788_923_800, i64::MIN].map(ahead);
        let expected =
            ["+0 s", "+59 s", "-1 min", "+2 h", "-1 d", "+1 y", "-25 y", "-292277024626 y"];
        assert_eq!(shown, expected);
    }
}
