//! A repository with one firmware, and runs of the real command in it.

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, WaitOptions, set_child_subreaper, waitpid};
use tempfile::TempDir;
use tests::groups::Group;
use tests::host::{Host, MARK};
use tests::process;

/// How long all of a run may take to be gone, from the moment when its end was certain.
pub const GONE: Duration = Duration::from_secs(5);

/// A directory with a fwtest.toml, a firmware and suites. One at a time in a process: what outlives
/// its parent comes to this process, and must not be another test's; hence `serial` on the tests.
pub struct Repo {
    directory: TempDir,
    mark: String,
    /// Where this process is meanwhile, and so its runs.
    group: Option<Group>,
}

impl Repo {
    /// With a firmware whose init is the script, and one suite.
    pub fn new(init: &str, suite: &str) -> Self {
        set_child_subreaper(Some(rustix::process::getpid())).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let mark = format!("mark-{}-{}", std::process::id(), now.as_nanos());
        // Not below the target directory: there every run would build the project around it.
        let directory = TempDir::with_prefix("nothing-left-").unwrap();
        let group = Group::enter(&mark);
        let repo = Self { directory, mark, group };
        fixtures::minimal(&repo.path("firmware"), init);
        fs::create_dir(repo.temporary()).unwrap();
        let config = format!(
            "[firmware.mini]\nrootfs = \"firmware\"\nenv = {{ {MARK} = \"{}\" }}\n",
            repo.mark
        );
        fs::write(repo.path("fwtest.toml"), config).unwrap();
        repo.write_suite(suite);
        repo
    }

    /// In the suite `<mark>` stands for the mark.
    pub fn write_suite(&self, suite: &str) {
        let text = format!("firmware = \"mini\"\n{}", suite.replace("<mark>", &self.mark));
        fs::write(self.path("story.fw.toml"), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The TMPDIR of its runs, and of nothing else.
    pub fn temporary(&self) -> PathBuf {
        self.path("tmp")
    }

    pub fn mark(&self) -> &str {
        &self.mark
    }

    pub fn look(&self) -> Host {
        Host::look(&self.mark, &self.temporary(), self.group.as_ref())
    }

    /// Panics unless all is as `before`, but for the control groups of one run: those that its maker
    /// had no time to remove. Nobody is in them. The next run removes them.
    #[track_caller]
    pub fn assert_only_groups_left(&self, before: &Host, what: &str) {
        let mut now = self.look();
        let groups = now.take_groups();
        assert_eq!(now, *before, "{what}");
        if let Some(run) = groups.first() {
            assert!(groups.iter().all(|group| group.starts_with(run)), "{what}: {groups:#?}");
        }
        for group in groups {
            let procs = fs::read_to_string(group.join("cgroup.procs")).unwrap();
            assert_eq!(procs, "", "{what}: {}", group.display());
        }
    }

    /// Whether runs have control groups here.
    pub fn has_groups(&self) -> bool {
        self.group.is_some()
    }

    /// `cargo fwtest`, marked.
    pub fn fwtest(&self, arguments: &[&str]) -> Command {
        let mut command = self.program();
        command.arg("fwtest").args(["--keep", "none"]).args(arguments);
        command
    }

    /// A test binary that somebody else runs, as cargo test and nextest do: it makes its launcher.
    pub fn test_binary(&self) -> Command {
        let mut command = self.program();
        command.arg("__suites").env("FWTEST_CONFIG", self.path("fwtest.toml"));
        command.env("FWTEST_KEEP", "none").env("INSTA_WORKSPACE_ROOT", self.directory.path());
        command
    }

    fn program(&self) -> Command {
        let mut command = Command::new(program());
        // The launcher and the keepers are copies, and have these arguments and this environment.
        command.arg0(format!("cargo-fwtest-{}", self.mark)).env(MARK, &self.mark);
        command.env("TMPDIR", self.temporary()).current_dir(self.directory.path());
        for name in [
            "CI",
            "FWTEST_KEEP",
            "FWTEST_CONFIG",
            "INSTA_UPDATE",
            "INSTA_WORKSPACE_ROOT",
            "NEXTEST",
        ] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null());
        command
    }
}

/// The command beside this test: built by `cargo build --workspace`, as the whole suite does first.
fn program() -> PathBuf {
    let ours = std::env::current_exe().unwrap();
    let debug = ours.ancestors().find(|path| !path.ends_with("deps") && path.is_dir()).unwrap();
    let program = debug.join("cargo-fwtest");
    assert!(
        program.is_file(),
        "{} is missing: `cargo build --workspace` makes it",
        program.display()
    );
    program
}

/// A process that we started, and all that comes of it.
pub struct Run {
    pub pid: i32,
    pub pidfd: OwnedFd,
    started: Instant,
    status: Option<ExitStatus>,
    output: Option<std::process::ChildStdout>,
    errors: Option<std::process::ChildStderr>,
}

/// What became of it.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    /// How long it took until nothing of it was left.
    pub took: Duration,
    /// Standard output, then standard error.
    pub said: String,
}

