//! The keeper: one process per instance. Makes init, records what it says, and answers the harness.
//! It ends when the harness does, and takes the instance along.
//!
//! It shares the launcher's mounts and adds none: those of its instance are made by init, in a mount
//! namespace of its own, and handed over as descriptors.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use rustix::event::{PollFd, PollFlags, Timespec};

use super::cgroup::InstanceGroup;
use super::channel::Channel;
use super::fault::{During, Fault, Role, Step, StepError};
use super::guest::{self, Guest};
use super::ids::{Ids, write_maps};
use super::launcher::{Clocks, clear};
use super::layers::{Base, Layers};
use super::log::{Happened, LogWriter};
use super::message::{BootOrder, Comparison, ExecOrder, FromInit, FromKeeper, ToInit, ToKeeper};
use super::notify::{Power, Supervisor};
use super::terminal::Terminal;
use super::{apparmor, command, init, notify, sys};
use crate::instance::{Cause, ExitStatus};
use crate::path::GuestPath;

/// How long init may take from its clone to the firmware's program: all of it is our own doing.
const PATIENCE: Duration = Duration::from_secs(30);
/// Reads of a terminal in one go: more than one holds, and not for ever where a guest writes as fast
/// as we read.
const READS: usize = 64;

/// What the launcher gives a keeper besides its channel.
pub(crate) struct Given<'a> {
    pub(crate) log: OwnedFd,
    pub(crate) wake: OwnedFd,
    pub(crate) base: Base,
    /// What the keeper's own clocks are off by, where the instance has some of its own.
    pub(crate) clocks: Option<Clocks>,
    /// Of init's user namespace.
    pub(crate) ids: &'a Ids,
    /// The run's control group, and the number of this instance in it.
    pub(crate) group: Option<(&'a OwnedFd, u64)>,
}

/// The keeper's life.
pub(crate) fn run(
    channel: &Channel<FromKeeper, ToKeeper>,
    given: Given<'_>,
    order: BootOrder,
) -> ! {
    let _ = rustix::thread::set_name(c"fwtest-keeper");
    let Given { log, wake, base, clocks, ids, group } = given;
    let keep = [channel.as_raw_fd(), log.as_raw_fd(), wake.as_raw_fd()];
    let group_of_run = group.map(|(run, _)| run);
    let keep =
        keep.into_iter().chain(base.descriptors().chain(group_of_run).map(AsRawFd::as_raw_fd));
    keep_only(&keep.collect::<Vec<_>>());
    let made = group.map(|(run, number)| InstanceGroup::make(run, number)).transpose();
    let group = match made.during(|| Step::Create("the instance's cgroup".to_owned())) {
        Ok(group) => group,
        Err(error) => {
            let _ = channel.send(&FromKeeper::Failed(Fault::from(error)), &[]);
            sys::exit_now(0)
        }
    };
    let booted =
        Keeper::boot(channel, LogWriter::new(log, wake), ids, &base, order, group.as_ref());
    // The instance holds the mounts by now.
    let disk = base.into_directory();
    match booted {
        Ok(mut keeper) => {
            keeper.clocks = clocks;
            if channel.send(&FromKeeper::Started, &[]).is_ok() {
                // An error here is the harness's end, or as good as that.
                let _ = keeper.work();
            }
            keeper.end_init();
            let _ = channel.send(&FromKeeper::AllEnded, &[]);
        }
        Err(error) => {
            let _ = channel.send(&FromKeeper::Failed(Fault::from(error)), &[]);
        }
    }
    // What cannot be removed now is removed at the end of the run, or by the next one.
    let _ = disk.as_ref().map(clear);
    let _ = group.as_ref().map(InstanceGroup::remove);
    sys::exit_now(0)
}

#[expect(unsafe_code, reason = "closes what this process was born with")]
fn keep_only(keep: &[i32]) {
    // SAFETY: the values that own the others are the launcher's, in a copy that never runs.
    if unsafe { sys::close_all_but(keep) }.is_err() {
        sys::exit_now(1);
    }
}

