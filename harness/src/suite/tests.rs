//! What suites mean, and what is said of those that mean nothing.

use std::path::Path;

use insta::assert_snapshot;

use super::{PlacedStep, Suite, Test};
use crate::firmware::Config;

fn suite(text: &str) -> Suite {
    Suite::parse(Path::new("tests/web.fw.toml"), text).unwrap_or_else(|e| panic!("{}", e.whole()))
}

fn error(text: &str) -> String {
    Suite::parse(Path::new("tests/web.fw.toml"), text).unwrap_err().whole()
}

/// What is said of a test with just this step.
fn step_error(step: &str) -> String {
    error(&format!("[[test]]\nname = 'a'\nsteps = [\n  {step},\n]"))
}

const WHOLE: &str = r#"
firmware = "router"

[[test]]
name = "web_ui"
timeout = "10s"
steps = [
  { wait = { port = "tcp:80" } },
  { exec = { run = ["hostname"], stdout = "router" } },
  { http = { url = "http://router/", status = 200, contains = "Status" } },
  { file = { path = "/etc/shadow", mode = "0600", owner = "root:root" } },
  { process = { name = "httpd", count = 1 } },
  { listening = { only = ["tcp:80", "tcp:22"] } },
  { attempts = { clock = 1, sysrq = 0 } },
  { wait = { attempt = "reboot" } }, { attempts = { others = 0 } },
  { snapshot = "after-boot" },
]

[[test]]
name = "the-rest"
ignore = "slow"
steps = [
  { exec = { run = "false", status = 1, user = "nobody", cwd = "/tmp", env = { A = "b" }, stdin = "x" } },
  { exec = { run = ["sh", "-c", "kill -9 $$"], signal = "KILL", timeout = "1s",
      stderr-contains = ["a", "b"], stdout-matches = "^$" } },
  { file = { path = "/etc/nologin", exists = false } },
  { file = { path = "/bin/sh", type = "symlink", target = "busybox" } },
  { process = { name = "init" } }, { listening = { includes = ["udp:53"] } },
  { console = { expect = "login:", within = "5s" } },
  { remount = {} },
  { stop = {} },
]

[[test]]
name = "tables"
[[test.steps]]
file = { path = "/etc/passwd", contains = "root" }
[[test.steps]]
stop = { status = 0 }
"#;

