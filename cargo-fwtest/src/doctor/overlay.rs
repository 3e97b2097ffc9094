use std::path::Path;

use super::examine::{Answer, Check};
use super::host::{Host, read};

pub const CHECK: Check = Check { name: "overlayfs", look };

fn look(_: &Host) -> Answer {
    let release = read("/proc/sys/kernel/osrelease");
    let module = Path::new("/lib/modules").join(release.trim()).join("kernel/fs/overlayfs");
    judge(&read("/proc/filesystems"), module.is_dir())
}

fn judge(filesystems: &str, module: bool) -> Answer {
    let loaded = filesystems.lines().any(|line| line.split('\t').nth(1) == Some("overlay"));
    match (loaded, module) {
        (true, _) => Answer::fine("in the kernel"),
        // A mount in a user namespace does not load it.
        (false, true) => Answer::missing(
            "its module is not loaded",
            "echo overlay | sudo tee /etc/modules-load.d/fwtest.conf && sudo modprobe overlay",
        ),
        (false, false) => {
            Answer::missing("not in this kernel", "boot a kernel with CONFIG_OVERLAY_FS")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::examine::State;
    use super::*;

    #[test]
    fn it_is_looked_up_by_its_whole_name() {
        let check = |text, module, state| assert_eq!(judge(text, module).state, state, "{text}");
        check("nodev\tsysfs\n\text4\nnodev\toverlay\n", false, State::Fine);
        check("nodev\toverlayfs2\n", false, State::Missing);
        check("nodev\tsysfs\n", true, State::Missing);
    }
}
