//! Changes and attempts as text to review.
//!
//! * **line**: one change: a sign, what it is, mode, owner, size, path.
//! * **detail**: what is indented below a line: text, link target, extended attributes.
//! * **normaliser**: a name for content that differs each time, shown in its place: `[machine-id]`.
//!
//! The text depends on the changes and attempts alone: no clock, pid, inode, or name of the host.

mod assert;
mod attempts;
mod line;
mod names;
mod normalise;
mod render;
mod text;
mod xattr;

#[doc(hidden)]
pub use assert::assert_rootfs;
pub(crate) use assert::check_rootfs;
pub use attempts::render_attempts;
pub use names::Names;
pub use normalise::{Normaliser, Rule, RuleError};
pub use render::{RenderOptions, render};
