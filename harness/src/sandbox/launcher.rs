//! The launcher: one process per run that makes keepers.
//!
//! It is made while its parent has one thread, in a user namespace of its own, and is pid 1 of a
//! pid namespace of its own (P0): when it ends, the kernel ends all that is below it. It ends when
//! its socket closes, which is what the end of its parent does, however that comes.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};

use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
};

use super::channel::Channel;
use super::fault::{During, Fault, Role, Step, StepError};
use super::ids::Ids;
use super::layers::{Base, make_read_only};
use super::message::{BootOrder, Directory, FromKeeper, FromLauncher, Means, ToKeeper, ToLauncher};
use super::storage::{Room, are_same, has_user_attributes};
use super::{filter, keeper, mask, sys};
use crate::firmware::Owned;

/// Where an instance is built, in the launcher's root.
pub(crate) const STAGE: &str = "/stage";
/// Consoles: a devpts that no guest sees.
pub(crate) const TERMINALS: &str = "/pts";
/// The device nodes that a guest gets: kernel ones that mean no harm.
pub(crate) const NODES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// The kernel's command line, as firmwares read it: the host's is none of their business.
pub(crate) const COMMAND_LINE: &str = "/cmdline";

/// The launcher's life. `channel` goes to the process that made it; `group` is the run's.
pub(crate) fn serve(channel: Channel<FromLauncher, ToLauncher>, group: Option<OwnedFd>) -> ! {
    // For whoever looks at a list of processes.
    let _ = rustix::thread::set_name(c"fwtest-launcher");
    // Nothing of the harness but the socket: whoever reads the harness's output (nextest does) must
    // see its end when the harness ends.
    let closed = keep_only(&channel, group.as_ref())
        .during(|| Step::Call("close_range".to_owned()))
        .and_then(|()| let_go_of_standard_streams().during(|| Step::Open("/dev/null".to_owned())));
    // For all that comes from here: what the harness's starter ignored, or Rust's runtime does
    // (SIGPIPE), would stay ignored over every exec.
    sys::reset_signal_actions();
    // Ctrl-C is for the harness: what is below it ends with it.
    let _ = rustix::process::setsid();
    let ids = match channel.receive() {
        Ok(Some((ToLauncher::Begin(ids), _))) => ids,
        _ => sys::exit_now(0),
    };
    match closed.and_then(|()| Launcher::new(ids, group)) {
        Ok(mut launcher) => {
            launcher.clients.push(channel);
            if launcher.introduce(0).is_ok() {
                launcher.work();
            }
        }
        Err(error) => {
            let _ = channel.send(&FromLauncher::Failed(error.into()), &[]);
        }
    }
    sys::exit_now(0)
}

#[expect(unsafe_code, reason = "closes what this process was born with")]
fn keep_only(
    channel: &Channel<FromLauncher, ToLauncher>,
    group: Option<&OwnedFd>,
) -> std::io::Result<()> {
    use std::os::fd::AsRawFd;
    let keep = [channel.as_raw_fd()].into_iter().chain(group.map(AsRawFd::as_raw_fd));
    // SAFETY: the values that own the others are copies in this process, and `serve` never returns
    // to what could drop them.
    unsafe { sys::close_all_but(&keep.collect::<Vec<_>>()) }
}

