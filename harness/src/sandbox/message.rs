//! What the processes say to each other.

use std::ffi::OsString;

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::ids::Ids;
use super::mask;
use crate::attempt::Policy;
use crate::diff::{Change, DiffError};
use crate::firmware::Owned;
use crate::instance::{Listening, Processes};
use crate::path::GuestPath;

/// Harness to launcher.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToLauncher {
    /// Its ids are mapped: it builds its root and answers [`FromLauncher::Ready`]. Once, and from
    /// the process that made it.
    Begin(Ids),
    /// A second harness talks to it through the descriptor that comes along.
    Client,
    /// Who are you? Answered with [`FromLauncher::Ready`].
    Hello,
    /// Give the names of a tree, which comes as a descriptor, their owners. Answered with
    /// [`FromLauncher::Done`].
    Own(Vec<Owned>),
    /// Remove what is in a directory, which comes as a descriptor: an ordinary user may not, where
    /// it is another id's. Answered with [`FromLauncher::Done`].
    Clear,
    /// Try the AppArmor profile: a process is to enter this label. Answered with
    /// [`FromLauncher::Done`].
    Canary(String),
    /// Make a keeper, for a firmware and, where the instance writes to one, with a directory on
    /// disk. Descriptors: the keeper's channel, the instance's log, the event that tells of it, the
    /// firmware's mount where there is one; the directory on disk, and its mount where there is
    /// one. No answer: the keeper's channel has it.
    Boot { lower: Directory, disk: Option<Directory>, order: BootOrder },
}

/// Launcher to harness.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromLauncher {
    /// With its user namespace as a descriptor.
    Ready(Ids, Means),
    Done,
    /// It could not build its root, or do what it was asked.
    Failed(Fault),
}

/// What this host gives to every instance of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Means {
    /// Each has a control group of its own.
    pub cgroup: bool,
    /// A tmpfs has the attributes in which overlayfs keeps its marks.
    pub user_attributes: bool,
    /// Each has clocks of its own: its uptime begins with it.
    pub time_namespace: bool,
    /// The kernel has filters that ask: attempts are answered and recorded.
    pub recorder: bool,
    /// What lies over /proc/sysrq-trigger.
    pub mask: mask::Kind,
}

/// Where the launcher finds a directory.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Directory {
    /// On the host, at this path: an ordinary user's own.
    Path(OsString),
    /// In the descriptor that comes along: a mount that only root can make.
    Mount,
}

/// What a keeper needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BootOrder {
    pub(crate) argv: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) hostname: String,
    /// Bytes that the instance may write to memory; none is half of the machine's.
    pub(crate) storage: Option<u64>,
    /// Only one id is mapped: changes of owner are pretended.
    pub(crate) single_id: bool,
    /// The kernel has filters that ask.
    pub(crate) asks: bool,
    /// What the guest's attempts are answered with.
    pub(crate) attempts: Policy,
    /// Limit of open files, soft and hard, as the harness was started with.
    pub(crate) open_files: (u64, u64),
    /// The AppArmor label that everything in the instance has to be under.
    pub(crate) label: Option<String>,
}

/// Harness to keeper. One at a time: each has one answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToKeeper {
    /// Descriptors: standard input, output, error and the status channel's far end.
    Execute(ExecOrder),
    /// A file of the guest, its last component not followed; a regular file or a directory comes
    /// with a descriptor.
    Look(GuestPath),
    /// The same, its last component followed.
    Follow(GuestPath),
    Processes,
    /// With the processes that hold the sockets, or without, which costs less.
    Listening {
        owners: bool,
    },
    /// A socket in the instance's network namespace.
    Socket(Domain, Transport),
    /// The upper layer against the lower ones. Descriptor in the answer: where a [`Comparison`]
    /// will come.
    Changes,
    /// What the upper layer has at this path, opened for reading.
    Upper(GuestPath),
    Storage,
    /// A signal for init.
    Signal(i32),
    /// Show changes of the lower directory.
    Remount,
    /// Answered once all is recorded that the guest did before.
    Settle,
    /// Kill all, and end: that is the answer.
    Shutdown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Domain {
    Ipv4,
    Ipv6,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

/// A command to run in the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExecOrder {
    pub(crate) argv: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) cwd: GuestPath,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
}

/// Keeper to harness.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromKeeper {
    /// Init runs the firmware's program.
    Started,
    /// What was asked for could not be done; after [`BootOrder`] the keeper ends.
    Failed(Fault),
    Done,
    /// Nothing of that name.
    Absent,
    /// With a descriptor, or with none for what must not be opened (FIFO, device, socket).
    File(FileFacts),
    Processes(Processes),
    Listening(Listening),
    /// Bytes used, bytes there are.
    Storage(u64, u64),
    /// Every process of the instance has ended: the keeper's last word.
    AllEnded,
}

/// What the process says that compares the layers.
pub(crate) type Comparison = Result<Vec<Change>, DiffError>;

/// lstat(2) and readlink(2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileFacts {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size: u64,
    pub(crate) target: Option<GuestPath>,
    /// Why a regular file or a directory comes without a descriptor.
    pub(crate) unreadable: Option<i32>,
}

/// The status channel of a command: its helper to the harness.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromCommand {
    /// It is the program that was asked for. With its pidfd.
    Started,
    Failed(Fault),
    Ended(crate::instance::ExitStatus),
}

/// Init to keeper, until init is the firmware's.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromInit {
    /// Laid a mask over its /proc/sysrq-trigger, which comes as a descriptor. Not sent where there is
    /// none.
    Masked(mask::Kind),
    /// In its own user namespace, without ids. Descriptors: the root of its /proc, the stacked root
    /// for the next boot, and at the first one [`Layers`](super::layers::Layers).
    Unshared,
    /// Under the label that it was given. Waits for [`ToInit::Proceed`].
    Confined,
    /// With the filter's listener as a descriptor, where the kernel has such.
    Filtered,
    Failed(Fault),
}

/// Keeper to init.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToInit {
    Mapped,
    /// It was seen under its label.
    Proceed,
}

/// A command to its helper, until it is the program that was asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromNewCommand {
    /// Under the label that it was given. Waits for [`ToNewCommand`].
    Confined,
    Failed(Fault),
}

/// A helper to its command: it was seen under its label.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ToNewCommand;
