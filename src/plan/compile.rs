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

mod content;
mod expression;
mod gateway_responses;
mod integration;
mod method;
mod uri;
mod validation;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use super::access_log::LogFormat;
use super::integration::Origin;
use super::route::{RouteConflict, RouteTable};
use super::select::{Selector, StageAddress};
use super::validation::Schema;
use super::{MethodIndex, OriginIndex, Plan, StagePlan};
use crate::model::{ApiDefinition, Pointer, Resource, Stage};

/// A deeper resource is refused: the search for a route recurses once a segment.
pub const PATH_SEGMENTS_MAX: usize = 100;

/// One stage to serve, and the definition that it serves.
#[derive(Clone, Copy, Debug)]
pub struct StageSource<'m> {
    pub definition: &'m ApiDefinition,
    pub stage: &'m Stage,
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

/// A value of one of the definitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueName {
    /// The position in the list of stages.
    pub source: usize,
    pub pointer: Pointer,
}

/// Compiles all stages into one plan. With `root`, the only stage is also served without its name in the path.
///
/// # Errors
/// All problems, in the order of the stages.
pub fn compile(stages: &[StageSource<'_>], root: bool, generation: u64) -> Result<Plan, Vec<Problem>> {
    let mut compiler = Compiler { generation, ..Compiler::default() };
    compiler.refuse_same_address(stages);
    if root && stages.len() > 1 {
        compiler.source = 1;
        let message = "only one API can be served at the root, and here is another";
        compiler.refuse(Pointer::rest_api("id"), message).help("serve each API under its stage: leave `root` off");
    }
    let plans: Vec<StagePlan> = stages.iter().enumerate().map(|(at, stage)| compiler.stage(at, *stage)).collect();
    let addresses: Vec<StageAddress> = stages.iter().map(|source| address(*source)).collect();
    if !compiler.problems.is_empty() {
        return Err(compiler.problems);
    }
    let selector = Selector::new(&addresses, root);
    Ok(Plan { generation, selector, stages: plans, origins: compiler.origins })
}

fn address(source: StageSource<'_>) -> StageAddress {
    StageAddress {
        api_id: source.definition.rest_api.id.as_str().into(),
        stage: source.stage.stage_name.as_str().into(),
        execute_api_disabled: source.definition.rest_api.disable_execute_api_endpoint,
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
    schemas: HashMap<(usize, String), Option<Arc<Schema>>>,
    /// The position of the stage that is being compiled.
    source: usize,
    generation: u64,
}

impl Compiler {
    /// Notes a problem; more can be said of what is returned.
    fn refuse(&mut self, pointer: Pointer, message: impl Into<String>) -> Refusal<'_> {
        let value = ValueName { source: self.source, pointer };
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
            let refusal =
                refusal.related("the other one", ValueName { source: first, pointer: Pointer::rest_api("id") });
            refusal.help("give each document an id of its own: `x-tollgate-api-id: orders01`");
        }
    }

    fn stage(&mut self, position: usize, source: StageSource<'_>) -> StagePlan {
        self.source = position;
        let StageSource { definition, stage } = source;
        self.refuse_what_is_not_served(definition);
        self.refuse_odd_variables(stage);
        let mut plan = StagePlan {
            api_id: definition.rest_api.id.as_str().into(),
            api_name: definition.rest_api.name.as_str().into(),
            stage: stage.stage_name.as_str().into(),
            deployment_id: deployment_id(stage, self.generation),
            endpoint_type: definition.rest_api.endpoint_configuration.types.first().map(|kind| kind.name()),
            variables: stage
                .variables
                .iter()
                .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
                .collect(),
            routes: RouteTable::default(),
            methods: Vec::new(),
            gateway_responses: gateway_responses::compile(self, definition, stage),
            access_log_format: self.access_log_format(stage),
            binary_media_types: content::binary_media_types(self, definition),
            minimum_compression_size: content::minimum_compression_size(self, definition),
        };
        for resource in &definition.resources {
            self.resource(source, resource, &mut plan);
        }
        plan
    }

    fn access_log_format(&mut self, stage: &Stage) -> Option<LogFormat> {
        let format = stage.access_log_settings.as_ref()?.format.as_deref()?;
        LogFormat::parse(format)
            .map_err(|error| {
                let pointer = Pointer::root().child("stage").child("accessLogSettings").child("format");
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

    fn refuse_odd_variables(&mut self, stage: &Stage) {
        let variables = Pointer::root().child("stage").child("variables");
        for (name, value) in &stage.variables {
            if !expression::is_stage_variable_name(name) {
                let message = format!("`{name}` cannot be the name of a stage variable");
                self.refuse(variables.child(name), message).help("it has letters, digits and `_`");
            }
            if !expression::is_stage_variable_value(value) {
                let message = format!("the stage variable `{name}` has a value with characters that it cannot have");
                let help = "it has visible ASCII characters, without quotes, braces, `<`, `>` and `$`";
                self.refuse(variables.child(name), message).help(help);
            }
        }
    }

    fn resource(&mut self, source: StageSource<'_>, resource: &Resource, plan: &mut StagePlan) {
        if resource.resource_methods.is_empty() {
            return;
        }
        if resource.path.split('/').count() > PATH_SEGMENTS_MAX + 1 {
            let message = format!("the path has more than {PATH_SEGMENTS_MAX} segments");
            self.refuse(Pointer::resource(&resource.path), message);
            return;
        }
        for (http_method, method) in &resource.resource_methods {
            let index = MethodIndex(plan.methods.len() as u32);
            if let Err(conflict) = plan.routes.insert(&resource.path, http_method, index) {
                self.refuse_conflict(source.definition, &resource.path, http_method, &conflict);
                return;
            }
            if let Some(method) = method::compile(self, source, resource, method) {
                plan.methods.push(method);
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
                let source = self.source;
                let refusal = self.refuse(pointer, message);
                let refusal = refusal.help(format!("call the parameter `{existing}` in both, as API Gateway demands"));
                if let Some(pointer) = other {
                    refusal.related("the other path", ValueName { source, pointer });
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

/// AWS's ids are six lower-case letters and digits; a deployment that nobody has named is known by its plan.
fn deployment_id(stage: &Stage, generation: u64) -> Box<str> {
    match &stage.deployment_id {
        Some(id) => id.0.as_str().into(),
        None => format!("{generation:06}").into(),
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
