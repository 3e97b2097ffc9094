use super::confinement::CONTAINER;
use super::examine::{Answer, Check};
use super::host::Host;

/// The system call filter's listener: without it firmwares boot, and nobody knows what they attempt.
pub const CHECK: Check = Check { name: "recorder", look };

fn look(host: &Host) -> Answer {
    judge(host.sandbox.as_ref().ok().map(|sandbox| sandbox.means.recorder))
}

/// `here`: what a sandbox found, where one could be made.
fn judge(here: Option<bool>) -> Answer {
    match here {
        None => Answer::fine("not tried: there is no sandbox"),
        Some(true) => Answer::fine("attempts are answered and recorded"),
        Some(false) => Answer::degraded(
            "the system call filter has no listener: attempts are the kernel's to refuse, and not \
             told",
            CONTAINER,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::examine::State;
    use super::*;

    #[test]
    fn only_a_sandbox_knows() {
        assert_eq!(judge(None).state, State::Fine);
        assert_eq!(judge(Some(true)).state, State::Fine);
        assert_eq!(judge(Some(false)).state, State::Degraded);
    }
}
