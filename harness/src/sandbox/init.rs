//! Init, until it is the firmware's: builds what the firmware meets, and becomes its program.
//!
//! The order of the calls is what real inits need; each comment says what fails otherwise.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::SigSet;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::MountFlags;

use super::apparmor::Entrance;
use super::channel::Channel;
use super::fault::{During, Fault, Role, Step, StepError};
use super::launcher::{
    COMMAND_LINE, NODES, TERMINALS, become_root, bind, bind_file, make_directory, mount, pivot_here,
};
use super::layers::{Base, Layers};
use super::message::{BootOrder, FromInit, ToInit};
use super::{filter, mask, sys};

/// The numbers of the pseudoterminals that stand for /dev/console and /dev/kmsg.
#[derive(Clone, Copy)]
pub(crate) struct Terminals {
    pub(crate) console: u32,
    pub(crate) kernel_log: u32,
}

/// What init boots from.
#[derive(Clone, Copy)]
pub(crate) enum Root<'a> {
    /// The firmware, under a fresh upper layer.
    Fresh(&'a Base),
    /// The layers of the boot before.
    Again(&'a OwnedFd),
}

/// Becomes the firmware's init, or tells the keeper why not.
pub(crate) fn run(
    channel: &Channel<FromInit, ToInit>,
    root: Root<'_>,
    order: &BootOrder,
    terminals: Terminals,
    has_group: bool,
) -> ! {
    let error = match prepare(channel, root, order, terminals, has_group) {
        Ok(()) => execute(order),
        Err(error) => error,
    };
    let _ = channel.send(&FromInit::Failed(Fault::from(error)), &[]);
    sys::exit_now(127)
}

fn prepare(
    channel: &Channel<FromInit, ToInit>,
    root: Root<'_>,
    order: &BootOrder,
    terminals: Terminals,
    has_group: bool,
) -> Result<(), StepError> {
    let entrance = order.label.as_ref().map(|_| Entrance::open()).transpose()?;
    let layers: Vec<OwnedFd> = match root {
        Root::Fresh(base) => Layers::stack(base, order.storage)?.into_descriptors().collect(),
        Root::Again(again) => vec![Layers::restack(again)?],
    };
    build_dev(order, terminals)?;
    // A sysfs has to be in sight, or the one of our own network namespace cannot be mounted.
    bind("/sys", "r/sys")?;
    // Before the old root goes: this too takes a proc in sight. Its pid namespace belongs to the
    // outer user namespace, so that the mount is locked in the inner one.
    let nothing = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "r/proc", "proc", nothing, "")?;
    bind(COMMAND_LINE, "r/proc/cmdline")?;
    if let Some((kind, mask)) = mask::lay("r")? {
        channel.send(&FromInit::Masked(kind), &[mask.as_fd()]).during(|| Step::Talk)?;
    }
    rustix::process::chdir("r").during(|| Step::ChangeDirectory("r".to_owned()))?;
    pivot_here()?;
    let proc = rustix::fs::open("/proc", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .during(|| Step::Open("/proc".to_owned()))?;

    unshare(
        CloneFlags::CLONE_NEWUSER
            | CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWUTS
            | CloneFlags::CLONE_NEWCGROUP,
    )
    .during(|| Step::Unshare)?;
    let descriptors: Vec<_> = [&proc].into_iter().chain(&layers).map(AsFd::as_fd).collect();
    channel.send(&FromInit::Unshared, &descriptors).during(|| Step::Talk)?;
    match channel.receive().during(|| Step::Talk)? {
        Some((ToInit::Mapped, _)) => {}
        _ => sys::exit_now(127),
    }
    become_root(Role::Init)?;
    // A kernel without keyrings has none to leave.
    let _ = sys::leave_session_keyring();
    if !order.single_id {
        nix::unistd::setgroups(&[]).during(|| Step::BecomeRoot(Role::Init))?;
    }

    mount("sysfs", "/sys", "sysfs", nothing | MountFlags::RDONLY, "")?;
    hide_block_devices()?;
    if has_group {
        // Of the cgroup namespace that has just been made: our own group, and nothing above it.
        mount("cgroup2", "/sys/fs/cgroup", "cgroup2", nothing, "")?;
    }
    rustix::system::sethostname(order.hostname.as_bytes())
        .during(|| Step::SetHostname(order.hostname.clone()))?;
    take_console()?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    let (soft, hard) = order.open_files;
    let limit = rustix::process::Rlimit { current: Some(soft), maximum: Some(hard) };
    // Lowering always works; a harness that raised its own limit gives back the old one.
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, limit);
    // Before the filter, which would ask about a file that is opened for writing, and nobody answers
    // yet; and after all that AppArmor could be in the way of.
    if let Some((entrance, label)) = entrance.zip(order.label.as_deref()) {
        confine(channel, &entrance, label)?;
    }
    let listener = filter::install(order.single_id, order.asks)?;
    let listener: Vec<_> = listener.iter().map(AsFd::as_fd).collect();
    channel.send(&FromInit::Filtered, &listener).during(|| Step::Talk)?;
    SigSet::empty().thread_set_mask().during(|| Step::Talk)?;
    // Last: the channel itself goes at the exec, and tells the keeper that it happened.
    sys::close_on_exec_from(3).during(|| Step::Talk)
}

