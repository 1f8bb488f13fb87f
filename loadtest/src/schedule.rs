//! When requests are due. Pure: every time is a number of nanoseconds since the run's start.
//!
//! [`find_max`] is the search for the highest rate.

pub mod find_max;

/// How requests are spread over time.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// Each connection sends its next request when it has an answer, as fast as it goes.
    Closed,
    /// Requests are due at moments of their own, whether or not earlier ones were answered.
    Open {
        arrivals: Arrivals,
        /// One after the other; together they are the run.
        phases: Vec<Phase>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrivals {
    /// At equal distances.
    Even,
    /// At random, independently of each other, as from many users: a Poisson process.
    Poisson,
}

/// A span with a rate that goes from one value to another in a straight line; `from == to` is a constant rate or a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phase {
    pub seconds: f64,
    /// Requests a second, all workers together.
    pub from: f64,
    pub to: f64,
}

impl Schedule {
    /// Requests a second that the schedule asks for at most; `None` for a closed loop.
    pub fn rate_max(&self) -> Option<f64> {
        match self {
            Schedule::Closed => None,
            Schedule::Open { phases, .. } => Some(phases.iter().map(|p| p.from.max(p.to)).fold(0.0, f64::max)),
        }
    }

    pub fn is_open(&self) -> bool {
        matches!(self, Schedule::Open { .. })
    }
}

/// The moments at which one worker's requests are due, in order, as ns since the start.
///
/// The rate over time has an integral: how many requests are due up to a moment. Even arrivals are the moments at which
/// it passes each whole number; a Poisson process those at which it passes the sums of exponential distances. So both
/// follow ramps and steps exactly.
#[derive(Debug)]
pub struct Due {
    phases: Vec<Phase>,
    /// The phase that `count` is in, the integral and the time at its start.
    phase: usize,
    phase_count: f64,
    phase_start_s: f64,
    /// The integral at which the next request is due.
    count: f64,
    pace: Pace,
}

#[derive(Debug)]
enum Pace {
    /// Requests are dealt out to workers in turn.
    Even { workers: f64 },
    /// A process for each worker; together they are one of the whole rate.
    Poisson { workers: f64, random: fastrand::Rng },
}

impl Due {
    /// For worker `worker` of `workers`. The same `seed` gives the same moments.
    pub fn new(arrivals: Arrivals, phases: &[Phase], worker: usize, workers: usize, seed: u64) -> Due {
        let share = workers as f64;
        let mut due = Due {
            phases: phases.to_vec(),
            phase: 0,
            phase_count: 0.0,
            phase_start_s: 0.0,
            count: worker as f64,
            pace: Pace::Even { workers: share },
        };
        if arrivals == Arrivals::Poisson {
            due.count = 0.0;
            // The generator mixes its seed: neighbouring ones give unrelated values.
            let random = fastrand::Rng::with_seed(seed.wrapping_add(worker as u64));
            due.pace = Pace::Poisson { workers: share, random };
            due.advance();
        }
        due
    }

    /// Leaves out what is due before `offset_ns`: how many. Counted, not gone through, as a rate that nobody can keep
    /// leaves billions; where arrivals are random it is the number to be expected.
    pub fn skip_to(&mut self, offset_ns: u64) -> u64 {
        let waiting = self.count_at(offset_ns as f64 / 1e9) - self.count;
        if waiting <= 0.0 {
            return 0;
        }
        let workers = match self.pace {
            Pace::Even { workers } | Pace::Poisson { workers, .. } => workers,
        };
        let skipped = (waiting / workers).ceil();
        self.count += skipped * workers;
        skipped as u64
    }

    /// The integral of the rate over time; the same sums as in `next`.
    fn count_at(&self, seconds: f64) -> f64 {
        let (mut count, mut start_s) = (self.phase_count, self.phase_start_s);
        for phase in self.phases.iter().skip(self.phase) {
            let within = seconds - start_s;
            if within < phase.seconds {
                return count + phase.count_after(within);
            }
            count += (phase.from + phase.to) / 2.0 * phase.seconds;
            start_s += phase.seconds;
        }
        count
    }

    fn advance(&mut self) {
        self.count += match &mut self.pace {
            Pace::Even { workers } => *workers,
            Pace::Poisson { workers, random } => *workers * exponential(random),
        };
    }
}

impl Iterator for Due {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        loop {
            let phase = self.phases.get(self.phase)?;
            let due_in_phase = (phase.from + phase.to) / 2.0 * phase.seconds;
            let count = self.count - self.phase_count;
            if count < due_in_phase {
                let offset_s = phase.seconds_until(count);
                self.advance();
                return Some(((self.phase_start_s + offset_s) * 1e9) as u64);
            }
            self.phase_count += due_in_phase;
            self.phase_start_s += phase.seconds;
            self.phase += 1;
        }
    }
}

impl Phase {
    /// How many requests were due `seconds` after the phase's start.
    fn count_after(&self, seconds: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds;
        seconds.max(0.0) * (self.from + slope * seconds.max(0.0) / 2.0)
    }

