//! Whether the caller may call: the API's resource policy, and what the method demands. Before everything else that is asked
//! of a request, since the key that it is metered by may be the authorizer's word. (Guide, `apigateway-authorization-flow`.)
//!
//! ```text
//!  route ──▶ authorize ──▶ granted | refused
//!                │ nobody has decided yet
//!                ▼
//!              ask.rs: the head stays in the buffer ──▶ route again, with the answer
//! ```
//!
//! - [`decisions`]: what was decided, kept; `says`: what a decision says of a request.
//! - [`ask`]: somebody is asked; `answer`: what a Lambda authorizer's function answered.
//! - `facts`: what policies may ask of a request.
//!
//! What cannot be decided denies.

mod answer;
pub mod ask;
pub mod decisions;
mod facts;
mod says;

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Instant;

use crate::plan::authorizer::{Authorization, Authorizer, AuthorizerIndex, AuthorizerKind};
use crate::plan::template::ValueSource;
use crate::plan::{MethodIndex, StageIndex, StagePlan};
use crate::policy::{self, Action, Policy, Principal, Verdict};
use crate::stats::Counter;

use super::cache::key;
use super::context::Fact;
use super::forwarding::{Inbound, query_pairs};
use super::identity::{Authorized, Identity};
use super::live::Live;
use super::respond::{ErrorDetail, GatewayError};
use super::shard::Shard;
use ask::{Answered, Question};
use decisions::Decision;
use facts::RequestFacts;
use says::Says;

/// What comes of it.
pub enum Permission {
    /// `None` where nobody asked who calls.
    Granted(Option<Authorized>),
    Refused(Refused),
    /// Somebody has to be asked first.
    Ask(Question),
}

/// Why a request may not go on.
#[derive(Clone, Debug)]
pub struct Refused {
    pub error: GatewayError,
    pub detail: Option<ErrorDetail>,
    /// For the log.
    pub note: Option<String>,
}

impl From<GatewayError> for Refused {
    fn from(error: GatewayError) -> Refused {
        Refused { error, detail: None, note: None }
    }
}

/// A request at the door.
pub struct Asking<'a> {
    pub live: &'a Rc<Live>,
    pub stage: StageIndex,
    pub method: MethodIndex,
    pub inbound: &'a Inbound<'a>,
    pub source_ip: IpAddr,
    pub started: Instant,
    /// Of a request that waited for it.
    pub answered: Option<&'a Answered>,
    pub shard: &'a Shard,
}

/// AWS's bound of a method's ARN, in bytes; a longer one is answered 414. (Guide, `api-gateway-lambda-authorizer-output`.)
const ARN_BYTES_MAX: usize = 1600;

impl<'a> Asking<'a> {
    /// Whether anything is asked. A method is tried without it, as in AWS's test console.
    pub fn is_needed(stage: &StagePlan, method: MethodIndex, shard: &Shard) -> bool {
        stage.method(method).authorization != Authorization::None && shard.trace.is_none()
    }

    pub fn decide(&self) -> Permission {
        let stage = self.live.plan.stage(self.stage);
        let authorization = &stage.method(self.method).authorization;
        self.decide_by(stage, authorization).unwrap_or_else(Permission::Refused)
    }

    fn decide_by(&self, stage: &'a StagePlan, authorization: &'a Authorization) -> Result<Permission, Refused> {
        let arn = self.arn(stage);
        if arn.len() > ARN_BYTES_MAX {
            return Err(GatewayError::TargetTooLong.into());
        }
        match authorization {
            Authorization::None => Ok(Permission::Granted(None)),
            // Refused when it was compiled.
            Authorization::Iam => Err(GatewayError::NoToken.into()),
            Authorization::By { authorizer, scopes } => self.by_authorizer(stage, *authorizer, scopes, &arn),
        }
    }

    /// `arn:aws:execute-api:{region}:{account}:{api}/{stage}/{METHOD}/{path}`, of the path as it was matched.
    fn arn(&self, stage: &StagePlan) -> String {
        let facts = self.inbound.facts;
        let path = self.inbound.path.trim_start_matches('/');
        // Slashes that make no difference to the match make none here: `/a/` is not to come past what denies `/a`.
        let is_greedy = facts.method.is_some_and(|method| method.resource_path.ends_with("+}"));
        let path = if is_greedy { path } else { path.strip_suffix('/').unwrap_or(path) };
        let StagePlan { region, api_id, stage: name, .. } = stage;
        let mut arn = String::with_capacity(96 + path.len());
        let account_id = facts.account_id;
        for part in
            ["arn:aws:execute-api:", region, ":", account_id, ":", api_id, "/", name, "/", facts.http_method, "/", path]
        {
            arn.push_str(part);
        }
        arn
    }

    fn by_authorizer(
        &self,
        stage: &'a StagePlan,
        index: AuthorizerIndex,
        scopes: &[Box<str>],
        arn: &str,
    ) -> Result<Permission, Refused> {
        let authorizer = stage.authorizer(index);
        self.check_sources(authorizer)?;
        if let Some(answered) = self.answered {
            self.shard.recorder.count(Counter::AuthorizerAsked);
            let decision = answered.outcome.as_ref().map_err(Clone::clone)?;
            return self.judge(decision, scopes, arn, Some(answered));
        }
        let decisions = &self.shard.decisions;
        let (kept, key) = decisions.with_key(
            |key| self.write_key(stage, authorizer, key),
            |key| match decisions.find(key, self.shard.now_ms()) {
                Some(kept) => (Some(kept), None),
                None => (None, Some(Rc::<[u8]>::from(key))),
            },
        );
        if let Some(decision) = kept.filter(|_| authorizer.ttl_ms > 0) {
            self.shard.recorder.count(Counter::AuthorizerKept);
            return self.judge(&decision, scopes, arn, None);
        }
        let key = key.filter(|_| authorizer.ttl_ms > 0);
        Ok(Permission::Ask(ask::question(self, index, key, arn)?))
    }

