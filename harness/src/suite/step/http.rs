//! `http`: a request to a server of the firmware.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::TextChecks;
use crate::value::{OneOrMany, Pattern, ValueError, table, text};

/// Asks an HTTP server of the firmware, and says what it is to answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// `http://…`.
    pub url: String,
    /// The request's method; `GET` by default.
    pub method: String,
    /// What is sent; nothing by default.
    pub body: Option<String>,
    /// The status code that is to come; 200 by default.
    pub status: u16,
    /// What the answer's body is to be.
    pub answer: TextChecks,
    /// By a header's name, whatever its case: what is to be in it.
    pub header_contains: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    #[serde(deserialize_with = "url")]
    url: String,
    #[serde(default = "get", deserialize_with = "method")]
    method: String,
    body: Option<String>,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    contains: OneOrMany,
    equals: Option<String>,
    matches: Option<Pattern>,
    #[serde(default)]
    header_contains: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for Http {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let keys: Written = table(deserializer)?;
        Ok(Self {
            url: keys.url,
            method: keys.method,
            body: keys.body,
            status: keys.status,
            answer: TextChecks::new(keys.equals, keys.contains, keys.matches),
            header_contains: keys.header_contains,
        })
    }
}

fn get() -> String {
    "GET".to_owned()
}

fn ok() -> u16 {
    200
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    text(deserializer, "a URL in a string", |text| {
        let host = text.strip_prefix("http://").map(|rest| rest.split('/').next().unwrap_or(rest));
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        match host {
            Some(host) if !host.is_empty() && printable => Ok(text.to_owned()),
            Some(_) => Err(ValueError::new(format!("`{}` is not a URL", text.escape_debug()))),
            None => {
                let hint = "write `http://router/`, with any host name: it is the instance's";
                Err(ValueError::hinted(format!("`{text}` does not begin with `http://`"), hint))
            }
        }
    })
}

fn method<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    text(deserializer, "a method such as \"POST\"", |text| {
        match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
            true => Ok(text.to_owned()),
            false => Err(ValueError::new(format!("`{text}` is not a method"))),
        }
    })
}
