//! init: the program that is pid 1, and all that the kernel needs to run it.
//!
//! * **script**: a file that begins with `#!`; its **interpreter** is the program named there.
//! * **program interpreter**: what loads a dynamically linked ELF file: `ld-linux.so`, `ld-musl.so`.

use std::fs::File;

use super::elf::Elf;
use super::libraries;
use super::machine::Machine;
use super::problem::{Problem, Unusable};
use super::root::{Found, Root, head};
use crate::instance::FileKind;
use crate::path::GuestPath;

/// What is run as pid 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init {
    /// Program and arguments as the kernel gets them. The program is not resolved: many an init is a
    /// link to busybox, which looks at the name that it is called by.
    pub argv: Vec<String>,
    /// The program's file, without the links that lead to it.
    pub file: GuestPath,
}

/// Where an init is sought, in this order: the kernel's list, and an initramfs's `/init`.
const CANDIDATES: [&str; 4] = ["/sbin/init", "/init", "/etc/init", "/bin/init"];

/// How many scripts the kernel goes through: exec_binprm() gives up at the sixth program.
const MOST_SCRIPTS: usize = 5;

/// Finds init and checks that it could run.
pub(super) fn find(root: &Root, configured: Option<&[String]>) -> Result<Init, Problem> {
    let configured = configured.filter(|argv| !argv.is_empty());
    let commands = match configured {
        Some(argv) => vec![argv.to_vec()],
        None => CANDIDATES.map(|path| vec![path.to_owned()]).to_vec(),
    };
    let mut tried = Vec::new();
    for argv in commands {
        let path = GuestPath::from(&argv[0]);
        match find_file(root, &path) {
            Ok(found) => {
                check_program(root, &path, &found)?;
                return Ok(Init { argv, file: root.real_path(&path, &found) });
            }
            // Not a reason to take the next: the firmware means this one.
            Err(Unusable::Unreadable(source)) => return Err(Problem::Unreadable { path, source }),
            Err(why) => tried.push((path, why)),
        }
    }
    Err(Problem::NoInit { tried, is_configured: configured.is_some() })
}

fn find_file(root: &Root, path: &GuestPath) -> Result<Found, Unusable> {
    let found = root.find(path)?;
    match found.kind() {
        FileKind::File => Ok(found),
        kind => Err(Unusable::NotAFile(kind)),
    }
}

/// As [`find_file`], and the kernel may run it. Root needs but one of the three permissions.
fn find_executable(root: &Root, path: &GuestPath) -> Result<Found, Unusable> {
    let found = find_file(root, path)?;
    match found.mode() & 0o111 {
        0 => Err(Unusable::NotExecutable(found.mode())),
        _ => Ok(found),
    }
}

/// Whether the kernel could run it, and what it takes for that.
fn check_program(root: &Root, init: &GuestPath, found: &Found) -> Result<(), Problem> {
    if found.mode() & 0o111 == 0 {
        return Err(Problem::NotExecutable { path: init.clone(), mode: found.mode() });
    }
    let mut path = init.clone();
    for _ in 0..=MOST_SCRIPTS {
        let file = root.open_file(&path).map_err(Problem::unreadable(&path))?;
        let head = head(&file).map_err(Problem::unreadable(&path))?;
        if let Some(machine) = Machine::of(&head) {
            return check_elf(root, &path, file, machine);
        }
        if head.starts_with(b"\x7fELF") {
            let reason = "it ends, or goes wrong, in its first 20 bytes".to_owned();
            return Err(Problem::BrokenElf { path, reason });
        }
        let Some(interpreter) = script_interpreter(&head) else {
            return Err(Problem::NotAProgram { path });
        };
        if let Err(why) = find_executable(root, &interpreter) {
            return Err(Problem::Interpreter { path, interpreter, why });
        }
        path = interpreter;
    }
    Err(Problem::NestedScripts { path: init.clone() })
}

fn check_elf(root: &Root, path: &GuestPath, file: File, machine: Machine) -> Result<(), Problem> {
    if !machine.runs_here() {
        return Err(Problem::WrongMachine { path: path.clone(), machine });
    }
    let program = Elf::read(file, machine)
        .map_err(|reason| Problem::BrokenElf { path: path.clone(), reason })?;
    let Some(interpreter) = &program.interpreter else { return Ok(()) };
    let interpreter = GuestPath::from(bytes(interpreter));
    let usable = find_executable(root, &interpreter).and_then(|_| {
        let file = root.open_file(&interpreter);
        let head = file.and_then(|file| head(&file)).map_err(Unusable::Unreadable)?;
        match Machine::of(&head) {
            Some(other) if other != machine => Err(Unusable::ForMachine(other)),
            _ => Ok(()),
        }
    });
    if let Err(why) = usable {
        return Err(Problem::Interpreter { path: path.clone(), interpreter, why });
    }
    libraries::check(root, path, program, &interpreter)
}

/// The interpreter of a script: what stands between `#!` and the next blank.
fn script_interpreter(head: &[u8]) -> Option<GuestPath> {
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t' | 0));
    words.find(|word| !word.is_empty()).map(|word| GuestPath::from(bytes(word)))
}

fn bytes(bytes: &[u8]) -> &std::ffi::OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(bytes)
}
