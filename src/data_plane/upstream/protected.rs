//! A protected upstream as one shard knows it: its targets and how each is doing, its breaker, its budget of retries.
//!
//! All of it is this shard's own experience, but for health, which the control thread tells. With eight shards a target
//! that fails is ejected after eight times `consecutiveErrors`, and a breaker sees an eighth of the requests.
//! A deploy carries it over: by the protection's name within its stage, and of targets by their origin.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::plan::delivery::{HealthTarget, Unhealthy};
use crate::plan::integration::Origin;
use crate::plan::protection::Protection;
use crate::plan::{OriginIndex, StagePlan};
use crate::stats::Counter;

use super::super::shard::Shard;
use super::Upstream;
use super::balance::Balance;
use super::breaker::{Breaker, Change, Pass, Verdict};
use super::budget::Budget;
use super::outlier::Standing;

pub struct Protected {
    pub plan: Arc<Protection>,
    pub targets: Box<[Target]>,
    pub mirror: Option<Rc<Upstream>>,
    balance: RefCell<Balance>,
    breaker: Option<Rc<RefCell<Breaker>>>,
    budget: Option<Rc<RefCell<Budget>>>,
}

pub struct Target {
    pub upstream: Rc<Upstream>,
    weight: u32,
    condition: Rc<Condition>,
}

/// What is known of a target. Exchanges of an earlier plan share it.
#[derive(Default)]
struct Condition {
    standing: Cell<Standing>,
    unhealthy: Cell<bool>,
}

/// The breaker is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerOpen;

impl Protected {
    /// `earlier`: the same one in the plan before.
    pub fn adopt(
        plan: &Arc<Protection>,
        upstream: impl Fn(OriginIndex) -> Rc<Upstream>,
        earlier: Option<&Protected>,
        unhealthy: &Unhealthy,
    ) -> Rc<Protected> {
        let targets: Box<[Target]> = plan
            .targets
            .iter()
            .map(|target| {
                let upstream = upstream(target.origin);
                let known = earlier.and_then(|earlier| earlier.condition(&upstream.origin));
                Target { upstream, weight: target.weight, condition: known.unwrap_or_default() }
            })
            .collect();
        let same_round = |earlier: &&Protected| {
            let pairs = earlier.targets.iter().zip(&targets);
            let same = |(one, other): (&Target, &Target)| {
                one.weight == other.weight && one.upstream.origin == other.upstream.origin
            };
            earlier.targets.len() == targets.len() && pairs.into_iter().all(same)
        };
        let balance = earlier.filter(same_round).map(|earlier| earlier.balance.borrow().clone());
        let breaker = plan.circuit_breaker.as_ref().map(|config| {
            let known = earlier.and_then(|earlier| earlier.breaker.clone());
            known.unwrap_or_else(|| Rc::new(RefCell::new(Breaker::new(config))))
        });
        let budget =
            plan.retries.as_ref().map(|_| earlier.and_then(|earlier| earlier.budget.clone()).unwrap_or_default());
        let mirror = plan.mirror.map(|mirror| upstream(mirror.origin));
        let balance = RefCell::new(balance.unwrap_or_else(|| Balance::new(targets.len())));
        let adopted = Protected { plan: Arc::clone(plan), targets, mirror, balance, breaker, budget };
        adopted.note_health(unhealthy);
        Rc::new(adopted)
    }

    fn condition(&self, origin: &Arc<Origin>) -> Option<Rc<Condition>> {
        let target = self.targets.iter().find(|target| target.upstream.origin == *origin)?;
        Some(Rc::clone(&target.condition))
    }

    /// Takes note of what health checks have found.
    pub fn note_health(&self, unhealthy: &Unhealthy) {
        for target in &self.targets {
            let out = self.plan.health_check.as_ref().is_some_and(|check| {
                let origin = Arc::clone(&target.upstream.origin);
                unhealthy.contains(&HealthTarget { origin, check: Arc::clone(check) })
            });
            target.condition.unhealthy.set(out);
        }
    }

    /// Whether [`Protected::begin`] would refuse: to be asked before a body is waited for.
    pub fn refuses(&self, shard: &Shard) -> bool {
        let breaker = self.breaker.as_deref().zip(self.plan.circuit_breaker.as_ref());
        breaker.is_some_and(|(breaker, config)| breaker.borrow().refuses(config, shard.now_ms()))
    }

    /// Counts a request, whose retries the budget will be asked for.
    pub fn count_request(&self, shard: &Shard) {
        if let Some(budget) = &self.budget {
            budget.borrow_mut().request(shard.now_ms());
        }
    }

