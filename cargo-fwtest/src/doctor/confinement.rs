use super::examine::{Answer, Check};
use super::host::{Host, read};

pub const CHECK: Check = Check { name: "confinement", look };

/// What a container has to be started with before firmwares boot in it.
pub const CONTAINER: &str = "docker run --security-opt seccomp=unconfined \
     --security-opt apparmor=unconfined --security-opt systempaths=unconfined …";

/// capabilities(7)
const CAP_SYS_ADMIN: u32 = 21;

fn look(_: &Host) -> Answer {
    judge(
        &read("/proc/self/status"),
        read("/proc/self/attr/current").trim_end_matches(['\n', '\0']),
    )
}

fn judge(status: &str, label: &str) -> Answer {
    if let Some(profile) = label.strip_suffix(" (enforce)") {
        return Answer::degraded(
            format!("the AppArmor profile `{profile}` may forbid mounts"),
            CONTAINER,
        );
    }
    let value = |key| status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let capabilities = value("CapEff:").and_then(|hex| u64::from_str_radix(hex, 16).ok());
    let admin = capabilities.is_some_and(|set| set & (1 << CAP_SYS_ADMIN) != 0);
    // Docker's own filter lets through what it is for only with CAP_SYS_ADMIN.
    if value("Seccomp:") == Some("2") && !admin {
        return Answer::degraded("a seccomp filter may forbid namespaces and mounts", CONTAINER);
    }
    Answer::fine("none")
}

#[cfg(test)]
mod tests {
    use super::super::examine::State;
    use super::*;

    #[test]
    fn a_container_is_known_by_its_filters() {
        let check =
            |status: &str, label, state| assert_eq!(judge(status, label).state, state, "{status}");
        let (all, docker) = ("CapEff:\t000001ffffffffff\n", "CapEff:\t00000000a80425fb\n");
        check(&format!("{all}Seccomp:\t0\n"), "unconfined", State::Fine);
        check(&format!("{all}Seccomp:\t2\n"), "", State::Fine);
        check(&format!("{docker}Seccomp:\t2\n"), "", State::Degraded);
        check(&format!("{docker}Seccomp:\t0\n"), "docker-default (enforce)", State::Degraded);
        check("", "", State::Fine);
    }
}
