//! fwtest.toml: which firmwares there are and how each is booted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use globset::Glob;
use serde::{Deserialize, Deserializer};
use serde_spanned::Spanned;

use super::FirmwareName;
use super::attempts::attempts;
use crate::attempt::{Class, Policy, classes};
use crate::ready::Condition;
use crate::toml_error::{LoadError, Source, TomlError};
use crate::value::{
    Signal, Size, ValueError, duration, environment, optional_command, table, text,
};

/// What the file is called.
const FILE_NAME: &str = "fwtest.toml";

/// A fwtest.toml.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The file.
    pub path: PathBuf,
    /// Its firmwares, at least one, by name.
    pub firmwares: Vec<Firmware>,
    /// What snapshots leave out or rewrite.
    pub snapshot: Snapshot,
}

/// A `[firmware.NAME]`: a root file system and how it is booted.
#[derive(Clone, Debug, PartialEq)]
pub struct Firmware {
    /// Its name.
    pub name: FirmwareName,
    /// Where its root file system is. A relative path goes from the directory of fwtest.toml, which
    /// it is joined to.
    pub rootfs: PathBuf,
    /// Its pid 1 and the arguments; whatever the root file system has for one where it is not said.
    pub init: Option<Vec<String>>,
    /// The host name that it finds at boot; its name by default.
    pub hostname: String,
    /// What makes it ready for tests, all of it; it is ready at once where there is nothing.
    pub ready: Vec<Condition>,
    /// How long it may take to be ready; 30 s by default.
    pub boot_timeout: Duration,
    /// Whether it runs under AppArmor.
    pub apparmor: AppArmor,
    /// What it may use.
    pub limits: Limits,
    /// Variables for its pid 1, besides PATH, HOME and TERM, or in their place.
    pub env: BTreeMap<String, String>,
    /// What its pid 1 takes for an order to power off; where it is not said, SIGUSR2 for busybox and
    /// SIGTERM for any other.
    pub stop_signal: Option<Signal>,
    /// What is answered to what it tries, and whether it may try what nobody expects.
    pub attempts: Policy,
}

/// Whether a firmware runs under AppArmor, besides the user namespace that is its wall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum AppArmor {
    /// Where the kernel has it, and this user may load policy.
    #[default]
    Auto,
    /// Always: it does not boot without.
    Required,
    /// Never.
    Off,
}

/// What a firmware may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Room for what it writes to its root file system, in bytes; half of the machine's memory, as
    /// tmpfs(5) has it, where it is not said.
    pub storage: Option<Size>,
    /// What it writes goes to disk, where it has no limit, and not to memory.
    pub disk: bool,
}

/// What snapshots leave out or rewrite.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Globs over the firmware's paths whose changes are left out.
    #[serde(default, deserialize_with = "globs")]
    pub ignore: Vec<Glob>,
    /// Classes of attempts that are left out.
    #[serde(default, rename = "ignore-attempts", deserialize_with = "classes")]
    pub ignore_attempts: Vec<Class>,
    /// Files whose content is replaced.
    #[serde(default)]
    pub normalise: Vec<Normalise>,
}

/// Files whose content is never the same twice, and what is shown for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Normalise {
    /// A glob over the firmware's paths.
    pub path: Glob,
    /// What is shown for the content.
    pub replacement: String,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Neither the directory nor one above it has the file.
    #[error("failed to find `{FILE_NAME}` in `{}` or above", start.display())]
    NotFound {
        /// Where the search began.
        start: PathBuf,
    },
    /// The file could not be had.
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl ConfigError {
    /// What to do about it, where we know.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::NotFound { .. } => {
                Some("write one: `[firmware.NAME]`, and below it `rootfs = \"PATH\"`, are enough")
            }
            Self::Load(error) => error.hint(),
        }
    }

    /// The same error for a reader in `directory`: a file below it goes by its path from there.
    #[must_use]
    pub fn relative_to(self, directory: &Path) -> Self {
        match self {
            Self::Load(error) => Self::Load(error.relative_to(directory)),
            Self::NotFound { .. } => self,
        }
    }
}

