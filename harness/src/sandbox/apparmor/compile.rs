//! From the profile's text to the blob that the kernel loads, by `apparmor_parser`, once for each
//! text, kernel and parser.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::error::AppArmorError;
use super::features::Features;

/// What a blob begins with: the name `version`, as AppArmor's policy interface packs it.
const MAGIC: &[u8] = b"\x04\x08\x00version\x00";

/// The compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parser {
    path: PathBuf,
}

impl Parser {
    /// The first in PATH or in the places where distributions have it.
    pub(super) fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
        let mut paths = places.map(|place| place.join("apparmor_parser"));
        paths.find(|path| is_program(path)).map(|path| Self { path })
    }

    #[cfg(test)]
    pub(super) fn at(path: &str) -> Self {
        Self { path: path.into() }
    }

    /// Which one it is, without a run of it: an update changes this.
    fn version(&self) -> io::Result<String> {
        let found = fs::metadata(&self.path)?;
        let (seconds, rest) = (found.mtime(), found.mtime_nsec());
        Ok(format!("{} {} {seconds}.{rest:09}", self.path.display(), found.size()))
    }

    /// Compiles.
    pub(super) fn compile(
        &self,
        profile: &str,
        features: &Features,
    ) -> Result<Vec<u8>, AppArmorError> {
        let run = |source| AppArmorError::Run { parser: self.path.clone(), source };
        let Output { status, stdout, stderr } = self.run(profile, features).map_err(run)?;
        if !status.success() {
            let words = words(&stderr).or_else(|| words(&stdout));
            return Err(AppArmorError::Compile {
                parser: self.path.clone(),
                status,
                words: words.unwrap_or_else(|| "it did not say why".to_owned()),
            });
        }
        if !stdout.starts_with(MAGIC) {
            let words = words(&stdout).or_else(|| words(&stderr));
            return Err(AppArmorError::NoPolicy {
                parser: self.path.clone(),
                words: words.map_or_else(|| "nothing".to_owned(), |words| format!("`{words}`")),
            });
        }
        Ok(stdout)
    }

    fn run(&self, profile: &str, features: &Features) -> io::Result<Output> {
        let place = tempfile::tempdir()?;
        let file = |name: &str, features: &Features| -> io::Result<PathBuf> {
            let path = place.path().join(name);
            fs::write(&path, features.text())?;
            Ok(path)
        };
        let (kernel, policy) = (file("kernel", features)?, file("policy", &features.known())?);
        let mut parser = Command::new(&self.path)
            // What the host's administrator has set for the host's profiles is not for ours.
            .arg("--config-file=/dev/null")
            .arg(with_path("--kernel-features=", &kernel))
            .arg(with_path("--policy-features=", &policy))
            .args(["--skip-kernel-load", "--skip-cache", "--stdout"])
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut input) = parser.stdin.take() {
            match input.write_all(profile.as_bytes()) {
                // One that ends without reading has a reason, and says it.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                other => other?,
            }
        }
        parser.wait_with_output()
    }

    /// The blob from the cache in the directory `cache`, where it is put if it is not there. A cache
    /// that cannot be used costs the time to compile, and nothing else.
    pub(super) fn compiled(
        &self,
        profile: &str,
        features: &Features,
        cache: Option<&Path>,
    ) -> Result<Vec<u8>, AppArmorError> {
        let place = cache.zip(self.version().ok()).and_then(|(cache, version)| {
            fs::create_dir_all(cache).ok()?;
            let key = digest(&[profile, &features.text(), &version]);
            Some((cache, cache.join(format!("{key}.policy"))))
        });
        let Some((cache, path)) = place else { return self.compile(profile, features) };
        if let Some(blob) = cached(&path) {
            return Ok(blob);
        }
        // Runs that begin together: one compiles, the others wait for it.
        let lock = File::create(path.with_extension("lock"));
        let locked = lock.as_ref().is_ok_and(|lock| lock.lock().is_ok());
        if let Some(blob) = cached(&path).filter(|_| locked) {
            return Ok(blob);
        }
        let blob = self.compile(profile, features)?;
        let _ = put(cache, &path, &blob);
        Ok(blob)
    }
}

fn cached(path: &Path) -> Option<Vec<u8>> {
    fs::read(path).ok().filter(|blob| blob.starts_with(MAGIC))
}

fn put(cache: &Path, path: &Path, blob: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(cache)?;
    file.write_all(blob)?;
    file.persist(path)?;
    Ok(())
}

fn with_path(option: &str, path: &Path) -> std::ffi::OsString {
    let mut argument = std::ffi::OsString::from(option);
    argument.push(path);
    argument
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0)
}

/// What a program said, on one line; nothing if it was silent.
fn words(output: &[u8]) -> Option<String> {
    /// As much as a reader needs to know what went wrong.
    const MOST: usize = 400;
    let text = String::from_utf8_lossy(output);
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let text: String = lines.join("; ").chars().take(MOST).collect();
    (!text.is_empty()).then(|| text.escape_debug().to_string().replace("\\\"", "\""))
}