fn let_go_of_standard_streams() -> std::io::Result<()> {
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

struct Launcher {
    ids: Ids,
    /// Of an instance's own user namespace, below ours.
    inner_ids: Ids,
    /// The first is the process that made us: when it goes, all goes.
    clients: Vec<Channel<FromLauncher, ToLauncher>>,
    user_namespace: OwnedFd,
    user_attributes: bool,
    recorder: bool,
    /// The run's control group, where it has one; and how many instances it has had.
    group: Option<OwnedFd>,
    instances: u64,
    /// The host's mounts, to open firmwares in; and our own few, to copy for instances: a copy costs
    /// by the mount.
    host_mounts: OwnedFd,
    own_mounts: OwnedFd,
    /// /proc/self/timens_offsets, where the kernel lets us make time namespaces.
    clock_offsets: Option<OwnedFd>,
    children: SignalFd,
    /// Their pids, until they have been waited for.
    keepers: HashSet<i32>,
}

impl Launcher {
    fn new(ids: Ids, group: Option<OwnedFd>) -> Result<Self, StepError> {
        become_root(Role::Launcher)?;
        let open = |path: &str| {
            rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
                .during(|| Step::Open(path.to_owned()))
        };
        let user_namespace = open("/proc/self/ns/user")?;
        let host_mounts = open("/proc/self/ns/mnt")?;
        let user_attributes = build_root()?;
        try_calls()?;
        let own_mounts = open("/proc/self/ns/mnt")?;
        let clock_offsets = Clocks::probe();
        let recorder = filter::can_ask()?;
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGCHLD);
        mask.thread_block().during(|| Step::Talk)?;
        let children = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .during(|| Step::Talk)?;
        Ok(Self {
            inner_ids: ids.again(),
            ids,
            clients: Vec::new(),
            user_namespace,
            user_attributes,
            recorder,
            group,
            instances: 0,
            host_mounts,
            own_mounts,
            clock_offsets,
            children,
            keepers: HashSet::new(),
        })
    }

    /// Serves its clients until the first of them is gone.
    fn work(&mut self) {
        loop {
            let mut polled = vec![PollFd::new(&self.children, PollFlags::IN)];
            polled.extend(self.clients.iter().map(|client| PollFd::new(client, PollFlags::IN)));
            if rustix::event::poll(&mut polled, None).is_err() {
                continue;
            }
            let ready: Vec<bool> = polled.iter().map(|fd| !fd.revents().is_empty()).collect();
            if ready[0] {
                self.reap();
            }
            // From the last on, so that one that goes does not move those still to be served.
            for index in (0..ready.len() - 1).rev().filter(|index| ready[index + 1]) {
                if self.serve_client(index).is_none() {
                    if index == 0 {
                        return;
                    }
                    self.clients.remove(index);
                }
            }
        }
    }

    /// Answers one message; `None` when the client is gone.
    fn serve_client(&mut self, index: usize) -> Option<()> {
        let (message, mut descriptors) = match self.clients[index].try_receive() {
            Ok(message) => message?,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Some(()),
            // What cannot be understood is no client of ours; what finds no descriptor tells its
            // sender by the keeper's channel closing.
            Err(error) if error.raw_os_error() == Some(libc::EMFILE) => return Some(()),
            Err(_) => return None,
        };
        match message {
            ToLauncher::Begin(_) | ToLauncher::Hello => self.introduce(index).ok()?,
            ToLauncher::Client => self.clients.push(Channel::over(descriptors.pop()?)),
            ToLauncher::Own(owned) => {
                let top = descriptors.pop()?;
                self.answer(index, own(&top, &owned)).ok()?;
            }
            ToLauncher::Clear => {
                let directory = descriptors.pop()?;
                self.answer(index, clear(&directory)).ok()?;
            }
            ToLauncher::Canary(label) => {
                self.answer(index, super::apparmor::canary(&label)).ok()?;
            }
            ToLauncher::Boot { lower, disk, order } => {
                self.boot(lower, disk, order, descriptors)?;
            }
        }
        Some(())
    }

    fn answer(&self, index: usize, result: Result<(), StepError>) -> std::io::Result<()> {
        let answer = match result {
            Ok(()) => FromLauncher::Done,
            Err(error) => FromLauncher::Failed(error.into()),
        };
        self.clients[index].send(&answer, &[])
    }

    fn introduce(&self, index: usize) -> std::io::Result<()> {
        let means = Means {
            cgroup: self.group.is_some(),
            user_attributes: self.user_attributes,
            time_namespace: self.clock_offsets.is_some(),
            recorder: self.recorder,
            mask: mask::kind(),
        };
        let ready = FromLauncher::Ready(self.ids.clone(), means);
        self.clients[index].send(&ready, &[self.user_namespace.as_fd()])
    }

    /// Makes a keeper; `None` when what came along is not what was promised.
    fn boot(
        &mut self,
        lower: Directory,
        disk: Option<Directory>,
        order: BootOrder,
        descriptors: Vec<OwnedFd>,
    ) -> Option<()> {
        let mut descriptors = descriptors.into_iter();
        let channel: Channel<FromKeeper, ToKeeper> = Channel::over(descriptors.next()?);
        let (log, wake) = (descriptors.next()?, descriptors.next()?);
        let made = self.open_lower(lower, &mut descriptors).and_then(|lower| {
            let room = disk.map(|disk| self.open_room(disk, &mut descriptors)).transpose()?;
            self.make_keeper(Base { lower, room }, order, &channel, log, wake)
        });
        if let Err(fault) = made {
            // A harness that has gone meanwhile needs no answer.
            let _ = channel.send(&FromKeeper::Failed(Fault::from(fault)), &[]);
        }
        Some(())
    }

    #[expect(unsafe_code, reason = "clones a process")]
    fn make_keeper(
        &mut self,
        base: Base,
        order: BootOrder,
        channel: &Channel<FromKeeper, ToKeeper>,
        log: OwnedFd,
        wake: OwnedFd,
    ) -> Result<(), StepError> {
        let start = |offsets| Clocks::start(offsets, Clocks::default());
        let clocks = self.clock_offsets.as_ref().map(start).transpose()?;
        self.instances += 1;
        let group = self.group.as_ref().map(|group| (group, self.instances));
        // A keeper mounts nothing: a mount namespace of its own would only cost its copy and its
        // end, for which the kernel waits.
        // SAFETY: this process has one thread: it was cloned from a process with one, and starts
        // none.
        match unsafe { sys::clone(0, None) }.during(|| Step::Clone(Role::Keeper))? {
            sys::Cloned::Child => {
                let given = keeper::Given { log, wake, base, clocks, ids: &self.inner_ids, group };
                keeper::run(channel, given, order)
            }
            sys::Cloned::Parent { pid, .. } => {
                self.keepers.insert(pid);
                Ok(())
            }
        }
    }

    /// The firmware's directory as a mount of its own, read-only.
    fn open_lower(
        &self,
        lower: Directory,
        descriptors: &mut impl Iterator<Item = OwnedFd>,
    ) -> Result<OwnedFd, StepError> {
        match lower {
            Directory::Mount => next(descriptors),
            Directory::Path(path) => {
                let step = || open_step(&path);
                let mount = self.open_mount(&path, step)?;
                make_read_only(&mount).during(step)?;
                Ok(mount)
            }
        }
    }

    /// A directory on disk, and the same as a mount of its own.
    fn open_room(
        &self,
        disk: Directory,
        descriptors: &mut impl Iterator<Item = OwnedFd>,
    ) -> Result<Room, StepError> {
        let directory = next(descriptors)?;
        let step = || Step::Open("the upper layer on disk".to_owned());
        let mount = match disk {
            Directory::Mount => next(descriptors)?,
            Directory::Path(path) => self.open_mount(&path, step)?,
        };
        match are_same(&directory, &mount).during(step)? {
            true => Ok(Room { directory, mount }),
            // Somebody has put another one in its place.
            false => Err(rustix::io::Errno::STALE).during(step),
        }
    }

    /// The directory `path` of the host as a mount of its own.
    fn open_mount(
        &self,
        path: &OsStr,
        step: impl Fn() -> Step + Copy,
    ) -> Result<OwnedFd, StepError> {
        let to = |mounts: &OwnedFd| setns(mounts, CloneFlags::CLONE_NEWNS).during(step);
        to(&self.host_mounts)?;
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        let opened = rustix::mount::open_tree(CWD, path, flags).during(step);
        to(&self.own_mounts)?;
        opened
    }

    /// Keepers that have ended, and, as pid 1 of P0, what lost its parent there.
    fn reap(&mut self) {
        while let Ok(Some(_)) = self.children.read_signal() {}
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            let Some(pid) = status.pid() else { break };
            let was_keeper = self.keepers.remove(&pid.as_raw());
            // One that ends by itself has ended its instance before.
            if was_keeper && !matches!(status, WaitStatus::Exited(_, 0)) {
                self.kill_orphans();
            }
        }
    }

    /// Kills what a keeper has left that was killed itself. Its init mostly ends by
    /// PR_SET_PDEATHSIG; but not when the keeper died just before that was set, nor when the
    /// firmware has taken it back, as any program may. A command that has lost its helper falls
    /// under this too: nobody waits for it any more.
    fn kill_orphans(&self) {
        // proc_pid_task_children(5) may be missing from the kernel: then PDEATHSIG has to do.
        let children = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
        let pids = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        for orphan in pids.filter(|pid| !self.keepers.contains(pid)) {
            // It is our child and not waited for: the number is its own.
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(orphan), Signal::SIGKILL);
        }
    }
}

