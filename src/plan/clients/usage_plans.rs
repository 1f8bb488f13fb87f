//! Usage plans as shards need them: what each allows, and which of them has a stage.

use std::sync::Arc;

use ahash::{AHashMap, RandomState};

use super::PlanIndex;
use crate::limit::Rate;
use crate::meter::Quota;
use crate::plan::{MethodIndex, MethodPlan, StagePlan};

/// All usage plans of all regions.
#[derive(Debug, Default)]
pub struct UsagePlans {
    /// By [`PlanIndex`]; a plan that is gone leaves a gap until another takes it.
    entries: Vec<Option<Arc<UsagePlanEntry>>>,
    /// By region, API and stage.
    by_stage: AHashMap<Box<str>, Arc<[PlanIndex]>>,
}

#[derive(Debug, PartialEq)]
pub struct UsagePlanEntry {
    pub region: Arc<str>,
    pub id: Box<str>,
    /// For each of its keys.
    pub throttle: Option<Rate>,
    pub quota: Option<Quota>,
    pub stages: Box<[PlannedStage]>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PlannedStage {
    pub api_id: Box<str>,
    pub stage: Box<str>,
    /// Of single methods, as AWS names them: `/pets/GET`.
    pub throttles: Box<[(Box<str>, Rate)]>,
}

/// What a plan says of single methods of a stage.
#[derive(Clone, Debug)]
pub struct MethodThrottles {
    /// By [`MethodIndex`].
    methods: Box<[Option<MethodThrottle>]>,
}

/// How often each key may call a method.
#[derive(Clone, Copy, Debug)]
pub struct MethodThrottle {
    pub rate: Rate,
    /// A hash of the stage and the method: the same from plan to plan.
    pub method: u64,
}

/// For each method that has no throttle of its own.
pub const EVERY_METHOD: &str = "/*/*";

impl MethodThrottles {
    /// `None` where the stage has none of the methods that the plan names.
    pub fn new(planned: &PlannedStage, stage: &StagePlan) -> Option<MethodThrottles> {
        if planned.throttles.is_empty() {
            return None;
        }
        let named = |method: &MethodPlan, name: &str| {
            let name = name.strip_suffix(&*method.http_method).and_then(|path| path.strip_suffix('/'));
            // Of the root's name, `//GET`, some leave a slash out.
            name.is_some_and(|path| path == &*method.resource_path || path.is_empty() && &*method.resource_path == "/")
        };
        let throttle = |method: &MethodPlan| {
            let every = |(name, _): &&(Box<str>, Rate)| &**name == EVERY_METHOD;
            let own = planned.throttles.iter().find(|(name, _)| named(method, name));
            let (_, rate) = own.or_else(|| planned.throttles.iter().find(every))?;
            let name = (&*stage.region, &*stage.api_id, &*stage.stage, &*method.http_method, &*method.resource_path);
            Some(MethodThrottle { rate: *rate, method: RandomState::with_seeds(1, 2, 3, 4).hash_one(name) })
        };
        let methods: Box<[Option<MethodThrottle>]> = stage.methods.iter().map(throttle).collect();
        methods.iter().any(Option::is_some).then_some(MethodThrottles { methods })
    }

    pub fn of_method(&self, index: MethodIndex) -> Option<&MethodThrottle> {
        self.methods.get(index.0 as usize)?.as_ref()
    }
}

impl UsagePlanEntry {
    pub fn stage(&self, api_id: &str, stage: &str) -> Option<&PlannedStage> {
        self.stages.iter().find(|planned| &*planned.api_id == api_id && &*planned.stage == stage)
    }
}

impl UsagePlans {
    pub fn new(entries: Vec<Option<UsagePlanEntry>>) -> UsagePlans {
        let mut by_stage: AHashMap<Box<str>, Vec<PlanIndex>> = AHashMap::new();
        for (index, entry) in entries.iter().enumerate() {
            let Some(entry) = entry else { continue };
            for stage in &entry.stages {
                let plans = by_stage.entry(stage_key(&entry.region, &stage.api_id, &stage.stage)).or_default();
                plans.push(PlanIndex(index as u32));
            }
        }
        UsagePlans {
            entries: entries.into_iter().map(|entry| entry.map(Arc::new)).collect(),
            by_stage: by_stage.into_iter().map(|(stage, plans)| (stage, plans.into())).collect(),
        }
    }

    pub fn entry(&self, index: PlanIndex) -> Option<&Arc<UsagePlanEntry>> {
        self.entries.get(index.0 as usize)?.as_ref()
    }

    /// The plans that have a stage, in their order.
    pub fn of_stage(&self, region: &str, api_id: &str, stage: &str) -> Arc<[PlanIndex]> {
        if self.by_stage.is_empty() {
            return Arc::default();
        }
        self.by_stage.get(&stage_key(region, api_id, stage)).map(Arc::clone).unwrap_or_default()
    }
}

/// None of the parts has the separator in it: see the store's keys.
fn stage_key(region: &str, api_id: &str, stage: &str) -> Box<str> {
    format!("{region}\0{api_id}\0{stage}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_has_the_plans_that_name_it() {
        let plan = |region: &str, stages: &[&str]| {
            let planned =
                |stage: &&str| PlannedStage { api_id: "a".into(), stage: (*stage).into(), throttles: Box::default() };
            let stages = stages.iter().map(planned).collect();
            Some(UsagePlanEntry { region: region.into(), id: "p".into(), throttle: None, quota: None, stages })
        };
        let plans = UsagePlans::new(vec![plan("r", &["prod", "dev"]), None, plan("r", &["prod"]), plan("q", &["dev"])]);
        let check = |region: &str, stage: &str, expected: &[u32]| {
            let found: Vec<u32> = plans.of_stage(region, "a", stage).iter().map(|index| index.0).collect();
            assert_eq!(found, expected, "{region} {stage}");
        };
        check("r", "prod", &[0, 2]);
        check("r", "dev", &[0]);
        check("q", "dev", &[3]);
        check("q", "prod", &[]);
        assert!(plans.entry(PlanIndex(1)).is_none() && plans.entry(PlanIndex(9)).is_none());
        assert_eq!(plans.entry(PlanIndex(3)).map(|entry| &*entry.region), Some("q"));
    }
}
