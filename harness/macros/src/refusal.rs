//! For the tests: what the attribute refuses, and where it points.

/// That `error` points at the source text `expected.0` and says `expected.1`.
#[track_caller]
pub(crate) fn assert_eq(error: &syn::Error, expected: (&str, &str)) {
    let at = error.span().source_text().expect("the source is known");
    std::assert_eq!((at.as_str(), error.to_string().as_str()), expected);
}
