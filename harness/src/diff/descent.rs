//! Depth first through a tree of any depth, with a bounded number of open directories.

use std::ffi::{CStr, CString};

/// Directories that stay open while something below them is visited. Real trees are shallower, so
/// that none of theirs is opened twice; a deeper one costs a walk from the root per return.
const OPEN: usize = 48;

/// Walks a tree of `D`, an open directory. Knows nothing of what is in one: the caller opens and
/// lists.
pub(crate) struct Descent<D> {
    root: D,
    frames: Vec<Frame<D>>,
}

/// A directory that has subdirectories left to visit.
struct Frame<D> {
    path: Vec<u8>,
    /// `None` for the root, and where it was closed for the sake of deeper ones.
    open: Option<D>,
    /// In reverse.
    left: Vec<CString>,
}

/// A directory to visit, and its path below the root, without a slash at either end.
pub(crate) struct Visit<D> {
    pub(crate) path: Vec<u8>,
    pub(crate) directory: D,
}

impl<D> Descent<D> {
    /// `subdirectories` are the root's.
    pub(crate) fn new(root: D, subdirectories: Vec<CString>) -> Self {
        let mut descent = Self { root, frames: Vec::new() };
        descent.remember(Vec::new(), None, subdirectories);
        descent
    }

    /// The next directory, opened with `open`, which says `None` where it has gone by now. Visited
    /// in the order of names, each before what is in it.
    pub(crate) fn next<E>(
        &mut self,
        mut open: impl FnMut(&D, &CStr, &[u8]) -> Result<Option<D>, E>,
    ) -> Result<Option<Visit<D>>, E> {
        while let Some(frame) = self.frames.last_mut() {
            let Some(name) = frame.left.pop() else {
                self.frames.pop();
                continue;
            };
            if frame.open.is_none() && !frame.path.is_empty() {
                frame.open = reopen(&self.root, &frame.path, &mut open)?;
                if frame.open.is_none() {
                    self.frames.pop();
                    continue;
                }
            }
            let path = below(&frame.path, &name);
            let opened = open(frame.open.as_ref().unwrap_or(&self.root), &name, &path)?;
            if frame.left.is_empty() {
                self.frames.pop();
            }
            if let Some(directory) = opened {
                return Ok(Some(Visit { path, directory }));
            }
        }
        Ok(None)
    }

    /// Has the `subdirectories` of a visited directory visited next.
    pub(crate) fn descend(&mut self, visited: Visit<D>, subdirectories: Vec<CString>) {
        self.remember(visited.path, Some(visited.directory), subdirectories);
    }

    fn remember(&mut self, path: Vec<u8>, open: Option<D>, mut subdirectories: Vec<CString>) {
        if subdirectories.is_empty() {
            return;
        }
        subdirectories.reverse();
        self.frames.push(Frame { path, open, left: subdirectories });
        if let Some(shallow) = self.frames.len().checked_sub(OPEN + 1) {
            self.frames[shallow].open = None;
        }
    }
}

/// `path` again, from the root down.
fn reopen<D, E>(
    root: &D,
    path: &[u8],
    open: &mut impl FnMut(&D, &CStr, &[u8]) -> Result<Option<D>, E>,
) -> Result<Option<D>, E> {
    let mut at = Vec::with_capacity(path.len());
    let mut directory = None;
    for name in path.split(|&byte| byte == b'/') {
        let name = CString::new(name).expect("a path made of C strings has no zero byte");
        at = below(&at, &name);
        directory = open(directory.as_ref().unwrap_or(root), &name, &at)?;
        if directory.is_none() {
            return Ok(None);
        }
    }
    Ok(directory)
}

/// The path of `name` in the directory at `path`.
pub(crate) fn below(path: &[u8], name: &CStr) -> Vec<u8> {
    let mut below = Vec::with_capacity(path.len() + 1 + name.count_bytes());
    if !path.is_empty() {
        below.extend_from_slice(path);
        below.push(b'/');
    }
    below.extend_from_slice(name.to_bytes());
    below
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::rc::Rc;

    use super::*;

    /// A directory that is nothing but its depth, and an `Rc` that counts those that are open.
    struct Open(usize, Rc<()>);

    #[test]
    fn a_deep_tree_is_walked_in_order_with_few_directories_open() {
        const DEPTH: usize = 300;
        let open = Rc::new(());
        let two = || vec![c"a".to_owned(), c"b".to_owned()];
        let child = |parent: &Open, _: &CStr, path: &[u8]| {
            assert_eq!(path.split(|&b| b == b'/').count(), parent.0 + 1);
            Ok::<_, Infallible>(Some(Open(parent.0 + 1, Rc::clone(&parent.1))))
        };
        let mut descent = Descent::new(Open(0, Rc::clone(&open)), two());
        let mut seen = Vec::new();
        while let Some(visit) = descent.next(child).unwrap() {
            assert!(Rc::strong_count(&open) <= OPEN + 4);
            seen.push(visit.path.clone());
            // A comb: the `a` of each level has two directories again, its `b` none.
            let deeper = visit.path.ends_with(b"a") && visit.directory.0 < DEPTH;
            descent.descend(visit, if deeper { two() } else { Vec::new() });
        }
        assert_eq!(seen.len(), 2 * DEPTH);
        assert!(seen.is_sorted());
    }
}
