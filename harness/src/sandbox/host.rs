//! The harness's ends: of the launcher, of a keeper, of a command.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::fs::CWD;
use rustix::mount::OpenTreeFlags;

use super::apparmor::{AppArmor, AppArmorError, Confined, Missing, Sighting, Unavailable};
use super::cgroup::{GroupError, RunGroup};
use super::channel::Channel;
use super::fault::{During, Role, Step, StepError};
use super::ids::Ids;
use super::layers::make_read_only;
use super::log::LogReader;
use super::message::{
    BootOrder, Comparison, Directory, ExecOrder, FromCommand, FromKeeper, FromLauncher, Means,
    ToKeeper, ToLauncher,
};
use super::storage::{Disk, DiskError};
use super::{launcher, storage, sys};
use crate::diff::Change;
use crate::firmware::{self, CacheError, copied, fits};
use crate::path::escape;

/// How long our own processes may take for what costs them milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the end of an instance may take: the kernel waits for every one of its processes.
const FAREWELL: Duration = Duration::from_secs(10);

/// The process that makes instances: one per run.
#[derive(Debug)]
pub struct Launcher {
    channel: Mutex<Channel<ToLauncher, FromLauncher>>,
    /// A launcher that was handed to us is another process's.
    made: Option<Made>,
    ready: Mutex<Option<Ready>>,
    /// Firmwares that were looked at, and whether they can be used as they are.
    fits: Mutex<HashMap<PathBuf, bool>>,
    /// For this process's instances; set up for the first that wants it.
    apparmor: OnceLock<Result<AppArmor, Arc<Missing>>>,
    /// Instances of ours have been on disk.
    disk_used: AtomicBool,
}

#[derive(Debug)]
struct Made {
    pid: i32,
    pidfd: OwnedFd,
    /// Its control groups, where the host allows them.
    group: Option<RunGroup>,
}

#[derive(Debug)]
struct Ready {
    ids: Ids,
    means: Means,
    user_namespace: OwnedFd,
}

impl Launcher {
    /// Makes the launcher: a process in namespaces of its own, which does nothing until the first
    /// instance is wanted. Its end is that of every instance, and comes with ours.
    ///
    /// # Errors
    /// Where the kernel gives this user no user namespace, or when this process has more than one
    /// thread: a copy of one of several may hold the locks of the others.
    #[expect(unsafe_code, reason = "clones a process")]
    pub fn start() -> Result<Self, StepError> {
        let step = || Step::Clone(Role::Launcher);
        let threads = fs::read_dir("/proc/self/task").during(step)?.count();
        if threads != 1 {
            let error = io::Error::other(format!("this process has {threads} threads already"));
            return Err(error).during(step);
        }
        let (ours, theirs) = Channel::<ToLauncher, FromLauncher>::pair().during(step)?;
        let namespaces =
            libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWNET | libc::CLONE_NEWPID;
        let mut group = RunGroup::make().ok();
        // SAFETY: one thread: counted above, and only this one could make another.
        let clone = |group: Option<BorrowedFd<'_>>| unsafe { sys::clone(namespaces as u64, group) };
        let cloned =
            clone(group.as_ref().map(RunGroup::keepers)).or_else(|error| match group.take() {
                // Where the kernel takes no processes: below a group of threads, for instance.
                Some(refused) => {
                    let _ = refused.remove();
                    clone(None)
                }
                None => Err(error),
            });
        match cloned.during(step)? {
            sys::Cloned::Child => launcher::serve(theirs, group.map(RunGroup::into_directory)),
            sys::Cloned::Parent { pid, pidfd } => Ok(Self {
                channel: Mutex::new(ours),
                made: Some(Made { pid, pidfd, group }),
                ready: Mutex::new(None),
                fits: Mutex::default(),
                apparmor: OnceLock::new(),
                disk_used: AtomicBool::new(false),
            }),
        }
    }