struct Keeper<'a> {
    channel: &'a Channel<FromKeeper, ToKeeper>,
    log: LogWriter,
    ids: &'a Ids,
    order: BootOrder,
    clocks: Option<Clocks>,
    layers: Layers,
    console: Terminal,
    kernel_log: Terminal,
    children: SignalFd,
    guest: Guest,
    /// `None` once it has ended.
    running: Option<OwnedFd>,
    supervisor: Supervisor,
    /// Which boot this is: 1 is the first.
    boot: u32,
    /// What becomes of the instance once its init is gone, where the firmware has said so.
    power: Option<Power>,
    group: Option<&'a InstanceGroup<'a>>,
}

impl<'a> Keeper<'a> {
    fn boot(
        channel: &'a Channel<FromKeeper, ToKeeper>,
        log: LogWriter,
        ids: &'a Ids,
        base: &Base,
        order: BootOrder,
        group: Option<&'a InstanceGroup<'a>>,
    ) -> Result<Self, StepError> {
        let (console, kernel_log) = (Terminal::open()?, Terminal::open()?);
        kernel_log.make_raw()?;
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGCHLD);
        let children = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .during(|| Step::Talk)?;
        let terminals = init::Terminals { console: console.number, kernel_log: kernel_log.number };
        let made = make_init(ids, init::Root::Fresh(base), &order, terminals, group, 1)?;
        let layers = Layers::from_descriptors(made.layers.into_iter())
            .ok_or(rustix::io::Errno::BADF)
            .during(|| Step::Talk)?;
        Ok(Self {
            channel,
            log,
            ids,
            order,
            clocks: None,
            layers,
            console,
            kernel_log,
            children,
            guest: made.guest,
            running: Some(made.pidfd),
            supervisor: made.supervisor,
            boot: 1,
            power: None,
            group,
        })
    }

    /// The next boot, on the same layers.
    fn boot_again(&mut self) -> Result<(), StepError> {
        if let Some(group) = self.group {
            // Those that the firmware has made there.
            group
                .clear()
                .during(|| Step::Write("the removal of the guest's cgroups".to_owned()))?;
        }
        if let Some(clocks) = self.clocks {
            Clocks::start(&Clocks::offsets()?, clocks)?;
        }
        let boot = self.boot + 1;
        let terminals =
            init::Terminals { console: self.console.number, kernel_log: self.kernel_log.number };
        let root = init::Root::Again(&self.layers.again);
        let mut made = make_init(self.ids, root, &self.order, terminals, self.group, boot)?;
        made.supervisor.follow(&self.supervisor);
        self.layers.again =
            made.layers.pop().ok_or(rustix::io::Errno::BADF).during(|| Step::Talk)?;
        (self.guest, self.running, self.supervisor) =
            (made.guest, Some(made.pidfd), made.supervisor);
        self.boot = boot;
        Ok(())
    }

    /// Answers and records until the harness says so, or is gone.
    fn work(&mut self) -> io::Result<()> {
        loop {
            // Between two boots there is nothing that could be asked about; the harness can wait.
            let wanted = if self.power.is_some() { PollFlags::empty() } else { PollFlags::IN };
            let mut polled = vec![
                PollFd::new(self.channel, wanted),
                PollFd::new(&self.console.master, PollFlags::IN),
                PollFd::new(&self.kernel_log.master, PollFlags::IN),
                PollFd::new(&self.children, PollFlags::IN),
            ];
            let fixed = polled.len();
            polled.extend(
                self.supervisor.polled().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)),
            );
            let due = self.supervisor.next_due();
            let left = due.map(|due| due.saturating_duration_since(Instant::now()));
            let timeout = left.and_then(|left| Timespec::try_from(left).ok());
            rustix::io::retry_on_intr(|| rustix::event::poll(&mut polled, timeout.as_ref()))?;
            let ready: Vec<PollFlags> = polled.iter().map(PollFd::revents).collect();
            // First what the firmware said and did: an answer must not come before what led to it.
            if !ready[1].is_empty() {
                self.drain_console()?;
            }
            if !ready[2].is_empty() {
                self.drain_kernel_log()?;
            }
            let power = self.supervisor.work(&ready[fixed..], &mut self.log)?;
            self.switch(power);
            if !ready[3].is_empty() {
                self.reap()?;
            }
            let between = self.power.is_some() && !ready[0].contains(PollFlags::HUP);
            if !ready[0].is_empty() && !between && !self.serve()? {
                return Ok(());
            }
        }
    }

    /// What the kernel would do at reboot(2): nothing of the guest runs on. What comes next, comes
    /// when its init has gone.
    fn switch(&mut self, power: Option<Power>) {
        if power.is_some() && self.running.is_some() {
            self.power = self.power.or(power);
            // An init that has just ended needs none.
            let _ = self.signal(libc::SIGKILL);
        }
    }

    fn drain_console(&mut self) -> io::Result<()> {
        for _ in 0..READS {
            let Some(bytes) = self.console.read()? else { break };
            self.log.record(Happened::Console(bytes))?;
        }
        Ok(())
    }

    fn drain_kernel_log(&mut self) -> io::Result<()> {
        for _ in 0..READS {
            let Some(bytes) = self.kernel_log.read()? else { break };
            self.log.record(Happened::KernelLog(bytes))?;
        }
        Ok(())
    }

    /// Children that have ended: init, commands, the diff.
    fn reap(&mut self) -> io::Result<()> {
        while let Ok(Some(_)) = self.children.read_signal() {}
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            let (pid, status) = match status {
                WaitStatus::Exited(pid, code) => (pid, ExitStatus::Code(code)),
                WaitStatus::Signaled(pid, signal, _) => (pid, ExitStatus::Signal(signal as i32)),
                _ => break,
            };
            if pid.as_raw() == self.guest.init && self.running.is_some() {
                self.init_ended(status)?;
            }
        }
        Ok(())
    }

    fn init_ended(&mut self, status: ExitStatus) -> io::Result<()> {
        self.running = None;
        self.drain_console()?;
        self.drain_kernel_log()?;
        let last_words = self.supervisor.record_written(&mut self.log)?;
        // The status is that of an init whose pid namespace the kernel has ended: reboot(2).
        let signal = ExitStatus::Signal;
        let (status, cause) = match self.power.take().or(last_words) {
            None => (status, Cause::Exit),
            Some(Power::Off) => (signal(libc::SIGINT), Cause::PowerOff),
            Some(Power::Halt) => (signal(libc::SIGINT), Cause::Halt),
            Some(Power::Crash) => (signal(libc::SIGKILL), Cause::Crash),
            Some(Power::Restart) => match self.boot_again() {
                Ok(()) => return self.log.record(Happened::Booted(self.boot)),
                Err(error) => {
                    let words = format!("[fwtest: {error}: {}]\n", error.source);
                    self.log.record(Happened::Console(words.into_bytes()))?;
                    (signal(libc::SIGHUP), Cause::NotRestarted)
                }
            },
        };
        self.log.record(Happened::Ended(status, cause))
    }

    /// Answers one request. False when the harness wants no more, or is gone.
    fn serve(&mut self) -> io::Result<bool> {
        let received = match self.channel.receive() {
            // The request is lost, the instance is not: too many of its commands are still there.
            Err(error) if error.raw_os_error() == Some(libc::EMFILE) => {
                let fault = StepError { step: Step::Talk, source: error };
                self.channel.send(&FromKeeper::Failed(Fault::from(fault)), &[])?;
                return Ok(true);
            }
            received => received?,
        };
        let Some((request, descriptors)) = received else { return Ok(false) };
        let answer = match request {
            // Answered by its end.
            ToKeeper::Shutdown => return Ok(false),
            other => self.answer(other, descriptors),
        };
        let (answer, descriptor) = match answer {
            Ok(answer) => answer,
            Err(error) => (FromKeeper::Failed(Fault::from(error)), None),
        };
        let descriptors: Vec<_> = descriptor.iter().map(AsFd::as_fd).collect();
        self.channel.send(&answer, &descriptors)?;
        Ok(true)
    }

    fn answer(
        &mut self,
        request: ToKeeper,
        descriptors: Vec<OwnedFd>,
    ) -> Result<(FromKeeper, Option<OwnedFd>), StepError> {
        let root = || match &self.running {
            // One that has just ended has no root any more, though we have not been told yet.
            Some(_) => match self.guest.root() {
                Err(error)
                    if matches!(error.source.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) =>
                {
                    self.layers.root()
                }
                root => root,
            },
            None => self.layers.root(),
        };
        Ok(match request {
            ToKeeper::Execute(order) => {
                self.execute(&order, descriptors)?;
                (FromKeeper::Done, None)
            }
            ToKeeper::Look(path) => self.look(&root()?, &path, guest::Last::Itself)?,
            ToKeeper::Follow(path) => self.look(&root()?, &path, guest::Last::Followed)?,
            ToKeeper::Upper(path) => self.look(&self.layers.upper, &path, guest::Last::Itself)?,
            ToKeeper::Processes => {
                let processes = if self.running.is_some() {
                    self.guest.processes()?
                } else {
                    Default::default()
                };
                (FromKeeper::Processes(processes), None)
            }
            ToKeeper::Listening { owners } => {
                let listening = if self.running.is_some() {
                    self.guest.listening(owners)?
                } else {
                    Default::default()
                };
                (FromKeeper::Listening(listening), None)
            }
            ToKeeper::Socket(domain, transport) => {
                (FromKeeper::Done, Some(self.guest.socket(domain, transport)?))
            }
            ToKeeper::Storage => {
                let (used, size) = self.layers.storage()?;
                (FromKeeper::Storage(used, size), None)
            }
            ToKeeper::Signal(number) => {
                self.signal(number)?;
                (FromKeeper::Done, None)
            }
            ToKeeper::Remount => {
                self.layers.remount()?;
                (FromKeeper::Done, None)
            }
            ToKeeper::Changes => (FromKeeper::Done, Some(self.compare()?)),
            // Whoever asks comes last in each round.
            ToKeeper::Settle => (FromKeeper::Done, None),
            ToKeeper::Shutdown => unreachable!("`serve` has taken it"),
        })
    }

    fn look(
        &self,
        root: &OwnedFd,
        path: &GuestPath,
        last: guest::Last,
    ) -> Result<(FromKeeper, Option<OwnedFd>), StepError> {
        guest::look(root.as_fd(), path, last, self.supervisor.served())
    }

    /// The diff, in a child: the console goes on being drained, and its memory goes with it. Where
    /// its answer will come, or, when it is killed, nothing.
    #[expect(unsafe_code, reason = "clones a process")]
    fn compare(&self) -> Result<OwnedFd, StepError> {
        let (ours, theirs) = Channel::<Comparison, ()>::pair().during(|| Step::Talk)?;
        // SAFETY: a keeper has one thread.
        match unsafe { sys::clone(0, None) }.during(|| Step::Clone(Role::Comparer))? {
            sys::Cloned::Parent { .. } => Ok(theirs.into_socket()),
            sys::Cloned::Child => {
                // Not the keeper's channel: its end has to be seen when the keeper ends.
                let layers = self.layers.compared();
                keep_only(&layers.chain([ours.as_raw_fd()]).collect::<Vec<_>>());
                let _ = ours.send(&self.layers.changes(), &[]);
                sys::exit_now(0)
            }
        }
    }

    #[expect(unsafe_code, reason = "clones a process")]
    fn execute(&mut self, order: &ExecOrder, descriptors: Vec<OwnedFd>) -> Result<(), StepError> {
        let Some(init) = &self.running else {
            return Err(rustix::io::Errno::SRCH).during(|| Step::Enter);
        };
        let (ours, arrival) = Channel::pair().during(|| Step::Talk)?;
        // SAFETY: a keeper has one thread.
        match unsafe { sys::clone(0, None) }.during(|| Step::Clone(Role::Command))? {
            sys::Cloned::Parent { .. } => {
                self.supervisor.expect(ours);
                Ok(())
            }
            sys::Cloned::Child => {
                let BootOrder { single_id, asks, .. } = self.order;
                let filter = command::Filter { single_id, asks, arrival };
                let label = self.order.label.as_deref();
                command::run(init, order, descriptors, filter, label, self.group)
            }
        }
    }

    fn signal(&self, number: i32) -> Result<(), StepError> {
        let step = || Step::Write(format!("signal {number} to init"));
        let Some(init) = &self.running else { return Ok(()) };
        let signal = rustix::process::Signal::from_named_raw(number)
            .ok_or(rustix::io::Errno::INVAL)
            .during(step)?;
        rustix::process::pidfd_send_signal(init, signal).during(step)
    }

    /// Kills what is left of the guest. The kernel ends the whole pid namespace with its init, and
    /// says so of init only when all are gone.
    fn end_init(&mut self) {
        if self.running.is_some() {
            let _ = self.signal(libc::SIGKILL);
            let _ = waitpid(nix::unistd::Pid::from_raw(self.guest.init), None).map(|status| {
                let status = match status {
                    WaitStatus::Exited(_, code) => ExitStatus::Code(code),
                    _ => ExitStatus::Signal(libc::SIGKILL),
                };
                let _ = self.drain_console();
                self.log.record(Happened::Ended(status, Cause::Exit))
            });
            self.running = None;
        }
    }
}

