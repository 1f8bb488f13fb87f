//! The contract between the planes: what a deployment compiles to, and all that a shard needs to serve it.
//!
//! A plan is a value: immutable, `Send + Sync`, without a clock and without I/O. There is one copy in the process,
//! shared by `Arc`; what changes while serving (pools, counters, live addresses) lives beside it on each shard.
//!
//! - [`select`]: which stage serves a request, by host and path prefix.
//! - [`release`]: which of its two deployments, where the stage has a canary.
//! - [`route`]: which method of that stage, with the path's parameters.
//! - [`integration`]: what the method does: an HTTP request to build, or a mock answer.
//! - [`authorizer`]: what a method demands of its callers, and who decides.
//! - [`lambda`]: where a function is invoked.
//! - [`content`]: text and binary bodies, and how one becomes the other.
//! - [`context`]: the names of `$context`'s variables.
//! - [`cache`]: whose answers a stage keeps.
//! - [`mock_status`]: the status that a mock's template names.
//! - [`protection`]: what protects an upstream: targets, health checks, breaker, retries.
//! - [`template`]: text with `$context` variables, and the sources of mapped parameters.
//! - [`access_log`]: what a line of the log looks like.
//! - [`gateway_response`]: the 21 kinds of error answer.
//! - [`test_invocation`]: a method tried without serving it.
//! - [`validation`]: what a method demands of a request: parameters, and bodies that fit a model.
//! - [`throttle`]: how often methods may be called.
//! - [`vpc`]: which networks stand for which VPC endpoints.
//! - [`clients`]: API keys and usage plans, beside the plan.
//! - [`identity`], [`passwords`]: who may sign requests, and who has a password, beside the plan; [`aws_credentials`]: with
//!   what the gateway's own requests are signed.
//! - [`key_sets`]: the keys that tokens are verified with, beside the plan.
//! - [`delivery`]: how a plan and what belongs to it reach the shards.
//! - [`compile`]: from the model to a plan, or the list of what stands against it.

pub mod access_log;
pub mod authorizer;
pub mod aws_credentials;
pub mod cache;
pub mod clients;
pub mod compile;
pub mod content;
pub mod context;
pub mod delivery;
pub mod gateway_response;
pub mod identity;
pub mod integration;
pub mod key_sets;
pub mod lambda;
pub mod mock_status;
pub mod passwords;
pub mod protection;
pub mod release;
pub mod route;
pub mod select;
pub mod template;
pub mod test_invocation;
pub mod throttle;
pub mod validation;
pub mod vpc;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use access_log::LogFormat;
use authorizer::{Authorization, Authorizer, AuthorizerIndex};
use cache::{CacheDefinition, StageCache};
use content::BinaryMediaTypes;
use delivery::HealthTarget;
use gateway_response::GatewayResponses;
use integration::{Integration, Origin};
use key_sets::KeySource;
use protection::Protection;
use release::Release;
use route::RouteTable;
use select::Selector;
use select::domain::DomainAddress;
use throttle::{Rule, RuleIndex, Throttles};
use validation::Validator;

use crate::policy::Policy;

/// The position of a stage in [`Plan::stages`]. 32 bits: more stages than memory has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StageIndex(pub u32);

/// The position of a method in [`StagePlan::methods`]; counters use it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MethodIndex(pub u32);

/// The position of an origin in [`StagePlan::origins`]: a stage that is compiled stays as it is, whatever others name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OriginIndex(pub u32);

/// Everything that is served: all stages of all APIs.
#[derive(Debug)]
pub struct Plan {
    /// Rises by one with every published plan; what `/readyz` and `tollgate_config_revision` show.
    pub generation: u64,
    pub selector: Selector,
    /// Each with its canary, if it has one, directly behind it. The same from plan to plan, until a deploy changes it.
    pub stages: Vec<Arc<StagePlan>>,
    /// Where the keys are that its authorizers verify tokens with, each once.
    pub key_sources: BTreeSet<KeySource>,
}

/// One stage of one API, or its canary: what a deployment to a stage makes of the API's description.
#[derive(Clone, Debug)]
pub struct StagePlan {
    /// Whose API keys and limits are the stage's; empty in plans that are made only to be checked or tried.
    pub region: Arc<str>,
    /// AWS's API id: lower-case letters and digits, the first label of the execute-api host name.
    pub api_id: Arc<str>,
    pub api_name: Box<str>,
    pub stage: Arc<str>,
    /// The deployment that the stage points to: the model's, or one made of the plan's generation.
    pub deployment_id: Box<str>,
    /// `REGIONAL`, `EDGE` or `PRIVATE`, where the API's description says.
    pub endpoint_type: Option<&'static str>,
    /// `$stageVariables`, for templates.
    pub variables: Vec<(Box<str>, Box<str>)>,
    pub release: Release,
    /// What the ARNs of its methods begin with: `arn:aws:execute-api:{region}:{account}:{api}/{stage}/`. `{METHOD}/{path}`
    /// make one whole.
    pub method_arn_prefix: Box<str>,
    /// These eight are shared by stages that serve the same definition with the same variables.
    pub routes: Arc<RouteTable>,
    pub methods: Arc<[MethodPlan]>,
    /// Where its methods' requests go, each once.
    pub origins: Arc<[Arc<Origin>]>,
    /// What protects them, where something does.
    pub protections: Arc<[Arc<Protection>]>,
    /// What `x-tollgate-throttle` says of it and of its methods.
    pub rules: Arc<[Rule]>,
    /// Who decides who may call its methods, where something does.
    pub authorizers: Arc<[Authorizer]>,
    pub gateway_responses: Arc<GatewayResponses>,
    pub api_key_source: ApiKeySource,
    /// Whether some of its requests are signed with the gateway's own credentials.
    pub signs: bool,
    /// Who may call the API at all, where its description says.
    pub resource_policy: Option<Arc<Policy>>,
    /// By its own settings; `None` where no method has a limit.
    pub throttles: Option<Throttles>,
    /// The stage's own; without one, the setting's.
    pub access_log_format: Option<LogFormat>,
    pub binary_media_types: BinaryMediaTypes,
    /// `minimumCompressionSize`, in bytes; `None` compresses nothing.
    pub minimum_compression_size: Option<u32>,
    /// Where answers of its methods are kept.
    pub cache: Option<Arc<StageCache>>,
}

