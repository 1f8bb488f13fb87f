//! `x-amazon-apigateway-integration`: what an operation does. (Guide, `api-gateway-swagger-extensions-integration`.)

use super::Strictness;
use super::document::{Document, pass_over_http_api_key};
use super::keys;
use super::path::declared_example;
use super::reader::Reader;
use super::tree::{Entry, Mapping, Position};
use super::upstream;
use crate::model::{
    CacheExtension, ConnectionType, ContentHandlingStrategy, Integration, IntegrationResponse, IntegrationType,
    OrderedMap, PassthroughBehavior, Pointer, ResponseTransferMode, TlsConfig, VpcLinkId,
};

const EXTENSION: &str = "x-amazon-apigateway-integration";

const TYPES: [(&str, IntegrationType); 5] = [
    ("http", IntegrationType::Http),
    ("http_proxy", IntegrationType::HttpProxy),
    ("aws", IntegrationType::Aws),
    ("aws_proxy", IntegrationType::AwsProxy),
    ("mock", IntegrationType::Mock),
];

const CONTENT_HANDLING: [(&str, ContentHandlingStrategy); 2] = [
    ("CONVERT_TO_BINARY", ContentHandlingStrategy::ConvertToBinary),
    ("CONVERT_TO_TEXT", ContentHandlingStrategy::ConvertToText),
];

const PASSTHROUGH: [(&str, PassthroughBehavior); 3] = [
    ("when_no_match", PassthroughBehavior::WhenNoMatch),
    ("when_no_templates", PassthroughBehavior::WhenNoTemplates),
    ("never", PassthroughBehavior::Never),
];

/// The operation's integration; without one, a mock where that was asked for, or a problem.
pub fn read<'d>(
    reader: &mut Reader<'d>,
    document: &Document<'d>,
    operation: &'d Mapping,
    entry: &'d Entry,
    pointer: &Pointer,
) -> Option<Integration> {
    let pointer = pointer.child("methodIntegration");
    match operation.entry(EXTENSION) {
        Some(extension) => integration(reader, extension, &pointer),
        None if document.options.mock_missing => {
            reader.stands_at(pointer, entry.key_position);
            Some(example_mock(reader, operation))
        }
        // AWS takes it, and fails when it is deployed.
        None if reader.strictness == Strictness::Import => None,
        None => {
            let help = "add `x-amazon-apigateway-integration` with `type: http_proxy`, `httpMethod` and `uri`, or let \
                        `--mock-missing` answer with the declared example";
            reader.error_with_help(entry.key_position, format!("`{}` has no integration", entry.key), help);
            None
        }
    }
}

fn integration<'d>(reader: &mut Reader<'d>, extension: &'d Entry, pointer: &Pointer) -> Option<Integration> {
    let object = reader.object(&extension.value, &keys::INTEGRATION)?;
    reader.stands_at(pointer.clone(), extension.key_position);
    for entry in object.entries() {
        reader.stands_at(pointer.child(&entry.key), entry.value.position);
    }
    pass_over_http_api_keys(reader, object);
    if object.get("type").is_none() {
        let help = "add `type: http_proxy`, `type: http` or `type: mock`";
        reader.error_with_help(extension.key_position, "the integration has no `type`", help);
    }
    let text = |reader: &mut Reader<'d>, key| reader.string(object, key).map(str::to_owned);
    let integration = Integration {
        integration_type: reader.choice(object, "type", &TYPES)?,
        http_method: text(reader, "httpMethod").map(|method| method.to_ascii_uppercase()),
        uri: text(reader, "uri"),
        connection_type: reader.choice(
            object,
            "connectionType",
            &[("INTERNET", ConnectionType::Internet), ("VPC_LINK", ConnectionType::VpcLink)],
        ),
        connection_id: text(reader, "connectionId").map(VpcLinkId),
        integration_target: text(reader, "integrationTarget"),
        credentials: text(reader, "credentials"),
        request_parameters: reader.string_map(object, "requestParameters", pointer),
        request_templates: reader.string_map(object, "requestTemplates", pointer),
        passthrough_behavior: reader.choice(object, "passthroughBehavior", &PASSTHROUGH),
        content_handling: reader.choice(object, "contentHandling", &CONTENT_HANDLING),
        timeout_in_millis: reader.integer(object, "timeoutInMillis"),
        cache_namespace: text(reader, "cacheNamespace"),
        cache_key_parameters: reader.strings(object, "cacheKeyParameters"),
        integration_responses: responses(reader, object, pointer),
        tls_config: tls_config(reader, object),
        response_transfer_mode: reader.choice(
            object,
            "responseTransferMode",
            &[("BUFFERED", ResponseTransferMode::Buffered), ("STREAM", ResponseTransferMode::Stream)],
        ),
        upstream: upstream::of_integration(reader, object, pointer).map(Box::new),
        cache: cache(reader, object, pointer),
    };
    warn_of_no_effect(reader, object, &integration);
    Some(integration)
}

fn pass_over_http_api_keys<'d>(reader: &mut Reader<'d>, object: &'d Mapping) {
    if let Some(entry) = object.entry("integrationSubtype") {
        pass_over_http_api_key(reader, entry.key_position, "integrationSubtype");
    }
    if let Some(entry) = object.entry("payloadFormatVersion")
        && reader.string(object, "payloadFormatVersion") != Some("1.0")
    {
        pass_over_http_api_key(reader, entry.key_position, "payloadFormatVersion: 2.0");
    }
}

