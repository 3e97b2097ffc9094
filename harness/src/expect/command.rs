//! A command that had to succeed.

use std::error::Error;
use std::fmt;

use super::shown::cut;
use crate::instance::{ExitStatus, Output};

/// So that the failure stays on one screen; what a command says last says why it failed.
const LINES: usize = 12;

/// A command of the guest did not end with exit status 0.
#[derive(Clone, Debug)]
pub struct CommandFailed {
    /// The command, how it ended, and what it wrote.
    pub output: Output,
}

impl Output {
    /// The output of a command that ended with exit status 0, for `?`.
    ///
    /// ```
    /// # use fwtest::instance::{ExitStatus, Output};
    /// # let run = |argv: [&str; 1]| Output {
    /// #     argv: vec![argv[0].to_owned()],
    /// #     status: ExitStatus::Code(0),
    /// #     stdout: b"router\n".to_vec(),
    /// #     stderr: Vec::new(),
    /// # };
    /// let name = run(["hostname"]).success()?;
    /// assert_eq!(name.stdout(), "router\n");
    /// # Ok::<(), fwtest::expect::CommandFailed>(())
    /// ```
    /// # Errors
    /// [`CommandFailed`] for any other status and for a signal.
    pub fn success(self) -> Result<Self, CommandFailed> {
        match self.status {
            ExitStatus::Code(0) => Ok(self),
            _ => Err(CommandFailed { output: self }),
        }
    }
}

/// The command and its status in a line, then the last lines of what it wrote.
impl fmt::Display for CommandFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Output { argv, status, .. } = &self.output;
        let argv: Vec<_> = argv.iter().map(|argument| quoted(argument)).collect();
        write!(f, "`{}` failed: {status}", argv.join(" "))?;
        tail(f, "stdout", &self.output.stdout())?;
        tail(f, "stderr", &self.output.stderr())
    }
}

impl Error for CommandFailed {}

/// As one would type it, where that is plain.
fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("{argument:?}")
    }
}

fn tail(f: &mut fmt::Formatter<'_>, stream: &str, text: &str) -> fmt::Result {
    let lines: Vec<_> = text.lines().collect();
    match lines.len() {
        0 => write!(f, "\n  {stream}    empty"),
        count => {
            let skipped = count.saturating_sub(LINES);
            let more = (skipped > 0).then(|| format!("… {skipped} lines before"));
            let kept =
                lines[skipped..].iter().map(|line| cut(&format!("| {}", line.escape_debug())));
            for (number, line) in more.into_iter().chain(kept).enumerate() {
                write!(f, "\n  {:<10}{line}", if number == 0 { stream } else { "" })?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::instance::{ExitStatus, Output};

    fn output(argv: &[&str], status: ExitStatus, stdout: &str, stderr: &str) -> Output {
        let argv = argv.iter().map(|&argument| argument.to_owned()).collect();
        Output { argv, status, stdout: stdout.into(), stderr: stderr.into() }
    }

    fn report(argv: &[&str], status: ExitStatus, stdout: &str, stderr: &str) -> String {
        let result = output(argv, status, stdout, stderr).success();
        result.expect_err("it failed").to_string()
    }

    #[test]
    fn what_succeeded_is_handed_on() {
        let output = output(&["hostname"], ExitStatus::Code(0), "router\n", "").success();
        assert_eq!(output.expect("it succeeded").stdout(), "router\n");
    }

    #[test]
    fn what_failed_says_all_it_wrote() {
        let status = ExitStatus::Code(1);
        insta::assert_snapshot!(report(&["uci", "get", "a b"], status, "", "uci: Entry not found\n"), @r#"
        `uci get "a b"` failed: exit status 1
          stdout    empty
          stderr    | uci: Entry not found
        "#);
        insta::assert_snapshot!(report(&["crash", ""], ExitStatus::Signal(11), "a\n\tb", ""), @r#"
        `crash ""` failed: killed by SIGSEGV
          stdout    | a
                    | \tb
          stderr    empty
        "#);
    }

    #[test]
    fn only_the_last_lines_are_told() {
        let lines: String = (1..=20).map(|n| format!("line {n}\n")).collect();
        insta::assert_snapshot!(report(&["make"], ExitStatus::Code(2), &lines, "\x1b[31mred"), @r"
        `make` failed: exit status 2
          stdout    … 8 lines before
                    | line 9
                    | line 10
                    | line 11
                    | line 12
                    | line 13
                    | line 14
                    | line 15
                    | line 16
                    | line 17
                    | line 18
                    | line 19
                    | line 20
          stderr    | \u{1b}[31mred
        ");
    }
}