    /// The launcher whose client socket this process was started with, as a descriptor's number.
    ///
    /// # Errors
    /// When it is no open descriptor.
    #[expect(unsafe_code, reason = "takes a descriptor by its number")]
    pub fn adopt(number: RawFd) -> io::Result<Self> {
        // SAFETY: the number comes from the environment that our starter made; `main!` reads it
        // once, before anything else opens a descriptor.
        let socket = unsafe { sys::adopt(number, rustix::fs::FileType::Socket) }?;
        Ok(Self {
            channel: Mutex::new(Channel::over(socket)),
            made: None,
            ready: Mutex::new(None),
            fits: Mutex::default(),
            apparmor: OnceLock::new(),
            disk_used: AtomicBool::new(false),
        })
    }

    /// A new client's socket, for another process to [`adopt`](Self::adopt).
    ///
    /// # Errors
    /// When the launcher is gone.
    pub fn client(&self) -> io::Result<OwnedFd> {
        let (ours, theirs) = Channel::<ToLauncher, FromLauncher>::pair()?;
        let socket = theirs.into_socket();
        self.send(&ToLauncher::Client, &[socket.as_fd()])?;
        Ok(ours.into_socket())
    }

    /// Ends it, and waits until it is gone: the kernel ends a pid 1 only after all that is below it,
    /// so then no process of any instance is left, and no mount of one is in use. Does nothing with
    /// a launcher that another process has made, nor a second time.
    ///
    /// # Errors
    /// When that takes longer than 10 s: a process below it hangs in the kernel.
    pub fn end(&self) -> Result<(), StepError> {
        let step = || Step::End(Role::Launcher);
        if self.disk_used.swap(false, Ordering::Relaxed) {
            // Of instances whose keeper was killed.
            storage::sweep(|directory| self.clear(directory));
        }
        let Some(Made { pid, pidfd, group }) = &self.made else { return Ok(()) };
        let channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        // Fails where it has been closed before, or by the other side.
        let _ = rustix::net::shutdown(&*channel, rustix::net::Shutdown::Both);
        super::channel::wait_readable(pidfd, FAREWELL).during(step)?;
        // Its only parent is us; ECHILD says that it has been waited for.
        let _ = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(*pid), None);
        // What cannot be removed is for the next run to sweep.
        let _ = group.as_ref().map(RunGroup::remove);
        Ok(())
    }

    fn send(&self, message: &ToLauncher, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        channel.send(message, descriptors)
    }

    /// Sees that the launcher has its ids and its root. Costs once.
    ///
    /// # Errors
    /// What it failed to do.
    pub fn ready(&self) -> Result<Ids, StepError> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = &*ready {
            return Ok(ready.ids.clone());
        }
        let channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.made {
            Some(Made { pid, .. }) => {
                let ids = Ids::of_this_user();
                ids.map(*pid)?;
                channel.send(&ToLauncher::Begin(ids), &[]).during(|| Step::Talk)?;
            }
            None => channel.send(&ToLauncher::Hello, &[]).during(|| Step::Talk)?,
        }
        match channel.receive_within(PATIENCE).during(|| Step::Clone(Role::Launcher))? {
            Some((FromLauncher::Ready(ids, means), mut descriptors)) => {
                let user_namespace =
                    descriptors.pop().ok_or(io::ErrorKind::InvalidData).during(|| Step::Talk)?;
                *ready = Some(Ready { ids: ids.clone(), means, user_namespace });
                drop((ready, channel));
                if self.made.is_some() {
                    storage::sweep(|directory| self.clear(directory));
                }
                Ok(ids)
            }
            Some((FromLauncher::Failed(fault), _)) => Err(fault.into()),
            Some((FromLauncher::Done, _)) | None => Err(io::Error::from_raw_os_error(libc::ECHILD))
                .during(|| Step::Clone(Role::Launcher)),
        }
    }

    /// What it gives to every instance, besides its ids.
    ///
    /// # Errors
    /// When it is not ready, and cannot be made so.
    pub fn means(&self) -> Result<Means, StepError> {
        self.ready()?;
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = ready.as_ref().ok_or(io::ErrorKind::NotConnected).during(|| Step::Talk)?;
        Ok(ready.means)
    }

    /// Whether a run can have control groups: makes one, and removes it.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn try_group() -> Result<(), GroupError> {
        RunGroup::make().map(|group| drop(group.remove()))
    }

    /// The firmware's directory as the guest is to have it.
    fn lower(&self, rootfs: &Path) -> Result<(Directory, Option<OwnedFd>), AskError> {
        if rustix::process::geteuid().is_root() {
            return self.shifted(rootfs).map(|mount| (Directory::Mount, Some(mount)));
        }
        let path = match self.owners_fit(rootfs)? {
            true => rootfs.to_owned(),
            false => self.copy(rootfs)?,
        };
        Ok((Directory::Path(path.into_os_string()), None))
    }

    /// A directory on disk, where the firmware asks for one, or a tmpfs will not do.
    fn disk(&self, asked: bool) -> Result<Option<Disk>, AskError> {
        if !asked && self.means()?.user_attributes {
            return Ok(None);
        }
        let disk = match Disk::make() {
            // Where there is none either, a firmware that removes no directory boots all the same.
            Err(_) if !asked => return Ok(None),
            other => other?,
        };
        self.disk_used.store(true, Ordering::Relaxed);
        if let Some(root) = self.ready()?.outside(0, 0) {
            disk.give(root)?;
        }
        Ok(Some(disk))
    }

    fn disk_directory(disk: &Disk) -> Result<(Directory, Option<OwnedFd>), StepError> {
        match rustix::process::geteuid().is_root() {
            true => Ok((Directory::Mount, Some(open_mount(&disk.path)?))),
            false => Ok((Directory::Path(disk.path.clone().into_os_string()), None)),
        }
    }

    /// Makes what an instance of the firmware at `rootfs` is stacked on, a copy where it takes one,
    /// so that the first test does not have to.
    ///
    /// # Errors
    /// What no test could boot for.
    pub fn prepare(&self, rootfs: &Path) -> Result<(), AskError> {
        self.ready()?;
        self.lower(rootfs).map(drop)
    }

    /// With owners that the mount shifts, which takes root and a file system that can.
    fn shifted(&self, rootfs: &Path) -> Result<OwnedFd, AskError> {
        let top = fs::metadata(rootfs).during(|| open_step(rootfs))?;
        if top.uid() != 0 {
            // An ordinary user's tree, and root's run: what is the user's there is meant to be root's
            // in the guest, as it is when the user runs it.
            return self.copied_mount(rootfs);
        }
        let mount = open_mount(rootfs)?;
        let user_namespace = self.user_namespace()?;
        match sys::set_lower_attributes(mount.as_fd(), Some(user_namespace.as_fd())) {
            Ok(()) => Ok(mount),
            // Overlayfs, NFS and others cannot: Docker's root file system for one.
            // Nor may the root of a container that is not the host's. Some containers refuse the call.
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::EINVAL | libc::EPERM | libc::ENOSYS)
                ) =>
            {
                self.copied_mount(rootfs)
            }
            Err(error) => Err(error).during(|| open_step(rootfs)).map_err(AskError::Step),
        }
    }

    fn copied_mount(&self, rootfs: &Path) -> Result<OwnedFd, AskError> {
        let copy = self.copy(rootfs)?;
        let mount = open_mount(&copy)?;
        make_read_only(&mount).during(|| open_step(&copy))?;
        Ok(mount)
    }

    fn user_namespace(&self) -> Result<OwnedFd, StepError> {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = ready.as_ref().ok_or(io::ErrorKind::NotConnected).during(|| Step::Talk)?;
        ready.user_namespace.try_clone().during(|| Step::Talk)
    }

    /// Whether the guest has an id for every owner in the tree. Looked at once: who rebuilds a
    /// firmware while tests run is the same user.
    fn owners_fit(&self, rootfs: &Path) -> Result<bool, AskError> {
        let ids = self.ready()?;
        let mut known = self.fits.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fit) = known.get(rootfs) {
            return Ok(*fit);
        }
        let fit = fits(rootfs, &|uid, gid| ids.inside(uid, gid).is_some());
        let fit = fit.map_err(|(path, source)| CacheError { op: "read", path, source })?;
        known.insert(rootfs.to_owned(), fit);
        Ok(fit)
    }

    /// A copy of the firmware with the guest's owners.
    fn copy(&self, rootfs: &Path) -> Result<PathBuf, AskError> {
        let ids = self.ready()?;
        let single = ids.single();
        let map = format!("{ids:?}");
        let copied = copied(rootfs, &map, |tree, owned| {
            let top = owned.last().map_or((0, 0), |top| (top.uid, top.gid));
            if rustix::process::geteuid().is_root() {
                // Ids of the host: the file system shows them as they are.
                let shifted = |(uid, gid)| {
                    let uid = if uid == top.0 { 0 } else { uid };
                    let gid = if gid == top.1 { 0 } else { gid };
                    ids.outside(uid, gid).unwrap_or((uid, gid))
                };
                return owned.into_iter().try_for_each(|name| {
                    let ids = shifted((name.uid, name.gid));
                    name.of(ids).apply(tree)
                });
            }
            // Of a tree whose top is ours, what is ours is the guest root's; of another one every
            // owner means itself. What is root's is ours by now; the rest takes rights that the
            // launcher has, where it has ids.
            let ours = ids.has_user(top.0);
            let guest = |(uid, gid)| match ours {
                true => ids.inside_own_tree(uid, gid),
                false => (uid, gid),
            };
            let theirs: Vec<_> = owned
                .into_iter()
                .map(|name| {
                    let ids = guest((name.uid, name.gid));
                    name.of(ids)
                })
                .filter(|name| (name.uid, name.gid) != (0, 0) || name.capability.is_some())
                .collect();
            match single || theirs.is_empty() {
                true => Ok(()),
                false => self.ask_about(&ToLauncher::Own(theirs), tree),
            }
        });
        copied.map_err(AskError::Copy)
    }

    /// Removes what is in a directory, other ids' files too.
    ///
    /// # Errors
    /// What could not be removed.
    pub fn clear(&self, directory: &Path) -> io::Result<()> {
        self.ready().map_err(io::Error::other)?;
        self.ask_about(&ToLauncher::Clear, directory)
    }

    fn ask_about(&self, request: &ToLauncher, directory: &Path) -> io::Result<()> {
        let directory = fs::File::open(directory)?;
        let channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        channel.send(request, &[directory.as_fd()])?;
        match channel.receive_within(PATIENCE)? {
            Some((FromLauncher::Done, _)) => Ok(()),
            Some((FromLauncher::Failed(fault), _)) => {
                let error = StepError::from(fault);
                Err(io::Error::new(error.source.kind(), format!("{error}: {}", error.source)))
            }
            Some((FromLauncher::Ready(..), _)) | None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Whether instances whose firmware has this `apparmor` will be under it, or why not. Sets it up,
    /// where that is so, and tries it.
    ///
    /// # Errors
    /// Where it has to be and cannot, or where it does not work.
    pub(crate) fn apparmor(
        &self,
        wanted: firmware::AppArmor,
    ) -> Result<Result<(), &Unavailable>, AskError> {
        Ok(self.security_module(wanted)?.map(drop))
    }

    fn security_module(
        &self,
        wanted: firmware::AppArmor,
    ) -> Result<Result<&AppArmor, &Unavailable>, AskError> {
        self.ready()?;
        let fly = |label: &str| self.fly_canary(label);
        let cache = || crate::firmware::cache_directory().ok().map(|cache| cache.join("apparmor"));
        let apparmor =
            self.apparmor.get_or_init(|| AppArmor::set_up(cache(), fly).map_err(Arc::new));
        match apparmor {
            Ok(apparmor) => Ok(Ok(apparmor)),
            Err(missing) => match (&**missing, wanted) {
                (Missing::Unavailable(why), firmware::AppArmor::Auto) => Ok(Err(why)),
                _ => Err(AskError::NoAppArmor(Arc::clone(missing))),
            },
        }
    }

    fn fly_canary(&self, label: &str) -> Result<(), AskError> {
        let channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        channel.send(&ToLauncher::Canary(label.to_owned()), &[]).map_err(AskError::Talk)?;
        match channel.receive_within(PATIENCE).map_err(AskError::Talk)? {
            Some((FromLauncher::Done, _)) => Ok(()),
            Some((FromLauncher::Failed(fault), _)) => Err(StepError::from(fault).into()),
            Some((FromLauncher::Ready(..), _)) => Err(AskError::Nonsense),
            None => Err(AskError::LauncherGone),
        }
    }

    /// Boots what the order says, and waits until init is the firmware's program.
    pub(crate) fn boot(&self, mut boot: Boot<'_>) -> Result<Sandbox, AskError> {
        self.ready()?;
        let apparmor = match boot.apparmor {
            firmware::AppArmor::Off => None,
            wanted => self.security_module(wanted)?.ok(),
        };
        let (lower, mount) = self.lower(boot.rootfs)?;
        let disk = self.disk(boot.disk)?;
        let (disk_at, disk_mount) = disk.as_ref().map(Self::disk_directory).transpose()?.unzip();
        let talk = |error: io::Error| StepError { step: Step::Talk, source: error };
        let log = rustix::fs::memfd_create("fwtest-log", rustix::fs::MemfdFlags::CLOEXEC)
            .during(|| Step::Create("the instance's log".to_owned()))?;
        let flags = rustix::event::EventfdFlags::CLOEXEC | rustix::event::EventfdFlags::NONBLOCK;
        let wake = rustix::event::eventfd(0, flags)
            .during(|| Step::Create("the instance's log".to_owned()))?;
        // Before anybody could enter it; and after all that fails without it.
        let confined = match apparmor {
            Some(apparmor) => Some(apparmor.confine(Some(wake.try_clone().map_err(talk)?))?),
            None => None,
        };
        boot.order.label = confined.as_ref().map(Confined::label);
        let (ours, theirs) = Channel::pair().map_err(talk)?;
        let far: OwnedFd = Channel::<FromKeeper, ToKeeper>::into_socket(theirs);
        let mut descriptors: Vec<_> =
            [&far, &log, &wake].into_iter().chain(&mount).map(AsFd::as_fd).collect();
        let directory = disk.as_ref().map(|disk| disk.directory.as_fd());
        let disk_mount = disk_mount.flatten();
        descriptors.extend(directory.into_iter().chain(disk_mount.as_ref().map(AsFd::as_fd)));
        let recorded = boot.order.asks;
        let message = ToLauncher::Boot { lower, disk: disk_at, order: boot.order };
        match self.send(&message, &descriptors) {
            Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {
                return Err(AskError::LauncherGone);
            }
            other => other.during(|| Step::Clone(Role::Keeper))?,
        }
        drop(far);
        let (log, stuck) = (RefCell::new(LogReader::new(log)), Cell::new(false));
        let sandbox = Sandbox { keeper: ours, log, wake, stuck, recorded, confined, disk };
        match sandbox.receive(boot.patience)? {
            (FromKeeper::Started, _) => Ok(sandbox),
            _ => Err(AskError::Nonsense),
        }
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        // `end` has reported already where somebody asked.
        let _ = self.end();
    }
}

fn open_step(path: &Path) -> Step {
    Step::OpenLower(escape(path.as_os_str().as_encoded_bytes()).into_owned())
}

/// The directory as a mount of its own, on nothing.
fn open_mount(path: &Path) -> Result<OwnedFd, StepError> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    rustix::mount::open_tree(CWD, path, flags).during(|| open_step(path))
}

