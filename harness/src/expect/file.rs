//! Checks of the guest's files.
//!
//! A file that nobody could look at passes none of them, not even [`check_absent`].

use std::io;

use super::{Mismatch, Subject};
use crate::instance::{File, FileKind, FileState};
use crate::path::{GuestPath, escape};

/// There is such a name, whatever it stands for.
///
/// # Errors
/// When there is not, or nobody could look.
pub fn check_exists(file: &File) -> Result<(), Mismatch> {
    found(file, "exists").map(drop)
}

/// There is no such name, not even a link's that leads nowhere.
///
/// # Errors
/// When there is, or nobody could look.
pub fn check_absent(file: &File) -> Result<(), Mismatch> {
    match &file.state {
        Ok(None) => Ok(()),
        Ok(Some(state)) => Err(Mismatch::new("absent", describe(state)).of(&file.path)),
        Err(error) => Err(unseen(file, "absent", error)),
    }
}

/// It is a file of that kind. A link is a link, wherever it leads.
///
/// # Errors
/// When it is of another, there is none, or nobody could look.
pub fn check_kind(file: &File, kind: FileKind) -> Result<(), Mismatch> {
    let wanted = name_of(kind);
    let state = found(file, wanted)?;
    hold(file, state.kind == kind, wanted, || describe(state))
}

/// Its permission bits are exactly `mode`, setuid, setgid and sticky included.
///
/// # Errors
/// When they are not, there is no such file, or nobody could look.
pub fn check_mode(file: &File, mode: u32) -> Result<(), Mismatch> {
    let wanted = format!("mode {mode:04o}");
    let state = found(file, &wanted)?;
    hold(file, state.mode == mode, &wanted, || format!("mode {:04o}", state.mode)).map_err(
        |mismatch| {
            // `600` for `0o600`: the digits are right, the base is not.
            let decimal = mode.to_string() == format!("{:o}", state.mode);
            mismatch.with_nearest(decimal.then(|| format!("`{mode}` is decimal: write `0o{mode}`")))
        },
    )
}

/// It belongs to `owner`: `user:group`, `user` or `:group`, each a name of the guest's /etc/passwd
/// and /etc/group or a number.
///
/// # Errors
/// When it belongs to another, `owner` is none of those forms, there is no such file, or nobody
/// could look.
pub fn check_owner(file: &File, owner: &str) -> Result<(), Mismatch> {
    let wanted = format!("owner {owner}");
    let (user, group) = match owner.split_once(':') {
        Some((user, group)) if !group.is_empty() && !group.contains(':') => (user, group),
        None if !owner.is_empty() => (owner, ""),
        _ => {
            let why = "an owner is `user:group`, `user` or `:group`";
            return Err(Mismatch::not_evaluated(wanted, why).of(&file.path));
        }
    };
    let state = found(file, &wanted)?;
    let same = |wanted: &str, id: u32, name: &Option<String>| match wanted.parse::<u32>() {
        Ok(number) => id == number,
        Err(_) => wanted.is_empty() || name.as_deref() == Some(wanted),
    };
    let holds = same(user, state.uid, &state.user) && same(group, state.gid, &state.group);
    hold(file, holds, &wanted, || format!("owner {}", owner_of(state)))
}

/// It has that many bytes.
///
/// # Errors
/// When it has not, there is no such file, or nobody could look.
pub fn check_size(file: &File, size: u64) -> Result<(), Mismatch> {
    let wanted = format!("{size} bytes");
    let state = found(file, &wanted)?;
    hold(file, state.size == size, &wanted, || format!("{} bytes", state.size))
}

/// It is a symbolic link that says exactly `target`.
///
/// # Errors
/// When it is no link or says something else, there is no such file, or nobody could look.
pub fn check_target(file: &File, target: &GuestPath) -> Result<(), Mismatch> {
    let wanted = format!("symbolic link to {target}");
    let state = found(file, &wanted)?;
    hold(file, state.target.as_ref() == Some(target), &wanted, || describe(state))
}

