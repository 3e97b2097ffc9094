//! Fields to one digest, so that no two sequences of them are the same bytes.

use sha1::{Digest, Sha1};

/// Hashed at a time: a field is a few bytes, and SHA-1 takes 64.
const BATCH: usize = 16 * 1024;

/// Numbers in little endian, bytes behind their length.
pub(super) struct Encoder {
    sha1: Sha1,
    batch: Vec<u8>,
}

impl Encoder {
    /// `version` is part of the digest: a change of what is encoded changes it.
    pub(super) fn new(version: &[u8]) -> Self {
        let mut encoder = Self { sha1: Sha1::new(), batch: Vec::with_capacity(2 * BATCH) };
        encoder.bytes(version);
        encoder
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.batch.extend_from_slice(bytes);
        if self.batch.len() >= BATCH {
            self.sha1.update(&self.batch);
            self.batch.clear();
        }
    }

    pub(super) fn number(&mut self, number: u64) {
        self.batch.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn finish(mut self) -> [u8; 20] {
        self.sha1.update(&self.batch);
        self.sha1.finalize().into()
    }
}
