//! The system call filter of everything that runs in a guest.
//!
//! The user namespace is the wall; this is for what it lets through. Today: the kernel's log, which
//! is the host's and may be read by anybody where `kernel.dmesg_restrict` is 0; changes of owner
//! where the guest has a single id: those are pretended, as the firmware's own scripts expect them
//! to work; and a terminal's output that is thrown away. A getty does so once it has been sent,
//! tcdrain(3), then tcflush(3); but a pseudoterminal knows of no sending, and would throw away
//! lines of the console that nobody has read yet.

use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter};

/// What a rule answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// EPERM.
    Refuse,
    /// 0, and nothing is done.
    Pretend,
}

/// A machine whose programs this kernel runs: its number in `struct seccomp_data`, and the calls
/// that are answered.
struct Machine {
    audit_arch: u32,
    syslog: &'static [u32],
    /// chown, fchown, lchown, fchownat and the 16-bit ones, setgroups.
    ownership: &'static [u32],
    ioctl: &'static [u32],
}

#[cfg(target_arch = "x86_64")]
const MACHINES: &[Machine] = &[
    // x32 has the same numbers with bit 30 set.
    Machine {
        audit_arch: 0xC000_003E,
        syslog: &[103, 103 | 1 << 30],
        ownership: &[
            92,
            93,
            94,
            260,
            116,
            92 | 1 << 30,
            93 | 1 << 30,
            94 | 1 << 30,
            260 | 1 << 30,
            116 | 1 << 30,
        ],
        ioctl: &[16, 514 | 1 << 30],
    },
    I386,
];
#[cfg(target_arch = "x86_64")]
const I386: Machine = Machine {
    audit_arch: 0x4000_0003,
    syslog: &[103],
    ownership: &[182, 95, 16, 298, 81, 212, 207, 198, 206],
    ioctl: &[54],
};
#[cfg(target_arch = "aarch64")]
const MACHINES: &[Machine] = &[
    Machine { audit_arch: 0xC000_00B7, syslog: &[116], ownership: &[54, 55, 159], ioctl: &[29] },
    Machine {
        audit_arch: 0x4000_0028,
        syslog: &[103],
        ownership: &[182, 95, 16, 325, 81, 212, 207, 198, 206],
        ioctl: &[54],
    },
];

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
/// The low halves of the second and the third argument: both machines have them first.
const ARGUMENT_1: u32 = 24;
const ARGUMENT_2: u32 = 32;

/// ioctl_tty(2): flushes a terminal's input (TCIFLUSH), its output or both. The same number on each
/// of the machines above.
const TCFLSH: u32 = 0x540B;
const TCIFLUSH: u32 = 0;

/// The program. Without `single_id` owners are changed for real.
pub(crate) fn program(single_id: bool) -> Vec<sock_filter> {
    let mut program = Vec::new();
    for machine in MACHINES {
        let mut rules: Vec<(u32, Answer)> = Vec::new();
        if single_id {
            rules.extend(machine.ownership.iter().map(|number| (*number, Answer::Pretend)));
        }
        rules.extend(machine.syslog.iter().map(|number| (*number, Answer::Refuse)));
        let mut block = vec![statement(BPF_LD | BPF_W | BPF_ABS, NUMBER)];
        for (number, answer) in rules {
            block.push(jump(number, 0, 1));
            block.push(statement(BPF_RET | BPF_K, answer.code()));
        }
        for number in machine.ioctl {
            block.push(jump(*number, 0, 6));
            block.push(statement(BPF_LD | BPF_W | BPF_ABS, ARGUMENT_1));
            block.push(jump(TCFLSH, 0, 2));
            block.push(statement(BPF_LD | BPF_W | BPF_ABS, ARGUMENT_2));
            block.push(jump(TCIFLUSH, 0, 1));
            block.push(statement(BPF_RET | BPF_K, libc::SECCOMP_RET_ALLOW));
            block.push(statement(BPF_RET | BPF_K, Answer::Pretend.code()));
        }
        block.push(statement(BPF_RET | BPF_K, libc::SECCOMP_RET_ALLOW));
        program.push(statement(BPF_LD | BPF_W | BPF_ABS, ARCH));
        let length = u8::try_from(block.len()).expect("a block is a few dozen instructions");
        program.push(jump(machine.audit_arch, 0, length));
        program.extend(block);
    }
    program.push(statement(BPF_RET | BPF_K, libc::SECCOMP_RET_ALLOW));
    program
}

