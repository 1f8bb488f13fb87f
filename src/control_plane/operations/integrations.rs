//! Integrations and integration responses. (API reference, `API_Integration`; guide, `patch-operations`, Integration.)
//!
//! - [`checks`]: whether an integration may be kept.
//! - [`rules`]: what PATCH may change.
//! - [`responses`]: integration responses.

pub mod checks;
pub mod responses;
pub mod rules;

pub use responses::{
    delete_integration_response, get_integration_response, put_integration_response, update_integration_response,
};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{methods, words};
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::patch::patched;
use crate::control_plane::store::Store;
use crate::model::{
    ContentHandlingStrategy, Integration, IntegrationType, Method, OrderedMap, PassthroughBehavior, ResourceId,
    ResponseTransferMode, TlsConfig, VpcLinkId,
};

/// Where an integration does not say.
const TIMEOUT_MILLIS: i32 = 29_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Put {
    #[serde(rename = "type")]
    integration_type: Option<String>,
    http_method: Option<String>,
    uri: Option<String>,
    connection_type: Option<String>,
    connection_id: Option<VpcLinkId>,
    credentials: Option<String>,
    request_parameters: Option<OrderedMap<String>>,
    /// No template, or an empty one, passes all through.
    request_templates: Option<OrderedMap<Option<String>>>,
    passthrough_behavior: Option<String>,
    cache_namespace: Option<String>,
    cache_key_parameters: Option<Vec<String>>,
    content_handling: Option<String>,
    timeout_in_millis: Option<i32>,
    tls_config: Option<TlsInput>,
    response_transfer_mode: Option<String>,
    integration_target: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TlsInput {
    insecure_skip_verification: Option<bool>,
}

/// What was there before is replaced, its responses too. What AWS's API has no words for stays: whoever puts an
/// integration to give it another URI, as Terraform does, cannot say that its protection stays, nor mean that it goes.
/// It goes with the integration, when that is deleted.
pub fn put_integration(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let mut integration = read(call.input()?)?;
    let (_, method) = methods::of(store, call)?;
    let method = method.clone();
    if let Some(Integration { upstream, cache, .. }) = &method.method_integration {
        integration.upstream.clone_from(upstream);
        integration.cache.clone_from(cache);
    }
    keep_checked(store, call, method, integration)
}

/// The input with AWS's words understood, nothing checked yet, and without what only documents have.
fn read(input: Put) -> Result<Integration, Exception> {
    let member = |name: &str| format!("putIntegrationInput.{name}");
    let integration_type = words::required(input.integration_type, &member("type"))?;
    let types = ["HTTP", "MOCK", "AWS_PROXY", "HTTP_PROXY", "AWS"];
    let connection = input.connection_type.as_deref();
    let handling = input.content_handling.as_deref();
    let transfer = input.response_transfer_mode.as_deref();
    let passthrough = input.passthrough_behavior.as_deref().map(passthrough_behavior).transpose()?;
    let text = |text: Option<String>| text.filter(|text| !text.is_empty());
    Ok(Integration {
        integration_type: words::one_of(&integration_type, &member("type"), &types)?,
        http_method: text(input.http_method),
        uri: text(input.uri),
        connection_type: connection
            .map(|word| words::one_of(word, &member("connectionType"), &["VPC_LINK", "INTERNET"]))
            .transpose()?,
        connection_id: input.connection_id.filter(|id| !id.as_str().is_empty()),
        integration_target: text(input.integration_target),
        credentials: text(input.credentials),
        request_parameters: input.request_parameters.unwrap_or_default(),
        request_templates: templates(input.request_templates),
        passthrough_behavior: Some(passthrough.unwrap_or(PassthroughBehavior::WhenNoMatch)),
        content_handling: handling.map(|word| content_handling(word, &member("contentHandling"))).transpose()?,
        timeout_in_millis: input.timeout_in_millis,
        cache_namespace: text(input.cache_namespace),
        cache_key_parameters: input.cache_key_parameters.unwrap_or_default(),
        integration_responses: OrderedMap::new(),
        tls_config: input.tls_config.map(|config| TlsConfig {
            insecure_skip_verification: config.insecure_skip_verification.unwrap_or_default(),
        }),
        response_transfer_mode: transfer
            .map(|word| words::one_of(word, &member("responseTransferMode"), &["BUFFERED", "STREAM"]))
            .transpose()?,
        upstream: None,
        cache: None,
    })
}

fn templates(input: Option<OrderedMap<Option<String>>>) -> OrderedMap<String> {
    let templates = input.unwrap_or_default().into_iter();
    templates.map(|(content_type, template)| (content_type, template.unwrap_or_default())).collect()
}

fn content_handling(word: &str, member: &str) -> Result<ContentHandlingStrategy, Exception> {
    words::one_of(word, member, &["CONVERT_TO_BINARY", "CONVERT_TO_TEXT"])
}

/// A plain text in the service model, and so refused by the service itself.
fn passthrough_behavior(word: &str) -> Result<PassthroughBehavior, Exception> {
    serde_json::from_value(Value::from(word)).map_err(|_| {
        let options = "WHEN_NO_MATCH,WHEN_NO_TEMPLATES,NEVER";
        Exception::bad_request(format!("Invalid PassthroughBehavior specified. Valid options are {options}"))
    })
}

fn keep_checked(
    store: &mut Store,
    call: &Call<'_>,
    mut method: Method,
    integration: Integration,
) -> Result<Reply, Exception> {
    checks::check(call, &integration, &method.request_parameters)?;
    let shown = shape(&integration, &ResourceId(call.parameter("resource_id").to_owned()));
    method.method_integration = Some(integration);
    methods::keep(store, call, method)?;
    Ok(Reply::Json(shown))
}

/// The integration of the method that a path names, with the method.
///
/// # Errors
/// `NotFoundException`, with AWS's texts.
pub fn of<'s>(store: &'s Store, call: &Call<'_>) -> Result<(&'s Method, &'s Integration), Exception> {
    let (_, method) = methods::of(store, call)?;
    Ok((method, method.method_integration.as_ref().ok_or_else(none)?))
}

