//! A deadline as a test writes it.

/// The milliseconds that `text` stands for: a whole number of `ms`, `s` or `m`, more than none.
pub(crate) fn milliseconds(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor).filter(|&milliseconds| milliseconds > 0)
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn a_deadline_is_a_number_and_a_unit() {
        for (text, expected) in [
            ("1ms", Some(1)),
            ("10s", Some(10_000)),
            ("2m", Some(120_000)),
            ("0s", None),
            ("10", None),
            ("s", None),
            ("", None),
            ("1.5s", None),
            ("-1s", None),
            ("+1s", None),
            ("10 s", None),
            ("1h", None),
            ("18446744073709551615m", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
    }
}
