//! From the model to a plan, or the list of everything that stands against it.
//!
//! What the model holds but this version does not do is refused here, by name and place: an API is served as it is
//! described or not at all. Only this file and those below it know the model.
//!
//! - `compiler`: stages compiled one by one, and plans made of them.
//! - `definition`: what a definition makes: routes, methods, error answers.
//! - `method`: a method, and what is refused of one.
//! - `authorizer`: who may call it.
//! - `integration`: its integration.
//! - `protection`: what protects its upstream.
//! - `validation`: its request validator, and models.
//! - `uri`: an integration's URI in parts.
//! - `cache`: whose answers are kept, and what tells them apart.
//! - `content`: `binaryMediaTypes`, `minimumCompressionSize`, `contentHandling`.
//! - `expression`: `method.request.header.x` and the like.
//! - `gateway_responses`: the stage's error answers.
//! - `resource_policy`: who may call the API at all.
//! - `denial`: what methods are denied for, where that is asked for.
//! - `stage`: what a stage itself says: variables, canary, method settings.
//! - `throttle`: how often methods may be called, by their settings; `throttle_rules`: by `x-tollgate-throttle`.
//! - `targets`: where what is named by ARN is asked.
//! - `shared`: what compiled stages have in common.

mod authorizer;
mod cache;
mod compiler;
mod content;
mod definition;
mod denial;
mod expression;
mod gateway_responses;
mod integration;
mod method;
mod protection;
mod resource_policy;
mod shared;
mod stage;
pub mod targets;
mod throttle;
mod throttle_rules;
mod uri;
mod validation;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Plan;
use super::validation::Schema;
use crate::model::{ApiDefinition, Pointer, Stage};
use authorizer::Authorizers;
use compiler::Known;
use definition::Origins;
use denial::Denials;
use protection::Protections;
use targets::{Targets, VpcLinkNames};
use throttle_rules::Rules;

pub use compiler::{CompiledStage, Compiler};

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The only stage is also served without its name in the path.
    pub root: bool,
    pub limits: Limits,
    pub on_unsupported: Unsupported,
    pub owner: Owner,
    /// Without it, nothing is to be asked.
    pub targets: Option<Arc<Targets>>,
    /// Of VPC links that are not the settings' own.
    pub vpc_link_names: VpcLinkNames,
}

/// Whose the APIs are: what their ARNs have between `execute-api` and the API's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Of stages that are not said to be in another.
    pub region: Cow<'static, str>,
    pub account_id: Cow<'static, str>,
}

impl Owner {
    /// What the settings are where nobody has set them.
    pub const DEFAULT: Owner = Owner { region: Cow::Borrowed("us-east-1"), account_id: Cow::Borrowed("000000000000") };
}

impl Default for Owner {
    fn default() -> Owner {
        Owner::DEFAULT
    }
}

/// What becomes of what the model holds and this version does not serve: authorizers, say, or throttling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unsupported {
    /// Nothing is served until it is gone.
    #[default]
    Refuse,
    /// The methods that it concerns answer 500 to everybody; the others are served. So are methods that AWS deploys
    /// though they cannot answer anything but 500, such as a mock that names no status.
    Deny,
}

/// Limits of what a definition may ask for, as settings have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of integrations whose answers are not streamed.
    pub integration_timeout_ms_max: u64,
    /// One mapping template.
    pub template_bytes_max: u64,
    /// One resource policy.
    pub policy_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { integration_timeout_ms_max: 900_000, template_bytes_max: 307_200, policy_bytes_max: 65_536 }
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

impl Problem {
    /// Something about a stage as a whole.
    pub fn of_stage(name: &str, message: impl Into<String>) -> Problem {
        Problem { value: ValueName::of(0, Pointer::stage(name)), message: message.into(), help: None, related: None }
    }

    /// The same problem as one of a list of stages.
    fn of_source(mut self, position: usize) -> Problem {
        self.value.source = position;
        self.related.iter_mut().for_each(|(_, value)| value.source = position);
        self
    }
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

    /// Whether it is a value of the stage itself rather than of what is deployed to it.
    fn is_of_stage(&self) -> bool {
        self.pointer.as_str().starts_with("/stages/")
    }
}

/// Which of a stage's two deployments. The stage itself is described beside the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Deployment {
    #[default]
    Production,
    Canary,
}

