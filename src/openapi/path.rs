//! Paths and operations → resources and methods.

use std::collections::HashMap;

use super::base_path::derived_id;
use super::document::{Document, Version};
use super::keys::{self, Keys};
use super::reader::Reader;
use super::schema::Models;
use super::tree::{Entry, Mapping, Node, Value};
use super::{integration, security, throttle};
use crate::model::{Method, MethodResponse, OrderedMap, Pointer, Resource, ResourceId};

/// The keys of a path item that are operations, and the method that each is.
pub const OPERATIONS: [(&str, &str); 8] = [
    ("get", "GET"),
    ("put", "PUT"),
    ("post", "POST"),
    ("delete", "DELETE"),
    ("options", "OPTIONS"),
    ("head", "HEAD"),
    ("patch", "PATCH"),
    ("x-amazon-apigateway-any-method", "ANY"),
];

/// The resources so far, found by path.
struct Resources {
    list: Vec<Resource>,
    by_path: HashMap<String, usize>,
    api_id: String,
}

impl Resources {
    /// The resource at `path`, made together with its parents where it is not there, as AWS's import makes them.
    fn at(&mut self, path: &str) -> &mut Resource {
        let index = self.index(path);
        &mut self.list[index]
    }

    fn index(&mut self, path: &str) -> usize {
        let mut ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at).skip(1).collect();
        ends.push(path.len());
        let mut index = 0;
        let mut start = 1;
        for end in ends {
            if start < end {
                index = self.child(index, &path[..end], &path[start..end]);
            }
            start = end + 1;
        }
        index
    }

    fn child(&mut self, parent: usize, path: &str, part: &str) -> usize {
        if let Some(index) = self.by_path.get(path) {
            return *index;
        }
        let resource = Resource {
            id: ResourceId(derived_id(&[&self.api_id, path])[..6].to_owned()),
            parent_id: Some(self.list[parent].id.clone()),
            path_part: Some(part.to_owned()),
            path: path.to_owned(),
            resource_methods: OrderedMap::new(),
        };
        self.by_path.insert(path.to_owned(), self.list.len());
        self.list.push(resource);
        self.list.len() - 1
    }
}

/// All resources; the first is the root, which every API has.
pub fn resources<'d>(
    reader: &mut Reader<'d>,
    document: &Document<'d>,
    models: &mut Models<'d>,
    api_id: &str,
    prefix: &str,
) -> Vec<Resource> {
    let id = ResourceId(derived_id(&[api_id, "/"]));
    let root = Resource { id, path: "/".to_owned(), ..Resource::default() };
    let mut resources = Resources { list: vec![root], by_path: HashMap::new(), api_id: api_id.to_owned() };
    if document.root.get("paths").is_none() {
        let position = reader.files.root().position;
        reader.passed_over(position, "`paths` is missing", "add `paths:` with at least one path below it");
    }
    let mut inherits_security = false;
    for entry in reader.entries(document.root, "paths") {
        if entry.key.starts_with("x-") {
            continue;
        }
        let Some(path) = resource_path(reader, entry, prefix) else { continue };
        inherits_security |= path_item(reader, document, models, resources.at(&path), entry);
    }
    if inherits_security {
        security::refuse_root_security(reader, document.root);
    }
    resources.list
}

/// The path with the base path before it and without a slash at its end.
fn resource_path(reader: &mut Reader<'_>, entry: &Entry, prefix: &str) -> Option<String> {
    if !entry.key.starts_with('/') {
        let message = format!("the path `{}` does not start with a slash", entry.key);
        reader.error_with_help(entry.key_position, message, format!("write `/{}`", entry.key));
        return None;
    }
    if entry.key.contains("//") {
        reader.error(entry.key_position, format!("the path `{}` has an empty segment", entry.key));
        return None;
    }
    // What can stand in a request's path (RFC 3986, section 3.3); a path with anything else would never be asked for.
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%{}".contains(&byte);
    if let Some(wrong) = entry.key.chars().find(|next| !u8::try_from(*next).is_ok_and(good)) {
        let message = format!("`{wrong}` cannot stand in a path");
        reader.error_with_help(entry.key_position, message, "percent-encode it; a query is not a part of a path");
        return None;
    }
    Some(prefixed(&entry.key, prefix))
}

/// The path of the resource that a key of `paths` makes.
pub fn prefixed(key: &str, prefix: &str) -> String {
    let path = format!("{prefix}{}", key.strip_suffix('/').unwrap_or(key));
    if path.is_empty() { "/".to_owned() } else { path }
}

