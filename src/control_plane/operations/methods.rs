//! Methods and method responses, and the test of one. (API reference, `API_Method`; guide, `patch-operations`, Method.)
//!
//! - [`checks`]: what a method refers to, and whether it may.
//! - [`responses`]: method responses.
//! - [`test_invoke`]: a method tried as it is now.

pub mod checks;
pub mod responses;
pub mod test_invoke;

pub use responses::{delete_method_response, get_method_response, put_method_response, update_method_response};
pub use test_invoke::{headers, test_invoke_method};

use serde::Deserialize;
use serde_json::{Value, json};

use super::mappings::{NO_CONTENT_TYPE, NO_PARAMETER, patch_entry, patch_text};
use super::{integrations, resources, words};
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::patch::{Op, Patch, Rule, patched};
use crate::control_plane::store::Store;
use crate::model::{AuthorizerId, Method, OrderedMap, RequestValidatorId, Resource, ResourceId};

/// Those that a method, and an integration, may have.
pub const HTTP_METHODS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Put {
    authorization_type: Option<String>,
    authorizer_id: Option<AuthorizerId>,
    api_key_required: Option<bool>,
    operation_name: Option<String>,
    request_parameters: Option<OrderedMap<bool>>,
    request_models: Option<OrderedMap<String>>,
    request_validator_id: Option<RequestValidatorId>,
    authorization_scopes: Option<Vec<String>>,
}

pub fn put_method(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let input: Put = call.input()?;
    let authorization_type = words::required(input.authorization_type, "authorizationType")?;
    let resource = resources::of(store, call)?;
    let http_method = http_method(call.parameter("http_method"))?;
    if resource.resource_methods.contains_key(&http_method) {
        return Err(Exception::conflict("Method already exists for this resource"));
    }
    let method = Method {
        http_method,
        authorization_type: checks::authorization_type(&authorization_type)?,
        authorizer_id: input.authorizer_id,
        api_key_required: input.api_key_required.unwrap_or_default(),
        request_validator_id: input.request_validator_id,
        operation_name: input.operation_name,
        request_parameters: input.request_parameters.unwrap_or_default(),
        request_models: input.request_models.unwrap_or_default(),
        authorization_scopes: input.authorization_scopes.unwrap_or_default(),
        ..Method::default()
    };
    let method = checks::checked(store, call, method)?;
    keep_and_show(store, call, method)
}

/// One of those that there are.
///
/// # Errors
/// `BadRequestException`, with AWS's text.
pub fn http_method(word: &str) -> Result<String, Exception> {
    if HTTP_METHODS.contains(&word) {
        return Ok(word.to_owned());
    }
    let options = HTTP_METHODS.join(",");
    Err(Exception::bad_request(format!("Invalid HttpMethod specified. Valid options are {options}")))
}

/// The method that a path names, with its resource.
///
/// # Errors
/// `NotFoundException`, with AWS's texts.
pub fn of<'s>(store: &'s Store, call: &Call<'_>) -> Result<(&'s Resource, &'s Method), Exception> {
    let resource = resources::of(store, call)?;
    let method = resource.resource_methods.get(call.parameter("http_method"));
    let method = method.ok_or_else(|| Exception::not_found("Invalid Method identifier specified"))?;
    Ok((resource, method))
}

/// Keeps a method at the resource that the path names.
///
/// # Errors
/// `NotFoundException`: there is no such resource.
pub fn keep(store: &mut Store, call: &Call<'_>, method: Method) -> Result<(), Exception> {
    let mut resource = resources::of(store, call)?.clone();
    resource.resource_methods.insert(method.http_method.clone(), method);
    store.resources.put(&[call.region, call.parameter("restapi_id"), call.parameter("resource_id")], resource);
    Ok(())
}

fn keep_and_show(store: &mut Store, call: &Call<'_>, method: Method) -> Result<Reply, Exception> {
    let shown = shape(&method, &resources::of(store, call)?.id);
    keep(store, call, method)?;
    Ok(Reply::Json(shown))
}

pub fn get_method(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let (resource, method) = of(store, call)?;
    Ok(Reply::Json(shape(method, &resource.id)))
}

pub fn update_method(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let (_, before) = of(store, call)?;
    let method = checks::checked(store, call, patched(call, RULES, before)?)?;
    keep_and_show(store, call, method)
}

pub fn delete_method(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let (resource, method) = of(store, call)?;
    let mut resource = resource.clone();
    resource.resource_methods.shift_remove(&method.http_method);
    store.resources.put(&[call.region, call.parameter("restapi_id"), call.parameter("resource_id")], resource);
    Ok(Reply::Empty)
}

