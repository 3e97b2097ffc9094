//! Owners by the names that the guest has for them.

use std::collections::BTreeMap;

/// The guest's users and groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// By uid.
    pub users: BTreeMap<u32, String>,
    /// By gid.
    pub groups: BTreeMap<u32, String>,
}

impl Names {
    /// From the content of the guest's passwd(5) and group(5). The first name of a number counts, as
    /// it does for getpwuid(3); a line that is none is left out.
    #[must_use]
    pub fn parse(passwd: &[u8], group: &[u8]) -> Self {
        Self { users: by_number(passwd), groups: by_number(group) }
    }

    /// `root:root`, with the number where there is no name.
    #[must_use]
    pub fn owner(&self, uid: u32, gid: u32) -> String {
        let name = |names: &BTreeMap<u32, String>, id: u32| match names.get(&id) {
            Some(name) => name.clone(),
            None => id.to_string(),
        };
        format!("{}:{}", name(&self.users, uid), name(&self.groups, gid))
    }
}

/// Both files have the name first and the number third.
fn by_number(file: &[u8]) -> BTreeMap<u32, String> {
    let mut names = BTreeMap::new();
    for line in file.split(|&byte| byte == b'\n') {
        let mut fields = line.split(|&byte| byte == b':').map(std::str::from_utf8);
        let (Some(Ok(name)), Some(_), Some(Ok(id))) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        // A name with a blank in it would read as two columns, and a number as another's.
        let plain = name.chars().all(|c| !c.is_whitespace() && !c.is_control())
            && name.contains(|c: char| !c.is_ascii_digit());
        if let (true, Ok(id)) = (plain, id.parse()) {
            names.entry(id).or_insert_with(|| name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_has_the_guests_name_or_its_number() {
        let passwd = b"root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\n\nbad\n7:x:5:5:::\n\
            a b:x:6:6:::\n\xff:x:8:8:::\nwww-data:x:33:33:";
        let names = Names::parse(passwd, b"root:x:0:\nwww:x:33:alice,bob\n");
        let check = |uid, gid, expected| assert_eq!(names.owner(uid, gid), expected);
        check(0, 0, "root:root");
        check(33, 33, "www-data:www");
        check(5, 6, "5:6");
        check(6, 0, "6:root");
        check(8, 1000, "8:1000");
    }
}
