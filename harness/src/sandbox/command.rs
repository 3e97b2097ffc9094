//! A command in the guest: a helper enters the instance, makes the command there, and tells the
//! harness what becomes of it.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::SigSet;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid};
use rustix::fs::Mode;

use super::apparmor::Entrance;
use super::cgroup::InstanceGroup;
use super::channel::Channel;
use super::fault::{During, Fault, Role, Step, StepError};
use super::init::{c_string, variable};
use super::message::{ExecOrder, FromCommand, FromNewCommand, ToNewCommand};
use super::notify::Arrival;
use super::{filter, sys};
use crate::instance::ExitStatus;

/// Where a command without a slash is looked for when its environment does not say.
pub(crate) const PATH: &str = "/sbin:/usr/sbin:/bin:/usr/bin";

/// The AppArmor label that a command has to be under, and the way in.
type Confinement<'a> = Option<(Entrance, &'a str)>;

type Status = Channel<FromCommand, ()>;

/// The filter that the command gets.
pub(crate) struct Filter {
    pub(crate) single_id: bool,
    pub(crate) asks: bool,
    /// Takes its listener to the keeper.
    pub(crate) arrival: Channel<Arrival, ()>,
}

/// The helper's life. `descriptors`: standard input, output, error, and the status channel.
pub(crate) fn run(
    init: &OwnedFd,
    order: &ExecOrder,
    descriptors: Vec<OwnedFd>,
    filter: Filter,
    label: Option<&str>,
    group: Option<&InstanceGroup<'_>>,
) -> ! {
    let keep = descriptors.iter().chain([init]).map(AsRawFd::as_raw_fd);
    let keep = keep.chain([filter.arrival.as_raw_fd()]);
    keep_only(&keep.chain(group.map(AsRawFd::as_raw_fd)).collect::<Vec<_>>());
    // Until the exec, which undoes it: the guest must find neither memory nor descriptors of ours in
    // a process that it sees.
    let hidden = rustix::process::DumpableBehavior::NotDumpable;
    if rustix::process::set_dumpable_behavior(hidden).is_err() {
        sys::exit_now(1)
    }
    let Ok([input, output, error, status]) = <[OwnedFd; 4]>::try_from(descriptors) else {
        sys::exit_now(1)
    };
    let status = Status::over(status);
    if let Err(fault) =
        supervise(init, order, [input, output, error], &status, filter, label, group)
    {
        let _ = status.send(&FromCommand::Failed(Fault::from(fault)), &[]);
    }
    sys::exit_now(0)
}

#[expect(unsafe_code, reason = "closes what this process was born with")]
fn keep_only(keep: &[i32]) {
    // SAFETY: the values that own the others are the keeper's, in a copy that never runs.
    if unsafe { sys::close_all_but(keep) }.is_err() {
        sys::exit_now(1);
    }
}

#[expect(unsafe_code, reason = "clones a process")]
fn supervise(
    init: &OwnedFd,
    order: &ExecOrder,
    standard: [OwnedFd; 3],
    status: &Status,
    filter: Filter,
    label: Option<&str>,
    group: Option<&InstanceGroup<'_>>,
) -> Result<(), StepError> {
    // In the launcher's root, which no guest has touched.
    let confinement: Confinement<'_> = match label {
        Some(label) => Some((Entrance::open()?, label)),
        None => None,
    };
    // All at once: one by one, each would take rights that the one before has just given up. The
    // cgroup namespace is the child's alone: a group is chosen from outside of it, and a helper in
    // the guest's group would be in its list. The clocks are the keeper's children's already.
    let namespaces = libc::CLONE_NEWUSER
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS;
    setns(init, CloneFlags::from_bits_retain(namespaces)).during(|| Step::Enter)?;
    let (ours, theirs) = Channel::<ToNewCommand, FromNewCommand>::pair().during(|| Step::Talk)?;
    // SAFETY: the helper is a copy of the keeper, which has one thread, and starts none.
    match unsafe { sys::clone(0, group.map(AsFd::as_fd)) }.during(|| Step::Clone(Role::Command))? {
        sys::Cloned::Child => {
            drop(ours);
            let fault = become_command(init, order, standard, filter, &confinement, &theirs);
            let _ = theirs.send(&FromNewCommand::Failed(Fault::from(fault)), &[]);
            sys::exit_now(127)
        }
        sys::Cloned::Parent { pid, pidfd } => {
            // The command's output ends with the command, not with its helper.
            drop((standard, theirs, filter));
            if let Err(error) = started(pid, &ours, &confinement) {
                // It may be waiting for us.
                drop(ours);
                let _ = waitpid(Pid::from_raw(pid), None);
                return Err(error);
            }
            let _ = status.send(&FromCommand::Started, &[pidfd.as_fd()]);
            let ended = match waitpid(Pid::from_raw(pid), None).during(|| Step::Talk)? {
                WaitStatus::Signaled(_, signal, _) => ExitStatus::Signal(signal as i32),
                WaitStatus::Exited(_, code) => ExitStatus::Code(code),
                _ => ExitStatus::Code(-1),
            };
            let _ = status.send(&FromCommand::Ended(ended), &[]);
            Ok(())
        }
    }
}

