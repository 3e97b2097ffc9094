use std::error::Error;

use super::examine::{Answer, Check};
use super::host::Host;
use crate::engine::{GroupError, Launcher};

/// What systemd as a firmware's pid 1 cannot do without; others boot either way.
pub const CHECK: Check = Check { name: "cgroup", look };

fn look(host: &Host) -> Answer {
    judge(host.is_root(), Launcher::try_group())
}

fn judge(root: bool, tried: Result<(), GroupError>) -> Answer {
    let error = match tried {
        Ok(()) => return Answer::fine("each instance has its own, of version 2"),
        Err(error) => error,
    };
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    let mend = match (&error, root) {
        (GroupError::NoHierarchy, true) => {
            "mount -t cgroup2 none /sys/fs/cgroup/unified, or boot with \
             `systemd.unified_cgroup_hierarchy=1`"
        }
        (GroupError::NoHierarchy, false) => "boot with `systemd.unified_cgroup_hierarchy=1`",
        (GroupError::Refused { .. }, false) => {
            "systemd-run --user --scope -p Delegate=yes cargo fwtest"
        }
        (GroupError::OutOfSight, _) | (GroupError::Refused { .. }, true) => {
            "docker run --cgroupns=private --security-opt writable-cgroups=true …"
        }
    };
    Answer::degraded(format!("instances have none: {error}{cause}"), mend)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::super::examine::State;
    use super::*;

    #[test]
    fn a_user_is_told_how_to_have_one_delegated() {
        assert_eq!(judge(false, Ok(())).state, State::Fine);
        let refused = || GroupError::Refused {
            path: "/sys/fs/cgroup/user.slice/session-2.scope".into(),
            source: io::Error::from_raw_os_error(13), // EACCES
        };
        let answer = judge(false, Err(refused()));
        assert_eq!(
            answer.what,
            "instances have none: failed to make a group in \
             /sys/fs/cgroup/user.slice/session-2.scope: Permission denied (os error 13)"
        );
        let mend = answer.mend.unwrap();
        assert_eq!(mend, "systemd-run --user --scope -p Delegate=yes cargo fwtest");
        assert!(judge(true, Err(refused())).mend.unwrap().starts_with("docker run "));
        let none = judge(false, Err(GroupError::NoHierarchy));
        assert_eq!(none.what, "instances have none: no cgroup2 file system is mounted");
    }
}
