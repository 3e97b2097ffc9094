use std::collections::BTreeMap;
use std::env;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often its clocks are drawn anew, where nothing else happens.
pub const TICK: Duration = Duration::from_millis(100);

/// Running tests that get a line.
const SHOWN: usize = 8;

/// How far the run is and what runs now, below the results. No thread draws it: [`TICK`].
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
    running: BTreeMap<String, Instant>,
}

impl Bar {
    /// `None` where it could not be drawn.
    pub fn new(total: usize) -> Option<Bar> {
        let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        if dumb || !stderr().is_terminal() {
            return None;
        }
        let target = ProgressDrawTarget::stderr();
        let bar = ProgressBar::with_draw_target(Some(total as u64), target);
        let template = "[{elapsed_precise}] {bar:30} {pos}/{len}{msg}";
        bar.set_style(
            ProgressStyle::with_template(template).expect("it is fixed").progress_chars("=> "),
        );
        Some(Bar { bar, running: BTreeMap::new() })
    }

    pub fn started(&mut self, test: String) {
        self.running.insert(test, Instant::now());
        self.tick();
    }

    pub fn finished(&mut self, test: &str) {
        self.running.remove(test);
        self.tick();
        self.bar.inc(1);
    }

    pub fn tick(&self) {
        let lines = self.running.iter().take(SHOWN).map(|(test, since)| {
            format!("\n     [{:>6.1}s] {test}", since.elapsed().as_secs_f64())
        });
        let mut message: String = lines.collect();
        if let Some(more @ 1..) = self.running.len().checked_sub(SHOWN) {
            message.push_str(&format!("\n     and {more} more"));
        }
        self.bar.set_message(message);
    }

    /// Out of the way while `print` writes to the same terminal.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
