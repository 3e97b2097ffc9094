//! Known noise, named: content that differs each time shows as its name.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use globset::{Glob, GlobBuilder, GlobSet};

use crate::attempt::Class;
use crate::path::{GuestPath, escape};

/// A user's rule, `[[snapshot.normalise]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// A glob on the whole path: `*` stays within a name, `**` does not.
    pub path: String,
    /// What to show in place of size and content, with or without brackets.
    pub name: String,
}

/// Which files' content to hide behind which name, and which changes and attempts to leave out.
#[derive(Clone, Debug)]
pub struct Normaliser {
    rules: GlobSet,
    /// One for each glob of `rules`, in brackets.
    names: Vec<String>,
    ignored: GlobSet,
    ignored_attempts: BTreeSet<Class>,
}

/// A glob is no good.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// It is malformed.
    #[error("failed to parse the pattern `{pattern}`")]
    Pattern {
        /// The glob.
        pattern: String,
        /// What is wrong with it.
        source: globset::Error,
    },
    /// It could never match, for a path starts with a slash.
    #[error("the pattern `{pattern}` matches no path: it starts with neither `/` nor `**`")]
    Relative {
        /// The glob.
        pattern: String,
    },
    /// All of them together are too large.
    #[error("failed to combine the patterns")]
    Combine {
        /// Why.
        source: globset::Error,
    },
}

/// Noise that no firmware is to blame for.
struct Known {
    name: &'static str,
    paths: &'static [&'static str],
}

/// The first that matches names a file.
const KNOWN: &[Known] = &[
    Known { name: "machine-id", paths: &["/etc/machine-id", "/var/lib/dbus/machine-id"] },
    Known {
        name: "random-seed",
        paths: &[
            "/etc/random-seed",
            "/etc/urandom.seed",
            "/var/lib/**/random-seed",
            "/var/lib/seedrng/seed.*",
        ],
    },
    Known {
        name: "ssh-host-key",
        paths: &[
            "/etc/ssh/ssh_host_*_key",
            "/etc/ssh/ssh_host_*_key.pub",
            "/{etc,var/lib}/dropbear/*_host_key",
        ],
    },
    Known { name: "tls-key", paths: &["/etc/uhttpd.{key,crt}"] },
    Known {
        name: "lease",
        paths: &[
            "/tmp/dhcp.leases",
            "/var/lib/{dhcp,dhclient,dhcpcd,udhcpd,NetworkManager}/*.lease*",
            "/var/lib/misc/*.leases",
        ],
    },
    Known {
        name: "clock",
        paths: &["/etc/{adjtime,fake-hwclock.data}", "/var/lib/systemd/timesync/clock"],
    },
    Known { name: "login-record", paths: &["/{run,var/run}/utmp", "/var/log/{wtmp,btmp,lastlog}"] },
    Known { name: "log", paths: &["/var/log/**"] },
    Known { name: "pid", paths: &["/{run,var/run,tmp}/**/*.pid"] },
];

/// [`KNOWN`], and the names in brackets. Built at the first snapshot: it takes a millisecond, and
/// most processes take none.
static KNOWN_SET: LazyLock<(GlobSet, Vec<String>)> = LazyLock::new(|| {
    let known = KNOWN.iter().flat_map(|known| known.paths.iter().map(|path| (*path, known.name)));
    compile(known).expect("the table has no malformed glob: a test reads it")
});

impl Normaliser {
    /// The `rules`, before what is known anyway, and the globs of paths to leave out.
    /// # Errors
    /// Where a glob is malformed, or could match nothing; has the glob.
    pub fn new(rules: &[Rule], ignore: &[String]) -> Result<Self, RuleError> {
        let rules = rules.iter().map(|rule| (rule.path.as_str(), rule.name.as_str()));
        let (rules, names) = compile(rules)?;
        let ignored = set(ignore.iter().map(String::as_str))?;
        Ok(Self { rules, names, ignored, ignored_attempts: BTreeSet::new() })
    }

    /// Leaves attempts of these classes out.
    #[must_use]
    pub fn without_attempts(mut self, classes: impl IntoIterator<Item = Class>) -> Self {
        self.ignored_attempts.extend(classes);
        self
    }

    /// The name, in brackets, that stands for the content of a regular file.
    #[must_use]
    pub fn name(&self, path: &GuestPath) -> Option<&str> {
        let first = |set: &GlobSet| set.matches(&path.0).into_iter().min();
        match first(&self.rules) {
            Some(rule) => Some(&self.names[rule]),
            None => first(&KNOWN_SET.0).map(|known| KNOWN_SET.1[known].as_str()),
        }
    }

    /// Whether to leave a change out altogether.
    #[must_use]
    pub fn ignores(&self, path: &GuestPath) -> bool {
        self.ignored.is_match(&path.0)
    }

    /// Whether to leave attempts of a class out.
    #[must_use]
    pub fn ignores_attempts(&self, class: Class) -> bool {
        self.ignored_attempts.contains(&class)
    }
}

