//! Integrations: what a method calls, and how. (API reference, `API_Integration`.)
//!
//! An integration is a part of its method, which is a part of its resource's row.
//!
//! - [`checks`]: what each type of integration needs.
//! - [`patching`]: what PATCH may change.
//! - [`responses`]: integration responses.

mod checks;
mod patching;
mod responses;

use serde::Deserialize;
use serde_json::{Value, json};

pub use responses::{
    delete_integration_response, get_integration_response, put_integration_response, update_integration_response,
};

use super::{rest_apis, words};
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::patch::patched;
use crate::control_plane::store::Store;
use crate::model::{
    ConnectionType, Integration, IntegrationType, Method, OrderedMap, PassthroughBehavior, Resource, ResourceId,
    TlsConfig, VpcLinkId,
};

/// How long a backend has where nothing is said. (API reference, `API_PutIntegration`.)
const TIMEOUT_MS_DEFAULT: i32 = 29_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Put {
    #[serde(rename = "type")]
    integration_type: Option<String>,
    http_method: Option<String>,
    uri: Option<String>,
    connection_type: Option<String>,
    connection_id: Option<String>,
    credentials: Option<String>,
    #[serde(default)]
    request_parameters: OrderedMap<String>,
    #[serde(default)]
    request_templates: OrderedMap<Option<String>>,
    passthrough_behavior: Option<String>,
    cache_namespace: Option<String>,
    #[serde(default)]
    cache_key_parameters: Vec<String>,
    content_handling: Option<String>,
    timeout_in_millis: Option<i32>,
    tls_config: Option<TlsConfig>,
    response_transfer_mode: Option<String>,
    integration_target: Option<String>,
}

/// One that is there is replaced as a whole, with its responses.
pub fn put_integration(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let integration = integration_of(call.input()?)?;
    let method = method_of(store, call)?;
    let integration = completed(integration, call.parameter("resource_id"));
    checks::check(&integration, method, call.account_id)?;
    answer_and_keep(store, call, integration)
}

fn integration_of(input: Put) -> Result<Integration, Exception> {
    let integration_type = words::required(input.integration_type, "putIntegrationInput.type")?;
    let passthrough_behavior = present(input.passthrough_behavior).as_deref().map(checks::passthrough_named);
    Ok(Integration {
        integration_type: words::one_of(&integration_type, "putIntegrationInput.type", &TYPES)?,
        http_method: present(input.http_method),
        uri: present(input.uri),
        connection_type: present(input.connection_type)
            .map(|word| words::one_of(&word, "putIntegrationInput.connectionType", &CONNECTION_TYPES))
            .transpose()?,
        connection_id: present(input.connection_id).map(VpcLinkId),
        integration_target: present(input.integration_target),
        credentials: present(input.credentials),
        request_parameters: input.request_parameters,
        request_templates: texts(input.request_templates),
        passthrough_behavior: passthrough_behavior.transpose()?,
        content_handling: present(input.content_handling)
            .map(|word| words::one_of(&word, "putIntegrationInput.contentHandling", &CONTENT_HANDLINGS))
            .transpose()?,
        timeout_in_millis: input.timeout_in_millis,
        cache_namespace: present(input.cache_namespace),
        cache_key_parameters: input.cache_key_parameters,
        integration_responses: OrderedMap::new(),
        tls_config: input.tls_config,
        response_transfer_mode: present(input.response_transfer_mode)
            .map(|word| words::one_of(&word, "putIntegrationInput.responseTransferMode", &TRANSFER_MODES))
            .transpose()?,
    })
}

/// The words of the service model, in the order in which AWS tells them.
const TYPES: [&str; 5] = ["HTTP", "MOCK", "AWS_PROXY", "HTTP_PROXY", "AWS"];
const CONNECTION_TYPES: [&str; 2] = ["INTERNET", "VPC_LINK"];
const CONTENT_HANDLINGS: [&str; 2] = ["CONVERT_TO_BINARY", "CONVERT_TO_TEXT"];
const TRANSFER_MODES: [&str; 2] = ["BUFFERED", "STREAM"];