/// Where a caller's API key is read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApiKeySource {
    /// `x-api-key`.
    #[default]
    Header,
    /// `usageIdentifierKey` of the authorizer's answer.
    Authorizer,
}

/// One method of one resource, ready to run.
#[derive(Debug)]
pub struct MethodPlan {
    /// As declared: `GET`, or `ANY`.
    pub http_method: Cow<'static, str>,
    /// The resource's path template, `/pets/{petId}`: the label `route` of metrics and log.
    pub resource_path: Box<str>,
    pub resource_id: Box<str>,
    pub api_key_required: bool,
    pub authorization: Authorization,
    /// In the order in which they are asked.
    pub rules: Box<[RuleIndex]>,
    /// What is checked before the integration is begun.
    pub validator: Option<Box<Validator>>,
    /// How its answers are kept where a stage keeps them; `None` where the integration says nothing of it.
    pub cache: Option<Box<CacheDefinition>>,
    pub integration: Integration,
}

impl MethodPlan {
    /// Whether nothing can begin before the request's whole body is there.
    pub fn needs_body(&self) -> bool {
        self.integration.is_mapped() || self.validates_body()
    }

    /// Whether a validator has to see the whole body first.
    pub fn validates_body(&self) -> bool {
        self.validator.as_ref().is_some_and(|validator| validator.needs_body())
    }
}

impl Plan {
    /// A plan that serves nothing: what a gateway without an API runs on.
    pub fn empty() -> Plan {
        Plan { generation: 0, selector: Selector::default(), stages: Vec::new(), key_sources: BTreeSet::new() }
    }

    /// The plan with custom domain names, in place of those that it had.
    #[must_use]
    pub fn with_domains(mut self, domains: &[DomainAddress]) -> Plan {
        let numbered = (0..).map(StageIndex).zip(&self.stages);
        let addressed = numbered.filter(|(_, stage)| stage.release != Release::Canary);
        let stages = addressed.map(|(index, stage)| (&*stage.api_id, &*stage.stage, index));
        self.selector.serve_domains(domains, stages);
        self
    }

    /// Whether credentials of the gateway's own are needed.
    pub fn signs(&self) -> bool {
        self.stages.iter().any(|stage| stage.signs)
    }

    pub fn stage(&self, index: StageIndex) -> &StagePlan {
        &self.stages[index.0 as usize]
    }

    /// The stages that are addressed: all but the canaries.
    pub fn addressed(&self) -> impl Iterator<Item = &StagePlan> {
        self.stages.iter().map(|stage| &**stage).filter(|stage| stage.release != Release::Canary)
    }

    /// The plan that serves a request to a stage: its own, or its canary's, by a number drawn at random.
    pub fn release(&self, selected: StageIndex, draw: impl FnOnce() -> u32) -> StageIndex {
        match self.stage(selected).release {
            Release::Production { share } if share.takes(draw()) => StageIndex(selected.0 + 1),
            Release::Only | Release::Production { .. } | Release::Canary => selected,
        }
    }

    /// Where requests go: an origin that several stages name comes as often.
    pub fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.stages.iter().flat_map(|stage| stage.origins.iter().map(|origin| &**origin))
    }

    /// Whose health is checked, and how; each once.
    pub fn health_targets(&self) -> HashSet<HealthTarget> {
        let mut all = HashSet::new();
        for stage in &self.stages {
            for protection in stage.protections.iter() {
                let Some(check) = &protection.health_check else { continue };
                let origins = protection.targets.iter().map(|target| &stage.origins[target.origin.0 as usize]);
                all.extend(origins.map(|origin| HealthTarget { origin: Arc::clone(origin), check: Arc::clone(check) }));
            }
        }
        all
    }
}

impl StagePlan {
    pub fn method(&self, index: MethodIndex) -> &MethodPlan {
        &self.methods[index.0 as usize]
    }

    pub fn authorizer(&self, index: AuthorizerIndex) -> &Authorizer {
        &self.authorizers[index.0 as usize]
    }

    pub fn origin(&self, index: OriginIndex) -> &Origin {
        &self.origins[index.0 as usize]
    }
}
