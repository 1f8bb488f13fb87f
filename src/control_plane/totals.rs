//! Counts and latencies by name, over all plans that there were: what makes counters rise steadily across deploys.
//!
//! Shards count by generation and index. Here each generation has a map from its indices to series, and a series is
//! found by identity (api, stage, canary or not, route, method), so that a method which survives a deploy keeps its series. Counts of
//! a generation flow in when its last exchange has ended; until then a reading adds them from the shards' open rows.
//! A series lives as long as the current plan or an open generation has it: the label set is bounded by the plans.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ahash::AHashMap;

use crate::plan::release::Release;
use crate::plan::{Plan, StagePlan};
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

pub struct Totals {
    current: Arc<Plan>,
    generations: BTreeMap<u64, Generation>,
    methods: Table<Counts>,
    stages: Table<StageLatency>,
    overhead: Latency,
}

/// From a generation's indices to series. 32 bits an entry: 40 KB for a plan of 10,000 methods.
struct Generation {
    methods: Vec<u32>,
    stages: Vec<u32>,
}

impl Default for Totals {
    /// With the series of the empty plan: none.
    fn default() -> Totals {
        let mut totals = Totals {
            current: Arc::new(Plan::empty()),
            generations: BTreeMap::new(),
            methods: Table::default(),
            stages: Table::default(),
            overhead: Latency::new(),
        };
        totals.adopt(Arc::new(Plan::empty()));
        totals
    }
}

impl Totals {
    /// Makes `plan` the one whose series are shown. To be called before any shard hears of it.
    pub fn adopt(&mut self, plan: Arc<Plan>) {
        let stages = plan.stages.iter().map(|stage| self.stages.series(stage_identity(stage))).collect();
        let all_methods =
            plan.stages.iter().flat_map(|stage| stage.methods.iter().map(move |method| (&**stage, method)));
        let identity = |(stage, method): (&StagePlan, &crate::plan::MethodPlan)| {
            format!("{}\0{}\0{}", stage_identity(stage), method.resource_path, method.http_method)
        };
        let methods = all_methods.map(|pair| self.methods.series(identity(pair))).collect();
        self.generations.insert(plan.generation, Generation { methods, stages });
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
            self.add(rows);
        }
        for harvest in harvests {
            let Some(generation) = self.generations.get(&harvest.generation) else { continue };
            for stage in harvest.stages {
                let Some(series) = generation.stages.get(stage.stage) else { continue };
                let total = self.stages.value(*series, StageLatency::default);
                total.request.add(&stage.request);
                stage.integration.iter().for_each(|integration| total.integration.add(integration));
            }
        }
        overheads.iter().for_each(|overhead| self.overhead.add(overhead));
        let open = registry.open().iter().map(|rows| rows.generation()).collect();
        self.forget(&open, oldest_adopted);
    }

    /// The counts of the current plan's methods, in the order of its stages and methods; `None` for one never called.
    pub fn counts(&self, registry: &Registry) -> Vec<Option<Counts>> {
        let mut sums: Vec<Option<Counts>> = self.methods.values.iter().map(|value| value.as_deref().copied()).collect();
        for rows in registry.open() {
            let Some(generation) = self.generations.get(&rows.generation()) else { continue };
            rows.each(|method, counts| {
                if let Some(series) = generation.methods.get(method) {
                    add(sums[*series as usize].get_or_insert([0; SLOTS]), &counts);
                }
            });
        }
        self.shown().methods.iter().map(|series| sums[*series as usize]).collect()
    }

    /// The latencies of the current plan's stages, in their order; `None` for one that never answered.
    pub fn latencies(&self) -> impl Iterator<Item = Option<&StageLatency>> {
        self.shown().stages.iter().map(|series| self.stages.values[*series as usize].as_deref())
    }

    pub fn overhead(&self) -> &Latency {
        &self.overhead
    }

    fn shown(&self) -> &Generation {
        &self.generations[&self.current.generation]
    }

    fn add(&mut self, rows: &Rows) {
        let Some(generation) = self.generations.get(&rows.generation()) else { return };
        rows.each(|method, counts| {
            if let Some(series) = generation.methods.get(method) {
                add(self.methods.value(*series, || [0; SLOTS]), &counts);
            }
        });
    }

    fn forget(&mut self, open: &BTreeSet<u64>, oldest_adopted: u64) {
        let before = self.generations.len();
        let current = self.current.generation;
        self.generations.retain(|number, _| *number >= oldest_adopted.min(current) || open.contains(number));
        if self.generations.len() < before {
            self.methods.keep(self.generations.values().flat_map(|generation| &generation.methods));
            self.stages.keep(self.generations.values().flat_map(|generation| &generation.stages));
        }
    }
}

