//! Counts and latencies by name, over all plans that there were: what makes counters rise steadily across deploys.
//!
//! Shards count by generation and position. What they counted is added up here by identity (api, stage, canary or not, route,
//! method), so that a method which survives a deploy keeps its series: counts of a generation flow in when its last exchange
//! has ended; until then a reading adds them from the shards' open rows. Identities are the plan's own names, asked for
//! when something was counted: to adopt a plan costs nothing. A series lives as long as the current plan or an open
//! generation has it: the label set is bounded by the plans.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use ahash::{AHashMap, AHashSet};

use crate::plan::release::Release;
use crate::plan::{MethodPlan, Plan, StagePlan};
use crate::stats::block::Rows;
use crate::stats::registry::Collected;
use crate::stats::status::SLOTS;
use crate::stats::{Latency, Registry};

/// A method's counts by status slot.
pub type Counts = [u64; SLOTS];

/// The latencies of a stage.
#[derive(Default)]
pub struct StageLatency {
    pub request: Latency,
    pub integration: Latency,
}

/// A method that was called.
pub struct Called<'p> {
    pub stage: &'p StagePlan,
    pub method: &'p MethodPlan,
    pub counts: Counts,
}

pub struct Totals {
    current: Arc<Plan>,
    /// The plans that somebody may still count for.
    generations: BTreeMap<u64, Arc<Plan>>,
    stages: AHashMap<StageIdentity, StageTotals>,
    overhead: Latency,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct StageIdentity {
    api_id: Arc<str>,
    stage: Arc<str>,
    canary: bool,
}

/// Of a stage that was called.
#[derive(Default)]
struct StageTotals {
    /// By [`method_identity`].
    methods: AHashMap<Box<str>, Box<Counts>>,
    latency: Option<Box<StageLatency>>,
}

impl Default for Totals {
    /// With the series of the empty plan: none.
    fn default() -> Totals {
        let mut totals = Totals {
            current: Arc::new(Plan::empty()),
            generations: BTreeMap::new(),
            stages: AHashMap::new(),
            overhead: Latency::new(),
        };
        totals.adopt(Arc::new(Plan::empty()));
        totals
    }
}

impl Totals {
    /// Makes `plan` the one whose series are shown. To be called before any shard hears of it.
    pub fn adopt(&mut self, plan: Arc<Plan>) {
        self.generations.insert(plan.generation, Arc::clone(&plan));
        self.current = plan;
    }

    pub fn current(&self) -> &Arc<Plan> {
        &self.current
    }

    /// Takes what the shards handed over since the last time, and forgets generations that nobody serves any more:
    /// older than `oldest_adopted`, the oldest that a shard has as its current one, and without open rows.
    pub fn collect(&mut self, registry: &Registry, oldest_adopted: u64) {
        let Collected { closed, harvests, overheads } = registry.collect();
        for rows in &closed {
            let Some(plan) = self.generations.get(&rows.generation()) else { continue };
            add_rows(rows, plan, &mut self.stages);
        }
        for harvest in harvests {
            let Some(plan) = self.generations.get(&harvest.generation) else { continue };
            for harvested in harvest.stages {
                let Some(stage) = plan.stages.get(harvested.stage) else { continue };
                let total = self.stages.entry(StageIdentity::of(stage)).or_default().latency.get_or_insert_default();
                total.request.add(&harvested.request);
                harvested.integration.iter().for_each(|integration| total.integration.add(integration));
            }
        }
        overheads.iter().for_each(|overhead| self.overhead.add(overhead));
        let open = registry.open().iter().map(|rows| rows.generation()).collect();
        self.forget(&open, oldest_adopted);
    }

    /// The current plan's methods that were called, in the order of its stages and methods.
    pub fn called(&self, registry: &Registry) -> Vec<Called<'_>> {
        let mut open = AHashMap::new();
        for rows in registry.open() {
            let Some(plan) = self.generations.get(&rows.generation()) else { continue };
            add_rows(&rows, plan, &mut open);
        }
        let mut called = Vec::new();
        let mut name = String::new();
        for stage in &self.current.stages {
            let identity = StageIdentity::of(stage);
            let parts = [self.stages.get(&identity), open.get(&identity)];
            if parts.iter().flatten().all(|totals| totals.methods.is_empty()) {
                continue;
            }
            for method in stage.methods.iter() {
                method_identity(method, &mut name);
                let mut counts = None;
                for part in parts.iter().flatten().filter_map(|totals| totals.methods.get(name.as_str())) {
                    add(counts.get_or_insert([0; SLOTS]), part);
                }
                called.extend(counts.map(|counts| Called { stage, method, counts }));
            }
        }
        called
    }

    /// The latencies of the current plan's stages, in their order; `None` for one that never answered.
    pub fn latencies(&self) -> impl Iterator<Item = Option<&StageLatency>> {
        let stages = self.current.stages.iter().map(|stage| self.stages.get(&StageIdentity::of(stage)));
        stages.map(|totals| totals?.latency.as_deref())
    }

    pub fn overhead(&self) -> &Latency {
        &self.overhead
    }

    fn forget(&mut self, open: &BTreeSet<u64>, oldest_adopted: u64) {
        let before = self.generations.len();
        let current = self.current.generation;
        self.generations.retain(|number, _| *number >= oldest_adopted.min(current) || open.contains(number));
        if self.generations.len() == before {
            return;
        }
        let mut served: AHashMap<StageIdentity, Vec<&StagePlan>> = AHashMap::new();
        for stage in self.generations.values().flat_map(|plan| &plan.stages) {
            served.entry(StageIdentity::of(stage)).or_default().push(stage);
        }
        self.stages.retain(|identity, totals| {
            let plans = served.get(identity).map(Vec::as_slice).unwrap_or_default();
            totals.keep(plans);
            !plans.is_empty()
        });
    }
}