/// A regular file's content as text; what is not UTF-8 is replaced.
///
/// # Errors
/// When it is no regular file, could not be read, there is none, or nobody could look.
pub fn content(file: &File) -> Result<String, Mismatch> {
    let wanted = "a file that can be read";
    let state = found(file, wanted)?;
    match &state.content {
        Some(Ok(content)) => Ok(String::from_utf8_lossy(content).into_owned()),
        Some(Err(error)) => Err(unseen(file, wanted, error)),
        None => Err(Mismatch::new(wanted, describe(state)).of(&file.path)),
    }
}

fn found<'a>(file: &'a File, wanted: &str) -> Result<&'a FileState, Mismatch> {
    match &file.state {
        Ok(Some(state)) => Ok(state),
        Ok(None) => Err(Mismatch::new(wanted, "absent").of(&file.path)),
        Err(error) => Err(unseen(file, wanted, error)),
    }
}

fn unseen(file: &File, wanted: &str, error: &io::Error) -> Mismatch {
    Mismatch::not_evaluated(wanted, error).of(&file.path)
}

fn hold(
    file: &File,
    holds: bool,
    wanted: &str,
    actual: impl FnOnce() -> String,
) -> Result<(), Mismatch> {
    if holds { Ok(()) } else { Err(Mismatch::new(wanted, actual()).of(&file.path)) }
}

/// A file in a line: `file, mode 0644, owner root:root, 12 bytes`.
fn describe(state: &FileState) -> String {
    let kind = name_of(state.kind);
    match &state.target {
        Some(target) => format!("{kind} to {target}"),
        None => {
            let (mode, size, owner) = (state.mode, state.size, owner_of(state));
            format!("{kind}, mode {mode:04o}, owner {owner}, {size} bytes")
        }
    }
}

/// `root:shadow (0:42)`; without names for them, the numbers alone.
fn owner_of(state: &FileState) -> String {
    let (uid, gid) = (state.uid, state.gid);
    if state.user.is_none() && state.group.is_none() {
        return format!("{uid}:{gid}");
    }
    let name = |name: &Option<String>, id: u32| match name {
        Some(name) => escape(name.as_bytes()).into_owned(),
        None => id.to_string(),
    };
    format!("{}:{} ({uid}:{gid})", name(&state.user, uid), name(&state.group, gid))
}

fn name_of(kind: FileKind) -> &'static str {
    match kind {
        FileKind::File => "file",
        FileKind::Directory => "directory",
        FileKind::Symlink => "symbolic link",
        FileKind::Fifo => "FIFO",
        FileKind::Socket => "socket",
        FileKind::CharDevice => "character device",
        FileKind::BlockDevice => "block device",
    }
}

/// A link is looked at itself and never followed.
impl Subject<File> {
    /// Is there such a name?
    pub fn exists(self) -> Self {
        self.holds(check_exists)
    }

    /// Is there no such name? One that could not be looked at fails.
    pub fn absent(self) -> Self {
        self.holds(check_absent)
    }

    /// Is it a regular file?
    pub fn is_file(self) -> Self {
        self.holds(|file| check_kind(file, FileKind::File))
    }

    /// Is it a directory?
    pub fn is_dir(self) -> Self {
        self.holds(|file| check_kind(file, FileKind::Directory))
    }

    /// Is it a symbolic link?
    pub fn is_symlink(self) -> Self {
        self.holds(|file| check_kind(file, FileKind::Symlink))
    }

    /// Is it a FIFO?
    pub fn is_fifo(self) -> Self {
        self.holds(|file| check_kind(file, FileKind::Fifo))
    }

    /// Is it a socket's name?
    pub fn is_socket(self) -> Self {
        self.holds(|file| check_kind(file, FileKind::Socket))
    }

    /// Is it a character device node?
    pub fn is_char_device(self) -> Self {
        self.holds(|file| check_kind(file, FileKind::CharDevice))
    }

