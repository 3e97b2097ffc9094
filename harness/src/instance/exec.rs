//! Commands in the guest.

use std::ffi::{OsStr, OsString};
use std::future::{Future, IntoFuture};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;

use super::user::User;
use super::{ExecError, ExitStatus, Instance, Output};
use crate::path::GuestPath;
use crate::runner::failure::quoted;
use crate::sandbox::{ExecOrder, FromCommand, StatusChannel, StepError, environment};

/// How long a command may take where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long it may take the keeper to tell of an end that has been noticed.
const FAREWELL: Duration = Duration::from_secs(5);

/// A command that is to run in the guest: as root, in `/`, with nothing to read, for at most 10 s.
/// Awaiting it runs it to its end.
///
/// It ends when the command itself does, even if something that it left behind holds its output.
///
/// # Errors
/// Awaiting it gives [`ExecError`]: it could not be started, did not end in time, or the instance
/// ended first. An exit status other than 0 is none: [`Output::success`] makes it one.
#[must_use = "it runs when it is awaited, or by `spawn`"]
#[derive(Debug)]
pub struct Exec<'a> {
    instance: &'a Instance,
    argv: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    cwd: Option<GuestPath>,
    user: Option<String>,
    stdin: Vec<u8>,
    timeout: Duration,
}

impl<'a> Exec<'a> {
    pub(super) fn new(instance: &'a Instance, argv: Vec<OsString>) -> Self {
        let (env, stdin) = (Vec::new(), Vec::new());
        Self { instance, argv, env, cwd: None, user: None, stdin, timeout: TIMEOUT }
    }

    /// What it reads on standard input, which then ends.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Adds a variable to PATH, HOME and TERM, or replaces one.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Where it runs.
    pub fn cwd(mut self, directory: impl AsRef<OsStr>) -> Self {
        self.cwd = Some(GuestPath::from(directory.as_ref()));
        self
    }

    /// As whom, by the guest's own /etc/passwd: `admin`, `1000`, `www:audio`.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// For how long at most; it is killed then.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Starts it and goes on.
    ///
    /// # Errors
    /// When it cannot be started: no such program (ENOENT), no such user, no such directory, or
    /// the instance has ended.
    pub async fn spawn(self) -> Result<Child, ExecError> {
        let (instance, command) = (self.instance, shown(&self.argv));
        match self.start().await {
            // The kernel says "no such process"; how init ended is the better answer.
            Err(error) if error.is_ended() => match instance.end_status(FAREWELL).await {
                Some(status) => Err(ExecError::Ended { command, status }),
                None => Err(error),
            },
            started => started,
        }
    }

    async fn start(self) -> Result<Child, ExecError> {
        let command = shown(&self.argv);
        let user = match &self.user {
            None => User { uid: 0, gid: 0, groups: Vec::new(), home: None },
            Some(wanted) => {
                let (passwd, group) = self.instance.account_files();
                User::find(wanted, &passwd, &group).ok_or_else(|| ExecError::NoUser {
                    command: command.clone(),
                    user: wanted.clone(),
                })?
            }
        };
        let mut env = environment(&[]);
        if let Some(home) = &user.home {
            env.retain(|(name, _)| name != "HOME");
            env.push(("HOME".into(), home.into()));
        }
        env.extend(self.env);
        let argv = self.argv;
        let order = ExecOrder {
            argv: argv.clone(),
            env: environment(&env),
            cwd: self.cwd.unwrap_or_else(|| GuestPath::from("/")),
            uid: user.uid,
            gid: user.gid,
            groups: user.groups,
        };
        let running = self
            .instance
            .sandbox()
            .execute(order)
            .map_err(|source| ExecError::start(&command, source))?;
        let talk = |source| ExecError::Talk { command: command.clone(), source };
        let mut child = Child {
            ready: running.status.watch().map_err(talk)?,
            status: running.status,
            stdin: Some(pipe::Sender::from_owned_fd(running.stdin).map_err(talk)?),
            stdout: pipe::Receiver::from_owned_fd(running.stdout).map_err(talk)?,
            stderr: pipe::Receiver::from_owned_fd(running.stderr).map_err(talk)?,
            pidfd: None,
            argv: argv.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
            command,
            input: self.stdin,
            timeout: self.timeout,
        };
        child.begin().await?;
        Ok(child)
    }
}

impl<'a> IntoFuture for Exec<'a> {
    type Output = Result<Output, ExecError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { self.spawn().await?.wait().await })
    }
}

/// A command that runs in the guest. Dropping it lets it run on; it ends with the instance.
#[derive(Debug)]
pub struct Child {
    command: String,
    argv: Vec<String>,
    status: StatusChannel,
    ready: AsyncFd<OwnedFd>,
    stdin: Option<pipe::Sender>,
    stdout: pipe::Receiver,
    stderr: pipe::Receiver,
    pidfd: Option<OwnedFd>,
    input: Vec<u8>,
    timeout: Duration,
}

