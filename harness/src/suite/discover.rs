//! Where the suites are.

use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};

use crate::path::escape;

/// What the names of suite files end with.
const SUFFIX: &str = ".fw.toml";

/// A suite file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuiteFile {
    /// Where it is, from the directory that was searched.
    pub path: PathBuf,
    /// What the names of its tests begin with: `tests::web` for `tests/web.fw.toml`.
    pub prefix: String,
}

/// A directory that could not be searched to its end.
#[derive(Debug, thiserror::Error)]
#[error("failed to look for suites in `{}`", directory.display())]
pub struct DiscoverError {
    /// Where the search began.
    pub directory: PathBuf,
    /// Why, with the path.
    pub source: ignore::Error,
}

impl DiscoverError {
    /// What to do about it, where we know.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        let denied = std::io::ErrorKind::PermissionDenied;
        let is_denied = self.source.io_error().is_some_and(|error| error.kind() == denied);
        is_denied.then_some("name the directory in `.gitignore` or `.ignore` to leave it out")
    }
}

/// Finds every `*.fw.toml` below `directory`, in the order of their paths' bytes.
///
/// Left out is what ignore files name (also outside a git repository), what is hidden, every
/// directory called `target`, what links to directories lead to, and whatever is in one of
/// `firmwares`: a firmware may be large, and what lies in it is its own.
/// # Errors
/// When a directory cannot be read, for its suites would be missing without a word.
pub fn discover(directory: &Path, firmwares: &[PathBuf]) -> Result<Vec<SuiteFile>, DiscoverError> {
    let failed = |source| DiscoverError { directory: directory.to_owned(), source };
    let real = directory.canonicalize().map_err(|error| failed(error.into()))?;
    // A firmware that is not there (yet) cannot be walked into.
    let firmwares: HashSet<PathBuf> =
        firmwares.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let mut files = Vec::new();
    // The walk follows no link, so every path in it is as real as the one where it begins.
    for entry in WalkBuilder::new(&real)
        .require_git(false)
        .filter_entry(move |entry| !is_left_out(entry, &firmwares))
        .build()
    {
        let entry = entry.map_err(failed)?;
        if let Some(stem) = stem(&entry)
            && let Ok(path) = entry.path().strip_prefix(&real)
        {
            let prefix = prefix(&path.with_file_name(stem));
            files.push(SuiteFile { path: directory.join(path), prefix });
        }
    }
    files.sort_by(|a, b| a.path.as_os_str().as_bytes().cmp(b.path.as_os_str().as_bytes()));
    Ok(files)
}

fn is_left_out(entry: &DirEntry, firmwares: &HashSet<PathBuf>) -> bool {
    let is_directory = entry.file_type().is_some_and(|kind| kind.is_dir());
    entry.depth() > 0
        && is_directory
        && (entry.file_name() == "target" || firmwares.contains(entry.path()))
}

/// The file's name without the suffix, if it is a suite.
fn stem(entry: &DirEntry) -> Option<&std::ffi::OsStr> {
    let stem = entry.file_name().as_bytes().strip_suffix(SUFFIX.as_bytes())?;
    let is_file = entry.path().is_file(); // also behind a link
    (is_file && !stem.is_empty()).then_some(std::ffi::OsStr::from_bytes(stem))
}

/// `:` is escaped too, so that no two files have one prefix.
fn prefix(path: &Path) -> String {
    let parts = path.iter().map(|part| escape(part.as_bytes()).replace(':', "\\x3a"));
    parts.collect::<Vec<_>>().join("::")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Makes the files, with their directories, and says which suites are found and their prefixes.
    fn found(files: &[(&str, &str)], firmwares: &[&str]) -> Vec<(String, String)> {
        let directory = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let firmwares: Vec<_> = firmwares.iter().map(|path| directory.path().join(path)).collect();
        let found = discover(directory.path(), &firmwares).unwrap();
        let relative = |file: SuiteFile| {
            let path = file.path.strip_prefix(directory.path()).unwrap().display().to_string();
            (path, file.prefix)
        };
        found.into_iter().map(relative).collect()
    }

    #[track_caller]
    fn check(files: &[(&str, &str)], firmwares: &[&str], suites: &[(&str, &str)]) {
        let suites: Vec<_> =
            suites.iter().map(|(path, prefix)| (path.to_string(), prefix.to_string())).collect();
        assert_eq!(found(files, firmwares), suites);
    }

    #[test]
    fn a_suite_is_found_by_its_name() {
        check(
            &[("b.fw.toml", ""), ("tests/web.fw.toml", ""), ("a.toml", ""), ("fwtest.toml", "")],
            &[],
            &[("b.fw.toml", "b"), ("tests/web.fw.toml", "tests::web")],
        );
    }

    #[test]
    fn what_is_not_the_projects_is_left_out() {
        check(
            &[
                (".hidden/a.fw.toml", ""),
                (".fw.toml", ""),
                ("target/a.fw.toml", ""),
                ("sub/target/a.fw.toml", ""),
                ("ignored/a.fw.toml", ""),
                ("output/rootfs/etc/a.fw.toml", ""),
                ("output/kept.fw.toml", ""),
                (".gitignore", "/ignored\n"),
            ],
            &["output/../output/rootfs", "missing"],
            &[("output/kept.fw.toml", "output::kept")],
        );
    }

    #[test]
    fn prefixes_are_one_line_and_differ() {
        check(
            &[("a::b.fw.toml", ""), ("a/b.fw.toml", ""), ("new\nline.fw.toml", "")],
            &[],
            &[
                ("a/b.fw.toml", "a::b"),
                ("a::b.fw.toml", "a\\x3a\\x3ab"),
                ("new\nline.fw.toml", "new\\nline"),
            ],
        );
    }

    #[test]
    fn a_link_to_a_suite_counts_and_a_link_to_a_directory_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        fs::create_dir(at("real")).unwrap();
        fs::write(at("real/a.fw.toml"), "").unwrap();
        std::os::unix::fs::symlink("real", at("link")).unwrap();
        std::os::unix::fs::symlink("real/a.fw.toml", at("b.fw.toml")).unwrap();
        std::os::unix::fs::symlink("nowhere", at("c.fw.toml")).unwrap();
        let found = discover(directory.path(), &[]).unwrap();
        let prefixes: Vec<_> = found.iter().map(|file| file.prefix.as_str()).collect();
        assert_eq!(prefixes, ["b", "real::a"]);
    }
}
