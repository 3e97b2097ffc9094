//! Only here so that Cargo has a package: the tests are in `tests/`.
