//! The throttles that all callers share: the account's, and those of a stage's methods.
//! (Guide, `api-gateway-request-throttling`.)
//!
//! A limit's budget is shared by all shards; a shard has a lease of it ([`crate::limit`]). It is asked for with the first
//! request that needs it, and kept from plan to plan: a deploy fills no bucket.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use ahash::AHashMap;

use super::live::Live;
use crate::limit::{Budgets, Lease, Leases, Rate, Wait};
use crate::plan::release::Release;
use crate::plan::throttle::Throttles;
use crate::plan::{MethodIndex, MethodPlan, Plan, StagePlan};

/// What all shards share.
#[derive(Debug)]
pub struct SharedLimits {
    budgets: Budgets,
    /// Of all requests that find a method.
    account: Option<Rate>,
    /// The start of the clock that limits are reckoned by.
    start: Instant,
}

impl SharedLimits {
    pub fn new(shards: usize, account: Option<Rate>) -> SharedLimits {
        SharedLimits { budgets: Budgets::new(shards as u32), account, start: Instant::now() }
    }

    /// Nanoseconds on the limits' clock.
    pub fn clock_ns(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.start).as_nanos() as u64
    }
}

/// A shard's side.
pub struct Limits {
    pub shared: Arc<SharedLimits>,
    leases: Leases,
    account: Option<Rc<Lease>>,
}

/// The limits of a stage's methods on this shard.
pub struct StageLimits {
    /// By [`MethodIndex`]; empty until there is a request for a method that has one.
    leases: Box<[OnceCell<Rc<Lease>>]>,
}

/// Why a request has to wait: which limit it met.
#[derive(Clone, Copy, Debug)]
pub struct Throttled {
    pub by: ThrottledBy,
    pub wait: Wait,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottledBy {
    Account,
    Method,
}

impl Limits {
    pub fn new(shared: Arc<SharedLimits>) -> Limits {
        let leases = Leases::new();
        let account = shared.account.map(|rate| {
            let budget = shared.budgets.budget(ACCOUNT, rate, 0);
            leases.lease(budget)
        });
        Limits { shared, leases, account }
    }

    /// Gives back what was leased and not needed.
    pub fn tick(&self) {
        self.leases.tick();
    }

    /// The limits of a plan's stages, with the leases of the plan before it.
    pub fn adopt(&self, plan: &Plan, earlier: &Live) -> Vec<Option<Rc<StageLimits>>> {
        let mut known = AHashMap::new();
        for (stage, limits) in earlier.plan.stages.iter().zip(earlier.limits()) {
            if let Some(limits) = limits {
                known.insert(stage_name(stage), (stage, limits));
            }
        }
        let of_stage = |stage: &Arc<StagePlan>| {
            let throttles = stage.throttles.as_ref()?;
            match known.get(&stage_name(stage)) {
                Some((same, limits)) if Arc::ptr_eq(same, stage) => Some(Rc::clone(limits)),
                Some((before, limits)) => Some(self.of_stage(stage, throttles, limits.used(before))),
                None => Some(self.of_stage(stage, throttles, std::iter::empty())),
            }
        };
        plan.stages.iter().map(of_stage).collect()
    }

    /// With leases for the methods that were called before: their budgets are kept by whoever has a lease.
    fn of_stage<'m>(
        &self,
        stage: &StagePlan,
        throttles: &Throttles,
        used: impl Iterator<Item = &'m MethodPlan>,
    ) -> Rc<StageLimits> {
        let limits = StageLimits { leases: stage.methods.iter().map(|_| OnceCell::new()).collect() };
        let now_ns = self.shared.clock_ns(Instant::now());
        for method in used {
            let found = stage.methods.iter().position(|candidate| is_same(candidate, method));
            let Some(index) = found else { continue };
            if let Some(rate) = throttles.of_method(MethodIndex(index as u32)) {
                let _ = limits.leases[index].set(self.lease(stage, method, *rate, now_ns));
            }
        }
        Rc::new(limits)
    }

    /// One token of every limit of a method, or of none.
    ///
    /// # Errors
    /// The limit that has none.
    #[inline]
    pub fn take(
        &self,
        stage: &StagePlan,
        limits: Option<&StageLimits>,
        index: MethodIndex,
        now_ns: u64,
    ) -> Result<(), Throttled> {
        let mut taken = None;
        if let (Some(limits), Some(throttles)) = (limits, &stage.throttles)
            && let Some(rate) = throttles.of_method(index)
        {
            let lease = limits.leases[index.0 as usize]
                .get_or_init(|| self.lease(stage, stage.method(index), *rate, now_ns));
            lease.take(now_ns).map_err(|wait| Throttled { by: ThrottledBy::Method, wait })?;
            taken = Some(lease);
        }
        let Some(account) = &self.account else { return Ok(()) };
        account.take(now_ns).map_err(|wait| {
            if let Some(lease) = taken {
                lease.give_back();
            }
            Throttled { by: ThrottledBy::Account, wait }
        })
    }

    #[cold]
    fn lease(&self, stage: &StagePlan, method: &MethodPlan, rate: Rate, now_ns: u64) -> Rc<Lease> {
        let identity = format!(
            "method\0{}\0{}\0{}\0{}\0{}",
            stage.region, stage.api_id, stage.stage, method.http_method, method.resource_path
        );
        self.leases.lease(self.shared.budgets.budget(&identity, rate, now_ns))
    }
}

/// The account's budget: there is one.
const ACCOUNT: &str = "account";

/// A canary shares the limits of its stage.
fn stage_name(stage: &StagePlan) -> (&str, &str, &str, bool) {
    (&stage.region, &stage.api_id, &stage.stage, stage.release == Release::Canary)
}

fn is_same(one: &MethodPlan, other: &MethodPlan) -> bool {
    one.http_method == other.http_method && one.resource_path == other.resource_path
}

impl StageLimits {
    /// The methods that have been called.
    fn used<'l>(&'l self, stage: &'l StagePlan) -> impl Iterator<Item = &'l MethodPlan> {
        let methods = self.leases.iter().zip(stage.methods.iter());
        methods.filter(|(lease, _)| lease.get().is_some()).map(|(_, method)| method)
    }
}