impl Answer {
    fn code(self) -> u32 {
        libc::SECCOMP_RET_ERRNO
            | match self {
                Self::Refuse => libc::EPERM.unsigned_abs(),
                Self::Pretend => 0,
            }
    }
}

fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter { code: u16::try_from(code).expect("BPF codes have 16 bits"), jt: 0, jf: 0, k }
}

fn jump(k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { jt, jf, ..statement(BPF_JMP | BPF_JEQ | BPF_K, k) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a filter as the kernel does, as far as ours goes.
    fn run(program: &[sock_filter], arch: u32, number: u32, arguments: [u32; 2]) -> u32 {
        let (mut accumulator, mut at) = (0, 0);
        loop {
            let instruction = &program[at];
            at += 1;
            match u32::from(instruction.code) {
                code if code == BPF_LD | BPF_W | BPF_ABS => {
                    accumulator = match instruction.k {
                        NUMBER => number,
                        ARCH => arch,
                        ARGUMENT_1 => arguments[0],
                        ARGUMENT_2 => arguments[1],
                        other => panic!("nothing is at {other}"),
                    };
                }
                code if code == BPF_JMP | BPF_JEQ | BPF_K => {
                    let equal = accumulator == instruction.k;
                    at += usize::from(if equal { instruction.jt } else { instruction.jf });
                }
                _ => return instruction.k,
            }
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn calls_are_answered_for_every_machine_that_the_cpu_runs() {
        const X86_64: u32 = 0xC000_003E;
        const I386: u32 = 0x4000_0003;
        let allow = libc::SECCOMP_RET_ALLOW;
        let refuse = Answer::Refuse.code();
        let pretend = Answer::Pretend.code();
        for (single, arch, number, expected) in [
            (false, X86_64, 103, refuse),
            (false, X86_64, 103 | 1 << 30, refuse),
            (false, I386, 103, refuse),
            (false, X86_64, 92, allow),
            (false, X86_64, 0, allow),
            (false, I386, 182, allow),
            (true, X86_64, 92, pretend),
            (true, X86_64, 260, pretend),
            (true, I386, 298, pretend),
            (true, I386, 92, allow), // truncate there
            (true, X86_64, 103, refuse),
            (true, 0xC000_00B7, 103, allow), // no program of that machine runs natively
        ] {
            let answer = run(&program(single), arch, number, [0, 0]);
            assert_eq!(answer, expected, "single {single}, arch {arch:x}, call {number}");
        }
        const TCSETS: u32 = 0x5402;
        for (arch, number, arguments, expected) in [
            (X86_64, 16, [TCFLSH, 0], allow),
            (X86_64, 16, [TCFLSH, 1], pretend),
            (X86_64, 16, [TCFLSH, 2], pretend),
            (X86_64, 16, [TCSETS, 2], allow),
            (X86_64, 1, [TCFLSH, 2], allow), // write
            (X86_64, 514 | 1 << 30, [TCFLSH, 2], pretend),
            (I386, 54, [TCFLSH, 2], pretend),
            (I386, 54, [TCSETS, 2], allow),
            (I386, 16, [TCFLSH, 2], allow), // lchown
        ] {
            let answer = run(&program(false), arch, number, arguments);
            assert_eq!(answer, expected, "arch {arch:x}, call {number}, {arguments:x?}");
        }
    }
}
