//! From the model to a plan, or the list of everything that stands against it.
//!
//! What the model holds but this version does not do is refused here, by name and place: an API is served as it is
//! described or not at all. Only this file and those below it know the model.
//!
//! - `method`: a method, and what is refused of one.
//! - `integration`: its integration.
//! - `validation`: its request validator, and models.
//! - `uri`: an integration's URI in parts.
//! - `content`: `binaryMediaTypes`, `minimumCompressionSize`, `contentHandling`.
//! - `expression`: `method.request.header.x` and the like.
//! - `gateway_responses`: the stage's error answers.
//! - `stage`: what a stage itself says: variables, canary, method settings.

mod content;
mod expression;
mod gateway_responses;
mod integration;
mod method;
mod stage;
mod uri;
mod validation;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::access_log::LogFormat;
use super::gateway_response::GatewayResponses;
use super::integration::Origin;
use super::release::Release;
use super::route::{RouteConflict, RouteTable};
use super::select::{Selector, StageAddress};
use super::validation::Schema;
use super::{MethodIndex, MethodPlan, OriginIndex, Plan, StageIndex, StagePlan};
use crate::model::{ApiDefinition, DeploymentId, Pointer, Resource, RestApi, Stage};

/// A deeper resource is refused: the search for a route recurses once a segment.
pub const PATH_SEGMENTS_MAX: usize = 100;

/// One stage to serve, and what it serves.
#[derive(Clone, Copy, Debug)]
pub struct StageSource<'m> {
    /// The API's attributes are always from here.
    pub definition: &'m ApiDefinition,
    pub stage: &'m Stage,
    /// What the canary serves, where the stage's `canarySettings` name another deployment.
    pub canary: Option<&'m ApiDefinition>,
}

/// What compiling needs to know besides the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The only stage is also served without its name in the path.
    pub root: bool,
    pub limits: Limits,
}

/// Limits of what a definition may ask for, as settings have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of integrations whose answers are not streamed.
    pub integration_timeout_ms_max: u64,
    /// One mapping template.
    pub template_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { integration_timeout_ms_max: 900_000, template_bytes_max: 307_200 }
    }
}

/// Something that stands against a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub value: ValueName,
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Another value that has a part in it, and what it is.
    pub related: Option<(String, ValueName)>,
}

/// A value of one of the definitions, or of the stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueName {
    /// The position in the list of stages.
    pub source: usize,
    pub deployment: Deployment,
    pub pointer: Pointer,
}

impl ValueName {
    /// A value of a stage, or of its own deployment's definition.
    fn of(source: usize, pointer: Pointer) -> ValueName {
        ValueName { source, deployment: Deployment::Production, pointer }
    }
}

/// Which of a stage's two deployments. The stage itself is described beside the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Deployment {
    #[default]
    Production,
    Canary,
}

/// Compiles all stages into one plan.
///
/// # Errors
/// All problems, in the order of the stages.
pub fn compile(stages: &[StageSource<'_>], options: &Options, generation: u64) -> Result<Plan, Vec<Problem>> {
    let mut compiler = Compiler { generation, limits: options.limits, ..Compiler::default() };
    compiler.refuse_same_address(stages);
    if options.root {
        compiler.refuse_second_at_root(stages);
    }
    let sources = compiler.sources(stages);
    let mut plans: Vec<StagePlan> = Vec::with_capacity(sources.len());
    for (position, source) in sources.iter().enumerate() {
        let twin = sources[..position].iter().position(|earlier| earlier.has_the_methods_of(source));
        let plan = compiler.stage(source, twin.map(|twin| &plans[twin]));
        plans.push(plan);
    }
    let addresses: Vec<StageAddress> = stages.iter().map(|source| address(*source)).collect();
    if !compiler.problems.is_empty() {
        return Err(compiler.problems);
    }
    let selector = Selector::new(&addresses, options.root);
    Ok(Plan { generation, selector, stages: plans, origins: compiler.origins })
}

fn address(source: StageSource<'_>) -> StageAddress {
    StageAddress {
        api_id: source.definition.rest_api.id.as_str().into(),
        stage: source.stage.stage_name.as_str().into(),
        execute_api_disabled: source.definition.rest_api.disable_execute_api_endpoint,
    }
}

/// What becomes a [`StagePlan`]: a stage's own deployment, or its canary's with the variables that it overrides.
#[derive(Clone)]
struct PlanSource<'m> {
    position: usize,
    deployment: Deployment,
    definition: &'m ApiDefinition,
    stage: Cow<'m, Stage>,
    rest_api: &'m RestApi,
    deployment_id: Box<str>,
    release: Release,
}

