//! Mounts.
//!
//! An instance has its /proc, /sys and /dev from the start, locked, and the kernel lets it mount
//! nothing that stands for a device. A firmware's first lines mount all of these: they are told that
//! it worked, and in pairs: what was mounted in pretence is unmounted in pretence, and what the
//! instance was given is busy. An umount of it that was told to have worked would be tried again for
//! ever by some.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;

use super::caller::Capability;
use super::file_system::{FileSystem, FileSystems};
use super::path::{Base, Looks, Target};
use super::question::{Outcome, Question};
use crate::attempt::{Act, Answer, Class, Verdict};
use crate::path::GuestPath;

/// What becomes of a mount by its kind of file system, where nothing else decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The kernel mounts it for a guest too, and it is the guest's own.
    Own,
    /// The instance has one, at one place; there it is mounted in pretence.
    Given(FileSystem),
    /// The kernel's, and of the whole machine: mounted in pretence.
    Machine,
    /// Hierarchies of the host's: refused.
    ControlGroups,
    /// Of a device, or of another machine.
    Device,
}

const KINDS: &[(&[u8], Kind)] = &[
    (b"proc", Kind::Given(FileSystem::Proc)),
    (b"sysfs", Kind::Given(FileSystem::Sysfs)),
    (b"devtmpfs", Kind::Given(FileSystem::Tmpfs)),
    // Elsewhere than on /dev it is the guest's own.
    (b"tmpfs", Kind::Given(FileSystem::Tmpfs)),
    (b"ramfs", Kind::Own),
    (b"devpts", Kind::Own),
    (b"mqueue", Kind::Own),
    (b"overlay", Kind::Own),
    (b"cgroup2", Kind::Own),
    (b"binfmt_misc", Kind::Own),
    (b"fuse", Kind::Own),
    (b"cgroup", Kind::ControlGroups),
    (b"debugfs", Kind::Machine),
    (b"tracefs", Kind::Machine),
    (b"securityfs", Kind::Machine),
    (b"configfs", Kind::Machine),
    (b"pstore", Kind::Machine),
    (b"efivarfs", Kind::Machine),
    (b"fusectl", Kind::Machine),
    (b"selinuxfs", Kind::Machine),
    (b"hugetlbfs", Kind::Machine),
    (b"bpf", Kind::Machine),
    (b"usbfs", Kind::Machine),
];

fn kind(name: &[u8]) -> Kind {
    KINDS.iter().find(|(known, _)| *known == name).map_or(Kind::Device, |(_, kind)| *kind)
}

/// Mounts in pretence that are remembered at once.
const MOST: usize = 10_000;

/// What was mounted, in truth and in pretence.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    /// The instance's from the start, by their ids. Looked at before the guest mounts anything.
    given: Option<HashSet<u64>>,
    /// What was mounted in pretence, the last one last.
    pretended: Vec<Pretended>,
}

/// A mount that is none.
#[derive(Debug, PartialEq)]
struct Pretended {
    path: Vec<u8>,
    /// The mount that it was made on. Where there is another one now, that was made on this one.
    below: Option<u64>,
}

impl Pretended {
    fn at(target: &Target, looks: Looks) -> Self {
        Self { path: target.path(), below: looks.mount() }
    }
}

impl Mounts {
    /// Whether something is mounted there in pretence.
    pub(super) fn pretends(&self, path: &[u8]) -> bool {
        self.pretended.iter().any(|pretended| pretended.path == path)
    }

    fn is_given(&mut self, question: &Question<'_>, mount: Option<u64>) -> bool {
        let init = question.instance.init;
        let given = self.given.get_or_insert_with(|| mount_ids(init));
        mount.is_some_and(|mount| given.contains(&mount))
    }

