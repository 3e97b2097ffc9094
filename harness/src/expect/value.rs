//! Checks of any value.

use std::fmt::Debug;

use super::shown::{shown, unequal};
use super::{Mismatch, Subject};

/// `actual` equals `wanted`.
///
/// # Errors
/// When it does not; with a diff where both have several lines.
pub fn check_eq<T, U>(actual: &T, wanted: &U) -> Result<(), Mismatch>
where
    T: PartialEq<U> + Debug + ?Sized,
    U: Debug + ?Sized,
{
    if actual == wanted { Ok(()) } else { Err(unequal(actual, wanted)) }
}

/// `actual` differs from `unwanted`.
///
/// # Errors
/// When it does not.
pub fn check_ne<T, U>(actual: &T, unwanted: &U) -> Result<(), Mismatch>
where
    T: PartialEq<U> + Debug + ?Sized,
    U: Debug + ?Sized,
{
    if actual != unwanted {
        return Ok(());
    }
    Err(Mismatch::new(format!("anything but {}", shown(unwanted)), shown(actual)))
}

/// `actual` is `least` or more.
///
/// # Errors
/// When it is less, and when the two have no order (`NaN`).
pub fn check_at_least<T, U>(actual: &T, least: &U) -> Result<(), Mismatch>
where
    T: PartialOrd<U> + Debug + ?Sized,
    U: Debug + ?Sized,
{
    if actual >= least {
        return Ok(());
    }
    Err(Mismatch::new(format!("at least {}", shown(least)), shown(actual)))
}

/// `actual` is `most` or less.
///
/// # Errors
/// When it is more, and when the two have no order (`NaN`).
pub fn check_at_most<T, U>(actual: &T, most: &U) -> Result<(), Mismatch>
where
    T: PartialOrd<U> + Debug + ?Sized,
    U: Debug + ?Sized,
{
    if actual <= most {
        return Ok(());
    }
    Err(Mismatch::new(format!("at most {}", shown(most)), shown(actual)))
}

impl<T: Debug> Subject<T> {
    /// Is it equal? Values with several lines are told apart line by line.
    ///
    /// ```
    /// # use fwtest::expect;
    /// expect!(2 + 2).eq(4);
    /// expect!(String::from("router")).eq("router");
    /// ```
    pub fn eq<U: Debug>(self, wanted: U) -> Self
    where
        T: PartialEq<U>,
    {
        self.holds(|actual| check_eq(actual, &wanted))
    }

    /// Is it something else?
    pub fn ne<U: Debug>(self, unwanted: U) -> Self
    where
        T: PartialEq<U>,
    {
        self.holds(|actual| check_ne(actual, &unwanted))
    }

    /// Is it that much or more?
    pub fn at_least<U: Debug>(self, least: U) -> Self
    where
        T: PartialOrd<U>,
    {
        self.holds(|actual| check_at_least(actual, &least))
    }

    /// Is it that much or less?
    pub fn at_most<U: Debug>(self, most: U) -> Self
    where
        T: PartialOrd<U>,
    {
        self.holds(|actual| check_at_most(actual, &most))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use crate::expect;
    use crate::expect::report;
    use crate::instance::ExitStatus;

    #[test]
    fn what_holds_passes() {
        expect!(2).eq(2).ne(3).at_least(2).at_most(2);
        expect!("a").eq("a").ne("b");
        expect!(String::from("a")).eq("a");
        expect!(Cow::from("a")).eq("a").ne("b");
        expect!(vec!["a"]).eq(["a"]);
        expect!(ExitStatus::Code(1)).eq(ExitStatus::Code(1));
    }

    #[test]
    fn what_does_not_hold_fails() {
        insta::assert_snapshot!(report::of(|| expect!(ExitStatus::Signal(11)).eq(ExitStatus::Code(0))), @"
        expect!(ExitStatus::Signal(11)) at tests/web.rs:9:5
          expected  Code(0)
          actual    Signal(11)
        ");
        insta::assert_snapshot!(report::of(|| expect!("router\n").eq("router")), @r#"
        expect!("router\n") at tests/web.rs:9:5
          expected  "router"
          actual    "router\n"
        "#);
        insta::assert_snapshot!(report::of(|| expect!("a\nb\n").eq("a\nc\n")), @r#"
        expect!("a\nb\n") at tests/web.rs:9:5
          expected  2 lines
          actual    2 lines
          diff      - expected, + actual
                      a
                    - c
                    + b
        "#);
        insta::assert_snapshot!(report::of(|| expect!("a").ne("a")), @r#"
        expect!("a") at tests/web.rs:9:5
          expected  anything but "a"
          actual    "a"
        "#);
        insta::assert_snapshot!(report::of(|| expect!(1).at_least(2)), @"
        expect!(1) at tests/web.rs:9:5
          expected  at least 2
          actual    1
        ");
        insta::assert_snapshot!(report::of(|| expect!(3).at_most(2)), @"
        expect!(3) at tests/web.rs:9:5
          expected  at most 2
          actual    3
        ");
    }

    #[test]
    fn what_has_no_order_fails() {
        insta::assert_snapshot!(report::of(|| expect!(f64::NAN).at_least(0.0)), @"
        expect!(f64::NAN) at tests/web.rs:9:5
          expected  at least 0.0
          actual    NaN
        ");
        insta::assert_snapshot!(report::of(|| expect!(f64::NAN).at_most(0.0)), @"
        expect!(f64::NAN) at tests/web.rs:9:5
          expected  at most 0.0
          actual    NaN
        ");
    }
}