fn stage_identity(stage: &StagePlan) -> String {
    let canary = if stage.release == Release::Canary { "\0canary" } else { "" };
    format!("{}\0{}{canary}", stage.api_id, stage.stage)
}

fn add(sum: &mut Counts, counts: &Counts) {
    for (sum, count) in sum.iter_mut().zip(counts) {
        *sum += count;
    }
}

/// Values by identity, with numbers that stay while anybody uses them.
struct Table<T> {
    numbers: AHashMap<Box<str>, u32>,
    /// `None` where nothing was added yet, and where a number is free.
    values: Vec<Option<Box<T>>>,
    free: Vec<u32>,
}

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table { numbers: AHashMap::new(), values: Vec::new(), free: Vec::new() }
    }
}

impl<T> Table<T> {
    fn series(&mut self, identity: String) -> u32 {
        if let Some(number) = self.numbers.get(identity.as_str()) {
            return *number;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.values.push(None);
            self.values.len() as u32 - 1
        });
        self.numbers.insert(identity.into(), number);
        number
    }

    fn value(&mut self, series: u32, zero: impl FnOnce() -> T) -> &mut T {
        self.values[series as usize].get_or_insert_with(|| Box::new(zero()))
    }

    /// Frees every series that is not among `used`.
    fn keep<'a>(&mut self, used: impl Iterator<Item = &'a u32>) {
        let mut keep = vec![false; self.values.len()];
        used.for_each(|series| keep[*series as usize] = true);
        self.numbers.retain(|_, number| {
            let kept = keep[*number as usize];
            if !kept {
                self.values[*number as usize] = None;
                self.free.push(*number);
            }
            kept
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::plan;
    use super::*;
    use crate::stats::status::slot;

    /// How often each of the current plan's methods answered 200.
    fn answers(totals: &Totals, registry: &Registry) -> Vec<u64> {
        totals.counts(registry).iter().map(|counts| counts.map_or(0, |counts| counts[slot(200)])).collect()
    }

    #[test]
    fn counters_rise_steadily_over_deploys() {
        let registry = Registry::new(1);
        let recorder = registry.recorder(0);
        let mut totals = Totals::default();
        totals.adopt(plan(1, &["GET /a", "GET /b"]));
        let first = recorder.open_block(1, 2, 1);
        first.record(0, 200);
        first.record(1, 200);
        assert_eq!(answers(&totals, &registry), [1, 1]);

        totals.adopt(plan(2, &["GET /new", "GET /b"]));
        assert_eq!(answers(&totals, &registry), [0, 1]);
        let second = recorder.open_block(2, 2, 1);
        second.record(1, 200);
        first.record(1, 200);
        totals.collect(&registry, 2);
        assert_eq!(answers(&totals, &registry), [0, 3]);

        drop(first);
        totals.collect(&registry, 2);
        assert_eq!(answers(&totals, &registry), [0, 3]);
        assert_eq!(totals.generations.len(), 1);
        assert_eq!(totals.methods.numbers.len(), 2, "/a is forgotten");

        totals.adopt(plan(3, &["GET /a", "GET /b"]));
        assert_eq!(answers(&totals, &registry), [0, 3], "/a starts anew in the place that was freed");
    }

    #[test]
    fn a_generation_that_a_slow_shard_may_still_open_is_kept() {
        let registry = Registry::new(1);
        let recorder = registry.recorder(0);
        let mut totals = Totals::default();
        totals.adopt(plan(1, &["GET /a"]));
        totals.adopt(plan(2, &["GET /a"]));
        totals.collect(&registry, 0);
        let late = recorder.open_block(1, 1, 1);
        late.record(0, 200);
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
                recorder.open_block(generation, 1, 1).latency(0, 1_000, Some(900));
            }
            totals.collect(&registry, generation);
        }
        let latency = totals.latencies().next().flatten().expect("the stage answered");
        assert_eq!((latency.request.count(), latency.integration.sum_us()), (4, 3_600));
        assert_eq!((totals.overhead().count(), totals.overhead().sum_us()), (4, 400));
    }
}
