//! Policies in IAM's language: who may call what, and under which conditions. Without I/O and clock.
//!
//! One engine for what Lambda authorizers answer, for the resource policies of APIs and for the policies of IAM users. A
//! document is compiled once, and a compiled [`Policy`] is asked once a request. What is not certain denies: a statement
//! that could apply, for all that is known, applies if it denies, and does not if it allows.
//!
//! - `parse`: documents as written, and all that is wrong with one, by place; `node`: their JSON, duplicates and all.
//! - `action`: what a request asks for.
//! - `resource`: the ARNs that a statement is about; `wildcard`: `*` and `?`; `template`: `${aws:username}`.
//! - `principal`: the callers that a resource policy names.
//! - `condition`: conditions; `operator`: their operators; `test`: what an operator compares with; `date`: its dates.
//! - `context`: condition keys, and where their values come from.
//! - `decision`: what comes of a resource policy together with an authorizer.
//! - `truth`: yes, no, and what is not known.

mod action;
mod condition;
mod context;
mod date;
mod decision;
mod node;
mod operator;
mod parse;
mod principal;
mod resource;
mod template;
mod test;
mod truth;
mod wildcard;

#[cfg(test)]
mod tests;

pub use action::Action;
pub use context::{ConditionKey, Context, Value, Values};
pub use decision::{Authorization, Decision, decide, is_denied_beforehand};
pub use parse::{Limits, PolicyError};
pub use principal::{AwsPrincipal, Principal};
pub use resource::{ApiArn, partition_of};

use action::ActionSet;
use condition::Condition;
use principal::Principals;
use resource::Resources;
use truth::Truth;

/// A document, compiled.
#[derive(Debug)]
pub struct Policy {
    statements: Box<[Statement]>,
}

#[derive(Debug)]
struct Statement {
    effect: Effect,
    /// `None` in a policy of an identity, which is about whoever has it.
    principals: Option<Principals>,
    actions: ActionSet,
    resources: Resources,
    conditions: Box<[Condition]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

/// Whose policy a document is.
#[derive(Clone, Copy, Debug)]
pub enum PolicyKind<'k> {
    /// Of this API: its statements name principals, and may name resources by `execute-api:/stage/METHOD/path`.
    Resource(&'k ApiArn<'k>),
    /// Of an IAM user, or of the caller for whom an authorizer answers.
    Identity,
}

/// What a request is, as policies see it.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    pub action: Action,
    /// `arn:aws:execute-api:{region}:{account}:{api}/{stage}/{METHOD}/{path}`; case counts.
    pub resource: &'r str,
    pub principal: Principal<'r>,
    pub context: &'r dyn Context,
}

/// What a policy says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    ExplicitDeny,
    Allow,
    /// Neither; AWS's implicit deny, where nothing else allows.
    Neutral,
}

impl Policy {
    /// Compiles a document that somebody deploys.
    ///
    /// # Errors
    /// Everything that is wrong with it, and everything in it that this gateway could not decide.
    pub fn parse(text: &str, kind: PolicyKind<'_>, limits: &Limits) -> Result<Policy, Vec<PolicyError>> {
        parse::strict(text, kind, limits)
    }

    /// Compiles what a Lambda authorizer answered as `policyDocument`. Conditions that this gateway cannot decide are taken:
    /// statements that deny apply with them, those that allow do not.
    ///
    /// # Errors
    /// The first thing that is wrong. Nothing is allowed then: AWS answers 500, `AuthorizerConfigurationError`.
    pub fn parse_answer(text: &str, limits: &Limits) -> Result<Policy, PolicyError> {
        parse::answer(text, limits)
    }

    /// What it says of a request. An explicit deny is stronger than any allow. Allocates only for policy variables, and for
    /// text compared with an address or a time.
    pub fn evaluate(&self, request: &Request<'_>) -> Verdict {
        let mut verdict = Verdict::Neutral;
        for statement in &self.statements {
            match statement.effect {
                Effect::Deny if statement.applies(request) != Truth::No => return Verdict::ExplicitDeny,
                Effect::Allow if verdict == Verdict::Neutral && statement.applies(request) == Truth::Yes => {
                    verdict = Verdict::Allow;
                }
                Effect::Deny | Effect::Allow => {}
            }
        }
        verdict
    }
}

impl Statement {
    fn applies(&self, request: &Request<'_>) -> Truth {
        if !self.actions.contains(request.action) {
            return Truth::No;
        }
        let named = self.principals.as_ref().is_none_or(|principals| principals.name(&request.principal));
        if !named {
            return Truth::No;
        }
        let resources = || self.resources.name(request.resource, request.context);
        let conditions = || Truth::all(self.conditions.iter().map(|condition| condition.holds(request.context)));
        resources().and(conditions)
    }
}
