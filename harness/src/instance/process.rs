//! The guest's processes, as they were when they were looked at.

use serde::{Deserialize, Serialize};

/// One process of the guest: proc_pid_stat(5), proc_pid_status(5), proc_pid_cmdline(5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its pid inside the instance.
    pub pid: i32,
    /// Its parent's pid inside the instance, 0 for init and for what the harness runs there.
    pub parent: i32,
    /// The kernel's name of it: at most 15 bytes.
    pub comm: String,
    /// Its arguments; empty for a zombie.
    pub argv: Vec<String>,
    /// Effective user, as the guest has it.
    pub uid: u32,
    /// proc_pid_stat(5)'s letter: R, S, D, Z, T, …
    pub state: char,
}

impl Process {
    /// What the process goes by: the last component of `argv[0]` or its comm; for a shell script
    /// the script's.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        let base = |path: &str| path.trim_start_matches('-').rsplit('/').next() == Some(name);
        self.comm == name
            || self.argv.first().is_some_and(|argv0| base(argv0))
            || self.argv.get(1).is_some_and(|script| script.starts_with('/') && base(script))
    }
}

/// The guest's processes, by pid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processes(pub Vec<Process>);