/// What to boot, and how long to wait for init's first instruction.
pub(crate) struct Boot<'a> {
    pub(crate) rootfs: &'a Path,
    pub(crate) order: BootOrder,
    /// It writes to disk, not to memory.
    pub(crate) disk: bool,
    pub(crate) patience: Duration,
    pub(crate) apparmor: firmware::AppArmor,
}

/// A request that was not answered as it should.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The kernel refused a step of it.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The firmware is another user's, and could not be copied.
    #[error(transparent)]
    Copy(#[from] CacheError),
    /// There is no room on disk for what the firmware writes.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The layers could not be compared.
    #[error(transparent)]
    Diff(#[from] crate::diff::DiffError),
    /// AppArmor has to be there and is not, or it does not work.
    #[error(transparent)]
    NoAppArmor(Arc<Missing>),
    /// AppArmor, which worked so far, did not.
    #[error(transparent)]
    AppArmor(#[from] AppArmorError),
    /// Somebody killed it.
    #[error("the run's launcher has ended: somebody has killed it")]
    LauncherGone,
    /// Somebody killed it.
    #[error("the instance's keeper has ended: somebody has killed it")]
    KeeperGone,
    /// Somebody killed it.
    #[error("the process that compares the layers has ended: somebody has killed it")]
    ComparisonGone,
    /// It is alive, or stuck.
    #[error("the instance's keeper has not answered for {} s", .0.as_secs())]
    Silent(Duration),
    /// The socket to it is out of order.
    #[error("failed to talk to the instance's keeper")]
    Talk(#[source] io::Error),
    /// A bug of ours.
    #[error("the instance's keeper gave an answer to another question")]
    Nonsense,
}

impl AskError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Step(step) => step.hint(),
            Self::Copy(error) => error.hint().map(str::to_owned),
            Self::NoAppArmor(missing) => missing.hint().map(str::to_owned),
            Self::AppArmor(error) => error.hint().map(str::to_owned),
            Self::Disk(error) => error.hint().map(str::to_owned),
            _ => None,
        }
    }
}

