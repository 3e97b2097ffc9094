//! Layers: what an instance's root file system is stacked from.
//!
//! * **lower**: the firmware. Nothing ever writes to it.
//! * **middle**: the harness's own few names, read-only: mount points that the firmware lacks.
//! * **upper**: what the firmware wrote, on a tmpfs of limited size or on disk. Fresh for each instance.
//!
//! They are in sight in one tmpfs under names of ours, so that no path of the host's has to be escaped in a
//! mount option.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatVfs, StatVfsMountFlags};
use rustix::mount::{FsPickFlags, MountFlags, MoveMountFlags, OpenTreeFlags};

use super::fault::{During, Step, StepError};
use super::launcher::{STAGE, make_directory, mount};
use super::storage::Room;
use super::sys;
use crate::diff::{Change, DiffError};

/// What they are stacked from.
pub(crate) struct Base {
    /// The firmware, as a mount of its own.
    pub(crate) lower: OwnedFd,
    /// Where to write on disk.
    pub(crate) room: Option<Room>,
}

impl Base {
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = &OwnedFd> {
        let room = self.room.iter().flat_map(|room| [&room.directory, &room.mount]);
        [&self.lower].into_iter().chain(room)
    }

    /// The directory on disk alone, to be emptied.
    pub(crate) fn into_directory(self) -> Option<OwnedFd> {
        self.room.map(|room| room.directory)
    }
}

/// Directories, held open: the mount namespace in which they have names is init's, and gone once
/// init has unshared.
pub(crate) struct Layers {
    /// All of them, one over the other.
    root: OwnedFd,
    /// The same as a mount on nothing, for the next boot.
    pub(crate) again: OwnedFd,
    pub(crate) upper: OwnedFd,
    lower: OwnedFd,
    middle: Option<OwnedFd>,
}

/// Directories that the harness mounts on.
const MOUNT_POINTS: [&str; 3] = ["dev", "proc", "sys"];

impl Layers {
    /// Stacks them at `r` on the stage, and stays there. What is written goes to disk, where `base`
    /// has room there, or else to memory, and then at most `storage` bytes.
    pub(crate) fn stack(base: &Base, storage: Option<u64>) -> Result<Self, StepError> {
        let size = storage.map(|bytes| format!(",size={bytes}")).unwrap_or_default();
        mount("tmpfs", STAGE, "tmpfs", MountFlags::NODEV, &format!("mode=0755{size}"))?;
        rustix::process::chdir(STAGE).during(|| Step::ChangeDirectory(STAGE.to_owned()))?;
        for directory in ["r", "l"] {
            make_directory(directory)?;
        }
        show("the firmware", &base.lower, "l")?;
        see_read_only("l")?;
        let (upper_at, work_at) = match &base.room {
            Some(room) => {
                make_directory("d")?;
                show("the upper layer", &room.mount, "d")?;
                ("d/u", "d/w")
            }
            None => ("u", "w"),
        };
        make_directory(upper_at)?;
        make_directory(work_at)?;
        let lower = open_directory("l")?;
        let missing: Vec<_> = MOUNT_POINTS
            .into_iter()
            .filter(|name| {
                rustix::fs::statat(&lower, *name, AtFlags::SYMLINK_NOFOLLOW).err()
                    == Some(rustix::io::Errno::NOENT)
            })
            .collect();
        let (middle, lowers) = if missing.is_empty() {
            (None, "l")
        } else {
            make_directory("m")?;
            for name in missing {
                make_directory(&format!("m/{name}"))?;
            }
            (Some(open_directory("m")?), "m:l")
        };
        let upper = open_directory(upper_at)?;
        // The root directory itself is part of the firmware: what covers it has to look like it.
        let root = rustix::fs::fstat(&lower).during(|| Step::Open("/".to_owned()))?;
        for layer in middle.iter().chain([&upper]) {
            look_like(layer, &root).during(|| Step::Create("the upper layer".to_owned()))?;
        }
        // `userxattr`: overlayfs may keep no trusted.* attributes in a user namespace. `volatile`:
        // nothing of it has to survive a crash.
        let options =
            format!("lowerdir={lowers},upperdir={upper_at},workdir={work_at},userxattr,volatile");
        mount("overlay", "r", "overlay", MountFlags::empty(), &options)?;
        Ok(Self { again: detached("r")?, root: open_directory("r")?, upper, lower, middle })
    }