/// Reads the operations of a path; whether one of them has no `security` of its own.
fn path_item<'d>(
    reader: &mut Reader<'d>,
    document: &Document<'d>,
    models: &mut Models<'d>,
    resource: &mut Resource,
    entry: &'d Entry,
) -> bool {
    let keys = match document.version {
        Version::V2 => keys::PATH_ITEM_V2,
        Version::V3 => keys::PATH_ITEM_V3,
    };
    let Some(item) = reader.object(&entry.value, &keys) else { return false };
    reader.stands_at(Pointer::resource(&resource.path), entry.key_position);
    if let Some(trace) = item.entry("trace") {
        reader.passed_over(trace.key_position, "API Gateway has no method TRACE", "take `trace` away");
    }
    let mut inherits_security = false;
    for operation in item.entries() {
        let Some((_, http_method)) = OPERATIONS.iter().find(|(key, _)| *key == &*operation.key) else { continue };
        let pointer = Pointer::method(&resource.path, http_method);
        if resource.resource_methods.contains_key(*http_method) {
            let first = reader.positions.get(&pointer).copied();
            two_of_a_kind(reader, operation, first, &format!("{http_method} {}", resource.path));
            continue;
        }
        reader.stands_at(pointer.clone(), operation.key_position);
        let Some((method, inherits)) = method(reader, document, models, http_method, operation, item, &pointer) else {
            continue;
        };
        inherits_security |= inherits;
        resource.resource_methods.insert((*http_method).to_owned(), method);
    }
    inherits_security
}

fn two_of_a_kind(reader: &mut Reader<'_>, entry: &Entry, first: Option<super::tree::Position>, what: &str) {
    reader.error_with_help(
        entry.key_position,
        format!("`{what}` is here twice"),
        "a slash at a path's end makes no difference",
    );
    if let (Some(first), Some(problem)) = (first, reader.problems.pop()) {
        let problem = problem.related("the first one", reader.files.place(first));
        reader.problems.push(problem);
    }
}

fn operation_keys(version: Version) -> Keys {
    match version {
        Version::V2 => keys::OPERATION_V2,
        Version::V3 => keys::OPERATION_V3,
    }
}

fn method<'d>(
    reader: &mut Reader<'d>,
    document: &Document<'d>,
    models: &mut Models<'d>,
    http_method: &str,
    entry: &'d Entry,
    item: &'d Mapping,
    pointer: &Pointer,
) -> Option<(Method, bool)> {
    let operation = reader.object(&entry.value, &operation_keys(document.version))?;
    let mut method = Method { http_method: http_method.to_owned(), ..Method::default() };
    method.operation_name = reader.string(operation, "operationId").map(str::to_owned);
    let mut parameters = reader.sequence(item, "parameters").iter().collect::<Vec<_>>();
    parameters.extend(reader.sequence(operation, "parameters"));
    let consumed = content_types(reader, document, operation, "consumes");
    for node in parameters {
        parameter(reader, document.version, models, &consumed, node, &mut method, pointer);
    }
    if let Some(node) = operation.get("requestBody")
        && let Some(body) = reader.object(node, &keys::REQUEST_BODY)
    {
        method.request_models = content_models(reader, models, body, pointer.as_str());
        for entry in reader.entries(body, "content") {
            reader.stands_at(pointer.child("requestModels").child(&entry.key), entry.key_position);
        }
    }
    responses(reader, document, models, operation, &mut method, pointer);
    security::apply(reader, document, operation, &mut method, pointer);
    request_validator(reader, document, operation, &mut method);
    method.throttle = throttle::rules(reader, operation, &|key| pointer.child(key));
    method.method_integration = integration::read(reader, document, operation, entry, pointer);
    Some((method, operation.get("security").is_none()))
}

/// What an operation `consumes` or `produces` in OpenAPI 2: its own content types, or the document's, or JSON.
fn content_types<'d>(
    reader: &mut Reader<'d>,
    document: &Document<'d>,
    operation: &'d Mapping,
    key: &str,
) -> Vec<String> {
    let of_operation = operation.get(key).is_some();
    let types = reader.strings(if of_operation { operation } else { document.root }, key);
    if document.version == Version::V3 || types.is_empty() { vec!["application/json".to_owned()] } else { types }
}

fn parameter<'d>(
    reader: &mut Reader<'d>,
    version: Version,
    models: &mut Models<'d>,
    consumed: &[String],
    node: &'d Node,
    method: &mut Method,
    pointer: &Pointer,
) {
    let keys = match version {
        Version::V2 => keys::PARAMETER_V2,
        Version::V3 => keys::PARAMETER_V3,
    };
    let Some(object) = reader.object(node, &keys) else { return };
    let required = reader.boolean(object, "required").unwrap_or(false);
    let (name, place) = (reader.string(object, "name"), reader.string(object, "in"));
    let (Some(name), Some(place)) = (name, place) else {
        reader.error_with_help(
            node.position,
            "a parameter needs `name` and `in`",
            "`in` is `path`, `query` or `header`",
        );
        return;
    };
    let kind = match place {
        "query" => "querystring",
        "header" => "header",
        "path" => "path",
        // API Gateway has no parameters of these kinds; the body's schema becomes a model.
        "cookie" | "formData" => return,
        "body" => {
            if let Some(schema) = object.get("schema")
                && let Some(model) = models.name_of(reader, schema, pointer.as_str())
            {
                for content_type in consumed {
                    reader.stands_at(pointer.child("requestModels").child(content_type), node.position);
                    method.request_models.insert(content_type.clone(), model.clone());
                }
            }
            return;
        }
        other => {
            let message = format!("`{other}` is not a place for a parameter");
            reader.passed_over(node.position, message, "`in` is `path`, `query`, `header` or `cookie`");
            return;
        }
    };
    method.request_parameters.insert(format!("method.request.{kind}.{name}"), required);
}

