//! What is booted.
