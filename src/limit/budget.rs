//! A token bucket that all shards share, from which each takes a few tokens in advance: the lease's other side.
//!
//! The state is one word of 128 bits, so that every step is one compare-and-exchange: the [`Bucket`]'s `full_at`, the
//! number of tokens *outstanding* (leased, and neither returned nor told to be spent), and the epoch of the rate. Steps:
//!
//! - `lease(k, now)`: `full_at = max(full_at, now + outstanding × i) + k × i`, if that is at most `now + b × i`; `outstanding += k`.
//! - `give back(u)`: `full_at −= u × i`; `outstanding −= u`. The exact reverse.
//! - `settle(c, last)`, for c tokens of which the last was spent at `last`: `full_at = max(full_at, last + outstanding × i)`;
//!   `outstanding −= c`. May come late: until then the bucket has the less room.
//!
//! # Why no window gets more than its due
//!
//! The bucket's content and what is outstanding never exceed b together, for the bucket is capped at what is not
//! outstanding. That alone is not enough: when a spent token stops to be outstanding, the cap rises, and a bucket that
//! had been at its cap would find itself full at once, as if the token had never been. Hence the first half of `settle`,
//! which notes that at that moment the bucket held no more than its cap.
//!
//! Take any window from s to t, counted by when tokens are spent, and let F be the first step that is a lease made at s
//! or later, or a settlement whose `last` is s or later. Let x be what is outstanding just before F. A token spent in the
//! window is one of these x or leased from F on: were it settled before F, its settlement would be a step as F is. So
//! with K the tokens leased and U those given back from F up to G, the last lease that a token of the window comes from,
//! at most `x + K − U` pass. F finds `full_at` at s + x × i or moves it there. G leaves it at no more than t + b × i,
//! since a token is not spent before it is leased. In between leases and returns moved it by K × i and −U × i, and
//! settlements only up. So `K − U ≤ (t − s) / i + b − x`, and at most `(t − s) / i + b` pass. ∎
//!
//! The proof is for any order of steps and any clocks that differ by less than ten seconds. With a change of the
//! rate, see [`Budget::set_rate`].

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use portable_atomic::AtomicU128;

use super::bucket::{Bucket, Standing, Wait};
use super::rate::{Rate, moment};
use super::step;

/// Two cache lines of its own: the adjacent-line prefetcher couples pairs of them.
#[derive(Debug)]
#[repr(align(128))]
pub struct Budget {
    word: AtomicU128,
    /// The rate of the word's epoch, at its lowest bit; the other is for the next.
    rates: [SharedRate; 2],
    shards: u32,
    /// The newest rate; held while it changes.
    newest: Mutex<Rate>,
}

/// What a lease has used up since it was last told.
#[derive(Clone, Copy)]
pub(super) struct Spent {
    pub(super) tokens: u32,
    pub(super) last_ns: u64,
}

impl Budget {
    /// A full one, for so many shards.
    pub fn new(rate: Rate, shards: u32) -> Budget {
        let word = State { bucket: Bucket(0), outstanding: 0, epoch: 0 }.pack();
        let rates = [SharedRate::new(rate), SharedRate::new(rate)];
        Budget { word: AtomicU128::new(word), rates, shards: shards.max(1), newest: Mutex::new(rate) }
    }

    /// From now on another rate; does nothing if it is the same. Tokens in the bucket stay, up to the new burst.
    ///
    /// What holds across the change: with b and r the larger burst and the larger rate of all that were in force in a
    /// window of length w, at most `b + r × w` pass. For the bucket and what is outstanding held at most the old burst
    /// together, the change adds nothing, and tokens come at one of the rates. A lease taken before keeps its tokens, 64 at
    /// most, until its shard's next tick.
    pub fn set_rate(&self, rate: Rate, now_ns: u64) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if *newest == rate {
            return;
        }
        let epoch = self.load().epoch.wrapping_add(1);
        self.rates[slot(epoch)].store(rate);
        self.update(|state, old| (state.with_rate(old, &rate, epoch, moment(now_ns)), ()));
        *newest = rate;
    }

    pub fn rate(&self) -> Rate {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in the bucket, without what shards hold.
    pub fn standing(&self, now_ns: u64) -> Standing {
        let now = moment(now_ns);
        self.update(|state, rate| {
            let bucket = state.bucket.on_this_clock(rate, now);
            (state, bucket.standing(rate, state.outstanding, now))
        })
    }

    /// Settles what was spent and leases one to `wanted` tokens. It is settled also where nothing can be leased.
    pub(super) fn lease(&self, spent: Spent, wanted: u32, now_ns: u64) -> Result<u32, Wait> {
        let now = moment(now_ns);
        self.update(|state, rate| {
            let settled = state.settle(rate, spent).on_this_clock(rate, now);
            match settled.lease(rate, wanted, self.shards, now) {
                Ok((leased, tokens)) => (leased, Ok(tokens)),
                Err(wait) => (settled, Err(wait)),
            }
        })
    }

    /// Settles what was spent and gives back what will not be.
    pub(super) fn settle(&self, spent: Spent, unspent: u32) {
        self.update(|state, rate| (state.settle(rate, spent).give_back(rate, unspent), ()));
    }

    /// Takes one step. What has changed nothing is only valid if the word still stands: the rate may have been read while it
    /// changed, but then the epoch did too.
    fn update<T>(&self, change: impl Fn(State, &Rate) -> (State, T)) -> T {
        let mut before = self.load();
        loop {
            step();
            let rate = self.rates[slot(before.epoch)].load();
            let (after, result) = change(before, &rate);
            step();
            let current = if after == before { self.load() } else { self.exchange(before, after) };
            if current == before {
                return result;
            }
            before = current;
        }
    }

    fn load(&self) -> State {
        State::unpack(self.word.load(Ordering::Acquire))
    }

    /// Gives what was there, which is `before` if it went well.
    fn exchange(&self, before: State, after: State) -> State {
        let result = self.word.compare_exchange(before.pack(), after.pack(), Ordering::AcqRel, Ordering::Acquire);
        State::unpack(result.unwrap_or_else(|current| current))
    }
}