/// Consoles and Terraform send an empty text for what is not set.
fn present(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// AWS takes, and shows, null for a template that passes all through; the model has an empty one.
fn texts(templates: OrderedMap<Option<String>>) -> OrderedMap<String> {
    templates.into_iter().map(|(content_type, template)| (content_type, template.unwrap_or_default())).collect()
}

/// With what AWS sets where nothing was said.
fn completed(mut integration: Integration, resource_id: &str) -> Integration {
    match integration.integration_type {
        IntegrationType::Http | IntegrationType::HttpProxy => {
            integration.connection_type.get_or_insert(ConnectionType::Internet);
        }
        // It calls nothing, so no method is kept.
        IntegrationType::Mock => integration.http_method = None,
        IntegrationType::Aws | IntegrationType::AwsProxy => {}
    }
    integration.passthrough_behavior.get_or_insert(PassthroughBehavior::WhenNoMatch);
    integration.timeout_in_millis.get_or_insert(TIMEOUT_MS_DEFAULT);
    integration.cache_namespace.get_or_insert_with(|| resource_id.to_owned());
    integration
}

pub fn get_integration(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    Ok(Reply::Json(shape(integration_at(store, call)?, &resource_at(store, call)?.id)))
}

pub fn update_integration(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let changed = patched(call, patching::RULES, integration_at(store, call)?)?;
    let changed = completed(changed, call.parameter("resource_id"));
    checks::check(&changed, method_of(store, call)?, call.account_id)?;
    answer_and_keep(store, call, changed)
}

pub fn delete_integration(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    integration_at(store, call)?;
    keep(store, call, None)?;
    Ok(Reply::Empty)
}

/// An integration as AWS shows it, alone or in its method. One from a document has AWS's defaults too.
pub fn shape(integration: &Integration, resource_id: &ResourceId) -> Value {
    let mut shown = json!(completed(integration.clone(), resource_id.as_str()));
    shown["cacheKeyParameters"] = json!(integration.cache_key_parameters);
    show_templates(&mut shown, "requestTemplates");
    if !integration.integration_responses.is_empty() {
        let all = integration.integration_responses.iter();
        shown["integrationResponses"] = all.map(|(status, one)| (status.clone(), responses::shape(one))).collect();
    }
    shown
}

/// See [`texts`].
fn show_templates(shown: &mut Value, member: &str) {
    let templates = shown.get_mut(member).and_then(Value::as_object_mut);
    for template in templates.into_iter().flat_map(|templates| templates.values_mut()) {
        if template == "" {
            *template = Value::Null;
        }
    }
}

fn key<'c>(call: &'c Call<'_>) -> [&'c str; 3] {
    [call.region, call.parameter("restapi_id"), call.parameter("resource_id")]
}

fn resource_at<'s>(store: &'s Store, call: &Call<'_>) -> Result<&'s Resource, Exception> {
    rest_apis::of(store, call)?;
    store.resources.row(&key(call)).ok_or_else(|| Exception::not_found("Invalid Resource identifier specified"))
}

fn method_of<'s>(store: &'s Store, call: &Call<'_>) -> Result<&'s Method, Exception> {
    let method = resource_at(store, call)?.resource_methods.get(call.parameter("http_method"));
    method.ok_or_else(|| Exception::not_found("Invalid Method identifier specified"))
}

fn integration_at<'s>(store: &'s Store, call: &Call<'_>) -> Result<&'s Integration, Exception> {
    let integration = method_of(store, call)?.method_integration.as_ref();
    integration.ok_or_else(|| Exception::not_found("Invalid Integration identifier specified"))
}

fn answer_and_keep(store: &mut Store, call: &Call<'_>, integration: Integration) -> Result<Reply, Exception> {
    let shown = shape(&integration, &resource_at(store, call)?.id);
    keep(store, call, Some(integration))?;
    Ok(Reply::Json(shown))
}

/// Writes the integration, or that there is none, into the resource's row.
fn keep(store: &mut Store, call: &Call<'_>, integration: Option<Integration>) -> Result<(), Exception> {
    let mut resource = resource_at(store, call)?.clone();
    if let Some(method) = resource.resource_methods.get_mut(call.parameter("http_method")) {
        method.method_integration = integration;
    }
    store.resources.put(&key(call), resource);
    Ok(())
}

#[cfg(test)]
mod tests;
