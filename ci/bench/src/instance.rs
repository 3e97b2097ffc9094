//! What instances take: to boot, to answer, to run a command.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fwtest::firmware::{Config, Firmware};
use fwtest::instance::{ExitStatus, Instance};
use fwtest::ready::port;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

use crate::times::Times;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How long to wait for an answer to a connection before it is tried again: one that races `lo up`
/// would lose a second otherwise.
const ATTEMPT: Duration = Duration::from_millis(5);
/// How long to wait after one was refused.
const PAUSE: Duration = Duration::from_micros(500);

/// Boots, waits for the end of pid 1 and tears down, `count` times, by as many threads as `jobs`.
pub fn boots(rootfs: &Path, argv: &[String], count: usize, jobs: usize) -> Result<Times> {
    let firmware = firmware(rootfs, argv)?;
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    let work = || -> Result<Vec<Duration>> {
        let runtime = runtime()?;
        let mut each = Vec::new();
        while next.fetch_add(1, Ordering::Relaxed) < count {
            let before = Instant::now();
            runtime.block_on(boot(&firmware))?;
            each.push(before.elapsed());
        }
        Ok(each)
    };
    let each = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let done = workers.into_iter().map(|worker| worker.join().expect("a worker panicked"));
        done.collect::<Result<Vec<_>>>()
    })?;
    Ok(Times::new(each.concat(), start.elapsed()))
}

async fn boot(firmware: &Firmware) -> Result<()> {
    let instance = Instance::boot(firmware).await?;
    let status = instance.ended().await;
    instance.close()?;
    match status == ExitStatus::Code(0) {
        true => Ok(()),
        false => Err(format!("pid 1 ended with {status}").into()),
    }
}

/// Runs a command in an instance whose pid 1 does nothing.
pub fn execs(rootfs: &Path, argv: &[String], count: usize) -> Result<Times> {
    let idle = ["/bin/busybox", "sleep", "100000"].map(str::to_owned);
    let firmware = firmware(rootfs, &idle)?;
    runtime()?.block_on(async {
        let instance = Instance::boot(&firmware).await?;
        let start = Instant::now();
        let mut each = Vec::new();
        for _ in 0..count {
            let before = Instant::now();
            instance.exec(argv).await?.success()?;
            each.push(before.elapsed());
        }
        Ok(Times::new(each, start.elapsed()))
    })
}

/// What a command of an instance whose pid 1 does nothing prints: it measures itself.
pub fn within(rootfs: &Path, argv: &[String]) -> Result<String> {
    let idle = ["/bin/busybox", "sleep", "100000"].map(str::to_owned);
    let firmware = firmware(rootfs, &idle)?;
    runtime()?.block_on(async {
        let instance = Instance::boot(&firmware).await?;
        Ok(instance.exec(argv).await?.success()?.stdout().into_owned())
    })
}

/// Boots until port 80 accepts a connection; what comes after is not measured.
pub fn answers(rootfs: &Path, argv: &[String], count: usize) -> Result<Times> {
    let firmware = firmware(rootfs, argv)?;
    let runtime = runtime()?;
    let (mut each, mut all) = (Vec::new(), Duration::ZERO);
    for _ in 0..count {
        runtime.block_on(async {
            let before = Instant::now();
            let instance = Instance::boot(&firmware).await?;
            instance.wait(port("tcp:80")).await?;
            instance.tcp(80).await?;
            each.push(before.elapsed());
            all += before.elapsed();
            instance.close()?;
            Ok::<_, Box<dyn Error + Send + Sync>>(())
        })?;
    }
    Ok(Times::new(each, all))
}

/// The same for an instance that another program makes.
pub fn answers_of(argv: &[String], count: usize) -> Result<Times> {
    let (mut each, mut all) = (Vec::new(), Duration::ZERO);
    for _ in 0..count {
        let before = Instant::now();
        let mut process = Command::new(&argv[0]).args(&argv[1..]).stdout(Stdio::piped()).spawn()?;
        let mut pid = String::new();
        let output = process.stdout.take().ok_or("it has no output")?;
        BufReader::new(output).read_line(&mut pid)?;
        let network = File::open(format!("/proc/{}/ns/net", pid.trim()))?;
        // A thread of its own: it stays in that network.
        let answered = thread::spawn(move || -> Result<()> {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
            runtime()?.block_on(async {
                while connect().await.is_err() {
                    tokio::time::sleep(PAUSE).await;
                }
                Ok(())
            })
        });
        let answered = answered.join().expect("the thread panicked");
        each.push(before.elapsed());
        all += before.elapsed();
        process.kill()?;
        process.wait()?;
        answered?;
    }
    Ok(Times::new(each, all))
}

async fn connect() -> io::Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
    tokio::time::timeout(ATTEMPT, TcpSocket::new_v4()?.connect(address)).await??;
    Ok(())
}

fn firmware(rootfs: &Path, argv: &[String]) -> Result<Firmware> {
    let rootfs = std::path::absolute(rootfs)?;
    let text = format!("[firmware.bench]\nrootfs = {rootfs:?}\ninit = {argv:?}\n");
    let config = Config::parse(Path::new("/fwtest.toml"), &text)?;
    Ok(config.firmwares[0].clone())
}

fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
