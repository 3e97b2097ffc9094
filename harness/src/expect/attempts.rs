//! Checks of what a firmware has tried.
//!
//! That nothing was tried is a finding, unlike an empty list of processes: a firmware need not try
//! anything.

use super::{Mismatch, Subject};
use crate::attempt::{Attempts, Class, Verdict, last_lines};

/// So that a failure stays on one screen.
const LISTED: usize = 12;

/// The attempts of one class, one caller or both, and all others for the failure. Made by
/// [`Subject::of`] and its like.
#[derive(Clone, Debug)]
pub struct AttemptSelection {
    /// `clock`, ``by `ntpd` ``: how the failure says which.
    words: Vec<String>,
    chosen: Attempts,
    all: Attempts,
}

impl AttemptSelection {
    /// All of them.
    #[must_use]
    pub fn new(all: Attempts) -> Self {
        Self { words: Vec::new(), chosen: all.clone(), all }
    }

    /// Those of a class, which the test expects from now on.
    #[must_use]
    pub fn of(mut self, class: Class) -> Self {
        self.chosen = self.chosen.of(class);
        self.words.push(format!("of `{class}`"));
        self
    }

    /// Those of a caller that goes by `name`, itself or a process above it.
    ///
    /// # Errors
    /// When `name` is empty.
    pub fn by(mut self, name: &str) -> Result<Self, Mismatch> {
        if name.is_empty() {
            return Err(Mismatch::not_evaluated(self.wanted("attempts"), "the name is empty"));
        }
        self.chosen = self.chosen.by(name);
        self.words.push(format!("by `{}`", name.escape_debug()));
        Ok(self)
    }

    fn wanted(&self, what: &str) -> String {
        let words = self.words.iter().map(|word| format!(" {word}"));
        format!("{what}{}", words.collect::<String>())
    }

    fn mismatch(&self, wanted: &str) -> Mismatch {
        let actual = match (self.chosen.is_empty(), self.all.is_empty()) {
            (false, _) => listed(&self.chosen),
            (true, false) => format!("none; attempted were\n{}", listed(&self.all)),
            (true, true) => "nothing was attempted".to_owned(),
        };
        Mismatch::new(self.wanted(wanted), actual)
    }
}

/// There are so many attempts.
///
/// # Errors
/// When there are more or fewer.
pub fn check_attempt_count(of: &AttemptSelection, count: usize) -> Result<(), Mismatch> {
    if count == 0 {
        of.all.ask_for_none();
    }
    if of.chosen.len() == count {
        return Ok(());
    }
    Err(of.mismatch(&match count {
        0 => "no attempt".to_owned(),
        1 => "1 attempt".to_owned(),
        _ => format!("{count} attempts"),
    }))
}

/// There is an attempt.
///
/// # Errors
/// When there is none.
pub fn check_attempted(of: &AttemptSelection) -> Result<(), Mismatch> {
    if of.chosen.is_empty() { Err(of.mismatch("an attempt")) } else { Ok(()) }
}

/// Nothing was attempted of another class than these, which the test expects from now on.
///
/// # Errors
/// When something was; when `classes` is empty, which is more often a mistake than a wish:
/// [`check_attempt_count`] is for that.
pub fn check_attempted_only(all: &Attempts, classes: &[Class]) -> Result<(), Mismatch> {
    let names: Vec<_> = classes.iter().map(|class| format!("`{class}`")).collect();
    let expected = format!("no attempt but of {}", names.join(", "));
    if classes.is_empty() {
        let nearest = Some("`none()` says that nothing was attempted".to_owned());
        let expected = "no attempt but of the listed classes";
        return Err(Mismatch::not_evaluated(expected, "the list is empty").with_nearest(nearest));
    }
    all.ask_for_none();
    match all.but(classes) {
        others if others.is_empty() => Ok(()),
        others => Err(Mismatch::new(expected, listed(&others))),
    }
}

/// `part` is in the words of one of the acts: `set the time`, `write "u"`.
///
/// # Errors
/// When it is in none, there is none, or `part` is empty.
pub fn check_attempt_contains(of: &AttemptSelection, part: &str) -> Result<(), Mismatch> {
    let wanted = format!("an act that contains {part:?} in the attempts");
    if part.is_empty() {
        return Err(Mismatch::not_evaluated(of.wanted(&wanted), "any act does"));
    }
    let found = of.chosen.iter().any(|attempt| attempt.act.to_string().contains(part));
    if found { Ok(()) } else { Err(of.mismatch(&wanted)) }
}

