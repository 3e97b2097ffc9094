//! Upper against lower: what an instance changed in its root file system.

mod change;

pub use change::{Change, Content, Entry, What};
