use std::path::Path;

use super::examine::{Answer, Check};
use super::host::Host;
use crate::engine::MaskKind;

/// What lies over /proc/sysrq-trigger: with /dev/fuse it tells who wrote there.
pub const CHECK: Check = Check { name: "sysrq", look };

fn look(host: &Host) -> Answer {
    let here = host.sandbox.as_ref().ok().map(|sandbox| sandbox.means.mask);
    judge(here, Path::new("/dev/fuse").exists())
}

/// `here`: what a sandbox found, where one could be made; `device`: whether there is a /dev/fuse.
fn judge(here: Option<MaskKind>, device: bool) -> Answer {
    match here {
        None => Answer::fine("not tried: there is no sandbox"),
        Some(MaskKind::Fuse) => Answer::fine("masked by a file system of ours"),
        Some(MaskKind::NoFile) => Answer::fine("this kernel has none"),
        Some(MaskKind::Fifo) => Answer::degraded(
            "masked by a FIFO, for instances cannot open /dev/fuse",
            match device {
                true => "sudo chmod 666 /dev/fuse",
                false => "sudo modprobe fuse, or docker run --device /dev/fuse …",
            },
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::examine::State;
    use super::*;

    #[test]
    fn a_fifo_is_less_than_a_file_system() {
        for kind in [None, Some(MaskKind::Fuse), Some(MaskKind::NoFile)] {
            assert_eq!(judge(kind, false).state, State::Fine);
        }
        let mend = |device| judge(Some(MaskKind::Fifo), device).mend.unwrap();
        assert_eq!(mend(true), "sudo chmod 666 /dev/fuse");
        assert!(mend(false).starts_with("sudo modprobe fuse"));
    }
}
