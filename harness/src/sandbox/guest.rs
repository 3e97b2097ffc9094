//! What a keeper sees of its guest: files, processes and sockets, from outside and with the guest's
//! own ids.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::sched::{CloneFlags, setns};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, StatxFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::fault::{During, Step, StepError};
use super::message::{Domain, FileFacts, FromKeeper, Transport};
use crate::instance::{Listener, Listening, Process, Processes, Protocol};
use crate::path::GuestPath;

pub(crate) struct Guest {
    /// Init's pid in the launcher's pid namespace.
    pub(crate) init: i32,
    /// The root of the guest's own /proc.
    pub(crate) proc: OwnedFd,
    /// Asks for the guest's sockets; made when they are first asked for.
    netlink: OnceCell<OwnedFd>,
}

impl Guest {
    pub(crate) fn new(init: i32, proc: OwnedFd) -> Self {
        Self { init, proc, netlink: OnceCell::new() }
    }

    /// The root that init sees, with everything that the guest has mounted.
    pub(crate) fn root(&self) -> Result<OwnedFd, StepError> {
        let path = format!("/proc/{}/root", self.init);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(&path, flags, Mode::empty()).during(|| Step::Open("/".to_owned()))
    }

    pub(crate) fn processes(&self) -> Result<Processes, StepError> {
        let mut processes = Vec::new();
        for pid in self.pids()? {
            // One that ends while we look is none.
            if let Some(process) = self.process(pid) {
                processes.push(process);
            }
        }
        processes.sort_by_key(|process| process.pid);
        Ok(Processes(processes))
    }

    fn pids(&self) -> Result<Vec<i32>, StepError> {
        let step = || Step::Open("/proc".to_owned());
        let directory = rustix::fs::openat(
            &self.proc,
            ".",
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .during(step)?;
        let entries = rustix::fs::Dir::new(directory).during(step)?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str().ok()?.parse().ok());
        Ok(names.collect())
    }

    fn process(&self, pid: i32) -> Option<Process> {
        let stat = self.read(&format!("{pid}/stat"))?;
        let (parent, comm, state) = parse_stat(&String::from_utf8_lossy(&stat))?;
        let status = self.read(&format!("{pid}/status"))?;
        let uid = parse_uid(&String::from_utf8_lossy(&status))?;
        let cmdline = self.read(&format!("{pid}/cmdline"))?;
        let cmdline = cmdline.strip_suffix(b"\0").unwrap_or(&cmdline);
        let argv = if cmdline.is_empty() {
            Vec::new()
        } else {
            let arguments = cmdline.split(|byte| *byte == 0);
            arguments.map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
        };
        Some(Process { pid, parent, comm, argv, uid, state })
    }

    /// TCP sockets that listen and UDP sockets that are bound.
    pub(crate) fn listening(&self, owners: bool) -> Result<Listening, StepError> {
        let found = match self.ask_sockets() {
            Ok(found) => found,
            // A kernel that was built without it.
            Err(_) => self.read_sockets(),
        };
        let mut holders: HashMap<u64, Vec<(i32, String)>> = HashMap::new();
        if owners && !found.is_empty() {
            for pid in self.pids()? {
                self.add_sockets(pid, &mut holders);
            }
        }
        let mut listeners: Vec<Listener> = found
            .into_iter()
            .map(|(mut listener, inode)| {
                listener.owners = holders.get(&inode).cloned().unwrap_or_default();
                listener
            })
            .collect();
        listeners.sort_by_key(|l| (l.protocol, l.address.port(), l.address.ip()));
        Ok(Listening(listeners))
    }

