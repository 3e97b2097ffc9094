//! The attribute of the crate `fwtest`; it is documented there.
