//! Who a process is, by its arguments: the script that it runs, or else its program.

use std::borrow::Cow;
use std::fmt;

use super::{Caller, Parent};
use crate::path::escape;

/// Shells, which run the file that they are given.
const SHELLS: [&str; 8] = ["sh", "ash", "bash", "dash", "hush", "ksh", "mksh", "zsh"];
/// Characters of a command line that are shown.
const WIDTH: usize = 80;

/// What is known of a process: the kernel's name for it, and its arguments.
#[derive(Clone, Copy)]
struct Process<'a> {
    comm: &'a str,
    argv: &'a [String],
}

/// What a process runs.
#[derive(Clone, Copy)]
enum Runs<'a> {
    /// A shell, and that the script with this path.
    Script(&'a str),
    /// A program of this name.
    Program(&'a str),
    /// A program of this name that is a part of busybox(1), as its shell is: the shell has run it in
    /// a copy of itself, and the arguments are still the shell's.
    Part(&'a str),
}

impl<'a> Process<'a> {
    fn runs(self) -> Runs<'a> {
        let Some((program, arguments)) = self.argv.split_first() else {
            return Runs::Program(self.comm);
        };
        let is_script =
            |argument: &&String| argument.contains('/') && self.is_named_after(argument);
        if !self.is_named_after(program)
            && let Some(script) = arguments.iter().find(is_script)
        {
            return Runs::Script(script);
        }
        let arguments = match (base(program), arguments.split_first()) {
            ("busybox", Some((applet, rest))) if SHELLS.contains(&applet.as_str()) => rest,
            (name, _) if SHELLS.contains(&name) => arguments,
            ("busybox" | "toybox", Some((applet, _))) => return Runs::Program(base(applet)),
            // A title that a program has given itself says more than who it is.
            (name, _) if name.is_empty() || name.contains(char::is_whitespace) => {
                return Runs::Program(self.comm);
            }
            (name, _) => return Runs::Program(name),
        };
        let script = script_of(arguments);
        // A copy of a shell has the name that its program was found by, and may be a script's.
        let names = [base(program), "busybox", "exe", script.unwrap_or_default()];
        let is_shell = SHELLS.contains(&self.comm) || self.comm.is_empty();
        match script {
            _ if !is_shell && !names.iter().any(|name| self.is_named_after(name)) => {
                Runs::Part(self.comm)
            }
            Some(script) => Runs::Script(script),
            None => Runs::Program(base(program)),
        }
    }

    /// The kernel names a program, and what begins with `#!`, after the file, cut to 15 bytes.
    fn is_named_after(self, path: &str) -> bool {
        let name = base(path).as_bytes();
        !self.comm.is_empty() && &name[..name.len().min(15)] == self.comm.as_bytes()
    }

    fn title(self) -> Cow<'a, str> {
        match self.runs() {
            Runs::Program("") => Cow::Borrowed("an unknown process"),
            Runs::Script(name) | Runs::Program(name) | Runs::Part(name) => escape(name.as_bytes()),
        }
    }

    fn goes_by(self, name: &str) -> bool {
        let first = || self.argv.first().map(String::as_str).unwrap_or_default();
        // Half of all processes of a firmware have the name of its shell in their arguments: it is
        // not what they go by.
        match self.runs() {
            Runs::Script(path) => [self.comm, path, base(path)].contains(&name),
            Runs::Program(program) => [self.comm, program, first()].contains(&name),
            Runs::Part(part) => part == name,
        }
    }

    fn command_line(self) -> String {
        if self.argv.is_empty() || matches!(self.runs(), Runs::Part(_)) {
            return self.title().into_owned();
        }
        let words: Vec<_> = self.argv.iter().map(|word| escape(word.as_bytes())).collect();
        // A program that shows its state there leaves blanks behind.
        cut(words.join(" ").trim_end(), WIDTH)
    }
}

/// The file that a shell with these arguments runs.
fn script_of(arguments: &[String]) -> Option<&str> {
    let is_option = |argument: &&String| argument.starts_with(['-', '+']);
    let is_command = |option: &String| !option.starts_with("--") && option.contains('c');
    if arguments.iter().take_while(is_option).any(is_command) {
        return None; // a command, not a file
    }
    arguments.iter().find(|argument| !is_option(argument)).map(String::as_str)
}

impl Caller {
    /// What it goes by: the path of the script that it runs, or the name of its program. The same
    /// whenever it is run again.
    #[must_use]
    pub fn title(&self) -> Cow<'_, str> {
        self.process().title()
    }

    /// Whether it or a process above it goes by `name`: the kernel's name for it, the last component
    /// of `argv[0]`, a script's path or the last component of that.
    #[must_use]
    pub fn is_of(&self, name: &str) -> bool {
        let parents = self.parents.iter().map(Parent::process);
        std::iter::once(self.process()).chain(parents).any(|process| process.goes_by(name))
    }

    fn process(&self) -> Process<'_> {
        Process { comm: &self.comm, argv: &self.argv }
    }
}

