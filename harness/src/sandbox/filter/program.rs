//! The filter as a program of the kernel's.

use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W,
    sock_filter,
};

use super::calls::{Call, OWNERSHIP, RULES, Then, X32};

/// A machine whose programs a kernel may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(dead_code, reason = "those of another kind of host are not made on this one")]
pub(super) enum Machine {
    X86_64,
    X32,
    I386,
    Aarch64,
    Arm,
}

/// Those that this one runs, each with its number in `struct seccomp_data`.
#[cfg(target_arch = "x86_64")]
const MACHINES: &[(u32, Machine)] = &[
    (0xC000_003E, Machine::X86_64),
    // The same number: which of the two it is, is a bit of the call's.
    (0xC000_003E, Machine::X32),
    (0x4000_0003, Machine::I386),
];
#[cfg(target_arch = "aarch64")]
const MACHINES: &[(u32, Machine)] = &[(0xC000_00B7, Machine::Aarch64), (0x4000_0028, Machine::Arm)];

impl Machine {
    pub(super) fn of(audit_arch: u32, number: u32) -> Option<Self> {
        let theirs = |(arch, machine): &&(u32, Self)| {
            *arch == audit_arch && (*machine == Self::X32) == (number & X32 != 0)
        };
        // Bit 30 means nothing elsewhere, and no number has it.
        MACHINES.iter().find(theirs).map(|(_, machine)| *machine)
    }
}

/// Whether there is somebody to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recorder {
    /// The keeper, by seccomp_unotify(2).
    Keeper,
    /// Nobody: the kernel cannot. What would have been asked is the kernel's to answer; but the
    /// host's log, which it may show to anybody, is refused.
    None,
}

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
/// The lower half of an argument.
const fn argument(index: u32) -> u32 {
    16 + 8 * index + if cfg!(target_endian = "little") { 0 } else { 4 }
}

/// ioctl_tty(2)
const TCFLSH: u32 = 0x540B;
const TCOFLUSH: u32 = 1;
const TCIOFLUSH: u32 = 2;
/// The second byte of ioctl(2)'s commands, which says what kind of device they are for.
const KIND_OF_DEVICE: u32 = 0xFF00;
/// rtc(4): `_IO('p', …)`.
const CLOCKS: u32 = 0x7000;
/// `_IO('W', …)`: the kernel's watchdog-api document.
const WATCHDOGS: u32 = 0x5700;

/// The program. With `single_id` changes of owner are pretended.
pub(crate) fn program(single_id: bool, recorder: Recorder) -> Vec<sock_filter> {
    let mut code = Code::default();
    for (arch, machine) in MACHINES {
        let next = code.label();
        let here = code.label();
        code.load(ARCH);
        code.jump(BPF_JEQ, *arch, here, next);
        code.place(here);
        let ours = code.label();
        code.load(NUMBER);
        let (with_bit, without) =
            if *machine == Machine::X32 { (ours, next) } else { (next, ours) };
        code.jump(BPF_JSET, X32, with_bit, without);
        code.place(ours);
        block(&mut code, *machine, single_id, recorder);
        code.place(next);
    }
    // No program of another machine runs here.
    code.give(errno(libc::ENOSYS));
    code.assemble()
}

