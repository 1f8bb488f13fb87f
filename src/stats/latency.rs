//! The histograms that a shard fills: plain memory, handed over whole at a harvest and merged on the control thread.
//!
//! Microseconds, two significant figures: a value is off by less than one percent. A histogram grows with the longest
//! time seen in it, up to some 20 KB for minutes; one that saw nothing does not exist.

use hdrhistogram::Histogram;

/// What histograms start out with room for, in µs: what most exchanges take, so that few harvests make them grow.
const ROOM_US: u64 = 100_000;

/// Longer times count as this one, a day: it bounds how far a histogram can grow.
const LONGEST_US: u64 = 86_400_000_000;

/// Times of one kind, with their exact sum.
#[derive(Clone)]
pub struct Latency {
    histogram: Histogram<u64>,
    sum_us: u64,
}

impl Default for Latency {
    fn default() -> Latency {
        Latency::new()
    }
}

impl Latency {
    pub fn new() -> Latency {
        let mut histogram = Histogram::new_with_bounds(1, ROOM_US, 2).expect("1, 100,000 and 2 are bounds it accepts");
        histogram.auto(true);
        Latency { histogram, sum_us: 0 }
    }

    pub fn record(&mut self, time_us: u64) {
        let time_us = time_us.min(LONGEST_US);
        // With auto-resize on, a value that has no place makes the histogram grow; nothing else can fail.
        let _ = self.histogram.record(time_us);
        self.sum_us = self.sum_us.saturating_add(time_us);
    }

    /// Adds all that another one holds.
    pub fn add(&mut self, other: &Latency) {
        // Auto-resize is on, and that is the only way in which adding can fail.
        let _ = self.histogram.add(&other.histogram);
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
    }

    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    pub fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// How many times were at most as long as each bound; `bounds_us` must rise.
    pub fn cumulative(&self, bounds_us: &[u64]) -> Vec<u64> {
        let mut counts = vec![0; bounds_us.len()];
        for cell in self.histogram.iter_recorded() {
            let time_us = self.histogram.lowest_equivalent(cell.value_iterated_to());
            let bucket = bounds_us.partition_point(|bound| *bound < time_us);
            if let Some(count) = counts.get_mut(bucket) {
                *count += cell.count_since_last_iteration();
            }
        }
        let mut below = 0;
        for count in &mut counts {
            below += *count;
            *count = below;
        }
        counts
    }

    /// The time that a share of the recorded ones does not exceed, in µs; `quantile` from 0.0 to 1.0.
    pub fn quantile_us(&self, quantile: f64) -> u64 {
        self.histogram.value_at_quantile(quantile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(times_us: &[u64]) -> Latency {
        let mut latency = Latency::new();
        times_us.iter().for_each(|time_us| latency.record(*time_us));
        latency
    }

    #[track_caller]
    fn check(times_us: &[u64], bounds_us: &[u64], expected: &[u64]) {
        assert_eq!(filled(times_us).cumulative(bounds_us), expected, "{times_us:?}");
    }

    #[test]
    fn buckets_hold_all_times_up_to_their_bound() {
        check(&[], &[500, 1_000], &[0, 0]);
        check(&[500], &[500, 1_000], &[1, 1]);
        check(&[0, 1, 499, 510, 1_000], &[500, 1_000], &[3, 5]);
        check(&[1_020, 5_000_000], &[500, 1_000, 10_000_000], &[0, 0, 2]);
        check(&[60_000_000], &[500, 10_000_000], &[0, 0]);
    }

    #[test]
    fn the_longest_time_there_is_has_a_place() {
        let latency = filled(&[u64::MAX / 2, u64::MAX, 3]);
        assert_eq!(latency.count(), 3);
        assert_eq!(latency.sum_us(), 2 * LONGEST_US + 3);
    }

    #[test]
    fn merging_keeps_counts_and_sums() {
        let mut merged = Latency::new();
        merged.add(&filled(&[100, 200]));
        merged.add(&filled(&[3_000_000]));
        assert_eq!((merged.count(), merged.sum_us()), (3, 3_000_300));
        assert_eq!(merged.cumulative(&[100, 1_000, 10_000_000]), [1, 2, 3]);
        assert_eq!(merged.quantile_us(0.5), 200);
    }
}
