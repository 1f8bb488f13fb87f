//! Models → `components.schemas` or `definitions`. Models refer to each other by AWS's addresses, schemas of a document by
//! paths in it.

use serde_json::Value;

use super::super::documentation::Subject;
use super::super::{schema, source};
use super::object::Object;
use super::{ExportType, Exporter};
use crate::model::Model;

impl Exporter<'_> {
    pub(super) fn schemas(&self) -> Object {
        let mut schemas = Object::new();
        for model in &self.definition.models {
            schemas.put(&model.name, self.schema(model));
        }
        schemas
    }

    fn schema(&self, model: &Model) -> Value {
        let mut schema = serde_json::from_str(&model.schema).unwrap_or_else(|_| Value::Object(serde_json::Map::new()));
        refer_inside(&mut schema, self.schemas_path(), false);
        // A document that will be read again keeps its schemas as they are.
        if !self.options.extensions.integrations
            && let Some(members) = schema.as_object_mut()
        {
            let part = self.documentation.of(&Subject::model(&model.name));
            let documented = part.and_then(|part| part.get("description"));
            let described = documented.cloned().or_else(|| model.description.clone().map(Value::from));
            if let Some(described) = described {
                members.entry("description").or_insert(described);
            }
        }
        schema
    }

    /// A reference to a model.
    pub(super) fn schema_of(&self, model: &str) -> Value {
        serde_json::json!({ "$ref": format!("{}{model}", self.schemas_path()) })
    }

    fn schemas_path(&self) -> &'static str {
        match self.options.export_type {
            ExportType::Oas30 => "#/components/schemas/",
            ExportType::Swagger => "#/definitions/",
        }
    }
}

/// With `names`, the keys are the author's own, and `$ref` among them is a property.
fn refer_inside(value: &mut Value, schemas_path: &str, names: bool) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| refer_inside(item, schemas_path, false)),
        Value::Object(members) => {
            for (key, member) in members {
                let key = key.as_str();
                match member {
                    Value::String(target) if key == "$ref" && !names => {
                        if let Some(name) = source::model_name(target) {
                            *member = format!("{schemas_path}{name}").into();
                        }
                    }
                    _ if !names && schema::is_data(key) => {}
                    _ => refer_inside(member, schemas_path, !names && schema::has_names(key)),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
