//! What several end-to-end tests need; the tests are in `tests/`.

pub mod host;
pub mod process;
