use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use regex::Regex;
use tempfile::TempDir;

/// A throw-away project with a fwtest.toml that has the fixture `router`, and whatever files a test
/// wants.
#[derive(Debug)]
pub struct Project {
    directory: PathBuf,
    /// Removed, or let go for the next one, when the project is dropped.
    _place: Place,
}

#[derive(Debug)]
enum Place {
    Temporary { _directory: TempDir },
    Shared { _held: File },
}

const PACKAGE: &str = r#"[package]
name = "@NAME@"
edition = "2024"

[dev-dependencies]
fwtest.path = "@HARNESS@"

[[test]]
name = "web"
harness = false

# Nobody looks at its backtraces, and it is linked often.
[profile.dev]
debug = false

[workspace]
"#;

impl Project {
    /// Without a Cargo.toml, here or above: path and text of its other files.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn without_package(files: &[(&str, &str)]) -> Self {
        let place = tempfile::tempdir().expect("a temporary directory");
        let directory = place.path().to_owned();
        Self { directory, _place: Place::Temporary { _directory: place } }.with(files)
    }

    /// With a Cargo package of that name, whose test target `web` uses the crate `fwtest` of this
    /// tree. It is found again by its name, so that Cargo need not build it anew each time, and two
    /// tests that want it wait for each other. Its dependencies are built once for all projects,
    /// from what is here.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn with_package(name: &str, files: &[(&str, &str)]) -> Self {
        let projects = scratch().join("projects");
        fs::create_dir_all(&projects).expect("a directory of ours");
        let held = File::create(projects.join(format!("{name}.lock"))).expect("a new file");
        held.lock().expect("a file can be locked");

        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member's parent");
        let harness = workspace.join("harness");
        // Packages of one name at two places are built into the same files.
        let manifest = PACKAGE
            .replace("@NAME@", name)
            .replace("@HARNESS@", harness.to_str().expect("a path in UTF-8"));
        // The same versions as here: no others are downloaded.
        let lock = fs::read_to_string(workspace.join("Cargo.lock")).expect("the workspace has it");
        let mut files = files.to_vec();
        files.extend([("Cargo.toml", &*manifest), ("Cargo.lock", &*lock), ("src/lib.rs", "")]);
        Self { directory: projects.join(name), _place: Place::Shared { _held: held } }.with(&files)
    }

    /// Has these files and no others.
    fn with(self, files: &[(&str, &str)]) -> Self {
        let config = format!(
            "[firmware.router]\nrootfs = {:?}\nready = [{{ log = {:?} }}]\n",
            fixtures::router(),
            fixtures::model::ROUTER.boot_line,
        );
        let files = files.iter().copied().chain([("fwtest.toml", &*config)]);
        fs::create_dir_all(&self.directory).expect("a directory of ours");
        let wanted = files.clone().map(|(path, _)| self.path(path)).collect();
        remove_all_but(&wanted, &self.directory);
        for (path, text) in files {
            self.write(path, text);
        }
        self
    }

    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    /// # Panics
    /// When it is not there.
    #[must_use]
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        let path = self.path(path);
        fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("failed to read {}: {error}", path.display()))
    }

    /// Writes a file, unless it is so already: Cargo builds by the time of the last change.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        if fs::read_to_string(&path).is_ok_and(|found| found == text) {
            return;
        }
        fs::create_dir_all(path.parent().expect("it is in the project")).expect("a directory");
        fs::write(&path, text).expect("a file of the project");
    }

    /// `cargo fwtest` with these arguments, at the project.
    #[must_use]
    pub fn fwtest(&self, line: &str) -> Command {
        let mut command = self.command(cargo_fwtest());
        command.arg("fwtest").args(line.split_whitespace());
        command
    }

    /// `cargo` with these arguments, at the project.
    #[must_use]
    pub fn cargo(&self, line: &str) -> Command {
        let mut command = self.command("cargo");
        command.args(line.split_whitespace());
        command
    }

    /// A program at the project, with nothing of this run's environment that it would heed.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        // Builds all dependencies the first time; what takes longer hangs.
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", "900"]).arg(program);
        command.current_dir(&self.directory).stdin(Stdio::null()).env_clear();
        for name in [
            "PATH",
            "HOME",
            "USER",
            "LOGNAME",
            "TMPDIR",
            "CARGO_HOME",
            "RUSTUP_HOME",
            "RUSTUP_TOOLCHAIN",
        ] {
            command.envs(env::var_os(name).map(|value| (name, value)));
        }
        command.envs([("CARGO_NET_OFFLINE", "true"), ("CARGO_TERM_COLOR", "never")]);
        command.env("CARGO_TARGET_DIR", scratch().join("build"));
        // All projects share that directory, and kept files would meet in it.
        command.env("FWTEST_KEEP", "none");
        command
    }
}

fn remove_all_but(wanted: &BTreeSet<PathBuf>, directory: &Path) {
    for entry in fs::read_dir(directory).expect("a directory of ours") {
        let entry = entry.expect("an entry");
        let path = entry.path();
        if !entry.file_type().expect("a kind").is_dir() {
            if !wanted.contains(&path) {
                fs::remove_file(&path).expect("a file of ours");
            }
        } else if wanted.iter().any(|file| file.starts_with(&path)) {
            remove_all_but(wanted, &path);
        } else {
            fs::remove_dir_all(&path).expect("a directory of ours");
        }
    }
}

/// The real command, built by `cargo build --workspace` and by the runs of all tests.
///
/// # Panics
/// When it is not there.
#[must_use]
pub fn cargo_fwtest() -> PathBuf {
    let test = env::current_exe().expect("a test has a path");
    let command = test.ancestors().nth(2).expect("it is in `deps`").join("cargo-fwtest");
    assert!(
        command.is_file(),
        "there is no {}: build it with `cargo build -p cargo-fwtest`",
        command.display()
    );
    command
}

/// A command that has ended, and what it wrote.
#[derive(Clone, Debug)]
pub struct Ran {
    /// None: it was killed.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Runs it to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    #[track_caller]
    pub fn of(mut command: Command) -> Self {
        match command.output() {
            Ok(Output { status, stdout, stderr }) => {
                // Colors are for whoever looks, and some runners show them in any case.
                let plain = Regex::new("\x1b\\[[0-9;]*m").expect("a pattern");
                let text = |bytes: &[u8]| {
                    plain.replace_all(&String::from_utf8_lossy(bytes), "").into_owned()
                };
                Self { code: status.code(), stdout: text(&stdout), stderr: text(&stderr) }
            }
            Err(error) => panic!("failed to run {command:?}: {error}"),
        }
    }

    /// The same output, of a command that ended with `code`.
    ///
    /// # Panics
    /// When it ended with another one; shows all that it wrote.
    #[must_use]
    #[track_caller]
    pub fn ended_with(self, code: i32) -> Self {
        let Self { code: ended, stdout, stderr } = &self;
        assert_eq!(*ended, Some(code), "\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
        self
    }
}

/// Where the tests of this user leave what they may find again.
pub(crate) fn scratch() -> PathBuf {
    let place = match fixtures::own_directory() {
        Ok(place) => place.join("tests"),
        Err(error) => panic!("{error}"),
    };
    fs::create_dir_all(&place).expect("a directory of ours");
    place
}