/// There are attempts, and this became of all of them.
///
/// # Errors
/// When something else became of one, and when there is none.
pub fn check_verdict(of: &AttemptSelection, verdict: Verdict) -> Result<(), Mismatch> {
    check_each(of, &verdict.to_string(), |found| found == verdict)
}

fn check_each(
    of: &AttemptSelection,
    word: &str,
    is_wanted: impl Fn(Verdict) -> bool,
) -> Result<(), Mismatch> {
    let all = of.chosen.iter().all(|attempt| is_wanted(attempt.verdict));
    if all && !of.chosen.is_empty() {
        return Ok(());
    }
    let mut mismatch = of.mismatch("each attempt");
    mismatch.expected.push_str(&format!(" {word}"));
    Err(mismatch)
}

fn listed(attempts: &Attempts) -> String {
    last_lines(attempts.as_slice(), LISTED).join("\n")
}

impl Subject<Attempts> {
    /// The attempts of a class, to look at from here on. The test expects them from now on, however
    /// many there are: see [`Attempts`]. Each class has a method of its own for it, too.
    ///
    /// ```no_run
    /// # use fwtest::prelude::*;
    /// # fn test(fw: &Instance) {
    /// expect!(fw.attempts()).of(Class::Reboot).none();
    /// expect!(fw.attempts()).clock().by("ntpd").count(1).pretended();
    /// # }
    /// ```
    #[must_use = "without a matcher nothing is checked"]
    pub fn of(self, class: Class) -> Subject<AttemptSelection> {
        self.class(&format!(".of(Class::{class:?})"), class)
    }

    /// The attempts of whoever goes by `name`, or has one that does above it, to look at from here
    /// on: a program's name or path, or a script's.
    #[must_use = "without a matcher nothing is checked"]
    pub fn by(self, name: impl AsRef<str>) -> Subject<AttemptSelection> {
        self.selected().by(name)
    }

    /// Was nothing attempted of another class than these? An empty list fails: see [`Subject::none`].
    ///
    /// ```no_run
    /// # use fwtest::prelude::*;
    /// # fn test(fw: &Instance) {
    /// expect!(fw.attempts()).only([Class::Clock, Class::Rtc]);
    /// # }
    /// ```
    pub fn only(self, classes: impl AsRef<[Class]>) -> Self {
        self.holds(|all| check_attempted_only(all, classes.as_ref()))
    }

    /// Was nothing attempted at all?
    pub fn none(self) -> Subject<AttemptSelection> {
        self.selected().none()
    }

    fn selected(self) -> Subject<AttemptSelection> {
        self.part("", |all| Ok(AttemptSelection::new(all)))
    }

    fn class(self, step: &str, class: Class) -> Subject<AttemptSelection> {
        self.part(step, |all| Ok(AttemptSelection::new(all).of(class)))
    }
}

macro_rules! classes {
    ($($name:ident $class:ident,)*) => {
        /// A method for each class, of its name.
        impl Subject<Attempts> {
            $(
                #[doc = concat!("Short for `of(Class::", stringify!($class), ")`: ")]
                #[doc = concat!("the attempts of [`Class::", stringify!($class), "`].")]
                #[must_use = "without a matcher nothing is checked"]
                pub fn $name(self) -> Subject<AttemptSelection> {
                    self.class(concat!(".", stringify!($name), "()"), Class::$class)
                }
            )*
        }

        #[cfg(test)]
        const METHODS: &[(&str, Class)] = &[$((stringify!($name), Class::$class),)*];
    };
}

classes! {
    clock Clock,
    time_zone TimeZone,
    rtc Rtc,
    sysrq Sysrq,
    reboot Reboot,
    kexec Kexec,
    modules Modules,
    mounts Mounts,
    devices Devices,
    swap Swap,
    kernel_log KernelLog,
    sysctl Sysctl,
    watchdog Watchdog,
    confinement Confinement,
}

impl Subject<AttemptSelection> {
    /// Of these, the attempts of whoever goes by `name`, or has one that does above it: a program's
    /// name or path, or a script's.
    #[must_use = "without a matcher nothing is checked"]
    pub fn by(self, name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        self.part(&format!(".by({name:?})"), |of| of.by(name))
    }

    /// Is there one at least?
    pub fn exists(self) -> Self {
        self.holds(check_attempted)
    }

    /// Is there none?
    pub fn none(self) -> Self {
        self.count(0)
    }

    /// Are there that many?
    pub fn count(self, count: usize) -> Self {
        self.holds(|of| check_attempt_count(of, count))
    }

