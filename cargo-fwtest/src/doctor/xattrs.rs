use std::io;

use rustix::fs::XattrFlags;

use super::examine::{Answer, Check};
use super::host::Host;

pub const CHECK: Check = Check { name: "tmpfs", look };

/// `TMPFS_MAGIC`, statfs(2)
const TMPFS: u64 = 0x0102_1994;

/// Overlayfs keeps its marks in such attributes; tmpfs has them from 6.6 on.
fn look(_: &Host) -> Answer {
    judge(try_on_tmpfs())
}

/// `None`: there is no tmpfs that we may write to.
fn try_on_tmpfs() -> Option<io::Result<()>> {
    let file = tempfile::tempfile_in("/dev/shm").ok()?;
    let kind = rustix::fs::fstatfs(&file).ok()?.f_type;
    (u64::try_from(kind).ok()? == TMPFS)
        .then(|| Ok(rustix::fs::fsetxattr(&file, "user.fwtest", b"", XattrFlags::empty())?))
}

fn judge(tried: Option<io::Result<()>>) -> Answer {
    match tried {
        Some(Ok(())) => Answer::fine("has user attributes"),
        Some(Err(_)) => Answer::degraded(
            "has no user attributes: a firmware cannot remove a directory that it was built with",
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
        assert_eq!(judge(Some(Ok(()))).state, State::Fine);
        let refused = io::Error::from_raw_os_error(95); // EOPNOTSUPP
        assert_eq!(judge(Some(Err(refused))).state, State::Degraded);
        assert_eq!(judge(None).state, State::Fine);
    }
}
