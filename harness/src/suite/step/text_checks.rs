//! What a text is to be.

use crate::value::{OneOrMany, Pattern};

/// What a text is to be; all of it at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextChecks {
    /// Just this, whatever white space stands around either.
    pub equals: Option<String>,
    /// These are in it.
    pub contains: Vec<String>,
    /// It matches.
    pub matches: Option<Pattern>,
}

impl TextChecks {
    pub(super) fn new(
        equals: Option<String>,
        contains: OneOrMany,
        matches: Option<Pattern>,
    ) -> Self {
        Self { equals, contains: contains.0, matches }
    }

    /// Whether any text would do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
