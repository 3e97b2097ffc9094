//! The failure report and the matchers.
