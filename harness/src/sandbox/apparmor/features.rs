//! What the kernel's AppArmor can mediate: the tree of files that says so, and the same as the text
//! that `apparmor_parser` takes.
//!
//! A parser that is not told compiles for a kernel of long ago, and leaves out most of what this one
//! could mediate, without a word.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// A directory of the tree, or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Features {
    Directory(BTreeMap<String, Features>),
    File(String),
}

/// What our profile has rules for, and what tells the parser how to write any. A kind that is not
/// here stays unmediated: a rule that allows it is not to be had of every parser (`userns`,
/// `io_uring` and `mqueue` are syntax errors to the older ones), and without such a rule the newer
/// ones would deny it.
const KNOWN: [&str; 13] = [
    "capability",
    "caps",
    "dbus",
    "domain",
    "file",
    "mount",
    "network",
    "network_v8",
    "policy",
    "ptrace",
    "query",
    "rlimit",
    "signal",
];

impl Features {
    /// Reads the tree below `path`.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        if !fs::symlink_metadata(path)?.is_dir() {
            return Ok(Self::File(fs::read_to_string(path)?.trim_end().to_owned()));
        }
        let mut entries = BTreeMap::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            entries.insert(name, Self::read(&entry.path())?);
        }
        Ok(Self::Directory(entries))
    }

    /// Without the kinds that our profile does not speak of.
    pub(super) fn known(&self) -> Self {
        match self {
            Self::Directory(entries) => {
                let known = entries.iter().filter(|(name, _)| KNOWN.contains(&name.as_str()));
                Self::Directory(known.map(|(name, entry)| (name.clone(), entry.clone())).collect())
            }
            file @ Self::File(_) => file.clone(),
        }
    }

    /// As the parser's `--kernel-features` and `--policy-features` read it.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) {
        match self {
            Self::File(value) => {
                text.push_str(value);
                text.push('\n');
            }
            Self::Directory(entries) => {
                for (name, entry) in entries {
                    text.push_str(name);
                    text.push_str(" {");
                    entry.write(text);
                    text.push_str("}\n");
                }
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A part of what Linux 6.12 has.
    pub(in super::super) fn tree() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        for (path, value) in [
            ("mount/mask", "mount umount pivot_root"),
            ("mount/move_mount", "detached"),
            ("file/mask", "create read write exec append mmap_exec link lock"),
            ("namespaces/mask", "userns_create"),
            ("namespaces/profile", "yes"),
            ("io_uring/mask", "sqpoll override_creds"),
            ("query/label/perms", "allow deny audit quiet"),
            ("capability", "0xffffff"),
        ] {
            let path = place.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{value}\n")).unwrap();
        }
        place
    }

    #[test]
    fn the_tree_is_written_as_the_parser_reads_it() {
        let tree = tree();
        let features = Features::read(tree.path()).unwrap();
        insta::assert_snapshot!(features.known().text(), @r"
        capability {0xffffff
        }
        file {mask {create read write exec append mmap_exec link lock
        }
        }
        mount {mask {mount umount pivot_root
        }
        move_mount {detached
        }
        }
        query {label {perms {allow deny audit quiet
        }
        }
        }
        ");
        let whole = features.text();
        assert!(whole.contains("io_uring {mask {sqpoll override_creds\n}\n}\n"), "{whole}");
        assert!(whole.contains("userns_create"), "{whole}");
    }

    /// A rule of the profile whose kind is left out of the features is a rule that nobody checks.
    #[test]
    fn every_kind_of_rule_that_the_profile_has_is_known() {
        for kind in ["caps", "network", "network_v8", "signal", "ptrace", "dbus", "file", "mount"] {
            assert!(KNOWN.contains(&kind), "{kind}");
        }
    }

    #[test]
    fn a_tree_that_is_not_there_is_an_error() {
        let error = Features::read(Path::new("/nonexistent")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
