//! `file`: a file of the firmware, as it is now.

use serde::{Deserialize, Deserializer};

use super::TextChecks;
use crate::instance::FileKind;
use crate::path::GuestPath;
use crate::value::{OneOrMany, Pattern, ValueError, guest_path, table, text};

/// Looks at a file of the firmware. A link is not followed in the last component of the path.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// Where it is.
    pub path: GuestPath,
    /// What it is to be; `None` where there is to be no such file.
    pub state: Option<FileState>,
}

/// What a file is to be, besides being there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileState {
    /// Its kind.
    pub kind: Option<FileKind>,
    /// Its permission bits, `0o7777` at most.
    pub mode: Option<u32>,
    /// `user` or `user:group`, by names or numbers.
    pub owner: Option<String>,
    /// Bytes.
    pub size: Option<u64>,
    /// What it holds.
    pub content: TextChecks,
    /// Where a symbolic link points.
    pub target: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(deserialize_with = "guest_path")]
    path: GuestPath,
    exists: Option<bool>,
    #[serde(default, rename = "type", deserialize_with = "kind")]
    kind: Option<FileKind>,
    #[serde(default, deserialize_with = "mode")]
    mode: Option<u32>,
    #[serde(default, deserialize_with = "owner")]
    owner: Option<String>,
    size: Option<u64>,
    #[serde(default)]
    contains: OneOrMany,
    equals: Option<String>,
    matches: Option<Pattern>,
    target: Option<String>,
}

impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let keys: Written = table(deserializer)?;
        let content = TextChecks::new(keys.equals, keys.contains, keys.matches);
        let Written { path, kind, mode, owner, size, target, .. } = keys;
        let state = FileState { kind, mode, owner, size, content, target };
        if keys.exists != Some(false) {
            return Ok(Self { path, state: Some(state) });
        }
        if state != FileState::default() {
            let hint = "with `exists = false` write `path` alone";
            let message = format!("`{path}` cannot be missing and yet be something");
            return Err(ValueError::hinted(message, hint).into_serde());
        }
        Ok(Self { path, state: None })
    }
}

const KINDS: [(&str, FileKind); 7] = [
    ("file", FileKind::File),
    ("directory", FileKind::Directory),
    ("symlink", FileKind::Symlink),
    ("fifo", FileKind::Fifo),
    ("socket", FileKind::Socket),
    ("char-device", FileKind::CharDevice),
    ("block-device", FileKind::BlockDevice),
];

fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<FileKind>, D::Error> {
    text(deserializer, "a file type in a string", |text| {
        match KINDS.iter().find(|(name, _)| *name == text) {
            Some((_, kind)) => Ok(Some(*kind)),
            None => {
                let names = KINDS.map(|(name, _)| format!("`{name}`")).join(", ");
                let message = format!("`{text}` is not a file type");
                Err(ValueError::hinted(message, format!("known here: {names}")))
            }
        }
    })
}

/// A string, for TOML has no way to write `0600` and would take `600` for six hundred.
fn mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    text(deserializer, "octal digits in a string, such as \"0600\"", |text| {
        let octal = text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
        match octal.then(|| u32::from_str_radix(text, 8)) {
            Some(Ok(mode @ 0..=0o7777)) => Ok(Some(mode)),
            _ => {
                let hint = "write octal digits: `\"0600\"`, `\"4755\"`";
                Err(ValueError::hinted(format!("`{text}` is not a mode"), hint))
            }
        }
    })
}

fn owner<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    text(deserializer, "an owner such as \"root:root\"", |text| {
        let parts: Vec<_> = text.split(':').collect();
        let name = |part: &&str| !part.is_empty() && !part.contains(char::is_whitespace);
        match parts.len() <= 2 && parts.iter().all(name) {
            true => Ok(Some(text.to_owned())),
            false => {
                let hint = "write `root`, `root:root` or `0:0`";
                Err(ValueError::hinted(format!("`{text}` is not an owner"), hint))
            }
        }
    })
}