    fn ask_sockets(&self) -> Result<Vec<(Listener, u64)>, StepError> {
        if self.netlink.get().is_none() {
            let netlink = self.in_network(super::sockets::open)?;
            let _ = self.netlink.set(netlink);
        }
        let netlink = self.netlink.get().ok_or(rustix::io::Errno::BADF).during(|| Step::Talk)?;
        let mut found = Vec::new();
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            for domain in [Domain::Ipv4, Domain::Ipv6] {
                let sockets = super::sockets::waiting(netlink, protocol, domain)
                    .during(|| Step::Open("the instance's sockets".to_owned()))?;
                found.extend(sockets.into_iter().map(|(address, inode)| {
                    (Listener { protocol, address, owners: Vec::new() }, inode)
                }));
            }
        }
        Ok(found)
    }

    /// The same by proc_pid_net(5).
    fn read_sockets(&self) -> Vec<(Listener, u64)> {
        let mut found = Vec::new();
        for (file, protocol) in [
            ("tcp", Protocol::Tcp),
            ("tcp6", Protocol::Tcp),
            ("udp", Protocol::Udp),
            ("udp6", Protocol::Udp),
        ] {
            // Without IPv6 in the kernel there are no files for it.
            let Some(text) = self.read(&format!("{}/net/{file}", 1)) else { continue };
            let lines = String::from_utf8_lossy(&text).into_owned();
            found.extend(lines.lines().skip(1).filter_map(|line| parse_socket(line, protocol)));
        }
        found
    }

    /// Which sockets a process holds, by inode.
    fn add_sockets(&self, pid: i32, holders: &mut HashMap<u64, Vec<(i32, String)>>) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(directory) =
            rustix::fs::openat(&self.proc, format!("{pid}/fd"), flags, Mode::empty())
        else {
            return;
        };
        let Ok(entries) = rustix::fs::Dir::read_from(&directory) else { return };
        for entry in entries.filter_map(Result::ok) {
            let Ok(target) = rustix::fs::readlinkat(&directory, entry.file_name(), Vec::new())
            else {
                continue;
            };
            let target = target.to_string_lossy();
            let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
            if let Some(inode) = inode.and_then(|digits| digits.parse().ok()) {
                let comm = self.read(&format!("{pid}/comm")).unwrap_or_default();
                let comm = String::from_utf8_lossy(&comm).trim_end().to_owned();
                let holders = holders.entry(inode).or_default();
                if !holders.iter().any(|(holder, _)| *holder == pid) {
                    holders.push((pid, comm));
                }
            }
        }
    }

    /// A socket in the guest's network namespace, for the harness to connect or bind.
    pub(crate) fn socket(
        &self,
        domain: Domain,
        transport: Transport,
    ) -> Result<OwnedFd, StepError> {
        let domain = match domain {
            Domain::Ipv4 => AddressFamily::INET,
            Domain::Ipv6 => AddressFamily::INET6,
        };
        let kind = match transport {
            Transport::Tcp => SocketType::STREAM,
            Transport::Udp => SocketType::DGRAM,
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        self.in_network(|| Ok(rustix::net::socket_with(domain, kind, flags, None)?))
    }

    /// Makes a socket in the guest's network namespace, where it stays.
    fn in_network(
        &self,
        make: impl FnOnce() -> std::io::Result<OwnedFd>,
    ) -> Result<OwnedFd, StepError> {
        let open = |path: &str| {
            rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
                .during(|| Step::Open(path.to_owned()))
        };
        let theirs = open(&format!("/proc/{}/ns/net", self.init))?;
        let ours = open("/proc/self/ns/net")?;
        setns(&theirs, CloneFlags::CLONE_NEWNET).during(|| Step::Enter)?;
        let socket = make();
        setns(&ours, CloneFlags::CLONE_NEWNET).during(|| Step::Enter)?;
        socket.during(|| Step::Create("a socket in the instance".to_owned()))
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.proc, path, flags, Mode::empty()).ok()?;
        let mut bytes = Vec::new();
        fs::File::from(file).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }
}

/// What becomes of a path's last component where that is a link.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    Itself,
    Followed,
}

