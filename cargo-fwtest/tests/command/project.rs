//! Throw-away Cargo projects, and the real command run in them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Once;

use regex::Regex;

/// Has two packages whose test targets use a stand-in for the crate `fwtest`, and one without it.
/// Built in one place for all tests, for Cargo is slower than they are.
pub struct Project {
    root: PathBuf,
    directory: PathBuf,
}

const FILES: &[(&str, &str)] = &[
    (
        "fwtest.toml",
        "[firmware.router]\nrootfs = \"target/rootfs\"\n[firmware.camera]\nrootfs = \"target/rootfs\"\n",
    ),
    ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\nexclude = [\"target\"]\n"),
    ("fwtest/Cargo.toml", "[package]\nname = \"fwtest\"\nedition = \"2021\"\n"),
    ("fwtest/src/lib.rs", include_str!("fake.rs")),
    (
        "web/Cargo.toml",
        "[package]\nname = \"web\"\nedition = \"2021\"\n\
         [dev-dependencies]\nfwtest.path = \"../fwtest\"\n\
         [[test]]\nname = \"web\"\nharness = false\n\
         [[test]]\nname = \"again\"\nharness = false\n",
    ),
    ("web/src/lib.rs", ""),
    (
        "web/tests/web.rs",
        "fn main() { fwtest::main(&[\"router::web::passes\", \"router::web::fails\", \
         \"camera::web::passes\", \"camera::slow::ignored\"]) }",
    ),
    // What several sources have, the first of them runs.
    ("web/tests/again.rs", "fn main() { fwtest::main(&[\"router::web::passes\"]) }"),
    // Has a harness, but not ours.
    ("web/tests/plain.rs", "#[test] fn plain() { panic!(\"never run\") }"),
    (
        "odd/Cargo.toml",
        "[package]\nname = \"odd\"\nedition = \"2021\"\n\
         [dev-dependencies]\nfwtest.path = \"../fwtest\"\n\
         [[test]]\nname = \"odd\"\nharness = false\n\
         [[test]]\nname = \"broken\"\nharness = false\n\
         [[test]]\nname = \"uncompilable\"\nharness = false\nrequired-features = [\"uncompilable\"]\n\
         [features]\nuncompilable = []\n",
    ),
    ("odd/src/lib.rs", ""),
    (
        "odd/tests/odd.rs",
        "fn main() { fwtest::main(&[\"router::odd::environment\", \"router::odd::directories\", \
         \"router::odd::prints\", \"router::a::passes\", \"router::b::aborts\", \"router::c::exits\", \
         \"router::d::passes\", \"router::e::waits\", \"router::f::passes\", \"router::f::babbles\", \
         \"router::f::refuses\", \"router::unclean::passes\"]) }",
    ),
    ("odd/tests/broken.rs", "fn main() { fwtest::main(&[]) }"),
    ("odd/tests/uncompilable.rs", "fn main() { fwtest::no_such_function() }"),
    ("without/Cargo.toml", "[package]\nname = \"without\"\nedition = \"2021\"\n"),
    ("without/src/lib.rs", "compile_error!(\"never built\");"),
    ("without/tests/it.rs", ""),
];

impl Project {
    /// In the package `name`.
    pub fn at(name: &str) -> Project {
        static WRITTEN: Once = Once::new();
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("project");
        WRITTEN.call_once(|| {
            make_rootfs(&root.join("target"));
            for (path, text) in FILES {
                let path = root.join(path);
                // Cargo builds by mtime, so what is the same stays untouched.
                if fs::read_to_string(&path).is_ok_and(|found| found == *text) {
                    continue;
                }
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
        });
        Project { directory: root.join(name), root }
    }

    /// At the top of the workspace.
    pub fn top() -> Project {
        Project::at("")
    }

    pub fn fwtest(&self, line: &str) -> Command {
        let mut command = fwtest_in(&self.directory);
        command.args(line.split_whitespace());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, line: &str) -> Ran {
        ran(&mut self.fwtest(line), &self.root)
    }
}

/// What the fakes never boot, and the command looks at all the same. Several processes may make it.
fn make_rootfs(target: &Path) {
    let rootfs = target.join("rootfs");
    if rootfs.exists() {
        return;
    }
    fs::create_dir_all(target).unwrap();
    let half = tempfile::tempdir_in(target).unwrap();
    fixtures::minimal(&half.path().join("rootfs"), "exec sleep 1000");
    let moved = fs::rename(half.path().join("rootfs"), &rootfs);
    assert!(moved.is_ok() || rootfs.exists(), "{moved:?}");
}

/// The real command, with nothing of this run's environment that it would heed.
pub fn fwtest_in(directory: &Path) -> Command {
    fwtest_under(&[], directory)
}

/// The same, started by another program: what stands in `under` goes before it.
pub fn fwtest_under(under: &[&str], directory: &Path) -> Command {
    let binary = env!("CARGO_BIN_EXE_cargo-fwtest");
    let mut words = under.iter().copied().chain([binary, "fwtest"]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words).current_dir(directory).stdin(Stdio::null());
    for name in ["CI", "CARGO_TARGET_DIR", "FWTEST_KEEP", "INSTA_UPDATE", "INSTA_WORKSPACE_ROOT"] {
        command.env_remove(name);
    }
    // What makes this process a test of Cargo's is not the throw-away project's.
    for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"] {
        command.env_remove(name);
    }
    command.env("CARGO_NET_OFFLINE", "true");
    command
}

pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    /// Without what Cargo says.
    pub stderr: String,
}

impl Ran {
    /// The three in one text, for a snapshot.
    pub fn all(&self) -> String {
        let Ran { code, stdout, stderr } = self;
        let code = code.map_or("a signal".to_owned(), |code| code.to_string());
        format!("exit {code}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }
}

pub fn ran(command: &mut Command, root: &Path) -> Ran {
    tidy(command.output(), root)
}

/// Takes out what differs from run to run.
pub fn tidy(output: io::Result<Output>, root: &Path) -> Ran {
    let output = output.unwrap();
    let text =
        |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(root.to_str().unwrap(), "ROOT");
    let replace = |text: String, pattern, with| {
        Regex::new(pattern).unwrap().replace_all(&text, with).into_owned()
    };
    let stdout = replace(text(output.stdout), r"\[ *\d+\.\d{3}s\]", "[  TIME ]");
    let stdout = replace(stdout, r"in \d+\.\d\ds\n", "in TIME\n");
    // Cargo's lines begin with a verb in a column of its own.
    let stderr = replace(text(output.stderr), r"(?m)^ +(Compiling|Finished|Blocking) .*\n", "");
    // The host's, and the user's.
    let stderr = replace(stderr, r"(?m)^layers: user .*$", "layers: LAYERS");
    let stdout = replace(stdout, r"(?m)^( +\| )\+\d+\.\d\ds", "$1+TIME");
    let stdout = replace(stdout, r"running for \d+\.\d\d s", "running for TIME");
    Ran { code: output.status.code(), stdout, stderr }
}
