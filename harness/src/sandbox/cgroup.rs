//! Control groups: who is in which, and what of the hierarchy an instance sees. cgroups(7), version 2.
//!
//! * **place**: the group that the harness itself is in. Only where directories can be made in it
//!   has a run groups: root, or a user whose group was delegated to it.
//! * **run's group**: `fwtest-PID-NUMBER` at the place. It is locked as long as the run lives; one
//!   without a lock is a dead run's, and the next run removes it.
//! * **keepers**: the leaf of the launcher and all that it makes, but for what is the guest's.
//! * **instance's group**: a number below the run's group. It is the guest root's, the root of its
//!   cgroup namespace, and what it sees at /sys/fs/cgroup.
//!
//! All by descriptor: a group costs one mkdirat(2) and goes with one unlinkat(2). Not here: limits.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::ids::Ids;

/// What our names begin with.
const PREFIX: &str = "fwtest-";
const KEEPERS: &str = "keepers";
/// How deep a guest's groups may go: a sum of what container managers do, and no stack of ours to
/// overflow when they are removed.
const DEPTH: &str = "64";
/// How long the kernel may take to say that nobody is left in a group. Its members have ended by
/// then; some kernels count them a moment longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why a run has no control groups.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// The host has control groups of version 1 alone, or none.
    #[error("no cgroup2 file system is mounted")]
    NoHierarchy,
    /// A container shows another part of the hierarchy than the one that it is in.
    #[error("this process's own group is not in the mounted part of the hierarchy")]
    OutOfSight,
    /// It is there, and not for us.
    #[error("failed to make a group in {}", path.display())]
    Refused {
        /// The group that we are in.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The groups of a run, as the process has them that made its launcher.
#[derive(Debug)]
pub(crate) struct RunGroup {
    place: OwnedFd,
    name: String,
    /// Open, and thereby locked, in the launcher and the keepers too.
    directory: OwnedFd,
    keepers: OwnedFd,
}

impl RunGroup {
    /// Removes what dead runs have left, and makes a group for this one.
    pub(crate) fn make() -> Result<Self, GroupError> {
        let path = place()?;
        let make = || -> io::Result<Self> {
            let place = open(CWD, &path)?;
            sweep(&place)?;
            let (name, directory) = make_locked(&place)?;
            let keepers = give(&directory)
                .and_then(|()| make_below(&directory, KEEPERS))
                .inspect_err(|_| drop(remove(place.as_fd(), &name, Instant::now())))?;
            Ok(Self { place, name, directory, keepers })
        };
        make().map_err(|source| GroupError::Refused { path: path.clone(), source })
    }

    /// Where the launcher is to be from its first instruction on.
    pub(crate) fn keepers(&self) -> BorrowedFd<'_> {
        self.keepers.as_fd()
    }

    /// For the launcher.
    pub(crate) fn into_directory(self) -> OwnedFd {
        self.directory
    }

    /// Removes it, when all that was in it has ended.
    pub(crate) fn remove(&self) -> io::Result<()> {
        remove(self.place.as_fd(), &self.name, Instant::now() + PATIENCE)
    }
}

/// An instance's group, as its keeper has it.
pub(crate) struct InstanceGroup<'a> {
    run: BorrowedFd<'a>,
    name: String,
    directory: OwnedFd,
}

impl<'a> InstanceGroup<'a> {
    /// Makes it, as the guest's root. `number` is no other instance's of the run.
    pub(crate) fn make(run: &'a OwnedFd, number: u64) -> io::Result<Self> {
        let name = number.to_string();
        let directory = make_below(run, &name)?;
        Ok(Self { run: run.as_fd(), name, directory })
    }

    /// Removes what the guest has made in it, when all its processes have ended.
    pub(crate) fn clear(&self) -> io::Result<()> {
        for name in groups(&self.directory)? {
            remove(self.directory.as_fd(), &name, Instant::now() + PATIENCE)?;
        }
        Ok(())
    }

    /// Removes it and what the guest has made in it, when all its processes have ended.
    pub(crate) fn remove(&self) -> io::Result<()> {
        remove(self.run, &self.name, Instant::now() + PATIENCE)
    }
}

impl AsFd for InstanceGroup<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

impl AsRawFd for InstanceGroup<'_> {
    fn as_raw_fd(&self) -> RawFd {
        self.directory.as_raw_fd()
    }
}

/// The group that this process is in, where it is in sight.
fn place() -> Result<PathBuf, GroupError> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    find(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"))
}

/// The same, from proc_pid_mountinfo(5) and proc_pid_cgroup(5).
fn find(mountinfo: &str, cgroup: &str) -> Result<PathBuf, GroupError> {
    let own = cgroup.lines().find_map(|line| line.strip_prefix("0::"));
    let mounts = mountinfo.lines().filter_map(|line| {
        let (front, back) = line.split_once(" - ")?;
        let mut fields = front.split(' ').skip(3);
        back.starts_with("cgroup2 ").then_some((fields.next()?, fields.next()?))
    });
    let mut error = GroupError::NoHierarchy;
    for (root, point) in mounts {
        error = GroupError::OutOfSight;
        let below = own.and_then(|own| Path::new(own).strip_prefix(root).ok());
        if let Some(below) = below.filter(|below| !below.starts_with("..")) {
            return Ok(Path::new(point).join(below).components().collect());
        }
    }
    Err(error)
}

