//! The upper, walked and compared with what it covers.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::io::Errno;

use super::change::{Change, Entry, What};
use super::content::{Bytes, OpenFile, Reader};
use super::descent::{Descent, below};
use super::error::{DiffError, During, Fault, Op};
use super::layer::Seen;
use super::look::Look;
use super::merged::{Entered, Merged};
use super::names::{Hint, Name, names};
use crate::path::GuestPath;

/// How [`changes`] looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where the guest has the overlay's root: `/`, or a volume's mount point.
    pub at: GuestPath,
    /// Bytes of the largest text that a change carries; 64 KiB, which is also the most.
    pub text_limit: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { at: GuestPath::from("/"), text_limit: 64 * 1024 }
    }
}

/// What the overlay `upper` changes of the `lowers` (topmost first), sorted by the paths' bytes.
///
/// Only times differ, or nothing: no change. Of a new directory each name is listed, of a removed
/// one only its own. The root is compared like any directory, so whoever makes an upper gives it
/// the mode and owner of the topmost lower's.
///
/// The guest may go on running: a name that vanishes meanwhile counts as gone, a file that is
/// written to is as it was found. A file's bytes are all hashed (about 1 GB/s), holes included.
/// Needs no /proc, at most some 200 descriptors, and memory for what it returns.
/// # Errors
/// Where a name of the upper, or what it covers, cannot be looked at, listed or read, and the name.
/// # References
/// `Documentation/filesystems/overlayfs.rst`
pub fn changes(
    upper: BorrowedFd<'_>,
    lowers: &[BorrowedFd<'_>],
    options: &Options,
) -> Result<Vec<Change>, DiffError> {
    let mut walk = Walk::new(options);
    let root = Merged::root(upper, lowers).map_err(|fault| fault.at(options.at.clone()))?;
    if root.before.is_some() {
        // Without a lower, as a volume has none, the root is no news.
        walk.directory(b"", root.before, root.after)?;
    }
    let subdirectories = walk.list(&root.merged, b"")?;
    let mut descent = Descent::new(root.merged, subdirectories);
    // What the directory that was opened last is, and was.
    let mut entry = None;
    while let Some(visit) = descent.next(|parent, name, path| {
        let entered = parent.enter(name).map_err(|fault| fault.at(absolute(&options.at, path)))?;
        Ok::<_, DiffError>(entered.map(|Entered { merged, after, before }| {
            entry = Some((before, after));
            merged
        }))
    })? {
        if let Some((before, after)) = entry.take() {
            walk.directory(&visit.path, before, after)?;
        }
        let subdirectories = walk.list(&visit.directory, &visit.path)?;
        descent.descend(visit, subdirectories);
    }
    let mut changes = walk.changes;
    changes.sort_unstable_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
    Ok(changes)
}

struct Walk<'a> {
    at: &'a GuestPath,
    reader: Reader,
    changes: Vec<Change>,
}

/// What a name of the upper turned out to be.
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and most are a change")]
enum Found {
    Nothing,
    Directory,
    Change(What),
}

impl<'a> Walk<'a> {
    fn new(options: &'a Options) -> Self {
        let reader = Reader::new(options.text_limit);
        Self { at: &options.at, reader, changes: Vec::new() }
    }

    /// A directory's own change.
    fn directory(
        &mut self,
        path: &[u8],
        before: Option<Look>,
        after: Look,
    ) -> Result<(), DiffError> {
        let what = self.compare(before, after).map_err(|fault| self.fault(fault, path))?;
        self.changes.extend(what.map(|what| Change { path: absolute(self.at, path), what }));
        Ok(())
    }

    /// The changes of all names in a directory but its subdirectories, which are returned.
    fn list(&mut self, directory: &Merged, path: &[u8]) -> Result<Vec<CString>, DiffError> {
        let names = match names(directory.upper.as_fd()) {
            Ok(names) => names,
            Err(Errno::NOENT) => Vec::new(), // removed meanwhile
            Err(errno) => return Err(self.fault(Fault { op: Op::List, errno }, path)),
        };
        if directory.hides {
            self.list_hidden(directory, &names, path)?;
        }
        let mut subdirectories = Vec::new();
        for Name { name, hint } in names {
            match hint {
                Hint::Directory => subdirectories.push(name),
                hint => match self.name(directory, &name, hint, path)? {
                    Found::Nothing => {}
                    Found::Directory => subdirectories.push(name),
                    Found::Change(what) => self.change(path, &name, what),
                },
            }
        }
        Ok(subdirectories)
    }

