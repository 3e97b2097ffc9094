//! What comes close to a name that is not there.

/// Names further apart than this have nothing to do with each other.
const CLOSE: f64 = 0.6;
/// Longer ones are data, not names, and the comparison is quadratic.
const LONGEST: usize = 256;

/// The candidate whose name is the most like `wanted`, the first of equals; `None` where none is
/// close. One that has `wanted` in it, whatever the case, is (`lighttpd` for `httpd`).
pub(super) fn nearest<'a, T>(
    wanted: &str,
    candidates: impl IntoIterator<Item = (&'a str, T)>,
) -> Option<T> {
    let wanted = wanted.to_lowercase();
    let mut best = None;
    for (name, candidate) in candidates {
        let likeness = likeness(&wanted, &name.to_lowercase());
        if likeness >= CLOSE && best.as_ref().is_none_or(|(most, _)| likeness > *most) {
            best = Some((likeness, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn likeness(wanted: &str, name: &str) -> f64 {
    if wanted.is_empty() {
        return 0.0;
    }
    let inside = if name.contains(wanted) { CLOSE } else { 0.0 };
    if wanted.len() > LONGEST || name.len() > LONGEST {
        return inside;
    }
    strsim::normalized_damerau_levenshtein(wanted, name).max(inside)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[track_caller]
    fn check(wanted: &str, names: &[&str], expected: Option<&str>) {
        assert_eq!(nearest(wanted, names.iter().map(|name| (*name, *name))), expected);
    }

    #[test]
    fn close_names_are_found() {
        check("httpd", &["init", "uhttpd", "lighttpd"], Some("uhttpd"));
        check("httpd", &["init", "mini_httpd-2.0-static"], Some("mini_httpd-2.0-static"));
        check("dropbear", &["Dropbaer", "drop"], Some("Dropbaer"));
        check("httpd", &["init", "syslogd"], None);
        check("httpd", &[], None);
        check("", &["init"], None);
        let long = "x".repeat(1000) + "needle";
        check("Needle", &[&long], Some(&long));
    }
}
