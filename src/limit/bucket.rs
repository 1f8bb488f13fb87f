//! The arithmetic of a token bucket that is one moment, `full_at`: when it will be full again if nothing more is taken.
//!
//! Known as the generic cell rate algorithm (ITU-T I.371, annex A). A bucket of interval i and burst b holds
//! `(now + b × i − full_at) / i` tokens, and b when `full_at` has passed. To take n is to move `full_at` from where it is, but at
//! least from `now`, by n × i; it may go as far as `now + b × i`. Zero is a full bucket, at any time: zeroed memory is
//! an array of full buckets.
//!
//! # Why no window gets more than its due
//!
//! Take any window from `s` to `t`, and of the requests that pass within it the one whose step came first and the one
//! whose step came last. The first moved `full_at` from at least s. The last left it at no more than t + b × i. Each in
//! between moved it up by i. So their number is at most `(t − s) / i + b`. Nothing is assumed about the order of the moments
//! that the steps were made with: cores whose clocks differ, or a clock that steps back, cannot let too much pass.

use super::rate::{Rate, nanoseconds};

/// How far ahead of an empty bucket a `full_at` may be before it is taken to come from another clock: ten seconds, in units.
///
/// It is never ahead while clocks differ by less than that. If a clock was set back for good, a bucket would stay empty
/// until that clock has caught up; instead it counts as just emptied.
const CLOCKS_DIFFER: u64 = 160_000_000_000;

/// When the bucket will be full again, in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket(pub(super) u64);

/// How long until enough tokens will have come, for who comes alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait {
    ns: u64,
}

/// What a bucket looks like at a moment, for headers that tell clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whole tokens.
    pub remaining: u32,
    /// Until it is full again.
    pub full_in_ns: u64,
}

impl Bucket {
    /// Takes tokens, where `held` others are out of the bucket and may come back, so that there must be room for them.
    #[inline]
    pub(super) fn take(self, rate: &Rate, tokens: u32, held: u32, now: u64) -> Result<Bucket, Wait> {
        if tokens > rate.burst() {
            return Err(Wait::NEVER);
        }
        let full_at = self.capped(rate, held, now).0 + rate.cost(tokens);
        match full_at.checked_sub(now + rate.depth()) {
            None | Some(0) => Ok(Bucket(full_at)),
            Some(missing) => Err(Wait { ns: nanoseconds(missing) }),
        }
    }

    /// Whole tokens in it.
    pub(super) fn tokens(self, rate: &Rate, held: u32, now: u64) -> u32 {
        let content = (now + rate.depth()).saturating_sub(self.capped(rate, held, now).0);
        u32::try_from(content / rate.interval()).expect("a bucket holds its burst at most, which is a u32")
    }

    pub(super) fn standing(self, rate: &Rate, held: u32, now: u64) -> Standing {
        let full_in = self.capped(rate, held, now).0 - now;
        Standing { remaining: self.tokens(rate, held, now), full_in_ns: nanoseconds(full_in) }
    }

    /// Holds no more than what is not held elsewhere: what would have flowed over by `now` is gone.
    #[inline]
    pub(super) fn capped(self, rate: &Rate, held: u32, now: u64) -> Bucket {
        Bucket(self.0.max(now + rate.cost(held)))
    }

    /// The same, or a bucket just emptied if this one is of another clock.
    #[inline]
    pub(super) fn on_this_clock(self, rate: &Rate, now: u64) -> Bucket {
        let empty = now + rate.depth();
        if self.0 > empty + CLOCKS_DIFFER { Bucket(empty) } else { self }
    }
}

/// Whether a moment is so far ahead of `now` that it must be of another clock.
pub(super) fn of_another_clock(moment_ns: u64, now_ns: u64) -> bool {
    moment_ns > now_ns.saturating_add(nanoseconds(CLOCKS_DIFFER))
}

impl Wait {
    /// More is asked for than a full bucket holds.
    pub const NEVER: Wait = Wait { ns: u64::MAX };

