//! AppArmor: a second wall, and a witness.
//!
//! The user namespace is the wall. Where the kernel has AppArmor and we may load policy, everything
//! in a guest runs under a profile too: it allows what the guest's own namespaces contain already,
//! lets nobody out of it, and has the kernel report each write to a file called `sysrq-trigger`, by
//! whatever way it was reached. More is not wanted of it: AppArmor is asked before the file itself,
//! so a profile that denies such a write would keep it from the mask that records its bytes.
//!
//! * **policy namespace**: a set of profiles of its own, which the kernel has as a directory. Each
//!   instance has one, with the same profile in it: so a report says whose it is. Its name is never
//!   used again, for a process that was in a removed one is free, and stays so.
//! * **blob**: a profile as the kernel reads it; `apparmor_parser` makes it, for this kernel.
//! * **label**: where a process is: `:NAMESPACE:PROFILE`.
//! * **record**: a line of the kernel's that a profile denied something, or reports it.
//!
//! Only the real root may load policy and hear records, so the harness does both. The processes of
//! a guest enter the profile themselves, last before they become the firmware's, and whoever made
//! them looks from outside whether they are in it.
//!
//! The end goes in this order: all that runs is killed and gone; then the policy goes. What a
//! killed harness leaves is removed at the start of the next.

mod audit;
mod available;
mod caller;
mod canary;
mod compile;
mod enter;
mod error;
mod features;
mod layer;
mod policy;
mod profile;
mod record;
mod sighting;
mod sweep;

pub use available::available;
pub(crate) use canary::fly as canary;
pub(crate) use enter::{Entrance, read_back};
pub use error::{AppArmorError, Missing, Unavailable};
pub(crate) use layer::{AppArmor, Confined};
pub use profile::text;
pub(crate) use sighting::{Sighting, merge};
