//! Numbers of bytes: `16M`.

use serde::{Deserialize, Deserializer};

use super::{ValueError, text};

/// A number of bytes. In a file it is a whole number with `K`, `M` or `G` (of 1024, 1024², 1024³
/// bytes), or without for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a size such as \"16M\"", parse)
    }
}

fn parse(text: &str) -> Result<Size, ValueError> {
    let (number, each) = match text.as_bytes().last() {
        Some(b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'M') => (&text[..text.len() - 1], 1 << 20),
        Some(b'G') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let bytes = digits.then(|| number.parse::<u64>().ok()?.checked_mul(each)).flatten();
    match bytes {
        Some(0) => Err(ValueError::new(format!("`{text}` is no room at all"))),
        Some(bytes) => Ok(Size(bytes)),
        None => {
            let hint = "write a whole number and a unit: `512K`, `16M` or `1G`";
            Err(ValueError::hinted(format!("`{text}` is not a size"), hint))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, bytes: Option<u64>) {
        assert_eq!(parse(text).ok(), bytes.map(Size));
    }

    #[test]
    fn a_size_is_a_number_and_a_unit_of_1024() {
        check("4096", Some(4096));
        check("512K", Some(512 << 10));
        check("16M", Some(16 << 20));
        check("1G", Some(1 << 30));
        for bad in ["", "M", "0", "0M", "-1M", "+1M", "1.5M", "16 M", "16MB", "16m", "16Mé"] {
            check(bad, None);
        }
        check("18446744073709551615K", None);
    }
}
