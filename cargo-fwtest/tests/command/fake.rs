//! Stands in for the crate `fwtest`: speaks its protocol and boots nothing. What a test does is
//! the last word of its name.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::process;
use std::thread;

#[used]
#[link_section = "linkme_TESTS"]
static REGISTERED: u8 = 0;

pub fn main(tests: &[&str]) {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let given = |word: &str| arguments.iter().any(|argument| argument == word);
    if given("--list") {
        list(tests, given("--ignored"));
    } else {
        run(&arguments);
    }
}

fn list(tests: &[&str], ignored_only: bool) {
    if tests.is_empty() {
        eprintln!("error: the firmware of this list is broken");
        process::exit(1);
    }
    for test in tests {
        if !ignored_only || test.ends_with("::ignored") {
            println!("{test}: test");
        }
    }
}

fn run(arguments: &[String]) {
    let variable = |name: &str| env::var(name).unwrap_or_else(|_| "unset".to_owned());
    let events = format!("/proc/self/fd/{}", variable("FWTEST_EVENTS_FD"));
    let mut events = File::options().write(true).open(events).unwrap();
    let mut tell = |line: String| writeln!(events, "{line}").unwrap();
    let tests = fs::read_to_string(variable("FWTEST_TESTS_FILE")).unwrap();
    if tests.contains("::refuses") {
        eprintln!("error: no launcher");
        process::exit(96);
    }
    tell(r#"{"event":"layers","text":"none"}"#.to_owned());
    if !arguments.iter().any(|argument| argument == "--logfile") {
        println!("a report for people");
    }
    for test in tests.lines() {
        tell(format!(r#"{{"event":"started","test":"{test}"}}"#));
        let failed = match test.rsplit("::").next().unwrap() {
            "passes" | "ignored" => None,
            "fails" => Some("expected `a`\\n  actual `b`".to_owned()),
            "environment" => {
                let names = ["FWTEST_KEEP", "FWTEST_NO_CAPTURE", "INSTA_UPDATE", "INSTA_OUTPUT"];
                let values = names.iter().map(|name| format!("{name}={}", variable(name)));
                let words = [format!("arguments: {}", arguments.join(" "))];
                Some(words.into_iter().chain(values).collect::<Vec<_>>().join("\\n"))
            }
            "directories" => {
                assert_eq!(env::current_dir().unwrap().to_str(), Some(&*variable("CARGO_MANIFEST_DIR")));
                Some(format!(
                    "config {}\\nkeep {}\\ninsta {}",
                    variable("FWTEST_CONFIG"),
                    variable("FWTEST_KEEP_DIR"),
                    variable("INSTA_WORKSPACE_ROOT"),
                ))
            }
            "prints" => {
                println!("printed by the test");
                None
            }
            "aborts" => {
                eprintln!("free(): double free detected");
                process::abort()
            }
            "exits" => process::exit(3),
            "waits" => loop {
                thread::park();
            },
            "babbles" => {
                tell(r#"{"event":"of-a-later-version"}"#.to_owned());
                loop {
                    thread::park();
                }
            }
            other => panic!("no test does `{other}`"),
        };
        let (outcome, kept) = match failed {
            None => (r#""passed""#.to_owned(), "null"),
            Some(report) => (format!(r#"{{"failed":{{"report":"{report}"}}}}"#), r#""/kept/it""#),
        };
        tell(format!(
            r#"{{"event":"finished","test":"{test}","outcome":{outcome},"seconds":0.5,"kept":{kept}}}"#
        ));
    }
    if tests.contains("::unclean") {
        process::exit(7);
    }
}
