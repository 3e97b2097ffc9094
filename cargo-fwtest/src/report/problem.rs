use std::error::Error as _;

use super::paint::Paint;
use crate::error::Error;

/// The message, its causes, what the program that failed wrote, and what to do about it.
pub fn problem(error: &Error, paint: Paint) -> String {
    let mut text = format!("{}: {error}\n", paint.bad("error"));
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!("  caused by: {cause}\n"));
        source = cause.source();
    }
    if let Some(output) = error.output().map(str::trim_end).filter(|output| !output.is_empty()) {
        text.push_str(&format!("\n{output}\n"));
    }
    if let Some(hint) = error.hint() {
        text.push_str(&format!("\n{}: {hint}\n", paint.hint("hint")));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn causes_stand_below_and_the_hint_apart() {
        let error = Error::os("run", "/x")(io::Error::from_raw_os_error(13));
        assert_eq!(
            problem(&error, Paint::NONE),
            "error: failed to run /x\n  caused by: Permission denied (os error 13)\n"
        );
        let error = Error::NoTests { why: "none".into(), hint: Some("write one".into()) };
        assert_eq!(problem(&error, Paint::NONE), "error: no tests: none\n\nhint: write one\n");
    }
}
