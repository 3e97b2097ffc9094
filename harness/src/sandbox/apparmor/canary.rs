//! A throw-away process under the profile tries what it must refuse and what it must report, before
//! any firmware runs under it: parsers and kernels have left out rules without a word.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use rustix::mount::MountFlags;
use serde::{Deserialize, Serialize};

use super::super::channel::Channel;
use super::super::fault::{During, Fault, Role, Step, StepError};
use super::super::launcher::{STAGE, mount};
use super::super::sys;
use super::enter::Entrance;

/// What it has to say: how it fared. What it was to be refused is the errno of that; the records
/// are the harness's to look at.
#[derive(Debug, Serialize, Deserialize)]
struct Song(Result<(), Fault>);

/// Makes one, in the launcher, and waits for it. `label` is where it has to be.
#[expect(unsafe_code, reason = "clones a process")]
pub(crate) fn fly(label: &str) -> Result<(), StepError> {
    let (ours, theirs) = Channel::<(), Song>::pair().during(|| Step::Talk)?;
    // SAFETY: the launcher has one thread.
    match unsafe { sys::clone(0, None) }.during(|| Step::Clone(Role::Canary))? {
        sys::Cloned::Child => {
            keep_only(theirs.as_raw_fd());
            let song = Song(try_all(label).map_err(Fault::from));
            let _ = theirs.send(&song, &[]);
            sys::exit_now(0)
        }
        sys::Cloned::Parent { pid, .. } => {
            drop(theirs);
            let song = ours.receive().during(|| Step::Clone(Role::Canary));
            // It is our child, and ends after its one message.
            let _ = waitpid(Pid::from_raw(pid), None);
            match song? {
                Some((Song(result), _)) => result.map_err(StepError::from),
                None => Err(io::Error::from_raw_os_error(libc::ECHILD))
                    .during(|| Step::Clone(Role::Canary)),
            }
        }
    }
}

#[expect(unsafe_code, reason = "closes what this process was born with")]
fn keep_only(channel: i32) {
    // SAFETY: the values that own the others are the launcher's, in a copy that never runs.
    if unsafe { sys::close_all_but(&[channel]) }.is_err() {
        sys::exit_now(1);
    }
}

fn try_all(label: &str) -> Result<(), StepError> {
    let entrance = Entrance::open()?;
    entrance.enter(label)?;
    // What must be reported: a file of that name which we may write to takes a file system for it.
    unshare(CloneFlags::CLONE_NEWNS).during(|| Step::Unshare)?;
    mount("tmpfs", STAGE, "tmpfs", MountFlags::NODEV, "size=4k")?;
    let path = format!("{STAGE}/sysrq-trigger");
    File::create(&path).during(|| Step::Create(path))?;
    // What must be refused.
    match entrance.change("unconfined") {
        Err(error) if error.raw_os_error() == Some(libc::EACCES) => Ok(()),
        Err(error) => Err(error).during(|| Step::EnterProfile("unconfined".to_owned())),
        Ok(()) => Err(io::Error::from_raw_os_error(libc::EPERM)).during(|| Step::StayConfined),
    }
}