impl Parent {
    fn process(&self) -> Process<'_> {
        Process { comm: &self.comm, argv: &self.argv }
    }
}

/// `date -s 010100002001 (33) from /etc/init.d/S10clock (20), /etc/init.d/rcS (8)`: its command line,
/// and what is between it and pid 1.
impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.process().command_line())?;
        if self.pid != 0 {
            write!(f, " ({})", self.pid)?;
        }
        let between = self.parents.iter().filter(|parent| parent.pid > 1);
        for (index, parent) in between.enumerate() {
            let word = if index == 0 { " from" } else { "," };
            write!(f, "{word} {} ({})", parent.process().title(), parent.pid)?;
        }
        Ok(())
    }
}

fn base(path: &str) -> &str {
    path.trim_start_matches('-').rsplit('/').next().unwrap_or_default()
}

/// The beginning of a long text.
pub(super) fn cut(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(comm: &str, argv: &[&str]) -> Caller {
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        Caller { pid: 33, comm: comm.to_owned(), argv, ..Caller::default() }
    }

    #[track_caller]
    fn check(comm: &str, argv: &[&str], title: &str) {
        assert_eq!(caller(comm, argv).title(), title);
    }

    #[test]
    fn a_process_goes_by_its_script_or_program() {
        check("ntpd", &["/usr/sbin/ntpd", "-p", "pool"], "ntpd");
        check("busybox", &["/bin/busybox", "date", "-s", "1"], "date");
        check("busybox", &["busybox"], "busybox");
        check("date", &["date", "-s", "1"], "date");
        check("sh", &["-sh"], "sh");
        check("S10clock", &["/bin/sh", "/etc/init.d/S10clock", "start"], "/etc/init.d/S10clock");
        check("S10clock", &["/bin/sh", "-e", "/etc/init.d/S10clock"], "/etc/init.d/S10clock");
        check(
            "a-name-that-is-",
            &["/bin/lua", "/bin/a-name-that-is-long"],
            "/bin/a-name-that-is-long",
        );
        check("sh", &["sh", "/etc/rcK"], "/etc/rcK");
        check("sh", &["sh", "-x", "rcK", "-c"], "rcK");
        check("busybox", &["busybox", "ash", "/etc/rcK"], "/etc/rcK");
        check("sh", &["sh", "-c", "date -s 1"], "sh");
        check("sh", &["sh", "-ec", "/etc/rcK"], "sh");
        check("date", &["/bin/sh", "/etc/init.d/S10clock", "start"], "date");
        check("date", &["sh", "-c", "date -s 1"], "date");
        check("exe", &["sh", "/etc/rcK"], "/etc/rcK");
        check("", &["sh", "/etc/rcK"], "/etc/rcK");
        check("bash", &["bash", "--norc", "/etc/rcK"], "/etc/rcK");
        check("worker", &["/usr/bin/httpd", "worker"], "httpd");
        check("sshd", &["sshd: root [priv]"], "sshd");
        check("nginx", &["nginx: worker process"], "nginx");
        check("modprobe", &[], "modprobe");
        check("x", &["", "a"], "x");
        check("", &[], "an unknown process");
        check("a\nb", &["/bin/a\nb"], "a\\nb");
        check("", &["/bin/\u{1b}[2J"], "\\u{1b}[2J");
    }

    #[test]
    fn a_name_is_sought_up_to_init() {
        let parent = |pid, comm: &str, argv: &[&str]| {
            let Caller { comm, argv, .. } = caller(comm, argv);
            Parent { pid, comm, argv }
        };
        let parents = vec![
            parent(20, "S10clock", &["/bin/sh", "/etc/init.d/S10clock", "start"]),
            parent(8, "rcS", &["/bin/sh", "/etc/init.d/rcS"]),
            parent(1, "init", &["init"]),
        ];
        let date = Caller { parents, ..caller("date", &["/bin/date", "-s", "010100002001"]) };
        for name in ["date", "/bin/date", "S10clock", "/etc/init.d/S10clock", "rcS", "init"] {
            assert!(date.is_of(name), "{name}");
        }
        let part = Caller { comm: "date".to_owned(), ..caller("sh", &["sh", "/etc/rcS"]) };
        assert!(part.is_of("date") && !part.is_of("/etc/rcS") && !part.is_of("sh"));
        assert_eq!(part.to_string(), "date (33)");
        for name in ["", "sh", "dat", "clock", "-s"] {
            assert!(!date.is_of(name), "{name}");
        }
        assert_eq!(
            date.to_string(),
            "/bin/date -s 010100002001 (33) from /etc/init.d/S10clock (20), /etc/init.d/rcS (8)"
        );
    }

    #[test]
    fn a_command_line_is_one_line_and_not_long() {
        let long = "x".repeat(100);
        let shown = caller("sh", &["sh", "-c", "a\nb", &long]).to_string();
        assert_eq!(shown, format!("sh -c a\\nb {}… (33)", "x".repeat(69)));
        assert_eq!(Caller::default().to_string(), "an unknown process");
    }
}
