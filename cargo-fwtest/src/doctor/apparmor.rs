use super::examine::{Answer, Check};
use super::host::Host;
use crate::engine::{Unavailable, apparmor_available};

pub const CHECK: Check = Check { name: "AppArmor", look };

/// A second wall: where there is none nothing is broken, and what is half there can be mended.
fn look(_: &Host) -> Answer {
    judge(apparmor_available())
}

fn judge(available: Result<(), Unavailable>) -> Answer {
    match available {
        Ok(()) => Answer::fine("firmwares run under a profile of their own"),
        Err(why @ (Unavailable::NotInKernel | Unavailable::SwitchedOff | Unavailable::NotRoot)) => {
            Answer::fine(format!("not used: {why}"))
        }
        Err(why) => Answer::degraded(
            format!("not used: {why}"),
            why.hint().unwrap_or("`apparmor = \"off\"` in fwtest.toml goes without"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::examine::State;
    use super::*;

    #[test]
    fn what_can_be_had_and_is_not_there_has_its_mend() {
        let check = |available, state, mend: Option<&str>| {
            let answer = judge(available);
            assert_eq!((answer.state, answer.mend.as_deref()), (state, mend), "{}", answer.what);
        };
        check(Ok(()), State::Fine, None);
        check(Err(Unavailable::NotInKernel), State::Fine, None);
        check(Err(Unavailable::NotRoot), State::Fine, None);
        let parser = Err(Unavailable::NoParser);
        check(parser, State::Degraded, Some("install the package `apparmor`"));
        let path = "/sys/kernel/security/apparmor".into();
        let mend = "mount -t securityfs securityfs /sys/kernel/security";
        check(Err(Unavailable::NotMounted { path }), State::Degraded, Some(mend));
    }
}
