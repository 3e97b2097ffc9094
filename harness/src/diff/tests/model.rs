//! A guest's file system as a map, and what overlayfs leaves of the guest's doings.

use std::collections::BTreeMap;

use super::scene::Layer;

/// What a path is, in a layer or as the guest sees it. Directories have 0755 and links none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Directory,
    File { content: String, mode: u32 },
    Link(String),
}

/// What a path of the upper is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Upper {
    Node(Node),
    Opaque,
    Whiteout,
}

/// By path, without a slash at either end.
pub(super) type Tree = BTreeMap<String, Node>;

/// The guest's view before and now, and the upper that goes with it.
pub(super) struct Model {
    pub(super) before: Tree,
    pub(super) now: Tree,
    upper: BTreeMap<String, Upper>,
}

impl Model {
    pub(super) fn new(before: Tree) -> Self {
        Self { now: before.clone(), before, upper: BTreeMap::new() }
    }

    /// Puts `node` at `path`, whose parent is a directory, over what is no directory.
    pub(super) fn put(&mut self, path: &str, node: Node) {
        self.copy_up_parents(path);
        // overlayfs makes each new directory over a whiteout an opaque one.
        let over_whiteout = self.upper.get(path) == Some(&Upper::Whiteout);
        let replaces = self.before.contains_key(path) && !self.upper.contains_key(path);
        let upper = match &node {
            Node::Directory if over_whiteout || replaces => Upper::Opaque,
            node => Upper::Node(node.clone()),
        };
        self.upper.insert(path.to_owned(), upper);
        self.now.insert(path.to_owned(), node);
    }

    /// A chmod to the mode that it has, or a touch.
    pub(super) fn touch(&mut self, path: &str) {
        self.copy_up_parents(path);
        let node = self.now[path].clone();
        self.upper.entry(path.to_owned()).or_insert(Upper::Node(node));
    }

    /// `rm -r`.
    pub(super) fn remove(&mut self, path: &str) {
        self.copy_up_parents(path);
        let below = format!("{path}/");
        self.now.retain(|name, _| name != path && !name.starts_with(&below));
        self.upper.retain(|name, _| name != path && !name.starts_with(&below));
        if self.before.contains_key(path) {
            self.upper.insert(path.to_owned(), Upper::Whiteout);
        }
    }

    /// What the diff must say: `+`, `-` or `~`, and the path.
    pub(super) fn expected(&self) -> Vec<String> {
        let is_directory = |path: &str, tree: &Tree| match path.rsplit_once('/') {
            None => true,
            Some((parent, _)) => tree.get(parent) == Some(&Node::Directory),
        };
        let mut expected: Vec<_> = self
            .now
            .iter()
            .filter_map(|(path, node)| match self.before.get(path) {
                None => Some(('+', path)),
                Some(before) if before != node => Some(('~', path)),
                Some(_) => None,
            })
            // What went with its directory is not listed again.
            .chain(self.before.keys().filter_map(|path| {
                let gone = !self.now.contains_key(path) && is_directory(path, &self.now);
                gone.then_some(('-', path))
            }))
            .collect();
        expected.sort_by_key(|(_, path)| path.as_bytes());
        expected.into_iter().map(|(sign, path)| format!("{sign} /{path}")).collect()
    }

    pub(super) fn write_upper(&self, layer: &Layer) {
        for (path, upper) in &self.upper {
            match upper {
                Upper::Node(node) => write(layer, path, node),
                Upper::Opaque => drop(layer.opaque(path)),
                Upper::Whiteout => drop(layer.whiteout(path)),
            }
        }
    }

    fn copy_up_parents(&mut self, path: &str) {
        for (slash, _) in path.match_indices('/') {
            let parent = Upper::Node(Node::Directory);
            self.upper.entry(path[..slash].to_owned()).or_insert(parent);
        }
    }
}

pub(super) fn write(layer: &Layer, path: &str, node: &Node) {
    match node {
        Node::Directory => layer.directory(path),
        Node::File { content, mode } => layer.file_with(path, content, *mode),
        Node::Link(target) => layer.link(path, target),
    };
}
