//! The calls that the filter knows, and their numbers on each machine whose programs may run here.

use super::program::Machine;

/// A system call by its meaning; its number is the machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    SetTimeOfDay,
    ClockSetTime,
    ClockSetTime64,
    SetTime,
    AdjustTime,
    ClockAdjustTime,
    Reboot,
    LoadKernel,
    LoadKernelFile,
    LoadModule,
    LoadModuleFile,
    RemoveModule,
    Mount,
    Unmount,
    UnmountOld,
    MakeNode,
    MakeNodeAt,
    SwapOn,
    SwapOff,
    KernelLog,
    Control,
    Open,
    OpenAt,
    OpenAt2,
    Create,
    /// One that has a fixed answer.
    Other,
}

/// What the filter does about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The keeper is asked.
    Ask,
    /// The keeper is asked where the flags in this argument are for writing.
    AskWriters { flags: u32 },
    /// ioctl(2): the keeper is asked about real-time clocks and watchdogs, and a terminal's output
    /// is not thrown away.
    AskDevices,
    /// socket(2): there is no audit system, and no hypervisor, for neither is the instance's own.
    Socket,
    /// This errno; none for 0, and nothing is done.
    Answer(i32),
}

pub(super) struct Rule {
    pub(super) call: Call,
    /// On x86-64, i386, aarch64, arm.
    numbers: [Option<u32>; 4],
    pub(super) then: Then,
}

/// Which numbers and which sizes of integers a call came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abi {
    /// x86-64 and aarch64; x32 has the same structures.
    Bits64,
    /// i386 and arm: `long` and `time_t` have 32 bits.
    Bits32,
}

/// Calls that mean something only to one who may change the machine. Of all others the kernel
/// remembers that they are always allowed.
pub(super) const RULES: &[Rule] = {
    use Call::*;
    use Then::*;
    const NONE: Option<u32> = None;
    const fn all(number: u32) -> [Option<u32>; 4] {
        [Some(number), Some(number), Some(number), Some(number)]
    }
    const fn on(x86_64: u32, i386: u32, aarch64: u32, arm: u32) -> [Option<u32>; 4] {
        [Some(x86_64), Some(i386), Some(aarch64), Some(arm)]
    }
    const fn rule(call: Call, numbers: [Option<u32>; 4], then: Then) -> Rule {
        Rule { call, numbers, then }
    }
    /// Not here, as on an old kernel.
    const MISSING: Then = Answer(libc::ENOSYS);
    &[
        rule(OpenAt, on(257, 295, 56, 322), AskWriters { flags: 2 }),
        rule(Open, [Some(2), Some(5), NONE, Some(5)], AskWriters { flags: 1 }),
        rule(Control, on(16, 54, 29, 54), AskDevices),
        rule(Other, on(41, 359, 198, 281), Socket),
        // Its flags are in memory, where a filter cannot look.
        rule(OpenAt2, all(437), Ask),
        rule(Create, [Some(85), Some(8), NONE, Some(8)], Ask),
        rule(Mount, on(165, 21, 40, 21), Ask),
        rule(Unmount, on(166, 52, 39, 52), Ask),
        rule(UnmountOld, [NONE, Some(22), NONE, NONE], Ask),
        rule(MakeNode, [Some(133), Some(14), NONE, Some(14)], Ask),
        rule(MakeNodeAt, on(259, 297, 33, 324), Ask),
        rule(KernelLog, on(103, 103, 116, 103), Ask),
        rule(SetTimeOfDay, on(164, 79, 170, 79), Ask),
        rule(ClockSetTime, on(227, 264, 112, 262), Ask),
        rule(ClockSetTime64, [NONE, Some(404), NONE, Some(404)], Ask),
        rule(SetTime, [NONE, Some(25), NONE, NONE], Ask),
        rule(AdjustTime, on(159, 124, 171, 124), Ask),
        rule(ClockAdjustTime, on(305, 343, 266, 372), Ask),
        rule(ClockAdjustTime, [NONE, Some(405), NONE, Some(405)], Ask),
        rule(Reboot, on(169, 88, 142, 88), Ask),
        rule(LoadKernel, on(246, 283, 104, 347), Ask),
        rule(LoadKernelFile, [Some(320), NONE, Some(294), Some(401)], Ask),
        rule(LoadModule, on(175, 128, 105, 128), Ask),
        rule(LoadModuleFile, on(313, 350, 273, 379), Ask),
        rule(RemoveModule, on(176, 129, 106, 129), Ask),
        rule(SwapOn, on(167, 87, 224, 87), Ask),
        rule(SwapOff, on(168, 115, 225, 115), Ask),
        // A ring would open and write files past the filter.
        rule(Other, all(425), MISSING), // io_uring_setup
        rule(Other, all(426), MISSING), // io_uring_enter
        rule(Other, all(427), MISSING), // io_uring_register
        // Who finds these missing mounts by mount(2), about which the keeper is asked.
        rule(Other, all(428), MISSING), // open_tree
        rule(Other, all(429), MISSING), // move_mount
        rule(Other, all(430), MISSING), // fsopen
        rule(Other, all(431), MISSING), // fsconfig
        rule(Other, all(432), MISSING), // fsmount
        rule(Other, all(433), MISSING), // fspick
        rule(Other, all(467), MISSING), // open_tree_attr
        rule(Other, on(298, 336, 241, 364), Answer(libc::EPERM)), // perf_event_open
        // Whoever serves page faults can hold up the kernel, and with it the keeper that reads.
        rule(Other, on(323, 374, 282, 388), Answer(libc::EPERM)), // userfaultfd
    ]
};

