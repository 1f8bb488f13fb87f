//! A shard's few tokens in advance, so that a request does not touch what other cores write.
//!
//! How many depends on what was lately needed, not on hope: the first lease after quiet is of one token, each that follows
//! within the same tick of twice as many, up to 64, and never of more than a shard's share of half the bucket. So a shard
//! with a request now and then leaves nothing lying about, and a busy one goes to the budget once in 64 requests. What
//! a shard holds and did not need goes back at its tick.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::bucket::{Standing, Wait, of_another_clock};
use super::budget::{Budget, Spent};

/// Tokens of a lease, at most.
const TOKENS_MAX: u32 = 64;

/// All leases of a shard: those that hold something are on its list.
#[derive(Debug, Default)]
pub struct Leases {
    holding: Rc<RefCell<Vec<Rc<Lease>>>>,
}

/// One shard's side of a [`Budget`].
#[derive(Debug)]
pub struct Lease {
    /// Still to be spent; the rest of `leased` is spent and not settled.
    tokens: Cell<u32>,
    leased: Cell<u32>,
    /// When the last token was spent; never goes back, as long as clocks differ by little.
    latest_ns: Cell<u64>,
    /// Settled since the last tick.
    settled: Cell<u32>,
    /// How many to lease next.
    wanted: Cell<u32>,
    /// Whether it is on the shard's list.
    listed: Cell<bool>,
    holding: Weak<RefCell<Vec<Rc<Lease>>>>,
    budget: Arc<Budget>,
}

impl Leases {
    pub fn new() -> Leases {
        Leases::default()
    }

    /// A lease that holds nothing yet.
    pub fn lease(&self, budget: Arc<Budget>) -> Rc<Lease> {
        Rc::new(Lease {
            tokens: Cell::new(0),
            leased: Cell::new(0),
            latest_ns: Cell::new(0),
            settled: Cell::new(0),
            wanted: Cell::new(1),
            listed: Cell::new(false),
            holding: Rc::downgrade(&self.holding),
            budget,
        })
    }

    /// Settles, and gives back what was not needed. For the shard's tick, every few milliseconds: so long may a token be
    /// held by a shard that has no use for it. Costs nothing for leases that were not used.
    pub fn tick(&self) {
        self.holding.borrow_mut().retain(|lease| lease.tick());
    }
}

impl Lease {
    /// Takes one token.
    #[inline]
    pub fn take(self: &Rc<Lease>, now_ns: u64) -> Result<(), Wait> {
        let Some(left) = self.tokens.get().checked_sub(1) else {
            return self.renew(now_ns);
        };
        self.tokens.set(left);
        self.latest_ns.set(self.latest_ns.get().max(now_ns));
        Ok(())
    }

    /// Puts back the token that was just taken, because a later limit refused the request. In the same step of the shard:
    /// after a tick it would already count as spent.
    pub fn give_back(&self) {
        if self.tokens.get() < self.leased.get() {
            self.tokens.set(self.tokens.get() + 1);
        }
    }

    /// What this shard could take at this moment.
    pub fn standing(&self, now_ns: u64) -> Standing {
        let shared = self.budget.standing(now_ns);
        Standing { remaining: shared.remaining + self.tokens.get(), ..shared }
    }

    /// Settles what was spent, all of it, and leases anew for this request and some more.
    #[cold]
    #[inline(never)]
    fn renew(self: &Rc<Lease>, now_ns: u64) -> Result<(), Wait> {
        let spent = self.spent();
        // A clock that steps back a little stands still here instead; one that was set back is followed.
        let now_ns = if of_another_clock(spent.last_ns, now_ns) { now_ns } else { now_ns.max(spent.last_ns) };
        let leased = self.budget.lease(spent, self.wanted.get(), now_ns);
        self.settled.set(self.settled.get().saturating_add(spent.tokens));
        self.leased.set(*leased.as_ref().unwrap_or(&0));
        let tokens = leased?;
        self.tokens.set(tokens - 1);
        self.latest_ns.set(now_ns);
        self.wanted.set((self.wanted.get() * 2).min(TOKENS_MAX));
        if !self.listed.replace(true)
            && let Some(holding) = self.holding.upgrade()
        {
            holding.borrow_mut().push(Rc::clone(self));
        }
        Ok(())
    }

    /// Whether it still holds something.
    fn tick(&self) -> bool {
        let (spent, tokens) = (self.spent(), self.tokens.get());
        let needed = self.settled.replace(0).saturating_add(spent.tokens);
        let kept = if tokens <= needed { tokens } else { 0 };
        self.budget.settle(spent, tokens - kept);
        self.tokens.set(kept);
        self.leased.set(kept);
        self.wanted.set(self.wanted.get().min(needed.max(1)));
        self.listed.set(kept > 0);
        kept > 0
    }

