//! Models: the document's schemas, as JSON text. What stands inside a schema is not checked here: nothing acts on it yet.

use std::collections::HashSet;

use super::base_path::derived_id;
use super::document::Version;
use super::reader::Reader;
use super::tree::{Mapping, Node};
use crate::model::{Model, ModelId};

/// The models so far, and their names: a document may have thousands of both schemas and operations.
pub struct Models {
    pub list: Vec<Model>,
    names: HashSet<String>,
}

impl Models {
    /// `definitions`, or `components.schemas`.
    pub fn read<'d>(reader: &mut Reader<'d>, version: Version, root: &'d Mapping) -> Models {
        let entries = match version {
            Version::V2 => reader.entries(root, "definitions"),
            Version::V3 => match root.get("components").and_then(Node::as_mapping) {
                Some(components) => reader.entries(components, "schemas"),
                None => &[],
            },
        };
        let list = entries.iter().map(|entry| model(&entry.key, &entry.value)).collect();
        Models { list, names: entries.iter().map(|entry| entry.key.to_string()).collect() }
    }

    /// The name of the model that a request or a response has: the one referred to, or a new one for a schema in place,
    /// as AWS's import makes one.
    pub fn name_of(&mut self, schema: &Node, owner: &str) -> String {
        let referred = schema.reference().and_then(|(target, _)| target.rsplit('/').next());
        if let Some(name) = referred.filter(|name| self.names.contains(*name)) {
            return name.to_owned();
        }
        let name = format!("MODEL{}", &derived_id(&["in place", owner])[..6]);
        if self.names.insert(name.clone()) {
            self.list.push(model(&name, schema));
        }
        name
    }
}

fn model(name: &str, schema: &Node) -> Model {
    let description = schema.as_mapping().and_then(|schema| schema.get("description")).and_then(Node::as_str);
    Model {
        id: ModelId(derived_id(&["model", name])[..6].to_owned()),
        name: name.to_owned(),
        description: description.map(str::to_owned),
        schema: schema.to_json().to_string(),
        content_type: "application/json".to_owned(),
    }
}
