//! Changes as text to review.