    /// Takes a retry from the budget.
    pub fn may_retry(&self, shard: &Shard) -> bool {
        let budget = self.budget.as_deref().zip(self.plan.retries.as_ref());
        let allowed =
            budget.is_some_and(|(budget, retries)| budget.borrow_mut().retry(retries.budget_percent, shard.now_ms()));
        let counter = if allowed { Counter::ProtectionRetriesSent } else { Counter::ProtectionRetriesRefused };
        shard.recorder.count(counter);
        allowed
    }

    /// Begins an attempt: past the breaker, at the next target. `tried` has a bit for each target that was tried before;
    /// others are taken first.
    ///
    /// # Errors
    /// [`BreakerOpen`]
    pub fn begin(self: &Rc<Self>, tried: u64, shard: &Shard) -> Result<Attempt, BreakerOpen> {
        let breaker = self.breaker.as_deref().zip(self.plan.circuit_breaker.as_ref());
        let pass = match breaker {
            None => None,
            Some((breaker, config)) => {
                let (pass, change) = breaker.borrow_mut().admit(config, shard.now_ms());
                count_change(change, shard);
                Some(pass.ok_or(BreakerOpen)?)
            }
        };
        Ok(Attempt { protected: Rc::clone(self), target: self.pick(tried, shard), pass })
    }

    fn pick(&self, tried: u64, shard: &Shard) -> usize {
        if self.targets.len() == 1 {
            return 0;
        }
        let (now_ms, mut balance) = (shard.now_ms(), self.balance.borrow_mut());
        let weight = |at: usize| self.targets[at].weight;
        let serves = |at: usize| if self.targets[at].serves(now_ms) { weight(at) } else { 0 };
        let untried = |at: usize| if tried >> at & 1 == 0 { serves(at) } else { 0 };
        let picked = balance.pick(untried).or_else(|| balance.pick(serves));
        picked
            .or_else(|| {
                // All are out. That is more often the checks' mistake than the truth, and an error either way.
                shard.recorder.count(Counter::FailedOpen);
                balance.pick(weight)
            })
            .unwrap_or(0)
    }

    fn end(&self, target: usize, pass: Option<Pass>, verdict: Verdict, shard: &Shard) {
        let now_ms = shard.now_ms();
        let breaker = self.breaker.as_deref().zip(self.plan.circuit_breaker.as_ref());
        if let Some(((breaker, config), pass)) = breaker.zip(pass) {
            count_change(breaker.borrow_mut().end(config, pass, verdict, now_ms), shard);
        }
        if let Some(outlier) = &self.plan.outlier {
            let ejected = self.targets.iter().filter(|target| target.is_ejected(now_ms)).count() as u32;
            let condition = &self.targets[target].condition;
            let mut standing = condition.standing.get();
            if standing.end(outlier, verdict, ejected, now_ms) {
                shard.recorder.count(Counter::TargetsEjected);
            }
            condition.standing.set(standing);
        }
    }
}

fn count_change(change: Option<Change>, shard: &Shard) {
    let counter = match change {
        None => return,
        Some(Change::Opened) => Counter::BreakersOpened,
        Some(Change::HalfOpened) => Counter::BreakersHalfOpened,
        Some(Change::Closed) => Counter::BreakersClosed,
    };
    shard.recorder.count(counter);
}

impl Target {
    fn is_ejected(&self, now_ms: u64) -> bool {
        self.condition.standing.get().is_ejected(now_ms)
    }

    fn serves(&self, now_ms: u64) -> bool {
        !self.condition.unhealthy.get() && !self.is_ejected(now_ms)
    }
}

/// One attempt at one target. One that is dropped before its end gives its place at a half-open breaker back.
pub struct Attempt {
    protected: Rc<Protected>,
    pub target: usize,
    pass: Option<Pass>,
}

impl Attempt {
    pub fn upstream(&self) -> &Rc<Upstream> {
        &self.protected.targets[self.target].upstream
    }

    /// Tells how it ended.
    pub fn end(mut self, verdict: Verdict, shard: &Shard) {
        let pass = self.pass.take();
        self.protected.end(self.target, pass, verdict, shard);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let breaker = self.protected.breaker.as_deref().zip(self.protected.plan.circuit_breaker.as_ref());
        if let Some(((breaker, config), pass)) = breaker.zip(self.pass) {
            breaker.borrow_mut().end(config, pass, Verdict::None, 0);
        }
    }
}

/// The protections of a stage. What the stage had of the same name goes on.
pub fn adopt_stage(
    stage: &StagePlan,
    upstream: impl Fn(OriginIndex) -> Rc<Upstream>,
    earlier: &[Rc<Protected>],
    unhealthy: &Unhealthy,
) -> Box<[Rc<Protected>]> {
    let adopt = |plan: &Arc<Protection>| {
        let known = earlier.iter().find(|known| known.plan.name == plan.name);
        Protected::adopt(plan, &upstream, known.map(|known| &**known), unhealthy)
    };
    stage.protections.iter().map(adopt).collect()
}