fn slot(epoch: u32) -> usize {
    (epoch & 1) as usize
}

/// A rate that is written while others read it: they find out by the epoch.
#[derive(Debug)]
struct SharedRate {
    interval: AtomicU64,
    burst: AtomicU32,
}

impl SharedRate {
    fn new(rate: Rate) -> SharedRate {
        SharedRate { interval: AtomicU64::new(rate.interval()), burst: AtomicU32::new(rate.burst()) }
    }

    /// Release, with `load`'s acquire: who sees a part of this rate sees the epoch that made room for it, too.
    fn store(&self, rate: Rate) {
        step();
        self.interval.store(rate.interval(), Ordering::Release);
        step();
        self.burst.store(rate.burst(), Ordering::Release);
    }

    fn load(&self) -> Rate {
        let interval = self.interval.load(Ordering::Acquire);
        step();
        Rate::from_parts(interval, self.burst.load(Ordering::Acquire))
    }
}

/// The word, unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    bucket: Bucket,
    outstanding: u32,
    epoch: u32,
}

impl State {
    fn pack(self) -> u128 {
        u128::from(self.bucket.0) << 64 | u128::from(self.outstanding) << 32 | u128::from(self.epoch)
    }

    fn unpack(word: u128) -> State {
        State { bucket: Bucket((word >> 64) as u64), outstanding: (word >> 32) as u32, epoch: word as u32 }
    }

    fn on_this_clock(self, rate: &Rate, now: u64) -> State {
        State { bucket: self.bucket.on_this_clock(rate, now), ..self }
    }

    fn settle(self, rate: &Rate, spent: Spent) -> State {
        if spent.tokens == 0 {
            return self;
        }
        let bucket = self.bucket.capped(rate, self.outstanding, moment(spent.last_ns));
        State { bucket, ..self }.released(spent.tokens)
    }

    /// A bucket so near to empty that each shard's share of a half is less than two tokens gives one: it is spent at once, and
    /// nothing lies where it is not needed.
    fn lease(self, rate: &Rate, wanted: u32, shards: u32, now: u64) -> Result<(State, u32), Wait> {
        let tokens = match wanted {
            0 | 1 => 1,
            _ => wanted.min(self.bucket.tokens(rate, self.outstanding, now) / shards / 2).max(1),
        };
        let bucket = self.bucket.take(rate, tokens, self.outstanding, now)?;
        Ok((State { bucket, outstanding: self.outstanding + tokens, epoch: self.epoch }, tokens))
    }

    fn give_back(self, rate: &Rate, tokens: u32) -> State {
        let bucket = Bucket(self.bucket.0.saturating_sub(u64::from(tokens) * rate.interval()));
        State { bucket, ..self }.released(tokens)
    }

    fn released(self, tokens: u32) -> State {
        debug_assert!(tokens <= self.outstanding, "a lease gives back what it took");
        State { outstanding: self.outstanding.saturating_sub(tokens), ..self }
    }

