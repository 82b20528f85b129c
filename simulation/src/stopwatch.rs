//! Wall-clock time and processor time.

use std::{fmt, time::Instant};

/// Measures from its creation to its display.
pub(crate) struct Stopwatch {
    start: Instant,
    processor_seconds: f64,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self {
            start: Instant::now(),
            processor_seconds: processor_seconds(),
        }
    }
}

impl fmt::Display for Stopwatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wall = self.start.elapsed().as_secs_f64();
        let processor = processor_seconds() - self.processor_seconds;

        write!(f, "wall time {wall:.1} s; processor time {processor:.1} s")
    }
}

/// What the process has used so far; zero where `/proc` is not there.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();

    // The name of the process may hold spaces, so fields are counted from behind it.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let user_and_system = after_name.split_whitespace().skip(11).take(2);
    let ticks: u64 = user_and_system
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum();

    // A hundred ticks a second, on every Linux.
    ticks as f64 / 100.0
}
