//! Shims: a kernel that lacks something, for a program and all that it starts.
//!
//! A seccomp filter answers some system calls with an error number. It is what an old kernel, or a
//! container's own filter, would say: nothing in the program under test knows of it.

#![expect(unsafe_code, reason = "a filter is installed between fork and exec")]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A system call by its number, whole or as far as an argument says.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    number: i64,
    only: Option<Only>,
}

/// With these bits in the lower half of an argument.
#[derive(Clone, Copy, Debug)]
struct Only {
    argument: u32,
    bits: u32,
}

impl Call {
    /// Whatever its arguments.
    #[must_use]
    pub const fn any(number: i64) -> Self {
        Self { number, only: None }
    }

    /// Where the argument has one of `bits`; the first argument is 0.
    #[must_use]
    pub const fn with(number: i64, argument: u32, bits: u32) -> Self {
        Self { number, only: Some(Only { argument, bits }) }
    }
}

/// The calls that write extended attributes.
pub const SET_ATTRIBUTE: [Call; 3] =
    [Call::any(libc::SYS_setxattr), Call::any(libc::SYS_lsetxattr), Call::any(libc::SYS_fsetxattr)];

/// Answers each of `calls` with `errno`, in what `command` will start. It takes root: for others the
/// kernel wants no_new_privs first, and then newuidmap has no rights either.
pub fn refuse<'a>(command: &'a mut Command, calls: &[Call], errno: i32) -> &'a mut Command {
    let filter = program(calls, errno);
    // SAFETY: between fork and exec it makes one system call, on memory that was allocated before.
    unsafe { command.pre_exec(move || install(&filter)) }
}

/// A filter for seccomp(2), for this machine's own calls: others are let through.
fn program(calls: &[Call], errno: i32) -> Vec<libc::sock_filter> {
    let instruction = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let load = |offset| instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset);
    let errno = u32::try_from(errno).expect("an error number is positive");
    let refuse = instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | errno);
    let mut program = Vec::new();
    for Call { number, only } in calls {
        let number = u32::try_from(*number).expect("a call's number is small");
        // The number is the first word of `struct seccomp_data`, the arguments come from byte 16 on.
        program.push(load(0));
        let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        match only {
            None => program.push(instruction(equal, 0, 1, number)),
            Some(Only { argument, bits }) => program.extend([
                instruction(equal, 0, 3, number),
                load(16 + 8 * argument + if cfg!(target_endian = "little") { 0 } else { 4 }),
                instruction(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 0, 1, *bits),
            ]),
        }
        program.push(refuse);
    }
    program.push(instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW));
    program
}

fn install(filter: &[libc::sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: `program` and the instructions that it points to outlive the call, which copies them
    // and writes to neither.
    let done = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shim that does not bite would prove nothing.
    #[test]
    #[ignore = "needs root, for a filter without no_new_privs"]
    fn what_is_refused_says_so_and_the_rest_goes_on() {
        let mut command = Command::new("uname");
        let call = Call::any(libc::SYS_uname);
        let output = refuse(&mut command, &[call], libc::ENOSYS).output().unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("Function not implemented"), "{said}");
        let mut command = Command::new("uname");
        assert!(refuse(&mut command, &[], libc::ENOSYS).output().unwrap().status.success());
    }

    #[test]
    #[ignore = "needs root, for a filter without no_new_privs"]
    fn an_argument_makes_the_difference() {
        let unshare = |what: &str, calls: &[Call]| {
            let mut command = Command::new("unshare");
            command.args([what, "true"]);
            refuse(&mut command, calls, libc::EINVAL).output().unwrap().status.success()
        };
        let host_names = Call::with(libc::SYS_unshare, 0, libc::CLONE_NEWUTS.cast_unsigned());
        assert!(unshare("--uts", &[]));
        assert!(!unshare("--uts", &[host_names]));
        assert!(unshare("--ipc", &[host_names]));
        assert!(!unshare("--uts", &[Call::any(libc::SYS_uname), host_names]));
    }
}
