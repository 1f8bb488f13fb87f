//! `AWS_IAM`: the request is signed with an access key of a user who may call the method. (Guide,
//! `api-gateway-control-access-using-iam-policies-to-invoke-api`.)
//!
//! Who is not signed for this service and region is nobody here. Where the signature covers a body that has not come yet,
//! the rest of the [`Proof`] goes along with the request: until it is complete the request is nobody's, and its integration
//! is not begun.

use std::rc::Rc;

use crate::http::head::Framing;
use crate::plan::StagePlan;
use crate::plan::identity::Identity as User;
use crate::policy::{self, Action, AwsPrincipal, Policy, Principal, Verdict};
use crate::sign::{BodyHash, EMPTY_SHA256, PathStyle, Request, SignError, Timestamp};
use crate::stats::Counter;

use super::super::identity::{Authorized, IamIdentity, Identity};
use super::super::respond::{ErrorDetail, GatewayError};
use super::super::signed::Signed;
use super::{Asking, Permission, Refused};

/// What is left to prove of a signature, and what then comes of it.
pub struct Proof {
    body: BodyHash,
    then: Result<Authorized, Refused>,
}

impl Proof {
    /// Whether the signature itself has been proved, and only the body may turn out to be another.
    pub fn is_declared(&self) -> bool {
        self.body.is_declared()
    }

    /// Who called, now that the SHA-256 of the body is known.
    ///
    /// # Errors
    /// It is not the body that was signed; or it is, and whoever signed it may not call.
    pub fn complete(self, sha256: &[u8; 32]) -> Result<Authorized, Refused> {
        self.body.check(sha256)?;
        self.then
    }
}

impl From<SignError> for Refused {
    fn from(error: SignError) -> Refused {
        if error == SignError::MissingAuthenticationToken {
            return GatewayError::NoToken.into();
        }
        let detail = ErrorDetail { error_type: Some(error.error_type()), ..ErrorDetail::message(error.to_string()) };
        Refused { error: GatewayError::InvalidSignature, detail: Some(Box::new(detail)), note: None }
    }
}

impl Asking<'_> {
    /// Whoever has not signed is not told what the user may do: the proof comes first.
    pub(super) fn by_signature(&self, stage: &StagePlan, arn: &str) -> Result<Permission, Refused> {
        let Signed { signer, body } = self.signer(stage).map_err(|error| self.stranger(error))?;
        if self.inbound.head.framing == Framing::None {
            body.check(&EMPTY_SHA256).map_err(|error| self.stranger(error))?;
            return Ok(Permission::Granted(Some(self.by_user(stage, signer.identity(), arn)?), None));
        }
        let then = self.by_user(stage, signer.identity(), arn);
        // The signature holds, whatever the body.
        if body.is_declared()
            && let Err(refused) = then
        {
            return Err(refused);
        }
        Ok(Permission::Granted(None, Some(Box::new(Proof { body, then }))))
    }

    /// What the user who signed may do.
    fn by_user(&self, stage: &StagePlan, user: &User<Policy>, arn: &str) -> Result<Authorized, Refused> {
        let iam = IamIdentity {
            access_key: user.access_key_id.clone(),
            account_id: user.account_id.clone(),
            caller: user.user_id.clone(),
            user_arn: user.user_arn.clone(),
            role_arn: user.role_arn.clone(),
        };
        let identity = Identity { iam: Some(Box::new(iam)), ..Identity::default() };
        self.judge_user(stage, user, &identity, Action::Invoke, arn)?;
        let may_invalidate =
            self.names_cache_control() && self.judge_user(stage, user, &identity, Action::InvalidateCache, arn).is_ok();
        let latency_ms = self.started.elapsed().as_millis() as u64;
        let identity = Rc::new(identity);
        Ok(Authorized { identity, latency_ms, may_invalidate, ..Authorized::default() })
    }

    fn stranger(&self, error: SignError) -> Refused {
        self.shard.recorder.count(Counter::AuthorizerUnauthorized);
        error.into()
    }

    /// Whose access key the request is signed with.
    fn signer(&self, stage: &StagePlan) -> Result<Signed<Policy>, SignError> {
        let head = self.inbound.head;
        // As it was sent: what is signed is not what was made of it.
        let (path, query) = head.target.split_once('?').unwrap_or((head.target, ""));
        let headers: Vec<(&str, &[u8])> = head.fields.iter().map(|field| (field.name, field.value)).collect();
        let path_style = PathStyle::Normalized;
        let request = Request { method: head.method, path, path_style, query, headers: &headers, body: b"" };
        let now = Timestamp::from_seconds(self.inbound.facts.time_ms / 1000);
        self.shard.signatures.check_head(&request, Some(&stage.region), now)
    }

    /// Whether the user's policies and the API's own let it.
    fn judge_user(
        &self,
        stage: &StagePlan,
        user: &User<Policy>,
        identity: &Identity,
        action: Action,
        arn: &str,
    ) -> Result<(), Refused> {
        let context = self.request_facts(Some(identity));
        let role_arn = user.role_arn.as_deref();
        let principal = Principal::Aws(AwsPrincipal { account_id: &user.account_id, arn: &user.user_arn, role_arn });
        let request = policy::Request { action, resource: arn, principal, context: &context };
        let own = user.policies.iter().map(|policy| policy.evaluate(&request)).fold(Verdict::Neutral, stronger);
        let of_api = stage.resource_policy.as_ref().map(|policy| policy.evaluate(&request));
        let same_account = *user.account_id == *self.inbound.facts.account_id;
        let authorization =
            if same_account { policy::Authorization::Iam(own) } else { policy::Authorization::IamOfOtherAccount(own) };
        self.allowed(policy::decide(authorization, of_api), Some(&user.user_arn), arn)
    }
}

/// Of what two policies of a user say.
fn stronger(one: Verdict, other: Verdict) -> Verdict {
    match (one, other) {
        (Verdict::ExplicitDeny, _) | (_, Verdict::ExplicitDeny) => Verdict::ExplicitDeny,
        (Verdict::Allow, _) | (_, Verdict::Allow) => Verdict::Allow,
        (Verdict::Neutral, Verdict::Neutral) => Verdict::Neutral,
    }
}
