//! What policies may ask of a request.

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
}

impl Context for RequestFacts<'_> {
    fn values(&self, key: &ConditionKey) -> Values<'_> {
        let facts = self.inbound.facts;
        match key {
            ConditionKey::SourceIp => Values::One(Value::Address(self.source_ip.to_canonical())),
            ConditionKey::CurrentTime | ConditionKey::EpochTime => Values::One(Value::Time(self.now_s)),
            ConditionKey::SecureTransport => {
                Values::One(Value::Bool(self.inbound.scheme().eq_ignore_ascii_case(b"https")))
            }
            ConditionKey::UserAgent => text(Some(facts.user_agent).filter(|agent| !agent.is_empty())),
            ConditionKey::Referer => text(self.field("referer")),
            ConditionKey::RequestedRegion => text(facts.stage.map(|stage| stage.region.as_bytes())),
            ConditionKey::PrincipalAccount => self.of_caller(|iam| &iam.account_id),
            ConditionKey::PrincipalArn => self.of_caller(|iam| &iam.user_arn),
            ConditionKey::PrincipalType => self.of_caller(|_| "User"),
            ConditionKey::UserId => self.of_caller(|iam| &iam.caller),
            ConditionKey::UserName => self.of_caller(|iam| iam.user_arn.rsplit('/').next().unwrap_or("")),
            ConditionKey::SourceVpc => text(self.endpoint.map(|endpoint| endpoint.vpc_id.as_bytes())),
            ConditionKey::SourceVpce => text(self.endpoint.map(|endpoint| endpoint.vpce_id.as_bytes())),
            ConditionKey::VpcSourceIp => match self.endpoint {
                Some(_) => Values::One(Value::Address(self.source_ip.to_canonical())),
                None => Values::Absent,
            },
            // Users have no tags here.
            ConditionKey::PrincipalTag(_) => Values::Absent,
        }
    }
}

fn text(text: Option<&[u8]>) -> Values<'_> {
    let text = text.and_then(|text| std::str::from_utf8(text).ok());
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
