//! Stages compiled one by one, and plans made of them: a deploy compiles the stage that it changes and no other.

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::sync::Arc;

use super::definition::{self, CompiledDefinition};
use super::denial::Denials;
use super::shared::{Shared, TextKey};
use super::targets::{Targets, VpcLinkNames};
use super::{
    Compilation, Deployment, Limits, Owner, Problem, StageSource, Unsupported, cache, content, resource_policy, stage,
    throttle,
};
use crate::model::{self, ApiDefinition, DeploymentId, Pointer, RestApiId, Stage, StageVariables};
use crate::plan::access_log::LogFormat;
use crate::plan::authorizer::Authorizer;
use crate::plan::release::Release;
use crate::plan::select::{Selector, StageAddress};
use crate::plan::validation::Schema;
use crate::plan::{ApiKeySource, Plan, StageIndex, StagePlan};
use crate::vtl;

/// Compiles stages, and keeps what they have in common for as long as one of them has it.
#[derive(Default)]
pub struct Compiler {
    pub(super) limits: Limits,
    pub(super) on_unsupported: Unsupported,
    pub(super) owner: Owner,
    pub(super) targets: Option<Arc<Targets>>,
    pub(super) vpc_link_names: VpcLinkNames,
    definitions: Shared<Identity, CompiledDefinition>,
    /// Expressions for statuses repeat in every method; a compiled one costs some 10 KB.
    pub(super) patterns: Shared<String, regex::Regex>,
    /// By the document that a model makes with those that it refers to.
    pub(super) schemas: Shared<TextKey, Schema>,
    pub(super) templates: Shared<TextKey, vtl::Template>,
    pub(super) hasher: RandomState,
}

/// A stage that is ready to be served, with its canary if it has one. It borrows nothing and is cheap to clone; whoever
/// serves it keeps it until its deployment, its variables or its settings change.
#[derive(Clone, Debug)]
pub struct CompiledStage {
    production: CompiledRelease,
    canary: Option<CompiledRelease>,
    execute_api_disabled: bool,
}

#[derive(Clone, Debug)]
struct CompiledRelease {
    plan: Arc<StagePlan>,
    /// For others to find, as long as this one is there.
    definition: Arc<CompiledDefinition>,
    deployment: Deployment,
    /// Behind the number that stands for a deployment without an id; `None` where it has one.
    unnamed: Option<&'static str>,
}

impl CompiledStage {
    /// What the stage itself serves, without its canary.
    pub fn plan(&self) -> &StagePlan {
        &self.production.plan
    }

    pub fn canary(&self) -> Option<&StagePlan> {
        self.canary.as_ref().map(|canary| &*canary.plan)
    }

    /// What this version does not serve of it, and denies methods for: see [`Unsupported::Deny`].
    pub fn denied(&self) -> Vec<Problem> {
        let mut all = self.production.denied();
        let canary = self.canary.iter().filter(|canary| !Arc::ptr_eq(&canary.definition, &self.production.definition));
        all.extend(canary.flat_map(CompiledRelease::denied).filter(|problem| !problem.value.is_of_stage()));
        all
    }
}

/// What makes two definitions with their variables the same.
#[derive(PartialEq, Eq, Hash)]
struct Identity {
    of: DefinitionIdentity,
    /// In their order: an order of its own only costs a copy.
    variables: Box<[(String, String)]>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum DefinitionIdentity {
    /// A deployment is never changed, and its id never given to another.
    Deployment(RestApiId, DeploymentId),
    /// A definition that stays where it is for as long as there is the compiler.
    Address(usize),
}

/// How to tell whether a definition was compiled before.
#[derive(Clone, Copy)]
pub(super) enum Known {
    ByDeploymentId,
    /// Only for definitions that the compiler does not outlive.
    ByAddress,
}

impl Compiler {
    pub fn new(limits: Limits, on_unsupported: Unsupported) -> Compiler {
        Compiler { limits, on_unsupported, ..Compiler::default() }
    }

    /// The compiler for the APIs of an account.
    #[must_use]
    pub fn owned_by(self, owner: Owner) -> Compiler {
        Compiler { owner, ..self }
    }

    /// With what may be named by ARN.
    #[must_use]
    pub fn with_targets(self, targets: Option<Arc<Targets>>) -> Compiler {
        Compiler { targets, ..self }
    }

    /// Compiles a stage, with its canary if it has one. Stages that name the same deployment of the same API, with the
    /// same variables, share what it makes: a deployment's definition never changes.
    ///
    /// # Errors
    /// All problems; they name [`ValueName::source`](super::ValueName::source) 0.
    pub fn stage(&mut self, source: StageSource<'_>) -> Result<CompiledStage, Vec<Problem>> {
        self.compile(source, Known::ByDeploymentId, None)
    }

