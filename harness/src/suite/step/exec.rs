//! `exec`: a command in the firmware.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::TextChecks;
use crate::instance::ExitStatus;
use crate::path::GuestPath;
use crate::value::{
    OneOrMany, Pattern, Signal, ValueError, command, environment, optional_duration,
    optional_guest_path, table,
};

/// Runs a command in the firmware, and says how it is to end and what it is to print.
#[derive(Clone, Debug, PartialEq)]
pub struct Exec {
    /// Program and arguments; no shell is in between.
    pub run: Vec<String>,
    /// What it reads; nothing by default.
    pub stdin: Option<String>,
    /// Variables for it, besides those that any command has.
    pub env: BTreeMap<String, String>,
    /// Where it runs; `/` by default.
    pub cwd: Option<GuestPath>,
    /// As whom, by name or number; root by default.
    pub user: Option<String>,
    /// For how long at most; 10 s by default. It is killed then, and the step fails.
    pub timeout: Option<Duration>,
    /// How it is to end; with exit status 0 by default.
    pub status: ExitStatus,
    /// What its standard output is to be.
    pub stdout: TextChecks,
    /// What its standard error is to be.
    pub stderr: TextChecks,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    #[serde(deserialize_with = "command")]
    run: Vec<String>,
    stdin: Option<String>,
    #[serde(default, deserialize_with = "environment")]
    env: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "optional_guest_path")]
    cwd: Option<GuestPath>,
    user: Option<String>,
    #[serde(default, deserialize_with = "optional_duration")]
    timeout: Option<Duration>,
    status: Option<u8>,
    signal: Option<Signal>,
    stdout: Option<String>,
    #[serde(default)]
    stdout_contains: OneOrMany,
    stdout_matches: Option<Pattern>,
    stderr: Option<String>,
    #[serde(default)]
    stderr_contains: OneOrMany,
    stderr_matches: Option<Pattern>,
}

impl<'de> Deserialize<'de> for Exec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let keys: Written = table(deserializer)?;
        let status = exit_status(keys.status, keys.signal).map_err(ValueError::into_serde)?;
        Ok(Self {
            run: keys.run,
            stdin: keys.stdin,
            env: keys.env,
            cwd: keys.cwd,
            user: keys.user,
            timeout: keys.timeout,
            status: status.unwrap_or(ExitStatus::Code(0)),
            stdout: TextChecks::new(keys.stdout, keys.stdout_contains, keys.stdout_matches),
            stderr: TextChecks::new(keys.stderr, keys.stderr_contains, keys.stderr_matches),
        })
    }
}

/// How a process is to end, said with one of two keys or not at all.
pub(super) fn exit_status(
    status: Option<u8>,
    signal: Option<Signal>,
) -> Result<Option<ExitStatus>, ValueError> {
    match (status, signal) {
        (Some(_), Some(_)) => {
            let hint = "write one: what a signal killed has no exit status";
            Err(ValueError::hinted("`status` and `signal` exclude each other", hint))
        }
        (Some(code), None) => Ok(Some(ExitStatus::Code(code.into()))),
        (None, Some(signal)) => Ok(Some(ExitStatus::Signal(signal.0))),
        (None, None) => Ok(None),
    }
}
