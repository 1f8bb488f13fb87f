//! How often requests pass: by the caller's usage plan, by `x-tollgate-throttle`, by the method's settings, by the account.
//! (Guide, `api-gateway-request-throttling`.) A request that one of them refuses takes nothing of the others.
//!
//! Of the limits that all callers share, a shard has leases ([`crate::limit`]). A lease is asked for with the first request
//! that needs it, and kept from plan to plan: a deploy fills no bucket. A key's limit in its plan is taken from directly:
//! that one key is busy on many shards is rare.

mod rules;

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use ahash::{AHashMap, RandomState};

use super::live::Live;
use super::settings::ThrottleSettings;
use crate::limit::{
    Budgets, CellOf, Concurrency, Entered, KeyedCells, KeyedTaken, Lease, Leases, Rate, Registry, Taken, Wait,
};
use crate::meter::Meters;
use crate::plan::clients::{Caller, Membership};
use crate::plan::release::Release;
use crate::plan::throttle::RuleIndex;
use crate::plan::{MethodIndex, MethodPlan, Plan, StageIndex, StagePlan};

pub use rules::Asking;
use rules::{LiveRules, TakenOf};

/// What all shards share.
pub struct SharedLimits {
    budgets: Budgets,
    /// Of all requests that find a method.
    account: Option<Rate>,
    /// How many requests are under way, where a rule asks.
    concurrencies: Registry<Concurrency>,
    /// What a usage plan says of single methods, for each of its keys; what rules say of addresses and headers.
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
            concurrencies: Registry::default(),
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
    /// In the order of [`StagePlan::rules`].
    rules: LiveRules,
}

/// What is called, and by whom where the method asks.
pub struct Called<'c> {
    pub stage: StageIndex,
    pub method: MethodIndex,
    pub caller: Option<&'c Caller>,
}

/// What was taken of the limits of the caller's key.
#[derive(Default)]
struct TakenOfKey<'m> {
    of_plan: Option<(CellOf<'m>, Taken)>,
    of_method: Option<KeyedTaken>,
}

/// Why a request has to wait: which limit it met.
#[derive(Clone, Copy, Debug)]
pub struct Throttled {
    pub by: ThrottledBy,
    pub limit: ThrottledLimit,
}

#[derive(Clone, Copy, Debug)]
pub enum ThrottledLimit {
    Rate { rate: Rate, wait: Wait },
    Concurrency(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottledBy {
    Account,
    Method,
    UsagePlan,
    UsagePlanMethod,
    ClientIp,
    Header,
    Authorized,
    /// A rule for all requests of a stage.
    Api,
    /// A rule for all requests of a method.
    Operation,
    Concurrency,
}

impl Throttled {
    fn rate(by: ThrottledBy, rate: Rate, wait: Wait) -> Throttled {
        Throttled { by, limit: ThrottledLimit::Rate { rate, wait } }
    }

    fn concurrency(max: u32) -> Throttled {
        Throttled { by: ThrottledBy::Concurrency, limit: ThrottledLimit::Concurrency(max) }
    }
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
        let mut production = None;
        let of_stage = |stage: &Arc<StagePlan>| {
            // A canary is directly behind its stage.
            let before = production.replace(Arc::clone(stage));
            if stage.throttles.is_none() && stage.rules.is_empty() {
                return None;
            }
            Some(match known.get(&stage_name(stage)) {
                Some((same, limits)) if Arc::ptr_eq(same, stage) => Rc::clone(limits),
                Some((earlier, limits)) => self.of_stage(stage, before.as_deref(), limits.used(earlier)),
                None => self.of_stage(stage, before.as_deref(), std::iter::empty()),
            })
        };
        plan.stages.iter().map(of_stage).collect()
    }

    /// With leases for the methods that were called before: their budgets are kept by whoever has a lease.
    fn of_stage<'m>(
        &self,
        stage: &StagePlan,
        production: Option<&StagePlan>,
        used: impl Iterator<Item = &'m MethodPlan>,
    ) -> Rc<StageLimits> {
        let now_ns = self.shared.clock_ns(Instant::now());
        let rules = LiveRules::of_stage(self, stage, production, now_ns);
        let Some(throttles) = &stage.throttles else { return Rc::new(StageLimits { leases: Box::default(), rules }) };
        let limits = StageLimits { leases: stage.methods.iter().map(|_| OnceCell::new()).collect(), rules };
        for method in used {
            let found = stage.methods.iter().position(|candidate| is_same(candidate, method));
            let Some(index) = found else { continue };
            if let Some(rate) = throttles.of_method(MethodIndex(index as u32)) {
                let _ = limits.leases[index].set(self.lease(stage, method, *rate, now_ns));
            }
        }
        Rc::new(limits)
    }