const RULES: &[Rule<Method>] = &[
    Rule {
        pattern: "/apiKeyRequired",
        ops: &[Op::Replace],
        apply: |method, patch| {
            method.api_key_required = patch.boolean()?;
            Ok(())
        },
    },
    Rule {
        pattern: "/authorizationType",
        ops: &[Op::Replace],
        apply: |method, patch| {
            method.authorization_type = checks::authorization_type(&patch.text())?;
            Ok(())
        },
    },
    Rule {
        pattern: "/authorizerId",
        ops: &[Op::Replace],
        apply: |method, patch| {
            method.authorizer_id = patch.optional_text().map(AuthorizerId);
            Ok(())
        },
    },
    Rule { pattern: "/authorizationScopes", ops: &[Op::Add, Op::Replace, Op::Remove], apply: patch_scope },
    Rule {
        pattern: "/operationName",
        ops: &[Op::Replace],
        apply: |method, patch| {
            method.operation_name = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/requestValidatorId",
        ops: &[Op::Replace],
        apply: |method, patch| {
            method.request_validator_id = patch.optional_text().map(RequestValidatorId);
            Ok(())
        },
    },
    Rule {
        pattern: "/requestParameters/{name}",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: patch_request_parameter,
    },
    Rule {
        pattern: "/requestModels/{content_type}",
        ops: &[Op::Add, Op::Replace, Op::Remove],
        apply: |method, patch| patch_text(&mut method.request_models, patch, NO_CONTENT_TYPE),
    },
];

/// A scope is named by the value.
fn patch_scope(method: &mut Method, patch: &Patch<'_>) -> Result<(), Exception> {
    let scope = patch.value.unwrap_or_default();
    if scope.is_empty() && patch.op != Op::Remove {
        return Err(patch.invalid("a value is required"));
    }
    let scopes = &mut method.authorization_scopes;
    match patch.op {
        Op::Remove if scope.is_empty() => scopes.clear(),
        Op::Remove => scopes.retain(|known| known != scope),
        Op::Add if scopes.iter().any(|known| known == scope) => {}
        Op::Add => scopes.push(scope.to_owned()),
        Op::Replace | Op::Move | Op::Copy | Op::Test => *scopes = vec![scope.to_owned()],
    }
    Ok(())
}

/// What is no longer a parameter of the method is no longer part of a cache's key.
fn patch_request_parameter(method: &mut Method, patch: &Patch<'_>) -> Result<(), Exception> {
    patch_entry(&mut method.request_parameters, patch, NO_PARAMETER, || patch.boolean())?;
    if let Some(integration) = method.method_integration.as_mut().filter(|_| patch.removes()) {
        integration.cache_key_parameters.retain(|parameter| parameter != patch.name(0));
    }
    Ok(())
}

/// A method as it is answered; `resource_id` is where it is.
pub fn shape(method: &Method, resource_id: &ResourceId) -> Value {
    let mut shown = json!(method);
    if let Some(integration) = &method.method_integration {
        shown["methodIntegration"] = integrations::shape(integration, resource_id);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Desk, patch_body};
    use super::*;
    use crate::model::{Authorizer, AuthorizerType, RequestValidator};

    /// A desk with an API that has an authorizer of each kind and a validator, and the path of its root's methods.
    fn desk() -> (Desk, String) {
        let mut desk = Desk::default();
        let made = desk.call("POST", "/restapis", json!({ "name": "pets" }));
        let text = |name: &str| made[name].as_str().expect("a text").to_owned();
        let (id, root) = (text("id"), text("rootResourceId"));
        let lambda = Authorizer { id: AuthorizerId("lambda".into()), ..Authorizer::default() };
        let cognito = Authorizer { authorizer_type: AuthorizerType::CognitoUserPools, ..lambda.clone() };
        desk.store.authorizers.put(&["us-east-1", &id, "lambda"], lambda);
        desk.store.authorizers.put(&["us-east-1", &id, "cognito"], cognito);
        desk.store.request_validators.put(&["us-east-1", &id, "valid"], RequestValidator::default());
        let methods = format!("/restapis/{id}/resources/{root}/methods");
        (desk, methods)
    }

    #[test]
    fn a_method_is_put_found_patched_and_removed() {
        let (mut desk, methods) = desk();
        let target = format!("{methods}/ANY");
        let made = desk.call("PUT", &target, json!({ "authorizationType": "NONE" }));
        assert_eq!(made, json!({ "httpMethod": "ANY", "authorizationType": "NONE", "apiKeyRequired": false }));
        assert_eq!(desk.call("GET", &target, Value::Null), made);
        let again = desk.refusal("PUT", &target, json!({ "authorizationType": "NONE" }));
        assert_eq!(again, "ConflictException: Method already exists for this resource");
        let patched = desk.patch(
            &target,
            &[
                "add /requestParameters/method.request.querystring.optional true",
                "add /requestModels/application~1json Empty",
                "replace /operationName list",
                "replace /apiKeyRequired true",
                "replace /requestValidatorId valid",
                "replace /authorizationType CUSTOM",
                "replace /authorizerId lambda",
            ],
        );
        let expected = json!({
            "httpMethod": "ANY",
            "authorizationType": "CUSTOM",
            "authorizerId": "lambda",
            "apiKeyRequired": true,
            "requestValidatorId": "valid",
            "operationName": "list",
            "requestParameters": { "method.request.querystring.optional": true },
            "requestModels": { "application/json": "Empty" },
        });
        assert_eq!(patched, expected);
        let patched = desk.patch(
            &target,
            &[
                "remove /requestParameters/method.request.querystring.optional",
                "remove /requestModels/application~1json",
                "replace /requestValidatorId",
                "replace /operationName",
                "replace /authorizationType AWS_IAM",
            ],
        );
        let expected = json!({ "httpMethod": "ANY", "authorizationType": "AWS_IAM", "apiKeyRequired": true });
        assert_eq!(patched, expected);
        let scopes = ["replace /authorizationType COGNITO_USER_POOLS", "replace /authorizerId cognito"];
        desk.patch(&target, &scopes);
        let scopes = ["add /authorizationScopes a", "add /authorizationScopes b", "remove /authorizationScopes a"];
        assert_eq!(desk.patch(&target, &scopes)["authorizationScopes"], json!(["b"]));
        assert_eq!(desk.call("DELETE", &target, Value::Null), Value::Null);
        let gone = "NotFoundException: Invalid Method identifier specified";
        assert_eq!(desk.refusal("GET", &target, Value::Null), gone);
        assert_eq!(desk.refusal("DELETE", &target, Value::Null), gone);
    }

    #[test]
    fn what_a_method_refers_to_has_to_be_there() {
        let (mut desk, methods) = desk();
        let mut check = |input: Value, expected: &str| {
            assert_eq!(desk.refusal("PUT", &format!("{methods}/GET"), input), expected);
        };
        let authorizer = "BadRequestException: Invalid authorizer ID specified. Setting the authorization type to CUSTOM or \
                          COGNITO_USER_POOLS requires a valid authorizer.";
        check(json!({ "authorizationType": "CUSTOM" }), authorizer);
        check(json!({ "authorizationType": "CUSTOM", "authorizerId": "none" }), authorizer);
        check(json!({ "authorizationType": "CUSTOM", "authorizerId": "cognito" }), authorizer);
        check(json!({ "authorizationType": "COGNITO_USER_POOLS", "authorizerId": "lambda" }), authorizer);
        let validator = "BadRequestException: Invalid Request Validator identifier specified";
        check(json!({ "authorizationType": "NONE", "requestValidatorId": "none" }), validator);
        let model = "BadRequestException: Invalid model identifier specified: petModel";
        check(json!({ "authorizationType": "NONE", "requestModels": { "application/json": "petModel" } }), model);
        let scopes =
            "BadRequestException: Authorization Scopes are only valid for COGNITO_USER_POOLS authorization type";
        check(json!({ "authorizationType": "NONE", "authorizationScopes": ["a"] }), scopes);
        let null = "ValidationException: 1 validation error detected: Value null at 'authorizationType' failed to satisfy \
                    constraint: Member must not be null";
        check(json!({}), null);
        let words = "BadRequestException: Invalid AuthorizationType specified. Valid options are \
                     NONE,AWS_IAM,CUSTOM,COGNITO_USER_POOLS";
        check(json!({ "authorizationType": "JWT" }), words);
        let input = json!({ "authorizationType": "NONE" });
        let wrong = "BadRequestException: Invalid HttpMethod specified. Valid options are \
                     GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY";
        assert_eq!(desk.refusal("PUT", &format!("{methods}/WRONG"), input.clone()), wrong);
        let unknown = "NotFoundException: Invalid Resource identifier specified";
        assert_eq!(desk.refusal("PUT", "/restapis/none/resources/none/methods/WRONG", input), unknown);
    }

    #[test]
    fn an_authorizer_counts_only_where_one_is_asked() {
        let (mut desk, methods) = desk();
        let target = format!("{methods}/GET");
        let made = desk.call("PUT", &target, json!({ "authorizationType": "none", "authorizerId": "lambda" }));
        assert_eq!((&made["authorizationType"], &made["authorizerId"]), (&json!("NONE"), &Value::Null));
        assert_eq!(desk.patch(&target, &["replace /authorizerId abc123"]), made);
        let refusal = desk.refusal("PATCH", &target, patch_body(&["replace /authorizationType CUSTOM"]));
        assert!(refusal.starts_with("BadRequestException: Invalid authorizer ID specified."), "{refusal}");
    }

    #[test]
    fn only_what_is_there_is_replaced_or_removed() {
        let (mut desk, methods) = desk();
        let target = format!("{methods}/GET");
        desk.call("PUT", &target, json!({ "authorizationType": "NONE" }));
        let mut check = |operation: &str, expected: &str| {
            let refusal = desk.refusal("PATCH", &target, patch_body(&[operation]));
            assert!(refusal.starts_with(expected), "{operation}: {refusal}");
        };
        let parameter = "NotFoundException: Invalid parameter name specified";
        check("replace /requestParameters/method.request.path.x true", parameter);
        check("remove /requestParameters/method.request.path.x", parameter);
        check("remove /requestModels/a~1b", "NotFoundException: Content-Type specified was not found");
        check("add /requestModels/application/json Empty", "BadRequestException: Invalid patch path");
        check("add /httpMethod PUT", "BadRequestException: Invalid patch path");
        check("add /operationName x", "BadRequestException: Invalid patch operation");
        check(
            "replace /requestValidatorId none",
            "BadRequestException: Invalid Request Validator identifier specified",
        );
    }
}
