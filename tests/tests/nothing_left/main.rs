//! Nothing is left of a run, whoever is killed in it, and whenever.
//!
//! What a run makes lies in namespaces and behind open descriptors, and goes with the last process
//! that has them. The launcher is pid 1 of a pid namespace, so the kernel ends all that is below it
//! when it ends; the launcher ends when the process that made it does. Code of ours has to run for
//! none of that.
//!
//! **What the kernel cannot free, and the next run would have to sweep up: nothing, today.** A
//! control group outlives its processes, and so does a policy that was loaded into AppArmor; a run
//! makes neither yet. When one does, it has to have `fwtest` in its name, and [`Host`] looks for it.
//!
//! [`Host`]: tests::host::Host

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod cast;
mod kills;
mod look;
mod resistance;
mod run;
mod signals;
mod verdicts;
