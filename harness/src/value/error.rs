//! A word that is not what its place asks for.

/// A word that is not what its place asks for. The hint is never part of the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ValueError {
    /// What is wrong with it.
    pub message: String,
    /// What to write instead, where we know.
    pub hint: Option<String>,
}

/// serde carries nothing but text from a value to the file's error. No message of ours has this.
const SEPARATOR: &str = "\nhint: ";

impl ValueError {
    /// Without a hint.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// With what to write instead.
    #[must_use]
    pub fn hinted(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }

    /// The error as serde carries it.
    pub(crate) fn into_serde<E: serde::de::Error>(self) -> E {
        match self.hint {
            Some(hint) => E::custom(format_args!("{}{SEPARATOR}{hint}", self.message)),
            None => E::custom(self.message),
        }
    }

    /// Message and hint of what [`Self::into_serde`] joined.
    pub(crate) fn split(joined: &str) -> Option<(&str, &str)> {
        joined.split_once(SEPARATOR)
    }
}
