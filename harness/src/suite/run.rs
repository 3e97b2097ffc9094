//! A suite's test, step by step, on the same engine as a Rust test.

use std::path::Path;
use std::time::Duration;

use super::PlacedStep;
use super::step::{self, Count, Ports, Step, TextChecks};
use crate::attempt::{Attempts, Class};
use crate::expect::{
    AttemptSelection, Failure, Location, Mismatch, TextMatcher, check_absent, check_attempt_count,
    check_attempted_only, check_body, check_count, check_exists, check_header, check_includes,
    check_kind, check_mode, check_nothing, check_only, check_owner, check_running, check_size,
    check_status, check_target, content,
};
use crate::instance::{ExitStatus, Instance, Output, Processes, chain};
use crate::runner::failure::quoted;
use crate::snapshot::check_rootfs;

/// How long it may take to learn that init has ended, after it took a command along.
const FAREWELL: Duration = Duration::from_secs(1);

/// Does the steps in order, up to the first that does not hold.
pub(crate) async fn run(
    file: &Path,
    steps: &[PlacedStep],
    instance: &mut Instance,
) -> Result<(), Failure> {
    for PlacedStep { line, step } in steps {
        carry_out(step, instance).await.map_err(|mismatch| Failure {
            location: Location {
                file: crate::path::shown(file).into_owned(),
                line: u32::try_from(*line).unwrap_or(u32::MAX),
                column: 1,
            },
            expression: format!("step `{}`", step.keyword()),
            mismatch,
        })?;
    }
    Ok(())
}

async fn carry_out(step: &Step, instance: &mut Instance) -> Result<(), Mismatch> {
    match step {
        Step::Wait(condition) => {
            let wanted = condition.to_string();
            instance
                .wait(condition.clone())
                .await
                .map_err(|error| Mismatch::new(wanted, chain(&error)))
        }
        Step::Exec(exec) => run_command(exec, instance).await,
        Step::Http(http) => ask(http, instance).await,
        Step::File(file) => look(file, instance),
        Step::Process(process) => count(process, instance),
        Step::Listening(listening) => {
            let open = instance.listening();
            let names = |ports: &[crate::value::Port]| -> Vec<String> {
                ports.iter().map(ToString::to_string).collect()
            };
            match &listening.0 {
                Ports::Only(ports) if ports.is_empty() => check_nothing(&open),
                Ports::Only(ports) => check_only(&open, &names(ports)),
                Ports::Includes(ports) => check_includes(&open, &names(ports)),
            }
        }
        Step::Console(console) => {
            let mut condition =
                crate::ready::Condition::from(crate::ready::Awaited::Log(console.expect.clone()));
            condition.within = console.within;
            let wanted = format!("the console shows `{}`", console.expect);
            instance.wait(condition).await.map_err(|error| Mismatch::new(wanted, chain(&error)))
        }
        Step::Attempts(attempts) => count_attempts(attempts, &instance.attempts()),
        Step::Stop(stop) => end(stop, instance).await,
        Step::Remount(_) => instance
            .remount()
            .map_err(|error| Mismatch::not_evaluated("a remounted root", chain(&error))),
        Step::Snapshot(name) => check_rootfs(instance, &name.0, None),
    }
}

async fn run_command(exec: &step::Exec, instance: &Instance) -> Result<(), Mismatch> {
    let words: Vec<_> = exec.run.iter().map(|word| quoted(word)).collect();
    let command = format!("`{}`", words.join(" "));
    let mut running = instance.exec(&exec.run);
    if let Some(input) = &exec.stdin {
        running = running.stdin(input.as_bytes());
    }
    for (name, value) in &exec.env {
        running = running.env(name, value);
    }
    if let Some(directory) = &exec.cwd {
        running = running.cwd(&directory.0);
    }
    if let Some(user) = &exec.user {
        running = running.user(user);
    }
    if let Some(limit) = exec.timeout {
        running = running.timeout(limit);
    }
    let wanted = format!("{command} ends with {}", exec.status);
    let output = match running.await {
        Ok(output) => output,
        Err(error) => return Err(Mismatch::new(wanted, chain(&error))),
    };
    if output.status != exec.status {
        let mut seen = ended(&output);
        // The end of init kills everything.
        if output.status == ExitStatus::Signal(libc::SIGKILL)
            && let Some(status) = instance.end_status(FAREWELL).await
        {
            seen.push_str(&format!("; init has ended ({status})"));
        }
        return Err(Mismatch::new(wanted, seen));
    }
    check_text(&exec.stdout, &output.stdout(), &format!("stdout of {command}"))?;
    check_text(&exec.stderr, &output.stderr(), &format!("stderr of {command}"))
}

