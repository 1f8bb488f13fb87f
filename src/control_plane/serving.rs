//! What of the store is served: each stage compiled, kept for as long as nothing that it is made of changes.
//!
//! A deployment never changes, so a compiled stage depends only on its own row: a deploy compiles one stage, beside
//! however many others.

use std::collections::BTreeMap;

use super::domains;
use super::operations::vpc_links;
use super::store::table::part;
use super::store::{Mark, Store, snapshot};
use crate::model::{ApiDefinition, DeploymentId, Stage};
use crate::plan::Plan;
use crate::plan::compile::{CompiledStage, Compiler, Deployment, Options, Problem, StageSource};

/// Region, API and stage: a stage's key in the store.
pub type StageKey = Box<str>;

pub struct Serving {
    compiler: Compiler,
    stages: BTreeMap<StageKey, Served>,
    /// The stage that answers at `/`, by region, API and stage, where one does.
    root: Option<StageKey>,
}

struct Served {
    /// What it was compiled from, but for the definitions that its deployments name.
    row: Stage,
    compiled: CompiledStage,
}

/// Why a stage cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unservable {
    pub stage_name: String,
    pub problems: Vec<Problem>,
}

/// Which stages are served.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// With what is deployed of each, and answered 500.
    pub stages: BTreeMap<StageKey, Vec<String>>,
    /// The one that answers at `/`.
    pub root: Option<StageKey>,
}

impl Serving {
    pub fn new(options: Options) -> Serving {
        let compiler = Compiler::new(options.limits, options.on_unsupported);
        let compiler = compiler.owned_by(options.owner).with_targets(options.targets);
        Serving { compiler, stages: BTreeMap::new(), root: None }
    }

    /// Compiles everything; stages that cannot be served are left out, and named with what stands against them.
    pub fn load(&mut self, store: &Store) -> Vec<(StageKey, Unservable)> {
        let mut unservable = Vec::new();
        self.stages.clear();
        for (key, row) in store.stages.below(&[]) {
            match self.compiled(store, key, row) {
                Ok(Some(served)) => {
                    self.stages.insert(key.into(), served);
                }
                Ok(None) => {}
                Err(problem) => unservable.push((key.into(), problem)),
            }
        }
        unservable
    }

    /// Takes over what changed since `mark`; whether that is anything that requests would notice.
    ///
    /// # Errors
    /// A stage that changed cannot be served; nothing was taken over.
    pub fn follow(&mut self, store: &Store, mark: Mark) -> Result<bool, Unservable> {
        let mut changed = Vec::new();
        for (key, row) in store.stages_changed_since(mark) {
            let known = self.stages.get(key);
            match row {
                None if known.is_none() => {}
                None => changed.push((key.into(), None)),
                Some(row) if known.is_some_and(|known| serves_the_same(&known.row, row)) => {}
                Some(row) => changed.push((key.into(), self.compiled(store, key, row)?)),
            }
        }
        let serves = !changed.is_empty() || store.domains_changed_since(mark);
        for (key, served) in changed {
            match served {
                Some(served) => self.stages.insert(key, served),
                None => self.stages.remove(&key),
            };
        }
        Ok(serves)
    }

    pub fn serve_at_root(&mut self, stage: Option<StageKey>) {
        self.root = stage;
    }

    pub fn census(&self) -> Census {
        let denied = |served: &Served| served.compiled.denied().iter().map(line).collect();
        let stages = self.stages.iter().map(|(key, served)| (key.clone(), denied(served)));
        Census { stages: stages.collect(), root: self.root.clone() }
    }

    /// The plan of all stages. Its generation is the publisher's to give.
    pub fn plan(&self, store: &Store) -> Plan {
        let root = self.root.as_ref().and_then(|key| self.stages.get(key).map(|served| (key, served)));
        let others = self.stages.iter().filter(|(key, _)| root.is_none_or(|(root, _)| root != *key));
        let stages = root.into_iter().chain(others).map(|(_, served)| &served.compiled);
        self.compiler.plan(stages, root.is_some(), 0).with_domains(&domains::addresses(store))
    }

    /// `None` for a stage that points to no deployment.
    fn compiled(&mut self, store: &Store, key: &str, row: &Stage) -> Result<Option<Served>, Unservable> {
        let (region, api_id) = (part(key, 0), part(key, 1));
        let unservable = |problems| Unservable { stage_name: row.stage_name.clone(), problems };
        let lost = |reason: String| unservable(vec![Problem::of_stage(&row.stage_name, reason)]);
        let definition = |id: &DeploymentId| -> Result<ApiDefinition, Unservable> {
            let deployment = store.deployments.row(&[region, api_id, id.as_str()]);
            let deployment = deployment.ok_or_else(|| lost(format!("there is no deployment {id}")))?;
            snapshot::unpack(&deployment.snapshot)
                .map_err(|error| lost(format!("the deployment {id} is broken: {error}")))
        };
        let Some(deployment_id) = &row.deployment_id else { return Ok(None) };
        let production = definition(deployment_id)?;
        let other = row.canary_settings.as_ref().and_then(|canary| canary.deployment_id.as_ref());
        let canary = other.filter(|other| *other != deployment_id).map(definition).transpose()?;
        let source = StageSource { definition: &production, stage: row, canary: canary.as_ref() };
        self.compiler.know_vpc_links(vpc_links::names(store, region));
        let compiled = self.compiler.stage_in(&region.into(), source).map_err(unservable)?;
        for problem in compiled.denied() {
            let (stage, pointer) = (&row.stage_name, &problem.value.pointer);
            tracing::warn!(api_id, stage, "deployed, and answered 500: {pointer}: {}", problem.message);
        }
        Ok(Some(Served { row: row.clone(), compiled }))
    }
}

/// Whether the difference of two rows is one that no request would notice.
fn serves_the_same(one: &Stage, other: &Stage) -> bool {
    let served = |stage: &Stage| Stage {
        description: None,
        documentation_version: None,
        tags: Default::default(),
        created_date: None,
        last_updated_date: None,
        ..stage.clone()
    };
    served(one) == served(other)
}

/// A problem with its place in the API.
fn line(problem: &Problem) -> String {
    let canary = if problem.value.deployment == Deployment::Canary { " (canary)" } else { "" };
    let help = problem.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    format!("{}{canary}: {}{help}", problem.value.pointer, problem.message)
}

impl Unservable {
    /// As the text of a `BadRequestException`: each problem with the place in the API.
    pub fn to_text(&self) -> String {
        /// A long list helps nobody.
        const TOLD_MAX: usize = 20;
        let mut lines: Vec<String> = self.problems.iter().take(TOLD_MAX).map(line).collect();
        if self.problems.len() > TOLD_MAX {
            lines.push(format!("and {} more", self.problems.len() - TOLD_MAX));
        }
        lines.join("\n")
    }
}
