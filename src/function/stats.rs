//! What is counted of functions, and how `/metrics` shows it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The upper bounds of the histogram, in ms, and as labels.
const BUCKETS: [(u64, &str); 12] = [
    (1, "0.001"),
    (5, "0.005"),
    (10, "0.01"),
    (25, "0.025"),
    (50, "0.05"),
    (100, "0.1"),
    (250, "0.25"),
    (500, "0.5"),
    (1_000, "1"),
    (5_000, "5"),
    (30_000, "30"),
    (900_000, "900"),
];

/// One function's counts. The host's thread writes, `/metrics` reads.
#[derive(Debug, Default)]
pub struct FunctionStats {
    pub invocations: Count,
    /// Invocations that ended in an error of the function: raised, timed out, died, too large.
    pub errors: Count,
    pub throttles: Count,
    /// Processes that became ready.
    pub cold_starts: Count,
    /// Asynchronous invocations that were given up.
    pub dropped_events: Count,
    /// Now: invocations that run, invocations that wait for a process, processes.
    pub running: Count,
    pub waiting: Count,
    pub processes: Count,
    durations: [Count; BUCKETS.len() + 1],
    duration_us: Count,
}

#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn set(&self, value: usize) {
        self.0.store(value as u64, Ordering::Relaxed);
    }

    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl FunctionStats {
    pub fn duration(&self, duration: Duration) {
        let bucket = BUCKETS.iter().position(|(bound, _)| duration <= Duration::from_millis(*bound));
        self.durations[bucket.unwrap_or(BUCKETS.len())].add();
        self.duration_us.0.fetch_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// The counts of all functions, by name; as many as there may be functions.
#[derive(Clone, Debug, Default)]
pub struct Stats(Arc<Mutex<BTreeMap<String, Arc<FunctionStats>>>>);

/// A family's name after `tollgate_function_`, its kind, what it tells, and its value.
type Family = (&'static str, &'static str, &'static str, fn(&FunctionStats) -> u64);

const FAMILIES: [Family; 8] = [
    ("invocations_total", "counter", "Invocations that a process took on.", |stats| stats.invocations.value()),
    ("errors_total", "counter", "Invocations that ended in an error of the function.", |stats| stats.errors.value()),
    ("throttles_total", "counter", "Invocations that were refused for want of a process.", |stats| {
        stats.throttles.value()
    }),
    ("cold_starts_total", "counter", "Processes that became ready.", |stats| stats.cold_starts.value()),
    ("dropped_events_total", "counter", "Asynchronous invocations that were given up.", |stats| {
        stats.dropped_events.value()
    }),
    ("concurrent_executions", "gauge", "Invocations that run.", |stats| stats.running.value()),
    ("waiting_invocations", "gauge", "Invocations that wait for a process.", |stats| stats.waiting.value()),
    ("processes", "gauge", "Processes that there are.", |stats| stats.processes.value()),
];

impl Stats {
    /// The counts of a function, which begin where those of the same name ended.
    pub fn of(&self, name: &str) -> Arc<FunctionStats> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(name.to_owned()).or_default())
    }

    pub fn forget(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Adds them in Prometheus' text format, version 0.0.4.
    pub fn render(&self, text: &mut String) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.is_empty() {
            return;
        }
        for (family, kind, help, value) in FAMILIES {
            let family = format!("tollgate_function_{family}");
            let _ = write!(text, "# HELP {family} {help}\n# TYPE {family} {kind}\n");
            for (name, stats) in &*all {
                let _ = writeln!(text, "{family}{{function=\"{name}\"}} {}", value(stats));
            }
        }
        let family = "tollgate_function_duration_seconds";
        let _ = writeln!(text, "# HELP {family} Time from the start of an invocation to its answer.");
        let _ = writeln!(text, "# TYPE {family} histogram");
        for (name, stats) in &*all {
            let mut total = 0;
            for (count, le) in stats.durations.iter().zip(BUCKETS.map(|(_, label)| label).into_iter().chain(["+Inf"])) {
                total += count.value();
                let _ = writeln!(text, "{family}_bucket{{function=\"{name}\",le=\"{le}\"}} {total}");
            }
            let sum = stats.duration_us.value() as f64 / 1e6;
            let _ = writeln!(text, "{family}_sum{{function=\"{name}\"}} {sum}");
            let _ = writeln!(text, "{family}_count{{function=\"{name}\"}} {total}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_each_function() {
        let stats = Stats::default();
        let mut text = String::new();
        stats.render(&mut text);
        assert_eq!(text, "");
        let pets = stats.of("pets");
        pets.invocations.add();
        pets.duration(Duration::from_millis(3));
        stats.of("other").running.set(2);
        stats.render(&mut text);
        for line in [
            "tollgate_function_invocations_total{function=\"pets\"} 1",
            "tollgate_function_invocations_total{function=\"other\"} 0",
            "tollgate_function_concurrent_executions{function=\"other\"} 2",
            "tollgate_function_duration_seconds_bucket{function=\"pets\",le=\"0.001\"} 0",
            "tollgate_function_duration_seconds_bucket{function=\"pets\",le=\"0.005\"} 1",
            "tollgate_function_duration_seconds_bucket{function=\"pets\",le=\"+Inf\"} 1",
            "tollgate_function_duration_seconds_sum{function=\"pets\"} 0.003",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        stats.forget("pets");
        let mut text = String::new();
        stats.render(&mut text);
        assert!(!text.contains("pets"));
    }
}
