//! The only module with `unsafe`: system calls that nix and rustix lack, one function each.
//!
//! # Safety
//!
//! A child made here is a copy of one thread. Everything that makes one says so in its contract;
//! the launcher, the keepers and what they make have one thread each, by construction: the
//! launcher is cloned before its parent has a second thread, and nothing below it starts one.
#![expect(unsafe_code, reason = "this is the module that has it")]

use std::ffi::CStr;
use std::io::{self, Read};
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use rustix::fs::{Mode, OFlags};
use tokio::io::unix::AsyncFd;

/// Which side of a [`clone`] we are.
pub(crate) enum Cloned {
    /// The new process.
    Child,
    /// The old one: the child's pid in our pid namespace, and a descriptor for it.
    Parent { pid: i32, pidfd: OwnedFd },
}

/// `clone3(2)`'s argument, as far as version 2 of it goes (Linux 5.7).
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// A child in the new namespaces that `flags` names, in `cgroup` from its first instruction on; its
/// end is told by SIGCHLD. By clone3(2), or where a filter refuses that, as it cannot look into the
/// argument, by clone(2).
///
/// # References
/// clone(2), namespaces(7), cgroups(7)
///
/// # Safety
/// The process must have one thread. The child is a copy of this one alone, so a lock that another
/// thread holds (the allocator's) stays locked in it.
pub(crate) unsafe fn clone(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Cloned> {
    // SAFETY: the caller's promise.
    let cloned = unsafe { clone3(flags, cgroup) };
    match cloned {
        // SAFETY: the caller's promise.
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => unsafe {
            clone2(flags, cgroup)
        },
        other => other,
    }
}

/// # Safety
/// As for [`clone`].
unsafe fn clone3(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Cloned> {
    /// `libc::CLONE_INTO_CGROUP` is an `int`: bit 33 does not fit, and it is 0.
    const CLONE_INTO_CGROUP: u64 = 1 << 33;
    let mut pidfd: RawFd = -1;
    let mut args = CloneArgs {
        flags: flags | libc::CLONE_PIDFD as u64,
        pidfd: (&raw mut pidfd).expose_provenance() as u64,
        exit_signal: libc::SIGCHLD as u64,
        ..CloneArgs::default()
    };
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: `args` and `pidfd` outlive the call, and the size is that of `args`. Without CLONE_VM
    // the child has its own copy of this stack. One thread: the caller's promise.
    match cvt(unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<CloneArgs>()) })?
    {
        0 => Ok(Cloned::Child),
        pid => Ok(Cloned::Parent {
            pid: i32::try_from(pid).expect("a pid is an int"),
            // SAFETY: the kernel has just made it, and nothing else has its number.
            pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
        }),
    }
}

/// clone(2) cannot put the child into a group: it waits until we have.
///
/// # Safety
/// As for [`clone`].
unsafe fn clone2(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Cloned> {
    let gate =
        cgroup.map(|cgroup| Ok::<_, io::Error>((cgroup, UnixStream::pair()?))).transpose()?;
    let flags = flags | (libc::CLONE_PIDFD | libc::SIGCHLD) as u64;
    let mut pidfd: RawFd = -1;
    let nothing = 0_u64;
    // SAFETY: `pidfd` outlives the call; with no stack given, and without CLONE_VM, the child has its
    // own copy of this one. What stands after `pidfd` is for flags that nobody gives. One thread: the
    // caller's promise.
    let pid = cvt(unsafe {
        libc::syscall(libc::SYS_clone, flags, nothing, &raw mut pidfd, nothing, nothing)
    })?;
    if pid == 0 {
        if let Some((_, (ours, mut theirs))) = gate {
            drop(ours);
            if theirs.read_exact(&mut [0]).is_err() {
                exit_now(1);
            }
        }
        return Ok(Cloned::Child);
    }
    let pid = i32::try_from(pid).expect("a pid is an int");
    // SAFETY: the kernel has just made it, and nothing else has its number.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    if let Some((cgroup, (ours, theirs))) = gate {
        drop(theirs);
        let moved = rustix::fs::openat(
            cgroup,
            "cgroup.procs",
            OFlags::WRONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .and_then(|processes| rustix::io::write(&processes, pid.to_string().as_bytes()));
        if let Err(error) = moved {
            drop(ours);
            let _ = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid), None);
            return Err(error.into());
        }
        // One that was killed meanwhile is as dead as any other.
        let _ = rustix::net::send(&ours, &[0], rustix::net::SendFlags::NOSIGNAL);
    }
    Ok(Cloned::Parent { pid, pidfd })
}