    /// The same for a stage in a region.
    ///
    /// # Errors
    /// The same.
    pub fn stage_in(&mut self, region: &Arc<str>, source: StageSource<'_>) -> Result<CompiledStage, Vec<Problem>> {
        self.compile(source, Known::ByDeploymentId, Some(region))
    }

    /// Puts stages together to one plan. They are to have addresses of their own. With `root`, the first is also served
    /// without a prefix, if it is of the only API.
    pub fn plan<'s>(&self, stages: impl IntoIterator<Item = &'s CompiledStage>, root: bool, generation: u64) -> Plan {
        let mut plans = Vec::new();
        let mut addresses = Vec::new();
        for stage in stages {
            addresses.push(StageAddress {
                api_id: Arc::clone(&stage.production.plan.api_id),
                stage: Arc::clone(&stage.production.plan.stage),
                execute_api_disabled: stage.execute_api_disabled,
                index: StageIndex(plans.len() as u32),
            });
            plans.push(stage.production.of_generation(generation));
            plans.extend(stage.canary.as_ref().map(|canary| canary.of_generation(generation)));
        }
        let authorizers = plans.iter().flat_map(|plan| plan.authorizers.iter());
        let key_sources = authorizers.flat_map(Authorizer::key_sources).cloned().collect();
        Plan { generation, selector: Selector::new(&addresses, root), stages: plans, key_sources }
    }

    pub(super) fn compile(
        &mut self,
        source: StageSource<'_>,
        known: Known,
        region: Option<&Arc<str>>,
    ) -> Result<CompiledStage, Vec<Problem>> {
        let mut compilation = Compilation::new(self);
        if let Some(region) = region {
            compilation.region = Cow::Owned(region.to_string());
        }
        let StageSource { definition, stage, canary: of_canary } = source;
        stage::refuse_odd_variables(&mut compilation, stage);
        stage::refuse_what_is_not_served(&mut compilation, stage);
        cache::refuse_odd_settings(&mut compilation, stage);
        let canary = stage::canary(&mut compilation, stage);
        let mut production = ReleaseSource {
            definition,
            api: definition,
            stage: Cow::Borrowed(stage),
            deployment_id: stage.deployment_id.as_ref(),
            unnamed: "",
            deployment: Deployment::Production,
            release: Release::Only,
            region,
        };
        let canary = canary.map(|(settings, share)| {
            production.release = Release::Production { share };
            ReleaseSource {
                definition: of_canary.unwrap_or(definition),
                stage: Cow::Owned(stage::of_canary(stage, settings)),
                deployment_id: if of_canary.is_some() { &settings.deployment_id } else { &stage.deployment_id }
                    .as_ref(),
                unnamed: if of_canary.is_some() { "c" } else { "" },
                deployment: if of_canary.is_some() { Deployment::Canary } else { Deployment::Production },
                release: Release::Canary,
                ..production.clone()
            }
        });
        let compiled = compilation.release(&production, known, None);
        let canary = canary.map(|canary| {
            let twin = canary.has_the_definition_of(&production).then_some(&compiled.definition);
            compilation.release(&canary, known, twin)
        });
        let execute_api_disabled = definition.rest_api.disable_execute_api_endpoint;
        match compilation.problems {
            problems if problems.is_empty() => Ok(CompiledStage { production: compiled, canary, execute_api_disabled }),
            problems => Err(problems),
        }
    }
}

impl CompiledRelease {
    /// Whoever compiled the definition first may have had it as the other deployment.
    fn denied(&self) -> Vec<Problem> {
        let of_release = |problem: &Problem| {
            let mut problem = problem.clone();
            if !problem.value.is_of_stage() {
                problem.value.deployment = self.deployment;
            }
            problem
        };
        self.definition.denied.iter().map(of_release).collect()
    }

    /// AWS's ids are six lower-case letters and digits; a deployment that nobody has named is known by its plan.
    fn of_generation(&self, generation: u64) -> Arc<StagePlan> {
        let Some(suffix) = self.unnamed else { return Arc::clone(&self.plan) };
        let width = 6 - suffix.len();
        let mut plan = StagePlan::clone(&self.plan);
        plan.deployment_id = format!("{generation:0width$}{suffix}").into();
        Arc::new(plan)
    }
}

/// What becomes of a [`StagePlan`]: a stage's own deployment, or its canary's with the variables that it overrides.
#[derive(Clone)]
struct ReleaseSource<'m> {
    definition: &'m ApiDefinition,
    /// Whose API's attributes count: the stage's own deployment's.
    api: &'m ApiDefinition,
    stage: Cow<'m, Stage>,
    deployment_id: Option<&'m DeploymentId>,
    unnamed: &'static str,
    deployment: Deployment,
    release: Release,
    /// `None` in plans that are made only to be checked or tried, or of files.
    region: Option<&'m Arc<str>>,
}

