use std::fs;
use std::path::Path;

use crate::engine::{Launcher, Means, StepError};

/// What several checks want to know.
#[derive(Debug)]
pub struct Host {
    pub uid: u32,
    /// As subuid(5) names the user: the login name, or else the number.
    pub user: String,
    pub distribution: Distribution,
    /// What the first test of a run would need, done for real.
    pub sandbox: Result<Sandbox, StepError>,
}

/// A sandbox that could be made.
#[derive(Debug)]
pub struct Sandbox {
    /// How many user ids the guest had.
    pub ids: u32,
    pub means: Means,
}

impl Sandbox {
    fn make() -> Result<Sandbox, StepError> {
        let launcher = Launcher::start()?;
        Ok(Sandbox { ids: launcher.ready()?.count(), means: launcher.means()? })
    }
}

/// By what packages are installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    Debian,
    Fedora,
    Suse,
    Arch,
    Alpine,
    Unknown,
}

impl Host {
    pub fn look() -> Host {
        let uid = rustix::process::geteuid().as_raw();
        let passwd = read("/etc/passwd");
        Host {
            uid,
            user: login_name(&passwd, uid).map_or_else(|| uid.to_string(), str::to_owned),
            distribution: distribution(&read("/etc/os-release")),
            sandbox: Sandbox::make(),
        }
    }

    pub fn is_root(&self) -> bool {
        self.uid == 0
    }
}

/// A file of /proc or /etc, empty where there is none: to a check both mean that nothing is said.
pub fn read(path: impl AsRef<Path>) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// passwd(5)
fn login_name(passwd: &str, uid: u32) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

/// os-release(5)
fn distribution(os_release: &str) -> Distribution {
    let values = ["ID=", "ID_LIKE="]
        .iter()
        .filter_map(|key| os_release.lines().find_map(|line| line.strip_prefix(key)))
        .flat_map(|value| value.trim_matches('"').split(' '));
    for value in values {
        match value {
            "debian" | "ubuntu" => return Distribution::Debian,
            "fedora" | "rhel" | "centos" => return Distribution::Fedora,
            "suse" | "opensuse" => return Distribution::Suse,
            "arch" => return Distribution::Arch,
            "alpine" => return Distribution::Alpine,
            _ => {}
        }
    }
    Distribution::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_name_is_looked_up() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(login_name(passwd, 1000), Some("ann"));
        assert_eq!(login_name(passwd, 100), None);
        assert_eq!(login_name("+::::::\nbroken\n", 0), None);
    }

    #[test]
    fn a_distribution_is_known_by_its_family() {
        let check = |text, expected| assert_eq!(distribution(text), expected, "{text}");
        check("NAME=\"Debian GNU/Linux\"\nID=debian\n", Distribution::Debian);
        check("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", Distribution::Debian);
        check("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", Distribution::Fedora);
        check("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n", Distribution::Suse);
        check("ID=nixos\n", Distribution::Unknown);
        check("", Distribution::Unknown);
    }
}
