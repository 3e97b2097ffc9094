use rustix::process::{Resource, getrlimit};

use super::examine::{Answer, Check};
use super::host::Host;

pub const CHECK: Check = Check { name: "open files", look };

/// Some hundred instances, with about ten descriptors each.
const ENOUGH: u64 = 1024;

fn look(_: &Host) -> Answer {
    let limit = getrlimit(Resource::Nofile);
    judge(limit.current, limit.maximum)
}

/// `None` is no limit, getrlimit(2).
fn judge(current: Option<u64>, maximum: Option<u64>) -> Answer {
    match (current, maximum) {
        (None, _) => Answer::fine("no limit"),
        (Some(current), _) if current >= ENOUGH => Answer::fine(format!("up to {current}")),
        (Some(current), maximum) => {
            let what = format!("up to {current}, and many instances at a time need {ENOUGH}");
            match maximum.is_none_or(|maximum| maximum >= ENOUGH) {
                true => Answer::degraded(what, format!("ulimit -n {ENOUGH}")),
                false => Answer::degraded(
                    what,
                    "echo '* - nofile 65536' | sudo tee /etc/security/limits.d/60-fwtest.conf",
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mend_is_the_shells_where_that_will_do() {
        let check = |current, maximum, mend: Option<&str>| {
            assert_eq!(judge(current, maximum).mend.as_deref(), mend);
        };
        check(Some(1024), Some(524_288), None);
        check(None, None, None);
        check(Some(256), Some(4096), Some("ulimit -n 1024"));
        check(Some(256), None, Some("ulimit -n 1024"));
        check(
            Some(256),
            Some(512),
            Some("echo '* - nofile 65536' | sudo tee /etc/security/limits.d/60-fwtest.conf"),
        );
    }
}
