//! The attempts of an instance, and which of them its test expects.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Attempt, Class, Policy, Unexpected};

/// What a firmware has tried until somebody looked, in the order in which it did.
///
/// Whoever asks for a class, with [`of`](Self::of) or a matcher, expects it: it is no reason any more
/// to fail a test whose firmware has `attempts.unexpected = "fail"`. Going through the list is not
/// asking.
///
/// ```no_run
/// # use fwtest::prelude::*;
/// # fn test(fw: &Instance) {
/// for attempt in &fw.attempts() {
///     println!("{attempt}");
/// }
/// expect!(fw.attempts()).clock().by("ntpd").exists();
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    all: Vec<Attempt>,
    expected: Expected,
}

impl Attempts {
    pub(crate) fn new(all: Vec<Attempt>, expected: Expected) -> Self {
        Self { all, expected }
    }

    /// Those of a class, which the test expects from now on.
    #[must_use]
    pub fn of(&self, class: Class) -> Self {
        self.expected.add(class);
        self.filter(|attempt| attempt.class() == class)
    }

    /// Those of all other classes than these, which the test expects from now on.
    #[must_use]
    pub fn but(&self, classes: &[Class]) -> Self {
        classes.iter().for_each(|class| self.expected.add(*class));
        self.filter(|attempt| !classes.contains(&attempt.class()))
    }

    /// Those of a caller that goes by `name`, itself or a process above it: [`Caller::is_of`].
    ///
    /// [`Caller::is_of`]: super::Caller::is_of
    #[must_use]
    pub fn by(&self, name: &str) -> Self {
        self.filter(|attempt| attempt.by.is_of(name))
    }

    /// One after the other.
    pub fn iter(&self) -> std::slice::Iter<'_, Attempt> {
        self.all.iter()
    }

    /// The test expects that there is none.
    pub(crate) fn ask_for_none(&self) {
        self.expected.add_none();
    }

    pub(crate) fn as_slice(&self) -> &[Attempt] {
        &self.all
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn filter(&self, wanted: impl Fn(&Attempt) -> bool) -> Self {
        let all = self.iter().filter(|attempt| wanted(attempt)).cloned().collect();
        Self { all, expected: self.expected.clone() }
    }
}

impl IntoIterator for Attempts {
    type Item = Attempt;
    type IntoIter = std::vec::IntoIter<Attempt>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.into_iter()
    }
}

impl<'a> IntoIterator for &'a Attempts {
    type Item = &'a Attempt;
    type IntoIter = std::slice::Iter<'a, Attempt>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// For tests of checks of one's own.
impl FromIterator<Attempt> for Attempts {
    fn from_iter<I: IntoIterator<Item = Attempt>>(attempts: I) -> Self {
        Self::new(attempts.into_iter().collect(), Expected::default())
    }
}

/// The classes that a test has asked for, a bit each, and whether it has asked that there be none. An
/// instance and all lists of its attempts share one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected(Arc<AtomicU32>);

impl Expected {
    pub(crate) fn add(&self, class: Class) {
        self.0.fetch_or(bit(class), Ordering::Relaxed);
    }

    fn add_none(&self) {
        self.0.fetch_or(NONE, Ordering::Relaxed);
    }

    /// Whether the test has asked for what only the recorder knows. The mask tells of sysrq; not that
    /// there was none, for there are other ways to it.
    pub(crate) fn needs_recorder(&self) -> bool {
        self.0.load(Ordering::Relaxed) & !bit(Class::Sysrq) != 0
    }

    fn has(&self, class: Class) -> bool {
        self.0.load(Ordering::Relaxed) & bit(class) != 0
    }

    /// Those of `attempts` that neither the policy names nor the test has asked for, where the policy
    /// is strict.
    pub(crate) fn unexpected<'a>(
        &self,
        attempts: &'a [Attempt],
        policy: &Policy,
    ) -> Vec<&'a Attempt> {
        if policy.unexpected == Unexpected::Report {
            return Vec::new();
        }
        let is_expected = |class| policy.answers.contains_key(&class) || self.has(class);
        attempts.iter().filter(|attempt| !is_expected(attempt.class())).collect()
    }
}

/// No class has it.
const NONE: u32 = 1 << 31;

fn bit(class: Class) -> u32 {
    1 << class as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::{Answer, sample};

    fn tried() -> Vec<Attempt> {
        vec![sample::clock(), sample::module(), sample::adjust(500), sample::sysrq()]
    }

    /// The classes of what a test did not expect that asks for the classes `asked`.
    fn unexpected(policy: &Policy, asked: &[Class]) -> Vec<Class> {
        let attempts: Attempts = tried().into_iter().collect();
        for class in asked {
            let _ = attempts.of(*class);
        }
        let unexpected = attempts.expected.unexpected(&attempts.all, policy);
        unexpected.into_iter().map(Attempt::class).collect()
    }

    #[test]
    fn what_neither_configuration_nor_test_names_is_unexpected() {
        use Class::{Clock, Modules, Reboot, Sysrq};
        let strict = Policy { unexpected: Unexpected::Fail, ..Policy::default() };
        assert_eq!(unexpected(&strict, &[]), [Clock, Modules, Clock, Sysrq]);
        assert_eq!(unexpected(&strict, &[Clock, Reboot]), [Modules, Sysrq]);
        let answers = [(Modules, Answer::Pretend)].into();
        let named = Policy { answers, ..strict };
        assert_eq!(unexpected(&named, &[Clock]), [Sysrq]);
        assert_eq!(unexpected(&named, &[Clock, Sysrq]), []);
        assert_eq!(unexpected(&Policy::default(), &[]), [], "it is not strict");
    }

    #[test]
    fn only_sysrq_needs_no_recorder() {
        let check = |ask: &dyn Fn(&Attempts), expected| {
            let attempts = Attempts::default();
            ask(&attempts);
            assert_eq!(attempts.expected.needs_recorder(), expected);
        };
        check(&|_| (), false);
        check(&|attempts| drop(attempts.of(Class::Sysrq)), false);
        check(&|attempts| drop(attempts.of(Class::Clock)), true);
        check(&Attempts::ask_for_none, true);
    }

    #[test]
    fn going_through_a_list_is_not_asking() {
        let attempts: Attempts = tried().into_iter().collect();
        assert_eq!(attempts.iter().count() + (&attempts).into_iter().count(), 8);
        assert_eq!(attempts.by("S10clock").len(), 1);
        assert!(attempts.by("ftpd").is_empty());
        assert_eq!(attempts.clone().into_iter().collect::<Vec<_>>(), tried());
        assert_eq!(attempts.expected.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn whoever_asks_a_part_tells_all() {
        let attempts: Attempts = tried().into_iter().collect();
        let clock = attempts.by("init").of(Class::Clock);
        assert_eq!(clock.len(), 2);
        assert_eq!(attempts.but(&[Class::Clock]).len(), 2);
        assert!(Class::all().all(|class| attempts.expected.has(class) == (class == Class::Clock)));
    }
}