impl Run {
    /// Both outputs go into pipes that hold more than a run ever writes, and are read at its end.
    #[expect(clippy::zombie_processes, reason = "`gone_within` waits for all that are ours")]
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self::over(child.id(), child.stdout.take(), child.stderr.take())
    }

    /// The same for one whose outputs go elsewhere.
    pub fn start_silent(command: &mut Command) -> Self {
        Self::over(command.spawn().unwrap().id(), None, None)
    }

    fn over(
        pid: u32,
        output: Option<std::process::ChildStdout>,
        errors: Option<std::process::ChildStderr>,
    ) -> Self {
        let pid = i32::try_from(pid).unwrap();
        let pidfd = process::open(pid).unwrap();
        Self { pid, pidfd, started: Instant::now(), status: None, output, errors }
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub fn signal(&self, signal: Signal) {
        process::signal(&self.pidfd, signal);
    }

    /// Between two looks at procfs: the kernel tells nobody of a process that appears. Short, so
    /// that no stage is missed, and not nothing, so that the run has a processor.
    pub fn pause(&self) {
        process::wait(&self.pidfd, Instant::now() + Duration::from_micros(100));
    }

    /// Whether the process that we started has ended, whatever goes on below it.
    pub fn over_already(&self) -> bool {
        process::wait(&self.pidfd, Instant::now())
    }

    /// Waits until all of it is gone: it, and everything that comes to us when it loses its parent.
    /// The pid namespace of a launcher is gone when the launcher is. Panics when that takes longer
    /// than `patience`, with what is left.
    #[track_caller]
    pub fn gone_within(mut self, patience: Duration) -> Ended {
        let begin = Instant::now();
        let deadline = begin + patience;
        while let Some(child) = process::children(own_pid()).pop() {
            // It cannot be another process by now: it is our child, and we have not waited for it.
            let pidfd = process::open(child).expect("a child stays until it is waited for");
            if !process::wait(&pidfd, deadline) {
                let left = self.left();
                self.kill_all();
                panic!("not gone within {patience:?}:\n  {}", left.join("\n  "));
            }
            let pid = Pid::from_raw(child).unwrap();
            let (_, status) = waitpid(Some(pid), WaitOptions::empty()).unwrap().unwrap();
            if child == self.pid {
                self.status = Some(ExitStatus::from_raw(status.as_raw()));
            }
        }
        let took = begin.elapsed();
        // Whoever could write has ended: these are at their ends.
        let mut said = String::new();
        if let Some(mut output) = self.output.take() {
            output.read_to_string(&mut said).unwrap();
        }
        if let Some(mut errors) = self.errors.take() {
            errors.read_to_string(&mut said).unwrap();
        }
        Ended { status: self.status.expect("it was our child"), took, said }
    }

    /// What is still there, children after their parents.
    fn left(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = process::children(own_pid());
        while let Some(pid) = open.pop() {
            found.push(process::describe(pid));
            open.extend(process::children(pid));
        }
        found
    }

    /// So that a failure is one failure: the next test finds a clean host.
    fn kill_all(&self) {
        for pid in process::children(own_pid()) {
            if let Some(pidfd) = process::open(pid) {
                process::signal(&pidfd, Signal::KILL);
            }
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // A test that has failed in between.
        if self.status.is_none() {
            self.kill_all();
        }
    }
}

fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}