/// An init that runs the firmware's program.
struct MadeInit {
    guest: Guest,
    pidfd: OwnedFd,
    supervisor: Supervisor,
    /// What init has stacked: at the first boot all of it, later what the next one takes.
    layers: Vec<OwnedFd>,
}

/// Makes init, gives it its ids, and waits until it is the firmware's program.
#[expect(unsafe_code, reason = "clones a process")]
fn make_init(
    ids: &Ids,
    root: init::Root<'_>,
    order: &BootOrder,
    terminals: init::Terminals,
    group: Option<&InstanceGroup<'_>>,
    boot: u32,
) -> Result<MadeInit, StepError> {
    let (ours, theirs) = Channel::<ToInit, FromInit>::pair().during(|| Step::Talk)?;
    let flags = libc::CLONE_NEWPID | libc::CLONE_NEWNS;
    // SAFETY: a keeper has one thread.
    let cloned = unsafe { sys::clone(flags as u64, group.map(AsFd::as_fd)) }
        .during(|| Step::Clone(Role::Init))?;
    let (pid, pidfd) = match cloned {
        sys::Cloned::Child => {
            drop_end(ours);
            init::run(&theirs, root, order, terminals, group.is_some())
        }
        sys::Cloned::Parent { pid, pidfd } => (pid, pidfd),
    };
    drop(theirs);
    let (message, mask) = match receive(&ours)? {
        Some((FromInit::Masked(kind), mut descriptors)) => {
            (receive(&ours)?, descriptors.pop().map(|end| (kind, end)))
        }
        other => (other, None),
    };
    let mut layers = match message {
        Some((FromInit::Unshared, descriptors)) if !descriptors.is_empty() => descriptors,
        other => return Err(ended_early(other)),
    };
    let proc = layers.remove(0);
    write_maps(format!("/proc/{pid}").as_ref(), ids, false)
        .map_err(|error| StepError { step: Step::MapIds(Role::Init), source: error.source })?;
    ours.send(&ToInit::Mapped, &[]).during(|| Step::Talk)?;
    if let Some(label) = &order.label {
        match receive(&ours)? {
            Some((FromInit::Confined, _)) => apparmor::read_back(Role::Init, pid, label)?,
            other => return Err(ended_early(other)),
        }
        ours.send(&ToInit::Proceed, &[]).during(|| Step::Talk)?;
    }
    let listener = match receive(&ours)? {
        Some((FromInit::Filtered, mut descriptors)) => descriptors.pop(),
        other => return Err(ended_early(other)),
    };
    let again = proc.try_clone().during(|| Step::Open("/proc".to_owned()))?;
    let given = notify::Given { listener, mask, proc: again };
    let supervisor = Supervisor::new(order.attempts.clone(), boot, pid, given);
    match receive(&ours)? {
        // Closed by the exec.
        None => Ok(MadeInit { guest: Guest::new(pid, proc), pidfd, supervisor, layers }),
        other => Err(ended_early(other)),
    }
}

fn drop_end(channel: Channel<ToInit, FromInit>) {
    drop(channel);
}

fn receive(
    channel: &Channel<ToInit, FromInit>,
) -> Result<Option<(FromInit, Vec<OwnedFd>)>, StepError> {
    channel.receive_within(PATIENCE).during(|| Step::Clone(Role::Init))
}

fn ended_early(message: Option<(FromInit, Vec<OwnedFd>)>) -> StepError {
    match message {
        Some((FromInit::Failed(fault), _)) => fault.into(),
        // It died without a word, or says what makes no sense.
        _ => StepError {
            step: Step::Clone(Role::Init),
            source: io::Error::from_raw_os_error(libc::ECHILD),
        },
    }
}
