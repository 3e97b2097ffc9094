//! Changes as the text of a snapshot.

use super::line::{Columns, kind, line};
use super::names::Names;
use super::normalise::Normaliser;
use super::text::{self, Limits, Shown, indent};
use super::xattr;
use crate::diff::{Change, Content, Entry, What};
use crate::instance::FileKind;

/// What [`render`] shows, and how much.
#[derive(Clone, Debug)]
pub struct RenderOptions {
    /// The guest's names for owners.
    pub names: Names,
    /// What to hide behind a name, and what to leave out.
    pub normaliser: Normaliser,
    /// Unchanged lines on either side of a change in a text; 2.
    pub context: usize,
    /// Lines of a text; 20. Longer ones end in their number and a digest.
    pub lines: usize,
    /// Characters of a line of text; 160.
    pub width: usize,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self {
            names: Names::default(),
            normaliser: Normaliser::default(),
            context: 2,
            lines: 20,
            width: 160,
        }
    }
}

/// The text of `changes`, sorted by the paths' bytes: how many there are, then a line for each with
/// its details below. The same changes give the same bytes, on any host.
#[must_use]
pub fn render(changes: &[Change], options: &RenderOptions) -> String {
    let mut shown: Vec<&Change> =
        changes.iter().filter(|change| !options.normaliser.ignores(&change.path)).collect();
    shown.sort_by_key(|change| change.path.as_bytes());
    if shown.is_empty() {
        return "no changes\n".to_owned();
    }
    let mut out = header(&shown);
    for change in shown {
        write(&mut out, change, options);
    }
    out
}

fn header(changes: &[&Change]) -> String {
    let (mut added, mut changed, mut removed) = (0, 0, 0);
    for change in changes {
        match change.what {
            What::Added(_) => added += 1,
            What::Changed { .. } => changed += 1,
            What::Removed(_) => removed += 1,
        }
    }
    format!("{added} added, {changed} changed, {removed} removed\n")
}

fn write(out: &mut String, Change { path, what }: &Change, options: &RenderOptions) {
    let (before, after) = match what {
        What::Removed(entry) => {
            out.push_str(&format!("- {} {path}\n", kind(entry.kind)));
            return;
        }
        What::Added(after) => (None, after),
        What::Changed { before, after } => (Some(before), after),
    };
    let normalised = options.normaliser.name(path).filter(|_| after.kind == FileKind::File);
    let body = match (&after.content, normalised) {
        (Some(content), None) => body(before, content, limits(options)),
        _ => Body::None,
    };
    let digest = match body {
        Body::Digest(sha1) => Some(sha1),
        _ => None,
    };
    out.push_str(if before.is_some() { "~ " } else { "+ " });
    out.push_str(&line(
        before,
        after,
        path,
        &Columns { names: &options.names, normalised, digest },
    ));
    out.push('\n');
    details(out, before, after);
    if let (Body::Text(shown), Some(content)) = (body, &after.content) {
        shown.write(out, &content.sha1, limits(options));
    }
}

/// How a regular file's content is shown.
enum Body {
    /// Not at all: nothing of it changed, or it is hidden.
    None,
    /// In the line.
    Digest([u8; 20]),
    /// Below the line.
    Text(Shown),
}

fn body(before: Option<&Entry>, after: &Content, limits: Limits) -> Body {
    let before = before.and_then(|before| before.content.as_ref());
    if before.is_some_and(|before| before.sha1 == after.sha1) {
        return Body::None;
    }
    let shown = match (before, &after.text) {
        (None, Some(text)) => Some(text::added(text, limits)),
        (Some(Content { text: Some(before), .. }), Some(after)) => {
            text::changed(before, after, limits)
        }
        _ => None,
    };
    shown.map_or(Body::Digest(after.sha1), Body::Text)
}

/// What isn't in the line: a link's former target, extended attributes.
fn details(out: &mut String, before: Option<&Entry>, after: &Entry) {
    let same_kind = before.filter(|before| before.kind == after.kind);
    if let Some(target) = same_kind.and_then(|before| before.target.as_ref())
        && Some(target) != after.target.as_ref()
    {
        indent(out, &format!("was -> {target}"));
    }
    xattr::write(out, same_kind.map(|before| &before.xattrs[..]), &after.xattrs);
}