/// A running instance, as its keeper has it.
#[derive(Debug)]
pub(crate) struct Sandbox {
    keeper: Channel<ToKeeper, FromKeeper>,
    log: RefCell<LogReader>,
    /// Readable again at each new record.
    pub(crate) wake: OwnedFd,
    /// It was told to end, and did not: nobody waits for it a second time.
    stuck: Cell<bool>,
    recorded: bool,
    /// The policy namespace. Last: only when the keeper is gone may it go.
    confined: Option<Confined>,
    /// Removed when the keeper is gone, as the last of it.
    disk: Option<Disk>,
}

impl Sandbox {
    /// Asks, and waits for the answer: what a keeper does takes it micro- to milliseconds.
    pub(crate) fn ask(
        &self,
        request: &ToKeeper,
    ) -> Result<(FromKeeper, Option<OwnedFd>), AskError> {
        self.ask_with(request, &[])
    }

    fn ask_with(
        &self,
        request: &ToKeeper,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(FromKeeper, Option<OwnedFd>), AskError> {
        match self.keeper.send(request, descriptors) {
            Err(error) if error.raw_os_error() == Some(libc::EPIPE) => Err(AskError::KeeperGone),
            Err(error) => Err(AskError::Talk(error)),
            Ok(()) => self.receive(PATIENCE),
        }
    }

    fn receive(&self, patience: Duration) -> Result<(FromKeeper, Option<OwnedFd>), AskError> {
        match self.keeper.receive_within(patience) {
            Ok(Some((FromKeeper::Failed(fault), _))) => Err(StepError::from(fault).into()),
            Ok(Some((answer, mut descriptors))) => Ok((answer, descriptors.pop())),
            Ok(None) => Err(AskError::KeeperGone),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                Err(AskError::Silent(patience))
            }
            Err(error) => Err(AskError::Talk(error)),
        }
    }