/// By how much the clocks of a time namespace are off from the host's, in seconds:
/// time_namespaces(7).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clocks {
    monotonic: i64,
    boottime: i64,
}

impl Clocks {
    /// A time namespace for the children that are made next: the uptime starts at 0. `offsets` is
    /// our own timens_offsets, `ours` what our own clocks are off by.
    pub(crate) fn start(offsets: &OwnedFd, ours: Self) -> Result<Self, StepError> {
        let step = || Step::Write("/proc/self/timens_offsets".to_owned());
        unshare(CloneFlags::from_bits_retain(libc::CLONE_NEWTIME)).during(step)?;
        let whole_seconds = |clock| rustix::time::clock_gettime(clock).tv_sec;
        let theirs = Self {
            monotonic: ours.monotonic - whole_seconds(rustix::time::ClockId::Monotonic),
            boottime: ours.boottime - whole_seconds(rustix::time::ClockId::Boottime),
        };
        let text = format!("monotonic {} 0\nboottime {} 0\n", theirs.monotonic, theirs.boottime);
        rustix::io::write(offsets, text.as_bytes()).during(step)?;
        Ok(theirs)
    }

    /// Where we write the offsets, if we can have time namespaces: the kernel may have none, the
    /// host may allow no more of them, and a container's filter may refuse them.
    fn probe() -> Option<OwnedFd> {
        let offsets = Self::offsets().ok()?;
        // One that nothing is ever in.
        Self::start(&offsets, Self::default()).is_ok().then_some(offsets)
    }

