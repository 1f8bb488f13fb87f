//! How often requests pass: by the caller's usage plan, by the method's settings, by the account.
//! (Guide, `api-gateway-request-throttling`.)
//!
//! Of the limits that all callers share, a shard has leases ([`crate::limit`]). A lease is asked for with the first request
//! that needs it, and kept from plan to plan: a deploy fills no bucket. A key's limit in its plan is taken from directly:
//! that one key is busy on many shards is rare.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use ahash::{AHashMap, RandomState};

use super::live::Live;
use super::settings::ThrottleSettings;
use crate::limit::{Budgets, CellOf, KeyedCells, Lease, Leases, Rate, Taken, Wait};
use crate::meter::Meters;
use crate::plan::clients::{Caller, Membership};
use crate::plan::release::Release;
use crate::plan::throttle::Throttles;
use crate::plan::{MethodIndex, MethodPlan, Plan, StageIndex, StagePlan};

/// What all shards share.
pub struct SharedLimits {
    budgets: Budgets,
    /// Of all requests that find a method.
    account: Option<Rate>,
    /// What a usage plan says of single methods, for each of its keys.
    keyed: KeyedCells,
    hasher: RandomState,
    /// What each key has in each of its plans.
    pub meters: Arc<Meters>,
    /// The start of the clock that limits are reckoned by.
    start: Instant,
}

impl SharedLimits {
    pub fn new(shards: usize, settings: &ThrottleSettings, meters: Arc<Meters>) -> SharedLimits {
        SharedLimits {
            budgets: Budgets::new(shards as u32),
            account: settings.account,
            keyed: KeyedCells::new(settings.keyed_buckets_max),
            hasher: RandomState::new(),
            meters,
            start: Instant::now(),
        }
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
    UsagePlan,
    UsagePlanMethod,
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
    pub fn adopt(&self, plan: &Plan, earlier: Option<&Live>) -> Vec<Option<Rc<StageLimits>>> {
        let mut known = AHashMap::new();
        if let Some(earlier) = earlier {
            let limited = earlier.plan.stages.iter().zip(earlier.all_limits());
            known.extend(limited.filter_map(|(stage, limits)| Some((stage_name(stage), (stage, limits.as_ref()?)))));
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

    /// One token of every limit of a request, or of none.
    ///
    /// # Errors
    /// The limit that has none.
    #[inline]
    pub fn take(
        &self,
        live: &Live,
        stage: StageIndex,
        method: MethodIndex,
        caller: Option<&Caller>,
        now: Instant,
    ) -> Result<(), Throttled> {
        if caller.is_none() && self.account.is_none() && live.limits(stage).is_none() {
            return Ok(());
        }
        let now_ns = self.shared.clock_ns(now);
        let of_key = match caller {
            Some(caller) => self.take_of_key(live, stage, method, caller, now_ns)?,
            None => None,
        };
        let taken = self.take_of_all(live, stage, method, now_ns);
        if let (Err(_), Some((word, taken))) = (&taken, of_key) {
            word.undo(taken);
        }
        taken
    }

    /// What the caller's usage plan allows each of its keys.
    fn take_of_key(
        &self,
        live: &Live,
        stage: StageIndex,
        method: MethodIndex,
        caller: &Caller,
        now_ns: u64,
    ) -> Result<Option<(CellOf<'_>, Taken)>, Throttled> {
        let Membership { plan, index } = caller.membership;
        let mut of_plan = None;
        if let Some(rate) = live.clients.plans().entry(plan).and_then(|entry| entry.throttle.as_ref()) {
            let cell = CellOf(self.shared.meters.record(index).throttle());
            let taken = cell.take(rate, 1, now_ns).map_err(|wait| Throttled { by: ThrottledBy::UsagePlan, wait })?;
            of_plan = Some((cell, taken));
        }
        if let Some(throttle) = live.stage_clients(stage).throttle(plan, method) {
            let hash = self.shared.hasher.hash_one((throttle.method, index.0));
            self.shared.keyed.take(hash, &throttle.rate, 1, now_ns).map_err(|wait| {
                if let Some((cell, taken)) = of_plan {
                    cell.undo(taken);
                }
                Throttled { by: ThrottledBy::UsagePlanMethod, wait }
            })?;
        }
        Ok(of_plan)
    }

    /// The method's limit and the account's.
    fn take_of_all(&self, live: &Live, stage: StageIndex, index: MethodIndex, now_ns: u64) -> Result<(), Throttled> {
        let mut taken = None;
        if let Some(limits) = live.limits(stage) {
            let stage = live.plan.stage(stage);
            if let Some(rate) = stage.throttles.as_ref().and_then(|throttles| throttles.of_method(index)) {
                let lease = limits.leases[index.0 as usize]
                    .get_or_init(|| self.lease(stage, stage.method(index), *rate, now_ns));
                lease.take(now_ns).map_err(|wait| Throttled { by: ThrottledBy::Method, wait })?;
                taken = Some(lease);
            }
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
