//! The document as a whole: which version of OpenAPI, the API's own attributes, and the order in which parts are read.

use std::collections::HashMap;

use super::base_path::{self, Address};
use super::keys::{self, Keys};
use super::reader::Reader;
use super::schema::Models;
use super::security::SecuritySchemes;
use super::tree::{Mapping, Node, Position, Value};
use super::{ImportOptions, Strictness};
use super::{description, extension, path, security, stage, throttle, upstream};
use crate::model::{
    ApiDefinition, ApiKeySource, EndpointConfiguration, EndpointType, Pointer, RequestValidatorId, RestApi, RestApiId,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// OpenAPI 2.0, formerly Swagger.
    V2,
    /// OpenAPI 3.0 and 3.1.
    V3,
}

/// What the readers of paths and operations need of the rest of the document.
pub struct Document<'d> {
    pub version: Version,
    pub root: &'d Mapping,
    pub options: &'d ImportOptions,
    pub security_schemes: SecuritySchemes,
    pub request_validators: HashMap<String, RequestValidatorId>,
    /// `x-amazon-apigateway-request-validator` at the root.
    pub request_validator: Option<&'d str>,
}

impl Version {
    fn root_keys(self) -> Keys {
        match self {
            Version::V2 => keys::ROOT_V2,
            Version::V3 => keys::ROOT_V3,
        }
    }
}

/// Reads everything; what is wrong is with `reader`. `None` where there is nothing to read at all.
pub fn read<'d>(
    reader: &mut Reader<'d>,
    name: &str,
    options: &'d ImportOptions,
) -> Option<(ApiDefinition, Vec<stage::Described>)> {
    let root_node = reader.files.root();
    let root = reader.mapping(root_node, "an OpenAPI document")?;
    let version = version(reader, root_node, root)?;
    refuse_http_api(reader, root)?;
    reader.check_keys(root, &version.root_keys());
    check_side_objects(reader, root, version);

    let Address { rest_api_id, prefix, stages } = base_path::read(reader, version, root, name, options);
    let mut definition = ApiDefinition { rest_api: rest_api(reader, version, root), ..ApiDefinition::default() };
    definition.rest_api.id = rest_api_id;
    definition.request_validators = extension::request_validators(reader, root);
    definition.gateway_responses = extension::gateway_responses(reader, root);
    if !options.ignore_documentation {
        definition.documentation_parts = extension::documentation_parts(reader, root);
    }
    let (security_schemes, authorizers) = security::schemes(reader, version, root);
    definition.authorizers = authorizers;
    let validators = definition.request_validators.iter();
    let bodies_are_validated = validators.clone().any(|validator| validator.validate_request_body);
    let mut models = Models::read(reader, version, root, &definition.rest_api.id, bodies_are_validated);
    let document = Document {
        version,
        root,
        options,
        security_schemes,
        request_validators: validators.map(|validator| (validator.name.clone(), validator.id.clone())).collect(),
        request_validator: reader.string(root, "x-amazon-apigateway-request-validator"),
    };
    definition.resources = path::resources(reader, &document, &mut models, definition.rest_api.id.as_str(), &prefix);
    definition.models = models.list;
    if options.strictness == Strictness::Import && !options.ignore_documentation {
        let described = description::parts(reader.files, version, root, &prefix, &definition);
        definition.documentation_parts.extend(described);
    }
    if let Some(types) = &options.endpoint_types {
        definition.rest_api.endpoint_configuration.types.clone_from(types);
    }
    definition.rest_api.root_resource_id = definition.resources.first().map(|resource| resource.id.clone());
    Some((definition, stages))
}

/// Reads a document that a stage's canary serves: a definition of the same API.
pub fn read_canary<'d>(
    reader: &mut Reader<'d>,
    name: &str,
    options: &'d ImportOptions,
    rest_api_id: &RestApiId,
) -> Option<ApiDefinition> {
    let (mut definition, _) = read(reader, name, options)?;
    let root = reader.files.root().as_mapping()?;
    stage::refuse_in_canary(reader, root);
    if let Some(entry) = root.entry("x-tollgate-api-id")
        && definition.rest_api.id != *rest_api_id
    {
        let message = format!("the canary of the API `{rest_api_id}` cannot be the API `{}`", definition.rest_api.id);
        reader.error_with_help(entry.value.position, message, "take `x-tollgate-api-id` away, or make it the same");
    }
    definition.rest_api.id = rest_api_id.clone();
    Some(definition)
}

