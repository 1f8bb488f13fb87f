//! A method: what stands before its integration.

use super::{Compilation, StageSource, cache, integration, throttle_rules, validation};
use crate::model::{ApiKeySource, AuthorizationType, Method, Pointer, Resource};
use crate::plan::MethodPlan;
use crate::plan::integration::{Denied, Integration};
use crate::plan::route::method_name;

/// What CreateDeployment says of it.
const NO_INTEGRATION: &str = "No integration defined for method";

/// The method's plan; `None` where there was a problem.
pub fn compile(
    compilation: &mut Compilation<'_>,
    source: StageSource<'_>,
    resource: &Resource,
    method: &Method,
) -> Option<MethodPlan> {
    let path = resource.path.as_str();
    let pointer = Pointer::method(path, &method.http_method);
    let (problems, denied) = (compilation.problems.len(), compilation.denied.len());
    let (origins, protections) = (compilation.origins.len(), compilation.protections.len());
    refuse_what_is_not_enforced(compilation, source, method, &pointer);
    let validator = validation::compile(compilation, source, path, method, &pointer);
    let rules = throttle_rules::of_method(compilation, path, method, &pointer);
    let Some(described) = &method.method_integration else {
        let help = format!(
            "give `{} {path}` one of type `http_proxy`, `http`, `aws_proxy`, `aws` or `mock`",
            method.http_method
        );
        compilation.refuse(pointer, NO_INTEGRATION).help(help);
        return None;
    };
    let at = pointer.child("methodIntegration");
    let integration = integration::compile(compilation, source, path, &method.http_method, described, &at);
    let cache = cache::definition(compilation, source.stage, resource, described, &at);
    let reason = compilation.reason_of_denial(path, &method.http_method, described, denied);
    let (validator, integration) = match reason {
        // Nothing is checked of a request that is denied anyway, and nobody is asked.
        Some(reason) => {
            compilation.origins.truncate(origins);
            compilation.protections.truncate(protections);
            (None, Integration::Denied(Box::new(Denied { reason })))
        }
        None => (validator, integration?),
    };
    let integration = match integration {
        Integration::Lambda(mut lambda) => {
            lambda.operation_name = method.operation_name.as_deref().map(Box::from);
            Integration::Lambda(lambda)
        }
        Integration::Http(_) | Integration::Mock(_) | Integration::Denied(_) => integration,
    };
    let http_method = method_name(&method.http_method);
    let resource_id = resource.id.0.as_str().into();
    let resource_path = path.into();
    let api_key_required = method.api_key_required;
    let plan = || MethodPlan {
        http_method,
        resource_path,
        resource_id,
        api_key_required,
        rules,
        validator,
        cache,
        integration,
    };
    (compilation.problems.len() == problems).then(plan)
}

/// A door that is described as locked is not served open.
fn refuse_what_is_not_enforced(
    compilation: &mut Compilation<'_>,
    source: StageSource<'_>,
    method: &Method,
    pointer: &Pointer,
) {
    const HELP: &str = "take it from `security`, if everybody may call this operation";
    if method.authorization_type != AuthorizationType::None {
        let authorizers = &source.definition.authorizers;
        let authorizer = authorizers.iter().find(|authorizer| Some(&authorizer.id) == method.authorizer_id.as_ref());
        let by = authorizer.map(|authorizer| format!(" by `{}`", authorizer.name)).unwrap_or_default();
        let message = format!("authorization {}{by} is not enforced by this version", method.authorization_type.name());
        compilation.refuse_or_deny(pointer.child("authorizationType"), message).help(HELP);
    }
    let source = source.definition.rest_api.api_key_source;
    if method.api_key_required && source == ApiKeySource::Authorizer {
        let message = "an API key from an authorizer is not taken by this version";
        let help = "let callers send it in `x-api-key`: set the API's `apiKeySource` to `HEADER`";
        compilation.refuse_or_deny(pointer.child("apiKeyRequired"), message).help(help);
    }
}