    /// The names that an opaque directory hides and does not have itself.
    fn list_hidden(
        &mut self,
        directory: &Merged,
        names: &[Name],
        path: &[u8],
    ) -> Result<(), DiffError> {
        for name in directory.names_below().map_err(|fault| self.fault(fault, path))? {
            if names.binary_search_by(|upper| upper.name.cmp(&name)).is_ok() {
                continue;
            }
            let found =
                directory.below(&name).map_err(|fault| self.fault(fault, &below(path, &name)))?;
            if let Some((look, _)) = found {
                self.change(path, &name, What::Removed(look.into_parts().0));
            }
        }
        Ok(())
    }

    /// What became of `name`, which is hardly a directory. A name that changes under our eyes is
    /// looked at once more, and has gone if it still does.
    fn name(
        &mut self,
        directory: &Merged,
        name: &CStr,
        hint: Hint,
        path: &[u8],
    ) -> Result<Found, DiffError> {
        for hint in [hint, Hint::Unknown] {
            match self.look(directory, name, hint) {
                Err(fault) if fault.is_race() => {}
                found => return found.map_err(|fault| self.fault(fault, &below(path, name))),
            }
        }
        Ok(Found::Nothing)
    }

    fn look(&mut self, directory: &Merged, name: &CStr, hint: Hint) -> Result<Found, Fault> {
        let upper = directory.upper.as_fd();
        let after = if hint == Hint::File {
            Look::file(upper, name)?
        } else {
            let Some(mut look) = Look::stat(upper, name)? else { return Ok(Found::Nothing) };
            look.complete(upper, name)?;
            look
        };
        if after.xattrs().marks.elsewhere {
            return Err(Fault { op: Op::Interpret, errno: Errno::OPNOTSUPP });
        }
        let what = match after.seen() {
            Seen::Directory | Seen::OpaqueDirectory => return Ok(Found::Directory),
            Seen::Whiteout => {
                let before = directory.below(name)?;
                before.map(|(before, _)| What::Removed(before.into_parts().0))
            }
            Seen::Leaf => {
                let before = match directory.below(name)? {
                    None => None,
                    Some((mut before, lower)) => {
                        before.complete(lower, name)?;
                        Some(before)
                    }
                };
                self.compare(before, after)?
            }
        };
        Ok(what.map_or(Found::Nothing, Found::Change))
    }

    /// What makes the one the other; `None` where nothing that matters does.
    fn compare(&mut self, before: Option<Look>, after: Look) -> Result<Option<What>, Fault> {
        let (mut after, file) = after.into_parts();
        let Some(before) = before else {
            self.read(file.as_ref(), &mut after)?;
            return Ok(Some(What::Added(after)));
        };
        let (mut before, file_before) = before.into_parts();
        if let (Some(a), Some(b)) = (&file_before, &file) {
            match self.reader.compare(a, b).during(Op::Read)? {
                Some((a, b)) => {
                    before.has(a);
                    after.has(b);
                }
                None if before == after => return Ok(None),
                None => {
                    let content = self.reader.read(b).during(Op::Read)?;
                    before.has(content.clone());
                    after.has(content);
                }
            }
        } else {
            self.read(file_before.as_ref(), &mut before)?;
            self.read(file.as_ref(), &mut after)?;
        }
        Ok((before != after).then_some(What::Changed { before, after }))
    }

    fn read(&mut self, file: Option<&OpenFile>, entry: &mut Entry) -> Result<(), Fault> {
        if let Some(file) = file {
            entry.has(self.reader.read(file).during(Op::Read)?);
        }
        Ok(())
    }

    fn change(&mut self, path: &[u8], name: &CStr, what: What) {
        self.changes.push(Change { path: absolute(self.at, &below(path, name)), what });
    }

    fn fault(&self, fault: Fault, path: &[u8]) -> DiffError {
        fault.at(absolute(self.at, path))
    }
}

impl Entry {
    /// A regular file's content, and its size when that was read.
    fn has(&mut self, (content, size): Bytes) {
        (self.content, self.size) = (Some(content), size);
    }
}

/// A path below the overlay's root, as the guest has it.
fn absolute(at: &GuestPath, path: &[u8]) -> GuestPath {
    if path.is_empty() { at.clone() } else { at.join(OsStr::from_bytes(path)) }
}
