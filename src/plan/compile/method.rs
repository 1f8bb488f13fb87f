//! A method: what stands before its integration.

use super::{Compilation, StageSource, authorizer, cache, integration, throttle_rules, validation};
use crate::model::{ApiKeySource, AuthorizationType, Method, Pointer, Resource};
use crate::plan::MethodPlan;
use crate::plan::authorizer::Authorization;
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
    let authorization = authorizer::of_method(compilation, source, method, &pointer);
    // Those of authorizers stay, which other methods may have too.
    let (origins, protections) = (compilation.origins.len(), compilation.protections.len());
    refuse_keys_of_nobody(compilation, source, method, &pointer);
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
    let (authorization, validator, integration) = match reason {
        // Nothing is checked of a request that is denied anyway, and nobody is asked.
        Some(reason) => {
            compilation.origins.truncate(origins);
            compilation.protections.truncate(protections);
            (Authorization::None, None, Integration::Denied(Box::new(Denied { reason })))
        }
        None => (authorization, validator, integration?),
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
        authorization,
        rules,
        validator,
        cache,
        integration,
    };
    (compilation.problems.len() == problems).then(plan)
}

/// A key that nobody could bring opens nothing.
fn refuse_keys_of_nobody(
    compilation: &mut Compilation<'_>,
    source: StageSource<'_>,
    method: &Method,
    pointer: &Pointer,
) {
    let from_authorizer = source.definition.rest_api.api_key_source == ApiKeySource::Authorizer;
    if method.api_key_required && from_authorizer && method.authorization_type == AuthorizationType::None {
        let message = "the API's keys are an authorizer's word, and the method has no authorizer";
        let help = "give it one, or set the API's `apiKeySource` to `HEADER`";
        compilation.refuse_unanswerable(pointer.child("apiKeyRequired"), message, help);
    }
}
