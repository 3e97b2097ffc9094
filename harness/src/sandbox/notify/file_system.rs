//! Which kind of file system something is on.
//!
//! Told by the device and the list of mounts, and not by statfs(2): of FUSE that would be a question
//! to whoever serves it, which may be the keeper itself, or someone who waits for it.

use std::collections::HashMap;
use std::fs;

/// As far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileSystem {
    Proc,
    Sysfs,
    Tmpfs,
    Other,
}

/// Those that were met, by their devices. A number that is given anew to another one after an
/// unmount stays what it was: of the instance's own none is ever unmounted.
#[derive(Debug, Default)]
pub(super) struct FileSystems(HashMap<(u32, u32), FileSystem>);

impl FileSystems {
    /// The one with that device, as a process sees it.
    pub(super) fn of(&mut self, tid: i32, device: (u32, u32)) -> FileSystem {
        if let Some(known) = self.0.get(&device) {
            return *known;
        }
        // Of a caller that has died nothing is learnt.
        let Ok(mounts) = fs::read(format!("/proc/{tid}/mountinfo")) else {
            return FileSystem::Other;
        };
        // Names in it may be anything.
        let mounts = String::from_utf8_lossy(&mounts);
        // Overlayfs shows devices that are nobody's: of files, not of what matters here.
        let kind = mounts.lines().find_map(|line| kind(line, device));
        *self.0.entry(device).or_insert(kind.unwrap_or(FileSystem::Other))
    }
}

/// The kind, if a line of proc_pid_mountinfo(5) is about that device.
fn kind(line: &str, (major, minor): (u32, u32)) -> Option<FileSystem> {
    let (mount, file_system) = line.split_once(" - ")?;
    if mount.split(' ').nth(2)? != format!("{major}:{minor}") {
        return None;
    }
    Some(match file_system.split(' ').next()? {
        "proc" => FileSystem::Proc,
        "sysfs" => FileSystem::Sysfs,
        "tmpfs" => FileSystem::Tmpfs,
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
        assert_eq!(kind("", (0, 22)), None);
    }

    #[test]
    fn a_caller_that_has_died_teaches_nothing() {
        let proc = rustix::fs::stat("/proc").unwrap().st_dev;
        let device = (rustix::fs::major(proc), rustix::fs::minor(proc));
        let mut known = FileSystems::default();
        assert_eq!(known.of(i32::MAX, device), FileSystem::Other);
        assert_eq!(known.of(nix::unistd::getpid().as_raw(), device), FileSystem::Proc);
    }
}
