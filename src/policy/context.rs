//! Condition keys, and what a request has as their values.
//! (Guide, `apigateway-resource-policies-aws-condition-keys`; IAM's guide, `reference_policies_condition-keys`.)

use std::borrow::Cow;
use std::net::IpAddr;

use super::date;

/// A condition key that this gateway can answer: of each, it knows the value or that there is none.
///
/// Of those that the guide lists for API Gateway, it has no knowledge of multi-factor authentication, of organizations,
/// of when a session's token was issued, and of services that call on somebody's behalf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConditionKey {
    CurrentTime,
    EpochTime,
    PrincipalAccount,
    PrincipalArn,
    /// `aws:PrincipalTag/{key}`; the tag's key in lower case, since its case does not count.
    PrincipalTag(Box<str>),
    PrincipalType,
    Referer,
    RequestedRegion,
    SecureTransport,
    SourceIp,
    SourceVpc,
    SourceVpce,
    UserAgent,
    UserId,
    UserName,
    VpcSourceIp,
}

/// What kind of value a key has, and so which operators have a meaning for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    Text,
    Arn,
    Address,
    Time,
    Bool,
    /// Text that may say anything, a number or a date too.
    Tag,
}

const TAG: &str = "aws:PrincipalTag/";

/// The keys that are but a name.
const KEYS: [(&str, ConditionKey, ValueType); 15] = [
    ("aws:CurrentTime", ConditionKey::CurrentTime, ValueType::Time),
    ("aws:EpochTime", ConditionKey::EpochTime, ValueType::Time),
    ("aws:PrincipalAccount", ConditionKey::PrincipalAccount, ValueType::Text),
    ("aws:PrincipalArn", ConditionKey::PrincipalArn, ValueType::Arn),
    ("aws:PrincipalType", ConditionKey::PrincipalType, ValueType::Text),
    ("aws:Referer", ConditionKey::Referer, ValueType::Text),
    ("aws:RequestedRegion", ConditionKey::RequestedRegion, ValueType::Text),
    ("aws:SecureTransport", ConditionKey::SecureTransport, ValueType::Bool),
    ("aws:SourceIp", ConditionKey::SourceIp, ValueType::Address),
    ("aws:SourceVpc", ConditionKey::SourceVpc, ValueType::Text),
    ("aws:SourceVpce", ConditionKey::SourceVpce, ValueType::Text),
    ("aws:UserAgent", ConditionKey::UserAgent, ValueType::Text),
    ("aws:userid", ConditionKey::UserId, ValueType::Text),
    ("aws:username", ConditionKey::UserName, ValueType::Text),
    ("aws:VpcSourceIp", ConditionKey::VpcSourceIp, ValueType::Address),
];

impl ConditionKey {
    /// By its name, whose case does not count.
    pub fn parse(name: &str) -> Option<ConditionKey> {
        if let Some((prefix, tag)) = name.split_at_checked(TAG.len())
            && prefix.eq_ignore_ascii_case(TAG)
            && !tag.is_empty()
        {
            return Some(ConditionKey::PrincipalTag(tag.to_ascii_lowercase().into()));
        }
        KEYS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name)).map(|(_, key, _)| key.clone())
    }

    pub(super) fn value_type(&self) -> ValueType {
        KEYS.iter().find(|(_, key, _)| key == self).map_or(ValueType::Tag, |(.., value_type)| *value_type)
    }

    /// For messages.
    pub(super) fn known() -> String {
        let names: Vec<_> = KEYS.iter().map(|(name, ..)| format!("`{name}`")).collect();
        format!("{} and `{TAG}…`", names.join(", "))
    }
}

/// Where a request's values come from.
pub trait Context {
    fn values(&self, key: &ConditionKey) -> Values<'_>;
}

/// What a request has for a key.
#[derive(Clone, Copy, Debug)]
pub enum Values<'v> {
    /// The key is not there. For callers that are not signed, so it is with all keys of principals.
    Absent,
    One(Value<'v>),
    Many(&'v [Value<'v>]),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'v> {
    Text(&'v str),
    Address(IpAddr),
    /// Seconds since 1970.
    Time(u64),
    Bool(bool),
}

impl<'v> Values<'v> {
    /// `None` where the key is absent.
    pub(super) fn as_slice(&self) -> Option<&[Value<'v>]> {
        match self {
            Values::Absent => None,
            Values::One(value) => Some(std::slice::from_ref(value)),
            Values::Many(values) => Some(values),
        }
    }

    pub(super) fn only(self) -> Option<Value<'v>> {
        match self {
            Values::One(value) => Some(value),
            Values::Many([value]) => Some(*value),
            Values::Absent | Values::Many(_) => None,
        }
    }
}

impl<'v> Value<'v> {
    /// As a policy would write it; a time as `2030-01-02T03:04:05Z`.
    pub(super) fn into_text(self) -> Cow<'v, str> {
        match self {
            Value::Text(text) => Cow::Borrowed(text),
            Value::Address(address) => Cow::Owned(address.to_canonical().to_string()),
            Value::Time(seconds) => Cow::Owned(date::written(seconds)),
            Value::Bool(value) => Cow::Borrowed(if value { "true" } else { "false" }),
        }
    }
}
