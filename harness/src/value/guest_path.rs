//! Paths of the firmware, as a file of ours has them: text, from `/`.

use serde::Deserializer;

use super::{ValueError, text};
use crate::path::GuestPath;

pub(crate) fn guest_path<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<GuestPath, D::Error> {
    text(deserializer, "a path of the firmware", parse)
}

pub(crate) fn optional_guest_path<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<GuestPath>, D::Error> {
    guest_path(deserializer).map(Some)
}

fn parse(text: &str) -> Result<GuestPath, ValueError> {
    check(text).map(|()| GuestPath::from(text))
}

/// Whether `text` can be the path of a file of the firmware.
pub(super) fn check(text: &str) -> Result<(), ValueError> {
    if text.contains('\0') {
        return Err(ValueError::new("a path cannot have a NUL in it"));
    }
    if !text.starts_with('/') {
        let hint = format!("write `/{text}`");
        return Err(ValueError::hinted(format!("`{text}` does not begin with `/`"), hint));
    }
    Ok(())
}