/// How a command ended, with what it wrote: that is where the reason is.
fn ended(output: &Output) -> String {
    let mut text = output.status.to_string();
    for (name, stream) in [("stdout", output.stdout()), ("stderr", output.stderr())] {
        let lines: Vec<&str> = stream.lines().collect();
        let skipped = lines.len().saturating_sub(8);
        for line in &lines[skipped..] {
            text.push_str(&format!("\n{name}: {line}"));
        }
    }
    text
}

async fn ask(http: &step::Http, instance: &Instance) -> Result<(), Mismatch> {
    let mut request = instance.http(&http.url).method(&http.method);
    if let Some(body) = &http.body {
        request = request.body(body.as_bytes());
    }
    let response = match request.await {
        Ok(response) => response,
        Err(error) => {
            let wanted = format!("{} {} answers {}", http.method, http.url, http.status);
            let mut seen = chain(&error);
            if let Some(hint) = error.hint() {
                seen.push_str(&format!("\nhint: {hint}"));
            }
            return Err(Mismatch::new(wanted, seen));
        }
    };
    check_status(&response, http.status)?;
    for matcher in matchers(&http.answer) {
        check_body(&response, &matcher)?;
    }
    for (name, part) in &http.header_contains {
        check_header(&response, name, &TextMatcher::Contains(part.clone()))?;
    }
    if let Some(pattern) = &http.answer.matches {
        check_pattern(pattern, &response.body, &format!("body of {}", response.request))?;
    }
    Ok(())
}

fn look(wanted: &step::File, instance: &Instance) -> Result<(), Mismatch> {
    let wants_content = wanted.state.as_ref().is_some_and(|state| !state.content.is_empty());
    let file = match wants_content {
        true => instance.file(&wanted.path.0),
        false => instance.file_itself(&wanted.path),
    };
    let Some(state) = &wanted.state else { return check_absent(&file) };
    check_exists(&file)?;
    if let Some(kind) = state.kind {
        check_kind(&file, kind)?;
    }
    if let Some(mode) = state.mode {
        check_mode(&file, mode)?;
    }
    if let Some(owner) = &state.owner {
        check_owner(&file, owner)?;
    }
    if let Some(size) = state.size {
        check_size(&file, size)?;
    }
    if let Some(target) = &state.target {
        check_target(&file, &target.into())?;
    }
    if !state.content.is_empty() {
        let text = content(&file)?;
        check_text(&state.content, &text, &wanted.path.to_string())?;
    }
    Ok(())
}

fn count(wanted: &step::Process, instance: &Instance) -> Result<(), Mismatch> {
    let mut processes = instance.processes();
    if let Some(user) = &wanted.user {
        let names = instance.names();
        let is_theirs = |uid: u32| {
            names.users.get(&uid) == Some(user)
                || user.parse().is_ok_and(|number: u32| number == uid)
        };
        processes =
            Processes(processes.0.into_iter().filter(|process| is_theirs(process.uid)).collect());
        if processes.0.is_empty() && wanted.count != Count::Exactly(0) {
            let wanted = format!("a process `{}` of `{user}`", wanted.name);
            return Err(Mismatch::new(wanted, format!("no process of `{user}`")));
        }
        if processes.0.is_empty() {
            return Ok(());
        }
    }
    match wanted.count {
        Count::Some => check_running(&processes, &wanted.name),
        Count::Exactly(count) => check_count(&processes, &wanted.name, count),
    }
}