fn none() -> Exception {
    Exception::not_found("Invalid Integration identifier specified")
}

pub fn get_integration(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let (_, integration) = of(store, call)?;
    Ok(Reply::Json(shape(integration, &ResourceId(call.parameter("resource_id").to_owned()))))
}

pub fn update_integration(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let (method, before) = of(store, call)?;
    let integration = patched(call, rules::RULES, before)?;
    let method = method.clone();
    keep_checked(store, call, method, integration)
}

pub fn delete_integration(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let (method, _) = of(store, call)?;
    methods::keep(store, call, Method { method_integration: None, ..method.clone() })?;
    Ok(Reply::Empty)
}

/// An integration as it is answered, with what AWS fills in; `resource_id` is where it is.
pub fn shape(integration: &Integration, resource_id: &ResourceId) -> Value {
    let mut shown = json!(integration);
    let proxies = matches!(integration.integration_type, IntegrationType::HttpProxy | IntegrationType::AwsProxy);
    if !integration.request_templates.is_empty() {
        shown["requestTemplates"] = shown_templates(&integration.request_templates);
    }
    let passthrough = integration.passthrough_behavior.unwrap_or(PassthroughBehavior::WhenNoMatch);
    shown["passthroughBehavior"] = json!(passthrough);
    shown["timeoutInMillis"] = integration.timeout_in_millis.unwrap_or(TIMEOUT_MILLIS).into();
    shown["cacheNamespace"] = integration.cache_namespace.as_deref().unwrap_or(resource_id.as_str()).into();
    shown["cacheKeyParameters"] = json!(integration.cache_key_parameters);
    if !integration.integration_responses.is_empty() {
        let responses = integration.integration_responses.iter();
        let shown_responses = responses.map(|(status, response)| (status.clone(), responses::shape(response)));
        shown["integrationResponses"] = Value::Object(shown_responses.collect::<Map<_, _>>());
    }
    if proxies && integration.response_transfer_mode.is_none() {
        shown["responseTransferMode"] = json!(ResponseTransferMode::Buffered);
    }
    shown
}

