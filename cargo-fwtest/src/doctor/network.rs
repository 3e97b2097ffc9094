use std::path::Path;

use rustix::fs::Access;

use super::examine::{Answer, Check};
use super::host::Host;

pub const CHECK: Check = Check { name: "network devices", look };

const TUN: &str = "/dev/net/tun";

fn look(_: &Host) -> Answer {
    let usable = Access::READ_OK | Access::WRITE_OK;
    judge(Path::new(TUN).exists(), rustix::fs::access(TUN, usable).is_ok())
}

/// Tests of a server need none: its sockets are made inside.
fn judge(exists: bool, usable: bool) -> Answer {
    match (exists, usable) {
        (_, true) => Answer::fine(TUN),
        (true, false) => Answer::degraded(
            format!("{TUN} may not be opened, so no link leads out of an instance"),
            format!("sudo chmod 0666 {TUN}"),
        ),
        (false, false) => Answer::degraded(
            format!("no {TUN}, so no link leads out of an instance"),
            "echo tun | sudo tee /etc/modules-load.d/fwtest-tun.conf && sudo modprobe tun",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::examine::State;
    use super::*;

    #[test]
    fn it_has_to_exist_and_to_open() {
        assert_eq!(judge(true, true).state, State::Fine);
        assert_eq!(judge(true, false).mend.as_deref(), Some("sudo chmod 0666 /dev/net/tun"));
        assert_eq!(judge(false, false).state, State::Degraded);
    }
}
