//! A line of the kernel's audit log that AppArmor has written.
//!
//! `audit(SECONDS.MILLISECONDS:SERIAL): apparmor="DENIED" operation="open" …`, where a value is a
//! bare word, or a text in double quotes, or, where the text has a quote, a blank or a byte that is
//! no ASCII, its bytes as hexadecimal digits.

use std::time::Duration;

use super::policy::Name;

/// What became of the act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Allowed, and to be reported: `audit` in the profile.
    Reported,
    Denied,
}

/// A record of something that a guest did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) kind: Kind,
    /// Whose policy namespace it is.
    pub(super) namespace: Name,
    /// `open`, `mknod`, `change_profile`, `capable`: the kernel's word.
    pub(super) operation: String,
    /// What it was done to: a path, a profile, a capability. Empty where the record does not say.
    pub(super) object: Vec<u8>,
    /// In the machine's own pid namespace; 0 where the record does not say.
    pub(super) pid: i32,
    pub(super) comm: String,
    /// As the host has it.
    pub(super) uid: Option<u32>,
    /// Whose the file is, as the host has it.
    pub(super) owner: Option<u32>,
    pub(super) errno: Option<i32>,
    /// When, by the machine's clock.
    pub(super) at: Duration,
}

/// Reads a line. `None`: it is not AppArmor's, nor of a guest of ours, or says of policy that was
/// loaded.
pub(super) fn parse(line: &[u8]) -> Option<Record> {
    let line = line.strip_suffix(b"\0").unwrap_or(line);
    let start = line.windows(3).position(|window| window == b"): ")? + 3;
    let at = time(&line[..start])?;
    let fields = fields(&line[start..]);
    let value =
        |key: &str| fields.iter().find(|(name, _)| *name == key.as_bytes()).map(|(_, value)| value);
    let text = |key| value(key).map(Value::text);
    let number = |key| value(key).and_then(Value::number);
    let word = |key| text(key).map(|text| String::from_utf8_lossy(&text).into_owned());
    let kind = match text("apparmor")?.as_slice() {
        b"AUDIT" => Kind::Reported,
        b"DENIED" => Kind::Denied,
        _ => return None,
    };
    // Seen from the namespace that all others are in: `root//NAME`. A part of a name could be
    // another's.
    let Value::Quoted(namespace) = value("namespace")? else { return None };
    let namespace = String::from_utf8_lossy(namespace);
    let namespace = Name::parse(namespace.rsplit("//").next()?)?;
    let objects = ["target", "name", "capname"];
    Some(Record {
        kind,
        namespace,
        operation: word("operation")?,
        object: objects.iter().find_map(|key| text(key)).unwrap_or_default(),
        pid: number("pid").and_then(|pid| i32::try_from(pid).ok()).unwrap_or(0),
        comm: word("comm").unwrap_or_default(),
        uid: number("fsuid").and_then(|uid| u32::try_from(uid).ok()),
        owner: number("ouid").and_then(|uid| u32::try_from(uid).ok()),
        errno: number("error").and_then(|error| i32::try_from(-error).ok()),
        at,
    })
}

impl Record {
    /// Whether it is of the mask over `/proc/sysrq-trigger`, which tells itself of what is written
    /// there: to open it does nothing. The real file is the real root's; the mask is the guest's.
    pub(super) fn is_of_the_mask(&self) -> bool {
        self.kind == Kind::Reported
            && self.object == b"/proc/sysrq-trigger"
            && self.owner.is_some_and(|owner| owner != 0)
    }
}

/// `audit(SECONDS.MILLISECONDS:SERIAL): `
fn time(line: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(line).ok()?.strip_prefix("audit(")?;
    let (time, _) = text.split_once(':')?;
    let (seconds, milliseconds) = time.split_once('.')?;
    let milliseconds = Duration::from_millis(milliseconds.parse().ok()?);
    Some(Duration::from_secs(seconds.parse().ok()?).saturating_add(milliseconds))
}

