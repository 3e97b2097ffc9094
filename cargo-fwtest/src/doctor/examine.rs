use super::host::Host;
use crate::exit::Exit;

/// Every check, in the order in which a host is mended.
const CHECKS: &[&Check] = &[
    &super::kernel::CHECK,
    &super::user_namespaces::CHECK,
    &super::confinement::CHECK,
    &super::proc::CHECK,
    &super::overlay::CHECK,
    &super::xattrs::CHECK,
    &super::cgroup::CHECK,
    &super::clocks::CHECK,
    &super::recorder::CHECK,
    &super::mask::CHECK,
    &super::id_programs::CHECK,
    &super::id_ranges::CHECK,
    &super::open_files::CHECK,
    &super::apparmor::CHECK,
    &super::sandbox::CHECK,
];

pub struct Check {
    pub name: &'static str,
    pub look: fn(&Host) -> Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Fine,
    /// Firmwares boot, with less.
    Degraded,
    /// No firmware boots.
    Missing,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Fine => "ok",
            State::Degraded => "degraded",
            State::Missing => "missing",
        }
    }
}

/// What a check found: what is there, and if that is too little, the command that mends it.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub state: State,
    pub what: String,
    pub mend: Option<String>,
}

impl Answer {
    pub fn fine(what: impl Into<String>) -> Answer {
        Answer { state: State::Fine, what: what.into(), mend: None }
    }

    pub fn degraded(what: impl Into<String>, mend: impl Into<String>) -> Answer {
        Answer { state: State::Degraded, what: what.into(), mend: Some(mend.into()) }
    }

    pub fn missing(what: impl Into<String>, mend: impl Into<String>) -> Answer {
        Answer { state: State::Missing, what: what.into(), mend: Some(mend.into()) }
    }
}

#[derive(Debug)]
pub struct Finding {
    pub check: &'static str,
    pub state: State,
    pub what: String,
    pub mend: Option<String>,
}

pub fn examine() -> Vec<Finding> {
    let host = Host::look();
    let find = |check: &&Check| {
        let Answer { state, what, mend } = (check.look)(&host);
        Finding { check: check.name, state, what, mend }
    };
    CHECKS.iter().map(find).collect()
}

/// Success if a firmware can boot.
pub fn verdict(findings: &[Finding]) -> Exit {
    match findings.iter().any(|finding| finding.state == State::Missing) {
        true => Exit::SetUp,
        false => Exit::Passed,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_check_has_a_row_and_a_name_of_its_own() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/doctor");
        let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let checks = files.filter(|path| {
            let text = fs::read_to_string(path).unwrap();
            text.lines().any(|line| line.starts_with("pub const CHECK: Check"))
        });
        assert_eq!(checks.count(), CHECKS.len());
        let names: HashSet<_> = CHECKS.iter().map(|check| check.name).collect();
        assert_eq!(names.len(), CHECKS.len());
    }
}