    /// What the decision says of this method and path.
    fn judge(
        &self,
        decision: &Rc<Decision>,
        scopes: &[Box<str>],
        arn: &str,
        answered: Option<&Answered>,
    ) -> Result<Permission, Refused> {
        match &decision.says {
            Says::Policy(policy) => self.judge_policy(policy, arn)?,
            Says::Token { verified, .. } => verified.check_scopes(scopes).map_err(|error| Refused {
                error: GatewayError::AccessDenied,
                detail: None,
                note: Some(error.to_string()),
            })?,
            Says::Allows => {}
        }
        let latency_ms = self.started.elapsed().as_millis() as u64;
        Ok(Permission::Granted(Some(Authorized {
            identity: Rc::clone(&decision.identity),
            latency_ms,
            integration_latency_ms: Some(answered.map_or(0, |answered| answered.integration_latency_ms)),
            status: answered.and_then(|answered| answered.status),
        })))
    }

    fn judge_policy(&self, policy: &Policy, arn: &str) -> Result<(), Refused> {
        let context = self.request_facts(None);
        let request = policy::Request {
            action: Action::Invoke,
            resource: arn,
            principal: Principal::Anonymous,
            context: &context,
        };
        match policy::decide(policy::Authorization::Lambda(policy.evaluate(&request)), self.resource_policy(arn)) {
            policy::Decision::Allow => Ok(()),
            policy::Decision::ExplicitDeny => Err(GatewayError::AccessDeniedExplicitly.into()),
            policy::Decision::ImplicitDeny => Err(GatewayError::AccessDenied.into()),
        }
    }

    /// What the API's own policy says; `None` where it has none.
    fn resource_policy(&self, _arn: &str) -> Option<Verdict> {
        None
    }

    fn request_facts(&self, identity: Option<&'a Identity>) -> RequestFacts<'a> {
        RequestFacts {
            inbound: self.inbound,
            source_ip: self.source_ip,
            now_s: self.inbound.facts.time_ms / 1000,
            iam: identity.and_then(|identity| identity.iam.as_deref()),
        }
    }

    /// Whether everything is there that a decision is about. Nobody is asked otherwise.
    fn check_sources(&self, authorizer: &Authorizer) -> Result<(), Refused> {
        let there = |source: &ValueSource| match authorizer.kind {
            // Others on the way may have read either of two tokens.
            AuthorizerKind::Token { .. } => self.only_header(source).is_some(),
            AuthorizerKind::Request { .. } => self.has(source),
        };
        if authorizer.demands_sources() && !authorizer.sources.iter().all(there) {
            self.shard.recorder.count(Counter::AuthorizerNoIdentity);
            return Err(GatewayError::Unauthorized.into());
        }
        if let AuthorizerKind::Token { pattern: Some(pattern), .. } = &authorizer.kind {
            let token = self.token(authorizer).and_then(|token| std::str::from_utf8(token).ok());
            if !token.is_some_and(|token| pattern.is_match(token)) {
                self.shard.recorder.count(Counter::AuthorizerNoIdentity);
                return Err(GatewayError::Unauthorized.into());
            }
        }
        Ok(())
    }

    /// The one token that a decision is about.
    fn token(&self, authorizer: &Authorizer) -> Option<&'a [u8]> {
        authorizer.sources.first().and_then(|source| self.only_header(source))
    }

    fn only_header(&self, source: &ValueSource) -> Option<&'a [u8]> {
        let ValueSource::Header(name) = source else { return None };
        let mut fields = self.inbound.head.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        let only = fields.next().filter(|field| !field.value.is_empty())?;
        fields.next().is_none().then_some(only.value)
    }

    fn has(&self, source: &ValueSource) -> bool {
        let Inbound { head, target, facts, .. } = self.inbound;
        match source {
            ValueSource::Header(name) => {
                head.fields.iter().any(|field| field.name.eq_ignore_ascii_case(name) && !field.value.is_empty())
            }
            ValueSource::QueryString(name) => {
                query_pairs(target.query).any(|(found, value)| found == name.as_bytes() && !value.is_empty())
            }
            ValueSource::Context(variable) => match facts.fact(variable) {
                Fact::None => false,
                Fact::Text(text) => !text.is_empty(),
                Fact::Quoted(_) | Fact::Number(_) | Fact::ClfTime(_) => true,
            },
            ValueSource::Static(text) => !text.is_empty(),
            ValueSource::PathParameter(_)
            | ValueSource::MultiValueQueryString(_)
            | ValueSource::MultiValueHeader(_)
            | ValueSource::Body
            | ValueSource::BodyPath(_) => false,
        }
    }

    fn write_key(&self, stage: &StagePlan, authorizer: &Authorizer, out: &mut Vec<u8>) {
        write_stage_key(&stage.region, &stage.api_id, &stage.stage, out);
        out.push(u8::from(stage.release.is_canary_request() == Some("true")));
        out.extend_from_slice(&authorizer.fingerprint);
        for source in &authorizer.sources {
            key::write_values(source, self.inbound, true, out);
            if let ValueSource::Static(text) = source {
                key::part(text.as_bytes(), out);
            }
        }
    }
}

/// What the keys of a stage's decisions begin with.
pub fn write_stage_key(region: &str, api_id: &str, stage: &str, out: &mut Vec<u8>) {
    for part in [region, api_id, stage] {
        key::part(part.as_bytes(), out);
    }
}