#[derive(Clone, Copy)]
enum Value<'a> {
    Quoted(&'a [u8]),
    /// Quoted, without the end.
    Cut(&'a [u8]),
    Bare(&'a [u8]),
}

impl Value<'_> {
    /// The bytes that are meant. A line that was cut short ends in half a byte: that half is left.
    fn text(&self) -> Vec<u8> {
        match self {
            Self::Quoted(text) | Self::Cut(text) => text.to_vec(),
            Self::Bare(b"(null)") => Vec::new(),
            Self::Bare(word) => hex(word).unwrap_or_else(|| word.to_vec()),
        }
    }

    fn number(&self) -> Option<i64> {
        let Self::Bare(digits) = self else { return None };
        std::str::from_utf8(digits).ok()?.parse().ok()
    }
}

fn hex(word: &[u8]) -> Option<Vec<u8>> {
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = word.iter().map(digit).collect::<Option<_>>()?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// `key=value`, with blanks between them. What is neither is passed over.
fn fields(mut rest: &[u8]) -> Vec<(&[u8], Value<'_>)> {
    let mut fields = Vec::new();
    while let Some(equals) = rest.iter().position(|byte| *byte == b'=') {
        let before = &rest[..equals];
        let key =
            before.iter().rposition(|byte| *byte == b' ').map_or(before, |at| &before[at + 1..]);
        rest = &rest[equals + 1..];
        let value = match rest.strip_prefix(b"\"") {
            Some(quoted) => match quoted.iter().position(|byte| *byte == b'"') {
                Some(end) => {
                    rest = &quoted[end + 1..];
                    Value::Quoted(&quoted[..end])
                }
                None => {
                    rest = &[];
                    Value::Cut(quoted)
                }
            },
            None => {
                let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
                let word = &rest[..end];
                rest = &rest[end..];
                Value::Bare(word)
            }
        };
        fields.push((key, value));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<Record> {
        parse(line.as_bytes())
    }

    fn record(kind: Kind, operation: &str, object: &str, comm: &str) -> Record {
        Record {
            kind,
            namespace: Name::parse("fwtest-1-a-0").unwrap(),
            operation: operation.to_owned(),
            object: object.as_bytes().to_vec(),
            pid: 189,
            comm: comm.to_owned(),
            uid: None,
            owner: None,
            errno: None,
            at: Duration::from_millis(1002),
        }
    }

    /// Lines of Linux 6.12, with other names.
    #[test]
    fn lines_of_a_kernel_are_understood() {
        let then = Duration::from_millis(1_795_848_915_110);
        let denied = parsed(
            r#"audit(1795848915.110:3): apparmor="DENIED" operation="change_profile" class="file" namespace="root//fwtest-1-a-0" profile="firmware" name="unconfined" pid=189 comm="sh" target="unconfined""#,
        );
        let expected = record(Kind::Denied, "change_profile", "unconfined", "sh");
        assert_eq!(denied, Some(Record { at: then, ..expected }));
        let opened = parsed(
            r#"audit(1795848915.110:5): apparmor="AUDIT" operation="open" class="file" namespace="root//fwtest-1-a-0" profile="firmware" name="/tmp/sysrq-trigger" pid=189 comm="sh" requested_mask="wc" fsuid=524288 ouid=524288"#,
        );
        let expected = record(Kind::Reported, "open", "/tmp/sysrq-trigger", "sh");
        let (uid, owner) = (Some(524_288), Some(524_288));
        assert_eq!(opened, Some(Record { uid, owner, at: then, ..expected }));
        let not_found = parsed(
            r#"audit(1.2:3): apparmor="DENIED" operation="change_onexec" class="file" info="label not found" error=-2 namespace="root//fwtest-1-a-0" profile="firmware" name="x" pid=189 comm="sh""#,
        );
        let expected = record(Kind::Denied, "change_onexec", "x", "sh");
        assert_eq!(not_found, Some(Record { errno: Some(2), ..expected }));
        let capability = parsed(
            r#"audit(1.2:3): apparmor="DENIED" operation="capable" class="cap" namespace="root//fwtest-1-a-0" profile="firmware" pid=189 comm="date" capability=25  capname="sys_time""#,
        );
        assert_eq!(capability, Some(record(Kind::Denied, "capable", "sys_time", "date")));
    }

    #[test]
    fn the_mask_is_told_from_the_real_file() {
        let line = |kind: &str, name: &str, owner: &str| {
            let line = format!(
                r#"audit(1.2:3): apparmor="{kind}" operation="open" namespace="root//fwtest-1-a-0" name="{name}" pid=1 comm="x" requested_mask="w" fsuid=524288{owner}"#
            );
            parsed(&line).unwrap().is_of_the_mask()
        };
        assert!(line("AUDIT", "/proc/sysrq-trigger", " ouid=524288"));
        assert!(!line("AUDIT", "/proc/sysrq-trigger", " ouid=0"));
        assert!(!line("AUDIT", "/proc/sysrq-trigger", ""));
        assert!(!line("AUDIT", "/z/sysrq-trigger", " ouid=524288"));
        assert!(!line("DENIED", "/proc/sysrq-trigger", " ouid=524288"));
    }

    #[test]
    fn names_that_need_it_come_as_digits() {
        let line = |name: &str, comm: &str| {
            parsed(&format!(
                r#"audit(1.2:3): apparmor="AUDIT" operation="open" namespace="root//fwtest-1-a-0" profile="firmware" name={name} pid=189 comm={comm} requested_mask="w""#
            ))
        };
        // `/a b/sysrq-trigger`, and `a"b`.
        let record = record(Kind::Reported, "open", "/a b/sysrq-trigger", "a\"b");
        assert_eq!(line("2F6120622F73797372712D74726967676572", "612262"), Some(record.clone()));
        // Half a byte at the end of what was cut.
        assert_eq!(line("2F6", "\"x\"").unwrap().object, b"/");
        // No digits after all.
        assert_eq!(line("bare/word", "\"x\"").unwrap().object, b"bare/word");
        assert_eq!(line("(null)", "\"x\"").unwrap().object, b"");
        assert_eq!(line("FF2F", "\"x\"").unwrap().object, b"\xff/");
    }

    #[test]
    fn what_was_cut_short_is_read_as_far_as_it_goes() {
        let line = r#"audit(1.2:3): apparmor="AUDIT" operation="open" namespace="root//fwtest-1-a-0" profile="firmware" name="/proc/sysrq-trigger" pid=189 comm="sh""#;
        let whole = record(Kind::Reported, "open", "/proc/sysrq-trigger", "sh");
        assert_eq!(parsed(line), Some(whole.clone()));
        let cut = parsed(&line[..line.len() - 4]).unwrap();
        assert_eq!((cut.pid, cut.comm.as_str()), (189, ""));
        let cut = parsed(&line[..line.find("trigger").unwrap()]).unwrap();
        assert_eq!((cut.object.as_slice(), cut.pid), (&b"/proc/sysrq-"[..], 0));
        let cut = parsed(&line[..line.find("-0\" profile").unwrap()]);
        assert_eq!(cut, None, "it could be anybody's");
        // Wherever it is cut, nothing ends in a panic, and nothing is anybody else's.
        for length in 0..line.len() {
            if let Some(record) = parsed(&line[..length]) {
                assert_eq!(record.namespace, whole.namespace);
            }
        }
    }

    #[test]
    fn what_is_not_a_guests_of_ours_is_passed_over() {
        for line in [
            "",
            "audit(1.2:3): ",
            r#"audit(1.2:3): apparmor="STATUS" operation="profile_load" profile="unconfined" name="firmware" pid=184 comm="cat""#,
            r#"audit(1.2:3): apparmor="DENIED" operation="open" profile="/usr/sbin/cupsd" name="/etc/x" pid=1 comm="cupsd""#,
            r#"audit(1.2:3): apparmor="DENIED" operation="open" namespace="root//lxd-router" profile="x" name="/etc/x" pid=1 comm="y""#,
            r#"audit(1.2:3): apparmor="ALLOWED" operation="open" namespace="root//fwtest-1-a-0" profile="x" name="/etc/x" pid=1 comm="y""#,
            r#"audit(1.2:3): avc:  denied  { read } for pid=1"#,
            r#"audit(1.2:3): pid=7 uid=0 auid=0 ses=1 subj=unconfined msg='apparmor="DENIED"'"#,
        ] {
            assert_eq!(parsed(line), None, "{line}");
        }
    }

    /// No random bytes make it panic.
    #[test]
    fn noise_is_survived() {
        let mut seed = 0x2545_F491_4F6C_DD1D_u64;
        for _ in 0..20_000 {
            let mut line = br#"audit(1.2:3): apparmor="DENIED" operation="open" namespace="root//fwtest-1-a-0" name="/x" pid=1"#.to_vec();
            for _ in 0..4 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                let at = usize::try_from(seed >> 32).unwrap() % line.len();
                line[at] = seed.to_le_bytes()[0];
            }
            let _ = parse(&line);
        }
    }
}