/// An empty template is null on the wire.
fn shown_templates(templates: &OrderedMap<String>) -> Value {
    let shown = |template: &String| if template.is_empty() { Value::Null } else { template.as_str().into() };
    let templates = templates.iter().map(|(content_type, template)| (content_type.clone(), shown(template)));
    Value::Object(templates.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Desk;
    use super::*;

    /// A desk with an API whose root has a GET with a parameter `q`; the path of the integration, and the root's id.
    pub fn desk() -> (Desk, String, String) {
        let mut desk = Desk::default();
        let made = desk.call("POST", "/restapis", json!({ "name": "pets" }));
        let text = |name: &str| made[name].as_str().expect("a text").to_owned();
        let (id, root) = (text("id"), text("rootResourceId"));
        let method = format!("/restapis/{id}/resources/{root}/methods/GET");
        let parameters = json!({ "method.request.querystring.q": false });
        desk.call("PUT", &method, json!({ "authorizationType": "NONE", "requestParameters": parameters }));
        (desk, format!("{method}/integration"), root)
    }

    #[test]
    fn an_integration_is_put_found_and_removed() {
        let (mut desk, target, root) = desk();
        let none = "NotFoundException: Invalid Integration identifier specified";
        assert_eq!(desk.refusal("GET", &target, Value::Null), none);
        let templates = json!({ "application/json": "{\"statusCode\": 200}", "a/b": "", "c/d": null });
        let made = desk.call("PUT", &target, json!({ "type": "MOCK", "requestTemplates": templates }));
        let expected = json!({
            "type": "MOCK",
            "requestTemplates": { "application/json": "{\"statusCode\": 200}", "a/b": null, "c/d": null },
            "passthroughBehavior": "WHEN_NO_MATCH",
            "timeoutInMillis": 29000,
            "cacheNamespace": root,
            "cacheKeyParameters": [],
        });
        assert_eq!(made, expected);
        assert_eq!(desk.call("GET", &target, Value::Null), expected);
        let method = target.trim_end_matches("/integration");
        assert_eq!(desk.call("GET", method, Value::Null)["methodIntegration"], expected);
        assert_eq!(desk.call("DELETE", &target, Value::Null), Value::Null);
        assert_eq!(desk.refusal("DELETE", &target, Value::Null), none);
        let input = json!({ "type": "MOCK" });
        let other = target.replace("GET", "POST");
        let unknown = "NotFoundException: Invalid Method identifier specified";
        assert_eq!(desk.refusal("PUT", &other, input), unknown);
    }

    /// A PutIntegration took the breaker off a backend, and nobody had asked for that.
    #[test]
    fn what_only_documents_say_stays_when_an_integration_is_put_anew() {
        let mut desk = Desk::default();
        let integration = |more: Value| {
            let mut integration = json!({ "type": "http_proxy", "httpMethod": "GET", "uri": "http://a.example" });
            integration.as_object_mut().expect("a mapping").extend(more.as_object().expect("a mapping").clone());
            integration
        };
        let extensions = json!({ "x-tollgate-upstream": { "circuitBreaker": { "errorPercent": 20 } },
            "x-tollgate-cache": { "etag": true } });
        let get = json!({ "responses": {}, "x-amazon-apigateway-integration": integration(extensions.clone()) });
        let document = json!({ "openapi": "3.0.1", "info": { "title": "t", "version": "1" },
            "paths": { "/": { "get": get } } });
        let made = desk.call("POST", "/restapis?mode=import", document);
        let text = |name: &str| made[name].as_str().expect("a text");
        let method = format!("/restapis/{}/resources/{}/methods/GET", text("id"), text("rootResourceId"));
        let target = format!("{method}/integration");
        let extensions_of = |shown: &Value| json!({ "x-tollgate-upstream": shown["x-tollgate-upstream"], "x-tollgate-cache": shown["x-tollgate-cache"] });
        assert_eq!(extensions_of(&desk.call("GET", &target, Value::Null)), extensions);
        let input = json!({ "type": "HTTP", "httpMethod": "GET", "uri": "http://b.example", "timeoutInMillis": 100 });
        let put = desk.call("PUT", &target, input.clone());
        assert_eq!((&put["uri"], &put["type"]), (&json!("http://b.example"), &json!("HTTP")));
        assert_eq!((extensions_of(&put), &desk.call("GET", &target, Value::Null)), (extensions, &put));
        desk.call("DELETE", &target, Value::Null);
        let anew = desk.call("PUT", &target, input);
        assert!(anew.get("x-tollgate-upstream").is_none() && anew.get("x-tollgate-cache").is_none(), "{anew}");
    }

    #[test]
    fn proxies_answer_how_responses_are_transferred() {
        let (mut desk, target, _) = desk();
        let input = json!({
            "type": "HTTP_PROXY",
            "httpMethod": "GET",
            "uri": "http://example.com",
            "connectionType": "VPC_LINK",
            "connectionId": "${stageVariables.link}",
        });
        let made = desk.call("PUT", &target, input);
        assert_eq!(made["responseTransferMode"], "BUFFERED");
        assert_eq!(
            (&made["connectionType"], &made["connectionId"]),
            (&json!("VPC_LINK"), &json!("${stageVariables.link}"))
        );
        assert_eq!(desk.patch(&target, &["replace /responseTransferMode STREAM"])["responseTransferMode"], "STREAM");
    }
}
