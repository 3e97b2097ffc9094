//! Kernel modules.

use std::fs;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;

use nix::errno::Errno;
use rustix::fs::{AtFlags, CWD, FileType, StatxFlags, statx};

use super::caller::Capability;
use super::question::{Outcome, Question};
use crate::attempt::Act;

/// No module is larger; a file that claims to be is not read.
const LARGEST: u64 = 64 << 20;

/// init_module(2)
pub(super) fn load(question: &Question<'_>) -> Result<Outcome, Errno> {
    let [image, length, parameters, ..] = question.arguments;
    let length = usize::try_from(length.min(LARGEST)).map_err(|_| Errno::ENOMEM)?;
    let mut bytes = vec![0; length];
    let read = question.memory().read_some(image, &mut bytes)?;
    loaded(question, name_in(&bytes[..read]), parameters)
}

/// finit_module(2). Nothing is asked of a file on the device `served`, for that is us.
pub(super) fn load_file(
    question: &Question<'_>,
    served: Option<(u32, u32)>,
) -> Result<Outcome, Errno> {
    let [_, parameters, ..] = question.arguments;
    let link = format!("/proc/{}/fd/{}", question.tid, question.int(0));
    let path = fs::read_link(&link).map_err(|_| Errno::EBADF)?;
    let stem = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let stem = stem.map(|name| match name.split_once('.') {
        Some((stem, _)) => stem.replace('-', "_"),
        None => name,
    });
    loaded(question, name_of(&link, served).or(stem), parameters)
}

/// What the file at `path` says that it is.
fn name_of(path: &str, served: Option<(u32, u32)>) -> Option<String> {
    let looks = statx(CWD, path, AtFlags::STATX_DONT_SYNC, StatxFlags::TYPE).ok()?;
    // Nothing but a file: a FIFO would wait for somebody to write.
    let is_file = FileType::from_raw_mode(looks.stx_mode.into()) == FileType::RegularFile;
    if !is_file || served == Some((looks.stx_dev_major, looks.stx_dev_minor)) {
        return None;
    }
    // It may be another one by now, or somebody may have a lease on it: fcntl(2).
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let metadata = file.metadata().ok().filter(fs::Metadata::is_file)?;
    let mut bytes = Vec::new();
    file.take(metadata.len().min(LARGEST)).read_to_end(&mut bytes).ok()?;
    name_in(&bytes)
}

fn loaded(
    question: &Question<'_>,
    name: Option<String>,
    parameters: u64,
) -> Result<Outcome, Errno> {
    let parameters = question.memory().words(parameters)?.trim().to_owned();
    let act = Act::LoadModule { name: name.unwrap_or_else(|| "?".to_owned()), parameters };
    Ok(question.judge(act, Capability::SysModule, Errno::EPERM))
}

/// delete_module(2)
pub(super) fn remove(question: &Question<'_>) -> Result<Outcome, Errno> {
    let name = question.memory().words(question.arguments[0])?;
    Ok(question.judge(Act::RemoveModule { name }, Capability::SysModule, Errno::EPERM))
}

/// The `name=` of a module's `.modinfo`, which is a list of texts with a NUL after each.
fn name_in(image: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"\0name=";
    let at = image.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    let name: Vec<u8> = image[at..].iter().copied().take_while(|byte| *byte != 0).collect();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-".contains(byte);
    (!name.is_empty() && name.len() < 64 && name.iter().all(plain))
        .then(|| String::from_utf8_lossy(&name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_says_its_name() {
        assert_eq!(
            name_in(b"\x7fELF\0license=GPL\0name=8021q\0vermagic=6.1\0"),
            Some("8021q".into())
        );
        assert_eq!(name_in(b"\x7fELF\0filename=x\0"), None);
        assert_eq!(name_in(b"\0name=\0"), None);
        assert_eq!(name_in(b"\0name=a b\0"), None);
        assert_eq!(name_in(b""), None);
    }
}