    /// Is it a block device node?
    pub fn is_block_device(self) -> Self {
        self.holds(|file| check_kind(file, FileKind::BlockDevice))
    }

    /// Are its permission bits exactly these? Octal: `0o600`, with setuid, setgid and sticky
    /// `0o4755`.
    pub fn mode(self, mode: u32) -> Self {
        self.holds(|file| check_mode(file, mode))
    }

    /// Does it belong to `owner`: `"root:root"`, `"root"`, `":root"`? Names are the guest's;
    /// numbers do as well.
    pub fn owner(self, owner: impl AsRef<str>) -> Self {
        self.holds(|file| check_owner(file, owner.as_ref()))
    }

    /// Does it have that many bytes?
    pub fn size(self, size: u64) -> Self {
        self.holds(|file| check_size(file, size))
    }

    /// Is it a symbolic link that says exactly `target`?
    pub fn target(self, target: impl Into<GuestPath>) -> Self {
        let target = target.into();
        self.holds(|file| check_target(file, &target))
    }

    /// The content as text, to look at from here on; what is not UTF-8 is replaced.
    ///
    /// ```no_run
    /// # use fwtest::{expect, instance::File};
    /// # fn test(hosts: File) {
    /// expect!(hosts).mode(0o644).content().line("127.0.0.1\tlocalhost");
    /// # }
    /// ```
    /// # Panics
    /// With a [`Failure`](crate::expect::Failure), when it is no regular file or could not be read.
    #[must_use = "without a matcher the content is not checked"]
    pub fn content(self) -> Subject<String> {
        let path = self.value().path.to_string();
        self.part(".content()", |file| content(&file)).about(path)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use crate::expect;
    use crate::expect::report;
    use crate::instance::{File, FileKind, FileState};
    use crate::path::GuestPath;

    fn file(path: &str, state: io::Result<Option<FileState>>) -> File {
        File { path: GuestPath::from(path), state }
    }

    fn state(kind: FileKind, mode: u32) -> FileState {
        let (user, group) = (Some("root".into()), Some("shadow".into()));
        FileState {
            kind,
            mode,
            uid: 0,
            gid: 42,
            user,
            group,
            size: 12,
            target: None,
            content: None,
            entries: None,
        }
    }

    fn shadow() -> File {
        let content = Some(Ok(b"root:*:0:::\n".to_vec()));
        file("/etc/shadow", Ok(Some(FileState { content, ..state(FileKind::File, 0o640) })))
    }

    fn link() -> File {
        let target = Some(GuestPath::from("busybox"));
        file("/bin/sh", Ok(Some(FileState { target, ..state(FileKind::Symlink, 0o777) })))
    }

    fn nameless() -> File {
        let state = FileState { user: None, group: None, ..state(FileKind::Directory, 0o1777) };
        file("/tmp", Ok(Some(state)))
    }

    fn missing() -> File {
        file("/etc/nothing", Ok(None))
    }

    fn forbidden() -> File {
        file("/root/key", Err(io::Error::from_raw_os_error(libc::EACCES)))
    }

    fn unreadable() -> File {
        let content = Some(Err(io::Error::from_raw_os_error(libc::EIO)));
        file("/root/key", Ok(Some(FileState { content, ..state(FileKind::File, 0o600) })))
    }

    #[test]
    fn what_holds_passes() {
        expect!(shadow()).exists().is_file().mode(0o640).size(12);
        expect!(shadow()).owner("root:shadow").owner("0:42").owner("root:42");
        expect!(shadow()).owner("root").owner("0").owner(":shadow").owner(":42");
        expect!(shadow()).content().line("root:*:0:::");
        expect!(link()).is_symlink().target("busybox");
        expect!(nameless()).is_dir().mode(0o1777).owner("0:42");
        expect!(missing()).absent();
        let node = |kind| file("/node", Ok(Some(state(kind, 0o600))));
        expect!(node(FileKind::Fifo)).is_fifo();
        expect!(node(FileKind::Socket)).is_socket();
        expect!(node(FileKind::CharDevice)).is_char_device();
        expect!(node(FileKind::BlockDevice)).is_block_device();
    }

    #[test]
    fn what_does_not_hold_fails() {
        insta::assert_snapshot!(report::of(|| expect!(shadow()).absent()), @"
        expect!(shadow()) at tests/web.rs:9:5
          expected  /etc/shadow: absent
          actual    file, mode 0640, owner root:shadow (0:42), 12 bytes
        ");
        insta::assert_snapshot!(report::of(|| expect!(shadow()).is_dir()), @"
        expect!(shadow()) at tests/web.rs:9:5
          expected  /etc/shadow: directory
          actual    file, mode 0640, owner root:shadow (0:42), 12 bytes
        ");
        insta::assert_snapshot!(report::of(|| expect!(link()).is_file()), @"
        expect!(link()) at tests/web.rs:9:5
          expected  /bin/sh: file
          actual    symbolic link to busybox
        ");
        insta::assert_snapshot!(report::of(|| expect!(shadow()).mode(0o600)), @"
        expect!(shadow()) at tests/web.rs:9:5
          expected  /etc/shadow: mode 0600
          actual    mode 0640
        ");
        insta::assert_snapshot!(report::of(|| expect!(nameless()).mode(1777)), @"
        expect!(nameless()) at tests/web.rs:9:5
          expected  /tmp: mode 3361
          actual    mode 1777
          nearest   `1777` is decimal: write `0o1777`
        ");
        insta::assert_snapshot!(report::of(|| expect!(shadow()).owner("root:root")), @"
        expect!(shadow()) at tests/web.rs:9:5
          expected  /etc/shadow: owner root:root
          actual    owner root:shadow (0:42)
        ");
        insta::assert_snapshot!(report::of(|| expect!(shadow()).owner("1000")), @"
        expect!(shadow()) at tests/web.rs:9:5
          expected  /etc/shadow: owner 1000
          actual    owner root:shadow (0:42)
        ");
        insta::assert_snapshot!(report::of(|| expect!(nameless()).owner("root")), @"
        expect!(nameless()) at tests/web.rs:9:5
          expected  /tmp: owner root
          actual    owner 0:42
        ");
        insta::assert_snapshot!(report::of(|| expect!(shadow()).size(0)), @"
        expect!(shadow()) at tests/web.rs:9:5
          expected  /etc/shadow: 0 bytes
          actual    12 bytes
        ");
        insta::assert_snapshot!(report::of(|| expect!(link()).target("/bin/busybox")), @"
        expect!(link()) at tests/web.rs:9:5
          expected  /bin/sh: symbolic link to /bin/busybox
          actual    symbolic link to busybox
        ");
        insta::assert_snapshot!(report::of(|| expect!(shadow()).target("busybox")), @"
        expect!(shadow()) at tests/web.rs:9:5
          expected  /etc/shadow: symbolic link to busybox
          actual    file, mode 0640, owner root:shadow (0:42), 12 bytes
        ");
        insta::assert_snapshot!(report::of(|| expect!(link()).content()), @"
        expect!(link()).content() at tests/web.rs:9:5
          expected  /bin/sh: a file that can be read
          actual    symbolic link to busybox
        ");
        insta::assert_snapshot!(report::of(|| expect!(shadow()).content().is_empty()), @r#"
        expect!(shadow()).content() at tests/web.rs:9:5
          expected  /etc/shadow: is empty
          actual    "root:*:0:::\n"
        "#);
    }

    #[test]
    fn a_file_that_is_missing_fails_all_but_absence() {
        insta::assert_snapshot!(report::of(|| expect!(missing()).exists()), @"
        expect!(missing()) at tests/web.rs:9:5
          expected  /etc/nothing: exists
          actual    absent
        ");
        insta::assert_snapshot!(report::of(|| expect!(missing()).is_file()), @"
        expect!(missing()) at tests/web.rs:9:5
          expected  /etc/nothing: file
          actual    absent
        ");
        insta::assert_snapshot!(report::of(|| expect!(missing()).mode(0o600)), @"
        expect!(missing()) at tests/web.rs:9:5
          expected  /etc/nothing: mode 0600
          actual    absent
        ");
        insta::assert_snapshot!(report::of(|| expect!(missing()).owner("root")), @"
        expect!(missing()) at tests/web.rs:9:5
          expected  /etc/nothing: owner root
          actual    absent
        ");
        insta::assert_snapshot!(report::of(|| expect!(missing()).size(0)), @"
        expect!(missing()) at tests/web.rs:9:5
          expected  /etc/nothing: 0 bytes
          actual    absent
        ");
        insta::assert_snapshot!(report::of(|| expect!(missing()).target("a")), @"
        expect!(missing()) at tests/web.rs:9:5
          expected  /etc/nothing: symbolic link to a
          actual    absent
        ");
        insta::assert_snapshot!(report::of(|| expect!(missing()).content()), @"
        expect!(missing()).content() at tests/web.rs:9:5
          expected  /etc/nothing: a file that can be read
          actual    absent
        ");
    }

    #[test]
    fn a_file_that_nobody_could_look_at_fails_all() {
        insta::assert_snapshot!(report::of(|| expect!(forbidden()).exists()), @"
        expect!(forbidden()) at tests/web.rs:9:5
          expected  /root/key: exists
          actual    not evaluated: Permission denied (os error 13)
        ");
        insta::assert_snapshot!(report::of(|| expect!(forbidden()).absent()), @"
        expect!(forbidden()) at tests/web.rs:9:5
          expected  /root/key: absent
          actual    not evaluated: Permission denied (os error 13)
        ");
        insta::assert_snapshot!(report::of(|| expect!(forbidden()).is_file()), @"
        expect!(forbidden()) at tests/web.rs:9:5
          expected  /root/key: file
          actual    not evaluated: Permission denied (os error 13)
        ");
        insta::assert_snapshot!(report::of(|| expect!(forbidden()).mode(0o600)), @"
        expect!(forbidden()) at tests/web.rs:9:5
          expected  /root/key: mode 0600
          actual    not evaluated: Permission denied (os error 13)
        ");
        insta::assert_snapshot!(report::of(|| expect!(forbidden()).owner("root")), @"
        expect!(forbidden()) at tests/web.rs:9:5
          expected  /root/key: owner root
          actual    not evaluated: Permission denied (os error 13)
        ");
        insta::assert_snapshot!(report::of(|| expect!(forbidden()).size(0)), @"
        expect!(forbidden()) at tests/web.rs:9:5
          expected  /root/key: 0 bytes
          actual    not evaluated: Permission denied (os error 13)
        ");
        insta::assert_snapshot!(report::of(|| expect!(forbidden()).target("a")), @"
        expect!(forbidden()) at tests/web.rs:9:5
          expected  /root/key: symbolic link to a
          actual    not evaluated: Permission denied (os error 13)
        ");
        insta::assert_snapshot!(report::of(|| expect!(forbidden()).content()), @"
        expect!(forbidden()).content() at tests/web.rs:9:5
          expected  /root/key: a file that can be read
          actual    not evaluated: Permission denied (os error 13)
        ");
        insta::assert_snapshot!(report::of(|| expect!(unreadable()).content()), @"
        expect!(unreadable()).content() at tests/web.rs:9:5
          expected  /root/key: a file that can be read
          actual    not evaluated: Input/output error (os error 5)
        ");
    }

    #[test]
    fn an_owner_that_is_none_fails() {
        for owner in ["", ":", "root:", "root:root:root"] {
            let report = report::of(|| expect!(shadow()).owner(owner));
            assert!(report.contains("not evaluated: an owner is `user:group`"), "{report}");
        }
    }
}
