//! `stop`: the firmware's end.

use serde::{Deserialize, Deserializer};

use super::exec::exit_status;
use crate::instance::ExitStatus;
use crate::value::{Signal, ValueError, table};

/// Stops the firmware, with its `stop-signal`, and waits for the end of its pid 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// How pid 1 is to end, said with `status` or `signal`; any way will do where it is not said.
    pub status: Option<ExitStatus>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    status: Option<u8>,
    signal: Option<Signal>,
}

impl<'de> Deserialize<'de> for Stop {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { status, signal } = table(deserializer)?;
        let status = exit_status(status, signal).map_err(ValueError::into_serde)?;
        Ok(Self { status })
    }
}
