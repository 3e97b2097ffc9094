//! What is asked of the firmware once it has booted.

use std::time::Duration;

use fixtures::model::naughty::{ACTS, Act, BOOT_LINE, Ending};
use fwtest::instance::Cause;
use fwtest::prelude::*;
use tests::host::Machine;

use crate::row::{argv, left_out, not_recorded, not_seen, ready, since};

/// A row that failed: what was done, and what was not as it should have been.
fn failure(act: &Act, troubles: &[String]) -> String {
    format!("{}\n    {}", act.run, troubles.join("\n    "))
}

#[track_caller]
fn report(failures: &[String], done: usize) {
    let (failed, list) = (failures.len(), failures.join("\n"));
    assert!(failures.is_empty(), "{failed} of {done} acts are not as the table says:\n{list}");
    assert!(done > 0, "nothing was done");
}

#[fwtest::test(firmware = "naughty", timeout = "120s")]
async fn every_act_is_contained_and_recorded(fw: &mut Instance) -> Result<()> {
    let ids = ready(fw).await;
    let mut other = None;
    let (mut failures, mut done) = (Vec::new(), 0);
    for act in ACTS.iter().filter(|act| act.ends.is_none()) {
        if let Some(why) = left_out(act, ids) {
            eprintln!("left out, {why}: {}", act.run);
            continue;
        }
        done += 1;
        let fw = other.as_ref().unwrap_or(&*fw);
        let machine = Machine::look();
        let before = fw.attempts().len();
        let output = fw.exec(argv(act)).await;
        machine.assert_same_after(act.run);

        let mut troubles = Vec::new();
        match output {
            Ok(output) => troubles.extend(not_seen(act, &output)),
            Err(error) => troubles.push(format!("did not come to its end: {error}")),
        }
        troubles.extend(not_recorded(act, &since(fw, before)));
        if let Some(status) = fw.status() {
            troubles.push(format!("ended the instance: {status}"));
            let next = Instance::boot(fw.firmware()).await?;
            ready(&next).await;
            other = Some(next);
        }
        if !troubles.is_empty() {
            failures.push(failure(act, &troubles));
        }
    }
    report(&failures, done);
    Ok(())
}

/// What became of an instance, once it has.
async fn ending(fw: &Instance, expected: Ending) -> Result<Ending, String> {
    let limit = Duration::from_secs(5);
    if expected == Ending::Restart {
        // The first is that of the first boot.
        for _ in 1..=2 {
            if let Err(error) = fw.console().expect_within(BOOT_LINE, limit).await {
                return Err(format!("boot {}: {error}, {:?}", fw.boots(), fw.cause()));
            }
        }
        return match fw.boots() {
            2 => Ok(Ending::Restart),
            boots => Err(format!("boot {boots}")),
        };
    }
    if tokio::time::timeout(limit, fw.ended()).await.is_err() {
        return Err(format!("it runs, in boot {}", fw.boots()));
    }
    match fw.cause() {
        Some(Cause::PowerOff | Cause::Halt) => Ok(Ending::Off),
        Some(Cause::Crash) => Ok(Ending::Crash),
        other => Err(format!("{other:?}")),
    }
}

#[fwtest::test(firmware = "naughty", timeout = "120s")]
async fn every_act_that_ends_it_does_so(fw: &mut Instance) -> Result<()> {
    let ids = ready(fw).await;
    let (mut failures, mut done) = (Vec::new(), 0);
    for act in ACTS {
        let Some(ends) = act.ends else { continue };
        if let Some(why) = left_out(act, ids) {
            eprintln!("left out, {why}: {}", act.run);
            continue;
        }
        done += 1;
        let machine = Machine::look();
        let fw = Instance::boot(fw.firmware()).await?;
        ready(&fw).await;
        let before = fw.attempts().len();
        // It ends with the instance, as its last act.
        let output = fw.exec(argv(act)).await;
        let mut troubles = Vec::new();
        match ending(&fw, ends).await {
            Ok(became) if became == ends => {}
            became => troubles.push(format!("ends with {ends:?}: {became:?}, {output:?}")),
        }
        machine.assert_same_after(act.run);
        let mut attempts = since(&fw, before);
        // The next boot's are another test's.
        attempts.retain(|attempt| attempt.boot == 1);
        troubles.extend(not_recorded(act, &attempts));
        if !troubles.is_empty() {
            failures.push(failure(act, &troubles));
        }
    }
    report(&failures, done);
    Ok(())
}
