//! One membership's counters: a cache line of atomics.

use std::sync::atomic::{AtomicU64, Ordering};

use super::cell::{DayWord, GrantWord, PeriodWord, QuotaExceeded};
use super::day::Day;
use super::period::{Period, Quota, Today};

/// The requests that one API key has made under one usage plan.
///
/// In the mapped file as it stands here. Shards count in it, the control plane does the rest; the words are independent
/// of one another, so that `Relaxed` is enough, and each is changed by compare-and-swap.
#[repr(C, align(64))]
pub struct Meter {
    /// Whose record it is; see [`Meter::identity`].
    identity: [AtomicU64; 2],
    /// Zero in a free record.
    check: AtomicU64,
    granted: AtomicU64,
    /// Of an even day and of an odd one: a finished day stays until the day after the next.
    days: [AtomicU64; 2],
    period: AtomicU64,
    throttle: AtomicU64,
}

/// What a request leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Of the quota, where there is one.
    pub remaining: Option<u64>,
}

/// Whose a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Nobody,
    Membership(u128),
    /// The check does not fit the identity.
    Damaged,
}

impl Meter {
    /// Counts one request, if the quota allows it. However many threads ask, exactly as many are counted as it allows.
    ///
    /// A period that has begun is counted in without a quota too, so that a quota that comes back finds its requests.
    ///
    /// # Errors
    /// The quota is used up; nothing is counted.
    pub fn count(&self, quota: Option<Quota>, today: &Today) -> Result<Counted, QuotaExceeded> {
        let remaining = match quota {
            Some(quota) => Some(self.count_in_period(quota, today)?),
            None => {
                change(&self.period, |word| Some(PeriodWord(word).on(today, None)?.with_one_more_unlimited().0));
                None
            }
        };
        change(self.cell(today.day), |word| Some(DayWord(word).with_one_more(today.day).0));
        Ok(Counted { remaining })
    }

    /// Whether one more would be too many; nothing is counted.
    pub fn is_used_up(&self, quota: Quota, today: &Today) -> bool {
        let granted = GrantWord(self.granted.load(Ordering::Relaxed));
        let period = PeriodWord(self.period.load(Ordering::Relaxed));
        period.on(today, Some(quota.period)).unwrap_or(period).with_one_more(quota, granted).is_err()
    }

    fn count_in_period(&self, quota: Quota, today: &Today) -> Result<u64, QuotaExceeded> {
        let granted = GrantWord(self.granted.load(Ordering::Relaxed));
        let mut before = PeriodWord(self.period.load(Ordering::Relaxed));
        loop {
            let on = before.on(today, Some(quota.period)).unwrap_or(before);
            let (after, remaining) = on.with_one_more(quota, granted)?;
            match self.period.compare_exchange_weak(before.0, after.0, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(remaining),
                Err(other) => before = PeriodWord(other),
            }
        }
    }

    /// The requests of a day, where this record has them: of today and, until tomorrow's first request, of yesterday.
    /// The store has the earlier ones; of a day that both have, this count is the newer.
    pub fn requests(&self, day: Day) -> Option<u64> {
        let word = DayWord(self.cell(day).load(Ordering::Relaxed));
        (word.day() == day && word.requests() > 0).then(|| word.requests())
    }

    /// The days whose requests have to be moved to the store: those that are over. One that lies more than a day ahead
    /// is from a clock that has been set right since, and is moved as well.
    ///
    /// The store's row is *set* to the count, then [`Meter::moved`] is called; after a crash between the two, the day
    /// is moved once more.
    pub fn finished(&self, today: Day) -> impl Iterator<Item = (Day, u64)> + use<> {
        let words = self.days.each_ref().map(|cell| DayWord(cell.load(Ordering::Relaxed)));
        let is_finished = move |word: &DayWord| word.is_unmoved() && (word.day() < today || word.day().0 > today.0 + 1);
        words.into_iter().filter(is_finished).map(|word| (word.day(), word.requests()))
    }

