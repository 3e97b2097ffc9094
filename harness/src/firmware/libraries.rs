//! Shared libraries: whether the program interpreter would find them all.
//!
//! As ld.so(8) does it for a program in its own root: the directories that the file names, those of
//! the C library, those of /etc/ld.so.conf. A library that may be there counts as there; what
//! `LD_LIBRARY_PATH` adds is not known here.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::elf::Elf;
use super::machine::Machine;
use super::problem::{MissingLibrary, Problem, Unusable};
use super::root::{Root, head};
use crate::instance::FileKind;
use crate::path::GuestPath;

/// Where every C library looks, or some do.
const DIRECTORIES: [&str; 6] = ["/lib", "/usr/lib", "/lib64", "/usr/lib64", "/lib32", "/usr/lib32"];

/// What is read of a file that lists directories: more than any has.
const LONGEST_LIST: u64 = 1 << 16;

/// Whether all libraries of a program are there, and theirs.
pub(super) fn check(
    root: &Root,
    program: &GuestPath,
    elf: Elf,
    interpreter: &GuestPath,
) -> Result<(), Problem> {
    let Some(mut search) = Search::new(root, &elf, program, interpreter) else { return Ok(()) };
    let mut missing = Vec::new();
    let mut known = HashSet::from([search.interpreter_name.clone()]);
    let mut files = VecDeque::from([(None, elf)]);
    while let Some((library, elf)) = files.pop_front() {
        let own = search.own_directories(library.as_ref().unwrap_or(program), &elf);
        for name in &elf.needed {
            // One name is one library, whoever asks: what was loaded once is there for all.
            if !known.insert(name.clone()) || search.is_built_in(name) {
                continue;
            }
            match search.find(name, &own, elf.machine)? {
                Ok(found) => files.push_back((Some(found.0), found.1)),
                Err(other) => missing.push(MissingLibrary {
                    name: GuestPath::from(OsStr::from_bytes(name)),
                    needed_by: library.clone(),
                    other,
                }),
            }
        }
    }
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Problem::Libraries { path: program.clone(), libraries: missing }),
    }
}

/// Where libraries of one program are sought.
struct Search<'r> {
    root: &'r Root,
    interpreter_name: Vec<u8>,
    is_musl: bool,
    /// `DT_RPATH` of the program, which counts for its libraries too.
    inherited: Vec<GuestPath>,
    defaults: Vec<GuestPath>,
    /// What files in /etc list: read only when something is not found elsewhere.
    listed: Option<Vec<GuestPath>>,
}

type Library = (GuestPath, Elf);
/// What has the name sought, and will not do.
type Other = Option<(GuestPath, Unusable)>;

impl<'r> Search<'r> {
    /// `None` for an interpreter whose ways we do not know, such as Android's.
    fn new(
        root: &'r Root,
        elf: &Elf,
        program: &GuestPath,
        interpreter: &GuestPath,
    ) -> Option<Self> {
        let name = interpreter.as_bytes().rsplit(|byte| *byte == b'/').next()?.to_vec();
        if ![&b"ld-"[..], b"ld.so", b"ld64"].iter().any(|start| name.starts_with(start)) {
            return None;
        }
        let is_musl = name.starts_with(b"ld-musl");
        let mut defaults: Vec<_> = DIRECTORIES.map(GuestPath::from).to_vec();
        for triplet in elf.machine.multiarch() {
            defaults.push(GuestPath::from(&format!("/lib/{triplet}")));
            defaults.push(GuestPath::from(&format!("/usr/lib/{triplet}")));
        }
        if is_musl {
            defaults.push(GuestPath::from("/usr/local/lib"));
        }
        let (root, interpreter_name) = (root, name);
        let mut search =
            Self { root, interpreter_name, is_musl, inherited: Vec::new(), defaults, listed: None };
        search.inherited = search.expand(program, elf.machine, &elf.rpath);
        if is_musl {
            search.inherited.extend(search.expand(program, elf.machine, &elf.runpath));
        }
        Some(search)
    }

    /// Whether the interpreter is that library itself. In musl's it is all of them: one file.
    fn is_built_in(&self, name: &[u8]) -> bool {
        let parts: [&[u8]; 7] =
            [b"libc.", b"libpthread.", b"librt.", b"libm.", b"libdl.", b"libutil.", b"libxnet."];
        self.is_musl && parts.iter().any(|part| name.starts_with(part))
    }

    fn own_directories(&self, file: &GuestPath, elf: &Elf) -> Vec<GuestPath> {
        let mut own = self.expand(file, elf.machine, &elf.runpath);
        own.extend(self.expand(file, elf.machine, &elf.rpath));
        own
    }

    /// The paths that a path with `$ORIGIN` or `$LIB` in it stands for.
    fn expand(&self, file: &GuestPath, machine: Machine, paths: &[Vec<u8>]) -> Vec<GuestPath> {
        let origin = || match self.root.find(file) {
            Ok(found) => self.root.real_path(file, &found),
            Err(_) => file.clone(),
        };
        let mut expanded = Vec::new();
        for path in paths {
            if !path.contains(&b'$') {
                expanded.push(GuestPath::from(OsStr::from_bytes(path)));
                continue;
            }
            let origin = origin();
            let end = origin.as_bytes().iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            let path = replace(path, "ORIGIN", &origin.as_bytes()[..end]);
            let multiarch = machine.multiarch().iter().map(|triplet| format!("lib/{triplet}"));
            for lib in ["lib".to_owned(), "lib64".to_owned()].into_iter().chain(multiarch) {
                let path = replace(&path, "LIB", lib.as_bytes());
                expanded.push(GuestPath::from(OsStr::from_bytes(&path)));
            }
        }
        expanded
    }