    fn with_rate(self, old: &Rate, new: &Rate, epoch: u32, now: u64) -> State {
        let bucket = self.bucket.on_this_clock(old, now).capped(old, self.outstanding, now);
        let content = (now + old.depth()).saturating_sub(bucket.0);
        // Tokens cost more or less than before; rounded down, and at most what may be in the new bucket.
        let content = u128::from(content) * u128::from(new.interval()) / u128::from(old.interval());
        let room = new.depth() - new.cost(self.outstanding);
        let content = u64::try_from(content).map_or(room, |content| content.min(room));
        State { bucket: Bucket(now + new.depth() - content), outstanding: self.outstanding, epoch }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const SECOND: u64 = 1_000 * MS;
    const NOTHING: Spent = Spent { tokens: 0, last_ns: 0 };

    fn rate(rate_limit: f64, burst_limit: i32) -> Rate {
        Rate::new(rate_limit, burst_limit).expect("a rate")
    }

    fn remaining(budget: &Budget, now_ns: u64) -> u32 {
        budget.standing(now_ns).remaining
    }

    #[test]
    fn a_budget_has_two_cache_lines() {
        assert_eq!((size_of::<Budget>(), align_of::<Budget>()), (128, 128));
        let state = State { bucket: Bucket(u64::MAX - 5), outstanding: 7, epoch: u32::MAX };
        assert_eq!(State::unpack(state.pack()), state);
    }

    #[test]
    fn leases_are_a_share_and_shrink_as_the_bucket_empties() {
        let budget = Budget::new(rate(1.0, 100), 4);
        let sizes: Vec<_> = (0..40).map_while(|_| budget.lease(NOTHING, 64, SECOND).ok()).collect();
        assert_eq!(sizes[..6], [12, 11, 9, 8, 7, 6]);
        assert_eq!(sizes.iter().sum::<u32>(), 100);
        assert_eq!(sizes.iter().rev().take_while(|size| **size == 1).count(), 15);
    }

    #[test]
    fn what_is_given_back_is_there_again_and_no_more() {
        let budget = Budget::new(rate(10.0, 100), 1);
        assert_eq!(budget.lease(NOTHING, 40, SECOND), Ok(40));
        assert_eq!(remaining(&budget, SECOND), 60);
        assert_eq!(remaining(&budget, 900 * SECOND), 60);
        budget.settle(NOTHING, 40);
        assert_eq!(remaining(&budget, SECOND), 100);
        assert_eq!(remaining(&budget, 900 * SECOND), 100);
    }

    /// The bucket was at its cap for hours when a lease's tokens are told to be spent: the room that they leave is filled at
    /// the rate, not at once.
    #[test]
    fn a_settled_token_does_not_come_back_at_once() {
        let budget = Budget::new(rate(10.0, 100), 1);
        assert_eq!(budget.lease(NOTHING, 40, SECOND), Ok(40));
        let later = 7_200 * SECOND;
        budget.settle(Spent { tokens: 40, last_ns: later }, 0);
        assert_eq!(remaining(&budget, later), 60);
        assert_eq!(remaining(&budget, later + SECOND), 70);
        assert_eq!(remaining(&budget, later + 4 * SECOND), 100);
    }

    #[test]
    fn what_was_spent_is_settled_even_if_nothing_is_left() {
        let budget = Budget::new(rate(10.0, 2), 1);
        assert_eq!(budget.lease(NOTHING, 1, SECOND), Ok(1));
        assert_eq!(budget.lease(NOTHING, 1, SECOND), Ok(1));
        let spent = Spent { tokens: 2, last_ns: SECOND };
        assert_eq!(budget.lease(spent, 1, SECOND).map_err(Wait::ns), Err(100 * MS));
        assert_eq!(budget.lease(NOTHING, 1, SECOND + 100 * MS), Ok(1));
    }

    #[track_caller]
    fn check_change(from: Rate, left: u32, to: Rate, expected: u32) {
        let budget = Budget::new(from, 1);
        for _ in left..from.burst() {
            budget.lease(NOTHING, 1, SECOND).expect("there are some");
            budget.settle(Spent { tokens: 1, last_ns: SECOND }, 0);
        }
        budget.set_rate(to, SECOND);
        assert_eq!(remaining(&budget, SECOND), expected, "{from:?} {left} {to:?}");
        assert_eq!(budget.rate(), to);
        budget.set_rate(from, SECOND);
        assert_eq!(remaining(&budget, SECOND), expected.min(from.burst()), "back to {from:?}");
    }

    #[test]
    fn a_changed_rate_leaves_the_tokens_there_are() {
        check_change(rate(1.0, 10), 5, rate(1000.0, 10), 5);
        check_change(rate(1000.0, 10), 5, rate(1.0, 10), 5);
        check_change(rate(10.0, 10), 10, rate(10.0, 100), 10);
        check_change(rate(10.0, 100), 100, rate(10.0, 10), 10);
        check_change(rate(10.0, 100), 3, rate(10.0, 10), 3);
        check_change(rate(10.0, 10), 10, Rate::NOTHING, 0);
        check_change(rate(10.0, 10), 0, rate(1e9, i32::MAX), 0);
    }

    #[test]
    fn what_is_outstanding_counts_against_a_smaller_burst() {
        let budget = Budget::new(rate(10.0, 100), 1);
        assert_eq!(budget.lease(NOTHING, 40, SECOND), Ok(40));
        budget.set_rate(rate(10.0, 20), SECOND);
        assert_eq!(remaining(&budget, 900 * SECOND), 0);
        assert!(budget.lease(NOTHING, 1, 900 * SECOND).is_err());
        budget.settle(Spent { tokens: 40, last_ns: 900 * SECOND }, 0);
        assert_eq!(remaining(&budget, 901 * SECOND), 10);
    }
}