/// Changes of owner, which are pretended where a guest has a single id: chown, fchown, lchown,
/// fchownat, setgroups, and the 16-bit ones.
pub(super) const OWNERSHIP: &[[Option<u32>; 4]] = &[
    [Some(92), Some(182), None, Some(182)],
    [Some(93), Some(95), Some(55), Some(95)],
    [Some(94), Some(16), None, Some(16)],
    [Some(260), Some(298), Some(54), Some(325)],
    [Some(116), Some(81), Some(159), Some(81)],
    [None, Some(212), None, Some(212)],
    [None, Some(207), None, Some(207)],
    [None, Some(198), None, Some(198)],
    [None, Some(206), None, Some(206)],
];

/// x32 calls are x86-64's with this bit, but for a few that have numbers of their own.
pub(super) const X32: u32 = 1 << 30;
const OWN_IN_X32: &[(u32, u32)] = &[(16, 514), (246, 528)];

impl Machine {
    /// A call's number there, of those on x86-64, i386, aarch64, arm.
    pub(super) fn number(self, numbers: &[Option<u32>; 4]) -> Option<u32> {
        match self {
            Self::X86_64 => numbers[0],
            Self::X32 => numbers[0].map(|number| {
                let own = OWN_IN_X32.iter().find(|(theirs, _)| *theirs == number);
                own.map_or(number, |(_, own)| *own) | X32
            }),
            Self::I386 => numbers[1],
            Self::Aarch64 => numbers[2],
            Self::Arm => numbers[3],
        }
    }
}

/// Which call it is that the keeper is asked about, by `struct seccomp_data`.
pub(crate) fn identify(audit_arch: u32, number: i32) -> Option<(Call, Abi)> {
    let number = number.cast_unsigned();
    let machine = Machine::of(audit_arch, number)?;
    let rule = RULES.iter().find(|rule| machine.number(&rule.numbers) == Some(number))?;
    let abi = match machine {
        Machine::I386 | Machine::Arm => Abi::Bits32,
        Machine::X86_64 | Machine::X32 | Machine::Aarch64 => Abi::Bits64,
    };
    Some((rule.call, abi))
}

impl Rule {
    pub(super) fn number(&self, machine: Machine) -> Option<u32> {
        machine.number(&self.numbers)
    }
}
