//! What the firmware's own scripts try.

use fixtures::model::naughty::{BOOT, SHUTDOWN, Scripted};
use fwtest::attempt::Attempt;
use fwtest::prelude::*;
use tests::host::Machine;

use crate::row::{ready, since, told};

/// The attempts and by whom, which is the script that stands nearest above the program. Of a daemon
/// that is nobody: whether it has left its script behind by then is a matter of luck.
pub(crate) fn by_scripts(attempts: &[Attempt]) -> Vec<String> {
    let tell = |attempt: &Attempt| {
        let told = told(attempt);
        let is_daemons = |row: &Scripted| row.script.is_none() && row.tried.to_string() == told;
        if BOOT.iter().any(is_daemons) {
            return format!("{told} by nobody");
        }
        let above = attempt.by.parents.iter().map(|parent| &parent.argv);
        let mut words = std::iter::once(&attempt.by.argv).chain(above).flatten();
        let script = words.find(|word| word.starts_with("/etc/init.d/"));
        format!("{told} by {}", script.map_or("somebody", String::as_str))
    };
    attempts.iter().map(tell).collect()
}

pub(crate) fn expected(scripted: &[Scripted]) -> Vec<String> {
    let tell = |Scripted { script, tried }: &Scripted| {
        format!("{tried} by {}", script.unwrap_or("nobody"))
    };
    scripted.iter().map(tell).collect()
}

#[fwtest::test(firmware = "naughty")]
async fn what_a_boot_tries_is_recorded_with_its_script(fw: &mut Instance) -> Result<()> {
    ready(fw).await;
    let of_daemons = |told: &mut Vec<String>| -> Vec<String> {
        told.extract_if(.., |told| told.ends_with(" by nobody")).collect()
    };
    let (mut recorded, mut expected) = (by_scripts(&since(fw, 0)), expected(BOOT));
    assert_eq!(of_daemons(&mut recorded), of_daemons(&mut expected));
    assert_eq!(recorded, expected);
    Ok(())
}

#[fwtest::test(firmware = "naughty")]
async fn what_a_shutdown_tries_is_recorded_with_its_script(fw: &mut Instance) -> Result<()> {
    ready(fw).await;
    let machine = Machine::look();
    let booted = fw.attempts().len();
    fw.stop().await?;
    machine.assert_same_after("its shutdown");
    let attempts = since(fw, booted);
    // The last is of init, which has a child do it.
    let (last, scripts) = attempts.split_last().expect("it tries something");
    assert_eq!(by_scripts(scripts), expected(SHUTDOWN));
    assert_eq!(told(last), "reboot power off: emulated");
    assert_eq!(last.by.comm, "init");
    Ok(())
}
