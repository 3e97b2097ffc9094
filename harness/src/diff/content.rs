//! Regular files: read, compared and hashed with a bounded buffer.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::fs::{AtFlags, Statx, StatxFlags, statx};
use rustix::io::{Errno, Result, pread};
use sha1::{Digest, Sha1};

use super::change::Content;

/// What is read at a time, and the most that a text can have. Larger is no faster, and two of these
/// fit the cache.
const CHUNK: usize = 64 * 1024;

/// A regular file, open, and what stat said of it then.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) fd: OwnedFd,
    pub(super) version: Version,
}

/// What a write changes: size, and the times of modification and change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    size: u64,
    times: [(i64, u32); 2],
}

impl Version {
    pub(super) fn of(stat: &Statx) -> Self {
        let times = [stat.stx_mtime, stat.stx_ctime].map(|time| (time.tv_sec, time.tv_nsec));
        Self { size: stat.stx_size, times }
    }
}

/// A file's content, and how many bytes that is.
pub(super) type Bytes = (Content, u64);

/// Two buffers that every file of a walk is read through.
pub(super) struct Reader {
    a: Vec<u8>,
    b: Vec<u8>,
    text_limit: u64,
}

impl Reader {
    /// Keeps texts of at most `text_limit` bytes.
    pub(super) fn new(text_limit: u64) -> Self {
        Self { a: Vec::with_capacity(CHUNK), b: Vec::with_capacity(CHUNK), text_limit }
    }

    /// What a file has. Reads again, once, where it was written to since it was opened; what it has
    /// then is as good as any.
    pub(super) fn read(&mut self, file: &OpenFile) -> Result<Bytes> {
        let content = self.read_once(file, file.version.size)?;
        let now = version(file)?;
        if now == file.version { Ok(content) } else { self.read_once(file, now.size) }
    }

    /// What two files have; `None` where it is the same.
    pub(super) fn compare(
        &mut self,
        before: &OpenFile,
        after: &OpenFile,
    ) -> Result<Option<(Bytes, Bytes)>> {
        let size = after.version.size;
        if size == before.version.size {
            if !self.differ(before, after, size)? {
                return Ok(None);
            }
            if size <= CHUNK as u64 && version(after)? == after.version {
                // Both are in the buffers, whole.
                let content = |bytes: &[u8]| (content(bytes, self.text_limit), bytes.len() as u64);
                return Ok(Some((content(&self.a), content(&self.b))));
            }
        }
        Ok(Some((self.read(before)?, self.read(after)?)))
    }

    /// Whether two files of the `same` size differ; the buffers then hold where.
    fn differ(&mut self, a: &OpenFile, b: &OpenFile, same: u64) -> Result<bool> {
        let mut at = 0;
        while at < same {
            let want = chunk(same - at);
            fill(a.fd.as_fd(), &mut self.a, at, want)?;
            fill(b.fd.as_fd(), &mut self.b, at, want)?;
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
    fn read_once(&mut self, file: &OpenFile, size: u64) -> Result<Bytes> {
        if size <= self.text_limit.min(CHUNK as u64) {
            fill(file.fd.as_fd(), &mut self.a, 0, chunk(size))?;
            return Ok((content(&self.a, self.text_limit), self.a.len() as u64));
        }
        let (sha1, size) = hash(file.fd.as_fd(), size, &mut self.a)?;
        Ok((Content { sha1, text: None }, size))
    }
}

/// All of a file's bytes as its content.
fn content(bytes: &[u8], text_limit: u64) -> Content {
    let text = if bytes.len() as u64 <= text_limit { text(bytes) } else { None };
    Content { sha1: Sha1::digest(bytes).into(), text: text.map(str::to_owned) }
}

/// The bytes, where a person can read them.
fn text(bytes: &[u8]) -> Option<&str> {
    let unreadable = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x1b');
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains(unreadable))
}

fn version(file: &OpenFile) -> Result<Version> {
    let stat = statx(&file.fd, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
    Ok(Version::of(&stat))
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
        fill(file, buffer, at, chunk(size - at))?;
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

/// How much of what is `left` to read next.
fn chunk(left: u64) -> usize {
    usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(bytes: &[u8]) -> OpenFile {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        opened(file)
    }

    fn opened(file: std::fs::File) -> OpenFile {
        let stale = Version { size: 0, times: [(0, 0); 2] };
        let file = OpenFile { fd: file.into(), version: stale };
        OpenFile { version: version(&file).unwrap(), ..file }
    }

    #[test]
    fn text_is_what_a_person_can_read() {
        let is_text = |bytes: &[u8]| text(bytes).is_some();
        assert!(is_text(b""));
        assert!(is_text("tab\tänd\r\nescape \x1b[1m\n".as_bytes()));
        assert!(!is_text(b"zero\0"));
        assert!(!is_text(b"\xff"));
        assert!(!is_text("C1 \u{85}".as_bytes()));
        assert!(!is_text(b"\x7f"));
    }

    #[test]
    fn a_file_over_the_limit_is_hashed_and_not_kept() {
        let (small, size) = Reader::new(3).read(&file(b"abc")).unwrap();
        assert_eq!((small.text.as_deref(), size), (Some("abc"), 3));
        let (large, size) = Reader::new(2).read(&file(b"abc")).unwrap();
        assert_eq!((large.text, size), (None, 3));
        assert_eq!(large.sha1, small.sha1);
        assert_eq!(large.sha1[..4], [0xa9, 0x99, 0x3e, 0x36]); // FIPS 180, the SHA-1 of "abc"
    }

    #[test]
    fn files_are_compared_to_their_last_byte() {
        let mut reader = Reader::new(CHUNK as u64);
        for size in [1, CHUNK, CHUNK + 1, 3 * CHUNK + 5] {
            let mut bytes = vec![7; size];
            let (a, same) = (file(&bytes), file(&bytes));
            *bytes.last_mut().unwrap() = 8;
            let other = file(&bytes);
            assert_eq!(reader.compare(&a, &same).unwrap(), None);
            let different = Some((reader.read(&a).unwrap(), reader.read(&other).unwrap()));
            assert_eq!(reader.compare(&a, &other).unwrap(), different, "{size} bytes");
            assert!(reader.compare(&a, &file(b"")).unwrap().is_some());
        }
    }

    #[test]
    fn a_file_is_read_as_it_is_by_now() {
        let mut reader = Reader::new(100);
        let (before, after) = (file(b"same size"), file(b"some size"));
        rustix::io::pwrite(&after.fd, b" and more", 9).unwrap();
        let (_, (content, size)) = reader.compare(&before, &after).unwrap().unwrap();
        assert_eq!((content.text.as_deref(), size), (Some("some size and more"), 18));
    }

    #[test]
    fn a_sparse_file_needs_no_memory_of_its_size() {
        let sparse = tempfile::tempfile().unwrap();
        sparse.set_len(64 << 20).unwrap();
        let mut reader = Reader::new(CHUNK as u64);
        let (content, size) = reader.read(&opened(sparse)).unwrap();
        assert_eq!((content.text, size), (None, 64 << 20));
        assert!(reader.a.capacity() <= 2 * CHUNK);
    }
}
