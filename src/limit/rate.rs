//! A rate and a burst, as AWS writes them, made into whole units of time: what one token costs and how many a bucket
//! holds.

use std::fmt;

/// A unit is a sixteenth of a nanosecond: at a million tokens a second the rounding of the interval takes away less
/// than one token in 16,000, and a clock of eighteen years fits half of a `u64`.
const UNITS_PER_NS: u64 = 16;
const UNITS_PER_SECOND: f64 = 16e9;

/// The latest moment: eighteen years after the clock's start, where time stands still.
const NOW_MAX_NS: u64 = (1 << 63) / UNITS_PER_NS;

/// How long a bucket may take to become full, in units: nine years. Keeps every sum of a moment and a depth in a `u64`.
const DEPTH_MAX: u64 = 1 << 62;

/// What a token bucket is filled with. 16 bytes, to be copied into plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Units between two tokens, rounded up, so that the rate is never exceeded. At least 1.
    interval: u64,
    burst: u32,
}

/// A rate that no bucket can have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OddRate {
    /// Negative, infinite or not a number.
    RateLimit(f64),
    /// Negative.
    BurstLimit(i32),
}

impl Rate {
    /// Lets nothing pass.
    pub const NOTHING: Rate = Rate { interval: 1, burst: 0 };

    /// AWS's `rateLimit` in requests a second and `burstLimit` in requests. Either may be 0, which lets nothing pass.
    ///
    /// At the far ends the limit is stricter than written, never looser: no rate above sixteen thousand million a
    /// second; a burst is cut to what the rate fills in nine years; a rate of less than a token in nine years lets
    /// nothing pass.
    pub fn new(rate_limit: f64, burst_limit: i32) -> Result<Rate, OddRate> {
        if !rate_limit.is_finite() || rate_limit < 0.0 {
            return Err(OddRate::RateLimit(rate_limit));
        }
        let burst = u32::try_from(burst_limit).map_err(|_| OddRate::BurstLimit(burst_limit))?;
        let interval = (UNITS_PER_SECOND / rate_limit).ceil();
        if burst == 0 || rate_limit == 0.0 || interval > DEPTH_MAX as f64 {
            return Ok(Rate::NOTHING);
        }
        let interval = (interval as u64).max(1);
        let burst_max = u32::try_from(DEPTH_MAX / interval).unwrap_or(u32::MAX);
        Ok(Rate { interval, burst: burst.min(burst_max) })
    }

    /// Tokens that a full bucket holds.
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// How long an empty bucket takes to become full.
    pub fn fills_in_ns(&self) -> u64 {
        nanoseconds(self.depth())
    }

    pub(super) fn interval(&self) -> u64 {
        self.interval
    }

    /// Units that an empty bucket takes to become full.
    pub(super) fn depth(&self) -> u64 {
        self.cost(self.burst)
    }

    /// Units that so many tokens take to come; no more than the depth.
    pub(super) fn cost(&self, tokens: u32) -> u64 {
        u64::from(tokens.min(self.burst)) * self.interval
    }

    pub(super) fn from_parts(interval: u64, burst: u32) -> Rate {
        Rate { interval, burst }
    }
}

impl fmt::Display for OddRate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OddRate::RateLimit(rate) => write!(formatter, "a rate limit of {rate}; 0 or a positive number is possible"),
            OddRate::BurstLimit(burst) => write!(formatter, "a burst limit of {burst}; 0 or more is possible"),
        }
    }
}

impl std::error::Error for OddRate {}

/// Units since the clock's start.
pub(super) fn moment(now_ns: u64) -> u64 {
    now_ns.min(NOW_MAX_NS) * UNITS_PER_NS
}

/// Rounded up: who waits that long does not come too early.
pub(super) fn nanoseconds(units: u64) -> u64 {
    units.div_ceil(UNITS_PER_NS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rate_limit: f64, burst_limit: i32, interval: u64, burst: u32) {
        assert_eq!(Rate::new(rate_limit, burst_limit), Ok(Rate { interval, burst }), "{rate_limit} {burst_limit}");
    }

    #[test]
    fn rates_become_intervals_rounded_up() {
        check(10_000.0, 5_000, 1_600_000, 5_000);
        check(1.0, 1, 16_000_000_000, 1);
        check(3.0, 2, 5_333_333_334, 2);
        check(0.5, 2, 32_000_000_000, 2);
        check(1e6, 7, 16_000, 7);
    }

    #[test]
    fn the_far_ends_are_stricter_never_looser() {
        check(f64::MAX, i32::MAX, 1, i32::MAX as u32);
        check(1.0, i32::MAX, 16_000_000_000, (DEPTH_MAX / 16_000_000_000) as u32);
        check(16e9 / (1u64 << 62) as f64, 5, 1 << 62, 1);
        for (rate_limit, burst_limit) in [(0.0, 5), (-0.0, 5), (5.0, 0), (0.0, 0), (1e-9, 5), (f64::MIN_POSITIVE, 5)] {
            assert_eq!(Rate::new(rate_limit, burst_limit), Ok(Rate::NOTHING), "{rate_limit} {burst_limit}");
        }
    }

    #[test]
    fn odd_ones_are_refused() {
        for odd in [-1.0, -0.001, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            assert!(matches!(Rate::new(odd, 1), Err(OddRate::RateLimit(_))), "{odd}");
        }
        assert_eq!(Rate::new(1.0, -1), Err(OddRate::BurstLimit(-1)));
        assert_eq!(OddRate::BurstLimit(-1).to_string(), "a burst limit of -1; 0 or more is possible");
    }

    #[test]
    fn no_sum_of_a_moment_and_depths_overflows() {
        let deepest = Rate::new(1.0, i32::MAX).expect("a rate");
        assert!(moment(u64::MAX).checked_add(deepest.depth()).is_some());
        assert_eq!(moment(3), 48);
        assert_eq!(nanoseconds(33), 3);
    }
}