/// A proxy passes the answer on as it is, at AWS too; whoever writes mappings beside it expects otherwise.
fn warn_of_no_effect<'d>(reader: &mut Reader<'d>, object: &'d Mapping, integration: &Integration) {
    let (name, help) = match integration.integration_type {
        _ if reader.strictness == Strictness::Import => return,
        IntegrationType::HttpProxy => ("an `http_proxy`", "use `type: http` to map requests and answers"),
        IntegrationType::AwsProxy => ("an `aws_proxy`", "use `type: aws` to map requests and answers"),
        IntegrationType::Http | IntegrationType::Aws | IntegrationType::Mock => return,
    };
    if let Some(entry) = object.entry("requestTemplates") {
        reader.warning(entry.key_position, format!("`requestTemplates` has no effect in {name} integration"), help);
    }
    if let Some(entry) = object.entry("requestParameters")
        && integration.integration_type == IntegrationType::AwsProxy
        && !integration.request_parameters.is_empty()
    {
        reader.warning(entry.key_position, format!("`requestParameters` has no effect in {name} integration"), help);
    }
    let maps = |response: &IntegrationResponse| {
        !response.response_parameters.is_empty() || !response.response_templates.is_empty()
    };
    if let Some(entry) = object.entry("responses")
        && integration.integration_responses.values().any(maps)
    {
        reader.warning(
            entry.key_position,
            format!("mappings in `responses` have no effect in {name} integration"),
            help,
        );
    }
}

fn cache<'d>(reader: &mut Reader<'d>, object: &'d Mapping, pointer: &Pointer) -> Option<CacheExtension> {
    let cache = reader.object(object.get("x-tollgate-cache")?, &keys::CACHE)?;
    let pointer = pointer.child("x-tollgate-cache");
    for entry in cache.entries() {
        reader.stands_at(pointer.child(&entry.key), entry.value.position);
    }
    Some(CacheExtension {
        stale_while_revalidate_in_seconds: reader.integer(cache, "staleWhileRevalidateInSeconds"),
        stale_if_error_in_seconds: reader.integer(cache, "staleIfErrorInSeconds"),
        item_bytes_max: reader.integer(cache, "itemBytesMax"),
        etag: reader.boolean(cache, "etag"),
        shared_with_authorization: reader.boolean(cache, "sharedWithAuthorization"),
    })
}

fn tls_config<'d>(reader: &mut Reader<'d>, object: &'d Mapping) -> Option<TlsConfig> {
    let config = reader.object(object.get("tlsConfig")?, &keys::TLS_CONFIG)?;
    if let Some(entry) = config.entry("serverNameToVerify") {
        pass_over_http_api_key(reader, entry.key_position, "serverNameToVerify");
    }
    let insecure_skip_verification = reader.boolean(config, "insecureSkipVerification").unwrap_or(false);
    Some(TlsConfig { insecure_skip_verification })
}

/// By pattern in the document, by status in the model: AWS keeps one response a status.
fn responses<'d>(reader: &mut Reader<'d>, object: &'d Mapping, pointer: &Pointer) -> OrderedMap<IntegrationResponse> {
    let mut responses: OrderedMap<IntegrationResponse> = OrderedMap::new();
    for entry in reader.entries(object, "responses") {
        let Some(response) = reader.object(&entry.value, &keys::INTEGRATION_RESPONSE) else { continue };
        let Some(status) = reader.string(response, "statusCode") else {
            let help = "add `statusCode`, the status that the client gets";
            reader.error_with_help(entry.key_position, "the integration response has no `statusCode`", help);
            continue;
        };
        let pointer = pointer.child("integrationResponses").child(status);
        if let Some(first) = reader.positions.get(&pointer).copied() {
            same_status(reader, entry.key_position, first, status);
            if reader.strictness == Strictness::Serve {
                continue;
            }
        }
        reader.stands_at(pointer.clone(), entry.key_position);
        reader.stands_at(pointer.child("selectionPattern"), entry.key_position);
        let integration_response = IntegrationResponse {
            status_code: status.to_owned(),
            selection_pattern: (&*entry.key != "default").then(|| entry.key.to_string()),
            response_parameters: reader.string_map(response, "responseParameters", &pointer),
            response_templates: reader.string_map(response, "responseTemplates", &pointer),
            content_handling: reader.choice(response, "contentHandling", &CONTENT_HANDLING),
        };
        responses.insert(status.to_owned(), integration_response);
    }
    responses
}

fn same_status(reader: &mut Reader<'_>, position: Position, first: Position, status: &str) {
    let message = format!("a second integration response has the status {status}");
    reader.passed_over(position, message, "API Gateway keeps one a status: join the patterns with `|`");
    if let Some(problem) = reader.problems.pop() {
        let problem = problem.related("the first one", reader.files.place(first));
        reader.problems.push(problem);
    }
}

/// A mock that answers what the operation declares.
fn example_mock<'d>(reader: &mut Reader<'d>, operation: &'d Mapping) -> Integration {
    let (status, example) = declared_example(reader, operation);
    let template = format!("{{\"statusCode\": {status}}}");
    let response = IntegrationResponse {
        status_code: status.clone(),
        response_templates: example.into_iter().collect(),
        ..IntegrationResponse::default()
    };
    Integration {
        integration_type: IntegrationType::Mock,
        request_templates: [("application/json".to_owned(), template)].into_iter().collect(),
        integration_responses: [(status, response)].into_iter().collect(),
        ..Integration::default()
    }
}