    /// Where a process writes the offsets. To look it up costs more than to write it.
    pub(crate) fn offsets() -> Result<OwnedFd, StepError> {
        let (path, flags) = ("/proc/self/timens_offsets", OFlags::WRONLY | OFlags::CLOEXEC);
        rustix::fs::open(path, flags, Mode::empty()).during(|| Step::Open(path.to_owned()))
    }
}

fn open_step(path: &OsStr) -> Step {
    Step::OpenLower(crate::path::escape(path.as_encoded_bytes()).into_owned())
}

/// A descriptor that was promised.
fn next(descriptors: &mut impl Iterator<Item = OwnedFd>) -> Result<OwnedFd, StepError> {
    descriptors.next().ok_or(std::io::ErrorKind::InvalidData).during(|| Step::Talk)
}

/// Gives the names below `top` their owners, which are ids of ours.
fn own(top: &OwnedFd, owned: &[Owned]) -> Result<(), StepError> {
    let path = through(top);
    for name in owned {
        name.apply(&path).during(|| Step::Write(format!("the owner of {}", name.path)))?;
    }
    Ok(())
}

/// Removes what is in a directory.
pub(crate) fn clear(directory: &OwnedFd) -> Result<(), StepError> {
    let step = || Step::Write("an emptied directory".to_owned());
    for entry in std::fs::read_dir(through(directory)).during(step)? {
        let entry = entry.during(step)?;
        let step = || Step::Write(format!("the removal of {}", entry.path().display()));
        match entry.file_type().during(step)?.is_dir() {
            true => std::fs::remove_dir_all(entry.path()).during(step)?,
            false => std::fs::remove_file(entry.path()).during(step)?,
        }
    }
    Ok(())
}

/// A path that leads through a descriptor: what it is of lies outside our root.
fn through(directory: &OwnedFd) -> std::path::PathBuf {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", directory.as_raw_fd()).into()
}

/// Takes the ids that the user namespace's map gave us: until then we are nobody in it.
pub(crate) fn become_root(role: Role) -> Result<(), StepError> {
    let step = || Step::BecomeRoot(role);
    let (uid, gid) = (nix::unistd::Uid::from_raw(0), nix::unistd::Gid::from_raw(0));
    nix::unistd::setresgid(gid, gid, gid).during(step)?;
    nix::unistd::setresuid(uid, uid, uid).during(step)?;
    // The change of ids has made our own files in /proc root's: the real root's.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable)
        .during(step)?;
    // After the change of ids, which clears it.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .during(step)
}