/// The rules of one machine; the call's number is loaded.
fn block(code: &mut Code, machine: Machine, single_id: bool, recorder: Recorder) {
    let mut sections: Vec<(Then, Label)> = Vec::new();
    let ownership = OWNERSHIP.iter().filter_map(|numbers| machine.number(numbers));
    let ownership = ownership.filter(|_| single_id).map(|number| (number, Then::Answer(0)));
    let rules = RULES.iter().filter_map(|rule| {
        let then = match (rule.call, recorder) {
            (Call::KernelLog, Recorder::None) => Then::Answer(libc::EPERM),
            _ => rule.then,
        };
        Some((rule.number(machine)?, then))
    });
    let mut branches: Vec<(u32, Label)> = Vec::new();
    for (number, then) in rules.chain(ownership) {
        let section = match sections.iter().find(|(known, _)| *known == then) {
            Some((_, label)) => *label,
            None => {
                let label = code.label();
                sections.push((then, label));
                label
            }
        };
        branches.push((number, section));
    }
    branches.sort_unstable_by_key(|(number, _)| *number);
    search(code, &branches);
    let ask = match recorder {
        Recorder::Keeper => libc::SECCOMP_RET_USER_NOTIF,
        Recorder::None => libc::SECCOMP_RET_ALLOW,
    };
    for (then, label) in sections {
        code.place(label);
        match then {
            Then::Ask => code.give(ask),
            Then::AskWriters { flags } => {
                code.load(argument(flags));
                code.give_if(BPF_JSET, libc::O_ACCMODE.cast_unsigned(), ask);
                code.give(libc::SECCOMP_RET_ALLOW);
            }
            Then::AskDevices => {
                let flush = code.label();
                let devices = code.label();
                code.load(argument(1));
                code.jump(BPF_JEQ, TCFLSH, flush, devices);
                code.place(flush);
                code.load(argument(2));
                code.give_if(BPF_JEQ, TCOFLUSH, errno(0));
                code.give_if(BPF_JEQ, TCIOFLUSH, errno(0));
                code.give(libc::SECCOMP_RET_ALLOW);
                code.place(devices);
                code.and(KIND_OF_DEVICE);
                code.give_if(BPF_JEQ, CLOCKS, ask);
                code.give_if(BPF_JEQ, WATCHDOGS, ask);
                code.give(libc::SECCOMP_RET_ALLOW);
            }
            Then::Socket => {
                let netlink = code.label();
                let other = code.label();
                // What a kernel says that was built without it: programs expect it then.
                let missing = errno(libc::EAFNOSUPPORT);
                code.load(argument(0));
                // Network namespaces do not hold it.
                code.give_if(BPF_JEQ, libc::AF_VSOCK.cast_unsigned(), missing);
                code.jump(BPF_JEQ, libc::AF_NETLINK.cast_unsigned(), netlink, other);
                code.place(netlink);
                code.load(argument(2));
                code.give_if(BPF_JEQ, libc::NETLINK_AUDIT.cast_unsigned(), missing);
                code.place(other);
                code.give(libc::SECCOMP_RET_ALLOW);
            }
            Then::Answer(number) => code.give(errno(number)),
        }
    }
}

/// Finds the loaded number by halves. When a filter is installed the kernel runs it for every number
/// there is, to know which are always allowed: one after the other that would take a tenth of a
/// millisecond.
fn search(code: &mut Code, branches: &[(u32, Label)]) {
    if branches.len() <= 3 {
        for (number, section) in branches {
            let next = code.label();
            code.jump(BPF_JEQ, *number, *section, next);
            code.place(next);
        }
        code.give(libc::SECCOMP_RET_ALLOW);
        return;
    }
    let (below, from) = branches.split_at(branches.len() / 2);
    let (right, left) = (code.label(), code.label());
    code.jump(BPF_JGE, from[0].0, right, left);
    code.place(left);
    search(code, below);
    code.place(right);
    search(code, from);
}

fn errno(number: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | number.unsigned_abs()
}

/// A place in the program that is not known yet.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Label(usize);

/// A program whose jumps go to labels.
#[derive(Default)]
struct Code {
    instructions: Vec<(sock_filter, Option<(Label, Label)>)>,
    /// Where each label is.
    labels: Vec<Option<usize>>,
}

impl Code {
    fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Puts a label here.
    fn place(&mut self, label: Label) {
        self.labels[label.0] = Some(self.instructions.len());
    }

    fn push(&mut self, code: u32, k: u32, targets: Option<(Label, Label)>) {
        let code = u16::try_from(code).expect("BPF codes have 16 bits");
        self.instructions.push((sock_filter { code, jt: 0, jf: 0, k }, targets));
    }

    fn load(&mut self, offset: u32) {
        self.push(BPF_LD | BPF_W | BPF_ABS, offset, None);
    }

    fn and(&mut self, mask: u32) {
        self.push(BPF_ALU | BPF_AND | BPF_K, mask, None);
    }

    fn give(&mut self, action: u32) {
        self.push(BPF_RET | BPF_K, action, None);
    }

    fn jump(&mut self, test: u32, k: u32, yes: Label, no: Label) {
        self.push(BPF_JMP | test | BPF_K, k, Some((yes, no)));
    }