impl PlanSource<'_> {
    /// Whether both make the same methods: of a stage, only its variables go into them.
    fn has_the_methods_of(&self, other: &PlanSource<'_>) -> bool {
        std::ptr::eq(self.definition, other.definition) && self.stage.variables == other.stage.variables
    }
}

/// What is shared by all stages of a plan, and the problems so far.
#[derive(Default)]
struct Compiler {
    problems: Vec<Problem>,
    origins: Vec<Origin>,
    origin_indices: HashMap<Origin, OriginIndex>,
    /// Expressions for statuses repeat in every method; a compiled one costs some 10 KB.
    patterns: HashMap<String, regex::Regex>,
    /// Models by source and name; `None` for one that was refused.
    schemas: HashMap<(usize, Deployment, String), Option<Arc<Schema>>>,
    /// The position of the stage that is being compiled, and which of its deployments.
    source: usize,
    deployment: Deployment,
    generation: u64,
    limits: Limits,
}

impl Compiler {
    /// Notes a problem; more can be said of what is returned.
    fn refuse(&mut self, pointer: Pointer, message: impl Into<String>) -> Refusal<'_> {
        let value = ValueName { source: self.source, deployment: self.deployment, pointer };
        self.problems.push(Problem { value, message: message.into(), help: None, related: None });
        Refusal { problems: &mut self.problems }
    }

    fn origin(&mut self, origin: Origin) -> OriginIndex {
        if let Some(index) = self.origin_indices.get(&origin) {
            return *index;
        }
        let index = OriginIndex(self.origins.len() as u32);
        self.origin_indices.insert(origin.clone(), index);
        self.origins.push(origin);
        index
    }

    fn refuse_same_address(&mut self, stages: &[StageSource<'_>]) {
        let mut seen = HashMap::new();
        for (position, source) in stages.iter().enumerate() {
            let (id, stage) = (&source.definition.rest_api.id, &source.stage.stage_name);
            let Some(first) = seen.insert((id, stage), position) else { continue };
            self.source = position;
            let message = format!("two APIs have the id `{id}` and the stage `{stage}`");
            let refusal = self.refuse(Pointer::rest_api("id"), message);
            let refusal = refusal.related("the other one", ValueName::of(first, Pointer::rest_api("id")));
            refusal.help("give each document an id of its own: `x-tollgate-api-id: orders01`");
        }
    }

    fn refuse_second_at_root(&mut self, stages: &[StageSource<'_>]) {
        let [first, second, ..] = stages else { return };
        self.source = 1;
        if std::ptr::eq(first.definition, second.definition) {
            let (one, other) = (&first.stage.stage_name, &second.stage.stage_name);
            let message = format!("only one stage can be served at the root, and here are `{one}` and `{other}`");
            let refusal = self.refuse(Pointer::stage(other), message);
            refusal.help(format!("choose one with `--stage {one}`, or leave `root` off"));
        } else {
            let message = "only one API can be served at the root, and here is another";
            let refusal = self.refuse(Pointer::rest_api("id"), message);
            refusal.help("serve each API under its stage: leave `root` off");
        }
    }

    /// The stages, and behind them their canaries.
    fn sources<'m>(&mut self, stages: &[StageSource<'m>]) -> Vec<PlanSource<'m>> {
        let mut canaries = Vec::new();
        let mut sources = Vec::with_capacity(stages.len());
        for (position, source) in stages.iter().enumerate() {
            let StageSource { definition, stage, canary: of_canary } = *source;
            self.source = position;
            self.deployment = Deployment::Production;
            stage::refuse_odd_variables(self, stage);
            stage::refuse_what_is_not_served(self, definition, stage);
            let production = PlanSource {
                position,
                deployment: Deployment::Production,
                definition,
                stage: Cow::Borrowed(stage),
                rest_api: &definition.rest_api,
                deployment_id: self.deployment_id(stage.deployment_id.as_ref(), ""),
                release: Release::Only,
            };
            sources.push(production);
            let Some((settings, share)) = stage::canary(self, stage) else { continue };
            let made_of = if of_canary.is_some() { "c" } else { "" };
            let index = StageIndex((stages.len() + canaries.len()) as u32);
            sources[position].release = Release::Production { canary: index, share };
            canaries.push(PlanSource {
                deployment: if of_canary.is_some() { Deployment::Canary } else { Deployment::Production },
                definition: of_canary.unwrap_or(definition),
                stage: Cow::Owned(stage::of_canary(stage, settings)),
                deployment_id: self.deployment_id(settings.deployment_id.as_ref(), made_of),
                release: Release::Canary,
                ..sources[position].clone()
            });
        }
        sources.extend(canaries);
        sources
    }

    /// AWS's ids are six lower-case letters and digits; a deployment that nobody has named is known by its plan.
    fn deployment_id(&self, id: Option<&DeploymentId>, suffix: &str) -> Box<str> {
        match id {
            Some(id) => id.as_str().into(),
            None => format!("{:0width$}{suffix}", self.generation, width = 6 - suffix.len()).into(),
        }
    }

    /// `twin`: an earlier plan with the same methods.
    fn stage(&mut self, source: &PlanSource<'_>, twin: Option<&StagePlan>) -> StagePlan {
        (self.source, self.deployment) = (source.position, source.deployment);
        let PlanSource { definition, rest_api, .. } = *source;
        let stage = &*source.stage;
        let (routes, methods, gateway_responses) = match twin {
            Some(twin) => (twin.routes.clone(), twin.methods.clone(), twin.gateway_responses.clone()),
            None => self.methods(definition, stage),
        };
        StagePlan {
            api_id: rest_api.id.as_str().into(),
            api_name: rest_api.name.as_str().into(),
            stage: stage.stage_name.as_str().into(),
            deployment_id: source.deployment_id.clone(),
            endpoint_type: rest_api.endpoint_configuration.types.first().map(|kind| kind.name()),
            variables: stage
                .variables
                .iter()
                .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
                .collect(),
            release: source.release,
            routes,
            methods,
            gateway_responses,
            access_log_format: self.access_log_format(stage),
            binary_media_types: content::binary_media_types(self, definition),
            minimum_compression_size: content::minimum_compression_size(self, definition),
        }
    }

    /// All that a definition and a stage's variables make.
    fn methods(
        &mut self,
        definition: &ApiDefinition,
        stage: &Stage,
    ) -> (Arc<RouteTable>, Arc<[MethodPlan]>, Arc<GatewayResponses>) {
        self.refuse_what_is_not_served(definition);
        let responses = gateway_responses::compile(self, definition, stage);
        let (mut routes, mut methods) = (RouteTable::default(), Vec::new());
        let source = StageSource { definition, stage, canary: None };
        for resource in &definition.resources {
            self.resource(source, resource, &mut routes, &mut methods);
        }
        (Arc::new(routes), methods.into(), Arc::new(responses))
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

    /// What is asked of the API as a whole.
    fn refuse_what_is_not_served(&mut self, definition: &ApiDefinition) {
        let rest_api = &definition.rest_api;
        if rest_api.policy.is_some() {
            let message = "resource policies are not enforced by this version";
            self.refuse(Pointer::rest_api("policy"), message).help("take `x-amazon-apigateway-policy` away");
        }
    }

    fn resource(
        &mut self,
        source: StageSource<'_>,
        resource: &Resource,
        routes: &mut RouteTable,
        methods: &mut Vec<MethodPlan>,
    ) {
        if resource.resource_methods.is_empty() {
            return;
        }
        if resource.path.split('/').count() > PATH_SEGMENTS_MAX + 1 {
            let message = format!("the path has more than {PATH_SEGMENTS_MAX} segments");
            self.refuse(Pointer::resource(&resource.path), message);
            return;
        }
        for (http_method, method) in &resource.resource_methods {
            let index = MethodIndex(methods.len() as u32);
            if let Err(conflict) = routes.insert(&resource.path, http_method, index) {
                self.refuse_conflict(source.definition, &resource.path, http_method, &conflict);
                return;
            }
            if let Some(method) = method::compile(self, source, resource, method) {
                methods.push(method);
            }
        }
    }

    fn refuse_conflict(&mut self, definition: &ApiDefinition, path: &str, http_method: &str, conflict: &RouteConflict) {
        let pointer = Pointer::resource(path);
        match conflict {
            RouteConflict::Duplicate => {
                self.refuse(Pointer::method(path, http_method), format!("`{http_method} {path}` is here twice"));
            }
            RouteConflict::SiblingParameter { existing } => {
                let message = format!("the path conflicts with one that has `{{{existing}}}` in the same place");
                let other = sibling(definition, path, existing).map(Pointer::resource);
                let (source, deployment) = (self.source, self.deployment);
                let refusal = self.refuse(pointer, message);
                let refusal = refusal.help(format!("call the parameter `{existing}` in both, as API Gateway demands"));
                if let Some(pointer) = other {
                    refusal.related("the other path", ValueName { source, deployment, pointer });
                }
            }
            RouteConflict::GreedyNotLast => {
                let refusal =
                    self.refuse(pointer, "a greedy parameter such as `{proxy+}` must be the path's last segment");
                refusal.help("end the path after it");
            }
            RouteConflict::TooManyParameters => {
                let most = super::route::PATH_PARAMETERS_MAX;
                self.refuse(pointer, format!("the path has more than {most} parameters"));
            }
            RouteConflict::MalformedParameter { segment } => {
                let message = format!("`{segment}` is not a path parameter: braces stand around a whole segment");
                self.refuse(pointer, message).help("write `/{name}` or, at the end, `/{name+}`");
            }
            RouteConflict::NoLeadingSlash => {
                self.refuse(pointer, "the path does not start with a slash");
            }
        }
    }
}

/// The path of the first resource that has a parameter `existing` where `path` has another.
fn sibling<'m>(definition: &'m ApiDefinition, path: &str, existing: &str) -> Option<&'m str> {
    let wanted = [format!("{{{existing}}}"), format!("{{{existing}+}}")];
    let conflicts = |other: &str| {
        let mut pairs = other.split('/').zip(path.split('/'));
        pairs.find(|(one, two)| one != two).is_some_and(|(one, _)| wanted.iter().any(|name| name == one))
    };
    let methods = definition.resources.iter().filter(|resource| !resource.resource_methods.is_empty());
    methods.map(|resource| resource.path.as_str()).find(|other| conflicts(other))
}

/// The problem that was just noted, to say more of it.
struct Refusal<'c> {
    problems: &'c mut Vec<Problem>,
}

impl Refusal<'_> {
    fn help(self, help: impl Into<String>) -> Self {
        if let Some(problem) = self.problems.last_mut() {
            problem.help = Some(help.into());
        }
        self
    }

    fn related(self, label: &str, value: ValueName) -> Self {
        if let Some(problem) = self.problems.last_mut() {
            problem.related = Some((label.to_owned(), value));
        }
        self
    }
}
