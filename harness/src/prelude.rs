//! What a test needs, in one `use`.

pub use crate::attempt::{Class, Verdict};
pub use crate::expect;
pub use crate::expect::{contains, equals, lacks, matches};
pub use crate::instance::{ExitStatus, Instance, Output, WaitError};
pub use crate::ready::{attempt, boot, file, log, port, process, quiet};
pub use crate::{Result, assert_rootfs_snapshot};
