//! Nothing is left of a run, whoever is killed in it, and whenever.
//!
//! What a run makes lies in namespaces and behind open descriptors, and goes with the last process
//! that has them. The launcher is pid 1 of a pid namespace, so the kernel ends all that is below it
//! when it ends; the launcher ends when the process that made it does. Code of ours has to run for
//! none of that.
//!
//! **What the kernel cannot free**: control groups, which outlive their processes. Whoever made the
//! launcher removes them at its end; where it was killed itself, the next run does (`groups`). They
//! are empty: nobody is in them, and they hold no memory of anybody. A policy that was loaded into
//! AppArmor would be another such thing; a run makes none yet.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod cast;
mod groups;
mod kills;
mod look;
mod resistance;
mod run;
mod signals;
mod verdicts;