/// Models by content type, of a request body or a response in OpenAPI 3.
fn content_models<'d>(
    reader: &mut Reader<'d>,
    models: &mut Models<'d>,
    parent: &'d Mapping,
    owner: &str,
) -> OrderedMap<String> {
    let mut by_content_type = OrderedMap::new();
    for entry in reader.entries(parent, "content") {
        let Some(media_type) = reader.object(&entry.value, &keys::MEDIA_TYPE) else { continue };
        if let Some(schema) = media_type.get("schema") {
            let owner = format!("{owner} {}", entry.key);
            let model = models.name_of(reader, schema, &owner);
            by_content_type.extend(model.map(|model| (entry.key.to_string(), model)));
        }
    }
    by_content_type
}

fn responses<'d>(
    reader: &mut Reader<'d>,
    document: &Document<'d>,
    models: &mut Models<'d>,
    operation: &'d Mapping,
    method: &mut Method,
    pointer: &Pointer,
) {
    let produced = content_types(reader, document, operation, "produces");
    for entry in reader.entries(operation, "responses") {
        if entry.key.starts_with("x-") {
            continue;
        }
        if !is_response_key(&entry.key) {
            let message = format!("`{}` is not a response's status", entry.key);
            reader.passed_over(entry.key_position, message, "it is a status such as `200`, `2XX`, or `default`");
            continue;
        }
        let keys = match document.version {
            Version::V2 => keys::RESPONSE_V2,
            Version::V3 => keys::RESPONSE_V3,
        };
        let Some(response) = reader.object(&entry.value, &keys) else { continue };
        let headers = reader.entries(response, "headers");
        let header = |header: &Entry| (format!("method.response.header.{}", header.key), false);
        let owner = format!("{pointer} {}", entry.key);
        let mut response_models = content_models(reader, models, response, &owner);
        if let Some(schema) = response.get("schema")
            && let Some(model) = models.name_of(reader, schema, &owner)
        {
            response_models.extend(produced.iter().map(|content_type| (content_type.clone(), model.clone())));
        }
        // A method response has a status of its own; `default` and `2XX` are for documentation.
        if entry.key.parse::<u16>().is_ok() {
            let method_response = MethodResponse {
                status_code: entry.key.to_string(),
                response_parameters: headers.iter().map(header).collect(),
                response_models,
            };
            method.method_responses.insert(entry.key.to_string(), method_response);
        }
    }
}

fn is_response_key(key: &str) -> bool {
    let status = |key: &str| key.len() == 3 && key.bytes().all(|byte| byte.is_ascii_digit());
    let range = |key: &str| key.len() == 3 && matches!(key.as_bytes()[0], b'1'..=b'5') && key[1..] == *"XX";
    key == "default" || status(key) || key.is_char_boundary(1) && range(key)
}

/// The operation's own, or the document's.
fn request_validator<'d>(
    reader: &mut Reader<'d>,
    document: &Document<'d>,
    operation: &'d Mapping,
    method: &mut Method,
) {
    const KEY: &str = "x-amazon-apigateway-request-validator";
    let own = reader.string(operation, KEY);
    let Some(name) = own.or(document.request_validator) else { return };
    if let Some(id) = document.request_validators.get(name) {
        method.request_validator_id = Some(id.clone());
        return;
    }
    let node = if own.is_some() { operation.get(KEY) } else { document.root.get(KEY) };
    let names: Vec<_> = document.request_validators.keys().map(String::as_str).collect();
    let help = keys::suggestion(name, &names)
        .unwrap_or_else(|| "declare it in `x-amazon-apigateway-request-validators` at the root".to_owned());
    if let Some(node) = node {
        reader.error_with_help(node.position, format!("there is no request validator `{name}`"), help);
    }
}

/// The first declared 2xx status of an operation and its example, by content type.
pub fn declared_example<'d>(reader: &mut Reader<'d>, operation: &'d Mapping) -> (String, Option<(String, String)>) {
    let responses = reader.entries(operation, "responses");
    let first = responses.iter().find(|entry| entry.key.starts_with('2') && entry.key.parse::<u16>().is_ok());
    let Some(entry) = first else { return ("200".to_owned(), None) };
    let Some(response) = reader.mapping(&entry.value, "a response") else { return (entry.key.to_string(), None) };
    let mut example = reader.entries(response, "examples").first().map(|example| (&example.key, &example.value));
    if let Some(content) = reader.entries(response, "content").first()
        && let Some(media_type) = reader.mapping(&content.value, "a media type")
    {
        let named = reader.entries(media_type, "examples").first();
        let named = named.and_then(|named| reader.mapping(&named.value, "an example")).and_then(|one| one.get("value"));
        example = media_type.get("example").or(named).map(|node| (&content.key, node));
    }
    let text = |node: &Node| match &node.value {
        Value::String(text) => text.to_string(),
        _ => node.to_json().to_string(),
    };
    (entry.key.to_string(), example.map(|(content_type, node)| (content_type.to_string(), text(node))))
}