fn version<'d>(reader: &mut Reader<'d>, root_node: &'d Node, root: &'d Mapping) -> Option<Version> {
    const HELP: &str = "start it with `openapi: 3.0.1`, `openapi: 3.1.0` or `swagger: \"2.0\"`";
    let (key, known): (_, fn(&str) -> Option<Version>) = if root.get("swagger").is_some() {
        ("swagger", |text| matches!(text, "2.0" | "2").then_some(Version::V2))
    } else {
        ("openapi", |text| (text.starts_with("3.0") || text.starts_with("3.1")).then_some(Version::V3))
    };
    let Some(node) = root.get(key) else {
        reader.error_with_help(root_node.position, "this is not an OpenAPI document: it has no `openapi` key", HELP);
        return None;
    };
    let text = reader.text(node, key)?;
    let version = known(text);
    if version.is_none() {
        reader.error_with_help(node.position, format!("`{key}: {text}` is not a version that is read here"), HELP);
    }
    version
}

/// HTTP APIs have documents of their own kind, which would be misread as REST APIs.
fn refuse_http_api<'d>(reader: &mut Reader<'d>, root: &'d Mapping) -> Option<()> {
    let marks = ["x-amazon-apigateway-cors", "x-amazon-apigateway-importexport-version"];
    let mark = marks.iter().find_map(|mark| root.entry(mark));
    let default_route = root.get("paths").and_then(Node::as_mapping).and_then(|paths| paths.entry("/$default"));
    let Some(mark) = mark.or(default_route) else { return Some(()) };
    refuse_http_api_at(reader, mark.key_position, &mark.key);
    None
}

/// Says of a key that only HTTP APIs have that it means nothing here.
pub fn pass_over_http_api_key(reader: &mut Reader<'_>, position: Position, what: &str) {
    let message = format!("`{what}` belongs to an HTTP API; HTTP APIs are not served by this version");
    reader.passed_over(position, message, "describe the API as a REST API (`aws apigateway`, not `apigatewayv2`)");
}

/// Says that `what` makes the document one of an HTTP API.
pub fn refuse_http_api_at(reader: &mut Reader<'_>, position: Position, what: &str) {
    let message = format!("`{what}` belongs to an HTTP API; HTTP APIs are not served by this version");
    reader.error_with_help(position, message, "describe the API as a REST API (`aws apigateway`, not `apigatewayv2`)");
}

/// Objects of which nothing is taken, but which may be misspelt.
fn check_side_objects<'d>(reader: &mut Reader<'d>, root: &'d Mapping, version: Version) {
    for tag in reader.sequence(root, "tags") {
        reader.object(tag, &keys::TAG);
    }
    if version == Version::V3
        && let Some(components) = root.get("components")
    {
        reader.object(components, &keys::COMPONENTS);
    }
    if let Some(webhooks) = root.entry("webhooks") {
        let message = "`webhooks` cannot be served by an API gateway";
        reader.passed_over(webhooks.key_position, message, "take them away");
    }
}

fn rest_api<'d>(reader: &mut Reader<'d>, version: Version, root: &'d Mapping) -> RestApi {
    let mut rest_api = RestApi { tags: tags(reader, root), ..RestApi::default() };
    match root.get("info") {
        Some(node) => info(reader, node, &mut rest_api),
        None => {
            let position = reader.files.root().position;
            reader.error_with_help(position, "`info` is missing", "add `info: {title: My API, version: \"1.0\"}`");
        }
    }
    if let Some(entry) = root.entry("x-amazon-apigateway-binary-media-types") {
        reader.stands_at(Pointer::rest_api("binaryMediaTypes"), entry.key_position);
        rest_api.binary_media_types = reader.strings(root, &entry.key);
    }
    if let Some(entry) = root.entry("x-amazon-apigateway-minimum-compression-size") {
        reader.stands_at(Pointer::rest_api("minimumCompressionSize"), entry.key_position);
        rest_api.minimum_compression_size = reader.integer(root, &entry.key);
    }
    if let Some(entry) = root.entry("x-amazon-apigateway-api-key-source") {
        reader.stands_at(Pointer::rest_api("apiKeySource"), entry.key_position);
    }
    let sources = [("HEADER", ApiKeySource::Header), ("AUTHORIZER", ApiKeySource::Authorizer)];
    rest_api.api_key_source = reader.choice(root, "x-amazon-apigateway-api-key-source", &sources).unwrap_or_default();
    if let Some(entry) = root.entry("x-amazon-apigateway-policy") {
        reader.stands_at(Pointer::rest_api("policy"), entry.key_position);
        stands_within(reader, &Pointer::rest_api("policy"), &entry.value);
        rest_api.policy = Some(entry.value.to_json().to_string());
    }
    rest_api.security_policy = reader.string(root, "x-amazon-apigateway-security-policy").map(str::to_owned);
    rest_api.endpoint_access_mode = reader.string(root, "x-amazon-apigateway-endpoint-access-mode").map(str::to_owned);
    rest_api.upstreams = upstream::named(reader, root);
    rest_api.throttle = throttle::rules(reader, root, &Pointer::rest_api);
    endpoint_configuration(reader, version, root, &mut rest_api);
    rest_api
}

