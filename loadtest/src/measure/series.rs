//! The run over time: a bounded number of intervals, however long it takes.

use hdrhistogram::Histogram;

use super::{Failure, Tally};

/// Intervals are counted at the pace that workers flush at. When there are more than the bound, each two neighbours become
/// one.
#[derive(Debug)]
pub struct Series {
    /// Seconds of one interval as flushed.
    seconds: f64,
    /// How many flushed intervals make a slice; a power of two.
    merged: u64,
    slices: Vec<Slice>,
}

/// Slices kept: an hour in steps of 8 s.
pub const SLICES_MAX: usize = 512;

/// What happened in an interval, in less memory than a [`Tally`].
#[derive(Clone, Debug)]
pub struct Slice {
    pub sent: u64,
    pub answered: u64,
    pub failures: [u64; Failure::COUNT],
    pub bytes_received: u64,
    /// ns; two significant digits.
    pub latency: Histogram<u32>,
}

impl Default for Slice {
    fn default() -> Slice {
        let mut latency = Histogram::new(2).expect("two significant digits are allowed");
        latency.auto(true);
        Slice { sent: 0, answered: 0, failures: [0; Failure::COUNT], bytes_received: 0, latency }
    }
}

impl Slice {
    fn add(&mut self, other: &Slice) {
        self.sent += other.sent;
        self.answered += other.answered;
        self.failures.iter_mut().zip(other.failures).for_each(|(mine, theirs)| *mine += theirs);
        self.bytes_received += other.bytes_received;
        self.latency.add(&other.latency).expect("a histogram that resizes takes all values");
    }

    fn add_tally(&mut self, tally: &Tally) {
        self.sent += tally.sent;
        self.answered += tally.answered;
        self.failures.iter_mut().zip(tally.failures).for_each(|(mine, theirs)| *mine += theirs);
        self.bytes_received += tally.bytes_received;
        for value in tally.latency.iter_recorded() {
            let count = u32::try_from(value.count_since_last_iteration()).unwrap_or(u32::MAX);
            // What the tally's histogram could hold, a histogram that resizes can.
            let _ = self.latency.record_n(value.value_iterated_to(), count);
        }
    }
}

impl Series {
    /// `seconds` is the length of a flushed interval.
    pub fn new(seconds: f64) -> Series {
        Series { seconds, merged: 1, slices: Vec::new() }
    }

    /// Adds what a worker counted in the flushed interval `interval`, numbered from 0.
    pub fn add(&mut self, interval: u64, tally: &Tally) {
        while interval / self.merged >= SLICES_MAX as u64 {
            self.halve();
        }
        let slice = (interval / self.merged) as usize;
        if slice >= self.slices.len() {
            self.slices.resize_with(slice + 1, Slice::default);
        }
        self.slices[slice].add_tally(tally);
    }

    fn halve(&mut self) {
        self.merged *= 2;
        let halved = self.slices.chunks(2).map(|pair| {
            let mut slice = pair[0].clone();
            pair[1..].iter().for_each(|other| slice.add(other));
            slice
        });
        self.slices = halved.collect();
    }

    /// Start and length in seconds, and what happened, up to `end` seconds. What came in the moments after the last whole
    /// slice, when only answers were waited for, is part of that one: by itself it would look like a fall of the rate.
    pub fn slices(&self, end: f64) -> Vec<(f64, f64, Slice)> {
        let seconds = self.seconds * self.merged as f64;
        let mut slices: Vec<(f64, f64, Slice)> = Vec::new();
        for (index, slice) in self.slices.iter().enumerate() {
            let start = index as f64 * seconds;
            let length = seconds.min(end - start);
            match slices.last_mut() {
                Some((before, whole, last)) if length < seconds / 2.0 => {
                    *whole = (end - *before).max(*whole);
                    last.add(slice);
                }
                _ => slices.push((start, length.max(0.0), slice.clone())),
            }
        }
        slices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_gets_what_all_workers_counted() {
        let mut series = Series::new(0.5);
        let mut tally = Tally { sent: 3, answered: 2, ..Tally::default() };
        tally.latency.record_n(1_000_000, 2).unwrap();
        tally.fail(Failure::Reset);
        series.add(2, &tally);
        series.add(2, &tally);
        let slices = series.slices(1.5);
        assert_eq!(slices.len(), 3);
        let (start, seconds, slice) = &slices[2];
        assert_eq!((*start, *seconds, slice.sent, slice.answered), (1.0, 0.5, 6, 4));
        assert_eq!(slice.failures[Failure::Reset as usize], 2);
        assert_eq!(slice.latency.len(), 4);
        assert!((slice.latency.max() as f64 / 1e6 - 1.0).abs() < 0.01);
        assert_eq!(slices[0].2.sent, 0);
    }

    #[test]
    fn a_long_run_has_longer_intervals_rather_than_more() {
        let mut series = Series::new(1.0);
        let tally = Tally { sent: 1, ..Tally::default() };
        for interval in 0..3600 {
            series.add(interval, &tally);
        }
        let slices: Vec<_> =
            series.slices(3600.0).into_iter().map(|(start, seconds, slice)| (start, seconds, slice.sent)).collect();
        assert_eq!(slices.len(), 450);
        assert_eq!(slices[1], (8.0, 8.0, 8));
        assert_eq!(slices.iter().map(|(_, _, sent)| sent).sum::<u64>(), 3600);
    }

    #[test]
    fn the_wait_for_the_last_answers_is_no_slice_of_its_own() {
        let mut series = Series::new(1.0);
        let tally = Tally { sent: 1, ..Tally::default() };
        (0..4).for_each(|interval| series.add(interval, &tally));
        let slices = |end| {
            let slices = series.slices(end).into_iter();
            slices.map(|(start, seconds, slice)| (start, seconds, slice.sent)).collect::<Vec<_>>()
        };
        assert_eq!(slices(3.25), [(0.0, 1.0, 1), (1.0, 1.0, 1), (2.0, 1.25, 2)]);
        assert_eq!(slices(3.75), [(0.0, 1.0, 1), (1.0, 1.0, 1), (2.0, 1.0, 1), (3.0, 0.75, 1)]);
        // The clocks of workers end a little apart: nothing is lost by it.
        assert_eq!(slices(3.0), [(0.0, 1.0, 1), (1.0, 1.0, 1), (2.0, 1.0, 2)]);
    }

    /// Invariant 3: a run of a year takes no more memory than one of an hour.
    #[test]
    fn memory_does_not_grow_with_time() {
        let mut series = Series::new(1.0);
        let mut tally = Tally { sent: 1, ..Tally::default() };
        for latency in [1_000, 1_000_000, 1_000_000_000] {
            tally.latency.record(latency).unwrap();
        }
        let mut most = 0;
        for day in 0..365 {
            series.add(day * 24 * 3600, &tally);
            most = most.max(series.slices.len());
        }
        assert!(most <= SLICES_MAX, "{most}");
        let buckets = series.slices.iter().map(|slice| slice.latency.distinct_values()).max();
        // Two digits of an hour in ns: the largest that is recorded.
        assert!(buckets < Some(20_000), "{buckets:?}");
        assert_eq!(series.slices.iter().map(|slice| slice.sent).sum::<u64>(), 365);
    }
}
