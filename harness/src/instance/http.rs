//! What an HTTP server in the guest answered.

use std::borrow::Cow;

/// An HTTP/1.x response, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// What was asked: method and URL, for messages.
    pub request: String,
    /// The status code.
    pub status: u16,
    /// Names as they came, values without the white space around them.
    pub headers: Vec<(String, String)>,
    /// The body; a chunked one is put together.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}