    fn find(
        &mut self,
        name: &[u8],
        own: &[GuestPath],
        machine: Machine,
    ) -> Result<Result<Library, Other>, Problem> {
        let mut other = None;
        let name = OsStr::from_bytes(name);
        // A name with a slash is a path, and is sought nowhere else.
        if name.as_bytes().contains(&b'/') {
            let library = self.open(&GuestPath::from(name), machine, &mut other)?;
            return Ok(library.ok_or(other));
        }
        let near = self.defaults.iter().chain(own).chain(&self.inherited);
        let mut sought: Vec<GuestPath> = near.map(|directory| directory.join(name)).collect();
        let listed_from = sought.len();
        for (index, path) in sought.iter().enumerate() {
            if let Some(library) = self.open(path, machine, &mut other)? {
                // Libraries live together: the next one is likely to be here too.
                if index < self.defaults.len() {
                    self.defaults.swap(0, index);
                }
                return Ok(Ok(library));
            }
        }
        sought.extend(self.listed().iter().map(|directory| directory.join(name)));
        for path in &sought[listed_from..] {
            if let Some(library) = self.open(path, machine, &mut other)? {
                return Ok(Ok(library));
            }
        }
        Ok(Err(other.or_else(|| {
            // A link of that name is the likelier cause, and only now worth the look.
            sought.into_iter().find_map(|path| match self.root.find(&path) {
                Err(why @ Unusable::Dangling { on_the_way: None, .. }) => Some((path, why)),
                _ => None,
            })
        })))
    }

    /// The library at `path`; what will not do for one goes into `other`.
    fn open(
        &self,
        path: &GuestPath,
        machine: Machine,
        other: &mut Other,
    ) -> Result<Option<Library>, Problem> {
        // What cannot be looked at is sought in the next directory, as ld.so(8) does.
        if self.root.find_if_any(path).is_none_or(|found| found.kind() != FileKind::File) {
            return Ok(None);
        }
        let broken = |reason| Problem::BrokenElf { path: path.clone(), reason };
        let file = self.root.open_file(path).map_err(Problem::unreadable(path))?;
        let head = head(&file).map_err(Problem::unreadable(path))?;
        let Some(found) = Machine::of(&head) else {
            return Err(broken("it does not begin like one".to_owned()));
        };
        if found != machine {
            other.get_or_insert((path.clone(), Unusable::ForMachine(found)));
            return Ok(None);
        }
        let elf = Elf::read(file, found).map_err(broken)?;
        Ok(Some((path.clone(), elf)))
    }

    fn listed(&mut self) -> &[GuestPath] {
        if self.listed.is_none() {
            let mut files = vec![GuestPath::from("/etc/ld.so.conf")];
            let directory = GuestPath::from("/etc/ld.so.conf.d");
            let names = self.root.names(&directory).unwrap_or_default();
            files.extend(
                names
                    .iter()
                    .filter(|name| name.as_bytes().ends_with(b".conf"))
                    .map(|name| directory.join(name)),
            );
            if let Some(arch) = self.interpreter_name.strip_prefix(b"ld-musl-") {
                let arch = arch.split(|byte| *byte == b'.').next().unwrap_or_default();
                let name = [b"/etc/ld-musl-", arch, b".path"].concat();
                files.push(GuestPath::from(OsStr::from_bytes(&name)));
            }
            let list = |path| self.root.read(path, LONGEST_LIST).unwrap_or_default();
            let lists: Vec<_> = files.iter().map(list).collect();
            self.listed = Some(lists.iter().flat_map(|list| directories(list)).collect());
        }
        self.listed.as_deref().unwrap_or_default()
    }
}

/// The directories in a list: one a line, or with blanks, colons or commas between.
fn directories(list: &[u8]) -> impl Iterator<Item = GuestPath> {
    list.split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b'#').next())
        .filter(|line| !line.trim_ascii_start().starts_with(b"include"))
        .flat_map(|line| line.split(|byte| b" \t:,".contains(byte)))
        .filter(|path| path.starts_with(b"/"))
        .map(|path| GuestPath::from(OsStr::from_bytes(path)))
}

/// `path` with `$word` and `${word}` replaced.
fn replace(path: &[u8], word: &str, by: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::new();
    let mut rest = path;
    let (bare, braced) = (format!("${word}"), format!("${{{word}}}"));
    while let Some(&first) = rest.first() {
        let found = [&bare, &braced].into_iter().find(|name| rest.starts_with(name.as_bytes()));
        match found {
            Some(name) => {
                replaced.extend_from_slice(by);
                rest = &rest[name.len()..];
            }
            None => {
                replaced.push(first);
                rest = &rest[1..];
            }
        }
    }
    replaced
}
