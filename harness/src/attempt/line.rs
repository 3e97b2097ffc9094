//! Attempts in lines: one for who reads of a failure, with everything in it, and one for who
//! reviews, which is the same whenever it is tried again.

use std::fmt;

use super::date::{ahead, date};
use super::who::cut;
use super::{Act, Attempt};

/// Characters of an act that are shown to who reads of a failure.
const WIDTH: usize = 120;

impl Act {
    /// What is not the same each time, or too much for a review: the time that was asked for.
    fn details(&self) -> Option<String> {
        match self {
            Self::SetClock { seconds, ahead: distance, .. }
            | Self::SetRtc { seconds, ahead: distance } => {
                Some(format!("{}, {}", date(*seconds), ahead(*distance)))
            }
            Self::AdjustClock(change) => Some(format!("modes {:#x}", change.modes)),
            Self::Mount { flags, .. } if *flags != 0 => Some(format!("flags {flags:#x}")),
            _ => None,
        }
    }
}

impl Attempt {
    /// The attempt without what differs from boot to boot: `clock: set the time, pretended, by ntpd`.
    /// Of act and caller as many characters as `width` are shown.
    pub(crate) fn stable(&self, width: usize) -> String {
        let Self { act, verdict, by, .. } = self;
        let (act, class, by) = (shown(act, width), act.class(), cut(&by.title(), width));
        format!("{class}: {act}, {verdict}, by {by}")
    }
}

/// The last attempts, a line each, and how many came before: of one that comes each second, the last
/// is as good as the first.
pub(crate) fn last_lines(attempts: &[Attempt], limit: usize) -> Vec<String> {
    let earlier = attempts.len().saturating_sub(limit);
    let before = (earlier > 0).then(|| format!("… {earlier} earlier"));
    before.into_iter().chain(attempts[earlier..].iter().map(ToString::to_string)).collect()
}

fn shown(act: &Act, width: usize) -> String {
    // What it quotes it has escaped; a name need not be one.
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.into() };
    cut(&act.to_string().chars().map(escape).collect::<String>(), width)
}

/// `+0.31s clock: set the time (2001-01-01 00:00:00, -25 y), pretended, by date -s 010100002001 (33)
/// from /etc/init.d/S10clock (20)`, in one line.
impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, boot, act, verdict, by, .. } = self;
        write!(f, "+{:.2}s ", at.as_secs_f64())?;
        if *boot > 1 {
            write!(f, "boot {boot} ")?;
        }
        write!(f, "{}: {}", act.class(), shown(act, WIDTH))?;
        if let Some(details) = act.details() {
            write!(f, " ({details})")?;
        }
        write!(f, ", {verdict}, by {by}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::{ClockChange, DeviceKind, RebootCommand, Verdict, sample};
    use crate::path::GuestPath;

    #[test]
    fn both_lines_of_every_act() {
        let path = || GuestPath::from("/dev/x");
        let acts = [
            sample::clock().act,
            Act::AdjustClock(ClockChange { modes: 0x8001 }),
            Act::SetTimeZone { minutes_west: -60 },
            Act::SetRtc { seconds: 0, ahead: 3 },
            Act::Sysrq(b"u\n\x1b".to_vec()),
            Act::Reboot(RebootCommand::RestartWith("recovery".to_owned())),
            Act::Kexec,
            Act::LoadModule { name: "dummy".to_owned(), parameters: "numdummies=2".to_owned() },
            Act::Mount {
                source: "/dev/mtdblock6".to_owned(),
                target: GuestPath::from("/data"),
                kind: "jffs2".to_owned(),
                flags: 1,
            },
            Act::MakeNode { path: path(), kind: DeviceKind::Block, number: (8, 0) },
            Act::SwapOn { path: path() },
            Act::KernelLog { action: 8, value: 1 },
            Act::Sysctl {
                path: GuestPath::from("/proc/sys/kernel/panic"),
                value: Some(b"3\n".to_vec()),
            },
            Act::SetWatchdog { timeout: 60 },
        ];
        let lines = acts.map(|act| {
            let attempt = Attempt { act, ..sample::clock() };
            format!("{attempt}\n{}\n", attempt.stable(80))
        });
        insta::assert_snapshot!(lines.concat(), @r#"
        +0.31s clock: set the time (2001-01-01 00:00:00, -25 y), pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
        clock: set the time, pretended, by date
        +0.31s clock: adjust the clock (modes 0x8001), pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
        clock: adjust the clock, pretended, by date
        +0.31s time-zone: set to -60 minutes west, pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
        time-zone: set to -60 minutes west, pretended, by date
        +0.31s rtc: set the time (1970-01-01 00:00:00, +3 s), pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
        rtc: set the time, pretended, by date
        +0.31s sysrq: write "u\n\u{1b}", pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
        sysrq: write "u\n\u{1b}", pretended, by date
        +0.31s reboot: restart with "recovery", pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
        reboot: restart with "recovery", pretended, by date
        +0.31s kexec: another kernel, pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
        kexec: another kernel, pretended, by date
        +0.31s modules: load dummy numdummies=2, pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
        modules: load dummy numdummies=2, pretended, by date
        +0.31s mounts: /dev/mtdblock6 on /data as jffs2 (flags 0x1), pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
        mounts: /dev/mtdblock6 on /data as jffs2, pretended, by date
        +0.31s devices: make /dev/x b 8:0, pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
        devices: make /dev/x b 8:0, pretended, by date
        +0.31s swap: on /dev/x, pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
        swap: on /dev/x, pretended, by date
        +0.31s kernel-log: console level 1, pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
        kernel-log: console level 1, pretended, by date
        +0.31s sysctl: /proc/sys/kernel/panic = "3", pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
        sysctl: /proc/sys/kernel/panic = "3", pretended, by date
        +0.31s watchdog: timeout 60 s, pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
        watchdog: timeout 60 s, pretended, by date
        "#);
    }

    #[test]
    fn a_later_boot_and_an_error_are_told() {
        let attempt =
            Attempt { boot: 2, verdict: Verdict::Refused(libc::EPERM), ..sample::sysrq() };
        insta::assert_snapshot!(attempt, @r#"+1.20s boot 2 sysrq: write "u\n", refused (EPERM), by /bin/sh /etc/init.d/rcK (52)"#);
    }

    #[test]
    fn no_terminal_obeys_an_act_and_none_fills_the_screen() {
        let act = |name: String| Act::RemoveModule { name };
        assert_eq!(shown(&act("\u{1b}[2J".to_owned()), 80), "remove \\u{1b}[2J");
        assert_eq!(shown(&act("x".repeat(80)), 10), "remove xxx…");
    }
}
