//! Which kind of file system something is on.
//!
//! Told by the device and the list of mounts, and not by statfs(2): of FUSE that would be a question
//! to whoever serves it, which may be the keeper itself, or someone who waits for it.

use std::collections::HashMap;
use std::fs;

use crate::sandbox::mask::SOURCE;

/// As far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileSystem {
    Proc,
    Sysfs,
    Tmpfs,
    /// The file that lies over the guest's sysrq: a [`mask`](crate::sandbox::mask).
    Mask,
    Other,
}

/// Those that were met, by their devices. A number that is given anew to another one after an
/// unmount stays what it was: of the instance's own none is ever unmounted.
#[derive(Debug, Default)]
pub(super) struct FileSystems(HashMap<(u32, u32), FileSystem>);

impl FileSystems {
    /// The one with that device, as a process sees it.
    pub(super) fn of(&mut self, tid: i32, device: (u32, u32)) -> FileSystem {
        *self.0.entry(device).or_insert_with(|| {
            let mounts = fs::read_to_string(format!("/proc/{tid}/mountinfo")).unwrap_or_default();
            // Overlayfs shows devices that are nobody's: of files, not of what matters here.
            mounts.lines().find_map(|line| kind(line, device)).unwrap_or(FileSystem::Other)
        })
    }
}

/// The kind, if a line of proc_pid_mountinfo(5) is about that device.
fn kind(line: &str, (major, minor): (u32, u32)) -> Option<FileSystem> {
    let (mount, file_system) = line.split_once(" - ")?;
    if mount.split(' ').nth(2)? != format!("{major}:{minor}") {
        return None;
    }
    let mut words = file_system.split(' ');
    Some(match (words.next()?, words.next()?) {
        ("proc", _) => FileSystem::Proc,
        ("sysfs", _) => FileSystem::Sysfs,
        ("tmpfs", _) => FileSystem::Tmpfs,
        ("fuse", SOURCE) => FileSystem::Mask,
        _ => FileSystem::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_a_file_system() {
        let line = "36 35 0:22 / /proc rw,nosuid shared:7 - proc proc rw";
        assert_eq!(kind(line, (0, 22)), Some(FileSystem::Proc));
        assert_eq!(kind(line, (0, 2)), None);
        assert_eq!(
            kind("36 35 0:22 / /x rw - fuse.proc proc rw", (0, 22)),
            Some(FileSystem::Other)
        );
        assert_eq!(
            kind("36 35 0:22 / /proc/sysrq-trigger rw - fuse sysrq rw,user_id=0", (0, 22)),
            Some(FileSystem::Mask)
        );
        assert_eq!(kind("", (0, 22)), None);
    }
}
