//! `listening`: the firmware's open ports.

use serde::{Deserialize, Deserializer};

use crate::value::{Port, ValueError, table};

/// Looks at the firmware's open ports: TCP ports that are listened on, UDP ports that are bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening(pub Ports);

/// Which ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    /// These and no others, so that none is open where there are none.
    Only(Vec<Port>),
    /// At least these, of which there is one or more.
    Includes(Vec<Port>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    only: Option<Vec<Port>>,
    includes: Option<Vec<Port>>,
}

impl<'de> Deserialize<'de> for Listening {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { only, includes } = table(deserializer)?;
        let hint =
            "write `only = [\"tcp:80\"]`, `includes = [\"tcp:80\"]`, or `only = []` for none";
        let error = |message: &str| ValueError::hinted(message, hint).into_serde();
        match (only, includes) {
            (Some(only), None) => Ok(Self(Ports::Only(only))),
            (None, Some(includes)) if includes.is_empty() => Err(error("it asks for no port")),
            (None, Some(includes)) => Ok(Self(Ports::Includes(includes))),
            (None, None) => Err(error("it asks for no port")),
            (Some(_), Some(_)) => Err(error("`only` and `includes` exclude each other")),
        }
    }
}