    /// When, from the phase's start, `count` requests were due: solves `from·t + slope·t²/2 = count`, in the form that
    /// does not lose digits where the slope is small.
    fn seconds_until(&self, count: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds;
        let root = (self.from * self.from + 2.0 * slope * count).max(0.0).sqrt();
        if count == 0.0 { 0.0 } else { 2.0 * count / (self.from + root) }
    }
}

/// Exponentially distributed, of mean 1.
fn exponential(random: &mut fastrand::Rng) -> f64 {
    // 53 random bits make a number in (0, 1], whose logarithm is finite.
    -(((random.u64(..) >> 11) + 1) as f64 / (1u64 << 53) as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(rate: f64, seconds: f64) -> Vec<Phase> {
        vec![Phase { seconds, from: rate, to: rate }]
    }

    fn even(phases: &[Phase], worker: usize, workers: usize) -> Vec<u64> {
        Due::new(Arrivals::Even, phases, worker, workers, 0).collect()
    }

    #[test]
    fn a_constant_rate_is_evenly_spaced_and_dealt_out() {
        assert_eq!(even(&constant(4.0, 1.0), 0, 1), [0, 250_000_000, 500_000_000, 750_000_000]);
        assert_eq!(even(&constant(4.0, 1.0), 0, 2), [0, 500_000_000]);
        assert_eq!(even(&constant(4.0, 1.0), 1, 2), [250_000_000, 750_000_000]);
    }

    #[test]
    fn workers_together_make_the_whole_schedule() {
        let phases = [
            Phase { seconds: 2.0, from: 0.0, to: 1000.0 },
            Phase { seconds: 1.0, from: 300.0, to: 300.0 },
            Phase { seconds: 1.0, from: 500.0, to: 0.0 },
        ];
        let mut all: Vec<u64> = (0..3).flat_map(|worker| even(&phases, worker, 3)).collect();
        all.sort();
        assert_eq!(all, even(&phases, 0, 1));
        assert_eq!(all.len(), 1000 + 300 + 250);
        assert!(all.is_sorted());
    }

    #[test]
    fn a_ramp_has_the_share_of_its_area() {
        // A ramp from 0: a quarter of the requests in the first half of the time.
        let all = even(&[Phase { seconds: 10.0, from: 0.0, to: 200.0 }], 0, 1);
        assert_eq!(all.len(), 1000);
        assert_eq!(all.iter().filter(|&&at| at < 5_000_000_000).count(), 250);
    }

    #[test]
    fn steps_follow_each_other() {
        let steps = [Phase { seconds: 1.0, from: 10.0, to: 10.0 }, Phase { seconds: 1.0, from: 20.0, to: 20.0 }];
        let all = even(&steps, 0, 1);
        assert_eq!(all.iter().filter(|&&at| at < 1_000_000_000).count(), 10);
        assert_eq!(all.len(), 30);
        assert_eq!(all[10], 1_000_000_000);
    }

    #[test]
    fn skipping_counts_what_would_have_been_due() {
        let phases = [
            Phase { seconds: 2.0, from: 0.0, to: 1000.0 },
            Phase { seconds: 1.0, from: 300.0, to: 300.0 },
            Phase { seconds: 1.0, from: 500.0, to: 0.0 },
        ];
        for at_ms in [0, 1, 500, 1999, 2000, 2500, 3000, 3700, 4000, 9000] {
            for taken in [0, 1, 100, 1300] {
                let mut due = Due::new(Arrivals::Even, &phases, 1, 2, 0);
                let mut gone_through = Due::new(Arrivals::Even, &phases, 1, 2, 0);
                due.by_ref().take(taken).for_each(drop);
                let rest = gone_through.by_ref().skip(taken).take_while(|&at| at < at_ms * 1_000_000).count() as u64;
                assert_eq!(due.skip_to(at_ms * 1_000_000), rest, "{taken} taken, to {at_ms} ms");
            }
        }
        let mut billions = Due::new(Arrivals::Poisson, &constant(1e9, 100.0), 0, 1, 7);
        let skipped = billions.skip_to(50_000_000_000) as f64;
        assert!((skipped / 5e10 - 1.0).abs() < 0.01, "{skipped}");
        assert!(billions.next().is_some_and(|at| at >= 49_999_999_999));
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread_of_a_poisson_process() {
        let distances: Vec<f64> = {
            let all: Vec<u64> = Due::new(Arrivals::Poisson, &constant(10_000.0, 10.0), 0, 1, 7).collect();
            all.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect()
        };
        let mean = distances.iter().sum::<f64>() / distances.len() as f64;
        let variance = distances.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / distances.len() as f64;
        assert!((mean / 100_000.0 - 1.0).abs() < 0.02, "mean {mean} ns");
        // An exponential distribution's standard deviation is its mean.
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.02, "deviation {}", variance.sqrt());
    }

    #[test]
    fn a_seed_repeats_and_workers_differ() {
        let take = |worker, seed| {
            Due::new(Arrivals::Poisson, &constant(100.0, 1.0), worker, 2, seed).take(5).collect::<Vec<_>>()
        };
        assert_eq!(take(0, 1), take(0, 1));
        assert_ne!(take(0, 1), take(1, 1));
        assert_ne!(take(0, 1), take(0, 2));
    }
}
