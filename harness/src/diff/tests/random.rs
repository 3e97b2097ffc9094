//! Random doings of a guest: the diff of the upper is the difference of the two views.

use super::model::{Model, Node, Tree, write};
use super::scene::{Scene, line};

/// xorshift64*, so that a seed that fails fails again.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    fn node(&mut self) -> Node {
        match self.below(5) {
            0 => Node::Link(["a", "/etc"][self.below(2)].to_owned()),
            1 | 2 => Node::Directory,
            _ => Node::File {
                content: ["", "x", "y", "longer"][self.below(4)].to_owned(),
                mode: [0o644, 0o600][self.below(2)],
            },
        }
    }

    /// A path whose parent is a directory. Few names, so that they meet often.
    fn path(&mut self, tree: &Tree) -> String {
        let mut path = String::new();
        loop {
            path.push_str(["a", "b", "c-", "c"][self.below(4)]);
            if tree.get(&path) != Some(&Node::Directory) || self.below(4) == 0 {
                return path;
            }
            path.push('/');
        }
    }
}

#[test]
fn the_diff_is_the_difference_of_what_the_guest_saw_and_sees() {
    for seed in 1..=400 {
        let mut random = Random(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        let mut firmware = Tree::new();
        for _ in 0..random.below(25) {
            let path = random.path(&firmware);
            firmware.entry(path).or_insert_with(|| random.node());
        }
        let scene = Scene::new();
        for (path, node) in &firmware {
            // Some of it by the middle: it must make no difference. (A directory is in both.)
            let layer = if random.below(4) == 0 { scene.middle() } else { scene.firmware() };
            write(&layer, path, node);
        }
        let mut model = Model::new(firmware);
        for _ in 0..random.below(30) {
            let path = random.path(&model.now);
            match (model.now.contains_key(&path), random.below(4)) {
                (false, _) => model.put(&path, random.node()),
                (true, 0) => model.touch(&path),
                (true, 1) => model.remove(&path),
                (true, _) => {
                    let node = random.node();
                    if model.now[&path] == Node::Directory || node == Node::Directory {
                        model.remove(&path);
                    }
                    model.put(&path, node);
                }
            }
        }
        model.write_upper(&scene.upper());
        let found: Vec<_> = scene.changes().unwrap().iter().map(line).collect();
        let found: Vec<_> = found
            .iter()
            .map(|line| line.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(found, model.expected(), "seed {seed}");
    }
}
