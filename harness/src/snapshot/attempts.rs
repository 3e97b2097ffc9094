//! Attempts as the text of a snapshot.

use std::collections::BTreeSet;

use super::RenderOptions;
use crate::attempt::Attempt;

/// The section below the changes: each attempt once, however often and in whatever order it was
/// made, by class; nothing where there was none.
///
/// An attempt is its class, its act, its verdict, and the script or program that made it. Not who
/// started that: of a daemon, its parent may have ended by then or not.
#[must_use]
pub fn render_attempts<'a>(
    attempts: impl IntoIterator<Item = &'a Attempt>,
    options: &RenderOptions,
) -> String {
    let shown: BTreeSet<_> = attempts
        .into_iter()
        .filter(|attempt| !options.normaliser.ignores_attempts(attempt.class()))
        .map(|attempt| (attempt.class(), attempt.stable(options.width)))
        .collect();
    let lines: String = shown.into_iter().map(|(_, line)| format!("! {line}\n")).collect();
    if lines.is_empty() { lines } else { format!("attempts\n{lines}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::{Act, Class, Verdict, sample};
    use crate::snapshot::{Normaliser, render};

    fn text(attempts: &[Attempt]) -> String {
        let options = RenderOptions::default();
        render(&[], &options) + &render_attempts(attempts, &options)
    }

    #[test]
    fn an_attempt_is_one_line_however_often_it_is_made() {
        let tried = [
            sample::sysrq(),
            sample::adjust(500),
            sample::module(),
            sample::adjust(60_500),
            sample::clock(),
        ];
        insta::assert_snapshot!(text(&tried), @r#"
        no changes
        attempts
        ! clock: adjust the clock, pretended, by ntpd
        ! clock: set the time, pretended, by date
        ! sysrq: write "u\n", pretended, by /etc/init.d/rcK
        ! modules: load nf_tables, refused (EPERM), by modprobe
        "#);
    }

    #[test]
    fn times_pids_and_order_do_not_show() {
        let mut tried = vec![sample::clock(), sample::module(), sample::sysrq()];
        let expected = text(&tried);
        tried.reverse();
        for attempt in &mut tried {
            attempt.at *= 3;
            attempt.boot = 2;
            attempt.by.pid += 1000;
            attempt.by.parents.clear();
            if let Act::SetClock { seconds, ahead, .. } = &mut attempt.act {
                (*seconds, *ahead) = (*seconds + 1, *ahead + 1);
            }
        }
        assert_eq!(text(&tried), expected);
    }

    #[test]
    fn another_verdict_or_caller_is_another_line() {
        let verdict = Verdict::Refused(libc::EPERM);
        let by = sample::sysrq().by;
        let tried = [
            sample::clock(),
            Attempt { verdict, ..sample::clock() },
            Attempt { by, ..sample::clock() },
        ];
        insta::assert_snapshot!(text(&tried), @"
        no changes
        attempts
        ! clock: set the time, pretended, by /etc/init.d/rcK
        ! clock: set the time, pretended, by date
        ! clock: set the time, refused (EPERM), by date
        ");
    }

    #[test]
    fn without_attempts_there_is_no_section() {
        assert_eq!(text(&[]), "no changes\n");
    }

    #[test]
    fn classes_can_be_left_out() {
        let normaliser = Normaliser::default().without_attempts([Class::Clock, Class::Modules]);
        let options = RenderOptions { normaliser, ..RenderOptions::default() };
        assert_eq!(render_attempts(&[sample::clock(), sample::module()], &options), "");
        insta::assert_snapshot!(render_attempts(&[sample::clock(), sample::sysrq()], &options), @r#"
        attempts
        ! sysrq: write "u\n", pretended, by /etc/init.d/rcK
        "#);
    }

    #[test]
    fn a_long_act_is_cut_and_none_breaks_the_line() {
        let act = Act::Sysrq(format!("\n! {}", "x".repeat(200)).into_bytes());
        insta::assert_snapshot!(text(&[Attempt { act, ..sample::clock() }]), @r#"
        no changes
        attempts
        ! sysrq: write "\n! xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…, pretended, by date
        "#);
    }
}