impl Default for Normaliser {
    /// What is known anyway.
    fn default() -> Self {
        Self {
            rules: GlobSet::empty(),
            names: Vec::new(),
            ignored: GlobSet::empty(),
            ignored_attempts: BTreeSet::new(),
        }
    }
}

/// One set of the globs, and the names in brackets.
fn compile<'a>(
    rules: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<(GlobSet, Vec<String>), RuleError> {
    let (paths, names): (Vec<_>, Vec<_>) =
        rules.map(|(path, name)| (path, bracketed(name))).unzip();
    Ok((set(paths.into_iter())?, names))
}

fn set<'a>(patterns: impl Iterator<Item = &'a str>) -> Result<GlobSet, RuleError> {
    let globs = patterns.map(glob).collect::<Result<Vec<_>, _>>()?;
    GlobSet::new(globs).map_err(|source| RuleError::Combine { source })
}

fn glob(pattern: &str) -> Result<Glob, RuleError> {
    let rooted = ["/", "**", "{"].iter().any(|start| pattern.starts_with(start));
    if !rooted {
        return Err(RuleError::Relative { pattern: pattern.to_owned() });
    }
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .build()
        .map_err(|source| RuleError::Pattern { pattern: pattern.to_owned(), source })
}

/// One pair of brackets, on one line, whatever the user wrote.
fn bracketed(name: &str) -> String {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    format!("[{}]", escape(bare.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Option<&str>) {
        let normaliser = Normaliser::default();
        assert_eq!(normaliser.name(&GuestPath::from(path)), expected);
    }

    #[test]
    fn known_noise_has_a_name() {
        check("/etc/machine-id", Some("[machine-id]"));
        check("/etc/machine-id.bak", None);
        check("/data/etc/machine-id", None);
        check("/var/lib/systemd/random-seed", Some("[random-seed]"));
        check("/var/lib/random-seed", Some("[random-seed]"));
        check("/var/lib/seedrng/seed.no-credit", Some("[random-seed]"));
        check("/etc/ssh/ssh_host_ed25519_key", Some("[ssh-host-key]"));
        check("/etc/ssh/ssh_host_ed25519_key.pub", Some("[ssh-host-key]"));
        check("/etc/ssh/sshd_config", None);
        check("/etc/dropbear/dropbear_rsa_host_key", Some("[ssh-host-key]"));
        check("/etc/uhttpd.crt", Some("[tls-key]"));
        check("/var/lib/dhcp/dhclient.eth0.leases", Some("[lease]"));
        check("/var/lib/misc/dnsmasq.leases", Some("[lease]"));
        check("/etc/adjtime", Some("[clock]"));
        check("/run/utmp", Some("[login-record]"));
        check("/var/log/wtmp", Some("[login-record]"));
        check("/var/log/messages", Some("[log]"));
        check("/var/log/nginx/access.log.1", Some("[log]"));
        check("/var/log", None);
        check("/run/sshd.pid", Some("[pid]"));
        check("/var/run/a/b/c.pid", Some("[pid]"));
        check("/etc/passwd", None);
    }

    #[test]
    fn a_users_rule_comes_first_and_may_have_brackets() {
        let rule = |path: &str, name: &str| Rule { path: path.into(), name: name.into() };
        let rules = [rule("/etc/machine-id", "[my-id]"), rule("/data/*.db", "database")];
        let ignore = ["/var/cache/**".to_owned()];
        let normaliser = Normaliser::new(&rules, &ignore).unwrap();
        let name = |path: &str| normaliser.name(&GuestPath::from(path)).map(str::to_owned);
        assert_eq!(name("/etc/machine-id").as_deref(), Some("[my-id]"));
        assert_eq!(name("/data/a.db").as_deref(), Some("[database]"));
        assert_eq!(name("/data/sub/a.db"), None, "`*` stays within a name");
        assert_eq!(name("/run/x.pid").as_deref(), Some("[pid]"));

        let ignores = |path: &str| normaliser.ignores(&GuestPath::from(path));
        assert!(ignores("/var/cache/a/b"));
        assert!(!ignores("/var/cache"));
        assert!(!ignores("/var/cached"));
    }

    #[test]
    fn a_glob_that_matches_nothing_is_an_error() {
        let error = |glob: &str| Normaliser::new(&[], &[glob.to_owned()]).unwrap_err().to_string();
        insta::assert_snapshot!(error("var/cache/**"), @"the pattern `var/cache/**` matches no path: it starts with neither `/` nor `**`");
        insta::assert_snapshot!(error("/var/[a"), @"failed to parse the pattern `/var/[a`");
    }

    #[test]
    fn a_name_that_is_no_text_is_matched_as_bytes() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let path = GuestPath::from(OsStr::from_bytes(b"/var/log/\xff"));
        assert_eq!(Normaliser::default().name(&path), Some("[log]"));
    }
}
