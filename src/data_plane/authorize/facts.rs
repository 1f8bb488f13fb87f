//! What policies may ask of a request.

use std::cell::OnceCell;
use std::net::IpAddr;

use super::super::forwarding::Inbound;
use super::super::identity::IamIdentity;
use crate::plan::vpc::VpcEndpoint;
use crate::policy::{ConditionKey, Context, Value, Values};

/// A request's values for condition keys. (Guide, `apigateway-resource-policies-aws-condition-keys`.)
pub struct RequestFacts<'a> {
    pub inbound: &'a Inbound<'a>,
    pub source_ip: IpAddr,
    /// Seconds since 1970.
    pub now_s: u64,
    /// Of a caller who has signed.
    pub iam: Option<&'a IamIdentity>,
    /// Where it came through.
    pub endpoint: Option<&'a VpcEndpoint>,
    pub agent: OnceCell<Option<String>>,
    pub referer: OnceCell<Option<String>>,
}

impl Context for RequestFacts<'_> {
    fn values(&self, key: &ConditionKey) -> Values<'_> {
        let facts = self.inbound.facts;
        match key {
            // Of what came through an endpoint, only `aws:VpcSourceIp` is known.
            ConditionKey::SourceIp if self.endpoint.is_some() => Values::Absent,
            ConditionKey::SourceIp => Values::One(Value::Address(self.source_ip.to_canonical())),
            ConditionKey::CurrentTime | ConditionKey::EpochTime => Values::One(Value::Time(self.now_s)),
            ConditionKey::SecureTransport => {
                Values::One(Value::Bool(self.inbound.scheme().eq_ignore_ascii_case(b"https")))
            }
            ConditionKey::UserAgent => of_header(&self.agent, || self.field("user-agent")),
            ConditionKey::Referer => of_header(&self.referer, || self.field("referer")),
            ConditionKey::RequestedRegion => text(facts.stage.map(|stage| &*stage.region)),
            ConditionKey::PrincipalAccount => self.of_caller(|iam| &iam.account_id),
            // Of a role's session, its role's. (IAM guide, "AWS global condition context keys".)
            ConditionKey::PrincipalArn => self.of_caller(|iam| iam.role_arn.as_ref().unwrap_or(&iam.user_arn)),
            ConditionKey::PrincipalType => {
                self.of_caller(|iam| if iam.role_arn.is_some() { "AssumedRole" } else { "User" })
            }
            ConditionKey::UserId => self.of_caller(|iam| &iam.caller),
            ConditionKey::UserName if self.iam.is_some_and(|iam| iam.role_arn.is_some()) => Values::Absent,
            ConditionKey::UserName => self.of_caller(|iam| iam.user_arn.rsplit('/').next().unwrap_or("")),
            ConditionKey::SourceVpc => text(self.endpoint.map(|endpoint| &*endpoint.vpc_id)),
            ConditionKey::SourceVpce => text(self.endpoint.map(|endpoint| &*endpoint.vpce_id)),
            ConditionKey::VpcSourceIp => match self.endpoint {
                Some(_) => Values::One(Value::Address(self.source_ip.to_canonical())),
                None => Values::Absent,
            },
            // Users have no tags here.
            ConditionKey::PrincipalTag(_) => Values::Absent,
        }
    }
}

/// What is no UTF-8 is shown as if it were: a policy that denies by a part of it is not to be slipped past.
fn of_header<'v, 'h>(shown: &'v OnceCell<Option<String>>, value: impl FnOnce() -> Option<&'h [u8]>) -> Values<'v> {
    let shown = shown.get_or_init(|| value().map(|value| String::from_utf8_lossy(value).into_owned()));
    text(shown.as_deref().filter(|shown| !shown.is_empty()))
}

fn text(text: Option<&str>) -> Values<'_> {
    text.map_or(Values::Absent, |text| Values::One(Value::Text(text)))
}

impl RequestFacts<'_> {
    fn of_caller(&self, text: fn(&IamIdentity) -> &str) -> Values<'_> {
        self.iam.map_or(Values::Absent, |iam| Values::One(Value::Text(text(iam))))
    }

    fn field(&self, name: &str) -> Option<&[u8]> {
        self.inbound.head.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }
}