    fn give_if(&mut self, test: u32, k: u32, action: u32) {
        let (yes, no) = (self.label(), self.label());
        self.jump(test, k, yes, no);
        self.place(yes);
        self.give(action);
        self.place(no);
    }

    fn assemble(self) -> Vec<sock_filter> {
        let Self { instructions, labels } = self;
        let distance = |from: usize, to: Label| {
            let to = labels[to.0].expect("every label is placed");
            u8::try_from(to - from - 1).expect("a block has fewer than 256 instructions")
        };
        let resolve = |(at, (instruction, targets)): (usize, (sock_filter, _))| match targets {
            None => instruction,
            Some((yes, no)) => {
                sock_filter { jt: distance(at, yes), jf: distance(at, no), ..instruction }
            }
        };
        instructions.into_iter().enumerate().map(resolve).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Abi, identify};
    use super::*;

    /// Runs a filter as the kernel does, as far as ours goes.
    fn run(program: &[sock_filter], arch: u32, number: u32, arguments: [u32; 3]) -> u32 {
        let (mut accumulator, mut at) = (0, 0);
        loop {
            let instruction = &program[at];
            at += 1;
            let holds = match u32::from(instruction.code) {
                code if code == BPF_LD | BPF_W | BPF_ABS => {
                    accumulator = match instruction.k {
                        ARCH => arch,
                        NUMBER => number,
                        offset => arguments[(offset as usize - 16) / 8],
                    };
                    continue;
                }
                code if code == BPF_ALU | BPF_AND | BPF_K => {
                    accumulator &= instruction.k;
                    continue;
                }
                code if code == BPF_JMP | BPF_JEQ | BPF_K => accumulator == instruction.k,
                code if code == BPF_JMP | BPF_JSET | BPF_K => accumulator & instruction.k != 0,
                code if code == BPF_JMP | BPF_JGE | BPF_K => accumulator >= instruction.k,
                _ => return instruction.k,
            };
            at += usize::from(if holds { instruction.jt } else { instruction.jf });
        }
    }

