//! Identity: the SHA-1 of a firmware's content.
//!
//! * **content**: names, types, modes, owners, link targets, bytes, file capabilities, device numbers;
//!   never a time, never the path of the tree.
//! * **fingerprint**: the SHA-1 of what stat tells of a tree. While it is the same, so is the content,
//!   and the identity is answered from a file.

mod cache;
mod content;
mod encode;
mod error;
mod value;
mod walk;

#[cfg(test)]
mod tests;

pub use cache::identity_cached;
pub use content::identity;
pub use error::IdentityError;
pub use value::Identity;
