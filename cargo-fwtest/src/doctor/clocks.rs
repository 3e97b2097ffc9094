use std::path::Path;

use super::confinement::CONTAINER;
use super::examine::{Answer, Check};
use super::host::{Host, read};

/// Time namespaces: without them firmwares boot, and their uptime is the host's.
pub const CHECK: Check = Check { name: "clocks", look };

fn look(host: &Host) -> Answer {
    let here = host.sandbox.as_ref().ok().map(|sandbox| sandbox.means.time_namespace);
    let known = Path::new("/proc/self/ns/time").exists();
    judge(here, known, read("/proc/sys/user/max_time_namespaces").trim())
}

/// `here`: what a sandbox found, where one could be made; `known`: to the kernel; `most`: the limit.
fn judge(here: Option<bool>, known: bool, most: &str) -> Answer {
    let mend = match here {
        None => return Answer::fine("not tried: there is no sandbox"),
        Some(true) => return Answer::fine("each instance has its own: its uptime begins at 0"),
        Some(false) if !known => "boot a kernel with CONFIG_TIME_NS",
        Some(false) if most == "0" => {
            "echo user.max_time_namespaces=65536 | sudo tee -a /etc/sysctl.d/60-fwtest.conf && \
             sudo sysctl --system"
        }
        Some(false) => CONTAINER,
    };
    Answer::degraded("an instance has no time namespace: its uptime is the host's", mend)
}

#[cfg(test)]
mod tests {
    use super::super::examine::State;
    use super::*;

    #[test]
    fn each_reason_has_a_mend() {
        assert_eq!(judge(None, true, "0").state, State::Fine);
        assert_eq!(judge(Some(true), true, "100").state, State::Fine);
        let check = |known, most, mend: &str| {
            let answer = judge(Some(false), known, most);
            assert_eq!(answer.state, State::Degraded);
            assert!(answer.mend.as_ref().unwrap().contains(mend), "{answer:?}");
        };
        check(false, "", "CONFIG_TIME_NS");
        check(true, "0", "max_time_namespaces=65536");
        check(true, "100", "seccomp=unconfined");
    }
}