fn limits(options: &RenderOptions) -> Limits {
    Limits { context: options.context, lines: options.lines, width: options.width }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use sha1::{Digest, Sha1};

    use super::super::normalise::Rule;
    use super::*;
    use crate::path::GuestPath;

    fn entry(kind: FileKind, mode: u32) -> Entry {
        Entry {
            kind,
            mode,
            uid: 0,
            gid: 0,
            size: 0,
            content: None,
            target: None,
            device: None,
            xattrs: Vec::new(),
        }
    }

    fn file(bytes: impl AsRef<[u8]>) -> Entry {
        let bytes = bytes.as_ref();
        let text = String::from_utf8(bytes.to_vec()).ok().filter(|text| !text.contains('\0'));
        let content = Some(Content { sha1: Sha1::digest(bytes).into(), text });
        Entry { size: bytes.len() as u64, content, ..entry(FileKind::File, 0o644) }
    }

    fn link(target: &str) -> Entry {
        Entry { target: Some(GuestPath::from(target)), ..entry(FileKind::Symlink, 0o777) }
    }

    fn directory() -> Entry {
        entry(FileKind::Directory, 0o755)
    }

    fn added(path: &str, entry: Entry) -> Change {
        Change { path: GuestPath::from(path), what: What::Added(entry) }
    }

    fn changed(path: &str, before: Entry, after: Entry) -> Change {
        Change { path: GuestPath::from(path), what: What::Changed { before, after } }
    }

    fn removed(path: &str, entry: Entry) -> Change {
        Change { path: GuestPath::from(path), what: What::Removed(entry) }
    }

    fn options() -> RenderOptions {
        let id = |id, name: &str| BTreeMap::from([(0, "root".to_owned()), (id, name.to_owned())]);
        let names = Names { users: id(33, "www-data"), groups: id(33, "www-data") };
        RenderOptions { names, ..RenderOptions::default() }
    }

    fn text(changes: &[Change]) -> String {
        render(changes, &options())
    }

    #[test]
    fn nothing_is_no_changes() {
        insta::assert_snapshot!(text(&[]), @"no changes");
    }

    #[test]
    fn a_first_boot() {
        let network = |option: &str| {
            file(format!("config interface 'lan'\n\toption proto 'static'\n{option}\n# end\n"))
        };
        let changes = [
            added("/etc/dropbear", Entry { mode: 0o700, ..directory() }),
            added("/etc/dropbear/dropbear_rsa_host_key", Entry { mode: 0o600, ..file("\0key") }),
            added("/etc/machine-id", file("0123456789abcdef\n")),
            changed("/etc/config/network", network(""), network("\toption metric '10'\n")),
            changed("/etc/localtime", link("/usr/share/UTC"), link("/usr/share/Berlin")),
            changed("/etc/passwd", file("root"), Entry { mode: 0o666, ..file("root") }),
            removed("/etc/init.d/firstboot", file("")),
            removed("/srv/www", directory()),
            added("/usr/bin/tool", Entry { mode: 0o4755, ..file(b"\x7fELF\0") }),
            added("/etc/hostname", file("router\n")),
            changed("/etc/resolv.conf", file("nameserver 1.1.1.1\n"), link("/tmp/resolv.conf")),
            added("/var/log/messages", file("booting\n")),
            added("/var/empty", file("")),
            changed("/usr/lib/libc.so", file(b"\0old"), file(b"\0newer")),
        ];
        insta::assert_snapshot!(text(&changes), @"
        7 added, 5 changed, 2 removed
        ~ file 0644 root:root 53 -> 73 /etc/config/network
            @@ -1,4 +1,5 @@
             config interface 'lan'
             	option proto 'static'
            +	option metric '10'

             # end
        + dir 0700 root:root /etc/dropbear
        + file 0600 root:root [ssh-host-key] /etc/dropbear/dropbear_rsa_host_key
        + file 0644 root:root 7 /etc/hostname
            +router
        - file /etc/init.d/firstboot
        ~ link root:root /etc/localtime -> /usr/share/Berlin
            was -> /usr/share/UTC
        + file 0644 root:root [machine-id] /etc/machine-id
        ~ file 0644 -> 0666 root:root 4 /etc/passwd
        ~ file -> link root:root /etc/resolv.conf -> /tmp/resolv.conf
        - dir /srv/www
        + file 4755 root:root 5 sha1:68c6bfc9e020 /usr/bin/tool
        ~ file 0644 root:root 4 -> 6 sha1:8525786296f8 /usr/lib/libc.so
        + file 0644 root:root 0 /var/empty
        + file 0644 root:root [log] /var/log/messages
        ");
    }

    #[test]
    fn owners_devices_and_attributes() {
        let www = |entry| Entry { uid: 33, gid: 33, ..entry };
        let device = |kind, device| Entry { device: Some(device), ..entry(kind, 0o660) };
        let labelled = Entry { xattrs: vec![(b"user.a".into(), b"b".into())], ..file("") };
        let changes = [
            changed("/srv", directory(), www(directory())),
            added("/srv/odd", Entry { uid: 1234, gid: 0, ..file("") }),
            added("/dev/console", device(FileKind::CharDevice, (5, 1))),
            changed(
                "/dev/sda",
                device(FileKind::BlockDevice, (8, 0)),
                device(FileKind::BlockDevice, (8, 16)),
            ),
            added("/run/initctl", entry(FileKind::Fifo, 0o600)),
            added("/run/log", entry(FileKind::Socket, 0o666)),
            changed("/labelled", file(""), labelled.clone()),
            added("/new", labelled),
        ];
        insta::assert_snapshot!(text(&changes), @r#"
        5 added, 3 changed, 0 removed
        + char 0660 root:root 5:1 /dev/console
        ~ block 0660 root:root 8:0 -> 8:16 /dev/sda
        ~ file 0644 root:root 0 /labelled
            xattr user.a: none -> "b"
        + file 0644 root:root 0 /new
            xattr user.a: "b"
        + fifo 0600 root:root /run/initctl
        + socket 0666 root:root /run/log
        ~ dir 0755 root:root -> www-data:www-data /srv
        + file 0644 1234:root 0 /srv/odd
        "#);
    }

    #[test]
    fn odd_names_stay_on_their_line_and_apart() {
        let odd = GuestPath::from(OsStr::from_bytes(b"/\xff\n+ file"));
        let changes = [
            added("/a b -> c", link("d")),
            added("/a b", link("c -> d")),
            Change { path: odd, what: What::Added(file("")) },
        ];
        insta::assert_snapshot!(text(&changes), @r"
        3 added, 0 changed, 0 removed
        + link root:root /a b -> c\x20->\x20d
        + link root:root /a b\x20->\x20c -> d
        + file 0644 root:root 0 /\xff\n+ file
        ");
    }

    #[test]
    fn long_texts_are_counted_and_pinned() {
        let lines = |from: usize| (from..from + 50).map(|n| format!("{n}\n")).collect::<String>();
        let options = RenderOptions { lines: 3, ..options() };
        let changes =
            [added("/new", file(lines(0))), changed("/old", file(lines(0)), file(lines(5)))];
        insta::assert_snapshot!(render(&changes, &options), @"
        1 added, 1 changed, 0 removed
        + file 0644 root:root 140 /new
            +0
            +1
            +2
            … 47 more lines (sha1:bb929fcf80eb)
        ~ file 0644 root:root 140 -> 145 /old
            @@ -1,7 +1,2 @@
            -0
            -1
            … 13 more lines (sha1:ac61bf23e915)
        ");
    }

    #[test]
    fn users_rules_hide_and_leave_out() {
        let rule = Rule { path: "/data/*.db".to_owned(), name: "[database]".to_owned() };
        let normaliser = Normaliser::new(&[rule], &["/var/cache/**".to_owned()]).unwrap();
        let options = RenderOptions { normaliser, ..options() };
        let changes = [
            added("/data/a.db", file("\0")),
            changed("/data/b.db", file("x"), Entry { mode: 0o600, ..file("yy") }),
            added("/data/c.db", directory()),
            changed("/data/d.db", file("x"), link("a.db")),
            added("/var/cache/x", file("")),
        ];
        insta::assert_snapshot!(render(&changes, &options), @"
        2 added, 2 changed, 0 removed
        + file 0644 root:root [database] /data/a.db
        ~ file 0644 -> 0600 root:root [database] /data/b.db
        + dir 0755 root:root /data/c.db
        ~ file -> link root:root /data/d.db -> a.db
        ");
        insta::assert_snapshot!(render(&changes[4..], &options), @"no changes");
    }

    /// Whatever a hidden file has in it, the text is the same.
    #[test]
    fn a_normalised_file_does_not_show_what_it_has() {
        let text = |content: &str| text(&[added("/etc/machine-id", file(content))]);
        assert_eq!(text("one"), text("another\0"));
    }
}