/// Goes under the AppArmor label, and on when the keeper has seen it there.
fn confine(
    channel: &Channel<FromInit, ToInit>,
    entrance: &Entrance,
    label: &str,
) -> Result<(), StepError> {
    entrance.enter(label)?;
    // Again: the kernel has forgotten it with the change of the label.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .during(|| Step::EnterProfile(label.to_owned()))?;
    channel.send(&FromInit::Confined, &[]).during(|| Step::Talk)?;
    match channel.receive().during(|| Step::Talk)? {
        Some((ToInit::Proceed, _)) => Ok(()),
        _ => sys::exit_now(127),
    }
}

/// /dev: a tmpfs of its own, new at each boot, with nodes that mean no harm.
fn build_dev(order: &BootOrder, terminals: Terminals) -> Result<(), StepError> {
    // The firmware's /dev may be a link to anywhere: a mount would follow it.
    let directory = OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
    for name in ["dev", "proc", "sys"] {
        rustix::fs::openat(CWD, format!("r/{name}"), directory, Mode::empty())
            .during(|| Step::Open(format!("/{name}")))?;
    }
    mount("tmpfs", "r/dev", "tmpfs", MountFlags::NOSUID, "mode=0755")?;
    for node in NODES {
        bind_file(&format!("/dev/{node}"), &format!("r/dev/{node}"))?;
    }
    for (name, number) in [("console", terminals.console), ("kmsg", terminals.kernel_log)] {
        bind_file(&format!("{TERMINALS}/{number}"), &format!("r/dev/{name}"))?;
    }
    if order.asks {
        // What is asked of them goes to the keeper; what is written to them goes nowhere.
        for name in ["rtc0", "watchdog"] {
            bind_file("/dev/null", &format!("r/dev/{name}"))?;
        }
        link("rtc0", "rtc")?;
        link("watchdog", "watchdog0")?;
    }
    for (target, name) in [
        ("/proc/self/fd", "fd"),
        ("/proc/self/fd/0", "stdin"),
        ("/proc/self/fd/1", "stdout"),
        ("/proc/self/fd/2", "stderr"),
        ("pts/ptmx", "ptmx"),
    ] {
        link(target, name)?;
    }
    make_directory("r/dev/pts")?;
    // A directory of the same tmpfs: one more file system would cost 80 µs for nothing.
    make_directory("r/dev/shm")?;
    rustix::fs::chmod("r/dev/shm", Mode::from_raw_mode(0o1777))
        .during(|| Step::Create("/dev/shm".to_owned()))?;
    let tty_group = if order.single_id { "" } else { ",gid=5" };
    let options = format!("newinstance,ptmxmode=0666,mode=0620{tty_group}");
    mount("devpts", "r/dev/pts", "devpts", MountFlags::NOSUID | MountFlags::NOEXEC, &options)
}

/// A link in /dev.
fn link(target: &str, name: &str) -> Result<(), StepError> {
    rustix::fs::symlink(target, format!("r/dev/{name}"))
        .during(|| Step::Create(format!("/dev/{name}")))
}

/// The host's disks are not the firmware's.
fn hide_block_devices() -> Result<(), StepError> {
    // One empty directory stands for all of them: a file system each would cost three times that.
    let mut empty = None;
    for path in ["/sys/block", "/sys/class/block", "/sys/dev/block"] {
        let covered = match empty {
            None => mount("tmpfs", path, "tmpfs", MountFlags::RDONLY, "size=4k,mode=0555"),
            Some(empty) => bind(empty, path),
        };
        match covered {
            Ok(()) => empty = Some(path),
            Err(error) if error.source.raw_os_error() == Some(libc::ENOENT) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The console as standard input, output and error. It controls nothing: on a board, too, the
/// first getty or shell takes it.
fn take_console() -> Result<(), StepError> {
    let step = || Step::Open("/dev/console".to_owned());
    rustix::process::setsid().during(step)?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let console = rustix::fs::open("/dev/console", flags, Mode::empty()).during(step)?;
    rustix::stdio::dup2_stdin(&console).during(step)?;
    rustix::stdio::dup2_stdout(&console).during(step)?;
    rustix::stdio::dup2_stderr(&console).during(step)
}

fn execute(order: &BootOrder) -> StepError {
    let argv: Vec<CString> = order.argv.iter().map(|argument| c_string(argument)).collect();
    let env: Vec<CString> = order.env.iter().map(|(name, value)| variable(name, value)).collect();
    let argv: Vec<&CStr> = argv.iter().map(CString::as_c_str).collect();
    let env: Vec<&CStr> = env.iter().map(CString::as_c_str).collect();
    let path = argv.first().copied().unwrap_or(c"");
    let step = Step::Execute(path.to_string_lossy().into_owned());
    StepError { step, source: sys::exec(path, &argv, &env) }
}

/// Bytes up to the first NUL, as execve(2) would see them.
pub(crate) fn c_string(text: &OsStr) -> CString {
    let bytes = text.as_bytes();
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    CString::new(&bytes[..end]).expect("there is no NUL before the first one")
}

/// `NAME=value`.
pub(crate) fn variable(name: &OsStr, value: &OsStr) -> CString {
    let mut text = name.to_owned();
    text.push("=");
    text.push(value);
    c_string(&text)
}
