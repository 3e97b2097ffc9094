//! Throw-away repositories without Cargo: a firmware, a fwtest.toml and a suite.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::project::{Ran, fwtest_under, ran};

pub struct Repo {
    directory: TempDir,
}

/// With little room, so that what is told of it is the same everywhere.
pub const CONFIG: &str = "[firmware.router]\nrootfs = \"rootfs\"\nlimits = { storage = \"1M\" }\n";

/// Passes as soon as the firmware boots.
pub const SUITE: &str = "\
[[test]]
name = \"says_hello\"
steps = [{ exec = { run = [\"echo\", \"hello\"], stdout = \"hello\" } }]
";

impl Repo {
    /// A firmware with busybox, whose init is this script.
    pub fn with_init(script: &str) -> Repo {
        let repo = Repo::without_rootfs();
        fixtures::minimal(&repo.path("rootfs"), script);
        repo
    }

    /// A firmware that boots and does nothing.
    pub fn idle() -> Repo {
        Repo::with_init("exec sleep 1000")
    }

    /// All but the firmware's root file system.
    pub fn without_rootfs() -> Repo {
        let repo = Repo { directory: tempfile::tempdir().unwrap() };
        repo.write("fwtest.toml", CONFIG);
        repo.write("tests/web.fw.toml", SUITE);
        repo
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Replaces words in a file that has them.
    pub fn change(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(from), "{text}");
        self.write(path, &text.replace(from, to));
    }

    /// Adds lines to fwtest.toml, for the firmware.
    pub fn configure(&self, lines: &str) {
        self.write("fwtest.toml", &format!("{CONFIG}{lines}\n"));
    }

    pub fn fwtest(&self, under: &[&str]) -> Command {
        fwtest_under(under, self.directory.path())
    }

    pub fn run(&self, line: &str) -> Ran {
        self.ran(self.fwtest(&[]).args(line.split_whitespace()))
    }

    /// Runs the command by another program.
    pub fn run_under(&self, under: &[&str]) -> Ran {
        self.ran(&mut self.fwtest(under))
    }

    pub fn ran(&self, command: &mut Command) -> Ran {
        ran(command, self.directory.path())
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}
