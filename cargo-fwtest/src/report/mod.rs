//! What the user sees: results on standard output, progress and errors on standard error.

mod bar;
mod paint;
mod problem;
mod terminal;
mod text;

pub use terminal::Report;