fn digest(parts: &[&str]) -> String {
    use sha1::{Digest, Sha1};
    let mut sha1 = Sha1::new();
    for part in parts {
        sha1.update(part.len().to_le_bytes());
        sha1.update(part.as_bytes());
    }
    sha1.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::features::tests::tree;
    use super::*;

    /// A parser that is a script.
    fn fake(place: &Path, script: &str) -> Parser {
        let path = place.join("apparmor_parser");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Parser { path }
    }

    fn features() -> Features {
        Features::read(tree().path()).unwrap()
    }

    /// What `script` is asked to do, and how that ends, with the script's path left out.
    fn refusal(script: &str) -> String {
        let place = tempfile::tempdir().unwrap();
        let parser = fake(place.path(), script);
        let error = parser.compile("profile x {}", &features()).unwrap_err();
        error.to_string().replace(&parser.path.display().to_string(), "PARSER")
    }

    #[test]
    fn a_parser_that_fails_is_quoted() {
        insta::assert_snapshot!(
            refusal("cat >/dev/null; echo 'AppArmor parser error at line 3: syntax error' >&2; exit 1"),
            @"failed to compile the AppArmor profile: PARSER exited with 1: AppArmor parser error at line 3: syntax error"
        );
        insta::assert_snapshot!(
            refusal("echo one; echo; echo '  two  '; exit 7"),
            @"failed to compile the AppArmor profile: PARSER exited with 7: one; two"
        );
        insta::assert_snapshot!(
            refusal("kill -SEGV $$"),
            @"failed to compile the AppArmor profile: PARSER was killed by signal 11: it did not say why"
        );
        insta::assert_snapshot!(
            refusal("echo 'Cache read/write disabled'"),
            @"failed to compile the AppArmor profile: PARSER printed no policy, but `Cache read/write disabled`"
        );
        insta::assert_snapshot!(
            refusal("exit 0"),
            @"failed to compile the AppArmor profile: PARSER printed no policy, but nothing"
        );
    }

    #[test]
    fn a_parser_that_cannot_run_is_named() {
        let parser = Parser { path: "/nonexistent/apparmor_parser".into() };
        let error = parser.compile("", &features()).unwrap_err();
        assert_eq!(error.to_string(), "failed to run /nonexistent/apparmor_parser");
    }

    #[test]
    fn what_was_compiled_is_not_compiled_again() {
        let place = tempfile::tempdir().unwrap();
        let (cache, count) = (place.path().join("cache"), place.path().join("count"));
        let script = |answer: &str| {
            format!("cat >/dev/null; echo run >>{}; printf '{answer}'", count.display())
        };
        let magic = r"\004\010\000version\000";
        let parser = fake(place.path(), &script(&format!("{magic}one")));
        let runs = || fs::read_to_string(&count).unwrap_or_default().lines().count();
        let compiled = |parser: &Parser, text: &str, features: &Features| {
            parser.compiled(text, features, Some(&cache)).unwrap()
        };
        let features = features();
        assert_eq!(compiled(&parser, "a", &features), [MAGIC, b"one"].concat());
        assert_eq!(compiled(&parser, "a", &features), [MAGIC, b"one"].concat());
        assert_eq!(runs(), 1);
        compiled(&parser, "b", &features);
        assert_eq!(runs(), 2, "another text");
        compiled(&parser, "a", &features.known());
        assert_eq!(runs(), 3, "another kernel");
        let parser = fake(place.path(), &script(&format!("{magic}two!")));
        assert_eq!(compiled(&parser, "a", &features), [MAGIC, b"two!"].concat());
        assert_eq!(runs(), 4, "another parser");
        for entry in fs::read_dir(&cache).unwrap() {
            fs::write(entry.unwrap().path(), "").unwrap();
        }
        compiled(&parser, "a", &features);
        assert_eq!(runs(), 5, "what is no policy is not taken");
        assert!(parser.compiled("a", &features, None).is_ok(), "no place for a cache");
        assert_eq!(runs(), 6);
    }

    #[test]
    fn the_parser_is_told_of_this_kernel_and_nothing_of_the_hosts_settings() {
        let place = tempfile::tempdir().unwrap();
        let said = place.path().join("said");
        let script = format!(
            "{{ for word; do case $word in --*-features=*) cat \"${{word#*=}}\" ;; *) echo \"$word\" ;; esac; done; cat; }} >{}; exit 1",
            said.display()
        );
        let _ = fake(place.path(), &script).compile("the profile\n", &features());
        let said = fs::read_to_string(said).unwrap();
        let expected = format!(
            "--config-file=/dev/null\n{}{}--skip-kernel-load\n--skip-cache\n--stdout\nthe profile\n",
            features().text(),
            features().known().text(),
        );
        assert_eq!(said, expected);
    }

    /// With the real one, where it is installed: `ci/setup` installs it.
    #[test]
    fn the_profile_compiles() {
        let parser = Parser::find().expect("apparmor_parser is installed (`ci/setup`)");
        let blob = parser.compile(&super::super::profile::text(), &features()).unwrap();
        let has = |name: &[u8]| blob.windows(name.len()).any(|window| window == name);
        assert!(has(b"\x05\x09\x00firmware\x00"), "the profile's name");
    }
}
