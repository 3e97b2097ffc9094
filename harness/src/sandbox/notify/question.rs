//! A call that the keeper is asked about, and what becomes of it.

use std::cell::OnceCell;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;

use super::Power;
use super::caller::{Capability, Proc, Status, namespace};
use super::memory::Memory;
use crate::attempt::{Act, Answer, Caller, Policy, Verdict};
use crate::sandbox::filter::Abi;

/// What every question needs to know of its instance.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) policy: Policy,
    /// Init's pid in the keeper's pid namespace.
    pub(super) init: i32,
    user_namespace: Option<u64>,
    pid_namespace: Option<u64>,
}

impl Instance {
    /// Once init is in the namespaces that it stays in.
    pub(super) fn new(policy: Policy, init: i32) -> Self {
        let (user_namespace, pid_namespace) = (namespace(init, "user"), namespace(init, "pid"));
        Self { policy, init, user_namespace, pid_namespace }
    }
}

/// A call that waits for its reply.
pub(super) struct Question<'a> {
    pub(super) instance: &'a Instance,
    /// The calling thread, in the keeper's pid namespace.
    pub(super) tid: i32,
    pub(super) abi: Abi,
    pub(super) arguments: [u64; 6],
    /// Whether the caller still waits: only then its tid is surely its own.
    waits: &'a dyn Fn() -> bool,
    status: OnceCell<Option<Status>>,
}

impl<'a> Question<'a> {
    pub(super) fn new(
        instance: &'a Instance,
        tid: i32,
        abi: Abi,
        arguments: [u64; 6],
        waits: &'a dyn Fn() -> bool,
    ) -> Self {
        Self { instance, tid, abi, arguments, waits, status: OnceCell::new() }
    }

    pub(super) fn memory(&self) -> Memory {
        Memory(self.tid)
    }

    /// Writes into the caller's memory, and nobody else's.
    pub(super) fn give(&self, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        match (self.waits)() {
            true => self.memory().write(address, bytes),
            false => Err(Errno::ESRCH),
        }
    }

    /// An argument of 32 bits, as the kernel takes it.
    pub(super) fn int(&self, index: usize) -> i32 {
        // The upper half is whatever was in the register.
        (self.arguments[index] as u32).cast_signed()
    }

    pub(super) fn status(&self) -> Option<&Status> {
        self.status.get_or_init(|| Proc::Keeper.status(self.tid)).as_ref()
    }

    pub(super) fn caller(&self) -> Caller {
        let caller = |status| Proc::Keeper.caller(self.tid, status);
        self.status().map(caller).unwrap_or_default()
    }

    /// Whether the caller could do it on a board: it is privileged in the instance's own user
    /// namespace. One that has made a user namespace for itself is not, whatever it has in there.
    pub(super) fn may(&self, capability: Capability) -> bool {
        self.status().is_some_and(|status| status.has(capability)) && self.in_own_user_namespace()
    }

    pub(super) fn in_own_user_namespace(&self) -> bool {
        namespace(self.tid, "user") == self.instance.user_namespace
    }

    pub(super) fn in_own_pid_namespace(&self) -> bool {
        namespace(self.tid, "pid") == self.instance.pid_namespace
    }

    /// What becomes of an act that takes a capability: as the policy says, and for a caller without
    /// it `refusal`, as on a board.
    pub(super) fn judge(&self, act: Act, capability: Capability, refusal: Errno) -> Outcome {
        match self.may(capability) {
            true => self.decide(act, refusal),
            false => Outcome::refused(act, refusal),
        }
    }

    /// What becomes of an act, by the policy alone.
    pub(super) fn decide(&self, act: Act, refusal: Errno) -> Outcome {
        match self.instance.policy.answer(act.class()) {
            Answer::Refuse => Outcome::refused(act, refusal),
            Answer::Pretend | Answer::Emulate => Outcome {
                reply: Reply::Value(0),
                attempt: Some((act, Verdict::Pretended)),
                power: None,
            },
        }
    }
}

/// What the caller gets.
#[derive(Debug)]
pub(super) enum Reply {
    /// The kernel's own answer.
    Kernel,
    Value(i64),
    Errno(Errno),
    /// A descriptor of this file.
    File {
        file: OwnedFd,
        cloexec: bool,
    },
    /// EINTR, after this time.
    Hold(Duration),
    /// None: it will be killed.
    Nothing,
}

/// The reply to a question, and what the call was.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) reply: Reply,
    pub(super) attempt: Option<(Act, Verdict)>,
    pub(super) power: Option<Power>,
}

impl Outcome {
    /// The kernel's own answer.
    pub(super) fn kernel() -> Self {
        Self::plain(Reply::Kernel)
    }

    /// No attempt.
    pub(super) fn plain(reply: Reply) -> Self {
        Self { reply, attempt: None, power: None }
    }

    pub(super) fn value(value: i64) -> Self {
        Self::plain(Reply::Value(value))
    }

    pub(super) fn errno(errno: Errno) -> Self {
        Self::plain(Reply::Errno(errno))
    }

    pub(super) fn refused(act: Act, errno: Errno) -> Self {
        let attempt = Some((act, Verdict::Refused(errno as i32)));
        Self { reply: Reply::Errno(errno), attempt, power: None }
    }
}

/// For `?` in what reads a call's arguments: EFAULT and its like are the call's own answer.
pub(super) fn or_errno(outcome: Result<Outcome, Errno>) -> Outcome {
    outcome.unwrap_or_else(Outcome::errno)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A question of this process's own.
    pub(in crate::sandbox::notify) fn asked<T>(
        abi: Abi,
        arguments: [u64; 6],
        waits: bool,
        then: impl FnOnce(&Question<'_>) -> T,
    ) -> T {
        let pid = nix::unistd::getpid().as_raw();
        let instance = Instance::new(Policy::default(), pid);
        then(&Question::new(&instance, pid, abi, arguments, &|| waits))
    }

    /// Its pid may be another's by now.
    #[test]
    fn nothing_is_written_for_a_caller_that_has_gone() {
        let place = [7u8; 4];
        let address = place.as_ptr().expose_provenance() as u64;
        let give = |waits| asked(Abi::Bits64, [0; 6], waits, |asked| asked.give(address, &[1; 4]));
        assert_eq!(give(false), Err(Errno::ESRCH));
        assert_eq!(std::hint::black_box(&place), &[7; 4]);
        assert_eq!(give(true), Ok(()));
        assert_eq!(std::hint::black_box(&place), &[1; 4]);
    }
}
