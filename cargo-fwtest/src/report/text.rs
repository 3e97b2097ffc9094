//! The lines of a report, as text: nothing here is written anywhere.

use super::paint::Paint;
use crate::doctor::{Finding, State};
use crate::engine::shown;
use crate::run::{Finished, Tally, Verdict};
use crate::select::{Selection, counted};

/// `running 3 of 8 tests`.
pub fn begin(selection: &Selection) -> String {
    match selection.run.len() {
        all if all == selection.total => format!("running {}", counted(all, "test")),
        some => format!("running {some} of {}", counted(selection.total, "test")),
    }
}

/// `PASS [ 0.053s] router::web::ui`; below a `FAIL`, its whole report.
pub fn finished(finished: &Finished, paint: Paint) -> String {
    let Finished { test, verdict, seconds, .. } = finished;
    match verdict {
        Verdict::Passed => format!("{} [{seconds:>6.3}s] {test}\n", paint.good("PASS")),
        Verdict::Failed { report } => {
            let report = report.trim_end();
            format!("{} [{seconds:>6.3}s] {test}\n\n{report}\n\n", paint.bad("FAIL"))
        }
    }
}

pub fn skipped(test: &str, paint: Paint) -> String {
    format!("{} [ignored] {test}\n", paint.odd("SKIP"))
}

/// What failed, by name, and in the last line how many did what.
pub fn summary(tally: &Tally, paint: Paint) -> String {
    let mut text = String::new();
    let failed = tally.failed().count();
    if failed > 0 {
        // Below a report there is a blank line already.
        let below = tally.finished.last().is_some_and(|last| last.verdict != Verdict::Passed);
        text.push_str(if below { "failed:\n" } else { "\nfailed:\n" });
    }
    for Finished { test, kept, .. } in tally.failed() {
        text.push_str(&format!("  {test}\n"));
        if let Some(kept) = kept {
            text.push_str(&format!("    files kept in {}\n", shown(kept)));
        }
    }
    let passed = tally.finished.len() - failed;
    let mut counts = vec![
        some(passed, "passed", |text| paint.good(text)),
        some(failed, "failed", |text| paint.bad(text)),
        some(tally.skipped, "skipped", |text| paint.odd(text)),
    ];
    if tally.not_run > 0 {
        counts.push(some(tally.not_run, "not run", |text| paint.odd(text)));
    }
    let seconds = tally.elapsed.as_secs_f64();
    text.push_str(&format!("\n{} in {seconds:.2}s\n", counts.join(", ")));
    text
}

fn some(count: usize, what: &str, paint: impl Fn(&str) -> String) -> String {
    let text = format!("{count} {what}");
    if count == 0 { text } else { paint(&text) }
}

/// A line for each finding, and below it the mend.
pub fn findings(findings: &[Finding], paint: Paint) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
    let mut text = String::new();
    for finding in findings {
        // Padded before it is painted: the color has no width.
        let state = format!("{:<8}", finding.state.as_str());
        let state = match finding.state {
            State::Fine => paint.good(&state),
            State::Degraded => paint.odd(&state),
            State::Missing => paint.bad(&state),
        };
        text.push_str(&format!("{state}  {:<width$}  {}\n", finding.check, finding.what));
        if let Some(mend) = &finding.mend {
            text.push_str(&format!("{:10}{:width$}  mend: {}\n", "", "", paint.hint(mend)));
        }
    }
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    let last = match (count(State::Missing), count(State::Degraded)) {
        (0, 0) => "firmwares can boot here, with all that fwtest offers".to_owned(),
        (0, degraded) => {
            format!("firmwares can boot here, with less in {}", counted(degraded, "point"))
        }
        (missing, _) => format!("no firmware can boot here: {} missing", counted(missing, "point")),
    };
    text + "\n" + &paint.strong(&last) + "\n"
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn result(test: &str, verdict: Verdict, kept: Option<&str>) -> Finished {
        Finished { test: test.into(), verdict, seconds: 0.0534, kept: kept.map(Into::into) }
    }

    fn failed() -> Verdict {
        Verdict::Failed { report: "expected `a`\n  actual `b`\n".to_owned() }
    }

    #[test]
    fn a_failure_is_followed_by_its_report() {
        let passed = finished(&result("router::web::ui", Verdict::Passed, None), Paint::NONE);
        assert_eq!(passed, "PASS [ 0.053s] router::web::ui\n");
        let failed = finished(&result("router::web::ui", failed(), None), Paint::NONE);
        assert_eq!(failed, "FAIL [ 0.053s] router::web::ui\n\nexpected `a`\n  actual `b`\n\n");
    }

    #[test]
    fn the_summary_names_what_failed_and_ends_with_the_counts() {
        let tally = Tally {
            finished: vec![
                result("router::web::ui", Verdict::Passed, None),
                result("router::web::login", failed(), Some("/repo/target/fwtest/login")),
                result("camera::web::login", failed(), None),
            ],
            skipped: 1,
            elapsed: Duration::from_millis(1234),
            ..Tally::default()
        };
        assert_eq!(
            summary(&tally, Paint::NONE),
            "failed:\n  router::web::login\n    files kept in /repo/target/fwtest/login\n  \
             camera::web::login\n\n1 passed, 2 failed, 1 skipped in 1.23s\n"
        );
        let tally = Tally { not_run: 2, ..Tally::default() };
        assert_eq!(
            summary(&tally, Paint::NONE),
            "\n0 passed, 0 failed, 0 skipped, 2 not run in 0.00s\n"
        );
    }

    #[test]
    fn findings_stand_in_columns() {
        let finding = |check, state, what: &str, mend: Option<&str>| Finding {
            check,
            state,
            what: what.to_owned(),
            mend: mend.map(str::to_owned),
        };
        let found = findings(
            &[
                finding("kernel", State::Fine, "6.12", None),
                finding(
                    "overlayfs",
                    State::Missing,
                    "not in the kernel",
                    Some("sudo modprobe overlay"),
                ),
            ],
            Paint::NONE,
        );
        assert_eq!(
            found,
            "ok        kernel     6.12\n\
             missing   overlayfs  not in the kernel\n                     \
             mend: sudo modprobe overlay\n\n\
             no firmware can boot here: 1 point missing\n"
        );
    }
}