/// Compiles all stages of documents into one plan.
///
/// # Errors
/// All problems, in the order of the stages.
pub fn compile(stages: &[StageSource<'_>], options: &Options, generation: u64) -> Result<Plan, Vec<Problem>> {
    let mut problems = same_addresses(stages);
    if options.root {
        problems.extend(second_at_root(stages));
    }
    let compiler = Compiler::new(options.limits, options.on_unsupported);
    let mut compiler = compiler.owned_by(options.owner.clone()).with_targets(options.targets.clone());
    compiler.know_vpc_links(options.vpc_link_names.clone());
    let mut compiled = Vec::with_capacity(stages.len());
    for (position, source) in stages.iter().enumerate() {
        let odd_settings = stage::settings_of_no_method(source.definition, source.stage);
        problems.extend(odd_settings.map(|problem| problem.of_source(position)));
        match compiler.compile(*source, Known::ByAddress, None) {
            Ok(stage) => compiled.push(stage),
            Err(found) => problems.extend(found.into_iter().map(|problem| problem.of_source(position))),
        }
    }
    if problems.is_empty() { Ok(compiler.plan(&compiled, options.root, generation)) } else { Err(problems) }
}

fn same_addresses(stages: &[StageSource<'_>]) -> Vec<Problem> {
    let mut seen = HashMap::new();
    let mut problems = Vec::new();
    for (position, source) in stages.iter().enumerate() {
        let (id, stage) = (&source.definition.rest_api.id, &source.stage.stage_name);
        let Some(first) = seen.insert((id, stage), position) else { continue };
        let id_of = |source| ValueName::of(source, Pointer::rest_api("id"));
        problems.push(Problem {
            value: id_of(position),
            message: format!("two APIs have the id `{id}` and the stage `{stage}`"),
            help: Some("give each document an id of its own: `x-tollgate-api-id: orders01`".to_owned()),
            related: Some(("the other one".to_owned(), id_of(first))),
        });
    }
    problems
}

fn second_at_root(stages: &[StageSource<'_>]) -> Option<Problem> {
    let [first, second, ..] = stages else { return None };
    let (pointer, message, help) = if std::ptr::eq(first.definition, second.definition) {
        let (one, other) = (&first.stage.stage_name, &second.stage.stage_name);
        let message = format!("only one stage can be served at the root, and here are `{one}` and `{other}`");
        (Pointer::stage(other), message, format!("choose one with `--stage {one}`, or leave `root` off"))
    } else {
        let message = "only one API can be served at the root, and here is another".to_owned();
        (Pointer::rest_api("id"), message, "serve each API under its stage: leave `root` off".to_owned())
    };
    Some(Problem { value: ValueName::of(1, pointer), message, help: Some(help), related: None })
}

/// One stage while it is compiled: what is found of it, and what its definition's methods share.
struct Compilation<'c> {
    compiler: &'c mut Compiler,
    problems: Vec<Problem>,
    /// What methods of the definition are denied for.
    denied: Vec<Problem>,
    denials: Denials,
    /// Which of the stage's deployments is being compiled.
    deployment: Deployment,
    /// The region of the stage.
    region: Cow<'static, str>,
    origins: Origins,
    protections: Protections,
    authorizers: Authorizers,
    /// Whether requests are to be signed.
    signs: bool,
    rules: Rules,
    /// The definition's models by name; `None` for one that was refused.
    models: HashMap<String, Option<Arc<Schema>>>,
    /// What several of the definition's resources name as their `cacheNamespace`.
    shared_namespaces: HashSet<String>,
}

impl<'c> Compilation<'c> {
    fn new(compiler: &'c mut Compiler) -> Compilation<'c> {
        Compilation {
            region: compiler.owner.region.clone(),
            compiler,
            problems: Vec::new(),
            denied: Vec::new(),
            denials: Denials::default(),
            deployment: Deployment::Production,
            origins: Origins::default(),
            protections: Protections::default(),
            rules: Rules::default(),
            authorizers: Authorizers::default(),
            signs: false,
            models: HashMap::new(),
            shared_namespaces: HashSet::new(),
        }
    }

    /// Notes a problem; more can be said of what is returned.
    fn refuse(&mut self, pointer: Pointer, message: impl Into<String>) -> Refusal<'_> {
        let value = ValueName { source: 0, deployment: self.deployment, pointer };
        self.problems.push(Problem { value, message: message.into(), help: None, related: None });
        Refusal { problems: &mut self.problems }
    }

    /// Notes what a method asks for and this version does not serve.
    fn refuse_or_deny(&mut self, pointer: Pointer, message: impl Into<String>) -> Refusal<'_> {
        match self.compiler.on_unsupported {
            Unsupported::Refuse => self.refuse(pointer, message),
            Unsupported::Deny => {
                let value = ValueName { source: 0, deployment: self.deployment, pointer };
                self.denied.push(Problem { value, message: message.into(), help: None, related: None });
                Refusal { problems: &mut self.denied }
            }
        }
    }

    /// Notes what AWS deploys though it cannot answer anything but 500, where that is not to be served.
    fn refuse_unanswerable(&mut self, pointer: Pointer, message: impl Into<String>, help: impl Into<String>) {
        match self.compiler.on_unsupported {
            Unsupported::Refuse => {
                self.refuse(pointer, message).help(help);
            }
            Unsupported::Deny => {}
        }
    }
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
