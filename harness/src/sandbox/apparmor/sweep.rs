//! Policy namespaces whose harness was killed: removed at the start of the next run.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use super::error::AppArmorError;
use super::policy::{self, Name};

/// Removes what dead runs have left in `directory`, but for what somebody is still in.
pub(super) fn sweep(directory: &Path) -> Result<(), AppArmorError> {
    sweep_but(directory, &labels)
}

fn sweep_but(directory: &Path, labels: &dyn Fn() -> Vec<String>) -> Result<(), AppArmorError> {
    let _nobody_makes_one = policy::lock(directory)?;
    let failed = |source| AppArmorError::Policy {
        op: "read the AppArmor policy namespaces in",
        path: directory.to_owned(),
        source,
    };
    let entries = fs::read_dir(directory).map_err(failed)?;
    let names = entries.filter_map(|entry| Name::parse(entry.ok()?.file_name().to_str()?));
    let dead: Vec<Name> = names.filter(|name| is_dead(&directory.join(name.as_str()))).collect();
    if dead.is_empty() {
        return Ok(());
    }
    let labels = labels();
    for name in dead {
        // A guest of a run that was killed a moment ago may still be going; the next run removes it.
        if !is_used(&name, &labels) {
            policy::remove(&directory.join(name.as_str()))?;
        }
    }
    Ok(())
}

/// Whether nobody holds its lock. What cannot be told is not dead.
fn is_dead(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
    }
}

/// Whether a process is in the namespace or in one below it.
pub(super) fn is_used(name: &Name, labels: &[String]) -> bool {
    let (whole, below) = (format!(":{name}:"), format!(":{name}//"));
    labels.iter().any(|label| label.contains(&whole) || label.contains(&below))
}

/// The labels of all threads that we see.
pub(super) fn labels() -> Vec<String> {
    let numbers = |path: &Path| -> io::Result<Vec<String>> {
        let entries =
            fs::read_dir(path)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(entries.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).collect())
    };
    let mut labels = Vec::new();
    for process in numbers(Path::new("/proc")).unwrap_or_default() {
        let tasks = Path::new("/proc").join(process).join("task");
        // One that has ended meanwhile is in nothing.
        for task in numbers(&tasks).unwrap_or_default() {
            let label = tasks.join(task).join("attr/apparmor/current");
            labels.extend(fs::read_to_string(label).ok().map(|label| label.trim_end().to_owned()));
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_ours_and_dead_and_empty_is_swept() {
        let place = tempfile::tempdir().unwrap();
        let names = ["fwtest-1-a-0", "fwtest-2-b-0", "fwtest-3-c-0", "lxd-router", "fwtest-x y"];
        for name in names {
            fs::create_dir(place.path().join(name)).unwrap();
        }
        let held = policy::lock(&place.path().join("fwtest-2-b-0")).unwrap();
        let labels =
            || ["unconfined", ":fwtest-3-c-0:firmware (enforce)"].map(str::to_owned).to_vec();
        let left = || {
            let entries = fs::read_dir(place.path()).unwrap();
            let mut left: Vec<_> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            left.sort();
            left
        };
        sweep_but(place.path(), &labels).unwrap();
        assert_eq!(left(), ["fwtest-2-b-0", "fwtest-3-c-0", "fwtest-x y", "lxd-router"]);
        drop(held);
        sweep_but(place.path(), &|| vec!["unconfined".to_owned()]).unwrap();
        assert_eq!(left(), ["fwtest-x y", "lxd-router"]);
    }

    #[test]
    fn a_label_says_where_its_process_is() {
        let name = Name::parse("fwtest-1-a-1").unwrap();
        for (label, expected) in [
            (":fwtest-1-a-1:firmware (enforce)", true),
            (":fwtest-1-a-1:unconfined", true),
            (":fwtest-1-a-1//inner:x (enforce)", true),
            ("a//&:fwtest-1-a-1:firmware (mixed)", true),
            (":fwtest-1-a-11:firmware (enforce)", false),
            ("fwtest (unconfined)", false),
            ("unconfined", false),
        ] {
            assert_eq!(is_used(&name, &[label.to_owned()]), expected, "{label}");
        }
    }
}
