//! A worker's part of the schedule: which request is intended next, and when there is none left.

use std::time::Duration;

use super::share;
use crate::schedule::{Due, Phase, Schedule};
use crate::settings::Load;

const NEVER: u64 = u64::MAX;

/// Times are ns since the run's epoch.
pub struct Arrivals {
    /// Warm-up and measured run, `None` in a closed loop.
    open: Option<(Due, Due)>,
    /// When the next request is due; [`NEVER`] in a closed loop and when the schedule is through.
    pub next_due: u64,
    start: u64,
    measured_from: u64,
    /// Nothing is intended from here on.
    pub end: u64,
    /// How many measured requests may still be intended.
    remaining: u64,
    /// Measured requests that were intended so far.
    pub intended: u64,
}

impl Arrivals {
    pub fn new(load: &Load, worker: usize) -> Arrivals {
        let open = match &load.schedule {
            Schedule::Closed => None,
            Schedule::Open { arrivals, phases } => {
                let rate = phases.first().map_or(0.0, |phase| phase.from.max(phase.to / 10.0));
                let warm_up = [Phase { seconds: load.warm_up.as_secs_f64(), from: rate, to: rate }];
                let due = |phases: &[Phase], seed| Due::new(*arrivals, phases, worker, load.workers, seed);
                Some((due(&warm_up, !load.seed), due(phases, load.seed)))
            }
        };
        let remaining = load.requests_max.map_or(NEVER, |max| share(max as usize, worker, load.workers) as u64);
        Arrivals { open, next_due: NEVER, start: NEVER, measured_from: NEVER, end: NEVER, remaining, intended: 0 }
    }

    pub fn begin(&mut self, start: u64, measured_from: u64, duration: Duration) {
        self.start = start;
        self.measured_from = measured_from;
        self.end = measured_from.saturating_add(duration.as_nanos() as u64);
        self.advance();
    }

    fn advance(&mut self) {
        let Some((warm_up, measured)) = &mut self.open else { return };
        let warm_up = warm_up.next().map(|offset| self.start + offset);
        let next = warm_up.or_else(|| measured.next().map(|offset| self.measured_from + offset));
        self.next_due = next.filter(|&due| due < self.end).unwrap_or(NEVER);
    }

    /// The intended start of a request that may leave now.
    #[inline]
    pub fn take(&mut self, now: u64) -> Option<u64> {
        let intended = if self.open.is_some() {
            let due = self.next_due;
            if due > now || self.remaining == 0 {
                return None;
            }
            self.advance();
            due
        } else {
            if now >= self.end || self.remaining == 0 {
                return None;
            }
            now
        };
        if intended >= self.measured_from {
            self.intended += 1;
            self.remaining -= 1;
        }
        Some(intended)
    }

    /// Whether no request will leave any more. Not before it has begun.
    #[inline]
    pub fn are_over(&self, now: u64) -> bool {
        if self.remaining == 0 {
            return true;
        }
        let begun = self.start != NEVER;
        if self.open.is_some() { begun && self.next_due == NEVER } else { now >= self.end }
    }

    /// Whether a number of requests, not the time, ended it.
    pub fn counted_out(&self) -> bool {
        self.remaining == 0
    }

    /// How many measured requests were due before `end` and never left; they count as intended.
    pub fn count_unsent(&mut self, end: u64) -> u64 {
        let Some((_, measured)) = &mut self.open else { return 0 };
        if self.next_due >= end || end < self.measured_from {
            return 0;
        }
        let next = u64::from(self.next_due >= self.measured_from);
        let unsent = (next + measured.skip_to(end - self.measured_from)).min(self.remaining);
        self.next_due = NEVER;
        self.remaining -= unsent;
        self.intended += unsent;
        unsent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule;
    use crate::settings::{DriverChoice, Tls};

    const MS: u64 = 1_000_000;

    fn load(schedule: Schedule, warm_up_ms: u64, requests_max: Option<u64>) -> Load {
        Load {
            schedule,
            duration: Duration::from_millis(100),
            requests_max,
            gives_up: false,
            warm_up: Duration::from_millis(warm_up_ms),
            connections: 2,
            depth: 1,
            workers: 1,
            pin: Vec::new(),
            driver: DriverChoice::Auto,
            timeout: Duration::from_secs(1),
            requests_per_connection: None,
            connections_per_second: None,
            spin: Duration::ZERO,
            head_bytes_max: 1024,
            body_bytes_max: 1024,
            tls: Tls::default(),
            bind: None,
            seed: 1,
        }
    }

    fn constant(rate: f64) -> Schedule {
        let phases = vec![Phase { seconds: 0.1, from: rate, to: rate }];
        Schedule::Open { arrivals: schedule::Arrivals::Even, phases }
    }

    fn begun(load: &Load) -> Arrivals {
        let mut arrivals = Arrivals::new(load, 0);
        arrivals.begin(1000 * MS, 1000 * MS + load.warm_up.as_nanos() as u64, load.duration);
        arrivals
    }

    #[test]
    fn an_open_loop_hands_out_what_is_due_however_late() {
        let mut arrivals = begun(&load(constant(100.0), 0, None));
        assert_eq!(arrivals.take(1000 * MS), Some(1000 * MS));
        assert_eq!(arrivals.take(1009 * MS), None);
        assert_eq!(arrivals.take(1035 * MS), Some(1010 * MS));
        assert_eq!(arrivals.take(1035 * MS), Some(1020 * MS));
        assert!(!arrivals.are_over(5000 * MS), "what was due is still owed after the end");
        assert_eq!(arrivals.count_unsent(1100 * MS), 7);
        assert_eq!(arrivals.intended, 10);
        assert!(arrivals.are_over(1000 * MS));
    }

    #[test]
    fn warm_up_is_not_counted() {
        let mut arrivals = begun(&load(constant(100.0), 50, Some(3)));
        let taken: Vec<u64> = std::iter::from_fn(|| arrivals.take(5000 * MS)).map(|at| at / MS - 1000).collect();
        assert_eq!(taken, [0, 10, 20, 30, 40, 50, 60, 70]);
        assert_eq!(arrivals.intended, 3);
        assert!(arrivals.counted_out());
    }

    #[test]
    fn a_closed_loop_goes_on_until_its_end() {
        let mut arrivals = begun(&load(Schedule::Closed, 0, None));
        assert_eq!(arrivals.take(1042 * MS), Some(1042 * MS));
        assert!(!arrivals.are_over(1099 * MS));
        assert_eq!(arrivals.take(1100 * MS), None);
        assert!(arrivals.are_over(1100 * MS));
        assert_eq!(arrivals.count_unsent(1100 * MS), 0);
    }
}
