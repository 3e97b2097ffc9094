use std::error::Error;

use super::confinement::CONTAINER;
use super::examine::{Answer, Check};
use super::host::{Host, Sandbox};

/// The proof of all the others: what the first test of a run would need, done for real.
pub const CHECK: Check = Check { name: "sandbox", look };

fn look(host: &Host) -> Answer {
    match &host.sandbox {
        Ok(Sandbox { ids: 0 | 1, .. }) => Answer::fine("made one, with a single user id"),
        Ok(Sandbox { ids, .. }) => Answer::fine(format!("made one, with {ids} user ids")),
        Err(error) => judge(error, error.hint()),
    }
}

/// `hint` is what a run would say; where it sends to this command, the rows above have the mend.
fn judge(error: &dyn Error, hint: Option<String>) -> Answer {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    let mend = hint.filter(|hint| !hint.contains("cargo fwtest doctor")).unwrap_or_else(|| {
        format!("what is missing above; where nothing is, a container may forbid it: {CONTAINER}")
    });
    Answer::missing(format!("{error}{cause}"), mend)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn a_mend_is_never_this_command() {
        let error = Error::os("clone", "it")(std::io::Error::from_raw_os_error(1));
        let mend = |hint: Option<&str>| judge(&error, hint.map(str::to_owned)).mend.unwrap();
        assert_eq!(mend(Some("ulimit -n 1024")), "ulimit -n 1024");
        let above = mend(None);
        assert!(above.starts_with("what is missing above"), "{above}");
        assert_eq!(mend(Some("`cargo fwtest doctor` prints it")), above);
        let answer = judge(&error, None);
        assert_eq!(answer.what, "failed to clone it: Operation not permitted (os error 1)");
    }
}
