//! The profile's text, from data.

use std::fmt::Write;

/// What the profile is called; a process of the guest sees it in its /proc/self/attr/current.
pub(super) const NAME: &str = "firmware";

/// What is allowed whole: the guest's namespaces contain it, and a rule that says less would only
/// break firmwares. A kind of rule that is not here is not mediated: [`super::features`] sees to
/// that.
const ALLOWED: [&str; 11] = [
    "capability",
    "network",
    "signal",
    "ptrace",
    "unix",
    "dbus",
    // With `ix`: a program that is executed stays in the profile.
    "file",
    "mount",
    "remount",
    "umount",
    "pivot_root",
];

/// Files to report writes to, and why by this name. After pivot_root a path is as the guest has it;
/// one that was reached by a mount without a place begins at that mount.
const REPORTED: [&str; 1] = ["/{,**/}sysrq-trigger"];

/// The profile, as apparmor.d(5) has it. It grants no change of profile: what is in it stays.
#[must_use]
pub fn text() -> String {
    let mut text = String::new();
    // Of a String, that cannot fail.
    let _ = writeln!(text, "profile {NAME} flags=(attach_disconnected, mediate_deleted) {{");
    for rule in ALLOWED {
        let _ = writeln!(text, "  {rule},");
    }
    for path in REPORTED {
        let _ = writeln!(text, "  audit {path} w,");
    }
    text.push_str("}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three things that must never come in: see the module's front page.
    #[test]
    fn it_denies_nothing_and_lets_nobody_out() {
        let text = text();
        insta::assert_snapshot!(text, @r"
        profile firmware flags=(attach_disconnected, mediate_deleted) {
          capability,
          network,
          signal,
          ptrace,
          unix,
          dbus,
          file,
          mount,
          remount,
          umount,
          pivot_root,
          audit /{,**/}sysrq-trigger w,
        }
        ");
        assert!(!text.contains("deny"), "a denied write never reaches the mask");
        assert!(!text.contains("change_profile"));
        assert!(!text.contains("complain") && !text.contains("unconfined"));
    }
}
