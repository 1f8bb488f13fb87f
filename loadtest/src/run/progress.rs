//! What is seen while it runs: a bar on the terminal, with rate, errors and p99 of the last second.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::measure::{Failure, Tally};
use crate::report::units;

/// Until there is a second's worth of figures.
const MEASURING: &str = "measuring";

/// Silent where the standard error is no terminal.
pub struct Progress {
    bar: ProgressBar,
    title: String,
    warm_up: Duration,
    duration: Duration,
    requests_max: Option<u64>,
    /// Since `since`.
    recent: Tally,
    since: Instant,
    answered: u64,
    failed: u64,
}

impl Progress {
    pub fn new(quiet: bool) -> Progress {
        let bar = if quiet || !std::io::stderr().is_terminal() { ProgressBar::hidden() } else { ProgressBar::new(0) };
        let style = ProgressStyle::with_template("{prefix}[{bar:30}] {msg}").expect("the template is a constant");
        bar.set_style(style.progress_chars("━╸ "));
        Progress {
            bar,
            title: String::new(),
            warm_up: Duration::ZERO,
            duration: Duration::ZERO,
            requests_max: None,
            recent: Tally::default(),
            since: Instant::now(),
            answered: 0,
            failed: 0,
        }
    }

    pub fn begin(&mut self, title: &str, warm_up: Duration, duration: Duration, requests_max: Option<u64>) {
        self.title = title.to_owned();
        (self.warm_up, self.duration, self.requests_max) = (warm_up, duration, requests_max);
        (self.answered, self.failed) = (0, 0);
        self.recent.clear();
        self.since = Instant::now();
        self.bar.set_length(1000);
        self.bar.set_message(if warm_up.is_zero() { MEASURING } else { "warming up" });
        let prefix = if title.is_empty() { String::new() } else { format!("{title} ") };
        self.bar.set_prefix(prefix);
    }

    pub fn count(&mut self, tally: &Tally) {
        if self.bar.is_hidden() {
            return;
        }
        self.recent.add(tally);
        self.answered += tally.answered;
        self.failed += Failure::ALL.iter().map(|&failure| tally.failures[failure as usize]).sum::<u64>();
    }

    pub fn tick(&mut self, measured_from: Instant) {
        let now = Instant::now();
        if self.bar.is_hidden() {
            return;
        }
        if now < measured_from {
            let left = measured_from - now;
            let done = 1.0 - left.as_secs_f64() / self.warm_up.as_secs_f64().max(1e-9);
            self.bar.set_position((done.clamp(0.0, 1.0) * 1000.0) as u64);
            self.since = measured_from;
            return;
        }
        if self.since == measured_from {
            self.bar.set_message(MEASURING);
        }
        let by_time = (now - measured_from).as_secs_f64() / self.duration.as_secs_f64();
        let by_count = self.requests_max.map_or(0.0, |max| self.answered as f64 / max as f64);
        self.bar.set_position((by_time.max(by_count).min(1.0) * 1000.0) as u64);
        let seconds = now.saturating_duration_since(self.since).as_secs_f64();
        if seconds >= 1.0 {
            let rate = self.recent.answered as f64 / seconds;
            let p99 = self.recent.latency.value_at_quantile(0.99) as f64;
            self.bar.set_message(format!(
                "{}, p99 {}, {} errors",
                units::rate(rate),
                units::time(p99),
                units::count(self.failed)
            ));
            self.recent.clear();
            self.since = now;
        }
    }

    /// Leaves the terminal as it was.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// `at 1.2k/s`.
pub fn at_rate(rate: f64) -> String {
    units::rate(rate)
}
