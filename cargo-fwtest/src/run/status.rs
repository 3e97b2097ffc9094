use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// `was killed by SIGSEGV`, `ended with exit status 1`.
pub fn ended(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => match signal_hook::low_level::signal_name(signal) {
            Some(name) => format!("was killed by {name}"),
            None => format!("was killed by signal {signal}"),
        },
        (None, Some(code)) => format!("ended with exit status {code}"),
        (None, None) => format!("ended with {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_told_in_words() {
        let check = |raw, words| assert_eq!(ended(ExitStatus::from_raw(raw)), words);
        check(0, "ended with exit status 0");
        check(101 << 8, "ended with exit status 101");
        check(11, "was killed by SIGSEGV");
        check(64, "was killed by signal 64");
    }
}
