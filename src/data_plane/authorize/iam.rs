//! `AWS_IAM`: the request is signed with an access key of a user who may call the method. (Guide,
//! `api-gateway-control-access-using-iam-policies-to-invoke-api`.)
//!
//! Who is not signed for this service and region is nobody here. Where the signature covers a body that has not come yet,
//! everything that needs no body is decided, and the rest of the proof goes along with the request: its integration is not
//! begun before [`BodyHash::check`] has seen the body.

use std::rc::Rc;

use crate::http::head::Framing;
use crate::plan::StagePlan;
use crate::plan::identity::Identity as User;
use crate::policy::{self, Action, AwsPrincipal, Policy, Principal, Verdict};
use crate::sign::{BodyHash, EMPTY_SHA256, PathStyle, Request, SignError, Timestamp};
use crate::stats::Counter;

use super::super::identity::{Authorized, IamIdentity, Identity};
use super::super::respond::{ErrorDetail, GatewayError};
use super::super::signed;
use super::{Asking, Refused};

/// Who signed, and what is left to prove of it.
pub struct Signed {
    pub authorized: Authorized,
    pub proof: Option<Box<BodyHash>>,
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
    pub(super) fn by_signature(&self, stage: &StagePlan, arn: &str) -> Result<Signed, Refused> {
        let signer = self.signer(stage).map_err(|error| self.stranger(error))?;
        let user = signer.identity();
        let head = self.inbound.head;
        let iam = IamIdentity {
            access_key: user.access_key_id.clone(),
            account_id: user.account_id.clone(),
            caller: user.user_id.clone(),
            user_arn: user.user_arn.clone(),
        };
        let identity = Identity { iam: Some(Box::new(iam)), ..Identity::default() };
        self.judge_user(stage, user, &identity, Action::Invoke, arn)?;
        let may_invalidate =
            self.names_cache_control() && self.judge_user(stage, user, &identity, Action::InvalidateCache, arn).is_ok();
        let latency_ms = self.started.elapsed().as_millis() as u64;
        let identity = Rc::new(identity);
        let authorized = Authorized { identity, latency_ms, may_invalidate, ..Authorized::default() };
        if head.framing == Framing::None {
            signer.body.check(&EMPTY_SHA256).map_err(|error| self.stranger(error))?;
            return Ok(Signed { authorized, proof: None });
        }
        Ok(Signed { authorized, proof: Some(Box::new(signer.body)) })
    }

    fn stranger(&self, error: SignError) -> Refused {
        self.shard.recorder.count(Counter::AuthorizerUnauthorized);
        error.into()
    }

    /// Whose access key the request is signed with.
    fn signer(&self, stage: &StagePlan) -> Result<signed::Signed<Policy>, SignError> {
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
        let principal =
            Principal::Aws(AwsPrincipal { account_id: &user.account_id, arn: &user.user_arn, role_arn: None });
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
