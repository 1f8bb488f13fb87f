//! Models: the document's schemas, as JSON text. What stands inside a schema is checked when a method's bodies are
//! validated with it; here its references become references to models, as AWS's import makes them.

use std::collections::{HashMap, HashSet, VecDeque};

use super::base_path::derived_id;
use super::document::Version;
use super::ids::models_address;
use super::reader::Reader;
use super::tree::{Mapping, Node, Position, Value};
use crate::model::{Model, ModelId, Pointer, RestApiId};

/// The models so far: a document may have thousands of both schemas and operations.
pub struct Models<'d> {
    pub list: Vec<Model>,
    names: HashSet<String>,
    /// The name of the model that stands at a place.
    by_position: HashMap<Position, String>,
    /// Named, but not read yet: what is referred to need not be a model of its own in the document.
    pending: VecDeque<(String, &'d Node)>,
    /// What a reference to a model begins with.
    base: String,
    /// Whether the places inside the schemas are to be noted.
    noted: bool,
}

impl<'d> Models<'d> {
    /// `definitions`, or `components.schemas`. With `noted`, what is wrong inside a schema can be shown at its place.
    pub fn read(
        reader: &mut Reader<'d>,
        version: Version,
        root: &'d Mapping,
        rest_api_id: &RestApiId,
        noted: bool,
    ) -> Models<'d> {
        let entries = match version {
            Version::V2 => reader.entries(root, "definitions"),
            Version::V3 => match root.get("components").and_then(Node::as_mapping) {
                Some(components) => reader.entries(components, "schemas"),
                None => &[],
            },
        };
        let mut models = Models {
            list: Vec::new(),
            names: HashSet::new(),
            by_position: HashMap::new(),
            pending: VecDeque::new(),
            base: models_address(rest_api_id),
            noted,
        };
        for entry in entries {
            models.add(entry.key.to_string(), &entry.value);
        }
        models.read_pending(reader);
        models
    }

    /// The name of the model that a request or a response has: the one referred to, or a new one for a schema in place,
    /// as AWS's import makes one. `None` for a reference that names nothing.
    pub fn name_of(&mut self, reader: &mut Reader<'d>, schema: &'d Node, owner: &str) -> Option<String> {
        if schema.reference().is_some() {
            let name = self.name_at(reader.files.referred(schema)?);
            self.read_pending(reader);
            return Some(name);
        }
        let name = format!("MODEL{}", &derived_id(&["in place", owner])[..6]);
        if !self.names.contains(&name) {
            self.add(name.clone(), schema);
            self.read_pending(reader);
        }
        Some(name)
    }

    fn add(&mut self, name: String, schema: &'d Node) {
        self.names.insert(name.clone());
        self.by_position.entry(schema.position).or_insert_with(|| name.clone());
        self.pending.push_back((name, schema));
    }

    /// The model that stands there; it becomes one where it is not.
    fn name_at(&mut self, schema: &'d Node) -> String {
        if let Some(name) = self.by_position.get(&schema.position) {
            return name.clone();
        }
        let Position { file, line, column } = schema.position;
        let place = format!("{} {line} {column}", file.0);
        let name = format!("MODEL{}", &derived_id(&["referred to", &place])[..6]);
        self.add(name.clone(), schema);
        name
    }

    fn read_pending(&mut self, reader: &mut Reader<'d>) {
        while let Some((name, schema)) = self.pending.pop_front() {
            let described = schema.as_mapping().and_then(|schema| schema.get("description"));
            let pointer = Pointer::model(&name).child("schema");
            let json = self.json(reader, schema, &pointer, false);
            self.list.push(Model {
                id: ModelId(derived_id(&["model", &name])[..6].to_owned()),
                description: described.and_then(Node::as_str).map(str::to_owned),
                schema: json.to_string(),
                content_type: "application/json".to_owned(),
                name,
            });
        }
    }

    /// The schema with its references leading to models. With `names`, the keys are the author's own.
    fn json(&mut self, reader: &mut Reader<'d>, node: &'d Node, pointer: &Pointer, names: bool) -> serde_json::Value {
        if self.noted {
            reader.stands_at(pointer.clone(), node.position);
        }
        match &node.value {
            Value::Sequence(nodes) => {
                let item =
                    |(at, node): (usize, &'d Node)| self.json(reader, node, &pointer.child(&at.to_string()), false);
                nodes.iter().enumerate().map(item).collect()
            }
            Value::Mapping(mapping) if !names && node.reference().is_some() => {
                let referred = reader.files.referred(node).map(|referred| self.name_at(referred));
                let members = mapping.entries().iter().map(|entry| {
                    let value = match (&*entry.key, &referred) {
                        ("$ref", Some(name)) => format!("{}{name}", self.base).into(),
                        _ => entry.value.to_json(),
                    };
                    (entry.key.to_string(), value)
                });
                members.collect()
            }
            Value::Mapping(mapping) => {
                let member = |entry: &'d super::tree::Entry| {
                    let key = &*entry.key;
                    let value = if !names && is_data(key) {
                        entry.value.to_json()
                    } else {
                        self.json(reader, &entry.value, &pointer.child(key), !names && has_names(key))
                    };
                    (key.to_owned(), value)
                };
                mapping.entries().iter().map(member).collect()
            }
            Value::Null | Value::Boolean(_) | Value::Number(_) | Value::String(_) => node.to_json(),
        }
    }
}

/// Keys of a schema below which there is no schema, but an author's own data.
pub fn is_data(key: &str) -> bool {
    matches!(key, "default" | "enum" | "example" | "examples") || key.starts_with("x-")
}

/// Keys of a schema below which the keys are the author's own.
pub fn has_names(key: &str) -> bool {
    matches!(key, "definitions" | "dependencies" | "patternProperties" | "properties")
}
