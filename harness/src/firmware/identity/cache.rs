//! The identity of a tree that has not changed since, without reading it.

use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::StatxTimestamp;
use sha1::{Digest, Sha1};
use tempfile::NamedTempFile;

use super::content::identity;
use super::encode::Encoder;
use super::error::IdentityError;
use super::value::Identity;
use super::walk::walk;

/// Changes with what a fingerprint has in it, and with identities; older files are then ignored.
const VERSION: &[u8] = b"fwtest identity cache 1";

/// A file that changed this lately could change again without a sign: two writes in one tick of the
/// kernel's clock (4 ms, on some file systems 1 s) have the same time.
const RACY: Duration = Duration::from_secs(1);

/// [`identity`], answered from `cache` while a stat of every name says what it said when the cache
/// was written. A cache that is missing, damaged or cannot be written only costs time.
/// # Errors
/// Those of [`identity`].
pub fn identity_cached(
    root: BorrowedFd<'_>,
    cache: &Path,
    owners: impl Fn(u32, u32) -> (u32, u32),
) -> Result<Identity, IdentityError> {
    identity_cached_at(SystemTime::now(), root, cache, owners)
}

/// With the time at which the walk begins.
pub(super) fn identity_cached_at(
    now: SystemTime,
    root: BorrowedFd<'_>,
    cache: &Path,
    owners: impl Fn(u32, u32) -> (u32, u32),
) -> Result<Identity, IdentityError> {
    let before = look(root, &owners)?;
    if let Some(identity) = load(cache, &before.fingerprint) {
        return Ok(identity);
    }
    let identity = identity(root, &owners)?;
    // What changed while it was read may have been read half.
    if before.is_settled(now) && look(root, &owners)?.fingerprint == before.fingerprint {
        // Not an error: the next run reads the tree again, that is all.
        let _ = store(cache, &before.fingerprint, identity);
    }
    Ok(identity)
}

/// A tree as stat has it.
struct Look {
    fingerprint: [u8; 20],
    /// The latest change of any name, since 1970. The time of change (ctime) alone counts: each
    /// write sets it too, and nobody can set it to another, as builds do with the time of
    /// modification.
    changed: Duration,
}

impl Look {
    fn is_settled(&self, now: SystemTime) -> bool {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.changed + RACY < now
    }
}

fn look(
    root: BorrowedFd<'_>,
    owners: impl Fn(u32, u32) -> (u32, u32),
) -> Result<Look, IdentityError> {
    let mut encoder = Encoder::new(VERSION);
    let mut changed = Duration::ZERO;
    walk(root, |node| {
        let stat = &node.stat;
        let (uid, gid) = owners(stat.stx_uid, stat.stx_gid);
        encoder.bytes(node.path);
        for number in [stat.stx_uid, stat.stx_gid, uid, gid, stat.stx_mode.into()] {
            encoder.number(number.into());
        }
        for number in [stat.stx_size, stat.stx_ino] {
            encoder.number(number);
        }
        for time in [stat.stx_mtime, stat.stx_ctime] {
            encoder.number(time.tv_sec.cast_unsigned());
            encoder.number(time.tv_nsec.into());
        }
        changed = changed.max(since_epoch(stat.stx_ctime));
        Ok(())
    })?;
    Ok(Look { fingerprint: encoder.finish(), changed })
}

fn since_epoch(time: StatxTimestamp) -> Duration {
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec)
}

/// The identity that `cache` has for this fingerprint.
fn load(cache: &Path, fingerprint: &[u8; 20]) -> Option<Identity> {
    let bytes = std::fs::read(cache).ok()?;
    let identity = Identity(bytes.get(20..40)?.try_into().ok()?);
    (bytes == encode(fingerprint, identity)).then_some(identity)
}

/// Fingerprint, identity, and the digest of both, for a disk that was full or a host that crashed.
fn encode(fingerprint: &[u8; 20], identity: Identity) -> Vec<u8> {
    let both = [&fingerprint[..], &identity.0].concat();
    let digest = Sha1::digest(&both);
    [&both[..], &digest].concat()
}

fn store(cache: &Path, fingerprint: &[u8; 20], identity: Identity) -> io::Result<()> {
    let directory = match cache.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(directory)?;
    let mut file = NamedTempFile::new_in(directory)?;
    file.write_all(&encode(fingerprint, identity))?;
    file.persist(cache)?;
    Ok(())
}