/// A root of a few mounts, so that an instance's copy of it is cheap and shows nothing of the host.
/// Says whether a tmpfs, as it is one and as instances get one, has user attributes.
fn build_root() -> Result<bool, StepError> {
    unshare(CloneFlags::CLONE_NEWNS).during(|| Step::Unshare)?;
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .during(|| Step::Mount("nothing of the host's changes".to_owned(), "/".to_owned()))?;
    // Any directory does: it is seen by nobody else, and gone with the old root.
    let spot = ["/tmp", "/mnt", "/run", "/var", "/home", "/etc"]
        .into_iter()
        .find(|path| std::path::Path::new(path).is_dir())
        .unwrap_or("/");
    let nothing = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("tmpfs", spot, "tmpfs", MountFlags::empty(), "mode=0755,size=1m")?;
    rustix::process::chdir(spot).during(|| Step::ChangeDirectory(spot.to_owned()))?;
    for directory in ["proc", "sys", "dev", "pts", "stage"] {
        make_directory(directory)?;
    }
    // Both only as long as the host's own are in sight: a user namespace may mount no more of them
    // than it sees.
    mount("proc", "proc", "proc", nothing, "")?;
    mount("sysfs", "sys", "sysfs", nothing | MountFlags::RDONLY, "")?;
    for node in NODES {
        bind_file(&format!("/dev/{node}"), &format!("dev/{node}"))?;
    }
    if std::path::Path::new("/dev/fuse").exists() {
        bind_file("/dev/fuse", "dev/fuse")?;
    }
    mount(
        "devpts",
        "pts",
        "devpts",
        MountFlags::NOSUID | MountFlags::NOEXEC,
        "newinstance,mode=0620,ptmxmode=0666",
    )?;
    let step = || Step::Create("the command line".to_owned());
    std::fs::write("cmdline", "ro\n").during(step)?;
    let user_attributes = has_user_attributes("stage");
    pivot_here()?;
    // What is bound from here into an instance must not be a way to write into another.
    rustix::mount::mount_remount("/", MountFlags::RDONLY, c"").during(step)?;
    Ok(user_attributes)
}

/// Tries the calls that nothing can stand in for, so that a host which lacks one says so once and
/// not in every test.
fn try_calls() -> Result<(), StepError> {
    let call = |name: &'static str| move || Step::Call(name.to_owned());
    rustix::fs::openat2(
        CWD,
        STAGE,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::IN_ROOT,
    )
    .during(call("openat2"))?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = rustix::mount::open_tree(CWD, STAGE, flags).during(call("open_tree"))?;
    rustix::mount::move_mount(tree, "", CWD, STAGE, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .during(call("move_mount"))?;
    rustix::mount::unmount(STAGE, UnmountFlags::DETACH).during(call("umount"))
}

/// Makes the working directory the root, and lets go of the old one.
pub(crate) fn pivot_here() -> Result<(), StepError> {
    rustix::process::pivot_root(".", ".").during(|| Step::PivotRoot)?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).during(|| Step::PivotRoot)?;
    rustix::process::chdir("/").during(|| Step::PivotRoot)
}

pub(crate) fn mount(
    source: &str,
    target: &str,
    kind: &str,
    flags: MountFlags,
    options: &str,
) -> Result<(), StepError> {
    let data = std::ffi::CString::new(options).expect("options of ours have no NUL");
    rustix::mount::mount(source, target, kind, flags, Some(data.as_c_str()))
        .during(|| Step::Mount(kind.to_owned(), target.to_owned()))
}

pub(crate) fn make_directory(path: &str) -> Result<(), StepError> {
    rustix::fs::mkdir(path, Mode::from_raw_mode(0o755)).during(|| Step::Create(path.to_owned()))
}

/// A file of the launcher's or the host's root at another name.
pub(crate) fn bind_file(source: &str, target: &str) -> Result<(), StepError> {
    rustix::fs::mknodat(CWD, target, FileType::RegularFile, Mode::from_raw_mode(0o644), 0)
        .during(|| Step::Create(target.to_owned()))?;
    bind(source, target)
}

pub(crate) fn bind(source: &str, target: &str) -> Result<(), StepError> {
    rustix::mount::mount_bind(source, target)
        .during(|| Step::Mount(source.to_owned(), target.to_owned()))
}
