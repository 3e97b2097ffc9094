//! Device nodes.

use nix::errno::Errno;
use rustix::fs::FileType;

use super::caller::Capability;
use super::mount::Mounts;
use super::path::{Base, Target, guest_path_at};
use super::question::{Outcome, Question};
use crate::attempt::{Act, DeviceKind};

/// mknod(2), mknodat(2): path, mode and device begin at argument `first`.
pub(super) fn make(
    question: &Question<'_>,
    base: Base,
    first: usize,
    mounts: &Mounts,
) -> Result<Outcome, Errno> {
    let mode = question.int(first + 1).cast_unsigned();
    let number = question.int(first + 2).cast_unsigned();
    let kind = match FileType::from_raw_mode(mode) {
        FileType::BlockDevice => DeviceKind::Block,
        // 0:0 is no device: overlayfs marks with it what is removed.
        FileType::CharacterDevice if number != 0 => DeviceKind::Character,
        // A FIFO, a socket, a file.
        _ => return Ok(Outcome::kernel()),
    };
    let bytes = question.memory().text(question.arguments[first])?;
    let path = guest_path_at(question, base, &bytes);
    // One that is there already is no new one; the kernel says so.
    if Target::find(question, base, &bytes).is_ok() {
        return Ok(match mounts.pretends(b"/dev") && path.as_bytes().starts_with(b"/dev/") {
            // The firmware believes that it has just mounted an empty /dev, and fills it.
            true => Outcome::value(0),
            false => Outcome::kernel(),
        });
    }
    let act = Act::MakeNode { path, kind, number: device(number) };
    Ok(question.judge(act, Capability::Mknod, Errno::EPERM))
}

/// Major and minor, as the kernel's calls have them in one number of 32 bits.
fn device(number: u32) -> (u32, u32) {
    ((number & 0xF_FF00) >> 8, (number & 0xFF) | (number >> 12 & 0xF_FF00))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_a_major_and_a_minor() {
        assert_eq!(device(0x0803), (8, 3));
        assert_eq!(device(0x1_0300), (259, 0) /* nvme */);
        assert_eq!(device(0x0010_0801), (8, 257));
    }
}