#[test]
fn a_suite_is_tests_of_steps_that_know_their_lines() {
    let mut read = String::new();
    for test in suite(WHOLE).tests {
        let Test { name, line, timeout, ignore, steps } = test;
        read += &format!("{line}: {name} {timeout:?} {ignore:?}\n");
        for PlacedStep { line, step } in steps {
            read += &format!("  {line}: {step:?}\n");
        }
    }
    assert_snapshot!(read, @r#"
    5: web_ui 10s None
      8: Wait(Condition { awaited: Port(Port { protocol: Tcp, number: 80 }), within: None })
      9: Exec(Exec { run: ["hostname"], stdin: None, env: {}, cwd: None, user: None, timeout: None, status: Code(0), stdout: TextChecks { equals: Some("router"), contains: [], matches: None }, stderr: TextChecks { equals: None, contains: [], matches: None } })
      10: Http(Http { url: "http://router/", method: "GET", body: None, status: 200, answer: TextChecks { equals: None, contains: ["Status"], matches: None }, header_contains: {} })
      11: File(File { path: "/etc/shadow", state: Some(FileState { kind: None, mode: Some(384), owner: Some("root:root"), size: None, content: TextChecks { equals: None, contains: [], matches: None }, target: None }) })
      12: Process(Process { name: "httpd", count: Exactly(1), user: None })
      13: Listening(Listening(Only([Port { protocol: Tcp, number: 80 }, Port { protocol: Tcp, number: 22 }])))
      14: Attempts(Attempts { counts: {Clock: 1, Sysrq: 0}, no_others: false })
      15: Wait(Condition { awaited: Attempt(Reboot), within: None })
      15: Attempts(Attempts { counts: {}, no_others: true })
      16: Snapshot(Name("after-boot"))
    20: the-rest 30s Some("slow")
      23: Exec(Exec { run: ["false"], stdin: Some("x"), env: {"A": "b"}, cwd: Some("/tmp"), user: Some("nobody"), timeout: None, status: Code(1), stdout: TextChecks { equals: None, contains: [], matches: None }, stderr: TextChecks { equals: None, contains: [], matches: None } })
      24: Exec(Exec { run: ["sh", "-c", "kill -9 $$"], stdin: None, env: {}, cwd: None, user: None, timeout: Some(1s), status: Signal(9), stdout: TextChecks { equals: None, contains: [], matches: Some(Pattern(Regex("^$"))) }, stderr: TextChecks { equals: None, contains: ["a", "b"], matches: None } })
      26: File(File { path: "/etc/nologin", state: None })
      27: File(File { path: "/bin/sh", state: Some(FileState { kind: Some(Symlink), mode: None, owner: None, size: None, content: TextChecks { equals: None, contains: [], matches: None }, target: Some("busybox") }) })
      28: Process(Process { name: "init", count: Some, user: None })
      28: Listening(Listening(Includes([Port { protocol: Udp, number: 53 }])))
      29: Console(Console { expect: Pattern(Regex("login:")), within: Some(5s) })
      30: Remount(Remount)
      31: Stop(Stop { status: None })
    35: tables 30s None
      36: File(File { path: "/etc/passwd", state: Some(FileState { kind: None, mode: None, owner: None, size: None, content: TextChecks { equals: None, contains: ["root"], matches: None }, target: None }) })
      38: Stop(Stop { status: Some(Code(0)) })
    "#);
}

#[test]
fn a_suite_is_for_some_firmwares() {
    let config = ["a", "b", "c"].map(|name| format!("[firmware.{name}]\nrootfs = '.'\n")).concat();
    let config = Config::parse(Path::new("fwtest.toml"), &config).unwrap();
    let names = |firmware: &str| {
        let test = "[[test]]\nname = 'a'\nsteps = [{ stop = {} }]";
        let firmwares = suite(&format!("{firmware}\n{test}")).firmwares(&config);
        let names = |firmwares: Vec<&crate::firmware::Firmware>| {
            firmwares.iter().map(|firmware| firmware.name.as_str()).collect::<Vec<_>>().join(" ")
        };
        firmwares.map(names).unwrap_or_else(|error| error.whole())
    };
    assert_eq!(names(""), "a b c");
    assert_eq!(names("firmware = 'b'"), "b");
    assert_eq!(names("firmware = ['c', '[ab]', 'a']"), "a b c");
    assert_snapshot!(names("firmware = ['a', 'bb']"), @"
    failed to read `tests/web.fw.toml`: no firmware is named `bb`
     --> tests/web.fw.toml:1:12
      |
    1 | firmware = ['a', 'bb']
      |            ^^^^^^^^^^^
    hint: did you mean `b`?
    ");
    assert_snapshot!(error("firmware = []"), @"
    failed to read `tests/web.fw.toml`: it is empty, so it asks for nothing
     --> tests/web.fw.toml:1:12
      |
    1 | firmware = []
      |            ^^
    ");
}

#[test]
fn a_suite_that_tests_nothing_is_an_error() {
    assert_snapshot!(error(""), @"
    failed to read `tests/web.fw.toml`: it has no tests
    hint: a test begins with the line `[[test]]`
    ");
    assert_snapshot!(error("test = []"), @"
    failed to read `tests/web.fw.toml`: it has no tests
    hint: a test begins with the line `[[test]]`
    ");
    assert_snapshot!(error("[[test]]\nname = 'a'"), @"
    failed to read `tests/web.fw.toml`: missing key `steps`
     --> tests/web.fw.toml:1:1
      |
    1 | [[test]]
      | ^^^^^^^^
    ");
    assert_snapshot!(error("[[test]]\nname = 'a'\nsteps = []"), @r#"
    failed to read `tests/web.fw.toml`: test `a` has no steps
     --> tests/web.fw.toml:3:9
      |
    3 | steps = []
      |         ^^
    hint: `{ wait = { port = "tcp:80" } }` is one
    "#);
    assert_snapshot!(step_error("{ listening = {} }"), @r#"
    failed to read `tests/web.fw.toml`: it asks for no port
     --> tests/web.fw.toml:4:3
      |
    4 |   { listening = {} },
      |   ^^^^^^^^^^^^^^^^^^
    hint: write `only = ["tcp:80"]`, `includes = ["tcp:80"]`, or `only = []` for none
    "#);
    assert_snapshot!(step_error("{ listening = { includes = [] } }"), @r#"
    failed to read `tests/web.fw.toml`: it asks for no port
     --> tests/web.fw.toml:4:3
      |
    4 |   { listening = { includes = [] } },
      |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: write `only = ["tcp:80"]`, `includes = ["tcp:80"]`, or `only = []` for none
    "#);
    assert_snapshot!(step_error("{ exec = { run = 'a', stdout-contains = '' } }"), @"
    failed to read `tests/web.fw.toml`: it is empty, so it asks for nothing
     --> tests/web.fw.toml:4:43
      |
    4 |   { exec = { run = 'a', stdout-contains = '' } },
      |                                           ^^
    ");
    assert_snapshot!(step_error("{ http = { url = 'http://a/', contains = [] } }"), @"
    failed to read `tests/web.fw.toml`: it is empty, so it asks for nothing
     --> tests/web.fw.toml:4:44
      |
    4 |   { http = { url = 'http://a/', contains = [] } },
      |                                            ^^
    ");
}

#[test]
fn names_are_names_and_stand_for_one_thing() {
    assert_snapshot!(error("[[test]]\nname = 'web ui'\nsteps = [{ stop = {} }]"), @"
    failed to read `tests/web.fw.toml`: `web ui` cannot name a test
     --> tests/web.fw.toml:2:8
      |
    2 | name = 'web ui'
      |        ^^^^^^^^
    hint: a name is made of letters, digits, `_` and `-`
    ");
    assert_snapshot!(error("[[test]]\nsteps = [{ stop = {} }]"), @"
    failed to read `tests/web.fw.toml`: missing key `name`
     --> tests/web.fw.toml:1:1
      |
    1 | [[test]]
      | ^^^^^^^^
    ");
    assert_snapshot!(error("[[test]]\nname = 'a'\nsteps = [{ stop = {} }]\n[[test]]\nname = 'a'\nsteps = [{ stop = {} }]"), @"
    failed to read `tests/web.fw.toml`: two tests are named `a`
     --> tests/web.fw.toml:5:8
      |
    5 | name = 'a'
      |        ^^^
    hint: the first is at line 2
    ");
    assert_snapshot!(error("[[test]]\nname = 'a'\nignore = ''\nsteps = [{ stop = {} }]"), @r#"
    failed to read `tests/web.fw.toml`: no reason to ignore the test
     --> tests/web.fw.toml:3:10
      |
    3 | ignore = ''
      |          ^^
    hint: say why: `ignore = "needs the new boot loader"`
    "#);
    assert_snapshot!(step_error("{ snapshot = '../a' }"), @"
    failed to read `tests/web.fw.toml`: `../a` cannot name a snapshot
     --> tests/web.fw.toml:4:16
      |
    4 |   { snapshot = '../a' },
      |                ^^^^^^
    hint: a name is made of letters, digits, `_` and `-`
    ");
    assert_snapshot!(step_error("{ snapshot = 'a' }, { stop = {} }, { snapshot = 'a' }"), @"
    failed to read `tests/web.fw.toml`: two snapshots of test `a` are named `a`
     --> tests/web.fw.toml:4:38
      |
    4 |   { snapshot = 'a' }, { stop = {} }, { snapshot = 'a' },
      |                                      ^^^^^^^^^^^^^^^^^^
    hint: the first is at line 4
    ");
}

#[test]
fn a_wrong_key_is_pointed_at() {
    assert_snapshot!(error("[[test]]\nname = 'a'\ntimout = '10s'\nsteps = [{ stop = {} }]"), @"
    failed to read `tests/web.fw.toml`: unknown key `timout`
     --> tests/web.fw.toml:3:1
      |
    3 | timout = '10s'
      | ^^^^^^
    hint: did you mean `timeout`?
    ");
    assert_snapshot!(error("[[tests]]\nname = 'a'"), @"
    failed to read `tests/web.fw.toml`: unknown key `tests`
     --> tests/web.fw.toml:1:3
      |
    1 | [[tests]]
      |   ^^^^^
    hint: did you mean `test`?
    ");
    assert_snapshot!(step_error("{ waitt = { port = 'tcp:80' } }"), @"
    failed to read `tests/web.fw.toml`: unknown step `waitt`
     --> tests/web.fw.toml:4:5
      |
    4 |   { waitt = { port = 'tcp:80' } },
      |     ^^^^^
    hint: did you mean `wait`?
    ");
    assert_snapshot!(step_error("{ reboot = { clock = 0 } }"), @"
    failed to read `tests/web.fw.toml`: unknown step `reboot`
     --> tests/web.fw.toml:4:5
      |
    4 |   { reboot = { clock = 0 } },
      |     ^^^^^^
    hint: known here: `wait`, `exec`, `http`, `file`, `process`, `listening`, `console`, `attempts`, `stop`, `remount`, `snapshot`
    ");
    assert_snapshot!(step_error("{ exec = { run = ['ls'], stdout_contains = 'a' } }"), @"
    failed to read `tests/web.fw.toml`: unknown key `stdout_contains`
     --> tests/web.fw.toml:4:28
      |
    4 |   { exec = { run = ['ls'], stdout_contains = 'a' } },
      |                            ^^^^^^^^^^^^^^^
    hint: did you mean `stdout-contains`?
    ");
    assert_snapshot!(step_error("{ file = { path = '/a', permissions = '0600' } }"), @"
    failed to read `tests/web.fw.toml`: unknown key `permissions`
     --> tests/web.fw.toml:4:27
      |
    4 |   { file = { path = '/a', permissions = '0600' } },
      |                           ^^^^^^^^^^^
    hint: known here: `path`, `exists`, `type`, `mode`, `owner`, `size`, `contains`, `equals`, `matches`, `target`
    ");
    assert_snapshot!(step_error("{ remount = { flags = 1 } }"), @"
    failed to read `tests/web.fw.toml`: unknown key `flags`
     --> tests/web.fw.toml:4:17
      |
    4 |   { remount = { flags = 1 } },
      |                 ^^^^^
    hint: no key can stand here
    ");
    assert_snapshot!(step_error("{ exec = { stdin = 'a' } }"), @"
    failed to read `tests/web.fw.toml`: missing key `run`
     --> tests/web.fw.toml:4:12
      |
    4 |   { exec = { stdin = 'a' } },
      |            ^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(step_error("{ wait = { port = 'tcp:80' }, stop = {} }"), @"
    failed to read `tests/web.fw.toml`: a step has exactly one key
     --> tests/web.fw.toml:4:3
      |
    4 |   { wait = { port = 'tcp:80' }, stop = {} },
      |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: write `{ wait = … }, { exec = … }`: a pair of braces for each step
    ");
    assert_snapshot!(step_error("{}"), @"
    failed to read `tests/web.fw.toml`: a step has exactly one key
     --> tests/web.fw.toml:4:3
      |
    4 |   {},
      |   ^^
    hint: write `{ wait = … }, { exec = … }`: a pair of braces for each step
    ");
}

#[test]
fn a_wrong_value_is_pointed_at() {
    assert_snapshot!(step_error("'stop'"), @r#"
    failed to read `tests/web.fw.toml`: a step is a table
     --> tests/web.fw.toml:4:3
      |
    4 |   'stop',
      |   ^^^^^^
    hint: write `{ stop = {} }` or `{ wait = { port = "tcp:80" } }`
    "#);
    assert_snapshot!(step_error("3"), @r#"
    failed to read `tests/web.fw.toml`: a step is a table
     --> tests/web.fw.toml:4:3
      |
    4 |   3,
      |   ^
    hint: write `{ stop = {} }` or `{ wait = { port = "tcp:80" } }`
    "#);
    assert_snapshot!(step_error("{ exec = ['ls', '-l'] }"), @"
    failed to read `tests/web.fw.toml`: expected a table, found an array
     --> tests/web.fw.toml:4:12
      |
    4 |   { exec = ['ls', '-l'] },
      |            ^^^^^^^^^^^^
    ");
    assert_snapshot!(step_error("{ exec = { run = 'ls -l' } }"), @r#"
    failed to read `tests/web.fw.toml`: `ls -l` has a space in it
     --> tests/web.fw.toml:4:20
      |
    4 |   { exec = { run = 'ls -l' } },
      |                    ^^^^^^^
    hint: no shell splits it: write `["ls", "-l"]`
    "#);
    assert_snapshot!(step_error("{ exec = { run = [] } }"), @"
    failed to read `tests/web.fw.toml`: a command needs a program
     --> tests/web.fw.toml:4:20
      |
    4 |   { exec = { run = [] } },
      |                    ^^
    ");
    assert_snapshot!(step_error("{ exec = { run = ['ls', 1] } }"), @"
    failed to read `tests/web.fw.toml`: expected a string, found integer `1`
     --> tests/web.fw.toml:4:27
      |
    4 |   { exec = { run = ['ls', 1] } },
      |                           ^
    ");
    assert_snapshot!(step_error("{ exec = { run = 'ls', status = 256 } }"), @"
    failed to read `tests/web.fw.toml`: expected a number from 0 to 255, found integer `256`
     --> tests/web.fw.toml:4:35
      |
    4 |   { exec = { run = 'ls', status = 256 } },
      |                                   ^^^
    ");
    assert_snapshot!(step_error("{ exec = { run = 'ls', status = 1, signal = 'KILL' } }"), @"
    failed to read `tests/web.fw.toml`: `status` and `signal` exclude each other
     --> tests/web.fw.toml:4:3
      |
    4 |   { exec = { run = 'ls', status = 1, signal = 'KILL' } },
      |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: write one: what a signal killed has no exit status
    ");
    assert_snapshot!(step_error("{ exec = { run = 'ls', stdout-matches = 'a{2,1}' } }"), @"
    failed to read `tests/web.fw.toml`: bad regular expression `a{2,1}`: invalid repetition count range, the start must be <= the end
     --> tests/web.fw.toml:4:43
      |
    4 |   { exec = { run = 'ls', stdout-matches = 'a{2,1}' } },
      |                                           ^^^^^^^^
    ");
    assert_snapshot!(step_error("{ file = { path = 'etc/shadow' } }"), @"
    failed to read `tests/web.fw.toml`: `etc/shadow` does not begin with `/`
     --> tests/web.fw.toml:4:21
      |
    4 |   { file = { path = 'etc/shadow' } },
      |                     ^^^^^^^^^^^^
    hint: write `/etc/shadow`
    ");
    assert_snapshot!(step_error("{ file = { path = '/a', mode = 600 } }"), @r#"
    failed to read `tests/web.fw.toml`: expected octal digits in a string, such as "0600", found integer `600`
     --> tests/web.fw.toml:4:34
      |
    4 |   { file = { path = '/a', mode = 600 } },
      |                                  ^^^
    "#);
    assert_snapshot!(step_error("{ file = { path = '/a', mode = '0680' } }"), @r#"
    failed to read `tests/web.fw.toml`: `0680` is not a mode
     --> tests/web.fw.toml:4:34
      |
    4 |   { file = { path = '/a', mode = '0680' } },
      |                                  ^^^^^^
    hint: write octal digits: `"0600"`, `"4755"`
    "#);
    assert_snapshot!(step_error("{ file = { path = '/a', type = 'dir' } }"), @"
    failed to read `tests/web.fw.toml`: `dir` is not a file type
     --> tests/web.fw.toml:4:34
      |
    4 |   { file = { path = '/a', type = 'dir' } },
      |                                  ^^^^^
    hint: known here: `file`, `directory`, `symlink`, `fifo`, `socket`, `char-device`, `block-device`
    ");
    assert_snapshot!(step_error("{ file = { path = '/a', owner = 'root:' } }"), @"
    failed to read `tests/web.fw.toml`: `root:` is not an owner
     --> tests/web.fw.toml:4:35
      |
    4 |   { file = { path = '/a', owner = 'root:' } },
      |                                   ^^^^^^^
    hint: write `root`, `root:root` or `0:0`
    ");
    assert_snapshot!(step_error("{ file = { path = '/a', exists = false, size = 0 } }"), @"
    failed to read `tests/web.fw.toml`: `/a` cannot be missing and yet be something
     --> tests/web.fw.toml:4:3
      |
    4 |   { file = { path = '/a', exists = false, size = 0 } },
      |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: with `exists = false` write `path` alone
    ");
    assert_snapshot!(step_error("{ http = { url = 'https://router/' } }"), @"
    failed to read `tests/web.fw.toml`: `https://router/` does not begin with `http://`
     --> tests/web.fw.toml:4:20
      |
    4 |   { http = { url = 'https://router/' } },
      |                    ^^^^^^^^^^^^^^^^^
    hint: write `http://router/`, with any host name: it is the instance's
    ");
    assert_snapshot!(step_error("{ http = { url = 'http:///index' } }"), @"
    failed to read `tests/web.fw.toml`: `http:///index` is not a URL
     --> tests/web.fw.toml:4:20
      |
    4 |   { http = { url = 'http:///index' } },
      |                    ^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(step_error("{ wait = { port = 'http' } }"), @"
    failed to read `tests/web.fw.toml`: `http` is not a port
     --> tests/web.fw.toml:4:21
      |
    4 |   { wait = { port = 'http' } },
      |                     ^^^^^^
    hint: write `tcp:80` or `udp:53`, with a number from 1 to 65535
    ");
    assert_snapshot!(step_error("{ wait = {} }"), @"
    failed to read `tests/web.fw.toml`: nothing to wait for
     --> tests/web.fw.toml:4:3
      |
    4 |   { wait = {} },
      |   ^^^^^^^^^^^^^
    hint: write one of `port`, `log`, `process`, `file`, `quiet`, `attempt`, `boot`, and `within` if you like
    ");
    assert_snapshot!(step_error("{ process = { name = 'a', count = -1 } }"), @"
    failed to read `tests/web.fw.toml`: expected a number from 0 up, found integer `-1`
     --> tests/web.fw.toml:4:37
      |
    4 |   { process = { name = 'a', count = -1 } },
      |                                     ^^
    ");
    assert_snapshot!(step_error("{ listening = { only = ['80'] } }"), @"
    failed to read `tests/web.fw.toml`: `80` is not a port
     --> tests/web.fw.toml:4:27
      |
    4 |   { listening = { only = ['80'] } },
      |                           ^^^^
    hint: write `tcp:80` or `udp:53`, with a number from 1 to 65535
    ");
    assert_snapshot!(step_error("{ attempts = { clok = 0 } }"), @"
    failed to read `tests/web.fw.toml`: unknown key `clok`
     --> tests/web.fw.toml:4:18
      |
    4 |   { attempts = { clok = 0 } },
      |                  ^^^^
    hint: did you mean `clock`?
    ");
    assert_snapshot!(step_error("{ attempts = { other = 0 } }"), @"
    failed to read `tests/web.fw.toml`: unknown key `other`
     --> tests/web.fw.toml:4:18
      |
    4 |   { attempts = { other = 0 } },
      |                  ^^^^^
    hint: did you mean `others`?
    ");
    assert_snapshot!(step_error("{ attempts = {} }"), @"
    failed to read `tests/web.fw.toml`: it asks for no attempt
     --> tests/web.fw.toml:4:16
      |
    4 |   { attempts = {} },
      |                ^^
    hint: write `{ clock = 1 }`, or `{ others = 0 }` for none at all
    ");
    assert_snapshot!(step_error("{ attempts = { clock = 'none' } }"), @r#"
    failed to read `tests/web.fw.toml`: expected a number from 0 up, found string "none"
     --> tests/web.fw.toml:4:26
      |
    4 |   { attempts = { clock = 'none' } },
      |                          ^^^^^^
    "#);
    assert_snapshot!(step_error("{ attempts = { clock = -1 } }"), @"
    failed to read `tests/web.fw.toml`: expected a number from 0 up, found integer `-1`
     --> tests/web.fw.toml:4:26
      |
    4 |   { attempts = { clock = -1 } },
      |                          ^^
    ");
    assert_snapshot!(step_error("{ attempts = { others = 2 } }"), @"
    failed to read `tests/web.fw.toml`: `others = 2` does not say which: name their classes
     --> tests/web.fw.toml:4:27
      |
    4 |   { attempts = { others = 2 } },
      |                           ^
    ");
    assert_snapshot!(step_error("{ attempts = 'none' }"), @r#"
    failed to read `tests/web.fw.toml`: expected a table, found string "none"
     --> tests/web.fw.toml:4:16
      |
    4 |   { attempts = 'none' },
      |                ^^^^^^
    "#);
    assert_snapshot!(step_error("{ wait = { attempt = 'clok' } }"), @"
    failed to read `tests/web.fw.toml`: unknown class of attempts `clok`
     --> tests/web.fw.toml:4:24
      |
    4 |   { wait = { attempt = 'clok' } },
      |                        ^^^^^^
    hint: did you mean `clock`?
    ");
    assert_snapshot!(step_error("{ console = { expect = '' } }"), @"
    failed to read `tests/web.fw.toml`: an empty regular expression matches everything
     --> tests/web.fw.toml:4:26
      |
    4 |   { console = { expect = '' } },
      |                          ^^
    ");
}