impl Config {
    /// Reads a fwtest.toml from `text`. `path` is where it is, for messages and for the directory
    /// that relative paths go from.
    /// # Errors
    /// The first thing wrong in it.
    pub fn parse(path: &Path, text: &str) -> Result<Self, TomlError> {
        from_source(Source { path: path.to_owned(), text: text.to_owned() })
    }

    /// Reads a fwtest.toml.
    /// # Errors
    /// That it cannot be read, or the first thing wrong in it.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        Ok(from_source(Source::load(path)?)?)
    }

    /// Reads the nearest fwtest.toml, from the directory `start` upwards.
    /// # Errors
    /// That there is none, or that it cannot be read.
    pub fn find(start: &Path) -> Result<Self, ConfigError> {
        let start = std::path::absolute(start).unwrap_or_else(|_| start.to_owned());
        for directory in start.ancestors() {
            let path = directory.join(FILE_NAME);
            // What cannot be looked at is taken for the file: opening it says why, where going on
            // upwards would quietly take another one.
            match path.try_exists() {
                Ok(false) => {}
                Ok(true) | Err(_) => return Ok(Self::load(&path)?),
            }
        }
        Err(ConfigError::NotFound { start })
    }

    /// The directory of the file: what suites are looked for in, what relative paths go from.
    #[must_use]
    pub fn directory(&self) -> &Path {
        directory_of(&self.path)
    }
}

fn from_source(source: Source) -> Result<Config, TomlError> {
    let Keys { firmware, snapshot } = source.parse()?;
    if firmware.is_empty() {
        let hint = "write `[firmware.router]` and below it `rootfs = \"output/target\"`".to_owned();
        return Err(source.error(None, "it names no firmware", Some(hint)));
    }
    let mut firmwares = Vec::new();
    let directory = directory_of(&source.path).to_owned();
    for (name, FirmwareTable(keys)) in firmware {
        firmwares.push(Firmware {
            rootfs: directory.join(keys.rootfs),
            init: keys.init,
            hostname: keys.hostname.unwrap_or_else(|| name.to_string()),
            ready: keys.ready,
            boot_timeout: keys.boot_timeout,
            apparmor: keys.apparmor,
            limits: limits(&source, keys.limits)?,
            env: keys.env,
            stop_signal: keys.stop_signal,
            attempts: keys.attempts,
            name,
        });
    }
    Ok(Config { path: source.path, firmwares, snapshot })
}

fn limits(source: &Source, keys: LimitKeys) -> Result<Limits, TomlError> {
    let LimitKeys { storage, disk } = keys;
    match disk {
        Some(disk) if *disk.get_ref() && storage.is_some() => Err(source.error(
            Some(disk.span()),
            "`disk` and `storage` exclude each other: what goes to disk cannot be limited",
            Some("leave out one of them".to_owned()),
        )),
        disk => Ok(Limits { storage, disk: disk.is_some_and(Spanned::into_inner) }),
    }
}

fn directory_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    #[serde(default)]
    firmware: BTreeMap<FirmwareName, FirmwareTable>,
    #[serde(default, deserialize_with = "table")]
    snapshot: Snapshot,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FirmwareKeys {
    #[serde(deserialize_with = "rootfs")]
    rootfs: PathBuf,
    #[serde(default, deserialize_with = "optional_command")]
    init: Option<Vec<String>>,
    #[serde(default, deserialize_with = "hostname")]
    hostname: Option<String>,
    #[serde(default)]
    ready: Vec<Condition>,
    #[serde(default = "default_boot_timeout", deserialize_with = "duration")]
    boot_timeout: Duration,
    #[serde(default, deserialize_with = "apparmor")]
    apparmor: AppArmor,
    #[serde(default, deserialize_with = "table")]
    limits: LimitKeys,
    #[serde(default, deserialize_with = "environment")]
    env: BTreeMap<String, String>,
    stop_signal: Option<Signal>,
    #[serde(default, deserialize_with = "attempts")]
    attempts: Policy,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitKeys {
    storage: Option<Size>,
    disk: Option<Spanned<bool>>,
}

struct FirmwareTable(FirmwareKeys);

impl<'de> Deserialize<'de> for FirmwareTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        table(deserializer).map(Self)
    }
}