    const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
    const ASK: u32 = libc::SECCOMP_RET_USER_NOTIF;
    const MISSING: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    #[cfg(target_arch = "x86_64")]
    const X86_64: u32 = 0xC000_003E;
    #[cfg(target_arch = "x86_64")]
    const I386: u32 = 0x4000_0003;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn calls_are_answered_for_every_machine_that_the_cpu_runs() {
        let pretend = errno(0);
        for (single, arch, number, expected) in [
            (false, X86_64, 103, ASK),
            (false, X86_64, 103 | X32, ASK),
            (false, I386, 103, ASK),
            (false, X86_64, 227, ASK), // clock_settime
            (false, X86_64, 227 | X32, ASK),
            (false, I386, 264, ASK),
            (false, I386, 404, ASK),
            (false, I386, 227, ALLOW),   // lsetxattr there
            (false, X86_64, 404, ALLOW), // no such call
            (false, X86_64, 246, ASK),   // kexec_load
            (false, X86_64, 528 | X32, ASK),
            (false, X86_64, 246 | X32, ALLOW), // no such call
            (false, X86_64, 425, MISSING),     // io_uring_setup
            (false, X86_64, 425 | X32, MISSING),
            (false, I386, 425, MISSING),
            (false, X86_64, 92, ALLOW),
            (false, X86_64, 0, ALLOW),
            (false, I386, 182, ALLOW),
            (true, X86_64, 92, pretend),
            (true, X86_64, 260, pretend),
            (true, I386, 298, pretend),
            (true, I386, 92, ALLOW), // truncate there
            (true, X86_64, 103, ASK),
            (true, 0xC000_00B7, 103, MISSING), // no program of that machine runs natively
        ] {
            let answer = run(&program(single, Recorder::Keeper), arch, number, [0; 3]);
            assert_eq!(answer, expected, "single {single}, arch {arch:x}, call {number}");
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_file_is_asked_about_where_it_is_opened_for_writing() {
        let (read, write, both) = (0, 1, 2);
        let create = libc::O_CREAT.cast_unsigned();
        for (arch, number, arguments, expected) in [
            (X86_64, 257, [0, 0, read], ALLOW),
            (X86_64, 257, [0, 0, write], ASK),
            (X86_64, 257, [0, 0, both], ASK),
            (X86_64, 257, [0, 0, write | create], ASK),
            (X86_64, 257, [0, 0, read | create], ALLOW),
            (X86_64, 257 | X32, [0, 0, write], ASK),
            (X86_64, 2, [0, write, 0], ASK),
            (X86_64, 2, [0, read, write], ALLOW), // the mode
            (X86_64, 85, [0, 0, 0], ASK),
            (I386, 5, [0, write, 0], ASK),
            (I386, 295, [0, 0, write], ASK),
        ] {
            let answer = run(&program(false, Recorder::Keeper), arch, number, arguments);
            assert_eq!(answer, expected, "{arch:x}, {number}, {arguments:x?}");
            let answer = run(&program(false, Recorder::None), arch, number, arguments);
            assert_eq!(answer, ALLOW, "nobody to ask: {arch:x}, {number}, {arguments:x?}");
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_control_is_asked_about_where_it_is_of_a_clock_or_a_watchdog() {
        const TCGETS: u32 = 0x5401;
        const RTC_SET_TIME: u32 = 0x4024_700A;
        const WDIOC_KEEPALIVE: u32 = 0x8004_5705;
        let pretend = errno(0);
        for (arch, number, arguments, expected) in [
            (X86_64, 16, [0, TCFLSH, TCOFLUSH], pretend),
            (X86_64, 16, [0, TCFLSH, TCIOFLUSH], pretend),
            (X86_64, 16, [0, TCFLSH, 0], ALLOW), // what came in and was not read
            (X86_64, 16, [0, TCGETS, TCOFLUSH], ALLOW),
            (X86_64, 514 | X32, [0, TCFLSH, TCOFLUSH], pretend),
            (I386, 54, [0, TCFLSH, TCIOFLUSH], pretend),
            (I386, 16, [0, TCFLSH, TCIOFLUSH], ALLOW), // lchown there
            (X86_64, 16, [0, RTC_SET_TIME, 0], ASK),
            (X86_64, 514 | X32, [0, RTC_SET_TIME, 0], ASK),
            (I386, 54, [0, WDIOC_KEEPALIVE, 0], ASK),
            (X86_64, 41, [libc::AF_NETLINK as u32, 3, 9], errno(libc::EAFNOSUPPORT)),
            (X86_64, 41, [libc::AF_NETLINK as u32, 3, 0], ALLOW),
            (X86_64, 41, [libc::AF_INET as u32, 1, 9], ALLOW),
            (X86_64, 41, [libc::AF_VSOCK as u32, 1, 0], errno(libc::EAFNOSUPPORT)),
            (I386, 359, [libc::AF_VSOCK as u32, 1, 0], errno(libc::EAFNOSUPPORT)),
        ] {
            for single in [false, true] {
                let answer = run(&program(single, Recorder::Keeper), arch, number, arguments);
                let expected = match (single, arch, number) {
                    (true, I386, 16) => pretend,
                    _ => expected,
                };
                assert_eq!(answer, expected, "single {single}, {arch:x}, {number}, {arguments:x?}");
            }
        }
    }

    #[test]
    fn every_call_that_is_asked_about_is_known_again() {
        for (arch, machine) in MACHINES {
            for rule in RULES.iter().filter(|rule| !matches!(rule.then, Then::Answer(_))) {
                let Some(number) = rule.number(*machine) else { continue };
                let known = identify(*arch, number.cast_signed());
                assert_eq!(known.map(|(call, _)| call), Some(rule.call), "{machine:?} {number}");
            }
        }
        #[cfg(target_arch = "x86_64")]
        {
            assert_eq!(identify(I386, 404), Some((Call::ClockSetTime64, Abi::Bits32)));
            assert_eq!(
                identify(X86_64, (227 | X32).cast_signed()),
                Some((Call::ClockSetTime, Abi::Bits64))
            );
            assert_eq!(identify(X86_64, 0), None);
        }
    }

    #[test]
    fn no_number_stands_twice() {
        for (_, machine) in MACHINES {
            let mut numbers: Vec<u32> =
                RULES.iter().filter_map(|rule| rule.number(*machine)).collect();
            numbers.extend(OWNERSHIP.iter().filter_map(|numbers| machine.number(numbers)));
            let count = numbers.len();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), count, "{machine:?}");
        }
    }
}
