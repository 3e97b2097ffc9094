//! Lengths of time: `30s`, `500ms`, `2m`.

use std::time::Duration;

use serde::Deserializer;

use super::{ValueError, text};

pub(crate) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    text(deserializer, "a time such as \"30s\"", parse)
}

pub(crate) fn optional_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

fn parse(text: &str) -> Result<Duration, ValueError> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let milliseconds_each = match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60 * 1000),
        "h" => Some(60 * 60 * 1000),
        _ => None,
    };
    let milliseconds = milliseconds_each
        .and_then(|each| number.parse::<u64>().ok()?.checked_mul(each))
        .ok_or_else(|| {
            let hint = "write a whole number and a unit: `500ms`, `30s`, `2m` or `1h`";
            ValueError::hinted(format!("`{text}` is not a time"), hint)
        })?;
    if milliseconds == 0 {
        return Err(ValueError::new(format!("`{text}` is no time at all")));
    }
    Ok(Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, milliseconds: Option<u64>) {
        assert_eq!(parse(text).ok(), milliseconds.map(Duration::from_millis));
    }

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        check("500ms", Some(500));
        check("30s", Some(30_000));
        check("2m", Some(120_000));
        check("1h", Some(3_600_000));
        for bad in ["", "s", "30", "0s", "-1s", "1.5s", "1 s", "1s ", "2m30s", "1S", "1µs", "１s"]
        {
            check(bad, None);
        }
        check("18446744073709551615h", None);
        check("99999999999999999999s", None);
    }
}