/// Makes and locks a group with a name of ours.
fn make_locked(place: &OwnedFd) -> io::Result<(String, OwnedFd)> {
    let pid = std::process::id();
    // Another pid namespace may have our number as well.
    for number in 0..100 {
        let name = format!("{PREFIX}{pid}-{number}");
        match make_below(place, &name) {
            Ok(directory) => {
                rustix::fs::flock(&directory, FlockOperation::LockExclusive)?;
                // Another run may have taken it for a dead one's before it was locked.
                if rustix::fs::statat(place, &name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
                    rustix::fs::openat(
                        &directory,
                        "cgroup.max.depth",
                        OFlags::WRONLY | OFlags::CLOEXEC,
                        Mode::empty(),
                    )
                    .and_then(|depth| rustix::io::write(&depth, DEPTH.as_bytes()))
                    .inspect_err(|_| {
                        let _ = remove(place.as_fd(), &name, Instant::now());
                    })?;
                    return Ok((name, directory));
                }
            }
            // Made, and swept before it was opened.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Lets the guests' root make groups in one of root's, and move processes between these. What it
/// makes there is its own; and where an ordinary user runs the tests it is that user.
fn give(group: &OwnedFd) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let (uid, gid) = Ids::of_this_user().outside(0, 0).ok_or(io::ErrorKind::InvalidData)?;
    let (uid, gid) = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(gid));
    for name in ["", "cgroup.procs"] {
        let flags = AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::chownat(group, name, Some(uid), Some(gid), flags)?;
    }
    Ok(())
}

fn make_below(directory: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    rustix::fs::mkdirat(directory, name, Mode::from_raw_mode(0o755))?;
    Ok(open(directory, Path::new(name))?)
}

fn open(directory: impl AsFd, name: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::empty())
}

/// Removes the groups of runs that are dead, which is when nobody has them locked. One that cannot
/// be removed is left: a process of it may be ending just now, or it is another user's.
fn sweep(place: &OwnedFd) -> io::Result<()> {
    for name in groups(place)?.into_iter().filter(|name| name.starts_with(PREFIX)) {
        let Ok(directory) = open(place, Path::new(&name)) else { continue };
        if rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = remove(place.as_fd(), &name, Instant::now());
        }
    }
    Ok(())
}

/// Removes a group and all that are below it. Until `deadline` it may be that processes of it are
/// still counted.
fn remove(parent: BorrowedFd<'_>, name: &str, deadline: Instant) -> io::Result<()> {
    let unlink = || match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    };
    // Mostly there is nothing below.
    match unlink() {
        Err(Errno::BUSY) => {}
        other => return Ok(other?),
    }
    let directory = match open(parent, Path::new(name)) {
        Err(Errno::NOENT) => return Ok(()),
        other => other?,
    };
    for below in groups(&directory)? {
        remove(directory.as_fd(), &below, deadline)?;
    }
    match unlink() {
        Err(Errno::BUSY) if is_empty_by(&directory, deadline)? => Ok(unlink()?),
        other => Ok(other?),
    }
}

/// Waits until the kernel counts no process in a group any more; false when `deadline` passes.
fn is_empty_by(group: &OwnedFd, deadline: Instant) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let events = rustix::fs::openat(group, "cgroup.events", flags, Mode::empty())?;
    loop {
        // An event is a difference to what was read last.
        let mut text = [0; 256];
        let length = rustix::io::pread(&events, &mut text, 0)?;
        if text[..length].starts_with(b"populated 0") {
            return Ok(true);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
        match rustix::event::poll(&mut [PollFd::new(&events, PollFlags::PRI)], Some(&timeout)) {
            Ok(0) => return Ok(false),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The names of the groups right below one.
fn groups(directory: &OwnedFd) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy();
        if entry.file_type() == FileType::Directory && !matches!(&*name, "." | "..") {
            names.push(name.into_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mountinfo: &str, cgroup: &str, expected: Result<&str, &str>) {
        let found = find(mountinfo, cgroup).map_err(|error| error.to_string());
        let found = found.as_ref().map(|path| path.to_str().unwrap()).map_err(String::as_str);
        assert_eq!(found, expected);
    }

    #[test]
    fn the_own_group_is_found_where_it_is_in_sight() {
        let first = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
                     32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";
        let hybrid =
            format!("{first}41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
        let scope = "1:cpu:/x\n0::/user.slice/a.scope\n";
        check(&hybrid, "1:cpu:/x\n0::/\n", Ok("/sys/fs/cgroup/unified"));
        check(&hybrid, scope, Ok("/sys/fs/cgroup/unified/user.slice/a.scope"));
        // A container without a cgroup namespace: it sees a part of the hierarchy.
        let part = "41 31 0:38 /user.slice /sys/fs/cgroup ro shared:4 - cgroup2 cgroup rw\n";
        check(part, scope, Ok("/sys/fs/cgroup/a.scope"));
        let unseen = "this process's own group is not in the mounted part of the hierarchy";
        check(part, "0::/system.slice/b\n", Err(unseen));
        // From within a cgroup namespace, what lies outside of it.
        check(&hybrid, "0::/../b\n", Err(unseen));
        check(first, "1:cpu:/x\n", Err("no cgroup2 file system is mounted"));
        check("", "", Err("no cgroup2 file system is mounted"));
    }
}