impl StageIdentity {
    fn of(stage: &StagePlan) -> StageIdentity {
        let (api_id, name) = (Arc::clone(&stage.api_id), Arc::clone(&stage.stage));
        StageIdentity { api_id, stage: name, canary: stage.release == Release::Canary }
    }
}

impl StageTotals {
    /// Forgets the methods that none of a stage's plans has.
    fn keep(&mut self, plans: &[&StagePlan]) {
        let mut names = AHashSet::new();
        let mut name = String::new();
        let mut known: Vec<&Arc<[MethodPlan]>> = Vec::new();
        for plan in plans {
            if known.iter().any(|known| Arc::ptr_eq(known, &plan.methods)) {
                continue;
            }
            known.push(&plan.methods);
            for method in plan.methods.iter() {
                method_identity(method, &mut name);
                if self.methods.contains_key(name.as_str()) {
                    names.insert(name.clone());
                }
            }
        }
        self.methods.retain(|method, _| names.contains(&**method));
    }
}

/// Writes what a method is known by within its stage.
fn method_identity(method: &MethodPlan, name: &mut String) {
    name.clear();
    // Writing to a `String` cannot fail.
    let _ = write!(name, "{} {}", method.http_method, method.resource_path);
}

/// Adds what a shard counted for a plan.
fn add_rows(rows: &Rows, plan: &Plan, totals: &mut AHashMap<StageIdentity, StageTotals>) {
    let mut name = String::new();
    rows.each(|stage, method, counts| {
        let Some(stage) = plan.stages.get(stage) else { return };
        let Some(method) = stage.methods.get(method) else { return };
        method_identity(method, &mut name);
        let methods = &mut totals.entry(StageIdentity::of(stage)).or_default().methods;
        match methods.get_mut(name.as_str()) {
            Some(sum) => add(sum, &counts),
            None => drop(methods.insert(name.as_str().into(), Box::new(counts))),
        }
    });
}

fn add(sum: &mut Counts, counts: &Counts) {
    for (sum, count) in sum.iter_mut().zip(counts) {
        *sum += count;
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::plan;
    use super::*;
    use crate::stats::status::slot;

    /// How often each of the current plan's methods answered 200.
    fn answers(totals: &Totals, registry: &Registry) -> Vec<u64> {
        let called = totals.called(registry);
        let methods = totals.current().stages.iter().flat_map(|stage| stage.methods.iter());
        let answers = methods.map(|method| {
            let of_method = called.iter().filter(|called| std::ptr::eq(called.method, method));
            of_method.map(|called| called.counts[slot(200)]).sum()
        });
        answers.collect()
    }

    #[test]
    fn counters_rise_steadily_over_deploys() {
        let registry = Registry::new(1);
        let recorder = registry.recorder(0);
        let mut totals = Totals::default();
        totals.adopt(plan(1, &["GET /a", "GET /b"]));
        let first = recorder.open_block(1, [2]);
        first.record(0, 0, 200);
        first.record(0, 1, 200);
        assert_eq!(answers(&totals, &registry), [1, 1]);

        totals.adopt(plan(2, &["GET /new", "GET /b"]));
        assert_eq!(answers(&totals, &registry), [0, 1]);
        let second = recorder.open_block(2, [2]);
        second.record(0, 1, 200);
        first.record(0, 1, 200);
        totals.collect(&registry, 2);
        assert_eq!(answers(&totals, &registry), [0, 3]);

        drop(first);
        totals.collect(&registry, 2);
        assert_eq!(answers(&totals, &registry), [0, 3]);
        assert_eq!(totals.generations.len(), 1);
        let kept: Vec<usize> = totals.stages.values().map(|stage| stage.methods.len()).collect();
        assert_eq!(kept, [1], "/a is forgotten");

        totals.adopt(plan(3, &["GET /a", "GET /b"]));
        assert_eq!(answers(&totals, &registry), [0, 3], "/a starts anew");
    }

    #[test]
    fn a_generation_that_a_slow_shard_may_still_open_is_kept() {
        let registry = Registry::new(1);
        let recorder = registry.recorder(0);
        let mut totals = Totals::default();
        totals.adopt(plan(1, &["GET /a"]));
        totals.adopt(plan(2, &["GET /a"]));
        totals.collect(&registry, 0);
        let late = recorder.open_block(1, [1]);
        late.record(0, 0, 200);
        drop(late);
        totals.collect(&registry, 1);
        assert_eq!(answers(&totals, &registry), [1]);
        totals.collect(&registry, 2);
        assert_eq!(totals.generations.len(), 1);
    }

    #[test]
    fn latencies_are_merged_by_stage_over_shards_and_generations() {
        let registry = Registry::new(2);
        let recorders = [registry.recorder(0), registry.recorder(1)];
        let mut totals = Totals::default();
        for generation in 1..=2 {
            totals.adopt(plan(generation, &["GET /a"]));
            for recorder in &recorders {
                recorder.open_block(generation, [1]).latency(0, 1_000, Some(900));
            }
            totals.collect(&registry, generation);
        }
        let latency = totals.latencies().next().flatten().expect("the stage answered");
        assert_eq!((latency.request.count(), latency.integration.sum_us()), (4, 3_600));
        assert_eq!((totals.overhead().count(), totals.overhead().sum_us()), (4, 400));
    }
}