fn default_boot_timeout() -> Duration {
    Duration::from_secs(30)
}

fn rootfs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    text(deserializer, "a path in a string", |text| {
        if text.is_empty() {
            return Err(ValueError::hinted("the path is empty", "`.` is this file's directory"));
        }
        if text.contains('\0') {
            return Err(ValueError::new("a path cannot have a NUL in it"));
        }
        Ok(PathBuf::from(text))
    })
}

fn hostname<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    text(deserializer, "a host name in a string", |text| {
        match (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Some(text.to_owned())),
            false => Err(ValueError::hinted(
                format!("`{}` cannot be a host name", text.escape_debug()),
                "a host name has 1 to 64 ASCII characters without white space",
            )),
        }
    })
}

fn apparmor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AppArmor, D::Error> {
    text(deserializer, "\"auto\", \"required\" or \"off\"", |text| match text {
        "auto" => Ok(AppArmor::Auto),
        "required" => Ok(AppArmor::Required),
        "off" => Ok(AppArmor::Off),
        other => Err(ValueError::hinted(
            format!("`{}` is no way to use AppArmor", other.escape_debug()),
            "write `auto`, `required` or `off`",
        )),
    })
}

fn globs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Glob>, D::Error> {
    let globs: Vec<PathGlob> = Deserialize::deserialize(deserializer)?;
    Ok(globs.into_iter().map(|PathGlob(glob)| glob).collect())
}

/// A glob over the firmware's paths.
struct PathGlob(Glob);

impl<'de> Deserialize<'de> for PathGlob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a glob in a string", |text| {
            if !text.starts_with('/') {
                let hint = format!("write `/{text}`, or `/**/{text}` for any directory");
                let message = format!("`{text}` does not begin with `/`, as every path here does");
                return Err(ValueError::hinted(message, hint));
            }
            match globset::GlobBuilder::new(text).literal_separator(true).build() {
                Ok(glob) => Ok(Self(glob)),
                Err(error) => {
                    Err(ValueError::new(format!("`{text}` is not a glob: {}", error.kind())))
                }
            }
        })
    }
}

