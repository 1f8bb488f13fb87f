//! Who calls, as far as somebody has proved it, and what was said of it: behind `$context.authorizer` and
//! `$context.identity`.

use std::rc::Rc;

/// Who calls. A decision that is kept for several requests has one for all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub principal_id: Option<Box<str>>,
    /// The `context` of an authorizer's answer, as text: numbers and booleans are written as JSON writes them.
    pub context: Vec<(Box<str>, Box<str>)>,
    /// Of a token; as text, see `authorize::token`.
    pub claims: Vec<(Box<str>, Box<str>)>,
    /// Of a signed request.
    pub iam: Option<Box<IamIdentity>>,
    /// `usageIdentifierKey`: the API key, where authorizers are the source of keys. A secret.
    pub usage_identifier_key: Option<Box<str>>,
}

/// Whose access key a request was signed with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IamIdentity {
    pub access_key: Box<str>,
    pub account_id: Box<str>,
    /// The user's id; of a role's session with its name, `AROA…:session`.
    pub caller: Box<str>,
    pub user_arn: Box<str>,
    /// Of a role's session, the role.
    pub role_arn: Option<Box<str>>,
}

/// What the method's authorization came to, for this request.
#[derive(Clone, Debug, Default)]
pub struct Authorized {
    pub identity: Rc<Identity>,
    /// All of the authorization, in milliseconds.
    pub latency_ms: u64,
    /// Of a Lambda authorizer: how long its function took; 0 where the decision was kept.
    pub integration_latency_ms: Option<u64>,
    /// Of a Lambda authorizer: what invoking it was answered.
    pub status: Option<u16>,
    /// Whether it may have a new answer in place of a kept one: `execute-api:InvalidateCache`. Looked at only where the
    /// request says something of caches.
    pub may_invalidate: bool,
}

impl Identity {
    /// `$context.authorizer.NAME`.
    pub fn property(&self, name: &str) -> Option<&str> {
        find(&self.context, name)
    }

    /// `$context.authorizer.claims.NAME`.
    pub fn claim(&self, name: &str) -> Option<&str> {
        find(&self.claims, name)
    }
}

fn find<'n>(named: &'n [(Box<str>, Box<str>)], name: &str) -> Option<&'n str> {
    named.iter().find(|(known, _)| **known == *name).map(|(_, value)| &**value)
}