    /// Puts what was stacked for an earlier boot at `r` on a new stage, and stays there. Gives what
    /// the boot after this one takes.
    pub(crate) fn restack(again: &OwnedFd) -> Result<OwnedFd, StepError> {
        mount("tmpfs", STAGE, "tmpfs", MountFlags::NODEV, "mode=0755,size=64k")?;
        rustix::process::chdir(STAGE).during(|| Step::ChangeDirectory(STAGE.to_owned()))?;
        make_directory("r")?;
        rustix::mount::move_mount(again, "", CWD, "r", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
            .during(|| Step::Mount("the layers".to_owned(), "r".to_owned()))?;
        detached("r")
    }

    /// For another process.
    pub(crate) fn into_descriptors(self) -> impl Iterator<Item = OwnedFd> {
        let Self { root, again, upper, lower, middle } = self;
        [again, root, upper, lower].into_iter().chain(middle)
    }

    /// What [`into_descriptors`](Self::into_descriptors) gave.
    pub(crate) fn from_descriptors(mut from: impl Iterator<Item = OwnedFd>) -> Option<Self> {
        let (again, root) = (from.next()?, from.next()?);
        let (upper, lower) = (from.next()?, from.next()?);
        Some(Self { root, again, upper, lower, middle: from.next() })
    }

    /// The stacked root, without what the guest has mounted.
    pub(crate) fn root(&self) -> Result<OwnedFd, StepError> {
        self.root.try_clone().during(|| Step::Open("/".to_owned()))
    }

    /// What [`changes`](Self::changes) needs to be open.
    pub(crate) fn compared(&self) -> impl Iterator<Item = RawFd> {
        self.middle.iter().chain([&self.upper, &self.lower]).map(AsRawFd::as_raw_fd)
    }

    pub(crate) fn changes(&self) -> Result<Vec<Change>, DiffError> {
        let lowers: Vec<_> = self.middle.iter().chain([&self.lower]).map(AsFd::as_fd).collect();
        crate::diff::changes(self.upper.as_fd(), &lowers, &Default::default())
    }

    /// Bytes used and bytes there are.
    pub(crate) fn storage(&self) -> Result<(u64, u64), StepError> {
        let StatVfs { f_blocks, f_bfree, f_frsize, .. } = rustix::fs::fstatvfs(&self.upper)
            .during(|| Step::Open("the upper layer".to_owned()))?;
        Ok(((f_blocks - f_bfree) * f_frsize, f_blocks * f_frsize))
    }

    /// Lets go of what the kernel remembers of names below: what has changed there is seen.
    pub(crate) fn remount(&self) -> Result<(), StepError> {
        // By descriptor: mount(2) wants a name in our own mount namespace.
        let step = || Step::Mount("overlay again".to_owned(), "/".to_owned());
        let flags = FsPickFlags::FSPICK_CLOEXEC | FsPickFlags::FSPICK_EMPTY_PATH;
        let overlay = rustix::mount::fspick(&self.root, "", flags).during(step)?;
        rustix::mount::fsconfig_reconfigure(overlay.as_fd()).during(step)
    }
}

/// A mount's copy, on nothing.
fn detached(path: &str) -> Result<OwnedFd, StepError> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    rustix::mount::open_tree(CWD, path, flags).during(|| Step::Open(path.to_owned()))
}

/// Gives a mount a name on the stage.
fn show(what: &str, mount: &OwnedFd, at: &str) -> Result<(), StepError> {
    rustix::mount::move_mount(mount, "", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .during(|| Step::Mount(what.to_owned(), "its layer".to_owned()))
}

/// Makes a mount read-only that has no name yet. Where a container refuses the call it becomes so
/// when it has one: only then mount(2) can do it.
pub(crate) fn make_read_only(mount: &OwnedFd) -> io::Result<()> {
    match sys::set_lower_attributes(mount.as_fd(), None) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => Ok(()),
        other => other,
    }
}

/// Whoever has made it: nothing must be written to a firmware.
fn see_read_only(at: &str) -> Result<(), StepError> {
    let step = || Step::Mount("the firmware read-only".to_owned(), "its layer".to_owned());
    let found = rustix::fs::statvfs(at).during(step)?.f_flag;
    if found.contains(StatVfsMountFlags::RDONLY) {
        return Ok(());
    }
    // What the mount has of these must stay: mount_namespaces(7).
    let locked = [
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
    ];
    let kept = locked.into_iter().filter(|(flag, _)| found.contains(*flag)).map(|(_, flag)| flag);
    let flags = kept.fold(MountFlags::BIND | MountFlags::RDONLY, |flags, flag| flags | flag);
    rustix::mount::mount_remount(at, flags, c"").during(step)
}

fn open_directory(path: &str) -> Result<OwnedFd, StepError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).during(|| Step::Open(path.to_owned()))
}

/// Gives a directory the mode and the owner of another.
fn look_like(directory: &OwnedFd, other: &rustix::fs::Stat) -> rustix::io::Result<()> {
    let owner = Some(rustix::fs::Uid::from_raw(other.st_uid));
    let group = Some(rustix::fs::Gid::from_raw(other.st_gid));
    match rustix::fs::fchown(directory, owner, group) {
        // An owner without an id here is shown as nobody, and cannot be given.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::PERM) => {}
        other => other?,
    }
    rustix::fs::fchmod(directory, Mode::from_raw_mode(other.st_mode & 0o7777))
}