    fn spent(&self) -> Spent {
        Spent { tokens: self.leased.get() - self.tokens.get(), last_ns: self.latest_ns.get() }
    }
}

/// A lease of a plan that nobody uses any more.
impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.settle(self.spent(), self.tokens.get());
    }
}

#[cfg(test)]
mod tests {
    use super::super::rate::Rate;
    use super::*;

    const MS: u64 = 1_000_000;
    const SECOND: u64 = 1_000 * MS;

    fn budget(rate_limit: f64, burst_limit: i32, shards: u32) -> Arc<Budget> {
        Arc::new(Budget::new(Rate::new(rate_limit, burst_limit).expect("a rate"), shards))
    }

    /// How many of so many pass at a moment.
    fn passed(lease: &Rc<Lease>, tries: usize, now_ns: u64) -> usize {
        (0..tries).filter(|_| lease.take(now_ns).is_ok()).count()
    }

    #[test]
    fn one_shard_alone_gets_the_whole_burst_and_the_whole_rate() {
        for (rate_limit, burst) in [(10.0, 1), (10.0, 5), (1_000.0, 100), (10_000.0, 5_000)] {
            let leases = Leases::new();
            let lease = leases.lease(budget(rate_limit, burst, 16));
            assert_eq!(passed(&lease, burst as usize * 2, SECOND), burst as usize);
            let wait = lease.take(SECOND).expect_err("empty");
            assert!(lease.take(SECOND + wait.ns() - 1).is_err());
            assert!(lease.take(SECOND + wait.ns()).is_ok());
            let mut more = 1;
            for at_ms in 1_001..=2_000 {
                more += passed(&lease, 20, at_ms * MS);
                leases.tick();
            }
            assert_eq!(more, rate_limit as usize);
        }
    }

    #[test]
    fn rare_requests_leave_nothing_lying_about() {
        let (budget, leases) = (budget(1.0, 1_000, 4), Leases::new());
        let lease = leases.lease(Arc::clone(&budget));
        for number in 1..=10 {
            assert!(lease.take(number * 20 * MS).is_ok());
            assert_eq!(budget.standing(number * 20 * MS).remaining as u64, 1_000 - number);
            leases.tick();
            assert!(leases.holding.borrow().is_empty());
        }
    }

    #[test]
    fn a_busy_shard_takes_more_at_a_time_and_gives_back_what_it_does_not_need() {
        let (budget, leases) = (budget(1.0, 100_000, 4), Leases::new());
        let lease = leases.lease(Arc::clone(&budget));
        assert_eq!(passed(&lease, 1_000, SECOND), 1_000);
        assert_eq!(lease.wanted.get(), TOKENS_MAX);
        let held = lease.tokens.get();
        assert!(held > 0);
        assert_eq!(budget.standing(SECOND).remaining, 99_000 - held);
        assert_eq!(lease.standing(SECOND).remaining, 99_000);
        leases.tick();
        assert_eq!(lease.tokens.get(), held, "it was busy");
        leases.tick();
        assert_eq!((lease.tokens.get(), lease.wanted.get()), (0, 1));
        assert_eq!(budget.standing(SECOND).remaining, 99_000);
    }

    #[test]
    fn what_was_not_used_is_put_back() {
        let (budget, leases) = (budget(1.0, 3, 1), Leases::new());
        let lease = leases.lease(Arc::clone(&budget));
        for _ in 0..10 {
            assert!(lease.take(SECOND).is_ok());
            lease.give_back();
        }
        lease.give_back();
        leases.tick();
        assert_eq!(budget.standing(SECOND).remaining, 3);
        assert_eq!(passed(&lease, 5, SECOND), 3);
        leases.tick();
        lease.give_back();
        assert!(lease.take(SECOND).is_err(), "what a tick has settled is spent");
    }

    #[test]
    fn a_dropped_lease_gives_back_what_it_holds() {
        let (budget, leases) = (budget(1.0, 1_000, 1), Leases::new());
        let lease = leases.lease(Arc::clone(&budget));
        assert_eq!(passed(&lease, 20, SECOND), 20);
        assert!(lease.tokens.get() > 0);
        drop(leases);
        drop(lease);
        assert_eq!(budget.standing(SECOND).remaining, 980);
    }

    #[test]
    fn a_clock_set_back_does_not_stall_a_lease() {
        let leases = Leases::new();
        let lease = leases.lease(budget(10.0, 5, 1));
        assert_eq!(passed(&lease, 9, 1_000 * SECOND), 5);
        assert_eq!(lease.take(SECOND).expect_err("as if just emptied").ns(), 100 * MS);
        assert_eq!(passed(&lease, 9, SECOND + 100 * MS), 1);
        assert_eq!(passed(&lease, 9, SECOND + 99 * MS), 0);
        assert_eq!(passed(&lease, 9, SECOND + 200 * MS), 1);
    }
}