    /// mount(2)
    pub(super) fn mount(
        &mut self,
        question: &Question<'_>,
        file_systems: &mut FileSystems,
    ) -> Result<Outcome, Errno> {
        let [source, target, name, flags, ..] = question.arguments;
        // The old calls had a magic number in the upper half.
        let flags = if flags & 0xFFFF_0000 == 0xC0ED_0000 { flags & 0xFFFF } else { flags };
        let memory = question.memory();
        let bytes = memory.text(target)?;
        let found = Target::find(question, Base::WorkingDirectory, &bytes).ok();
        let Some((found, looks)) = found.and_then(|found| found.look().map(|looks| (found, looks)))
        else {
            return Ok(Outcome::kernel());
        };
        let given = self.is_given(question, looks.mount());
        if !question.may(Capability::SysAdmin) {
            // Among them who has a user namespace of its own, and mounts what it may in there.
            return Ok(Outcome::kernel());
        }
        let is = |flag| flags & flag != 0;
        if is(libc::MS_REMOUNT) && !is(libc::MS_BIND) {
            // Of what the instance was given, the kernel would refuse it; of the guest's own, the
            // options that it finds in /proc/mounts have ids of the host in them.
            let is_mount = looks.mount().is_some() || self.pretends(&found.path());
            return Ok(if is_mount { Outcome::value(0) } else { Outcome::kernel() });
        }
        let propagation = libc::MS_SHARED | libc::MS_PRIVATE | libc::MS_SLAVE | libc::MS_UNBINDABLE;
        if is(libc::MS_BIND | libc::MS_MOVE | propagation) || name == 0 {
            return Ok(Outcome::kernel());
        }
        let name = memory.text(name)?;
        Ok(match kind(&name) {
            Kind::Own => Outcome::kernel(),
            Kind::ControlGroups => Outcome::errno(Errno::EPERM),
            Kind::Given(kind) if given && file_systems.of(question.tid, looks.device) == kind => {
                self.pretend(&found, looks)
            }
            Kind::Given(_) => Outcome::kernel(),
            Kind::Machine => self.pretend(&found, looks),
            Kind::Device => {
                let source = memory.words(source).unwrap_or_else(|_| "none".to_owned());
                let path = found.path();
                // As where the device isn't there.
                let missing = match source.starts_with('/') {
                    true => Errno::ENOENT,
                    false => Errno::ENODEV,
                };
                let act = Act::Mount {
                    source,
                    target: GuestPath::from(OsStr::from_bytes(&path)),
                    kind: String::from_utf8_lossy(&name).into_owned(),
                    flags,
                };
                match question.instance.policy.answer(Class::Mounts) {
                    Answer::Refuse => Outcome::refused(act, missing),
                    Answer::Pretend | Answer::Emulate => Outcome {
                        attempt: Some((act, Verdict::Pretended)),
                        ..self.pretend(&found, looks)
                    },
                }
            }
        })
    }

    fn pretend(&mut self, target: &Target, looks: Looks) -> Outcome {
        if self.pretended.len() >= MOST {
            // As of /proc/sys/fs/mount-max.
            return Outcome::errno(Errno::ENOSPC);
        }
        self.pretended.push(Pretended::at(target, looks));
        Outcome::value(0)
    }

    /// umount(2), umount2(2)
    pub(super) fn unmount(&mut self, question: &Question<'_>) -> Result<Outcome, Errno> {
        let bytes = question.memory().text(question.arguments[0])?;
        let found = Target::find(question, Base::WorkingDirectory, &bytes).ok();
        let Some((found, looks)) = found.and_then(|found| found.look().map(|looks| (found, looks)))
        else {
            return Ok(Outcome::kernel());
        };
        let given = self.is_given(question, looks.mount());
        if !question.may(Capability::SysAdmin) {
            return Ok(Outcome::kernel());
        }
        let top = Pretended::at(&found, looks);
        if let Some(last) = self.pretended.iter().rposition(|pretended| *pretended == top) {
            self.pretended.remove(last);
            return Ok(Outcome::value(0));
        }
        Ok(if given { Outcome::errno(Errno::EBUSY) } else { Outcome::kernel() })
    }
}

/// Of every mount that a process sees: proc_pid_mountinfo(5).
fn mount_ids(pid: i32) -> HashSet<u64> {
    let text = fs::read(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
    // Names in it may be anything.
    let text = String::from_utf8_lossy(&text);
    text.lines().filter_map(|line| line.split(' ').next()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::question::Reply;
    use super::*;

    /// A firmware that mounts in a loop fills no memory.
    #[test]
    fn not_everything_is_mounted_in_pretence() {
        let mut mounts = Mounts::default();
        let taken = |outcome: &Outcome| matches!(outcome.reply, Reply::Value(0));
        let target = Target::at(nix::unistd::getpid().as_raw(), b"/").unwrap();
        let looks = target.look().unwrap();
        let count = (0..MOST + 3).filter(|_| taken(&mounts.pretend(&target, looks))).count();
        assert_eq!(count, MOST);
        assert!(matches!(mounts.pretend(&target, looks).reply, Reply::Errno(Errno::ENOSPC)));
        assert_eq!(mounts.pretended.len(), MOST);
    }

    #[test]
    fn a_file_system_is_of_its_kind() {
        for (name, expected) in [
            ("proc", Kind::Given(FileSystem::Proc)),
            ("devtmpfs", Kind::Given(FileSystem::Tmpfs)),
            ("tmpfs", Kind::Given(FileSystem::Tmpfs)),
            ("devpts", Kind::Own),
            ("cgroup2", Kind::Own),
            ("cgroup", Kind::ControlGroups),
            ("debugfs", Kind::Machine),
            ("jffs2", Kind::Device),
            ("ext4", Kind::Device),
            ("nfs", Kind::Device),
            ("", Kind::Device),
        ] {
            assert_eq!(kind(name.as_bytes()), expected, "{name}");
        }
    }
}