/// `mount_setattr(mount, "", AT_EMPTY_PATH, …)`: makes a detached mount read-only, and with
/// `userns` shows its owners as that user namespace maps them.
///
/// # References
/// mount_setattr(2)
pub(crate) fn set_lower_attributes(
    mount: BorrowedFd<'_>,
    userns: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let attr = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY | userns.map_or(0, |_| libc::MOUNT_ATTR_IDMAP),
        attr_clr: 0,
        propagation: 0,
        userns_fd: userns.map_or(0, |fd| fd.as_raw_fd() as u64),
    };
    // SAFETY: the path is a C string, `attr` outlives the call and the size is its own.
    cvt(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const attr,
            size_of::<libc::mount_attr>(),
        )
    })
    .map(drop)
}

/// `seccomp(SECCOMP_SET_MODE_FILTER)`: what this thread and its descendants call goes through
/// `filter` from now on. Without no_new_privs, so that setuid programs go on working: that takes
/// CAP_SYS_ADMIN in the user namespace.
///
/// # References
/// seccomp(2)
pub(crate) fn install_filter(filter: &[libc::sock_filter]) -> io::Result<()> {
    set_filter(filter, 0).map(drop)
}

/// The same with a listener, for whoever answers what the filter asks: seccomp_unotify(2). A call
/// that is being answered is interrupted by nothing but the caller's death, where the kernel can
/// see to that (Linux 5.19).
///
/// # References
/// seccomp(2), seccomp_unotify(2)
pub(crate) fn install_asking_filter(filter: &[libc::sock_filter]) -> io::Result<OwnedFd> {
    let listen = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    let listener = match set_filter(filter, listen | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => set_filter(filter, listen),
        other => other,
    }?;
    let listener = RawFd::try_from(listener).expect("a descriptor is an int");
    /// `_IOW('!', 4, u64)`, and its one flag: whoever answers runs on the caller's processor, and
    /// the other way round, for one of them always waits (Linux 6.6).
    const SECCOMP_IOCTL_NOTIF_SET_FLAGS: libc::Ioctl = 0x4008_2104;
    const SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP: u64 = 1;
    // SAFETY: sets a flag, or nothing on a kernel that does not know it.
    unsafe {
        libc::ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
    };
    // SAFETY: the kernel has just made it, and nothing else has its number.
    Ok(unsafe { OwnedFd::from_raw_fd(listener) })
}

fn set_filter(filter: &[libc::sock_filter], flags: libc::c_ulong) -> io::Result<i64> {
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: `program` and the instructions it points to outlive the call; the kernel copies them
    // and writes to neither.
    cvt(unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    })
}

/// `SECCOMP_IOCTL_NOTIF_RECV`: the next call that is asked about. ENOENT when its caller has died.
///
/// # References
/// seccomp_unotify(2)
pub(crate) fn receive_notice(listener: BorrowedFd<'_>) -> io::Result<libc::seccomp_notif> {
    // SAFETY: integers alone, which may all be 0; the kernel wants them so.
    let mut notice: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: `notice` outlives the call, and is of the kind that it writes.
    cvt(i64::from(unsafe {
        libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut notice)
    }))?;
    Ok(notice)
}

/// `SECCOMP_IOCTL_NOTIF_SEND`: what becomes of the call.
///
/// # References
/// seccomp_unotify(2)
pub(crate) fn answer_notice(
    listener: BorrowedFd<'_>,
    response: &libc::seccomp_notif_resp,
) -> io::Result<()> {
    // SAFETY: `response` outlives the call.
    cvt(i64::from(unsafe {
        libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, response)
    }))
    .map(drop)
}

/// `SECCOMP_IOCTL_NOTIF_ID_VALID`: whether the caller still waits. Its pid is its own as long as
/// it does.
///
/// # References
/// seccomp_unotify(2)
pub(crate) fn notice_is_valid(listener: BorrowedFd<'_>, id: u64) -> bool {
    /// `_IOW('!', 2, u64)`
    const SECCOMP_IOCTL_NOTIF_ID_VALID: libc::Ioctl = 0x4008_2102;
    // SAFETY: `id` outlives the call.
    cvt(i64::from(unsafe {
        libc::ioctl(listener.as_raw_fd(), SECCOMP_IOCTL_NOTIF_ID_VALID, &raw const id)
    }))
    .is_ok()
}

