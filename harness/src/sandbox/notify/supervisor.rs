//! Receives questions, has them answered, and records what they were.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::Instant;

use nix::errno::Errno;
use rustix::event::PollFlags;
use serde::{Deserialize, Serialize};

use super::caller::Proc;
use super::device::Devices;
use super::file::{Files, Open, sysrq};
use super::file_system::FileSystems;
use super::mount::Mounts;
use super::path::{Base, Target};
use super::question::{Instance, Outcome, Question, Reply, or_errno};
use super::{Power, clock, kernel_log, module, node, power, swap};
use crate::attempt::{Act, Answer, Attempt, Caller, Class, Layer, Policy, Verdict};
use crate::sandbox::channel::Channel;
use crate::sandbox::filter::{Abi, Call, identify};
use crate::sandbox::log::{Happened, LogWriter};
use crate::sandbox::mask::{Kind, Mask, Touch};
use crate::sandbox::sys;

/// Requests that are answered in one go, for whoever else waits.
const REQUESTS: usize = 64;

/// What a command says that will run in the guest: here is my filter's listener, as a descriptor.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Arrival;

/// Answers for one boot of an instance.
pub(crate) struct Supervisor {
    instance: Rc<Instance>,
    boot: u32,
    listeners: Vec<Rc<OwnedFd>>,
    /// Commands that are on their way into the guest.
    arrivals: Vec<Channel<(), Arrival>>,
    mounts: Mounts,
    file_systems: FileSystems,
    devices: Devices,
    files: Files,
    held: Vec<Held>,
    /// Over the guest's /proc/sysrq-trigger, where there is one.
    mask: Option<Mask>,
    /// The device of the mask's file system.
    served: Option<(u32, u32)>,
    /// In its place, where there is no mask.
    fifo: Option<OwnedFd>,
    /// The root of the guest's /proc.
    proc: OwnedFd,
}

/// What init gives its keeper for it.
pub(crate) struct Given {
    pub(crate) listener: Option<OwnedFd>,
    pub(crate) mask: Option<(Kind, OwnedFd)>,
    /// The root of the guest's /proc.
    pub(crate) proc: OwnedFd,
}

/// A question that waits.
struct Held {
    listener: Rc<OwnedFd>,
    id: u64,
    until: Instant,
}

impl Supervisor {
    /// For the init with that pid, once it is in the namespaces that it stays in. Without a
    /// listener, on a kernel that has none, it is never asked.
    pub(crate) fn new(policy: Policy, boot: u32, init: i32, given: Given) -> Self {
        let Given { listener, mask, proc } = given;
        let (mask, fifo) = match mask {
            Some((Kind::Fifo, end)) => (None, Some(end)),
            other => (other.map(|(_, end)| end), None),
        };
        let served = mask.as_ref().and_then(|_| device_of_mask(init));
        Self {
            instance: Rc::new(Instance::new(policy, init)),
            boot,
            listeners: listener.into_iter().map(Rc::new).collect(),
            arrivals: Vec::new(),
            mounts: Mounts::default(),
            file_systems: FileSystems::default(),
            devices: Devices::default(),
            files: Files::new(served),
            held: Vec::new(),
            served,
            mask: mask.map(Mask::new),
            fifo,
            proc,
        }
    }

    /// Goes on where the boot before has ended: the real-time clock has a battery.
    pub(crate) fn follow(&mut self, before: &Self) {
        self.devices = self.devices.after(&before.devices);
    }

    /// A command will send its listener.
    pub(crate) fn expect(&mut self, arrival: Channel<(), Arrival>) {
        self.arrivals.push(arrival);
    }

    /// What there is to wait for.
    pub(crate) fn polled(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let mask = self.mask.iter().map(|mask| mask.connection.as_fd());
        let mask = mask.chain(self.fifo.iter().map(AsFd::as_fd));
        let listeners = self.listeners.iter().map(|listener| listener.as_fd());
        mask.chain(listeners)
            .chain(self.arrivals.iter().map(AsFd::as_fd))
            .chain(self.files.polled())
    }

    /// The device whose files we serve: who asks for one there asks us.
    pub(crate) fn served(&self) -> Option<(u32, u32)> {
        self.served
    }