    /// Is `part` in the words of one of the acts, as snapshots have them: `set the time`,
    /// `write "u\n"`?
    pub fn contains(self, part: impl AsRef<str>) -> Self {
        self.holds(|of| check_attempt_contains(of, part.as_ref()))
    }

    /// Did this become of each? Fails where there are none.
    pub fn verdict(self, verdict: Verdict) -> Self {
        self.holds(|of| check_verdict(of, verdict))
    }

    /// Was the firmware told of each that it worked? Fails where there are none.
    pub fn pretended(self) -> Self {
        self.verdict(Verdict::Pretended)
    }

    /// Was the firmware told of each that it may not, with whatever errno? Fails where there are
    /// none.
    pub fn refused(self) -> Self {
        let is_refused = |verdict| matches!(verdict, Verdict::Refused(_));
        self.holds(|of| check_each(of, "refused", is_refused))
    }

    /// Had each its effect inside the instance? Fails where there are none.
    pub fn emulated(self) -> Self {
        self.verdict(Verdict::Emulated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::sample;
    use crate::expect;
    use crate::expect::report;

    fn tried() -> Attempts {
        [sample::clock(), sample::module(), sample::adjust(500), sample::sysrq()]
            .into_iter()
            .collect()
    }

    #[test]
    fn each_class_has_a_method_of_its_name() {
        let methods: Vec<_> =
            METHODS.iter().map(|(name, class)| (name.replace('_', "-"), *class)).collect();
        let classes: Vec<_> = Class::all().map(|class| (class.name().to_owned(), class)).collect();
        assert_eq!(methods, classes);
    }

    #[test]
    fn what_holds_passes() {
        expect!(tried()).clock().exists().count(2).pretended().contains("set the time");
        expect!(tried())
            .clock()
            .by("S10clock")
            .count(1)
            .contains("set")
            .verdict(Verdict::Pretended);
        expect!(tried()).by("init").count(4);
        expect!(tried()).of(Class::Sysrq).by("/etc/init.d/rcK").contains(r#"write "u"#).count(1);
        expect!(tried()).modules().refused().verdict(Verdict::Refused(libc::EPERM));
        expect!(tried()).reboot().none();
        expect!(tried()).clock().by("ftpd").none().count(0);
        expect!(tried()).only([Class::Clock, Class::Modules, Class::Sysrq, Class::Reboot]);
        expect!(Attempts::default()).only([Class::Clock]).none();
    }

    #[test]
    fn what_does_not_hold_fails() {
        insta::assert_snapshot!(report::of(|| expect!(tried()).clock().count(1)), @"
        expect!(tried()).clock() at tests/web.rs:9:5
          expected  1 attempt of `clock`
          actual    +0.31s clock: set the time (2001-01-01 00:00:00, -25 y), pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
                    +0.50s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
        ");
        insta::assert_snapshot!(report::of(|| expect!(tried()).of(Class::Sysrq).none()), @r#"
        expect!(tried()).of(Class::Sysrq) at tests/web.rs:9:5
          expected  no attempt of `sysrq`
          actual    +1.20s sysrq: write "u\n", pretended, by /bin/sh /etc/init.d/rcK (52)
        "#);
        insta::assert_snapshot!(report::of(|| expect!(tried()).reboot().exists()), @r#"
        expect!(tried()).reboot() at tests/web.rs:9:5
          expected  an attempt of `reboot`
          actual    none; attempted were
                    +0.31s clock: set the time (2001-01-01 00:00:00, -25 y), pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
                    +0.40s modules: load nf_tables, refused (EPERM), by modprobe nf_tables (35)
                    +0.50s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
                    +1.20s sysrq: write "u\n", pretended, by /bin/sh /etc/init.d/rcK (52)
        "#);
        insta::assert_snapshot!(report::of(|| expect!(tried()).clock().by("ftpd").count(3)), @r#"
        expect!(tried()).clock().by("ftpd") at tests/web.rs:9:5
          expected  3 attempts of `clock` by `ftpd`
          actual    none; attempted were
                    +0.31s clock: set the time (2001-01-01 00:00:00, -25 y), pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
                    +0.40s modules: load nf_tables, refused (EPERM), by modprobe nf_tables (35)
                    +0.50s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
                    +1.20s sysrq: write "u\n", pretended, by /bin/sh /etc/init.d/rcK (52)
        "#);
        insta::assert_snapshot!(report::of(|| expect!(tried()).none()), @r#"
        expect!(tried()) at tests/web.rs:9:5
          expected  no attempt
          actual    +0.31s clock: set the time (2001-01-01 00:00:00, -25 y), pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
                    +0.40s modules: load nf_tables, refused (EPERM), by modprobe nf_tables (35)
                    +0.50s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
                    +1.20s sysrq: write "u\n", pretended, by /bin/sh /etc/init.d/rcK (52)
        "#);
        insta::assert_snapshot!(report::of(|| expect!(tried()).clock().contains("adjust to")), @r#"
        expect!(tried()).clock() at tests/web.rs:9:5
          expected  an act that contains "adjust to" in the attempts of `clock`
          actual    +0.31s clock: set the time (2001-01-01 00:00:00, -25 y), pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
                    +0.50s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
        "#);
        insta::assert_snapshot!(report::of(|| expect!(tried()).clock().refused()), @"
        expect!(tried()).clock() at tests/web.rs:9:5
          expected  each attempt of `clock` refused
          actual    +0.31s clock: set the time (2001-01-01 00:00:00, -25 y), pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
                    +0.50s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
        ");
        insta::assert_snapshot!(report::of(|| expect!(tried()).modules().verdict(Verdict::Refused(libc::EACCES))), @"
        expect!(tried()).modules() at tests/web.rs:9:5
          expected  each attempt of `modules` refused (EACCES)
          actual    +0.40s modules: load nf_tables, refused (EPERM), by modprobe nf_tables (35)
        ");
        insta::assert_snapshot!(report::of(|| expect!(Attempts::default()).clock().exists()), @"
        expect!(Attempts::default()).clock() at tests/web.rs:9:5
          expected  an attempt of `clock`
          actual    nothing was attempted
        ");
    }

    #[test]
    fn a_class_that_is_not_listed_fails() {
        insta::assert_snapshot!(report::of(|| expect!(tried()).only([Class::Clock, Class::Modules])), @r#"
        expect!(tried()) at tests/web.rs:9:5
          expected  no attempt but of `clock`, `modules`
          actual    +1.20s sysrq: write "u\n", pretended, by /bin/sh /etc/init.d/rcK (52)
        "#);
        insta::assert_snapshot!(report::of(|| expect!(tried()).only([])), @"
        expect!(tried()) at tests/web.rs:9:5
          expected  no attempt but of the listed classes
          actual    not evaluated: the list is empty
          nearest   `none()` says that nothing was attempted
        ");
    }

    #[test]
    fn what_became_of_nothing_fails() {
        insta::assert_snapshot!(report::of(|| expect!(tried()).reboot().emulated()), @r#"
        expect!(tried()).reboot() at tests/web.rs:9:5
          expected  each attempt of `reboot` emulated
          actual    none; attempted were
                    +0.31s clock: set the time (2001-01-01 00:00:00, -25 y), pretended, by date -s 010100002001 (33) from /etc/init.d/S10clock (20)
                    +0.40s modules: load nf_tables, refused (EPERM), by modprobe nf_tables (35)
                    +0.50s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
                    +1.20s sysrq: write "u\n", pretended, by /bin/sh /etc/init.d/rcK (52)
        "#);
        insta::assert_snapshot!(report::of(|| expect!(Attempts::default()).clock().pretended()), @"
        expect!(Attempts::default()).clock() at tests/web.rs:9:5
          expected  each attempt of `clock` pretended
          actual    nothing was attempted
        ");
    }

    #[test]
    fn what_anything_would_pass_fails() {
        insta::assert_snapshot!(report::of(|| expect!(tried()).clock().contains("")), @r#"
        expect!(tried()).clock() at tests/web.rs:9:5
          expected  an act that contains "" in the attempts of `clock`
          actual    not evaluated: any act does
        "#);
        insta::assert_snapshot!(report::of(|| expect!(tried()).sysrq().by("")), @r#"
        expect!(tried()).sysrq().by("") at tests/web.rs:9:5
          expected  attempts of `sysrq`
          actual    not evaluated: the name is empty
        "#);
    }

    #[test]
    fn a_long_list_is_cut() {
        let many: Attempts = (0..20).map(|n| sample::adjust(1000 * n)).collect();
        insta::assert_snapshot!(report::of(|| expect!(many).clock().none()), @"
        expect!(many).clock() at tests/web.rs:9:5
          expected  no attempt of `clock`
          actual    … 8 earlier
                    +8.00s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
                    +9.00s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
                    +10.00s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
                    +11.00s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
                    +12.00s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
                    +13.00s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
                    +14.00s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
                    +15.00s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
                    +16.00s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
                    +17.00s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
                    +18.00s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
                    +19.00s clock: adjust the clock (modes 0x1), pretended, by /usr/sbin/ntpd -n (41)
        ");
    }
}
