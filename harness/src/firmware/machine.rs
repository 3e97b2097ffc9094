//! Which machines a program is for, and which this one runs.

use std::fmt;

/// What an ELF file is for: elf(5), `e_ident` and `e_machine`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// `e_machine`.
    pub number: u16,
    /// Whether its words have 64 bits.
    pub is_64_bit: bool,
    /// Whether a word begins with its highest byte.
    pub is_big_endian: bool,
}

/// What we run on.
pub(super) const HOST: Machine = Machine {
    number: if cfg!(target_arch = "x86_64") {
        EM_X86_64
    } else if cfg!(target_arch = "aarch64") {
        EM_AARCH64
    } else if cfg!(target_arch = "x86") {
        EM_386
    } else if cfg!(target_arch = "arm") {
        EM_ARM
    } else if cfg!(target_arch = "riscv64") {
        243
    } else if cfg!(target_arch = "powerpc64") {
        21
    } else if cfg!(target_arch = "s390x") {
        22
    } else if cfg!(target_arch = "loongarch64") {
        258
    } else {
        0
    },
    is_64_bit: cfg!(target_pointer_width = "64"),
    is_big_endian: cfg!(target_endian = "big"),
};

const EM_386: u16 = 3;
const EM_ARM: u16 = 40;
const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;

impl Machine {
    /// Reads the first bytes of an ELF file; `None` where they are not one's.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        let &[0x7f, b'E', b'L', b'F', class, data, ..] = head else { return None };
        let number = [*head.get(18)?, *head.get(19)?];
        let is_big_endian = match data {
            1 => false,
            2 => true,
            _ => return None,
        };
        Some(Self {
            number: if is_big_endian {
                u16::from_be_bytes(number)
            } else {
                u16::from_le_bytes(number)
            },
            is_64_bit: match class {
                1 => false,
                2 => true,
                _ => return None,
            },
            is_big_endian,
        })
    }

    /// Whether this machine runs what is for that one. Some 64-bit ARM processors run no 32-bit
    /// programs; only running one shows it.
    pub(super) fn runs_here(self) -> bool {
        let also_runs = matches!(
            (HOST.number, self.number),
            (EM_X86_64, EM_X86_64 | EM_386) | (EM_AARCH64, EM_ARM)
        );
        self.is_big_endian == HOST.is_big_endian
            && (also_runs || (self.number, self.is_64_bit) == (HOST.number, HOST.is_64_bit))
    }

    /// Debian's name of it, which directories for libraries bear; empty for others than ours.
    pub(super) fn multiarch(self) -> &'static [&'static str] {
        match (self.number, self.is_64_bit) {
            (EM_X86_64, true) => &["x86_64-linux-gnu"],
            (EM_X86_64, false) => &["x86_64-linux-gnux32"],
            (EM_386, _) => &["i386-linux-gnu", "i686-linux-gnu"],
            (EM_AARCH64, _) => &["aarch64-linux-gnu"],
            (EM_ARM, _) => &["arm-linux-gnueabihf", "arm-linux-gnueabi"],
            (243, true) => &["riscv64-linux-gnu"],
            (21, _) => &["powerpc64le-linux-gnu", "powerpc64-linux-gnu"],
            (22, _) => &["s390x-linux-gnu"],
            (258, _) => &["loongarch64-linux-gnu"],
            _ => &[],
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = if self.is_64_bit { 64 } else { 32 };
        let name = match self.number {
            2 | 18 | 43 => "SPARC",
            EM_386 => return f.write_str("32-bit x86"),
            4 => "68000",
            8 | 10 => "MIPS",
            20 | 21 => "PowerPC",
            22 => "S/390",
            EM_ARM | EM_AARCH64 => "ARM",
            42 => "SuperH",
            50 => "Itanium",
            EM_X86_64 => return f.write_str(if self.is_64_bit { "x86-64" } else { "x32" }),
            93 | 195 | 253 => "ARC",
            94 => "Xtensa",
            164 => "Hexagon",
            189 => "MicroBlaze",
            113 => "Nios II",
            92 => "OpenRISC",
            243 => "RISC-V",
            252 => "C-SKY",
            258 => "LoongArch",
            number => return write!(f, "a machine of the ELF number {number}"),
        };
        // Where both exist, it is what made the wrong toolchain.
        let order = match (self.number, self.is_big_endian) {
            (8 | 10 | 20 | 21, false) => "little-endian ",
            (8 | 10 | EM_ARM | EM_AARCH64, true) => "big-endian ",
            _ => "",
        };
        write!(f, "{order}{bits}-bit {name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(number: u16, is_64_bit: bool, is_big_endian: bool, shown: &str) {
        assert_eq!(Machine { number, is_64_bit, is_big_endian }.to_string(), shown);
    }

    #[test]
    fn a_machine_has_a_name() {
        check(62, true, false, "x86-64");
        check(3, false, false, "32-bit x86");
        check(40, false, false, "32-bit ARM");
        check(183, true, false, "64-bit ARM");
        check(8, false, true, "big-endian 32-bit MIPS");
        check(8, false, false, "little-endian 32-bit MIPS");
        check(243, false, false, "32-bit RISC-V");
        check(9999, true, false, "a machine of the ELF number 9999");
    }

    #[test]
    fn this_machine_runs_its_own() {
        assert!(HOST.runs_here());
        let sparc = Machine { number: 43, is_64_bit: true, is_big_endian: true };
        assert!(!sparc.runs_here());
    }
}
