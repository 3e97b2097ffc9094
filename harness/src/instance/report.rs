//! What an instance did, for whoever reads of a failure: on one screen, and without a second run.

use std::collections::BTreeMap;
use std::fmt;

use super::{Cause, ExitStatus, Instance, Process, listening, look::chain};
use crate::attempt::last_lines;
use crate::diff::What;
use crate::sandbox::{FromKeeper, ToKeeper};

/// Lines of the console that fit on a screen with the rest.
const CONSOLE: usize = 12;
/// Attempts that do.
const ATTEMPTS: usize = 8;
/// Changes that do.
const CHANGES: usize = 8;

/// What an instance did until somebody asked.
#[derive(Clone, Debug)]
pub struct Report {
    /// Each row has a name and its lines.
    rows: Vec<(&'static str, Vec<String>)>,
}

impl Instance {
    /// What it did so far. What cannot be told says why.
    #[must_use]
    pub fn report(&self) -> Report {
        // The keeper tells of an end before it answers: how init fares is asked afterwards.
        let processes = match self.ask_processes() {
            Ok(processes) if processes.0.is_empty() => vec!["none".to_owned()],
            Ok(processes) => tree(&processes.0),
            Err(error) => vec![chain(&error)],
        };
        let mut rows = vec![("init", vec![self.init_row()]), ("processes", processes)];
        rows.push((
            "listening",
            vec![match self.ask_listening(true) {
                Ok(open) if open.0.is_empty() => "nothing".to_owned(),
                Ok(open) => listening::ports(&open).join(", "),
                Err(error) => chain(&error),
            }],
        ));
        rows.push(("console", self.console_rows()));
        self.settle();
        let mut attempts = last_lines(&self.tried(), ATTEMPTS);
        if !self.sandbox().is_recorded() {
            attempts.push("not recorded: this run has no recorder".to_owned());
        }
        attempts.extend(self.unrecorded());
        if !attempts.is_empty() {
            rows.push(("attempts", attempts));
        }
        rows.push(("changes", self.change_rows()));
        rows.push(("storage", vec![self.storage_row()]));
        Report { rows }
    }

    fn init_row(&self) -> String {
        let up = self.uptime().as_secs_f64();
        match self.ended_as() {
            None => format!("{} running for {up:.2} s", self.program),
            Some(status) => {
                let cause = self.cause_of_end().unwrap_or(Cause::Exit);
                format!("{} {cause}: {}", self.program, explain(status))
            }
        }
    }

    fn console_rows(&self) -> Vec<String> {
        let transcript = self.transcript();
        let (tail, count) = (transcript.tail(CONSOLE), transcript.count());
        let mut rows = match count {
            0 => vec!["empty".to_owned()],
            _ => vec![format!("last {} of {count} lines", tail.len())],
        };
        rows.extend(tail.into_iter().map(|line| format!("| {line}")));
        rows
    }

    fn change_rows(&self) -> Vec<String> {
        let changes = match self.changes() {
            Ok(changes) => changes,
            Err(error) => return vec![chain(&error)],
        };
        if changes.is_empty() {
            return vec!["none".to_owned()];
        }
        let mut rows: Vec<String> = changes
            .iter()
            .take(CHANGES)
            .map(|change| {
                let sign = match change.what {
                    What::Added(_) => '+',
                    What::Removed(_) => '-',
                    What::Changed { .. } => '~',
                };
                format!("{sign} {}", change.path)
            })
            .collect();
        if changes.len() > CHANGES {
            rows.push(format!("… {} more", changes.len() - CHANGES));
        }
        rows
    }

    fn storage_row(&self) -> String {
        match self.sandbox().ask(&ToKeeper::Storage) {
            Ok((FromKeeper::Storage(used, size), _)) if self.sandbox().is_on_disk() => {
                format!("on disk, {} free", bytes(size.saturating_sub(used)))
            }
            Ok((FromKeeper::Storage(used, size), _)) => {
                let full = if used >= size { ", full: raise `limits.storage`" } else { "" };
                format!("{} of {} used{full}", bytes(used), bytes(size))
            }
            Ok(_) => "not told".to_owned(),
            Err(error) => chain(&error),
        }
    }
}

/// `12 KiB`, `11.8 GiB`: with one unit, and at most one digit after the point.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut tenths = count * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10240 && unit + 1 < UNITS.len() {
        (tenths, unit) = (tenths / 1024, unit + 1);
    }
    match tenths % 10 {
        0 => format!("{} {}", tenths / 10, UNITS[unit]),
        tenth => format!("{}.{tenth} {}", tenths / 10, UNITS[unit]),
    }
}

/// A status with what it means for an init.
fn explain(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(127) => format!("{status} (a shell's word for: command not found)"),
        other => other.to_string(),
    }
}

/// `1 init ─ 88 syslogd`, a line for each branch.
fn tree(processes: &[Process]) -> Vec<String> {
    let mut children: BTreeMap<i32, Vec<&Process>> = BTreeMap::new();
    let known = |pid: i32| processes.iter().any(|process| process.pid == pid);
    for process in processes {
        let parent = if known(process.parent) { process.parent } else { 0 };
        children.entry(parent).or_default().push(process);
    }
    let mut lines = Vec::new();
    let mut open: Vec<(usize, &Process)> =
        children.get(&0).into_iter().flatten().rev().map(|process| (0, *process)).collect();
    while let Some((depth, process)) = open.pop() {
        let shown = match process.argv.is_empty() {
            true => format!("[{}]", process.comm),
            false => process.argv.join(" "),
        };
        // A program that shows its state there leaves blanks behind.
        let shown: String = shown.trim_end().chars().take(80).collect();
        let dead = if process.state == 'Z' { " (dead, not reaped)" } else { "" };
        lines.push(format!("{}{} {}{dead}", "  ".repeat(depth), process.pid, shown.escape_debug()));
        let below = children.get(&process.pid).into_iter().flatten().rev();
        open.extend(below.map(|child| (depth + 1, *child)));
    }
    lines
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (name, lines) in &self.rows {
            for (index, line) in lines.iter().enumerate() {
                let newline = if first { "" } else { "\n" };
                first = false;
                write!(f, "{newline}  {:<10}{line}", if index == 0 { name } else { "" })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_one_unit() {
        let shown = [0, 4096, 65536, 1 << 20, 12_638_253_056].map(bytes);
        assert_eq!(shown, ["0 KiB", "4 KiB", "64 KiB", "1 MiB", "11.7 GiB"]);
    }

    #[test]
    fn a_tree_shows_who_is_whose_and_who_is_dead() {
        let process = |pid, parent, argv: &[&str], state| Process {
            pid,
            parent,
            comm: "comm".to_owned(),
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            uid: 0,
            state,
        };
        let lines = tree(&[
            process(1, 0, &["init"], 'S'),
            process(7, 1, &["sh", "-c", "x\ny"], 'S'),
            process(8, 7, &[], 'Z'),
            process(9, 1, &["httpd"], 'S'),
            process(20, 0, &["hostname"], 'R'),
        ]);
        assert_eq!(
            lines,
            [
                "1 init",
                "  7 sh -c x\\ny",
                "    8 [comm] (dead, not reaped)",
                "  9 httpd",
                "20 hostname"
            ]
        );
    }
}