    /// One token of every limit of a request, or of none. What is given has to be kept for as long as it is under way.
    ///
    /// # Errors
    /// The limit that has none.
    #[inline]
    pub fn take(
        &self,
        live: &Live,
        called: &Called<'_>,
        asking: Asking<'_>,
        now: Instant,
    ) -> Result<Vec<Entered>, Throttled> {
        let mut under_way = Vec::new();
        if called.caller.is_none() && self.account.is_none() && live.limits(called.stage).is_none() {
            return Ok(under_way);
        }
        let now_ns = self.shared.clock_ns(now);
        let of_key = match called.caller {
            Some(caller) => self.take_of_key(live, called, caller, now_ns)?,
            None => TakenOfKey::default(),
        };
        let rules = &*live.plan.stage(called.stage).method(called.method).rules;
        let taken = if rules.is_empty() {
            self.take_of_all(live, called, now_ns)
        } else {
            self.take_of_rules(live, called, rules, asking, now_ns, &mut under_way)
        };
        match taken {
            Ok(()) => Ok(under_way),
            Err(throttled) => {
                self.undo(of_key);
                Err(throttled)
            }
        }
    }

    /// What the caller's usage plan allows each of its keys.
    fn take_of_key(
        &self,
        live: &Live,
        called: &Called<'_>,
        caller: &Caller,
        now_ns: u64,
    ) -> Result<TakenOfKey<'_>, Throttled> {
        let Membership { plan, index } = caller.membership;
        let mut taken = TakenOfKey::default();
        if let Some(rate) = live.clients.plans().entry(plan).and_then(|entry| entry.throttle.as_ref()) {
            let cell = CellOf(self.shared.meters.record(index).throttle());
            let of_plan = cell.take(rate, 1, now_ns);
            taken.of_plan = Some((cell, of_plan.map_err(|wait| Throttled::rate(ThrottledBy::UsagePlan, *rate, wait))?));
        }
        if let Some(throttle) = live.stage_clients(called.stage).throttle(plan, called.method) {
            let hash = self.shared.hasher.hash_one((throttle.method, index.0));
            match self.shared.keyed.take(hash, &throttle.rate, 1, now_ns) {
                Ok(of_method) => taken.of_method = Some(of_method),
                Err(wait) => {
                    self.undo(taken);
                    return Err(Throttled::rate(ThrottledBy::UsagePlanMethod, throttle.rate, wait));
                }
            }
        }
        Ok(taken)
    }

    fn undo(&self, taken: TakenOfKey<'_>) {
        if let Some((cell, taken)) = taken.of_plan {
            cell.undo(taken);
        }
        if let Some(taken) = taken.of_method {
            self.shared.keyed.undo(taken);
        }
    }

    /// The first rule, then the others, then what comes after rules: as deep as a method has rules, 16 at most.
    fn take_of_rules(
        &self,
        live: &Live,
        called: &Called<'_>,
        rules: &[RuleIndex],
        asking: Asking<'_>,
        now_ns: u64,
        under_way: &mut Vec<Entered>,
    ) -> Result<(), Throttled> {
        let (Some((index, others)), Some(limits)) = (rules.split_first(), live.limits(called.stage)) else {
            return self.take_of_all(live, called, now_ns);
        };
        let rule = &live.plan.stage(called.stage).rules[usize::from(index.0)];
        match limits.rules.take(self, (rule, *index), asking, now_ns)? {
            TakenOf::Concurrency(entered) => {
                under_way.push(entered);
                self.take_of_rules(live, called, others, asking, now_ns, under_way)
            }
            TakenOf::Rate(lease) => {
                self.take_of_rules(live, called, others, asking, now_ns, under_way).inspect_err(|_| lease.give_back())
            }
            TakenOf::PerKey(taken) => self
                .take_of_rules(live, called, others, asking, now_ns, under_way)
                .inspect_err(|_| self.shared.keyed.undo(taken)),
        }
    }

    /// The method's limit and the account's.
    fn take_of_all(&self, live: &Live, called: &Called<'_>, now_ns: u64) -> Result<(), Throttled> {
        let (mut taken, index) = (None, called.method);
        if let Some(limits) = live.limits(called.stage) {
            let stage = live.plan.stage(called.stage);
            if let Some(rate) = stage.throttles.as_ref().and_then(|throttles| throttles.of_method(index)) {
                let lease = limits.leases[index.0 as usize]
                    .get_or_init(|| self.lease(stage, stage.method(index), *rate, now_ns));
                lease.take(now_ns).map_err(|wait| Throttled::rate(ThrottledBy::Method, *rate, wait))?;
                taken = Some(lease);
            }
        }
        let (Some(account), Some(rate)) = (&self.account, self.shared.account) else { return Ok(()) };
        account.take(now_ns).map_err(|wait| {
            if let Some(lease) = taken {
                lease.give_back();
            }
            Throttled::rate(ThrottledBy::Account, rate, wait)
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
