use super::examine::{Answer, Check};
use super::host::{Host, read};
use crate::engine::shell_word;

pub const CHECK: Check = Check { name: "user namespaces", look };

/// What the kernel's switches say; `None` where this kernel has no such switch.
#[derive(Clone, Copy, Debug, Default)]
struct Switches {
    compiled_in: bool,
    /// user.max_user_namespaces, namespaces(7)
    max: Option<u64>,
    /// kernel.unprivileged_userns_clone, of Debian's and Arch's hardened kernels
    unprivileged_clone: Option<u64>,
    /// kernel.apparmor_restrict_unprivileged_userns, from Ubuntu 23.10 on
    apparmor_restricts: Option<u64>,
    /// A profile of its own may have the permission that `unconfined` lacks.
    confined: bool,
}

fn look(host: &Host) -> Answer {
    let number = |path: &str| read(path).trim().parse().ok();
    let label = read("/proc/self/attr/current");
    let program = std::env::current_exe().unwrap_or_default();
    judge(
        host.is_root(),
        Switches {
            compiled_in: std::fs::exists("/proc/self/ns/user").unwrap_or(false),
            max: number("/proc/sys/user/max_user_namespaces"),
            unprivileged_clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
            apparmor_restricts: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
            confined: !label.is_empty() && !label.starts_with("unconfined"),
        },
        &program.to_string_lossy(),
    )
}

/// `program` is where this command lies.
fn judge(root: bool, switches: Switches, program: &str) -> Answer {
    if !switches.compiled_in {
        return Answer::missing("not in this kernel", "boot a kernel with CONFIG_USER_NS=y");
    }
    if switches.max == Some(0) {
        return Answer::missing(
            "none may be made (`user.max_user_namespaces` is 0)",
            sysctl("user.max_user_namespaces=65536"),
        );
    }
    if !root && switches.unprivileged_clone == Some(0) {
        return Answer::missing(
            "kept from unprivileged programs (`kernel.unprivileged_userns_clone` is 0)",
            sysctl("kernel.unprivileged_userns_clone=1"),
        );
    }
    if !root && switches.apparmor_restricts.is_some_and(|value| value > 0) && !switches.confined {
        return Answer::missing(
            "kept from unprivileged programs (`kernel.apparmor_restrict_unprivileged_userns` is 1); \
             the mend lets this program make them, and not test binaries that `cargo test` or \
             nextest start",
            allow(program),
        );
    }
    match switches.max {
        Some(max) => Answer::fine(format!("up to {max}")),
        None => Answer::fine("allowed"),
    }
}

/// Loads a profile for a program that forbids nothing and allows user namespaces, now and at each
/// boot.
fn allow(program: &str) -> String {
    let lines: Vec<_> = profile(&attachment(program)).iter().map(|line| shell_word(line)).collect();
    let file = "/etc/apparmor.d/fwtest";
    format!(
        "printf '%s\\n' {} | sudo tee {file} && sudo apparmor_parser --replace {file}",
        lines.join(" ")
    )
}

/// ci/apparmor/fwtest is the same, for where `cargo install` puts the program.
fn profile(attachment: &str) -> [String; 4] {
    [
        "abi <abi/4.0>,".to_owned(),
        format!("profile fwtest {attachment} flags=(unconfined) {{"),
        "  userns,".to_owned(),
        "}".to_owned(),
    ]
}

/// A path as a profile has it, where some characters mean more than themselves: apparmor.d(5).
fn attachment(path: &str) -> String {
    let mut quoted = String::from('"');
    for letter in path.chars() {
        if "\\\"?*[]{}^".contains(letter) {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted + "\""
}

/// At once, and after the next boot too.
fn sysctl(setting: &str) -> String {
    format!("echo {setting} | sudo tee -a /etc/sysctl.d/60-fwtest.conf && sudo sysctl --system")
}

#[cfg(test)]
mod tests {
    use super::super::examine::State::{self, Fine, Missing};
    use super::*;

    #[track_caller]
    fn check(root: bool, switches: Switches, state: State, mend: Option<&str>) {
        let answer = judge(root, switches, "/home/ann/.cargo/bin/cargo-fwtest");
        assert_eq!(answer.state, state, "{answer:?}");
        let expected = mend.map(|mend| match mend {
            "allow" => allow("/home/ann/.cargo/bin/cargo-fwtest"),
            setting => sysctl(setting),
        });
        assert_eq!(answer.mend, expected);
    }

    #[test]
    fn each_switch_has_its_mend() {
        let plain = Switches { compiled_in: true, max: Some(7000), ..Switches::default() };
        check(false, plain, Fine, None);

        let none = Switches { max: Some(0), ..plain };
        check(false, none, Missing, Some("user.max_user_namespaces=65536"));
        check(true, none, Missing, Some("user.max_user_namespaces=65536"));

        let debian = Switches { unprivileged_clone: Some(0), ..plain };
        check(false, debian, Missing, Some("kernel.unprivileged_userns_clone=1"));
        check(true, debian, Fine, None);
        check(false, Switches { unprivileged_clone: Some(1), ..plain }, Fine, None);

        let ubuntu = Switches { apparmor_restricts: Some(1), ..plain };
        check(false, ubuntu, Missing, Some("allow"));
        check(true, ubuntu, Fine, None);
        check(false, Switches { confined: true, ..ubuntu }, Fine, None);
    }

    #[test]
    fn a_profile_goes_by_the_path_of_the_program() {
        insta::assert_snapshot!(allow("/home/ann/.cargo/bin/cargo-fwtest"), @r#"printf '%s\n' 'abi <abi/4.0>,' 'profile fwtest "/home/ann/.cargo/bin/cargo-fwtest" flags=(unconfined) {' '  userns,' '}' | sudo tee /etc/apparmor.d/fwtest && sudo apparmor_parser --replace /etc/apparmor.d/fwtest"#);
        assert_eq!(attachment("/a b/{x}*\"\\"), r#""/a b/\{x\}\*\"\\""#);
    }

    #[test]
    fn the_file_that_is_shipped_is_what_the_mend_writes() {
        let shipped = include_str!("../../../ci/apparmor/fwtest");
        let is_rule = |line: &&str| {
            !line.is_empty() && !line.starts_with('#') && !line.starts_with("include")
        };
        let rules: Vec<_> = shipped.lines().filter(is_rule).collect();
        assert_eq!(rules, profile("\"@{HOME}/.cargo/bin/cargo-fwtest\""));
    }
}
