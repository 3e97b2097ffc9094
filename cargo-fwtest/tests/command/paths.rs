//! Paths with every byte that somebody could take for more than a name.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use crate::project::fwtest_in;
use crate::repo::{CONFIG, Repo, SUITE};

/// Ends a mount option, a layer, an escape; a glob, a shell's words, a line of a list; and no UTF-8.
const ODD: &[u8] = b"a b:c,d\\e{}*?[x]$'\"\n%s=\xff";

#[test]
fn a_project_of_any_name_boots_a_firmware_of_any_name() {
    let odd = OsStr::from_bytes(ODD);
    let place = Repo::idle();
    let project = place.directory().join(odd);
    fs::create_dir_all(project.join("tests")).unwrap();
    // TOML is UTF-8: the one path leads over a link, the other has what TOML can say.
    fs::rename(place.path("rootfs"), project.join(odd)).unwrap();
    symlink(odd, project.join("rootfs")).unwrap();
    fs::write(project.join("fwtest.toml"), CONFIG).unwrap();
    let mut suite = OsString::from("tests/");
    suite.push(odd);
    suite.push(".fw.toml");
    fs::write(project.join(suite), SUITE).unwrap();
    passes(&project);

    let text = String::from_utf8_lossy(ODD).into_owned();
    fs::rename(project.join(odd), project.join(&text)).unwrap();
    let config = CONFIG.replace("\"rootfs\"", &format!("{text:?}").replace("\\'", "'"));
    fs::write(project.join("fwtest.toml"), config).unwrap();
    passes(&project);
}

#[track_caller]
fn passes(project: &std::path::Path) {
    let output = fwtest_in(project).args(["--keep", "all"]).output().unwrap();
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("1 passed, 0 failed"), "{stdout}{stderr}");
    let kept = fs::read_dir(project.join("target/fwtest")).unwrap().next().unwrap().unwrap();
    assert_eq!(fs::read_to_string(kept.path().join("report.txt")).unwrap(), "passed\n");
    fs::remove_dir_all(project.join("target")).unwrap();
}

/// A failure's files are where it says, and its test can be asked for by the name that is shown.
#[test]
fn a_failure_in_an_odd_place_can_be_run_again() {
    let repo = Repo::idle();
    let failing = SUITE.replace("stdout = \"hello\"", "stdout = \"hallo\"");
    repo.write("tests/it's odd.fw.toml", &failing);
    repo.write("tests/web.fw.toml", &SUITE.replace("says_hello", "passes"));
    let stdout = repo.run("").stdout;
    let again = stdout.lines().find_map(|line| line.trim().strip_prefix("reproduce cargo fwtest "));
    assert_eq!(again, Some(r"--exact 'router::tests::it'\''s odd::says_hello'"));
    let mut command = repo.fwtest(&["sh", "-c", &format!("exec \"$0\" fwtest {}", again.unwrap())]);
    let ran = repo.ran(&mut command);
    assert_eq!(ran.code, Some(100), "{}", ran.stderr);
    assert!(ran.stdout.ends_with("0 passed, 1 failed, 0 skipped in TIME\n"), "{}", ran.stdout);
}
