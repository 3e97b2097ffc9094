//! Which ids of the host stand for which of the guest: user_namespaces(7).

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::fault::{During, Role, Step, StepError};

/// Lines of uid_map and gid_map. Guest root is never the host's: not even when root runs us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    pub(crate) users: Vec<Extent>,
    pub(crate) groups: Vec<Extent>,
}

/// `count` ids from `inside` on, seen as those from `outside` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Extent {
    pub(crate) inside: u32,
    pub(crate) outside: u32,
    pub(crate) count: u32,
}

/// Where root's guests begin: the block that systemd-nspawn's containers use too.
const ROOT_BASE: u32 = 524_288;
/// Every 16-bit id, `nobody` and all.
const WHOLE: u32 = 65_536;

impl Ids {
    /// The map that this user can have.
    pub(crate) fn of_this_user() -> Self {
        let uid = rustix::process::geteuid().as_raw();
        let gid = rustix::process::getegid().as_raw();
        if uid == 0 {
            // Where the map cannot be read, the kernel will say what it thinks of ours.
            let ours = current().unwrap_or(Self { users: Vec::new(), groups: Vec::new() });
            return Self { users: vec![root(&ours.users)], groups: vec![root(&ours.groups)] };
        }
        let name = user_name(uid);
        let lines = |path| fs::read_to_string(path).unwrap_or_default();
        let users = subordinate(&lines("/etc/subuid"), &name, uid);
        let groups = subordinate(&lines("/etc/subgid"), &name, uid);
        let own = |id| Extent { inside: 0, outside: id, count: 1 };
        match (users, groups) {
            (Some(users), Some(groups)) if tool("newuidmap") && tool("newgidmap") => {
                Self { users: vec![own(uid), users], groups: vec![own(gid), groups] }
            }
            _ => Self::single_id(uid, gid),
        }
    }

    /// Of a user who has no others to give.
    pub(crate) fn single_id(uid: u32, gid: u32) -> Self {
        let own = |id| vec![Extent { inside: 0, outside: id, count: 1 }];
        Self { users: own(uid), groups: own(gid) }
    }

    /// Whether the guest has no id but root's: changes of owner are then pretended.
    #[must_use]
    pub fn single(&self) -> bool {
        self.users.iter().map(|extent| extent.count).sum::<u32>() == 1
    }

    /// How many user ids the guest has.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.users.iter().map(|extent| extent.count).sum()
    }

    /// The guest's id for a user and a group of the host, where it has one.
    #[must_use]
    pub fn inside(&self, uid: u32, gid: u32) -> Option<(u32, u32)> {
        Some((inside(&self.users, uid)?, inside(&self.groups, gid)?))
    }

    /// The guest's ids for the owner and group of a file in a tree that is the user's own. A group
    /// without an id here is one of the user's on the host, as a set-group-id directory gives it,
    /// and means nothing to the firmware: it is root's there. Of a foreign owner both stay.
    pub(crate) fn inside_own_tree(&self, uid: u32, gid: u32) -> (u32, u32) {
        match inside(&self.users, uid) {
            Some(user) => (user, inside(&self.groups, gid).unwrap_or(0)),
            None => (uid, gid),
        }
    }

    /// Whether the guest has an id for a user of the host.
    pub(crate) fn has_user(&self, uid: u32) -> bool {
        inside(&self.users, uid).is_some()
    }

    /// The host's ids for a user and a group of the guest, where it has them.
    pub(crate) fn outside(&self, uid: u32, gid: u32) -> Option<(u32, u32)> {
        let find = |extents: &[Extent], id: u32| {
            extents.iter().find_map(|extent| {
                let offset = id.checked_sub(extent.inside)?;
                (offset < extent.count).then(|| extent.outside + offset)
            })
        };
        Some((find(&self.users, uid)?, find(&self.groups, gid)?))
    }

    /// The id inside for one outside, by a map as /proc has it.
    pub(crate) fn inside_map(map: &str, id: u32) -> Option<u32> {
        inside(&extents(map)?, id)
    }

    /// Gives them to a process that we made in a new user namespace.
    pub(crate) fn map(&self, pid: i32) -> Result<(), StepError> {
        if rustix::process::geteuid().is_root() || self.single() {
            return write_maps(Path::new(&format!("/proc/{pid}")), self, self.single());
        }
        for (tool, extents) in [("newuidmap", &self.users), ("newgidmap", &self.groups)] {
            let numbers = extents.iter().flat_map(|e| [e.inside, e.outside, e.count]);
            let output = Command::new(tool)
                .arg(pid.to_string())
                .args(numbers.map(|number| number.to_string()))
                .output()
                .during(|| Step::Execute(tool.to_owned()))?;
            if !output.status.success() {
                let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                return Err(io::Error::other(format!("{tool} said: {words}")))
                    .during(|| Step::MapIds(Role::Launcher));
            }
        }
        Ok(())
    }

    /// The map of a user namespace below one that has this map: the same ids again. An extent must
    /// not span two of the parent's, so each is kept.
    pub(crate) fn again(&self) -> Self {
        let same = |extents: &[Extent]| {
            extents.iter().map(|e| Extent { outside: e.inside, ..*e }).collect()
        };
        Self { users: same(&self.users), groups: same(&self.groups) }
    }
}

fn inside(extents: &[Extent], id: u32) -> Option<u32> {
    extents.iter().find_map(|extent| {
        let offset = id.checked_sub(extent.outside)?;
        (offset < extent.count).then(|| extent.inside + offset)
    })
}

