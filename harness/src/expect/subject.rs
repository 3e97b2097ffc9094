//! What an `expect!` looks at.

use std::panic;

use super::{Failure, Location, Mismatch};

/// Looks at a value: the matchers of [`Subject`] say what it should be, and the first that does
/// not hold ends the test with a [`Failure`].
///
/// Alone it checks nothing, so the compiler warns.
///
/// ```
/// use fwtest::expect;
/// # let uptime = 3.0;
/// expect!("router\n").trimmed().eq("router");
/// expect!(uptime).at_most(5.0);
/// ```
#[macro_export]
macro_rules! expect {
    ($value:expr $(,)?) => {
        $crate::expect::Subject::new($value, ::core::stringify!($value))
    };
}

/// A value, and the code that it came from. Made by [`expect!`](crate::expect!).
///
/// Every matcher gives the subject back, to be asked the next; one that does not hold, or that
/// cannot know, panics with a [`Failure`], which the runner shows as the
/// test's.
///
/// Which matchers it has is a matter of the value's type:
///
/// | value | matchers |
/// | --- | --- |
/// | anything with `Debug` and the comparison | `eq`, `ne`, `at_least`, `at_most` |
/// | text | `trimmed`, `contains`, `lacks`, `matches`, `line`, `is_empty` |
/// | [`File`](crate::instance::File) | `exists`, `absent`, `is_file` and its like, `mode`, `owner`, `size`, `target`, `content` |
/// | [`Processes`](crate::instance::Processes) | `named`, and then `exists`, `absent`, `count`, `owned_by` |
/// | [`Listening`](crate::instance::Listening) | `includes`, `only`, `nothing` |
/// | [`Attempts`](crate::attempt::Attempts) | `none`, `only`; `clock` and its like, `of`, `by`, and then `exists`, `none`, `count`, `contains`, `verdict`, `pretended`, `refused`, `emulated` |
/// | [`Response`](crate::instance::Response) | `status`, `header`, `body` |
#[derive(Debug)]
pub struct Subject<T> {
    value: T,
    /// What the value is of, where the code need not say it: a file's path.
    noun: Option<String>,
    expression: String,
    location: Location,
}

impl<T> Subject<T> {
    /// What [`expect!`](crate::expect!) expands to.
    #[doc(hidden)]
    #[must_use = "without a matcher nothing is checked"]
    #[track_caller]
    pub fn new(value: T, code: &str) -> Self {
        Self {
            value,
            noun: None,
            expression: format!("expect!({})", one_line(code)),
            location: panic::Location::caller().into(),
        }
    }

    /// Applies a check: what every matcher does, and the way to add one.
    ///
    /// ```
    /// # use fwtest::{expect, expect::Mismatch};
    /// fn even(n: &u32) -> Result<(), Mismatch> {
    ///     if n % 2 == 0 { Ok(()) } else { Err(Mismatch::new("an even number", n.to_string())) }
    /// }
    /// expect!(4).holds(even);
    /// ```
    /// # Panics
    /// With a [`Failure`], when the check answers with a mismatch.
    pub fn holds(self, check: impl FnOnce(&T) -> Result<(), Mismatch>) -> Self {
        match check(&self.value) {
            Ok(()) => self,
            Err(mismatch) => fail(self.location, self.expression, self.noun, mismatch),
        }
    }

    /// Looks at a part of the value from here on; `step` is the call as the user wrote it.
    pub(super) fn part<U>(
        self,
        step: &str,
        part: impl FnOnce(T) -> Result<U, Mismatch>,
    ) -> Subject<U> {
        let Self { value, noun, mut expression, location } = self;
        expression.push_str(step);
        match part(value) {
            Ok(value) => Subject { value, noun, expression, location },
            Err(mismatch) => fail(location, expression, noun, mismatch),
        }
    }

    /// Has the failures from here on say what the value is of.
    pub(super) fn about(self, noun: String) -> Self {
        Self { noun: Some(noun), ..self }
    }

    pub(super) fn value(&self) -> &T {
        &self.value
    }
}

fn fail(location: Location, expression: String, noun: Option<String>, mismatch: Mismatch) -> ! {
    let mismatch = match noun {
        Some(noun) => mismatch.of(noun),
        None => mismatch,
    };
    panic::panic_any(Failure { location, expression, mismatch })
}

/// `stringify!` lays out long code over several indented lines.
fn one_line(code: &str) -> String {
    code.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::one_line;
    use crate::expect::{Failure, Mismatch, report};

    #[test]
    fn the_location_is_that_of_the_expectation() {
        let line = line!() + 2;
        let payload = std::panic::catch_unwind(|| {
            crate::expect!("a") //
                .trimmed()
                .eq("b")
        });
        let payload = payload.expect_err("they differ");
        let failure = Failure::from_panic(payload).expect("of a matcher");
        assert_eq!((failure.location.file.as_str(), failure.location.line), (file!(), line));
    }

    #[test]
    fn a_check_of_ones_own_is_a_matcher() {
        let never = |_: &i32| Err(Mismatch::new("a miracle", "none"));
        insta::assert_snapshot!(report::of(|| crate::expect!(1).holds(never)), @"
        expect!(1) at tests/web.rs:9:5
          expected  a miracle
          actual    none
        ");
    }

    #[test]
    fn long_code_stays_on_one_line() {
        assert_eq!(one_line("{\n    a\n}"), "{ a }");
    }

    /// The macro shares its name with an attribute of the language.
    #[test]
    fn the_attribute_of_that_name_still_works() {
        use crate::expect;
        #[expect(unused_variables, reason = "what is tested")]
        let unused = 1;
        expect!(1).eq(1);
    }
}
