use super::examine::{Answer, Check};
use super::host::{Host, read};

pub const CHECK: Check = Check { name: "kernel", look };

/// The oldest that has all that a boot needs.
const NEEDED: (u32, u32) = (5, 15);
/// The oldest that has all that fwtest offers.
const WHOLE: (u32, u32) = (6, 8);

fn look(_: &Host) -> Answer {
    judge(read("/proc/sys/kernel/osrelease").trim())
}

fn judge(release: &str) -> Answer {
    const MEND: &str = "install your distribution's newest kernel";
    match version(release) {
        None => Answer::degraded(format!("`{release}` is no version that we know"), MEND),
        Some(found) if found < NEEDED => {
            Answer::missing(format!("{release}, and 5.15 is the oldest that will do"), MEND)
        }
        Some(found) if found < WHOLE => {
            Answer::degraded(format!("{release}, and 6.8 is the oldest with all we use"), MEND)
        }
        Some(_) => Answer::fine(release),
    }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|byte: char| !byte.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::examine::State;
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let check = |release, state| assert_eq!(judge(release).state, state, "{release}");
        check("6.12.41+deb13-cloud-amd64", State::Fine);
        check("6.8.0-31-generic", State::Fine);
        check("10.0", State::Fine);
        check("6.1.0-37-amd64", State::Degraded);
        check("5.15.167.4-microsoft-standard-WSL2", State::Degraded);
        check("5.9.1", State::Missing);
        check("5.4.0", State::Missing);
        check("", State::Degraded);
    }
}