/// Notes where each value within one stands that the model keeps as text.
fn stands_within(reader: &mut Reader<'_>, pointer: &Pointer, node: &Node) {
    match &node.value {
        Value::Mapping(mapping) => {
            for entry in mapping.entries() {
                let pointer = pointer.child(&entry.key);
                reader.stands_at(pointer.clone(), entry.key_position);
                stands_within(reader, &pointer, &entry.value);
            }
        }
        Value::Sequence(nodes) => {
            for (at, node) in nodes.iter().enumerate() {
                let pointer = pointer.child(&at.to_string());
                reader.stands_at(pointer.clone(), node.position);
                stands_within(reader, &pointer, node);
            }
        }
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn info<'d>(reader: &mut Reader<'d>, node: &'d Node, rest_api: &mut RestApi) {
    let Some(info) = reader.object(node, &keys::INFO) else { return };
    match reader.string(info, "title") {
        Some(title) => rest_api.name = title.to_owned(),
        None if info.get("title").is_none() => reader.error(node.position, "`info` has no `title`"),
        None => {}
    }
    rest_api.version = reader.string(info, "version").map(str::to_owned);
    rest_api.description = reader.string(info, "description").map(str::to_owned);
}

/// AWS's tags are OpenAPI's tags that have a value. (Guide, `…-x-amazon-apigateway-tag-value`.)
fn tags<'d>(reader: &mut Reader<'d>, root: &'d Mapping) -> crate::model::OrderedMap<String> {
    let mut tags = crate::model::OrderedMap::new();
    for node in reader.sequence(root, "tags") {
        let Some(tag) = reader.mapping(node, "a tag") else { continue };
        if let (Some(name), Some(value)) =
            (reader.string(tag, "name"), reader.string(tag, "x-amazon-apigateway-tag-value"))
        {
            tags.insert(name.to_owned(), value.to_owned());
        }
    }
    tags
}

/// At the root in OpenAPI 2, in a server in OpenAPI 3; taken from either.
/// (Guide, `…-extensions-endpoint-configuration`.)
fn endpoint_configuration<'d>(reader: &mut Reader<'d>, version: Version, root: &'d Mapping, rest_api: &mut RestApi) {
    const KEY: &str = "x-amazon-apigateway-endpoint-configuration";
    let mut nodes: Vec<&'d Node> = root.get(KEY).into_iter().collect();
    if version == Version::V3 {
        for server in reader.sequence(root, "servers") {
            nodes.extend(server.as_mapping().and_then(|server| server.get(KEY)));
        }
    }
    for node in nodes {
        let Some(object) = reader.object(node, &keys::ENDPOINT_CONFIGURATION) else { continue };
        reader.stands_at(Pointer::rest_api("endpointConfiguration"), node.position);
        if let Some(entry) = object.entry("disableExecuteApiEndpoint") {
            reader.stands_at(Pointer::rest_api("disableExecuteApiEndpoint"), entry.key_position);
        }
        rest_api.disable_execute_api_endpoint |= reader.boolean(object, "disableExecuteApiEndpoint").unwrap_or(false);
        let vpc_endpoint_ids = reader.strings(object, "vpcEndpointIds");
        let ip_address_type = reader.string(object, "ipAddressType").map(str::to_owned);
        let types = endpoint_types(reader, object);
        rest_api.endpoint_configuration = EndpointConfiguration { types, ip_address_type, vpc_endpoint_ids };
    }
}

fn endpoint_types<'d>(reader: &mut Reader<'d>, object: &'d Mapping) -> Vec<EndpointType> {
    let mut types = Vec::new();
    for node in reader.sequence(object, "types") {
        let Some(name) = reader.text(node, "types") else { continue };
        match EndpointType::from_name(name) {
            Some(endpoint_type) => types.push(endpoint_type),
            None => {
                let message = format!("`{name}` is not an endpoint type");
                reader.error_with_help(node.position, message, "it is `REGIONAL`, `EDGE` or `PRIVATE`");
            }
        }
    }
    types
}