/// Looks at a file below `root`, which every link on the way takes for `/`. Nothing is opened that
/// could block or act: a FIFO, a device, a socket; nor what is on the device `served`, for whoever
/// serves that is the one that would wait.
pub(crate) fn look(
    root: BorrowedFd<'_>,
    path: &GuestPath,
    last: Last,
    served: Option<(u32, u32)>,
) -> Result<(FromKeeper, Option<OwnedFd>), StepError> {
    let step = || Step::Open(format!("`{path}`"));
    let mut flags = OFlags::PATH | OFlags::CLOEXEC;
    flags.set(OFlags::NOFOLLOW, last == Last::Itself);
    let file = match crate::path::open_in_root(root, &path.0, flags) {
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => {
            return Ok((FromKeeper::Absent, None));
        }
        other => other.during(step)?,
    };
    // What the kernel knows of it without asking.
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let stat = rustix::fs::statx(&file, "", flags, StatxFlags::BASIC_STATS).during(step)?;
    let mut facts = FileFacts {
        mode: stat.stx_mode.into(),
        uid: stat.stx_uid,
        gid: stat.stx_gid,
        size: stat.stx_size,
        target: None,
        unreadable: None,
    };
    let reopen = |extra| {
        // The descriptor is of a file that is known, so that nothing can be put in its place.
        let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC | extra;
        rustix::fs::openat(CWD, path, flags, Mode::empty())
    };
    let mut keep = |opened: rustix::io::Result<OwnedFd>| match opened {
        Ok(descriptor) => Some(descriptor),
        Err(errno) => {
            facts.unreadable = Some(errno.raw_os_error());
            None
        }
    };
    let is_served = served == Some((stat.stx_dev_major, stat.stx_dev_minor));
    let descriptor = match FileType::from_raw_mode(stat.stx_mode.into()) {
        // As the kernel says of one that has nothing to read.
        FileType::RegularFile if is_served => keep(Err(rustix::io::Errno::IO)),
        FileType::RegularFile => keep(reopen(OFlags::empty())),
        FileType::Directory => keep(reopen(OFlags::DIRECTORY)),
        FileType::Symlink => {
            let target = rustix::fs::readlinkat(&file, "", Vec::new()).during(step)?;
            facts.target = Some(GuestPath::from(std::ffi::OsStr::new(
                <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(target.as_bytes()),
            )));
            None
        }
        _ => None,
    };
    Ok((FromKeeper::File(facts), descriptor))
}

/// Parent, comm and state of a proc_pid_stat(5). The comm is in parentheses and may hold some.
fn parse_stat(text: &str) -> Option<(i32, String, char)> {
    let (start, end) = (text.find('(')?, text.rfind(')')?);
    let mut fields = text.get(end + 1..)?.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    Some((parent, text.get(start + 1..end)?.to_owned(), state))
}

/// The effective user of a proc_pid_status(5): the second number.
fn parse_uid(text: &str) -> Option<u32> {
    let line = text.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// A line of /proc/net/{tcp,udp}{,6}: the socket and its inode, if it waits for others.
fn parse_socket(line: &str, protocol: Protocol) -> Option<(Listener, u64)> {
    /// `TCP_LISTEN` and `TCP_CLOSE`, which is what an unconnected UDP socket is in.
    const LISTEN: &str = "0A";
    const UNCONNECTED: &str = "07";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let wanted = match protocol {
        Protocol::Tcp => LISTEN,
        Protocol::Udp => UNCONNECTED,
    };
    if *fields.get(3)? != wanted {
        return None;
    }
    let (address, port) = fields.get(1)?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    // Words of four bytes, each in the machine's own order.
    let words = address.as_bytes().chunks(8).map(|word| {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        Some(word.to_ne_bytes())
    });
    let bytes = words.collect::<Option<Vec<_>>>()?.concat();
    let ip = match *bytes.as_slice() {
        [a, b, c, d] => std::net::IpAddr::from([a, b, c, d]),
        _ => std::net::IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
    };
    let inode = fields.get(9)?.parse().ok()?;
    let address = std::net::SocketAddr::new(ip, port);
    Some((Listener { protocol, address, owners: Vec::new() }, inode))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// proc_pid_stat(5): "The filename of the executable, in parentheses".
    #[test]
    fn a_comm_may_hold_parentheses_and_blanks() {
        let parsed = parse_stat("12 (a) (b c)) S 1 12 12 0 -1 4194560");
        assert_eq!(parsed, Some((1, "a) (b c)".to_owned(), 'S')));
        assert_eq!(parse_stat("12 (half"), None);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn sockets_that_wait_for_others_are_told_from_the_rest() {
        let check = |line: &str, protocol, expected: Option<&str>| {
            let found = parse_socket(line, protocol).map(|(l, _)| l.address.to_string());
            assert_eq!(found.as_deref(), expected, "{line}");
        };
        let rest = "00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1";
        check(&format!("0: 0100007F:0050 {rest}"), Protocol::Tcp, Some("127.0.0.1:80"));
        check(
            &format!("0: 00000000000000000000000000000000:1F90 {rest}"),
            Protocol::Tcp,
            Some("[::]:8080"),
        );
        check(&format!("0: 0100007F:0050 {rest}"), Protocol::Udp, None);
        check(&format!("0: 0100007F:0050 {}", rest.replace(" 0A ", " 01 ")), Protocol::Tcp, None);
        check(
            &format!("0: 0100007F:0043 {}", rest.replace(" 0A ", " 07 ")),
            Protocol::Udp,
            Some("127.0.0.1:67"),
        );
        check("", Protocol::Tcp, None);
    }
}