impl Child {
    /// Waits until the program runs.
    async fn begin(&mut self) -> Result<(), ExecError> {
        match self.next().await? {
            Some((FromCommand::Started, mut descriptors)) => {
                self.pidfd = descriptors.pop();
                Ok(())
            }
            Some((FromCommand::Failed(fault), _)) => {
                Err(ExecError::start(&self.command, StepError::from(fault)))
            }
            _ => Err(ExecError::Lost { command: self.command.clone() }),
        }
    }

    async fn next(&mut self) -> Result<Option<(FromCommand, Vec<OwnedFd>)>, ExecError> {
        next(&self.status, &self.ready)
            .await
            .map_err(|source| ExecError::Talk { command: self.command.clone(), source })
    }

    /// Waits for its end, with what it was given to read and all that it writes.
    ///
    /// # Errors
    /// [`ExecError::Late`] when its time is up: it is killed then. [`ExecError::Lost`] when the
    /// instance ends before it.
    pub async fn wait(mut self) -> Result<Output, ExecError> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let limit = self.timeout;
        let ended = tokio::time::timeout(limit, self.collect(&mut stdout, &mut stderr)).await;
        match ended {
            Ok(Ok(Some(status))) => Ok(Output { argv: self.argv, status, stdout, stderr }),
            Ok(Ok(None)) => Err(ExecError::Lost { command: self.command }),
            Ok(Err(source)) => Err(ExecError::Talk { command: self.command, source }),
            Err(_) => {
                self.kill();
                Err(ExecError::Late { command: self.command, limit, stdout, stderr })
            }
        }
    }

    /// Kills it: SIGKILL to the command itself. What it started goes on.
    pub fn kill(&self) {
        if let Some(pidfd) = &self.pidfd {
            // An end that came first is as good.
            let _ = rustix::process::pidfd_send_signal(pidfd, rustix::process::Signal::KILL);
        }
    }

    async fn collect(
        &mut self,
        stdout: &mut Vec<u8>,
        stderr: &mut Vec<u8>,
    ) -> io::Result<Option<ExitStatus>> {
        let (mut out_open, mut err_open) = (true, true);
        let mut written = 0;
        if self.input.is_empty() {
            self.stdin = None;
        }
        let ended = loop {
            let writing = self.stdin.is_some();
            tokio::select! {
                read = self.stdout.read_buf(stdout), if out_open => out_open = read? > 0,
                read = self.stderr.read_buf(stderr), if err_open => err_open = read? > 0,
                wrote = write(&mut self.stdin, &self.input[written..]), if writing => {
                    // A command that does not read to the end (EPIPE) is none the worse for it.
                    written += wrote.unwrap_or(self.input.len() - written);
                    if written == self.input.len() {
                        self.stdin = None;
                    }
                }
                message = next(&self.status, &self.ready) => match message? {
                    Some((FromCommand::Ended(status), _)) => break Some(status),
                    Some(_) => {}
                    None => break None,
                },
            }
        };
        // What it wrote is in the pipes by now. Who else holds them open is not waited for.
        drain(&self.stdout, stdout)?;
        drain(&self.stderr, stderr)?;
        Ok(ended)
    }
}

async fn write(stdin: &mut Option<pipe::Sender>, bytes: &[u8]) -> io::Result<usize> {
    match stdin {
        Some(stdin) => stdin.write(bytes).await,
        None => Ok(0),
    }
}

/// What is in the pipe now, and no more, or something that goes on writing would never let us end.
/// Past the runtime, which takes a pipe for empty until it has heard of what came last.
fn drain(pipe: &pipe::Receiver, bytes: &mut Vec<u8>) -> io::Result<()> {
    let waiting = usize::try_from(rustix::io::ioctl_fionread(pipe)?).unwrap_or(usize::MAX);
    let mut read = vec![0; waiting];
    let mut end = 0;
    while end < waiting {
        match rustix::io::retry_on_intr(|| rustix::io::read(pipe, &mut read[end..])) {
            Ok(0) | Err(rustix::io::Errno::AGAIN) => break,
            Ok(length) => end += length,
            Err(error) => return Err(error.into()),
        }
    }
    bytes.extend_from_slice(&read[..end]);
    Ok(())
}

async fn next(
    status: &StatusChannel,
    ready: &AsyncFd<OwnedFd>,
) -> io::Result<Option<(FromCommand, Vec<OwnedFd>)>> {
    loop {
        let mut guard = ready.readable().await?;
        match status.try_receive() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
            other => return other,
        }
    }
}

/// A command as one would type it.
fn shown(argv: &[OsString]) -> String {
    let words: Vec<_> = argv.iter().map(|word| quoted(&word.to_string_lossy())).collect();
    words.join(" ")
}
