//! Looking at the guest: files, processes, sockets.

use std::io::{self, Read};
use std::os::fd::OwnedFd;

use super::{File, FileKind, FileState, Instance, Listening, Processes};
use crate::path::GuestPath;
use crate::sandbox::{AskError, FileFacts, FromKeeper, ToKeeper};
use crate::snapshot::Names;

/// As much of a file as a test can want to see at once.
const LIMIT: u64 = 256 << 20;

impl Instance {
    /// Looks at a file of the guest, as the guest sees it, with all that it has mounted. Links on
    /// the way stay inside the guest; the last component is not followed. A FIFO, a device or a
    /// socket is not opened, so that looking never blocks and never acts.
    #[must_use]
    pub fn file(&self, path: impl AsRef<std::ffi::OsStr>) -> File {
        let path = GuestPath::from(path.as_ref());
        let state = self.look(&path, true);
        File { path, state }
    }

    /// The same without what it contains: for who does not ask, that may be much.
    pub(crate) fn file_itself(&self, path: &GuestPath) -> File {
        File { path: path.clone(), state: self.look(path, false) }
    }

    /// The guest's processes.
    ///
    /// # Panics
    /// When the instance's keeper cannot be asked: a test that cannot see must not go on.
    #[must_use]
    #[track_caller]
    pub fn processes(&self) -> Processes {
        match self.ask_processes() {
            Ok(processes) => processes,
            Err(error) => panic!("failed to list the instance's processes: {}", chain(&error)),
        }
    }

    /// The guest's TCP sockets that listen and UDP sockets that are bound, with their processes.
    ///
    /// # Panics
    /// When the instance's keeper cannot be asked: a test that cannot see must not go on.
    #[must_use]
    #[track_caller]
    pub fn listening(&self) -> Listening {
        match self.ask_listening(true) {
            Ok(listening) => listening,
            Err(error) => panic!("failed to list the instance's sockets: {}", chain(&error)),
        }
    }

    pub(super) fn ask_processes(&self) -> Result<Processes, AskError> {
        match self.sandbox().ask(&ToKeeper::Processes)? {
            (FromKeeper::Processes(processes), _) => Ok(processes),
            _ => Err(AskError::Nonsense),
        }
    }

    pub(super) fn ask_listening(&self, owners: bool) -> Result<Listening, AskError> {
        match self.sandbox().ask(&ToKeeper::Listening { owners })? {
            (FromKeeper::Listening(listening), _) => Ok(listening),
            _ => Err(AskError::Nonsense),
        }
    }

    /// Whether there is such a file, links followed.
    pub(super) fn exists(&self, path: &GuestPath) -> Result<bool, AskError> {
        match self.sandbox().ask(&ToKeeper::Follow(path.clone()))? {
            (FromKeeper::File(_), _) => Ok(true),
            (FromKeeper::Absent, _) => Ok(false),
            _ => Err(AskError::Nonsense),
        }
    }

    /// The guest's /etc/passwd and /etc/group, links followed as the guest would; empty where there
    /// is none that can be read.
    pub(super) fn account_files(&self) -> (String, String) {
        let read = |path: &str| match self.sandbox().ask(&ToKeeper::Follow(GuestPath::from(path))) {
            Ok((FromKeeper::File(facts), Some(file)))
                if FileKind::of_mode(facts.mode) == FileKind::File =>
            {
                read(file).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let text = |path| String::from_utf8_lossy(&read(path)).into_owned();
        (text("/etc/passwd"), text("/etc/group"))
    }

    /// The guest's names for owners.
    #[must_use]
    pub fn names(&self) -> Names {
        let (passwd, group) = self.account_files();
        Names::parse(passwd.as_bytes(), group.as_bytes())
    }

    fn look_at(&self, path: &GuestPath) -> Result<Option<(FileFacts, Option<OwnedFd>)>, AskError> {
        match self.sandbox().ask(&ToKeeper::Look(path.clone()))? {
            (FromKeeper::File(facts), descriptor) => Ok(Some((facts, descriptor))),
            (FromKeeper::Absent, _) => Ok(None),
            _ => Err(AskError::Nonsense),
        }
    }

    fn look(&self, path: &GuestPath, content: bool) -> io::Result<Option<FileState>> {
        let Some((facts, descriptor)) = self.look_at(path).map_err(to_io)? else {
            return Ok(None);
        };
        let names = self.names();
        let kind = FileKind::of_mode(facts.mode);
        let descriptor = descriptor.filter(|_| content);
        let (mut content, mut entries) = (None, None);
        match (kind, descriptor) {
            (FileKind::File, Some(file)) => content = Some(read(file)),
            (FileKind::Directory, Some(directory)) => entries = Some(list(directory)),
            (FileKind::File, None) => content = Some(Err(unreadable(&facts))),
            (FileKind::Directory, None) => entries = Some(Err(unreadable(&facts))),
            _ => {}
        }
        Ok(Some(FileState {
            kind,
            mode: facts.mode & 0o7777,
            uid: facts.uid,
            gid: facts.gid,
            user: names.users.get(&facts.uid).cloned(),
            group: names.groups.get(&facts.gid).cloned(),
            size: facts.size,
            target: facts.target,
            content,
            entries,
        }))
    }
}

fn unreadable(facts: &FileFacts) -> io::Error {
    io::Error::from_raw_os_error(facts.unreadable.unwrap_or(libc::EACCES))
}

fn read(file: OwnedFd) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = std::fs::File::from(file).take(LIMIT + 1).read_to_end(&mut bytes)?;
    if length as u64 > LIMIT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 256 MiB"));
    }
    Ok(bytes)
}

fn list(directory: OwnedFd) -> io::Result<Vec<GuestPath>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::new(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name);
            names.push(GuestPath::from(name));
        }
    }
    names.sort();
    Ok(names)
}

fn to_io(error: AskError) -> io::Error {
    match error {
        AskError::Step(step) => step.source,
        other => io::Error::other(chain(&other)),
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