    pub fn ns(self) -> u64 {
        self.ns
    }

    /// For `Retry-After` (RFC 9110, section 10.2.3), rounded up; nothing where waiting does not help.
    pub fn seconds(self) -> Option<u64> {
        (self != Wait::NEVER).then(|| self.ns.div_ceil(1_000_000_000))
    }
}

#[cfg(test)]
mod tests {
    use super::super::rate::moment;
    use super::*;

    const MS: u64 = 1_000_000;

    fn rate() -> Rate {
        Rate::new(10.0, 5).expect("a rate")
    }

    /// Takes one at each moment, in milliseconds, and gives what there was to wait.
    fn waits(held: u32, at_ms: &[u64]) -> Vec<u64> {
        let mut bucket = Bucket(0);
        let take = |at_ms: &u64| match bucket.take(&rate(), 1, held, moment(at_ms * MS)) {
            Ok(after) => {
                bucket = after;
                0
            }
            Err(wait) => wait.ns() / MS,
        };
        at_ms.iter().map(take).collect()
    }

    #[test]
    fn a_full_bucket_gives_its_burst_then_one_an_interval() {
        assert_eq!(waits(0, &[0, 0, 0, 0, 0, 0, 99, 100, 100, 250]), [0, 0, 0, 0, 0, 100, 1, 0, 100, 0]);
        assert_eq!(waits(0, &[1000, 1000, 1000, 1000, 1000, 1000, 9000]), [0, 0, 0, 0, 0, 100, 0]);
    }

    #[test]
    fn what_others_hold_is_not_in_the_bucket() {
        assert_eq!(waits(3, &[0, 0, 0]), [0, 0, 100]);
        assert_eq!(waits(5, &[0, 1_000_000]), [100, 100]);
        assert_eq!(waits(u32::MAX, &[0]), [100]);
    }

    #[test]
    fn more_than_a_burst_never_comes() {
        let take = |rate: &Rate, tokens| Bucket(0).take(rate, tokens, 0, moment(MS));
        assert_eq!(take(&rate(), 6), Err(Wait::NEVER));
        assert_eq!(take(&Rate::NOTHING, 1), Err(Wait::NEVER));
        assert_eq!(Wait::NEVER.seconds(), None);
        assert!(take(&rate(), 5).is_ok());
        assert_eq!(Wait { ns: 1 }.seconds(), Some(1));
        assert_eq!(Wait { ns: 2_000_000_000 }.seconds(), Some(2));
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing_away_and_stalls_nobody() {
        let empty = |at_ns| Bucket(0).take(&rate(), 5, 0, moment(at_ns)).expect("full");
        let second = 1_000 * MS;
        let (before, little) = (empty(100 * second), 95 * second);
        assert_eq!(before.take(&rate(), 1, 0, moment(little)).map_err(Wait::ns), Err(5_100 * MS));
        let far = moment(2 * second);
        let emptied = before.on_this_clock(&rate(), far);
        assert_eq!(before.on_this_clock(&rate(), moment(little)), before);
        assert_eq!(emptied.tokens(&rate(), 0, far), 0);
        assert_eq!(emptied.take(&rate(), 1, 0, far).map_err(Wait::ns), Err(100 * MS));
        assert!(emptied.take(&rate(), 1, 0, far + moment(100 * MS)).is_ok());
    }

    #[test]
    fn its_standing_is_told() {
        let now = moment(1_000 * MS);
        let taken = Bucket(0).take(&rate(), 2, 0, now).expect("full");
        assert_eq!(taken.standing(&rate(), 0, now), Standing { remaining: 3, full_in_ns: 200 * MS });
        assert_eq!(taken.standing(&rate(), 1, now), Standing { remaining: 3, full_in_ns: 200 * MS });
        assert_eq!(taken.standing(&rate(), 0, now + moment(50 * MS)).remaining, 3);
        assert_eq!(Bucket(0).standing(&Rate::NOTHING, 0, now), Standing { remaining: 0, full_in_ns: 0 });
    }
}
