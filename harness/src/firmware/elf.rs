//! ELF files: what the kernel and the program interpreter look for in one, and no more of it.

use std::fs::File;

use object::elf::{DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_STRTAB};
use object::elf::{ET_DYN, ET_EXEC, FileHeader32, FileHeader64, PT_DYNAMIC, PT_INTERP, PT_LOAD};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::read::{ReadCache, ReadRef};
use object::{Endianness, elf};

use super::Machine;

/// An ELF file that a kernel could load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Elf {
    pub(super) machine: Machine,
    /// `PT_INTERP`: the program that loads it with its libraries.
    pub(super) interpreter: Option<Vec<u8>>,
    /// `DT_NEEDED`: names of libraries.
    pub(super) needed: Vec<Vec<u8>>,
    /// `DT_RUNPATH`: where this file's libraries are sought.
    pub(super) runpath: Vec<Vec<u8>>,
    /// `DT_RPATH`: where this file's libraries and theirs are sought.
    pub(super) rpath: Vec<Vec<u8>>,
}

/// Why a file that begins like an ELF file is none, in words that go after "is a broken ELF file".
pub(super) type Broken = String;

/// The longest path that Linux has: `PATH_MAX`. No name in an ELF file is longer.
const LONGEST_NAME: u64 = 4096;
/// Far more than any linker writes, and little enough to read.
const LARGEST_DYNAMIC: u64 = 1 << 20;

impl Elf {
    /// Reads the headers, not the file.
    pub(super) fn read(file: File, machine: Machine) -> Result<Self, Broken> {
        let data = ReadCache::new(file);
        match machine.is_64_bit {
            true => read::<FileHeader64<Endianness>, _>(&data, machine),
            false => read::<FileHeader32<Endianness>, _>(&data, machine),
        }
    }
}

fn read<'data, H, R>(data: R, machine: Machine) -> Result<Elf, Broken>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let header = H::parse(data).map_err(words)?;
    let endian = header.endian().map_err(words)?;
    let kind = header.e_type(endian);
    if kind != ET_EXEC && kind != ET_DYN {
        return Err("its type is not a program's".to_owned());
    }
    let segments = header.program_headers(endian, data).map_err(words)?;
    let range = |segment: &H::ProgramHeader| -> (u64, u64) {
        (segment.p_offset(endian).into(), segment.p_filesz(endian).into())
    };
    // The file's place of an address in memory.
    let place = |address: u64| {
        segments.iter().filter(|segment| segment.p_type(endian) == PT_LOAD).find_map(|segment| {
            let (offset, size) = range(segment);
            let into = address.checked_sub(segment.p_vaddr(endian).into())?;
            (into < size).then(|| offset.checked_add(into))?
        })
    };
    let segment = |kind| segments.iter().find(|segment| segment.p_type(endian) == kind);

    let mut elf = Elf {
        machine,
        interpreter: None,
        needed: Vec::new(),
        runpath: Vec::new(),
        rpath: Vec::new(),
    };
    if let Some(segment) = segment(PT_INTERP) {
        let (offset, size) = range(segment);
        let bytes = data.read_bytes_at(offset, size.min(LONGEST_NAME));
        let bytes = bytes.map_err(|()| "its interpreter's name is past its end")?;
        let name = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        elf.interpreter = Some(name.to_vec());
    }
    if let Some(segment) = segment(PT_DYNAMIC) {
        if range(segment).1 > LARGEST_DYNAMIC {
            return Err("its dynamic section is too large".to_owned());
        }
        let entries = segment.dynamic(endian, data).map_err(words)?.unwrap_or_default();
        let entries: Vec<_> = entries
            .iter()
            .map(|entry| (entry.tag(endian), entry.val(endian)))
            .take_while(|(tag, _)| *tag != elf::DT_NULL)
            .collect();
        let strings = entries.iter().find(|(tag, _)| *tag == DT_STRTAB);
        let strings = strings.and_then(|(_, address)| place(*address));
        let string = |offset: u64| -> Result<&[u8], Broken> {
            let start = strings.and_then(|strings| strings.checked_add(offset));
            let end = data.len().unwrap_or(0);
            start
                .filter(|start| *start < end)
                .and_then(|start| {
                    let end = end.min(start + LONGEST_NAME);
                    data.read_bytes_at_until(start..end, 0).ok()
                })
                .ok_or_else(|| "the names in its dynamic section are past its end".to_owned())
        };
        for (tag, value) in entries {
            match tag {
                DT_NEEDED => elf.needed.push(string(value)?.to_vec()),
                DT_RUNPATH => elf.runpath.extend(paths(string(value)?)),
                DT_RPATH => elf.rpath.extend(paths(string(value)?)),
                _ => {}
            }
        }
    }
    Ok(elf)
}

fn paths(list: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    list.split(|byte| *byte == b':').filter(|path| !path.is_empty()).map(<[u8]>::to_vec)
}

fn words(error: object::read::Error) -> Broken {
    let text = error.to_string();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