/// `SECCOMP_IOCTL_NOTIF_ADDFD` with `SECCOMP_ADDFD_FLAG_SEND`: the call returns a copy of `fd`,
/// which closes at an exec if the caller wanted that.
///
/// # References
/// seccomp_unotify(2)
pub(crate) fn answer_with_fd(
    listener: BorrowedFd<'_>,
    id: u64,
    fd: BorrowedFd<'_>,
    cloexec: bool,
) -> io::Result<()> {
    let request = libc::seccomp_notif_addfd {
        id,
        flags: libc::SECCOMP_ADDFD_FLAG_SEND as u32,
        srcfd: fd.as_raw_fd().cast_unsigned(),
        newfd: 0,
        newfd_flags: if cloexec { libc::O_CLOEXEC.cast_unsigned() } else { 0 },
    };
    // SAFETY: `request` outlives the call.
    cvt(i64::from(unsafe {
        libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ADDFD, &raw const request)
    }))
    .map(drop)
}

/// `close_range(first, ~0, CLOSE_RANGE_CLOEXEC)`: no descriptor from `first` on survives an exec.
///
/// # References
/// close_range(2)
pub(crate) fn close_on_exec_from(first: RawFd) -> io::Result<()> {
    const CLOSE_RANGE_CLOEXEC: u32 = 4;
    // SAFETY: sets a flag; who owns the descriptors goes on owning them.
    cvt(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, CLOSE_RANGE_CLOEXEC) })
        .map(drop)
}

/// Closes every descriptor but standard input, output and error and `keep`.
///
/// # References
/// close_range(2)
///
/// # Safety
/// Every descriptor that is not kept must belong to nobody any more: to values of the process that
/// this one was copied from, which are never dropped here.
pub(crate) unsafe fn close_all_but(keep: &[RawFd]) -> io::Result<()> {
    let mut keep: Vec<RawFd> = keep.iter().copied().filter(|fd| *fd > 2).collect();
    keep.sort_unstable();
    let mut first: RawFd = 3;
    for fd in keep.into_iter().chain([RawFd::MAX]) {
        if first < fd {
            let last = if fd == RawFd::MAX { u32::MAX } else { fd.unsigned_abs() - 1 };
            // SAFETY: nobody owns these: the caller's promise.
            cvt(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) })?;
        }
        first = fd.saturating_add(1);
    }
    Ok(())
}

/// Takes a descriptor that this process was started with, by its number, if it is of the kind that
/// it is said to be: the number may be older than this process, and mean nothing here any more.
/// What this process starts in turn does not inherit it.
///
/// # Safety
/// Nothing else in the process may own the number: it is read from the environment once.
pub(crate) unsafe fn adopt(number: RawFd, kind: rustix::fs::FileType) -> io::Result<OwnedFd> {
    if number <= libc::STDERR_FILENO {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: sets a flag; a number that is no open descriptor gives EBADF, and borrows nothing.
    cvt(i64::from(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) }))?;
    // SAFETY: it is open, and nobody else closes it: the caller's promise.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let stat = rustix::fs::fstat(borrowed)?;
    if rustix::fs::FileType::from_raw_mode(stat.st_mode) != kind {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: it is open, and nobody else's: the caller's promise.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Sets an environment variable of this process.
///
/// # Safety
/// The process must have one thread: another one might be reading the environment.
pub(crate) unsafe fn set_env(name: &str, value: &std::ffi::OsStr) {
    // SAFETY: one thread: the caller's promise.
    unsafe { std::env::set_var(name, value) };
}

/// Ends this process at once, without destructors or exit handlers: they belong to the process that
/// it was copied from.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: always sound; it does not come back.
    unsafe { libc::_exit(code) }
}

/// `keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL)`: a session keyring of its own, instead of the
/// harness's.
///
/// # References
/// keyctl_join_session_keyring(3)
pub(crate) fn leave_session_keyring() -> io::Result<()> {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_int = 1;
    let no_name = std::ptr::null::<libc::c_char>();
    // SAFETY: no memory of ours is touched.
    cvt(unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, no_name) }).map(drop)
}

/// Gives every signal its default action, but for SIGKILL and SIGSTOP, which have no other.
pub(crate) fn reset_signal_actions() {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: SIG_DFL runs no code of ours. What cannot be set gives EINVAL and stays as it is.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// `execve(path, argv, env)`. Comes back only to say why not.
///
/// # References
/// execve(2)
pub(crate) fn exec(path: &CStr, argv: &[&CStr], env: &[&CStr]) -> io::Error {
    match nix::unistd::execve(path, argv, env) {
        Err(errno) => errno.into(),
        Ok(never) => match never {},
    }
}

/// A descriptor that the runtime of this thread watches.
pub(crate) fn watch(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` has one number all its life, and closes it only when it is dropped,
    // which `AsyncFd` does after its registration is gone.
    unsafe { AsyncFd::register(fd) }.map_err(io::Error::from)
}

fn cvt(result: i64) -> io::Result<i64> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