    /// The store has a finished day's requests. `false` where more have been counted since: it stays finished.
    pub fn moved(&self, day: Day, requests: u64) -> bool {
        let word = DayWord::new(day, requests);
        let cell = self.cell(day);
        cell.compare_exchange(word.0, word.moved().0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Grants requests beyond the quota, or takes them away, in the period that starts on a day. What was granted before
    /// is replaced.
    pub fn grant(&self, start: Day, requests: i64) {
        self.granted.store(GrantWord::new(start, requests).0, Ordering::Relaxed);
    }

    /// Whether [`Meter::rebase`] has something to do: the period that runs is of another kind, there is none yet, or it
    /// starts in days to come, from a clock that has been set right since.
    pub fn needs_rebase(&self, period: Period, today: &Today) -> bool {
        let word = PeriodWord(self.period.load(Ordering::Relaxed));
        word.period() != Some(period) || word.start().0 > today.day.0 + 1
    }

    /// Makes the period that runs one of this kind, with the requests that have been made in it. For the control plane,
    /// before shards hear of the quota: when a plan gets one or changes its period, and for a new record. `stored`
    /// are the requests that the store has of a day.
    ///
    /// From a period of another kind, whole days are added or taken away, so that requests that are being counted
    /// meanwhile stay in. Only where there was no period, what is counted at this very moment may stay out.
    pub fn rebase(&self, period: Period, today: &Today, stored: impl Fn(Day) -> u64) {
        let requests = |from: Day, to: Day| {
            let days = (from.0..to.0).map(Day);
            days.map(|day| self.requests(day).unwrap_or_else(|| stored(day))).fold(0, u64::saturating_add)
        };
        let start = today.start(period);
        let tomorrow = Day(today.day.0 + 1);
        change(&self.period, |word| {
            let running = PeriodWord(word).on(today, None).filter(|running| running.start() <= tomorrow);
            let counted = match running {
                None => requests(start, tomorrow),
                Some(running) if running.period() == Some(period) => return None,
                Some(running) if start < running.start() => {
                    running.requests().saturating_add(requests(start, running.start()))
                }
                Some(running) => running.requests().saturating_sub(requests(running.start(), start)),
            };
            Some(PeriodWord::new(period, start, counted).0)
        });
    }

    /// The cell of the key's throttle within its plan. It means nothing after a restart and is then zero.
    pub fn throttle(&self) -> &AtomicU64 {
        &self.throttle
    }

    fn cell(&self, day: Day) -> &AtomicU64 {
        &self.days[usize::from(day.0 & 1 == 1)]
    }

    /// Makes a free record a membership's. The check comes last: a process that dies in between leaves a free record.
    pub(super) fn claim(&self, identity: u128) {
        self.clear_counters();
        let [high, low] = halves(identity);
        self.identity[0].store(high, Ordering::Relaxed);
        self.identity[1].store(low, Ordering::Relaxed);
        self.check.store(check(identity), Ordering::Release);
    }

    pub(super) fn release(&self) {
        self.check.store(0, Ordering::Release);
        self.clear_counters();
    }

    pub(super) fn owner(&self) -> Owner {
        let found = self.check.load(Ordering::Acquire);
        let identity = self.identity();
        match found {
            0 => Owner::Nobody,
            found if found == check(identity) && self.is_plausible() => Owner::Membership(identity),
            _ => Owner::Damaged,
        }
    }

    pub(super) fn identity(&self) -> u128 {
        let [high, low] = self.identity.each_ref().map(|half| u128::from(half.load(Ordering::Relaxed)));
        high << 64 | low
    }

    /// A throttle's time is told from the process's start.
    pub(super) fn forget_throttle(&self) {
        if self.throttle.load(Ordering::Relaxed) != 0 {
            self.throttle.store(0, Ordering::Relaxed);
        }
    }

    /// Whether counting can have written the counters.
    fn is_plausible(&self) -> bool {
        let period = PeriodWord(self.period.load(Ordering::Relaxed));
        let fits = |parity: usize| {
            let word = DayWord(self.days[parity].load(Ordering::Relaxed));
            word.0 == 0 || usize::from(word.day().0 & 1 == 1) == parity && word.requests() > 0
        };
        (period.0 == 0 || period.period().is_some()) && fits(0) && fits(1)
    }

    fn clear_counters(&self) {
        for word in [&self.granted, &self.days[0], &self.days[1], &self.period] {
            word.store(0, Ordering::Relaxed);
        }
        self.throttle.store(0, Ordering::Relaxed);
    }
}

/// Until nobody was quicker, or there is nothing to change.
fn change(word: &AtomicU64, next: impl FnMut(u64) -> Option<u64>) {
    // An error says that there was nothing to change.
    let _ = word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
}

fn halves(identity: u128) -> [u64; 2] {
    let half = |value: u128| u64::try_from(value & u128::from(u64::MAX)).expect("of 64 bits");
    [half(identity >> 64), half(identity)]
}

/// Never zero, and another one for most other identities.
fn check(identity: u128) -> u64 {
    mixed(identity) | 1
}

/// Evenly spread over all bits: splitmix64's last steps over both halves. (Steele et al., "Fast splittable pseudorandom
/// number generators", 2014.)
pub(super) fn mixed(identity: u128) -> u64 {
    let [high, low] = halves(identity);
    let mut mixed = high ^ low.rotate_left(32) ^ 0x9E37_79B9_7F4A_7C15;
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}
