use std::io;

use rustix::fs::XattrFlags;

use super::examine::{Answer, Check};
use super::host::Host;
use crate::engine::disk_place;

pub const CHECK: Check = Check { name: "tmpfs", look };

/// `TMPFS_MAGIC`, statfs(2)
const TMPFS: u64 = 0x0102_1994;

/// Overlayfs keeps its marks in such attributes; tmpfs has them from 6.6 on.
fn look(_: &Host) -> Answer {
    judge(try_on_tmpfs(), disk_place().is_ok())
}

/// `None`: there is no tmpfs that we may write to.
fn try_on_tmpfs() -> Option<io::Result<()>> {
    let file = tempfile::tempfile_in("/dev/shm").ok()?;
    let kind = rustix::fs::fstatfs(&file).ok()?.f_type;
    (u64::try_from(kind).ok()? == TMPFS)
        .then(|| Ok(rustix::fs::fsetxattr(&file, "user.fwtest", b"", XattrFlags::empty())?))
}

/// `disk`: whether a disk stands in where tmpfs will not do.
fn judge(tried: Option<io::Result<()>>, disk: bool) -> Answer {
    match tried {
        Some(Ok(())) => Answer::fine("has user attributes"),
        Some(Err(_)) => Answer::degraded(
            match disk {
                true => "has no user attributes: instances write to disk, and without a limit",
                false => {
                    "has no user attributes: a firmware cannot remove a directory that it was \
                     built with; `XDG_CACHE_HOME` on ext4, xfs or btrfs would do instead"
                }
            },
            "boot a kernel of 6.6 or later, with CONFIG_TMPFS_XATTR",
        ),
        None => Answer::fine("not tried: no writable /dev/shm"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::examine::State;
    use super::*;

    #[test]
    fn without_attributes_there_is_less() {
        let refused = || Some(Err(io::Error::from_raw_os_error(95))); // EOPNOTSUPP
        assert_eq!(judge(Some(Ok(())), false).state, State::Fine);
        assert_eq!(judge(None, false).state, State::Fine);
        for (disk, words) in [(true, "write to disk"), (false, "cannot remove a directory")] {
            let answer = judge(refused(), disk);
            assert_eq!(answer.state, State::Degraded);
            assert!(answer.what.contains(words), "{}", answer.what);
        }
    }
}
