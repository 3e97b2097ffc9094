//! The console on standard error, for whoever watches.

use std::io::{self, Write};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::sandbox::{Happened, LogReader};

/// Shows a console until it is dropped. On a thread of its own, so that a test that does not wait
/// is watched as well.
#[derive(Debug)]
pub(crate) struct Mirror {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How often it looks: for eyes, and not for any verdict.
const INTERVAL: Duration = Duration::from_millis(50);

impl Mirror {
    pub(super) fn start(log: io::Result<LogReader>, name: String) -> Self {
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let Ok(mut log) = log else { return };
            let mut line = Vec::new();
            loop {
                let last = stopped.recv_timeout(INTERVAL)
                    != Err(std::sync::mpsc::RecvTimeoutError::Timeout);
                show(&mut log, &name, &mut line);
                if last {
                    break;
                }
            }
            if !line.is_empty() {
                print(&name, &line);
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

fn show(log: &mut LogReader, name: &str, line: &mut Vec<u8>) {
    for record in log.read().unwrap_or_default() {
        let (Happened::Console(bytes) | Happened::KernelLog(bytes)) = record.what else { continue };
        for byte in bytes {
            match byte {
                b'\n' => {
                    print(name, line);
                    line.clear();
                }
                b'\r' => {}
                byte => line.push(byte),
            }
        }
    }
}

fn print(name: &str, line: &[u8]) {
    // One write a line, so that parallel tests' lines stay whole; nobody to tell that it failed.
    let text = format!("[{name}] {}\n", String::from_utf8_lossy(line));
    let _ = io::stderr().write_all(text.as_bytes());
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
