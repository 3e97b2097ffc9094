use std::path::Path;

use rustix::fs::Access;

use super::examine::{Answer, Check};
use super::host::{Host, read};

pub const CHECK: Check = Check { name: "cgroups", look };

const ROOT: &str = "/sys/fs/cgroup";

/// What a limit of fwtest.toml needs.
const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

fn look(_: &Host) -> Answer {
    // A host with both versions names a cgroup of the second, and has it mounted elsewhere or not.
    let unified = Path::new(ROOT).join("cgroup.controllers").exists();
    let text = read("/proc/self/cgroup");
    let Some(own) = own_cgroup(&text).filter(|_| unified) else { return judge(None) };
    let directory = Path::new(ROOT).join(own.trim_start_matches('/'));
    let writable = rustix::fs::access(&directory, Access::WRITE_OK).is_ok()
        && rustix::fs::access(directory.join("cgroup.procs"), Access::WRITE_OK).is_ok();
    judge(Some((writable, &read(directory.join("cgroup.controllers")))))
}

/// cgroups(7), “/proc files”: of version 2 it is the line that begins with `0::`.
fn own_cgroup(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("0::"))
}

/// Whether ours is writable, and the controllers in it.
fn judge(own: Option<(bool, &str)>) -> Answer {
    const DELEGATE: &str = "systemd-run --user --scope -p Delegate=yes cargo fwtest";
    const UNLIMITED: &str = "so `limits` of memory, pids and cpu do not hold";
    let Some((writable, controllers)) = own else {
        return Answer::degraded(
            format!("version 2 is not mounted, {UNLIMITED}"),
            "boot with systemd.unified_cgroup_hierarchy=1",
        );
    };
    let has = |name: &&&str| !controllers.split_whitespace().any(|found| found == **name);
    let lacking: Vec<&str> = CONTROLLERS.iter().filter(has).copied().collect();
    match (writable, &lacking[..]) {
        (false, _) => {
            Answer::degraded(format!("ours is not delegated to us, {UNLIMITED}"), DELEGATE)
        }
        (true, []) => Answer::fine("delegated, with cpu, memory and pids"),
        (true, lacking) => Answer::degraded(
            format!("delegated without {}, {UNLIMITED}", lacking.join(" and ")),
            DELEGATE,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_cgroup_is_the_unified_one() {
        assert_eq!(own_cgroup("0::/user.slice/a b.scope\n"), Some("/user.slice/a b.scope"));
        assert_eq!(own_cgroup("4:memory:/x\n0::/y\n"), Some("/y"));
        assert_eq!(own_cgroup("4:memory:/x\n"), None);
    }

    #[test]
    fn a_limit_needs_a_controller_that_is_ours() {
        let check = |own, what: &str| assert_eq!(judge(own).what.split(", so").next(), Some(what));
        check(Some((true, "cpuset cpu io memory pids\n")), "delegated, with cpu, memory and pids");
        check(Some((true, "memory pids\n")), "delegated without cpu");
        check(Some((true, "cpuset\n")), "delegated without cpu and memory and pids");
        check(Some((false, "cpu memory pids\n")), "ours is not delegated to us");
        check(None, "version 2 is not mounted");
    }
}
