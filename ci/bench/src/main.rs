//! Our side of what `ci/bench/run` measures within one process. Each measurement prints one line of
//! JSON, as `ci/bench/floor.c` does: `{"p50_us": …, "p95_us": …, "per_second": …}`.

mod instance;
mod times;
mod tree;

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use fwtest::command::{Launcher, end_launcher, use_launcher};

use times::Times;

/// Measures fwtest within one process.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Boots a program as pid 1, waits for its end, and tears all down.
    Boot {
        #[command(flatten)]
        firmware: Firmware,
        /// Threads that share the boots.
        #[arg(short, default_value_t = 1)]
        jobs: usize,
    },
    /// Runs a command in one instance, again and again.
    Exec(Firmware),
    /// Runs a command in one instance once, which prints the line itself.
    Within(Firmware),
    /// Boots a program as pid 1 until something accepts a connection on its port 80.
    Answer(Firmware),
    /// Starts a program and does the same with it: it prints the pid of the pid 1 that it makes.
    AnswerOf {
        /// How often.
        #[arg(short)]
        n: usize,
        /// The program and its arguments.
        #[arg(last = true, required = true)]
        argv: Vec<String>,
    },
    /// Compares an upper layer of so many changes with a lower one; times are for one change.
    Diff {
        /// How many files the firmware has changed.
        #[arg(long, default_value_t = 1000)]
        changes: usize,
        /// Only reads the upper layer: every name, and the bytes of every file.
        #[arg(long)]
        bare: bool,
    },
    /// Identifies a tree whose identity is known.
    Identity {
        /// The tree.
        #[arg(long)]
        rootfs: PathBuf,
        /// Only stats every name.
        #[arg(long)]
        bare: bool,
    },
}

/// What to boot, and how often.
#[derive(clap::Args)]
struct Firmware {
    /// The root file system, a directory.
    #[arg(long)]
    rootfs: PathBuf,
    /// How often.
    #[arg(short)]
    n: usize,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    argv: Vec<String>,
}

fn main() -> ExitCode {
    // Before there is any other thread: the launcher is a copy of this process.
    use_launcher(Launcher::start());
    let measured = measure(Cli::parse().what)
        .and_then(|line| Ok(writeln!(std::io::stdout(), "{}", line.trim_end())?));
    match measured.and_then(|()| Ok(end_launcher()?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&*error);
            ExitCode::FAILURE
        }
    }
}

fn measure(what: What) -> Result<String, Box<dyn Error + Send + Sync>> {
    let times: Result<Times, _> = match what {
        What::Within(firmware) => return instance::within(&firmware.rootfs, &firmware.argv),
        What::Boot { firmware, jobs } => {
            instance::boots(&firmware.rootfs, &firmware.argv, firmware.n, jobs)
        }
        What::Exec(firmware) => instance::execs(&firmware.rootfs, &firmware.argv, firmware.n),
        What::Answer(firmware) => instance::answers(&firmware.rootfs, &firmware.argv, firmware.n),
        What::AnswerOf { n, argv } => instance::answers_of(&argv, n),
        What::Diff { changes, bare } => tree::diff(changes, bare),
        What::Identity { rootfs, bare } => tree::identity(&rootfs, bare),
    };
    Ok(times?.json())
}

fn report(error: &(dyn Error + 'static)) {
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  caused by: {error}");
        cause = error.source();
    }
}