fn count_attempts(wanted: &step::Attempts, attempts: &Attempts) -> Result<(), Mismatch> {
    for (class, count) in &wanted.counts {
        let of = AttemptSelection::new(attempts.clone()).of(*class);
        check_attempt_count(&of, *count)?;
    }
    let classes: Vec<Class> = wanted.counts.keys().copied().collect();
    match (wanted.no_others, classes.as_slice()) {
        (false, _) => Ok(()),
        (true, []) => check_attempt_count(&AttemptSelection::new(attempts.clone()), 0),
        (true, classes) => check_attempted_only(attempts, classes),
    }
}

async fn end(wanted: &step::Stop, instance: &mut Instance) -> Result<(), Mismatch> {
    let expected = match wanted.status {
        Some(status) => format!("init ends by itself with {status}"),
        None => "init ends by itself".to_owned(),
    };
    let stopped = match instance.stop().await {
        Ok(stopped) => stopped,
        Err(error) => return Err(Mismatch::not_evaluated(expected, chain(&error))),
    };
    let as_wanted = |status: ExitStatus| wanted.status.is_none_or(|wanted| wanted == status);
    match stopped.graceful {
        true if as_wanted(stopped.status) => Ok(()),
        true => Err(Mismatch::new(expected, stopped.status.to_string())),
        false => Err(Mismatch::new(expected, "it did not within 10 s, and was killed")),
    }
}

/// All that a text is to be.
fn check_text(wanted: &TextChecks, actual: &str, noun: &str) -> Result<(), Mismatch> {
    for matcher in matchers(wanted) {
        let actual = match matcher {
            TextMatcher::Equals(_) => actual.trim(),
            _ => actual,
        };
        matcher.check(actual).map_err(|mismatch| mismatch.of(noun))?;
    }
    match &wanted.matches {
        Some(pattern) => check_pattern(pattern, actual.as_bytes(), noun),
        None => Ok(()),
    }
}

fn matchers(wanted: &TextChecks) -> Vec<TextMatcher> {
    let equals = wanted.equals.iter().map(|text| TextMatcher::Equals(text.trim().to_owned()));
    let contains = wanted.contains.iter().cloned().map(TextMatcher::Contains);
    equals.chain(contains).collect()
}

fn check_pattern(
    pattern: &crate::value::Pattern,
    actual: &[u8],
    noun: &str,
) -> Result<(), Mismatch> {
    if pattern.is_match(actual) {
        return Ok(());
    }
    let shown: String = String::from_utf8_lossy(actual).chars().take(400).collect();
    Err(Mismatch::new(format!("matches `{pattern}`"), format!("{shown:?}")).of(noun))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::sample;

    /// What is wrong with two attempts to set the clock and one to load a module.
    fn wrong(step: &str) -> Option<String> {
        let step = toml::from_str(step).unwrap();
        let tried = [sample::clock(), sample::module(), sample::adjust(500)].into_iter().collect();
        count_attempts(&step, &tried).err().map(|mismatch| mismatch.to_string())
    }

    #[test]
    fn attempts_are_counted_by_class() {
        assert_eq!(wrong("clock = 2"), None);
        assert_eq!(wrong("clock = 2\nmodules = 1\nsysrq = 0\nothers = 0"), None);
        insta::assert_snapshot!(wrong("clock = 1").unwrap(), @"
        expected  1 attempt of `clock`
        actual    +0.31s clock: set the time (2001-01-01 00:00:00, -25 y), pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
                  +0.50s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
        ");
        insta::assert_snapshot!(wrong("clock = 2\nsysrq = 1").unwrap(), @"
        expected  1 attempt of `sysrq`
        actual    none; attempted were
                  +0.31s clock: set the time (2001-01-01 00:00:00, -25 y), pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
                  +0.40s modules: load nf_tables, refused (EPERM), by modprobe nf_tables (35)
                  +0.50s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
        ");
        insta::assert_snapshot!(wrong("clock = 2\nothers = 0").unwrap(), @"
        expected  no attempt but of `clock`
        actual    +0.40s modules: load nf_tables, refused (EPERM), by modprobe nf_tables (35)
        ");
        insta::assert_snapshot!(wrong("others = 0").unwrap(), @"
        expected  no attempt
        actual    +0.31s clock: set the time (2001-01-01 00:00:00, -25 y), pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
                  +0.40s modules: load nf_tables, refused (EPERM), by modprobe nf_tables (35)
                  +0.50s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
        ");
    }
}
