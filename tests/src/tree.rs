use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1};

/// Every name below a directory with all that can be known of it, but for what looking changes.
/// Shares nothing with the walks of the crates that are tested.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree(BTreeMap<PathBuf, Seen>);

#[derive(Clone, Debug, PartialEq)]
struct Seen {
    /// Kind and permissions: stat(2)'s `st_mode`.
    mode: u32,
    uid: u32,
    gid: u32,
    links: u64,
    size: u64,
    modified: (i64, i64),
    /// Of a file's bytes, or of a link's target.
    content: Option<[u8; 20]>,
}

impl Tree {
    /// # Panics
    /// When something cannot be read: then nothing is proved.
    #[track_caller]
    #[must_use]
    pub fn look(root: &Path) -> Self {
        let mut seen = BTreeMap::new();
        let mut left = vec![root.to_owned()];
        while let Some(path) = left.pop() {
            let name = path.strip_prefix(root).expect("it is below the root").to_owned();
            match look(&path, &mut left) {
                Ok(found) => seen.insert(name, found),
                Err(error) => panic!("failed to look at {}: {error}", path.display()),
            };
        }
        Self(seen)
    }

    /// # Panics
    /// When `self` and what is there `now` differ; names what does.
    #[track_caller]
    pub fn assert_same(&self, now: &Self) {
        let names = self.0.keys().chain(now.0.keys().filter(|name| !self.0.contains_key(*name)));
        let differences: Vec<String> = names
            .filter(|name| self.0.get(*name) != now.0.get(*name))
            .map(|name| {
                let show = |seen: Option<&Seen>| seen.map_or("nothing".to_owned(), Seen::to_string);
                let (before, now) = (show(self.0.get(name)), show(now.0.get(name)));
                format!("/{}\n  was {before}\n  is  {now}", name.display())
            })
            .collect();
        assert!(differences.is_empty(), "the tree has changed:\n{}", differences.join("\n"));
    }
}

fn look(path: &Path, left: &mut Vec<PathBuf>) -> std::io::Result<Seen> {
    let metadata = fs::symlink_metadata(path)?;
    let kind = metadata.file_type();
    let mut content = None;
    if kind.is_dir() {
        for entry in fs::read_dir(path)? {
            left.push(entry?.path());
        }
    } else if kind.is_symlink() {
        content = Some(Sha1::digest(fs::read_link(path)?.as_os_str().as_bytes()).into());
    } else if kind.is_file() {
        content = Some(Sha1::digest(fs::read(path)?).into());
    }
    Ok(Seen {
        mode: metadata.mode(),
        uid: metadata.uid(),
        gid: metadata.gid(),
        links: metadata.nlink(),
        size: metadata.size(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        content,
    })
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mode, uid, gid, links, size, modified: (seconds, nanoseconds), content } = self;
        write!(f, "mode {mode:o}, owner {uid}:{gid}, {links} links, {size} bytes")?;
        write!(f, ", modified {seconds}.{nanoseconds:09}")?;
        if let Some(digest) = content {
            f.write_str(", sha1 ")?;
            digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;
    use std::time::SystemTime;

    use super::Tree;

    #[test]
    fn each_way_to_change_a_tree_is_seen() {
        check("/file", |root| fs::write(root.join("file"), "ab"));
        check("/file", |root| fs::write(root.join("file"), "b"));
        check("/new", |root| fs::write(root.join("new"), ""));
        check("/dir/gone", |root| fs::remove_file(root.join("dir/gone")));
        check("/file", |root| {
            fs::set_permissions(root.join("file"), Permissions::from_mode(0o4644))
        });
        check("/file", |root| {
            fs::File::options().write(true).open(root.join("file"))?.set_modified(SystemTime::now())
        });
        check("/link", |root| {
            fs::remove_file(root.join("link"))?;
            symlink("elsewher", root.join("link"))
        });

        #[track_caller]
        fn check(named: &str, harm: impl FnOnce(&Path) -> std::io::Result<()>) {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let root = dir.path();
            let old = SystemTime::UNIX_EPOCH;
            fs::create_dir(root.join("dir")).expect("made");
            for name in ["file", "dir/gone"] {
                fs::write(root.join(name), "a").expect("written");
                let file = fs::File::options().write(true).open(root.join(name)).expect("opened");
                file.set_modified(old).expect("set");
            }
            symlink("nowhere/", root.join("link")).expect("linked");
            let before = Tree::look(root);
            before.assert_same(&Tree::look(root));
            harm(root).expect("harmed");
            let after = Tree::look(root);
            let panic = std::panic::catch_unwind(|| before.assert_same(&after))
                .expect_err("the change is seen");
            let message = panic.downcast::<String>().expect("a message");
            assert!(message.contains(&format!("{named}\n  was ")), "{message}");
        }
    }
}