    /// When it has something to do without being asked.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.held.iter().map(|held| held.until).min()
    }

    /// Does what there is to do. `ready` is what became of each that [`polled`](Self::polled) gave.
    pub(crate) fn work(
        &mut self,
        ready: &[PollFlags],
        log: &mut LogWriter,
    ) -> io::Result<Option<Power>> {
        let masks = usize::from(self.mask.is_some()) + usize::from(self.fifo.is_some());
        let (mask, rest) = ready.split_at(masks);
        let (asked, rest) = rest.split_at(self.listeners.len());
        let (arrived, files) = rest.split_at(self.arrivals.len());
        let mut power = None;
        if mask.iter().any(|flags| !flags.is_empty()) {
            power = self.serve_mask(log)?.or(self.serve_fifo(log)?);
        }
        if files.iter().any(|flags| !flags.is_empty()) {
            power = power.or(self.record_written(log)?);
        }
        let listeners = self.listeners.clone();
        for (listener, flags) in listeners.iter().zip(asked) {
            if flags.contains(PollFlags::IN) {
                power = power.or(self.serve(listener, log)?);
            }
        }
        let mut asked = asked.iter();
        // Hung up: nobody with that filter is left.
        self.listeners
            .retain(|_| asked.next().is_some_and(|flags| !flags.contains(PollFlags::HUP)));
        let mut arrived = arrived.iter();
        let mut come = Vec::new();
        self.arrivals.retain(|arrival| {
            if arrived.next().is_none_or(PollFlags::is_empty) {
                return true;
            }
            // One that has failed before has closed it, and told the harness.
            if let Ok(Some((Arrival, descriptors))) = arrival.try_receive() {
                come.extend(descriptors.into_iter().map(Rc::new));
            }
            false
        });
        self.listeners.extend(come);
        self.let_go();
        Ok(power)
    }

    /// Answers one question.
    fn serve(&mut self, listener: &Rc<OwnedFd>, log: &mut LogWriter) -> io::Result<Option<Power>> {
        // ENOENT: its caller has died meanwhile.
        let Ok(notice) = sys::receive_notice(listener.as_fd()) else { return Ok(None) };
        let Some((call, abi)) = identify(notice.data.arch, notice.data.nr) else {
            reply(listener, notice.id, Reply::Kernel);
            return Ok(None);
        };
        let tid = notice.pid.cast_signed();
        let instance = Rc::clone(&self.instance);
        let waits = || sys::notice_is_valid(listener.as_fd(), notice.id);
        let question = Question::new(&instance, tid, abi, notice.data.args, &waits);
        let outcome = or_errno(self.answer(call, &question));
        let by = outcome.attempt.as_ref().map(|_| question.caller());
        if outcome.attempt.is_some() && !waits() {
            // It died while we looked, and what we saw may be another's.
            return Ok(None);
        }
        // First the record: whoever knows that the call has returned will find it.
        if let Some(((act, verdict), by)) = outcome.attempt.zip(by) {
            self.record(Layer::Seccomp, act, verdict, by, log)?;
        }
        match outcome.reply {
            Reply::Hold(time) => {
                let until = Instant::now() + time;
                self.held.push(Held { listener: Rc::clone(listener), id: notice.id, until });
            }
            other => reply(listener, notice.id, other),
        }
        Ok(outcome.power)
    }

    fn answer(&mut self, call: Call, question: &Question<'_>) -> Result<Outcome, Errno> {
        let argument = question.arguments;
        match call {
            Call::SetTimeOfDay => clock::set_time_of_day(question),
            Call::ClockSetTime => clock::set_clock(question, question.abi),
            Call::ClockSetTime64 => clock::set_clock(question, Abi::Bits64),
            Call::SetTime => clock::set_time(question),
            Call::AdjustTime => clock::adjust(question, argument[0]),
            // No other clock can be adjusted, or it is a device's.
            Call::ClockAdjustTime if question.int(0) != libc::CLOCK_REALTIME => {
                Ok(Outcome::kernel())
            }
            Call::ClockAdjustTime => clock::adjust(question, argument[1]),
            Call::Reboot => power::reboot(question),
            Call::LoadKernel | Call::LoadKernelFile => power::kexec(question),
            Call::LoadModule => module::load(question),
            Call::LoadModuleFile => module::load_file(question, self.served),
            Call::RemoveModule => module::remove(question),
            Call::Mount => self.mounts.mount(question, &mut self.file_systems),
            Call::Unmount | Call::UnmountOld => self.mounts.unmount(question),
            Call::MakeNode => node::make(question, Base::WorkingDirectory, 0, &self.mounts),
            Call::MakeNodeAt => node::make(question, Base::of(question.int(0)), 1, &self.mounts),
            Call::SwapOn => swap::on(question),
            Call::SwapOff => swap::off(question),
            Call::KernelLog => kernel_log::syslog(question),
            Call::Control => self.devices.control(question),
            Call::Open => {
                let (base, flags) = (Base::WorkingDirectory, argument[1]);
                self.open(question, Open { base, path: argument[0], flags })
            }
            Call::Create => {
                let (base, flags) = (Base::WorkingDirectory, 0);
                self.open(question, Open { base, path: argument[0], flags })
            }
            Call::OpenAt => {
                let (base, flags) = (Base::of(question.int(0)), argument[2]);
                self.open(question, Open { base, path: argument[1], flags })
            }
            Call::OpenAt2 => {
                // `struct open_how` begins with the flags.
                let flags = u64::from_ne_bytes(question.memory().read::<8>(argument[2])?);
                if flags & u64::from(libc::O_ACCMODE.cast_unsigned()) == 0 {
                    return Ok(Outcome::kernel());
                }
                let base = Base::of(question.int(0));
                self.open(question, Open { base, path: argument[1], flags })
            }
            Call::Other => Ok(Outcome::kernel()),
        }
    }

    fn open(&mut self, question: &Question<'_>, open: Open) -> Result<Outcome, Errno> {
        self.files.open(question, open, &mut self.file_systems)
    }

    /// Answers whoever opens the mask or writes to it.
    fn serve_mask(&mut self, log: &mut LogWriter) -> io::Result<Option<Power>> {
        let Some(mask) = self.mask.take() else { return Ok(None) };
        let mut power = None;
        let refused = self.instance.policy.answer(Class::Sysrq) == Answer::Refuse;
        for _ in 0..REQUESTS {
            let request = match mask.next() {
                Ok(Some(request)) => request,
                Ok(None) => break,
                // It lies over nothing any more.
                Err(_) => return Ok(power),
            };
            let (bytes, verdict) = match &request.touch {
                Touch::Open if refused => (Vec::new(), Verdict::Refused(libc::EACCES)),
                Touch::Open => {
                    mask.accept(&request);
                    continue;
                }
                Touch::Write(bytes) => {
                    let (verdict, switched) = sysrq(bytes);
                    power = power.or(switched);
                    (bytes.clone(), verdict)
                }
            };
            let proc = Proc::Guest(&self.proc);
            let status = proc.status(request.pid);
            let by = status.map(|status| proc.caller(request.pid, &status)).unwrap_or_default();
            self.record(Layer::Mask, Act::Sysrq(bytes), verdict, by, log)?;
            match request.touch {
                Touch::Open => mask.refuse(&request, libc::EACCES),
                // Not left without: the kernel lets a caller die only once it has its answer.
                Touch::Write(_) => mask.accept(&request),
            }
        }
        self.mask = Some(mask);
        Ok(power)
    }

    /// What came through the FIFO, from a writer whose opening it was not asked about.
    fn serve_fifo(&mut self, log: &mut LogWriter) -> io::Result<Option<Power>> {
        let Some(fifo) = &self.fifo else { return Ok(None) };
        let mut bytes = [0; 4096];
        let length = match rustix::io::read(fifo, &mut bytes) {
            Ok(length) => length,
            // Nothing is left.
            Err(_) => return Ok(None),
        };
        let (verdict, power) = sysrq(&bytes[..length]);
        let act = Act::Sysrq(bytes[..length].to_vec());
        self.record(Layer::Mask, act, verdict, Caller::default(), log)?;
        Ok(power)
    }

    /// What has been written to files that were opened in pretence.
    pub(crate) fn record_written(&mut self, log: &mut LogWriter) -> io::Result<Option<Power>> {
        let mut power = None;
        for written in self.files.written() {
            self.record(Layer::Seccomp, written.act, written.verdict, written.by, log)?;
            power = power.or(written.power);
        }
        Ok(power)
    }

    fn record(
        &self,
        layer: Layer,
        act: Act,
        verdict: Verdict,
        by: Caller,
        log: &mut LogWriter,
    ) -> io::Result<()> {
        let (at, boot) = (log.elapsed(), self.boot);
        log.record(Happened::Attempt(Attempt { at, boot, act, verdict, layer, by }))
    }

    /// Questions that have waited long enough.
    fn let_go(&mut self) {
        let now = Instant::now();
        self.held.retain(|held| {
            if held.until > now {
                return true;
            }
            reply(&held.listener, held.id, Reply::Errno(Errno::EINTR));
            false
        });
    }
}

/// As init sees it, for `proc` is of a mount namespace that is gone. Nobody serves it yet: it is not
/// asked.
fn device_of_mask(init: i32) -> Option<(u32, u32)> {
    Some(Target::at(init, b"/proc/sysrq-trigger").ok()?.look()?.device)
}

/// Gives the caller its reply. One that has died meanwhile needs none.
fn reply(listener: &OwnedFd, id: u64, reply: Reply) {
    let mut response = libc::seccomp_notif_resp { id, val: 0, error: 0, flags: 0 };
    match reply {
        Reply::Kernel => response.flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
        Reply::Value(value) => response.val = value,
        Reply::Errno(errno) => response.error = -(errno as i32),
        Reply::File { file, cloexec } => {
            match sys::answer_with_fd(listener.as_fd(), id, file.as_fd(), cloexec) {
                Ok(()) => return,
                // The caller's limit of open files.
                Err(error) => response.error = -error.raw_os_error().unwrap_or(libc::EMFILE),
            }
        }
        Reply::Hold(_) | Reply::Nothing => return,
    }
    let _ = sys::answer_notice(listener.as_fd(), &response);
}
