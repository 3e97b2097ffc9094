use super::examine::{Answer, Check};
use super::host::{Host, read};

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
    judge(
        host.is_root(),
        Switches {
            compiled_in: std::fs::exists("/proc/self/ns/user").unwrap_or(false),
            max: number("/proc/sys/user/max_user_namespaces"),
            unprivileged_clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
            apparmor_restricts: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
            confined: !label.is_empty() && !label.starts_with("unconfined"),
        },
    )
}

fn judge(root: bool, switches: Switches) -> Answer {
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
            "kept from unprivileged programs (`kernel.apparmor_restrict_unprivileged_userns` is 1)",
            sysctl("kernel.apparmor_restrict_unprivileged_userns=0"),
        );
    }
    match switches.max {
        Some(max) => Answer::fine(format!("up to {max}")),
        None => Answer::fine("allowed"),
    }
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
        let answer = judge(root, switches);
        assert_eq!(answer.state, state, "{answer:?}");
        let expected = mend.map(sysctl);
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
        check(false, ubuntu, Missing, Some("kernel.apparmor_restrict_unprivileged_userns=0"));
        check(true, ubuntu, Fine, None);
        check(false, Switches { confined: true, ..ubuntu }, Fine, None);
    }
}
