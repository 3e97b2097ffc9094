//! The walk on real directories.

mod model;
mod random;
mod scene;
mod stories;
