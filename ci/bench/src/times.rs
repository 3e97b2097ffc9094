//! How long each of many took.

use std::time::{Duration, Instant};

pub struct Times {
    each: Vec<Duration>,
    /// From the first beginning to the last end.
    all: Duration,
}

impl Times {
    pub fn new(mut each: Vec<Duration>, all: Duration) -> Self {
        each.sort_unstable();
        Self { each, all }
    }

    /// Does something `count` times.
    pub fn of<E>(count: usize, mut once: impl FnMut() -> Result<(), E>) -> Result<Self, E> {
        let start = Instant::now();
        let mut each = Vec::with_capacity(count);
        for _ in 0..count {
            let before = Instant::now();
            once()?;
            each.push(before.elapsed());
        }
        Ok(Self::new(each, start.elapsed()))
    }

    /// The same as times of one of `count` parts that each of them had.
    pub fn per(self, count: usize) -> Self {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let each = self.each.into_iter().map(|time| time / count).collect();
        Self { each, all: self.all / count }
    }

    pub fn json(&self) -> String {
        let quantile = |percent: usize| self.each[self.each.len() * percent / 100].as_secs_f64();
        let per_second = self.each.len() as f64 / self.all.as_secs_f64();
        format!(
            "{{\"p50_us\": {:.1}, \"p95_us\": {:.1}, \"per_second\": {per_second:.1}}}",
            quantile(50) * 1e6,
            quantile(95) * 1e6,
        )
    }
}
