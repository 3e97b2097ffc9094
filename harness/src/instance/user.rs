//! The guest's users, by its own passwd(5) and group(5).

/// A user of the guest, as far as running a command as one goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
    pub(crate) home: Option<String>,
}

impl User {
    /// The user that `wanted` names: `admin`, `1000` or `1000:100`. A number needs no entry.
    pub(crate) fn find(wanted: &str, passwd: &str, group: &str) -> Option<Self> {
        let (user, given_group) = match wanted.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (wanted, None),
        };
        let number: Option<u32> = user.parse().ok();
        let entry = passwd.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let (uid, gid) = (fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?);
            let home = fields.get(5).filter(|home| !home.is_empty()).map(|home| (*home).to_owned());
            (fields[0] == user || number == Some(uid)).then(|| (fields[0], uid, gid, home))
        });
        let (name, uid, mut gid, home) = match entry {
            Some(entry) => entry,
            None => (user, number?, number?, None),
        };
        let parsed = group.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let members = fields.get(3).copied().unwrap_or_default();
            Some((fields[0], fields.get(2)?.parse::<u32>().ok()?, members))
        });
        let mut groups = Vec::new();
        let mut found = None;
        for (group_name, id, members) in parsed {
            if members.split(',').any(|member| member == name) {
                groups.push(id);
            }
            if given_group == Some(group_name) {
                found = Some(id);
            }
        }
        if let Some(given) = given_group {
            gid = found.or_else(|| given.parse().ok())?;
        }
        Some(Self { uid, gid, groups, home })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnonsense\nadmin:x:1000:100:,,,:/home/admin:/bin/sh\ntoor:x:0:0::/:\n";
    const GROUP: &str = "root:x:0:\nusers:x:100:\naudio:x:29:www,admin\n";

    #[test]
    fn a_user_is_found_by_name_and_by_number() {
        let check = |wanted: &str, expected: Option<(u32, u32, &[u32])>| {
            let user = User::find(wanted, PASSWD, GROUP);
            let found = user.as_ref().map(|user| (user.uid, user.gid, user.groups.as_slice()));
            assert_eq!(found, expected, "{wanted}");
        };
        check("admin", Some((1000, 100, &[29])));
        check("1000", Some((1000, 100, &[29])));
        check("admin:root", Some((1000, 0, &[29])));
        check("33", Some((33, 33, &[])));
        check("33:7", Some((33, 7, &[])));
        check("nobody", None);
        check("admin:nogroup", None);
    }
}