impl<'de> Deserialize<'de> for Normalise {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            path: PathGlob,
            r#as: String,
        }
        let Written { path: PathGlob(path), r#as: replacement } = table(deserializer)?;
        Ok(Self { path, replacement })
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::attempt::Unexpected;
    use crate::ready::{log, port};

    fn config(text: &str) -> Config {
        Config::parse(Path::new("project/fwtest.toml"), text).unwrap()
    }

    fn error(text: &str) -> String {
        Config::parse(Path::new("fwtest.toml"), text).unwrap_err().whole()
    }

    #[test]
    fn a_firmware_is_a_path_and_defaults() {
        let firmware = Firmware {
            name: "router".parse().unwrap(),
            rootfs: "project/output/target".into(),
            init: None,
            hostname: "router".to_owned(),
            ready: Vec::new(),
            boot_timeout: Duration::from_secs(30),
            apparmor: AppArmor::Auto,
            limits: Limits::default(),
            env: BTreeMap::new(),
            stop_signal: None,
            attempts: Policy::default(),
        };
        let config = config("[firmware.router]\nrootfs = 'output/target'");
        assert_eq!(config.firmwares, [firmware]);
        assert_eq!(config.snapshot, Snapshot::default());
        assert_eq!(config.directory(), Path::new("project"));
    }

    #[test]
    fn a_firmware_can_say_more() {
        let text = r#"
            [firmware.b-2_x]
            rootfs = "/srv/a:b,c\\ é"
            init = ["/sbin/init", "splash"]
            hostname = "Router.lan"
            ready = [{ port = "tcp:80" }, { log = "boot done", within = "5s" }]
            boot-timeout = "2m"
            apparmor = "required"
            limits = { storage = "16M" }
            env = { BOARD = "rev=b" }
            stop-signal = "SIGUSR2"
            attempts = { unexpected = "fail" }
            [firmware.a]
            rootfs = "a"
            init = "/init"
            [snapshot]
            ignore = ["/var/cache/**"]
            ignore-attempts = ["mounts", "kernel-log"]
            [[snapshot.normalise]]
            path = "/etc/machine-id"
            as = "[machine-id]"
        "#;
        let Config { firmwares, snapshot, .. } = config(text);
        let firmware = Firmware {
            name: "b-2_x".parse().unwrap(),
            rootfs: "/srv/a:b,c\\ é".into(),
            init: Some(vec!["/sbin/init".to_owned(), "splash".to_owned()]),
            hostname: "Router.lan".to_owned(),
            ready: vec![port("tcp:80"), log("boot done").within(Duration::from_secs(5))],
            boot_timeout: Duration::from_secs(120),
            apparmor: AppArmor::Required,
            limits: Limits { storage: Some(Size(16 << 20)), disk: false },
            env: BTreeMap::from([("BOARD".to_owned(), "rev=b".to_owned())]),
            stop_signal: Some(Signal(12)),
            attempts: Policy { unexpected: Unexpected::Fail, ..Policy::default() },
        };
        assert_eq!(firmwares[0].init.as_deref(), Some(&["/init".to_owned()][..]));
        assert_eq!(firmwares[1], firmware);
        assert_eq!(snapshot.ignore[0].glob(), "/var/cache/**");
        assert_eq!(snapshot.ignore_attempts, [Class::Mounts, Class::KernelLog]);
        assert_eq!(snapshot.normalise[0].path.glob(), "/etc/machine-id");
        assert_eq!(snapshot.normalise[0].replacement, "[machine-id]");
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        assert_snapshot!(error(""), @r#"
        failed to read `fwtest.toml`: it names no firmware
        hint: write `[firmware.router]` and below it `rootfs = "output/target"`
        "#);
        assert_snapshot!(error("[firmware.r]\n"), @"
        failed to read `fwtest.toml`: missing key `rootfs`
         --> fwtest.toml:1:1
          |
        1 | [firmware.r]
          | ^^^^^^^^^^^^
        ");
        assert_snapshot!(error("[firmware.Router]\nrootfs = 'a'"), @"
        failed to read `fwtest.toml`: `Router` cannot name a firmware
         --> fwtest.toml:1:11
          |
        1 | [firmware.Router]
          |           ^^^^^^
        hint: a name is made of at most 64 lower-case letters, digits, `_` and `-`
        ");
        assert_snapshot!(error("[firmware.r]\nrootfs = 'a'\nboot_timeout = '1s'"), @"
        failed to read `fwtest.toml`: unknown key `boot_timeout`
         --> fwtest.toml:3:1
          |
        3 | boot_timeout = '1s'
          | ^^^^^^^^^^^^
        hint: did you mean `boot-timeout`?
        ");
        assert_snapshot!(error("[firmware.r]\nrootfs = 'a'\nboot-timeout = 30"), @r#"
        failed to read `fwtest.toml`: expected a time such as "30s", found integer `30`
         --> fwtest.toml:3:16
          |
        3 | boot-timeout = 30
          |                ^^
        "#);
        assert_snapshot!(error("[firmware.r]\nrootfs = 'a'\nboot-timeout = '30'"), @"
        failed to read `fwtest.toml`: `30` is not a time
         --> fwtest.toml:3:16
          |
        3 | boot-timeout = '30'
          |                ^^^^
        hint: write a whole number and a unit: `500ms`, `30s`, `2m` or `1h`
        ");
        assert_snapshot!(error("[firmware.r]\nrootfs = 'a'\nprivileges = 'userns'"), @"
        failed to read `fwtest.toml`: unknown key `privileges`
         --> fwtest.toml:3:1
          |
        3 | privileges = 'userns'
          | ^^^^^^^^^^
        hint: known here: `rootfs`, `init`, `hostname`, `ready`, `boot-timeout`, `apparmor`, `limits`, `env`, `stop-signal`, `attempts`
        ");
        assert_snapshot!(error("[firmware.r]\nrootfs = 'a'\nlimits = { storage = '16M', disk = true }"), @"
        failed to read `fwtest.toml`: `disk` and `storage` exclude each other: what goes to disk cannot be limited
         --> fwtest.toml:3:36
          |
        3 | limits = { storage = '16M', disk = true }
          |                                    ^^^^
        hint: leave out one of them
        ");
        assert_snapshot!(error("[firmware.r]\nrootfs = 'a'\napparmor = 'on'"), @"
        failed to read `fwtest.toml`: `on` is no way to use AppArmor
         --> fwtest.toml:3:12
          |
        3 | apparmor = 'on'
          |            ^^^^
        hint: write `auto`, `required` or `off`
        ");
        assert_snapshot!(error("[firmware.r]\nrootfs = 'a'\napparmor = true"), @r#"
        failed to read `fwtest.toml`: expected "auto", "required" or "off", found boolean `true`
         --> fwtest.toml:3:12
          |
        3 | apparmor = true
          |            ^^^^
        "#);
        assert_snapshot!(error("[firmware.r]\nrootfs = 'a'\nlimits = { storage = '16 MB' }"), @"
        failed to read `fwtest.toml`: `16 MB` is not a size
         --> fwtest.toml:3:22
          |
        3 | limits = { storage = '16 MB' }
          |                      ^^^^^^^
        hint: write a whole number and a unit: `512K`, `16M` or `1G`
        ");
        assert_snapshot!(error("[firmware.r]\nrootfs = 'a'\ninit = '/sbin/init splash'"), @r#"
        failed to read `fwtest.toml`: `/sbin/init splash` has a space in it
         --> fwtest.toml:3:8
          |
        3 | init = '/sbin/init splash'
          |        ^^^^^^^^^^^^^^^^^^^
        hint: no shell splits it: write `["/sbin/init", "splash"]`
        "#);
        assert_snapshot!(error("[firmware.r]\nrootfs = 'a'\ninit = ['sbin/init']"), @"
        failed to read `fwtest.toml`: `sbin/init` does not begin with `/`
         --> fwtest.toml:3:8
          |
        3 | init = ['sbin/init']
          |        ^^^^^^^^^^^^^
        hint: write `/sbin/init`
        ");
        assert_snapshot!(error("[firmware.r]\nrootfs = 'a'\nready = [{ log = '(' }]"), @"
        failed to read `fwtest.toml`: bad regular expression `(`: unclosed group
         --> fwtest.toml:3:18
          |
        3 | ready = [{ log = '(' }]
          |                  ^^^
        ");
        assert_snapshot!(error("[firmware.r]\nrootfs = 'a'\nready = [{ prt = 'tcp:1' }]"), @"
        failed to read `fwtest.toml`: unknown key `prt`
         --> fwtest.toml:3:12
          |
        3 | ready = [{ prt = 'tcp:1' }]
          |            ^^^
        hint: did you mean `port`?
        ");
        assert_snapshot!(error("[firmware.r]\nrootfs = 'a'\nready = { port = 'tcp:1' }"), @"
        failed to read `fwtest.toml`: expected an array, found a table
         --> fwtest.toml:3:9
          |
        3 | ready = { port = 'tcp:1' }
          |         ^^^^^^^^^^^^^^^^^^
        ");
        assert_snapshot!(error("[firmware.r]\nrootfs = 'a'\nenv = { 'A=B' = 'c' }"), @"
        failed to read `fwtest.toml`: `A=B` cannot be a variable
         --> fwtest.toml:3:7
          |
        3 | env = { 'A=B' = 'c' }
          |       ^^^^^^^^^^^^^^^
        hint: a name has no `=`, and neither name nor value has a NUL
        ");
        assert_snapshot!(error("[firmware.r]\nrootfs = 'a'\nstop-signal = 'TERMINATE'"), @"
        failed to read `fwtest.toml`: `TERMINATE` is not a signal
         --> fwtest.toml:3:15
          |
        3 | stop-signal = 'TERMINATE'
          |               ^^^^^^^^^^^
        hint: write `SIGTERM`, `SIGRTMIN+3` or a number from 1 to 64
        ");
        assert_snapshot!(error("[firmware.r]\nrootfs = \"a\\u0000\""), @r#"
        failed to read `fwtest.toml`: a path cannot have a NUL in it
         --> fwtest.toml:2:10
          |
        2 | rootfs = "a\u0000"
          |          ^^^^^^^^^
        "#);
        assert_snapshot!(error("[firmware.r]\nrootfs = ''"), @"
        failed to read `fwtest.toml`: the path is empty
         --> fwtest.toml:2:10
          |
        2 | rootfs = ''
          |          ^^
        hint: `.` is this file's directory
        ");
        assert_snapshot!(error("[firmware.r]\nrootfs = 'a'\n[snapshot]\nignore = ['*.log']"), @"
        failed to read `fwtest.toml`: `*.log` does not begin with `/`, as every path here does
         --> fwtest.toml:4:11
          |
        4 | ignore = ['*.log']
          |           ^^^^^^^
        hint: write `/*.log`, or `/**/*.log` for any directory
        ");
        assert_snapshot!(error("[firmware.r]\nrootfs = 'a'\n[snapshot]\nignore = ['/a[']"), @"
        failed to read `fwtest.toml`: `/a[` is not a glob: unclosed character class; missing ']'
         --> fwtest.toml:4:11
          |
        4 | ignore = ['/a[']
          |           ^^^^^
        ");
        assert_snapshot!(error("[firmware.r]\nrootfs = 'a'\n[snapshot]\nignore-attempts = ['mount']"), @"
        failed to read `fwtest.toml`: unknown class of attempts `mount`
         --> fwtest.toml:4:20
          |
        4 | ignore-attempts = ['mount']
          |                    ^^^^^^^
        hint: did you mean `mounts`?
        ");
        assert_snapshot!(error("[[firmware]]\nname = 'r'"), @"
        failed to read `fwtest.toml`: expected a table, found an array
         --> fwtest.toml:1:1
          |
        1 | [[firmware]]
          | ^^^^^^^^^^^^
        ");
        assert_snapshot!(error("[firmwares.r]\nrootfs = 'a'"), @"
        failed to read `fwtest.toml`: unknown key `firmwares`
         --> fwtest.toml:1:2
          |
        1 | [firmwares.r]
          |  ^^^^^^^^^
        hint: did you mean `firmware`?
        ");
    }

    #[test]
    fn the_nearest_file_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let nested = directory.path().join("a/b");
        std::fs::create_dir_all(&nested).unwrap();
        assert!(matches!(Config::find(&nested), Err(ConfigError::NotFound { .. })));
        std::fs::write(directory.path().join(FILE_NAME), "[firmware.far]\nrootfs = '.'").unwrap();
        assert_eq!(Config::find(&nested).unwrap().firmwares[0].name.as_str(), "far");
        let near = directory.path().join("a").join(FILE_NAME);
        std::fs::write(&near, "[firmware.near]\nrootfs = '.'").unwrap();
        let config = Config::find(&nested).unwrap();
        assert_eq!((config.path, config.firmwares[0].name.as_str()), (near.clone(), "near"));
        std::fs::write(&near, b"\xff").unwrap();
        let error = Config::find(&nested).unwrap_err();
        assert_eq!(error.to_string(), format!("failed to read `{}`", near.display()));
    }
}
