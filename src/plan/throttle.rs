//! How often a stage's methods may be called, whoever calls them; and by the rules of `x-tollgate-throttle`.
//! (Guide, `api-gateway-request-throttling`.)
//!
//! A stage's settings are those of each of its methods: `*/*` gives every method a bucket of its own, it does not make
//! them share one. A rule at a document's root is what all methods share.

use crate::limit::Rate;

use super::MethodIndex;

/// The limits of a stage's methods.
#[derive(Clone, Debug, PartialEq)]
pub struct Throttles {
    /// By [`MethodIndex`].
    methods: Box<[Option<Rate>]>,
}

impl Throttles {
    /// `None` where no method has a limit.
    pub fn new(methods: Vec<Option<Rate>>) -> Option<Throttles> {
        methods.iter().any(Option::is_some).then(|| Throttles { methods: methods.into() })
    }

    pub fn of_method(&self, index: MethodIndex) -> Option<&Rate> {
        self.methods.get(index.0 as usize)?.as_ref()
    }
}

/// The position of a rule in [`StagePlan::rules`](super::StagePlan::rules). 16 bits: a method has 16 of them at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleIndex(pub u16);

/// A rule of `x-tollgate-throttle`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What makes it the same from one deploy of a stage to the next: the method, or none for all; what it counts; and
    /// which of those that count the same it is.
    pub identity: Box<str>,
    pub limit: RuleLimit,
    /// All methods share it.
    pub of_api: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RuleLimit {
    /// For each caller.
    PerKey { key: RuleKey, rate: Rate },
    /// For all together.
    Rate(Rate),
    /// At a time.
    Concurrency(u32),
}

/// By what callers are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleKey {
    /// `$context.identity.sourceIp`; of an IPv6 address the first 64 bits, since whoever has one has all of those.
    ClientIp,
    /// All values of a field, whole. Requests without it are one caller.
    Header(Box<str>),
    /// `$context.authorizer.claims.NAME`. Callers without it are one caller, and so for the next.
    Claim(Box<str>),
    /// `$context.authorizer.NAME`, `principalId` among them.
    Authorizer(Box<str>),
}
