//! Control groups as cgroup2 shows them: a test's own, and what a run makes in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The control group that this process is in; `None` where no cgroup2 file system shows it.
#[must_use]
pub fn own() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let place = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (fields.next()?, fields.next()?);
        (kind == "cgroup2").then_some(point)
    })?;
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let path = Path::new(place).join(own);
    path.is_dir().then_some(path)
}

/// The groups below one, each before what is in it.
///
/// # Panics
/// When there is no such group, or it goes while we look.
#[must_use]
pub fn below(group: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![group.to_owned()]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).expect("a group") {
            let entry = entry.expect("an entry");
            if entry.file_type().expect("a kind").is_dir() {
                found.push(entry.path());
                open.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// A control group for a test, with this process in it: what runs of the test leave there is no
/// other's.
#[derive(Debug)]
pub struct Group {
    before: PathBuf,
    path: PathBuf,
}

impl Group {
    /// `None` where this user may make none: its runs have none either, then.
    #[must_use]
    pub fn enter(name: &str) -> Option<Self> {
        let before = own()?;
        let path = before.join(name);
        fs::create_dir(&path).ok()?;
        let group = Self { before, path };
        // Dropped again where it takes no process.
        move_to(&group.path).ok()?;
        Some(group)
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it.
    #[must_use]
    pub fn below(&self) -> Vec<PathBuf> {
        below(&self.path)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = move_to(&self.before);
        // After a failure there may be more: from the bottom up.
        for path in below(&self.path).iter().rev() {
            let _ = fs::remove_dir(path);
        }
        let _ = fs::remove_dir(&self.path);
    }
}

/// This process, with all its threads.
fn move_to(group: &Path) -> io::Result<()> {
    fs::write(group.join("cgroup.procs"), "0")
}
