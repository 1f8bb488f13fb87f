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
//! - `service`: what an HTTP service is told, and what it answered.
//! - `iam`: who has signed the request; `token`: whose token it has; `basic`: whose password.
//! - `facts`: what policies may ask of a request.
//!
//! What cannot be decided denies.

mod answer;
pub mod ask;
mod basic;
pub mod decisions;
mod facts;
mod iam;
mod says;
mod service;
mod token;

use std::cell::OnceCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Instant;

use crate::plan::authorizer::{Authorization, Authorizer, AuthorizerIndex, AuthorizerKind, Issuer};
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
pub use iam::Proof;
use says::Says;

/// What comes of it.
pub enum Permission {
    /// `None` where nobody asked who calls, and where the proof of a signature waits for the body that it covers.
    Granted(Option<Authorized>, Option<Box<Proof>>),
    Refused(Refused),
    /// Somebody has to be asked first.
    Ask(Question),
}

/// Why a request may not go on.
#[derive(Clone, Debug)]
pub struct Refused {
    pub error: GatewayError,
    pub detail: Option<Box<ErrorDetail>>,
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
    /// Whether anything is asked. A method is tried without it, as in AWS's test console, unless the authorizer is tried.
    pub fn is_needed(stage: &StagePlan, method: MethodIndex, shard: &Shard) -> bool {
        let asked = stage.method(method).authorization != Authorization::None || stage.resource_policy.is_some();
        asked && shard.trace.as_ref().is_none_or(|trace| trace.asks_authorizer)
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
            Authorization::None => {
                let verdict = self.resource_policy(stage, &arn);
                self.allowed(policy::decide(policy::Authorization::None, verdict), None, &arn)?;
                Ok(Permission::Granted(None, None))
            }
            Authorization::Iam => self.by_signature(stage, &arn),
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
        let prefix = &*stage.method_arn_prefix;
        let mut arn = String::with_capacity(prefix.len() + 16 + path.len());
        for part in [prefix, facts.http_method, "/", path] {
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
        let of_api = self.resource_policy(stage, arn);
        if policy::is_denied_beforehand(of_api) {
            self.allowed(policy::Decision::ExplicitDeny, None, arn)?;
        }
        self.check_sources(authorizer)?;
        if let AuthorizerKind::Basic { challenge } = &authorizer.kind {
            let decision = self.by_password(challenge)?;
            return self.judge(&decision, None, arn, of_api, None);
        }
        if let Some(answered) = self.answered {
            self.shard.recorder.count(Counter::AuthorizerAsked);
            let decision = answered.outcome.as_ref().map_err(Clone::clone)?;
            return self.judge(decision, None, arn, of_api, Some(answered));
        }
        let decisions = &self.shard.decisions;
        let (kept, key) = decisions.with_key(
            |key| self.write_key(stage, authorizer, key),
            |key| match decisions.find(key, self.shard.now_ms()) {
                Some(kept) => (Some(kept), None),
                None => (None, Some(Rc::<[u8]>::from(key))),
            },
        );
        if let AuthorizerKind::Jwt(issuers) = &authorizer.kind {
            let decision = self.by_token(authorizer, issuers, kept, key)?;
            return self.judge(&decision, Some((issuers, scopes)), arn, of_api, None);
        }
        if let Some(decision) = kept.filter(|_| authorizer.ttl_ms > 0) {
            self.shard.recorder.count(Counter::AuthorizerKept);
            return self.judge(&decision, None, arn, of_api, None);
        }
        let key = key.filter(|_| authorizer.ttl_ms > 0);
        Ok(Permission::Ask(ask::question(self, index, key, arn)?))
    }

    /// What the decision says of this method and path.
    fn judge(
        &self,
        decision: &Rc<Decision>,
        wanted: Option<(&[Issuer], &[Box<str>])>,
        arn: &str,
        of_api: Option<Verdict>,
        answered: Option<&Answered>,
    ) -> Result<Permission, Refused> {
        match &decision.says {
            // Who tries an authorizer wants to see its policy, not what it comes to.
            Says::Policy(_) if self.shard.trace.is_some() => {}
            Says::Policy(policy) => self.judge_policy(policy, Action::Invoke, arn, of_api)?,
            Says::Token { verified, issuer, .. } => {
                let (issuers, scopes) = wanted.ok_or(GatewayError::AuthorizerConfiguration)?;
                self.judge_use(verified, &issuers[*issuer], scopes)?;
                self.judge_token(of_api, arn)?;
            }
            Says::Allows => self.judge_token(of_api, arn)?,
        }
        if let Some(trace) = &self.shard.trace {
            trace.authorized(&decision.identity);
        }
        let may_invalidate = match &decision.says {
            Says::Policy(policy) => {
                self.names_cache_control() && self.judge_policy(policy, Action::InvalidateCache, arn, of_api).is_ok()
            }
            Says::Token { .. } | Says::Allows => false,
        };
        let latency_ms = self.started.elapsed().as_millis() as u64;
        // Nobody is asked about a token.
        let was_asked = !matches!(decision.says, Says::Token { .. });
        let integration_latency_ms = answered.map_or(0, |answered| answered.integration_latency_ms);
        let authorized = Authorized {
            identity: Rc::clone(&decision.identity),
            latency_ms,
            integration_latency_ms: was_asked.then_some(integration_latency_ms),
            status: answered.and_then(|answered| answered.status),
            may_invalidate,
        };
        Ok(Permission::Granted(Some(authorized), None))
    }

    fn judge_policy(&self, policy: &Policy, action: Action, arn: &str, of_api: Option<Verdict>) -> Result<(), Refused> {
        let context = self.request_facts(None);
        let request = policy::Request { action, resource: arn, principal: Principal::Anonymous, context: &context };
        let denied = match policy::decide(policy::Authorization::Lambda(policy.evaluate(&request)), of_api) {
            policy::Decision::Allow => return Ok(()),
            policy::Decision::ExplicitDeny => GatewayError::AccessDeniedExplicitly,
            policy::Decision::ImplicitDeny => GatewayError::AccessDenied,
        };
        self.shard.recorder.count(Counter::AuthorizerDenied);
        Err(denied.into())
    }

    /// Who has shown a token that counts may still not be let in by the API's policy.
    fn judge_token(&self, of_api: Option<Verdict>, arn: &str) -> Result<(), Refused> {
        self.allowed(policy::decide(policy::Authorization::Token { accepted: true }, of_api), None, arn)
    }

    /// What the API's own policy says; `None` where it has none.
    fn resource_policy(&self, stage: &StagePlan, arn: &str) -> Option<Verdict> {
        let policy = stage.resource_policy.as_ref()?;
        let context = self.request_facts(None);
        let principal = Principal::Anonymous;
        Some(policy.evaluate(&policy::Request { action: Action::Invoke, resource: arn, principal, context: &context }))
    }

    /// What the caller is told where it is not let in: in AWS's words, with most of the account's number hidden.
    fn allowed(&self, decision: policy::Decision, user_arn: Option<&str>, arn: &str) -> Result<(), Refused> {
        let explicitly = match decision {
            policy::Decision::Allow => return Ok(()),
            policy::Decision::ExplicitDeny => " with an explicit deny",
            policy::Decision::ImplicitDeny => "",
        };
        self.shard.recorder.count(Counter::AuthorizerDenied);
        let account_id = self.inbound.facts.account_id;
        let hidden = account_id.get(8..).map(|end| format!(":********{end}:"));
        let arn = match hidden {
            Some(hidden) => arn.replacen(&format!(":{account_id}:"), &hidden, 1),
            None => arn.to_owned(),
        };
        let user = user_arn.unwrap_or("anonymous");
        let message =
            format!("User: {user} is not authorized to perform: execute-api:Invoke on resource: {arn}{explicitly}");
        Err(Refused {
            error: GatewayError::AccessDenied,
            detail: Some(Box::new(ErrorDetail::message(message))),
            note: None,
        })
    }

    /// Whether a new answer may be wanted in place of a kept one.
    fn names_cache_control(&self) -> bool {
        self.inbound.head.fields.iter().any(|field| field.name.eq_ignore_ascii_case("cache-control"))
    }

    fn request_facts<'f>(&'f self, identity: Option<&'f Identity>) -> RequestFacts<'f> {
        RequestFacts {
            endpoint: self.shard.settings.vpc_endpoints.find(self.source_ip),
            agent: OnceCell::new(),
            referer: OnceCell::new(),
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
            AuthorizerKind::Token { .. } | AuthorizerKind::Jwt(_) | AuthorizerKind::Basic { .. } => {
                self.only_header(source).is_some()
            }
            AuthorizerKind::Http(_) if matches!(source, ValueSource::Header(_)) => self.only_header(source).is_some(),
            AuthorizerKind::Http(_) => self.has(source),
            AuthorizerKind::Request { .. } => self.tells(source),
        };
        // A service may read another of two tokens than the backend.
        let is_ambiguous = |source: &ValueSource| match (&authorizer.kind, source) {
            (AuthorizerKind::Http(_), ValueSource::Header(name)) => {
                let named = self.inbound.head.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
                named.count() > 1
            }
            _ => false,
        };
        let is_missing = authorizer.demands_sources() && !authorizer.sources.iter().all(there);
        if is_missing || authorizer.sources.iter().any(is_ambiguous) {
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
        self.only_field(name)
    }

    /// None where it comes twice: others on the way may have read either.
    fn only_field(&self, name: &str) -> Option<&'a [u8]> {
        let mut fields = self.inbound.head.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        let only = fields.next().filter(|field| !field.value.is_empty())?;
        fields.next().is_none().then_some(only.value)
    }

    /// Whether a function that sees the request is told it: each value of it has something in it.
    fn tells(&self, source: &ValueSource) -> bool {
        let mut values = 0;
        let mut empty = 0;
        let mut count = |value: &[u8]| {
            values += 1;
            empty += usize::from(value.is_empty());
        };
        match source {
            ValueSource::Header(name) => self.inbound.told_values(name, |value| count(&value)),
            ValueSource::QueryString(name) => query_pairs(self.inbound.target.query)
                .filter(|(found, _)| found == name.as_bytes())
                .for_each(|(_, value)| count(&value)),
            _ => return self.has(source),
        }
        values > 0 && empty == 0
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
            match (&authorizer.kind, source) {
                // What the function was told is what it has decided about.
                (AuthorizerKind::Request { .. }, ValueSource::Header(name)) => {
                    key::values(|value| self.inbound.told_values(name, |told| value(&told)), out);
                }
                _ => key::write_values(source, self.inbound, true, out),
            }
            if let ValueSource::Static(text) = source {
                key::part(text.as_bytes(), out);
            }
        }
        // Last, so that it needs no length.
        if let AuthorizerKind::Http(service) = &authorizer.kind {
            service::told(service, self.inbound, out);
        }
    }
}

/// What the keys of a stage's decisions begin with.
pub fn write_stage_key(region: &str, api_id: &str, stage: &str, out: &mut Vec<u8>) {
    for part in [region, api_id, stage] {
        key::part(part.as_bytes(), out);
    }
}
