//! Regular files: read, compared and hashed with a bounded buffer.

use std::os::fd::BorrowedFd;

use rustix::buffer::spare_capacity;
use rustix::fs::{AtFlags, Statx, StatxFlags, statx};
use rustix::io::{Errno, Result, pread};
use sha1::{Digest, Sha1};

use super::change::Content;

/// What is read at a time. Larger ones are no faster, and two of these fit the cache.
const CHUNK: usize = 64 * 1024;

/// Two buffers that every file of a walk is read through.
pub(crate) struct Reader {
    a: Vec<u8>,
    b: Vec<u8>,
    text_limit: usize,
}

impl Reader {
    /// Keeps texts of at most `text_limit` bytes.
    pub(crate) fn new(text_limit: usize) -> Self {
        Self { a: Vec::with_capacity(CHUNK), b: Vec::with_capacity(CHUNK), text_limit }
    }

    /// A file's bytes and how many they are. Reads again, once, where the file was written to
    /// meanwhile; what it has then is as good as any.
    pub(crate) fn read(&mut self, file: BorrowedFd<'_>) -> Result<(Content, u64)> {
        let before = stat(file)?;
        let content = self.read_once(file, before.stx_size)?;
        let after = stat(file)?;
        if version(&before) == version(&after) {
            return Ok(content);
        }
        self.read_once(file, after.stx_size)
    }

    /// Whether two files of the `same size` differ in a byte.
    pub(crate) fn differ(
        &mut self,
        a: BorrowedFd<'_>,
        b: BorrowedFd<'_>,
        same_size: u64,
    ) -> Result<bool> {
        let mut at = 0;
        while at < same_size {
            let want = CHUNK.min(usize::try_from(same_size - at).unwrap_or(CHUNK));
            fill(a, &mut self.a, at, want)?;
            fill(b, &mut self.b, at, want)?;
            if self.a != self.b {
                return Ok(true);
            }
            if self.a.is_empty() {
                break; // both were truncated meanwhile
            }
            at += self.a.len() as u64;
        }
        Ok(false)
    }

    /// Stops at `size`, so that a log that is written to faster than we read has an end.
    fn read_once(&mut self, file: BorrowedFd<'_>, size: u64) -> Result<(Content, u64)> {
        match usize::try_from(size) {
            Ok(size) if size <= self.text_limit => {
                let mut bytes = Vec::with_capacity(size);
                fill(file, &mut bytes, 0, size)?;
                let (sha1, size) = (Sha1::digest(&bytes).into(), bytes.len() as u64);
                Ok((Content { sha1, text: text(bytes) }, size))
            }
            _ => {
                let (sha1, size) = hash(file, size, &mut self.a)?;
                Ok((Content { sha1, text: None }, size))
            }
        }
    }
}

/// The SHA-1 of a file's first `size` bytes, and how many there were.
pub(crate) fn hash(
    file: BorrowedFd<'_>,
    size: u64,
    buffer: &mut Vec<u8>,
) -> Result<([u8; 20], u64)> {
    let mut sha1 = Sha1::new();
    let mut at = 0;
    while at < size {
        let want = CHUNK.min(usize::try_from(size - at).unwrap_or(CHUNK));
        fill(file, buffer, at, want)?;
        if buffer.is_empty() {
            break;
        }
        sha1.update(&buffer);
        at += buffer.len() as u64;
    }
    Ok((sha1.finalize().into(), at))
}

/// Replaces what `buffer` has by the `want` bytes at `offset`; fewer at the end of the file.
fn fill(file: BorrowedFd<'_>, buffer: &mut Vec<u8>, offset: u64, want: usize) -> Result<()> {
    buffer.clear();
    buffer.reserve_exact(want);
    while buffer.len() < want {
        let at = offset + buffer.len() as u64;
        match pread(file, spare_capacity(buffer), at) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    buffer.truncate(want);
    Ok(())
}

fn stat(file: BorrowedFd<'_>) -> Result<Statx> {
    statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)
}

/// What a write changes.
fn version(stat: &Statx) -> (u64, (i64, u32), (i64, u32)) {
    let (mtime, ctime) = (stat.stx_mtime, stat.stx_ctime);
    (stat.stx_size, (mtime.tv_sec, mtime.tv_nsec), (ctime.tv_sec, ctime.tv_nsec))
}

/// The bytes, where a person can read them.
fn text(bytes: Vec<u8>) -> Option<String> {
    let unreadable = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x1b');
    String::from_utf8(bytes).ok().filter(|text| !text.contains(unreadable))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsFd;

    use super::*;

    fn file(bytes: &[u8]) -> std::fs::File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn text_is_what_a_person_can_read() {
        let is_text = |bytes: &[u8]| text(bytes.to_vec()).is_some();
        assert!(is_text(b""));
        assert!(is_text("tab\tänd\r\nescape \x1b[1m\n".as_bytes()));
        assert!(!is_text(b"zero\0"));
        assert!(!is_text(b"\xff"));
        assert!(!is_text("C1 \u{85}".as_bytes()));
        assert!(!is_text(b"\x7f"));
    }

    #[test]
    fn a_file_over_the_limit_is_hashed_and_not_kept() {
        let (small, size) = Reader::new(3).read(file(b"abc").as_fd()).unwrap();
        assert_eq!((small.text.as_deref(), size), (Some("abc"), 3));
        let (large, size) = Reader::new(2).read(file(b"abc").as_fd()).unwrap();
        assert_eq!((large.text, size), (None, 3));
        assert_eq!(large.sha1, small.sha1);
        assert_eq!(large.sha1[..4], [0xa9, 0x99, 0x3e, 0x36]); // FIPS 180, the SHA-1 of "abc"
    }

    #[test]
    fn files_are_compared_to_their_last_byte() {
        let mut bytes = vec![7; 3 * CHUNK + 5];
        let (a, same) = (file(&bytes), file(&bytes));
        *bytes.last_mut().unwrap() = 8;
        let other = file(&bytes);
        let mut reader = Reader::new(0);
        let size = bytes.len() as u64;
        assert!(!reader.differ(a.as_fd(), same.as_fd(), size).unwrap());
        assert!(reader.differ(a.as_fd(), other.as_fd(), size).unwrap());
        assert!(reader.differ(a.as_fd(), file(b"").as_fd(), size).unwrap());
    }

    #[test]
    fn a_sparse_file_needs_no_memory_of_its_size() {
        let sparse = tempfile::tempfile().unwrap();
        sparse.set_len(64 << 20).unwrap();
        let mut reader = Reader::new(64 * 1024);
        let (content, size) = reader.read(sparse.as_fd()).unwrap();
        assert_eq!((content.text, size), (None, 64 << 20));
        assert!(reader.a.capacity() <= 2 * CHUNK);
    }
}
