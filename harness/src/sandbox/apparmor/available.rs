//! Whether this host has AppArmor for us.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::audit;
use super::compile::Parser;
use super::error::Unavailable;

/// capabilities(7)
const CAP_MAC_ADMIN: u32 = 33;

/// Where the kernel has its part.
struct Places<'a> {
    /// `Y` or `N`.
    switch: &'a Path,
    /// AppArmor's part of securityfs.
    tree: &'a Path,
}

/// Who we are.
struct Me {
    root: bool,
    /// proc_pid_status(5)
    status: String,
    /// user_namespaces(7)
    uid_map: String,
    /// proc_pid_attr(5)
    label: String,
}

/// What there is to work with.
pub(super) struct Found {
    /// AppArmor's part of securityfs.
    pub(super) tree: PathBuf,
    pub(super) parser: Parser,
    /// Hears the kernel's audit records from now on.
    pub(super) audit: OwnedFd,
}

/// Whether guests could have AppArmor here. Changes nothing.
///
/// # Errors
/// The first thing that is missing.
pub fn available() -> Result<(), Unavailable> {
    find().map(drop)
}

pub(super) fn find() -> Result<Found, Unavailable> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let places = Places {
        switch: Path::new("/sys/module/apparmor/parameters/enabled"),
        tree: Path::new("/sys/kernel/security/apparmor"),
    };
    let me = Me {
        root: rustix::process::geteuid().is_root(),
        status: read("/proc/self/status"),
        uid_map: read("/proc/self/uid_map"),
        label: read("/proc/self/attr/apparmor/current"),
    };
    look(&places, &me, Parser::find(), audit::open)
}

fn look(
    places: &Places<'_>,
    me: &Me,
    parser: Option<Parser>,
    audit: impl FnOnce() -> std::io::Result<OwnedFd>,
) -> Result<Found, Unavailable> {
    match fs::read_to_string(places.switch).map(|text| text.trim_end().to_owned()).as_deref() {
        Ok("Y") => {}
        Ok(_) => return Err(Unavailable::SwitchedOff),
        Err(_) => return Err(Unavailable::NotInKernel),
    }
    if !me.root {
        return Err(Unavailable::NotRoot);
    }
    let namespaces = namespaces(places.tree);
    if !namespaces.is_dir() {
        return Err(Unavailable::NotMounted { path: places.tree.to_owned() });
    }
    if let Some(lacks) = me.lacks() {
        return Err(Unavailable::NotAllowed { lacks });
    }
    let parser = parser.ok_or(Unavailable::NoParser)?;
    rustix::fs::access(&namespaces, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|errno| Unavailable::NotWritable { path: namespaces, source: errno.into() })?;
    let audit = audit().map_err(Unavailable::NoAudit)?;
    Ok(Found { tree: places.tree.to_owned(), parser, audit })
}

/// The directory of policy namespaces.
pub(super) fn namespaces(tree: &Path) -> PathBuf {
    tree.join("policy/namespaces")
}

impl Me {
    fn lacks(&self) -> Option<&'static str> {
        let ids: Vec<_> = self.uid_map.split_whitespace().collect();
        if ids != ["0", "0", "4294967295"] {
            return Some("it is in a user namespace of its own");
        }
        let label = self.label.trim_end();
        // A profile may be one that forbids nothing.
        if !label.is_empty() && label != "unconfined" && !label.ends_with(" (unconfined)") {
            return Some("it is itself under an AppArmor profile, which it cannot leave");
        }
        let line = self.status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let capabilities = line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
        match capabilities.is_some_and(|set| set & (1 << CAP_MAC_ADMIN) != 0) {
            true => None,
            false => Some("it has no CAP_MAC_ADMIN"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// A host that has all, for a test to take something away.
    struct Host {
        place: tempfile::TempDir,
        me: Me,
        parser: Option<Parser>,
        audit: Option<i32>,
    }

    impl Host {
        fn whole() -> Self {
            let place = tempfile::tempdir().unwrap();
            fs::write(place.path().join("enabled"), "Y\n").unwrap();
            fs::create_dir_all(place.path().join("apparmor/policy/namespaces")).unwrap();
            let me = Me {
                root: true,
                status: "Name:\tx\nCapEff:\t000001ffffffffff\n".to_owned(),
                uid_map: "         0          0 4294967295\n".to_owned(),
                label: "unconfined\n".to_owned(),
            };
            // Whatever the machine of the tests has for one: it is not run.
            Self { place, me, parser: Some(Parser::at("/usr/sbin/apparmor_parser")), audit: None }
        }

        /// What is said of it, with the place left out.
        fn says(&self) -> String {
            let at = |name| self.place.path().join(name);
            let (switch, tree) = (at("enabled"), at("apparmor"));
            let places = Places { switch: &switch, tree: &tree };
            let audit = || match self.audit {
                None => Ok(fs::File::open("/dev/null")?.into()),
                Some(errno) => Err(io::Error::from_raw_os_error(errno)),
            };
            match look(&places, &self.me, self.parser.clone(), audit) {
                Ok(_) => "all there".to_owned(),
                Err(error) => {
                    assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{error}");
                    error.to_string().replace(&self.place.path().display().to_string(), "")
                }
            }
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(Host::whole().says(), "all there");

        let host = Host::whole();
        fs::remove_file(host.place.path().join("enabled")).unwrap();
        assert_eq!(host.says(), "this kernel has no AppArmor");

        let host = Host::whole();
        fs::write(host.place.path().join("enabled"), "N\n").unwrap();
        assert_eq!(host.says(), "this kernel's AppArmor is switched off");

        let host = Host::whole();
        fs::remove_dir_all(host.place.path().join("apparmor")).unwrap();
        assert_eq!(host.says(), "/apparmor is not there: securityfs is not mounted");

        let mut host = Host::whole();
        host.me.root = false;
        let expected = "only root may load AppArmor policy, and the tests are run by another user";
        assert_eq!(host.says(), expected);

        let mut host = Host::whole();
        host.me.uid_map = "0 100000 65536\n".to_owned();
        let expected =
            "this root may not load AppArmor policy: it is in a user namespace of its own";
        assert_eq!(host.says(), expected);

        let mut host = Host::whole();
        host.me.status = "CapEff:\t00000000a80425fb\n".to_owned();
        let expected = "this root may not load AppArmor policy: it has no CAP_MAC_ADMIN";
        assert_eq!(host.says(), expected);

        let mut host = Host::whole();
        host.me.label = "fwtest (unconfined)\n".to_owned();
        assert_eq!(host.says(), "all there");
        host.me.label = "docker-default (enforce)\n".to_owned();
        let expected = "this root may not load AppArmor policy: it is itself under an AppArmor \
                        profile, which it cannot leave";
        assert_eq!(host.says(), expected);

        let host = Host { parser: None, ..Host::whole() };
        assert_eq!(host.says(), "`apparmor_parser` is not installed");

        let host = Host { audit: Some(libc::EPERM), ..Host::whole() };
        assert_eq!(host.says(), "the kernel's audit records cannot be read");
    }
}
