//! An API's resource policy, `x-amazon-apigateway-policy`: its short forms spelt out, and all that it says understood.
//! (Guide, `apigateway-resource-policies`.)
//!
//! A deployment has the policy that the API had when it was made: AWS demands a new deployment for a new policy.

use std::sync::Arc;

use super::{Compilation, Problem, Unsupported, ValueName};
use crate::model::{Pointer, RestApi, RestApiId};
use crate::policy::{ApiArn, Limits, Policy, PolicyError, PolicyKind, partition_of};

/// `None` where the API has no policy, or one that was refused.
pub fn compile(compilation: &mut Compilation<'_>, rest_api: &RestApi) -> Option<Arc<Policy>> {
    let text = rest_api.policy.as_deref()?;
    let arn = api_arn(compilation, &rest_api.id);
    let limits = Limits::of_bytes(compilation.compiler.limits.policy_bytes_max);
    let parsed = Policy::parse(text, PolicyKind::Resource(&arn), &limits);
    match parsed {
        Ok(policy) => Some(Arc::new(policy)),
        Err(errors) => {
            for error in errors {
                refuse(compilation, error);
            }
            None
        }
    }
}

/// A policy that is not understood is one that nobody gets past.
fn refuse(compilation: &mut Compilation<'_>, error: PolicyError) {
    let pointer = within(Pointer::rest_api("policy"), &error.pointer);
    let value = ValueName { source: 0, deployment: compilation.deployment, pointer };
    let problem = Problem { value, message: error.message, help: error.help, related: None };
    match compilation.compiler.on_unsupported {
        Unsupported::Refuse => compilation.problems.push(problem),
        Unsupported::Deny => compilation.denials.push_for_all(problem),
    }
}

fn within(whole: Pointer, pointer: &str) -> Pointer {
    let segments = pointer.split('/').skip(1);
    segments.fold(whole, |pointer, segment| pointer.child(&segment.replace("~1", "/").replace("~0", "~")))
}

fn api_arn<'a>(compilation: &'a Compilation<'_>, api_id: &'a RestApiId) -> ApiArn<'a> {
    ApiArn {
        partition: partition_of(&compilation.region),
        region: &compilation.region,
        account_id: &compilation.compiler.owner.account_id,
        api_id: api_id.as_str(),
    }
}

/// What the ARNs of a stage's methods begin with.
pub fn method_arn_prefix(compilation: &Compilation<'_>, api_id: &RestApiId, stage: &str) -> Box<str> {
    format!("{}{stage}/", api_arn(compilation, api_id).prefix()).into()
}