impl ReleaseSource<'_> {
    /// Of a stage, only its variables go into its methods.
    fn has_the_definition_of(&self, other: &ReleaseSource<'_>) -> bool {
        std::ptr::eq(self.definition, other.definition) && self.stage.variables == other.stage.variables
    }

    fn identity(&self, known: Known) -> Option<Identity> {
        let of = match (known, self.deployment_id) {
            (Known::ByAddress, _) => DefinitionIdentity::Address(std::ptr::from_ref(self.definition) as usize),
            (Known::ByDeploymentId, Some(id)) => {
                DefinitionIdentity::Deployment(self.api.rest_api.id.clone(), id.clone())
            }
            (Known::ByDeploymentId, None) => return None,
        };
        let pairs =
            |variables: &StageVariables| variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Some(Identity { of, variables: pairs(&self.stage.variables) })
    }
}

impl Compilation<'_> {
    /// `twin`: what was made of the same definition with the same variables.
    fn release(
        &mut self,
        source: &ReleaseSource<'_>,
        known: Known,
        twin: Option<&Arc<CompiledDefinition>>,
    ) -> CompiledRelease {
        self.deployment = source.deployment;
        let ReleaseSource { definition, stage, .. } = source;
        let rest_api = &source.api.rest_api;
        let compiled = match twin {
            Some(twin) => Arc::clone(twin),
            None => self.definition(source, known),
        };
        let plan = StagePlan {
            region: source.region.map(Arc::clone).unwrap_or_default(),
            method_arn_prefix: resource_policy::method_arn_prefix(self, &rest_api.id, &stage.stage_name),
            api_id: rest_api.id.as_str().into(),
            api_name: rest_api.name.as_str().into(),
            stage: stage.stage_name.as_str().into(),
            deployment_id: source.deployment_id.map(|id| id.as_str().into()).unwrap_or_default(),
            endpoint_type: rest_api.endpoint_configuration.types.first().map(|kind| kind.name()),
            variables: stage
                .variables
                .iter()
                .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
                .collect(),
            release: source.release,
            routes: Arc::clone(&compiled.routes),
            methods: Arc::clone(&compiled.methods),
            origins: Arc::clone(&compiled.origins),
            protections: Arc::clone(&compiled.protections),
            rules: Arc::clone(&compiled.rules),
            authorizers: Arc::clone(&compiled.authorizers),
            gateway_responses: Arc::clone(&compiled.gateway_responses),
            api_key_source: match rest_api.api_key_source {
                model::ApiKeySource::Header => ApiKeySource::Header,
                model::ApiKeySource::Authorizer => ApiKeySource::Authorizer,
            },
            resource_policy: compiled.resource_policy.clone(),
            signs: compiled.signs,
            throttles: throttle::compile(self, stage, &compiled.methods),
            access_log_format: self.access_log_format(stage),
            binary_media_types: content::binary_media_types(self, definition),
            minimum_compression_size: content::minimum_compression_size(self, definition),
            cache: cache::of_stage(stage, source.release, definition, &compiled.methods),
        };
        let unnamed = source.deployment_id.is_none().then_some(source.unnamed);
        CompiledRelease { plan: Arc::new(plan), definition: compiled, deployment: source.deployment, unnamed }
    }

    fn definition(&mut self, source: &ReleaseSource<'_>, known: Known) -> Arc<CompiledDefinition> {
        self.denials = Denials::of_stage(self.compiler.on_unsupported, &source.stage);
        let identity = source.identity(known).filter(|_| self.denials.is_empty());
        let found = identity.as_ref().and_then(|identity| self.compiler.definitions.find(identity));
        found.unwrap_or_else(|| {
            let before = self.problems.len();
            let stage = StageSource { definition: source.definition, stage: &source.stage, canary: None };
            let compiled = Arc::new(definition::compile(self, stage));
            if let Some(identity) = identity.filter(|_| self.problems.len() == before) {
                self.compiler.definitions.insert(identity, &compiled);
            }
            compiled
        })
    }

    fn access_log_format(&mut self, stage: &Stage) -> Option<LogFormat> {
        let format = stage.access_log_settings.as_ref()?.format.as_deref()?;
        LogFormat::parse(format)
            .map_err(|error| {
                // The stage is described beside its own deployment, not beside its canary's.
                self.deployment = Deployment::Production;
                let pointer = Pointer::stage(&stage.stage_name).child("accessLogSettings").child("format");
                self.refuse(pointer, error.message).help(error.help);
            })
            .ok()
    }
}