    /// The upper layer against the lower ones.
    pub(crate) fn changes(&self) -> Result<Vec<Change>, AskError> {
        let (FromKeeper::Done, Some(answer)) = self.ask(&ToKeeper::Changes)? else {
            return Err(AskError::Nonsense);
        };
        match Channel::<(), Comparison>::over(answer).receive_within(PATIENCE) {
            Ok(Some((comparison, _))) => Ok(comparison?),
            Ok(None) => Err(AskError::ComparisonGone),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                Err(AskError::Silent(PATIENCE))
            }
            Err(error) => Err(AskError::Talk(error)),
        }
    }

    /// Whether its attempts are recorded.
    pub(crate) fn is_recorded(&self) -> bool {
        self.recorded
    }

    /// Whether it writes to disk, where its storage has no limit.
    pub(crate) fn is_on_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// The log from its beginning, for another reader.
    pub(crate) fn second_log(&self) -> io::Result<LogReader> {
        self.log.borrow().again()
    }

    pub(crate) fn log(&self) -> RefMut<'_, LogReader> {
        self.log.borrow_mut()
    }

    /// What AppArmor has seen since the last time.
    pub(crate) fn sightings(&self) -> Vec<Sighting> {
        self.confined.as_ref().map(Confined::sightings).unwrap_or_default()
    }

    /// Waits until AppArmor has told of everything that was done so far.
    pub(crate) fn catch_up(&self) {
        if let Some(confined) = &self.confined {
            confined.catch_up();
        }
    }

    /// The keeper's socket, for the runtime of this thread to watch.
    pub(crate) fn watch_keeper(&self) -> io::Result<tokio::io::unix::AsyncFd<OwnedFd>> {
        self.keeper.watch()
    }

    /// Whether the keeper's end of the channel is closed.
    pub(crate) fn keeper_gone(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec};
        let mut polled = [PollFd::new(&self.keeper, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let _ = rustix::event::poll(&mut polled, Some(&now));
        polled[0].revents().contains(PollFlags::HUP)
    }

    /// Starts a command; what becomes of it comes on its status channel.
    pub(crate) fn execute(&self, order: ExecOrder) -> Result<Running, AskError> {
        let pipe = || {
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(|error| {
                AskError::Step(StepError {
                    step: Step::Create("a pipe to the command".to_owned()),
                    source: error.into(),
                })
            })
        };
        let ((input, stdin), (stdout, output), (stderr, error)) = (pipe()?, pipe()?, pipe()?);
        let (status, far) = Channel::<(), FromCommand>::pair().map_err(AskError::Talk)?;
        let far = far.into_socket();
        let descriptors = [&input, &output, &error, &far].map(AsFd::as_fd);
        match self.ask_with(&ToKeeper::Execute(order), &descriptors)? {
            (FromKeeper::Done, _) => Ok(Running { status, stdin, stdout, stderr }),
            _ => Err(AskError::Nonsense),
        }
    }

    /// Ends it, and waits until it is gone: every process, and with them every mount, namespace
    /// and layer.
    pub(crate) fn shut_down(&self) -> Result<(), AskError> {
        let all_ended = self.end_keeper()?;
        match &self.confined {
            Some(confined) => Ok(confined.end(all_ended)?),
            None => Ok(()),
        }
    }

    /// Whether the keeper, which is gone then, has seen the end of every process.
    fn end_keeper(&self) -> Result<bool, AskError> {
        match self.keeper.send(&ToKeeper::Shutdown, &[]) {
            Err(error) if error.raw_os_error() == Some(libc::EPIPE) => return Ok(false),
            other => other.map_err(AskError::Talk)?,
        }
        // To remove what a firmware has written takes its time on a disk.
        let farewell = FAREWELL * if self.is_on_disk() { 12 } else { 1 };
        let mut all_ended = false;
        loop {
            match self.keeper.receive_within(farewell) {
                Ok(Some((answer, _))) => all_ended = matches!(answer, FromKeeper::AllEnded),
                Ok(None) => return Ok(all_ended),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    self.stuck.set(true);
                    return Err(AskError::Silent(farewell));
                }
                Err(error) => return Err(AskError::Talk(error)),
            }
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // `shut_down` has reported already where somebody asked; a second call finds it gone. One
        // that is stuck ends with the launcher.
        if !self.stuck.get() {
            let _ = self.shut_down();
        }
    }
}

/// Where a command's helper tells what becomes of it.
pub(crate) type StatusChannel = Channel<(), FromCommand>;

/// A command that runs in the guest: our ends.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) status: StatusChannel,
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// The environment of a process in the guest, before what its firmware or test adds.
pub(crate) fn environment(extra: &[(OsString, OsString)]) -> Vec<(OsString, OsString)> {
    let mut env: Vec<(OsString, OsString)> =
        [("PATH", super::command::PATH), ("HOME", "/"), ("TERM", "linux")]
            .map(|(name, value)| (name.into(), value.into()))
            .into();
    for (name, value) in extra {
        env.retain(|(known, _)| known != name);
        env.push((name.clone(), value.clone()));
    }
    env
}
