use super::confinement::CONTAINER;
use super::examine::{Answer, Check};
use super::host::{Host, read};

pub const CHECK: Check = Check { name: "proc", look };

/// Directories that are made empty for good, to be mounted on: they cover nothing.
const EMPTY: &[&str] = &["sys/fs/binfmt_misc", "fs/nfsd"];

fn look(_: &Host) -> Answer {
    judge(&read("/proc/self/mountinfo"))
}

/// A user namespace may mount a proc only if one is there that nothing covers, not even in part
/// (`mount_too_revealing` in the kernel's fs/namespace.c).
fn judge(mountinfo: &str) -> Answer {
    let mounts: Vec<Mount> = mountinfo.lines().filter_map(Mount::parse).collect();
    let mut covers = Vec::new();
    for proc in mounts.iter().filter(|mount| mount.kind == "proc" && mount.root == "/") {
        covers = mounts
            .iter()
            .filter(|mount| mount.parent == proc.id)
            .filter_map(|mount| mount.point.strip_prefix(proc.point)?.strip_prefix('/'))
            .filter(|below| !EMPTY.contains(below))
            .map(|below| format!("/proc/{below}"))
            .collect();
        if covers.is_empty() {
            return Answer::fine("fully visible");
        }
    }
    match &covers[..] {
        [] => Answer::missing("no whole proc is mounted", "sudo mount -t proc proc /proc"),
        [one] => Answer::missing(format!("covered in part: {one}"), CONTAINER),
        [one, more @ ..] => {
            Answer::missing(format!("covered in part: {one} and {} more", more.len()), CONTAINER)
        }
    }
}

/// A line of proc_pid_mountinfo(5).
struct Mount<'a> {
    id: &'a str,
    parent: &'a str,
    root: &'a str,
    point: &'a str,
    kind: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Mount<'a>> {
        let (front, back) = line.split_once(" - ")?;
        let mut fields = front.split(' ');
        let (id, parent) = (fields.next()?, fields.next()?);
        let (root, point) = (fields.nth(1)?, fields.next()?);
        Some(Mount { id, parent, root, point, kind: back.split(' ').next()? })
    }
}

#[cfg(test)]
mod tests {
    use super::super::examine::State;
    use super::*;

    const ROOT: &str = "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n";
    const PROC: &str = "21 20 0:5 / /proc rw,nosuid - proc proc rw\n";

    #[track_caller]
    fn check(lines: &[&str], state: State, what: &str) {
        let answer = judge(&lines.concat());
        assert_eq!((answer.state, answer.what.as_str()), (state, what));
    }

    #[test]
    fn what_covers_a_part_of_proc_is_found() {
        let binfmt = "30 21 0:9 / /proc/sys/fs/binfmt_misc rw shared:5 - autofs systemd-1 rw\n";
        let kcore = "31 21 0:6 /null /proc/kcore rw - tmpfs tmpfs rw\n";
        let sys = "32 21 0:5 /sys /proc/sys ro - proc proc rw\n";
        check(&[ROOT, PROC], State::Fine, "fully visible");
        check(&[ROOT, PROC, binfmt], State::Fine, "fully visible");
        check(&[ROOT, PROC, kcore], State::Missing, "covered in part: /proc/kcore");
        check(
            &[ROOT, PROC, binfmt, kcore, sys],
            State::Missing,
            "covered in part: /proc/kcore and 1 more",
        );
        check(&[ROOT], State::Missing, "no whole proc is mounted");
    }

    #[test]
    fn a_second_proc_may_be_the_whole_one() {
        let kcore = "31 21 0:6 /null /proc/kcore rw - tmpfs tmpfs rw\n";
        let second = "40 20 0:5 / /srv/proc rw - proc proc rw\n";
        check(&[ROOT, PROC, kcore, second], State::Fine, "fully visible");
    }
}
