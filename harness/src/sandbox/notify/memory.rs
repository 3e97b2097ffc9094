//! The memory of a guest's process.

use std::io::{IoSlice, IoSliceMut};

use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv, process_vm_writev};
use nix::unistd::Pid;

/// What a path may have at most, its NUL included: path_resolution(7).
const PATH_MAX: usize = 4096;
/// No page is smaller: what lies in one of this size can be read at once.
const PAGE: usize = 4096;

/// Of the process or thread with this pid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory(pub(super) i32);

impl Memory {
    /// Exactly these bytes; EFAULT where they are not all there.
    pub(super) fn read<const LENGTH: usize>(self, address: u64) -> Result<[u8; LENGTH], Errno> {
        let mut bytes = [0; LENGTH];
        match self.read_some(address, &mut bytes)? {
            length if length == LENGTH => Ok(bytes),
            _ => Err(Errno::EFAULT),
        }
    }

    /// Bytes up to a NUL, which is not among them; at most as many as a path may have.
    pub(super) fn text(self, address: u64) -> Result<Vec<u8>, Errno> {
        if address == 0 {
            return Err(Errno::EFAULT);
        }
        let mut text = Vec::new();
        while text.len() < PATH_MAX {
            // To the end of the page: the next one may not be there.
            let from = usize::try_from(address).map_err(|_| Errno::EFAULT)? + text.len();
            let mut bytes = [0; PAGE];
            let bytes = &mut bytes[..PAGE - from % PAGE];
            let length = self.read_some(from as u64, bytes)?;
            match bytes[..length].iter().position(|byte| *byte == 0) {
                Some(end) => {
                    text.extend_from_slice(&bytes[..end]);
                    return Ok(text);
                }
                None => text.extend_from_slice(&bytes[..length]),
            }
        }
        Err(Errno::ENAMETOOLONG)
    }

    /// The same as text, with what is not UTF-8 replaced.
    pub(super) fn words(self, address: u64) -> Result<String, Errno> {
        self.text(address).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// As many bytes as there are, at most the buffer's.
    pub(super) fn read_some(self, address: u64, bytes: &mut [u8]) -> Result<usize, Errno> {
        let base = usize::try_from(address).map_err(|_| Errno::EFAULT)?;
        let remote = [RemoteIoVec { base, len: bytes.len() }];
        process_vm_readv(Pid::from_raw(self.0), &mut [IoSliceMut::new(bytes)], &remote)
    }

    pub(super) fn write(self, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        let base = usize::try_from(address).map_err(|_| Errno::EFAULT)?;
        let remote = [RemoteIoVec { base, len: bytes.len() }];
        match process_vm_writev(Pid::from_raw(self.0), &[IoSlice::new(bytes)], &remote)? {
            length if length == bytes.len() => Ok(()),
            _ => Err(Errno::EFAULT),
        }
    }
}

/// An integer at its place in a structure, in the machine's own order.
pub(super) fn int(bytes: &[u8], at: usize) -> i32 {
    i32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes are four"))
}

/// The same with 64 bits.
pub(super) fn long(bytes: &[u8], at: usize) -> i64 {
    i64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes are eight"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Memory {
        Memory(nix::unistd::getpid().as_raw())
    }

    fn address(bytes: &[u8]) -> u64 {
        bytes.as_ptr().expose_provenance() as u64
    }

    #[test]
    fn a_text_ends_at_its_nul_over_a_page_too() {
        let long: Vec<u8> = std::iter::repeat_n(b'x', 3000).chain([0]).collect();
        for start in [0, 1500, 2999, 3000] {
            let text = own().text(address(&long[start..])).unwrap();
            assert_eq!(text.len(), 3000 - start);
        }
        let endless = vec![b'x'; 3 * PAGE];
        assert_eq!(own().text(address(&endless)), Err(Errno::ENAMETOOLONG));
        assert_eq!(own().text(0), Err(Errno::EFAULT));
        assert_eq!(own().text(8), Err(Errno::EFAULT));
    }

    #[test]
    fn what_is_written_is_read() {
        let place = [7u8; 8];
        own().write(address(&place), &42i32.to_ne_bytes()).unwrap();
        let read = own().read::<8>(address(&place)).unwrap();
        assert_eq!((int(&read, 0), read[4]), (42, 7));
        assert_eq!(own().read::<8>(8), Err(Errno::EFAULT));
    }
}