/// Waits until the command is the program that was asked for, and sees before that that it is under
/// its label.
fn started(
    pid: i32,
    command: &Channel<ToNewCommand, FromNewCommand>,
    confinement: &Confinement<'_>,
) -> Result<(), StepError> {
    loop {
        match (command.receive().during(|| Step::Talk)?, confinement) {
            // Closed by the exec.
            (None, _) => return Ok(()),
            (Some((FromNewCommand::Failed(fault), _)), _) => return Err(fault.into()),
            (Some((FromNewCommand::Confined, _)), Some((outside, label))) => {
                outside.read_back(Role::Command, pid, label)?;
                command.send(&ToNewCommand, &[]).during(|| Step::Talk)?;
            }
            (Some((FromNewCommand::Confined, _)), None) => {
                return Err(std::io::Error::from_raw_os_error(libc::EPROTO)).during(|| Step::Talk);
            }
        }
    }
}

fn become_command(
    init: &OwnedFd,
    order: &ExecOrder,
    standard: [OwnedFd; 3],
    filter: Filter,
    confinement: &Confinement<'_>,
    helper: &Channel<FromNewCommand, ToNewCommand>,
) -> StepError {
    match prepare(init, order, standard, filter, confinement, helper) {
        Ok(()) => execute(order),
        Err(error) => error,
    }
}

fn prepare(
    init: &OwnedFd,
    order: &ExecOrder,
    standard: [OwnedFd; 3],
    filter: Filter,
    confinement: &Confinement<'_>,
    helper: &Channel<FromNewCommand, ToNewCommand>,
) -> Result<(), StepError> {
    let Filter { single_id, asks, arrival } = filter;
    let [input, output, error] = standard;
    setns(init, CloneFlags::CLONE_NEWCGROUP).during(|| Step::Enter)?;
    rustix::process::setsid().during(|| Step::Enter)?;
    rustix::stdio::dup2_stdin(input).during(|| Step::Enter)?;
    rustix::stdio::dup2_stdout(output).during(|| Step::Enter)?;
    rustix::stdio::dup2_stderr(error).during(|| Step::Enter)?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    // Before the filter, which would ask about a file that is opened for writing.
    confine(confinement, helper)?;
    // While it takes no privilege of the user's: installing one does.
    if let Some(listener) = filter::install(single_id, asks)? {
        arrival.send(&Arrival, &[listener.as_fd()]).during(|| Step::Talk)?;
    }
    become_user(order, single_id).during(|| Step::ChangeUser(order.uid, order.gid))?;
    rustix::process::chdir(&order.cwd.0).during(|| Step::ChangeDirectory(order.cwd.to_string()))?;
    SigSet::empty().thread_set_mask().during(|| Step::Enter)?;
    sys::close_on_exec_from(3).during(|| Step::Enter)
}

/// Goes on when the helper has seen it.
fn confine(
    confinement: &Confinement<'_>,
    helper: &Channel<FromNewCommand, ToNewCommand>,
) -> Result<(), StepError> {
    let Some((entrance, label)) = confinement else { return Ok(()) };
    entrance.enter(label)?;
    helper.send(&FromNewCommand::Confined, &[]).during(|| Step::Talk)?;
    match helper.receive().during(|| Step::Talk)? {
        Some((ToNewCommand, _)) => Ok(()),
        None => sys::exit_now(127),
    }
}

fn become_user(order: &ExecOrder, single_id: bool) -> nix::Result<()> {
    let (uid, gid) = (Uid::from_raw(order.uid), Gid::from_raw(order.gid));
    if !single_id {
        let groups: Vec<Gid> = order.groups.iter().copied().map(Gid::from_raw).collect();
        nix::unistd::setgroups(&groups)?;
    }
    nix::unistd::setresgid(gid, gid, gid)?;
    nix::unistd::setresuid(uid, uid, uid)
}

/// execvpe(3), with the PATH of the command's own environment.
fn execute(order: &ExecOrder) -> StepError {
    let argv: Vec<CString> = order.argv.iter().map(|argument| c_string(argument)).collect();
    let env: Vec<CString> = order.env.iter().map(|(name, value)| variable(name, value)).collect();
    let argv: Vec<&CStr> = argv.iter().map(CString::as_c_str).collect();
    let env: Vec<&CStr> = env.iter().map(CString::as_c_str).collect();
    let name = order.argv.first().map_or(OsStr::new(""), |name| name.as_os_str());
    let mut last = std::io::Error::from_raw_os_error(libc::ENOENT);
    for path in candidates(name, order) {
        let error = sys::exec(&path, &argv, &env);
        match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) => {}
            // Found, but not to be run: what execvp(3) says unless a later one runs.
            Some(libc::EACCES) => last = error,
            _ => {
                last = error;
                break;
            }
        }
    }
    StepError { step: Step::Execute(name.to_string_lossy().into_owned()), source: last }
}

fn candidates(name: &OsStr, order: &ExecOrder) -> Vec<CString> {
    if name.as_bytes().contains(&b'/') {
        return vec![c_string(name)];
    }
    let path = order.env.iter().find(|(name, _)| name == "PATH");
    let path = path.map_or(OsStr::new(PATH), |(_, value)| value.as_os_str());
    let directories = path.as_bytes().split(|byte| *byte == b':');
    directories
        .map(|directory| c_string(OsStr::from_bytes(&[directory, b"/", name.as_bytes()].concat())))
        .collect()
}
