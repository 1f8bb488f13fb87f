//! The descriptions of a document → documentation parts, as AWS's import makes them.
//! (Guide, `api-gateway-documenting-api` and the pages below it.)
//!
//! What a part of `x-amazon-apigateway-documentation` speaks of already gets no other: an export writes its parts into
//! descriptions too, and is read again with the same parts.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::base_path::derived_id;
use super::document::Version;
use super::documentation::{Documentation, Subject};
use super::export::default_description;
use super::path::{OPERATIONS, prefixed};
use super::source::Files;
use super::tree::{Entry, Mapping, Node};
use crate::model::{ApiDefinition, DocumentationPart, DocumentationPartId};

/// The parts that the document's descriptions make beside those that `definition` has.
pub fn parts(
    files: &Files,
    version: Version,
    root: &Mapping,
    prefix: &str,
    definition: &ApiDefinition,
) -> Vec<DocumentationPart> {
    let given = Documentation::new(&definition.documentation_parts);
    let mut describer = Describer { files, version, given, parts: Vec::new(), places: HashSet::new() };
    describer.api(root);
    for entry in describer.entries(root.get("paths")) {
        describer.path(&prefixed(&entry.key, prefix), entry);
    }
    for model in &definition.models {
        describer.describe(&Subject::model(&model.name), model.description.as_deref());
    }
    let schemes = match version {
        Version::V2 => root.get("securityDefinitions"),
        Version::V3 => {
            root.get("components").and_then(Node::as_mapping).and_then(|components| components.get("securitySchemes"))
        }
    };
    for entry in describer.entries(schemes) {
        if definition.authorizers.iter().any(|authorizer| authorizer.name == *entry.key) {
            describer.describe_node(&Subject::authorizer(&entry.key), &entry.value);
        }
    }
    describer.parts
}

/// What is wrong with the document, the readers of the definition have said.
struct Describer<'d> {
    files: &'d Files,
    version: Version,
    given: Documentation<'d>,
    parts: Vec<DocumentationPart>,
    /// The locations of `parts`, as text: a place is described once.
    places: HashSet<String>,
}

impl<'d> Describer<'d> {
    fn mapping(&self, node: &'d Node) -> Option<&'d Mapping> {
        self.files.resolve(node)?.as_mapping()
    }

    fn entries(&self, node: Option<&'d Node>) -> &'d [Entry] {
        node.and_then(|node| self.mapping(node)).map_or(&[], Mapping::entries)
    }

    fn add(&mut self, subject: &Subject<'_>, properties: Map<String, Value>) {
        if properties.is_empty() || self.given.of(subject).is_some() {
            return;
        }
        let properties = Value::Object(properties).to_string();
        let location = subject.location();
        let place = serde_json::json!(location).to_string();
        if !self.places.insert(place.clone()) {
            return;
        }
        let id = DocumentationPartId(derived_id(&["documentation", &place, &properties])[..6].to_owned());
        self.parts.push(DocumentationPart { id, location, properties });
    }

    fn describe(&mut self, subject: &Subject<'_>, description: Option<&str>) {
        let description = description.filter(|description| !description.is_empty());
        let members = description.map(|description| ("description".to_owned(), description.into()));
        self.add(subject, members.into_iter().collect());
    }

    fn describe_node(&mut self, subject: &Subject<'_>, node: &'d Node) {
        let description = self.mapping(node).and_then(|object| object.get("description")).and_then(Node::as_str);
        self.describe(subject, description);
    }

    fn api(&mut self, root: &'d Mapping) {
        let mut properties = Map::new();
        let info = root.get("info").and_then(|node| self.mapping(node));
        let info = info.map(|info| members(info, &["description", "termsOfService", "contact", "license"]));
        if let Some(info) = info.filter(|info| !info.is_empty()) {
            properties.insert("info".to_owned(), info.into());
        }
        let tags = root.get("tags").map(Node::to_json);
        let tags: Vec<Value> = tags.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(tag).collect();
        if !tags.is_empty() {
            properties.insert("tags".to_owned(), tags.into());
        }
        properties.extend(members(root, &["externalDocs"]));
        self.add(&Subject::api(), properties);
    }

    fn path(&mut self, path: &str, entry: &'d Entry) {
        let Some(item) = self.mapping(&entry.value).filter(|_| entry.key.starts_with('/')) else { return };
        if self.version == Version::V3 {
            self.add(&Subject::resource(path), members(item, &["summary", "description"]));
        }
        for (key, http_method) in OPERATIONS {
            if let Some(operation) = item.get(key).and_then(|node| self.mapping(node)) {
                self.operation(&Subject::method(path, http_method), item, operation);
            }
        }
    }

    fn operation(&mut self, method: &Subject<'_>, item: &'d Mapping, operation: &'d Mapping) {
        let keys = ["tags", "summary", "description", "externalDocs", "deprecated"];
        self.add(method, members(operation, &keys));
        // The operation's own come first: they replace those of the path.
        for parameters in [operation.get("parameters"), item.get("parameters")].into_iter().flatten() {
            self.parameters(method, parameters);
        }
        if let Some(body) = operation.get("requestBody") {
            self.describe_node(&method.part("REQUEST_BODY"), body);
        }
        for entry in self.entries(operation.get("responses")) {
            if entry.key.parse::<u16>().is_ok() {
                self.response(method, entry);
            }
        }
    }

    fn parameters(&mut self, method: &Subject<'_>, parameters: &'d Node) {
        let Some(super::tree::Value::Sequence(nodes)) = self.files.resolve(parameters).map(|node| &node.value) else {
            return;
        };
        for node in nodes {
            let Some(parameter) = self.mapping(node) else { continue };
            let word = |key| parameter.get(key).and_then(Node::as_str).unwrap_or_default();
            let subject = match word("in") {
                "query" => method.part("QUERY_PARAMETER").named(word("name")),
                "header" => method.part("REQUEST_HEADER").named(word("name")),
                "path" => method.part("PATH_PARAMETER").named(word("name")),
                "body" => method.part("REQUEST_BODY"),
                _ => continue,
            };
            self.describe_node(&subject, node);
        }
    }

    fn response(&mut self, method: &Subject<'_>, entry: &'d Entry) {
        let Some(response) = self.mapping(&entry.value) else { return };
        let description = response.get("description").and_then(Node::as_str);
        // What stands there only because something has to.
        let description = description.filter(|description| *description != default_description(&entry.key));
        self.describe(&method.part("RESPONSE").status(&entry.key), description);
        for header in self.entries(response.get("headers")) {
            let subject = method.part("RESPONSE_HEADER").status(&entry.key).named(&header.key);
            self.describe_node(&subject, &header.value);
        }
    }
}

fn members(object: &Mapping, keys: &[&str]) -> Map<String, Value> {
    let present = keys.iter().filter_map(|key| Some(((*key).to_owned(), object.get(key)?.to_json())));
    present.collect()
}

/// Without its value, which is the API's; `None` for one that is nothing else.
fn tag(tag: &Value) -> Option<Value> {
    let mut tag = tag.as_object()?.clone();
    let valued = tag.shift_remove("x-amazon-apigateway-tag-value").is_some();
    (!valued || tag.len() > 1).then_some(Value::Object(tag))
}
