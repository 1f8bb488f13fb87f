//! A token bucket in eight bytes, taken from directly by any thread: for limits that have a record of their own.

use std::sync::atomic::{AtomicU64, Ordering};

use super::bucket::{Bucket, Standing, Wait};
use super::rate::{Rate, moment};
use super::step;

/// All zeros is a full bucket, whatever its rate; it may lie in memory that outlives the process.
///
/// The rate is passed in each time. When it changes, the cell answers for both: a window across the change gets at most
/// what the old rate gave until then and what the new one gives from then on.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Cell(AtomicU64);

/// What [`Cell::take`] did, so that it can be undone.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    before: u64,
    after: u64,
}

impl Cell {
    /// A full one.
    pub const fn new() -> Cell {
        Cell(AtomicU64::new(0))
    }

    /// Takes so many tokens, or none.
    #[inline]
    pub fn take(&self, rate: &Rate, tokens: u32, now_ns: u64) -> Result<Taken, Wait> {
        CellOf(&self.0).take(rate, tokens, now_ns)
    }

    /// See [`CellOf::undo`].
    pub fn undo(&self, taken: Taken) {
        CellOf(&self.0).undo(taken);
    }

    pub fn standing(&self, rate: &Rate, now_ns: u64) -> Standing {
        CellOf(&self.0).standing(rate, now_ns)
    }
}

/// A [`Cell`] in a word that is somebody else's, as in a record with other things.
#[derive(Clone, Copy, Debug)]
pub struct CellOf<'w>(pub &'w AtomicU64);

impl CellOf<'_> {
    /// Takes so many tokens, or none.
    #[inline]
    pub fn take(self, rate: &Rate, tokens: u32, now_ns: u64) -> Result<Taken, Wait> {
        let now = moment(now_ns);
        step();
        let mut before = self.0.load(Ordering::Relaxed);
        loop {
            let bucket = Bucket(before).on_this_clock(rate, now);
            let (after, taken) = match bucket.take(rate, tokens, 0, now) {
                Ok(after) => (after, Ok(Taken { before, after: after.0 })),
                Err(wait) if bucket.0 == before => return Err(wait),
                Err(wait) => (bucket, Err(wait)),
            };
            step();
            match self.0.compare_exchange_weak(before, after.0, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return taken,
                Err(current) => before = current,
            }
        }
    }

    /// Puts tokens back that were taken and not used, because a later limit refused the request.
    ///
    /// Only while nobody has taken after that, else they stay lost: in between the bucket may have flowed over for want
    /// of room for them, or not, and the cell cannot tell. So it never gives too much, at the price of a token now and
    /// then.
    pub fn undo(self, taken: Taken) {
        step();
        let _ = self.0.compare_exchange(taken.after, taken.before, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub fn standing(self, rate: &Rate, now_ns: u64) -> Standing {
        let now = moment(now_ns);
        Bucket(self.0.load(Ordering::Relaxed)).on_this_clock(rate, now).standing(rate, 0, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const SECOND: u64 = 1_000 * MS;

    fn rate() -> Rate {
        Rate::new(10.0, 5).expect("a rate")
    }

    #[test]
    fn a_cell_gives_its_burst_and_then_its_rate() {
        let cell = Cell::new();
        assert_eq!((0..9).filter(|_| cell.take(&rate(), 1, SECOND).is_ok()).count(), 5);
        let wait = cell.take(&rate(), 1, SECOND).expect_err("empty");
        assert_eq!(wait.ns(), 100 * MS);
        assert!(cell.take(&rate(), 1, SECOND + wait.ns() - 1).is_err());
        assert!(cell.take(&rate(), 1, SECOND + wait.ns()).is_ok());
        assert_eq!(cell.take(&rate(), 3, SECOND).expect_err("empty").ns(), 400 * MS);
        assert_eq!(cell.standing(&rate(), 2 * SECOND), Standing { remaining: 5, full_in_ns: 0 });
    }

    #[test]
    fn what_was_taken_is_undone_unless_another_came() {
        let cell = Cell::new();
        let remaining = || cell.standing(&rate(), SECOND).remaining;
        let first = cell.take(&rate(), 2, SECOND).expect("full");
        cell.undo(first);
        assert_eq!(remaining(), 5);
        let first = cell.take(&rate(), 2, SECOND).expect("full");
        let second = cell.take(&rate(), 1, SECOND).expect("three left");
        cell.undo(first);
        assert_eq!(remaining(), 2);
        cell.undo(second);
        assert_eq!(remaining(), 3);
    }

    #[test]
    fn a_clock_that_starts_again_does_not_stall_a_cell() {
        let cell = Cell::new();
        let year = 365 * 24 * 3600 * SECOND;
        assert!(cell.take(&rate(), 5, year).is_ok());
        assert_eq!(cell.take(&rate(), 1, 0).expect_err("as if just emptied").ns(), 100 * MS);
        assert!(cell.take(&rate(), 1, 100 * MS).is_ok());
    }

    #[test]
    fn a_changed_rate_counts_for_what_comes_after() {
        let slow = Rate::new(0.1, 100).expect("a rate");
        let cell = Cell::new();
        assert!(cell.take(&slow, 100, SECOND).is_ok());
        assert_eq!(cell.take(&rate(), 1, SECOND).expect_err("just emptied").ns(), 100 * MS);
        assert!(cell.take(&rate(), 1, SECOND + 100 * MS).is_ok());
    }
}
