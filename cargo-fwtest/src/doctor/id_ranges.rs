use super::examine::{Answer, Check};
use super::host::{Host, read};

pub const CHECK: Check = Check { name: "id ranges", look };

/// As many as a firmware with `nobody` (65534) needs.
const NEEDED: u64 = 65536;
/// Where `useradd` begins (login.defs(5), `SUB_UID_MIN`).
const FIRST: u64 = 100_000;

fn look(host: &Host) -> Answer {
    match host.is_root() {
        true => judge_root(&read("/proc/self/uid_map"), &read("/proc/self/gid_map")),
        false => judge((&host.user, host.uid), &read("/etc/subuid"), &read("/etc/subgid")),
    }
}

/// Root hands on the ids that it has itself: all, unless it is root in a container only.
fn judge_root(uid_map: &str, gid_map: &str) -> Answer {
    let total = |map: &str| -> u64 {
        let counts = map.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse().ok());
        counts.fold(0, u64::saturating_add)
    };
    match total(uid_map).min(total(gid_map)) {
        enough if enough >= NEEDED => Answer::fine("root's own"),
        few => Answer::degraded(
            format!("root has {few} ids here, and firmwares need {NEEDED}"),
            "start the container with a range of at least 65536 ids",
        ),
    }
}

/// `user`: name and number.
fn judge(user: (&str, u32), subuid: &str, subgid: &str) -> Answer {
    let largest = |text: &str| {
        let ours = ranges(text).filter(|range| range.belongs_to(user));
        ours.map(|range| range.count).max().unwrap_or(0)
    };
    let (uids, gids) = (largest(subuid), largest(subgid));
    if uids.min(gids) >= NEEDED {
        return Answer::fine(format!("{uids} user ids, {gids} group ids"));
    }
    let end = ranges(subuid).chain(ranges(subgid)).map(|range| range.end()).max();
    let first = end.unwrap_or(0).max(FIRST);
    let last = first + NEEDED - 1;
    Answer::degraded(
        format!("{uids} user ids, {gids} group ids, and firmwares need {NEEDED} in one range"),
        format!(
            "sudo usermod --add-subuids {first}-{last} --add-subgids {first}-{last} {}",
            user.0
        ),
    )
}

/// A line of subuid(5).
struct Range<'a> {
    owner: &'a str,
    first: u64,
    count: u64,
}

impl Range<'_> {
    fn belongs_to(&self, (name, uid): (&str, u32)) -> bool {
        self.owner == name || self.owner.parse() == Ok(uid)
    }

    fn end(&self) -> u64 {
        self.first.saturating_add(self.count)
    }
}

fn ranges(text: &str) -> impl Iterator<Item = Range<'_>> {
    text.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let (owner, first, count) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Range { owner, first: first.parse().ok()?, count: count.parse().ok()? })
    })
}

#[cfg(test)]
mod tests {
    use super::super::examine::State;
    use super::*;

    #[track_caller]
    fn check(subuid: &str, subgid: &str, mend: Option<&str>) {
        assert_eq!(judge(("ann", 1000), subuid, subgid).mend.as_deref(), mend);
    }

    #[test]
    fn a_range_of_the_users_own_is_needed_in_both_files() {
        check("ann:100000:65536\n", "ann:100000:65536\n", None);
        check("1000:100000:65536\n", "1000:100000:65536\n", None);
        check("bob:1:1\nann:100000:131072\n", "ann:100000:65536", None);
    }

    #[test]
    fn the_mend_takes_ids_that_nobody_has() {
        const FRESH: &str =
            "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ann";
        const BEHIND_BOB: &str =
            "sudo usermod --add-subuids 165536-231071 --add-subgids 165536-231071 ann";
        check("", "", Some(FRESH));
        check("# ann\nann:x:y\n", "", Some(FRESH));
        check("bob:100000:65536\n", "bob:100000:65536\n", Some(BEHIND_BOB));
        check("bob:100000:65536\n", "", Some(BEHIND_BOB));
        check("ann:100000:1000\n", "ann:100000:65536\n", Some(BEHIND_BOB));
    }

    #[test]
    fn root_in_a_container_may_have_few_ids() {
        let whole = "         0          0 4294967295\n";
        assert_eq!(judge_root(whole, whole).state, State::Fine);
        assert_eq!(judge_root("0 1000 1\n1 100000 65536\n", whole).state, State::Fine);
        assert_eq!(judge_root("0 1000 1\n", whole).state, State::Degraded);
    }
}