/// Writes both maps through a directory of procfs: `/proc/PID`.
pub(crate) fn write_maps(process: &Path, ids: &Ids, deny_setgroups: bool) -> Result<(), StepError> {
    let text = |extents: &[Extent]| {
        let lines = extents.iter().map(|e| format!("{} {} {}\n", e.inside, e.outside, e.count));
        lines.collect::<String>()
    };
    let mut files = vec![("uid_map", text(&ids.users)), ("gid_map", text(&ids.groups))];
    if deny_setgroups {
        // A user without privileges may map a group only where it cannot be dropped.
        files.insert(0, ("setgroups", "deny".to_owned()));
    }
    for (name, content) in files {
        fs::write(process.join(name), content).during(|| Step::MapIds(Role::Launcher))?;
    }
    Ok(())
}

/// The map of this process's own user namespace.
pub(crate) fn current() -> io::Result<Ids> {
    let read = |path: &str| -> io::Result<Vec<Extent>> {
        extents(&fs::read_to_string(path)?).ok_or_else(|| io::ErrorKind::InvalidData.into())
    };
    Ok(Ids { users: read("/proc/self/uid_map")?, groups: read("/proc/self/gid_map")? })
}

fn extents(map: &str) -> Option<Vec<Extent>> {
    let extents = map.lines().map(|line| {
        let mut numbers = line.split_whitespace().map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Extent { inside: next()?, outside: next()?, count: next()? })
    });
    extents.collect()
}

/// What root gives a guest: a block far from everybody's, or, in a container that has no such ids,
/// whatever it has besides its own root.
fn root(ours: &[Extent]) -> Extent {
    let has_block = |e: &Extent| {
        let end = u64::from(e.inside) + u64::from(e.count);
        e.inside <= ROOT_BASE && u64::from(ROOT_BASE) + u64::from(WHOLE) <= end
    };
    let block = Extent { inside: 0, outside: ROOT_BASE, count: WHOLE };
    if ours.iter().any(has_block) {
        return block;
    }
    let without_root = |e: &Extent| {
        let skipped = u32::from(e.inside == 0);
        Extent { inside: 0, outside: e.inside + skipped, count: (e.count - skipped).min(WHOLE) }
    };
    let largest = ours.iter().map(without_root).max_by_key(|extent| extent.count);
    largest.filter(|extent| extent.count > 0).unwrap_or(block)
}

/// The first range of a subuid(5) file that belongs to the user by name or number, for the ids from
/// 1 on.
fn subordinate(file: &str, name: &str, uid: u32) -> Option<Extent> {
    file.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        if owner != name && owner != uid.to_string() {
            return None;
        }
        let outside = fields.next()?.parse().ok()?;
        let count: u32 = fields.next()?.parse().ok()?;
        (count > 0).then(|| Extent { inside: 1, outside, count: count.min(WHOLE - 1) })
    })
}

fn user_name(uid: u32) -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid));
    user.ok().flatten().map(|user| user.name).unwrap_or_default()
}

fn tool(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(name).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &str, expected: Option<(u32, u32)>) {
        let found = subordinate(file, "ann", 1000).map(|e| (e.outside, e.count));
        assert_eq!(found, expected);
    }

    /// subuid(5): "login name or UID, numerical subordinate user ID, numerical subordinate user ID
    /// count".
    #[test]
    fn a_subordinate_range_is_found_by_name_or_number() {
        check("ann:100000:65536", Some((100_000, 65_535)));
        check("bob:1:2\n1000:200000:5000\n", Some((200_000, 5000)));
        check("anna:100000:65536", None);
        check("ann:100000:0", None);
        check("ann:x:65536\nann:7:9", Some((7, 9)));
        check("", None);
    }

    #[test]
    fn root_gives_a_guest_ids_that_are_nobodys() {
        let check = |ours: &[(u32, u32)], expected: (u32, u32)| {
            let extent = |&(inside, count)| Extent { inside, outside: 7, count };
            let extents: Vec<_> = ours.iter().map(extent).collect();
            let given = root(&extents);
            assert_eq!((given.outside, given.count), expected, "{ours:?}");
        };
        check(&[(0, u32::MAX)], (524_288, 65_536));
        check(&[(0, 65_536)], (1, 65_535));
        check(&[(0, 1), (1, 65_536)], (1, 65_536));
        check(&[(0, 1), (524_288, 65_536)], (524_288, 65_536));
        check(&[(0, 1)], (524_288, 65_536)); // and the kernel says no
        check(&[], (524_288, 65_536));
    }

    #[test]
    fn an_id_is_found_in_a_map() {
        let map = "         0     524288      65536\n     65536          7          1\n";
        assert_eq!(Ids::inside_map(map, 524_288), Some(0));
        assert_eq!(Ids::inside_map(map, 525_288), Some(1000));
        assert_eq!(Ids::inside_map(map, 7), Some(65_536));
        assert_eq!(Ids::inside_map(map, 0), None);
        assert_eq!(Ids::inside_map("half 1", 0), None);
    }

    #[test]
    fn a_map_below_the_map_keeps_its_extents() {
        let extent = |inside, outside, count| Extent { inside, outside, count };
        let users = vec![extent(0, 1000, 1), extent(1, 100_000, 65_535)];
        let ids = Ids { users, groups: vec![extent(0, 50, 1), extent(1, 200_000, 65_535)] };
        assert_eq!(ids.again().users, [extent(0, 0, 1), extent(1, 1, 65_535)]);
        assert_eq!(ids.inside(1000, 50), Some((0, 0)));
        assert_eq!(ids.inside(100_032, 200_032), Some((33, 33)));
        assert_eq!(ids.inside(0, 0), None);
        assert_eq!(ids.inside_own_tree(1000, 50), (0, 0));
        assert_eq!(ids.inside_own_tree(1000, 20), (0, 0));
        assert_eq!(ids.inside_own_tree(100_032, 200_032), (33, 33));
        assert_eq!(ids.inside_own_tree(0, 42), (0, 42));
    }
}
