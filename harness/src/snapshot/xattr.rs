//! Extended attributes as details.

use sha1::{Digest, Sha1};

use super::line::digest;
use super::text::indent;
use crate::path::escape;

/// Bytes of a value that are shown; a longer one shows as size and digest.
const LIMIT: usize = 64;

type Xattr = (Vec<u8>, Vec<u8>);

/// One line per attribute: each of a name that is new, else those that differ.
pub(super) fn write(out: &mut String, before: Option<&[Xattr]>, after: &[Xattr]) {
    let Some(before) = before else {
        for (name, value) in after {
            indent(out, &format!("xattr {}: {}", escape(name), shown(value)));
        }
        return;
    };
    let find = |xattrs: &[Xattr], name: &[u8]| {
        let found = xattrs.iter().find(|(other, _)| other == name);
        found.map_or_else(|| "none".to_owned(), |(_, value)| shown(value))
    };
    let mut names: Vec<&[u8]> = before.iter().chain(after).map(|(name, _)| &name[..]).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let (before, after) = (find(before, name), find(after, name));
        if before != after {
            indent(out, &format!("xattr {}: {before} -> {after}", escape(name)));
        }
    }
}

/// Text in quotes, other bytes in hexadecimal.
fn shown(value: &[u8]) -> String {
    if value.len() > LIMIT {
        return format!("{} bytes {}", value.len(), digest(&Sha1::digest(value).into()));
    }
    match std::str::from_utf8(value) {
        Ok(text) if !text.contains(char::is_control) => format!("\"{}\"", escape(value)),
        _ => value.iter().fold("0x".to_owned(), |hex, byte| hex + &format!("{byte:02x}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        let pair = |name: &str, value: &[u8]| (name.into(), value.into());
        let before = [pair("user.a", b"1"), pair("user.gone", b""), pair("user.same", b"s")];
        let after = [
            pair("security.capability", b"\x01\0\0\x02"),
            pair("user.a", b"2"),
            pair("user.large", &[b'x'; 65]),
            pair("user.same", b"s"),
        ];
        let mut out = String::new();
        write(&mut out, Some(&before), &after);
        insta::assert_snapshot!(out, @r#"
        xattr security.capability: none -> 0x01000002
        xattr user.a: "1" -> "2"
        xattr user.gone: "" -> none
        xattr user.large: none -> 65 bytes sha1:78c741ddc482
        "#);
    }
}
