//! Models, which are JSON Schema draft 4, as types of TypeScript. What a type cannot say, a pattern say, it leaves out.

use std::collections::HashSet;

use serde_json::Value;

use super::{literal, one_line};
use crate::model::{Model, OrderedMap};

/// Names that a model cannot have as a type: they mean something else, or the client itself uses them.
const TAKEN: &[&str] = &[
    "any",
    "bigint",
    "boolean",
    "never",
    "null",
    "number",
    "object",
    "string",
    "symbol",
    "undefined",
    "unknown",
    "void",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "import",
    "in",
    "instanceof",
    "new",
    "return",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "var",
    "while",
    "with",
    "implements",
    "interface",
    "let",
    "package",
    "private",
    "protected",
    "public",
    "static",
    "yield",
    "await",
    "type",
    "AbortSignal",
    "ApiError",
    "ApiResponse",
    "Array",
    "BodyInit",
    "Client",
    "ClientOptions",
    "Error",
    "Exclude",
    "Headers",
    "JSON",
    "METHODS",
    "Method",
    "Object",
    "Parameters",
    "Promise",
    "QueryValue",
    "RequestOptions",
    "Scalar",
    "String",
];

pub struct Types {
    /// The type's name by the model's.
    names: OrderedMap<String>,
    declarations: String,
}

/// What a schema may refer to.
struct Scope<'s> {
    models: &'s OrderedMap<String>,
    /// The type's name by that of the definition, of the model at hand.
    definitions: &'s OrderedMap<String>,
    /// Its own type.
    own: &'s str,
}

impl Types {
    pub fn of(models: &[Model]) -> Types {
        let mut taken: HashSet<String> = TAKEN.iter().map(|name| (*name).to_owned()).collect();
        let names: OrderedMap<String> =
            models.iter().map(|model| (model.name.clone(), type_name(&model.name, &mut taken))).collect();
        let mut declarations = String::new();
        for model in models {
            declare_model(model, &names, &mut taken, &mut declarations);
        }
        Types { names, declarations }
    }

    /// Of a model that is not there, nothing is known.
    pub fn of_model(&self, model: &str) -> &str {
        self.names.get(model).map_or("unknown", String::as_str)
    }

    pub fn declarations(&self) -> String {
        self.declarations.clone()
    }
}

/// The model's name, or one like it that is not taken.
fn type_name(wanted: &str, taken: &mut HashSet<String>) -> String {
    let letters: String = wanted.chars().filter(char::is_ascii_alphanumeric).collect();
    let starts_well = letters.starts_with(|letter: char| letter.is_ascii_alphabetic());
    let name = if starts_well { letters } else { format!("_{letters}") };
    if taken.insert(name.clone()) {
        return name;
    }
    let candidates = std::iter::once(format!("{name}Model")).chain((2..).map(|number| format!("{name}Model{number}")));
    let free = candidates.into_iter().find(|candidate| taken.insert(candidate.clone()));
    free.expect("there are more numbers than models")
}

fn declare_model(model: &Model, models: &OrderedMap<String>, taken: &mut HashSet<String>, declarations: &mut String) {
    let own = &models[&model.name];
    // A schema that is no JSON is no model: what it was made from has been checked.
    let schema: Value = serde_json::from_str(&model.schema).unwrap_or_default();
    let empty = serde_json::Map::new();
    let described = schema.get("definitions").and_then(Value::as_object).unwrap_or(&empty);
    let definitions: OrderedMap<String> =
        described.keys().map(|name| (name.clone(), type_name(&format!("{own}_{name}"), taken))).collect();
    let scope = Scope { models, definitions: &definitions, own };
    let description = model.description.as_deref().or_else(|| schema.get("description")?.as_str());
    declare(own, &schema, description, &scope, declarations);
    for (name, type_name) in &definitions {
        let schema = &described[name];
        declare(type_name, schema, schema.get("description").and_then(Value::as_str), &scope, declarations);
    }
}

fn declare(name: &str, schema: &Value, description: Option<&str>, scope: &Scope<'_>, declarations: &mut String) {
    declarations.push('\n');
    if let Some(description) = description.map(one_line).filter(|description| !description.is_empty()) {
        declarations.push_str(&format!("/** {description} */\n"));
    }
    let declared = match interface(schema, scope) {
        Some(members) => format!("export interface {name} {members}\n"),
        None => format!("export type {name} = {};\n", type_of(schema, scope)),
    };
    declarations.push_str(&declared);
}

/// The members, where the schema is of an object and of nothing else.
fn interface(schema: &Value, scope: &Scope<'_>) -> Option<String> {
    let alone = ["$ref", "enum", "allOf", "anyOf", "oneOf"].iter().all(|key| schema.get(key).is_none());
    let is_object = schema.get("type").is_some_and(|kind| kind == "object");
    (alone && is_object).then(|| object(schema, scope))
}

/// The depth is bounded: JSON text is read to 128 levels.
fn type_of(schema: &Value, scope: &Scope<'_>) -> String {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return referred(reference, scope).to_owned();
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return union(values.iter().map(constant).collect());
    }
    let mut parts: Vec<String> = kinds(schema, scope).into_iter().collect();
    for (key, separator) in [("allOf", " & "), ("anyOf", " | "), ("oneOf", " | ")] {
        if let Some(list) = schema.get(key).and_then(Value::as_array).filter(|list| !list.is_empty()) {
            let types: Vec<String> = list.iter().map(|one| type_of(one, scope)).collect();
            parts.push(if types.len() == 1 { types.concat() } else { format!("({})", types.join(separator)) });
        }
    }
    if parts.is_empty() { "unknown".to_owned() } else { parts.join(" & ") }
}

/// What `type` says, or the members without it.
fn kinds(schema: &Value, scope: &Scope<'_>) -> Option<String> {
    match schema.get("type") {
        Some(Value::String(kind)) => Some(kind_of(kind, schema, scope)),
        Some(Value::Array(kinds)) => {
            let kinds = kinds.iter().filter_map(Value::as_str);
            Some(union(kinds.map(|kind| kind_of(kind, schema, scope)).collect()))
        }
        _ if schema.get("properties").is_some() => Some(object(schema, scope)),
        _ if schema.get("items").is_some() => Some(array(schema, scope)),
        _ => None,
    }
}

fn kind_of(kind: &str, schema: &Value, scope: &Scope<'_>) -> String {
    match kind {
        "string" => "string".to_owned(),
        "number" | "integer" => "number".to_owned(),
        "boolean" => "boolean".to_owned(),
        "null" => "null".to_owned(),
        "array" => array(schema, scope),
        "object" => object(schema, scope),
        _ => "unknown".to_owned(),
    }
}

fn array(schema: &Value, scope: &Scope<'_>) -> String {
    let item = match schema.get("items") {
        Some(Value::Array(items)) => union(items.iter().map(|item| type_of(item, scope)).collect()),
        Some(item) => type_of(item, scope),
        None => "unknown".to_owned(),
    };
    format!("Array<{item}>")
}

fn object(schema: &Value, scope: &Scope<'_>) -> String {
    let Some(properties) = schema.get("properties").and_then(Value::as_object).filter(|map| !map.is_empty()) else {
        let value = schema.get("additionalProperties").filter(|value| value.is_object());
        return format!("{{ [name: string]: {} }}", value.map_or("unknown".to_owned(), |value| type_of(value, scope)));
    };
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|list| list.iter().any(|one| one == name));
    let member = |(name, schema): (&String, &Value)| {
        let mark = if is_required(name) { "" } else { "?" };
        format!("{}{mark}: {}", literal(&name.as_str().into()), type_of(schema, scope))
    };
    let members: Vec<String> = properties.iter().map(member).collect();
    format!("{{ {} }}", members.join("; "))
}

/// `#/definitions/Name` of the model itself, or `https://apigateway.amazonaws.com/restapis/…/models/Name`.
fn referred<'s>(reference: &str, scope: &Scope<'s>) -> &'s str {
    if reference == "#" {
        return scope.own;
    }
    let known = match reference.strip_prefix("#/definitions/") {
        Some(name) => scope.definitions.get(name),
        None => reference.rsplit_once("/models/").and_then(|(_, name)| scope.models.get(name)),
    };
    known.map_or("unknown", String::as_str)
}

fn constant(value: &Value) -> String {
    if value.is_array() || value.is_object() { "unknown".to_owned() } else { literal(value) }
}

fn union(mut types: Vec<String>) -> String {
    let mut seen = HashSet::new();
    types.retain(|one| seen.insert(one.clone()));
    match types.len() {
        0 => "unknown".to_owned(),
        1 => types.concat(),
        _ => format!("({})", types.join(" | ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(models: &[(&str, &str)]) -> String {
        let model = |(name, schema): &(&str, &str)| Model {
            name: (*name).to_owned(),
            schema: (*schema).to_owned(),
            ..Model::default()
        };
        Types::of(&models.iter().map(model).collect::<Vec<_>>()).declarations()
    }

    #[track_caller]
    fn check(schema: &str, expected: &str) {
        assert_eq!(declared(&[("M", schema)]), format!("\nexport {expected}\n"), "{schema}");
    }

    #[test]
    fn a_schema_is_a_type() {
        check(r#"{ "type": "integer" }"#, "type M = number;");
        check(r#"{ "type": ["string", "null"] }"#, "type M = (string | null);");
        check(r#"{ "enum": ["a", 1, "</script>"] }"#, r#"type M = ("a" | 1 | "\u003c/script>");"#);
        check(r#"{ "type": "array", "items": { "type": "string" } }"#, "type M = Array<string>;");
        check(r#"{ "type": "object" }"#, "interface M { [name: string]: unknown }");
        let counts = r#"{ "type": "object", "additionalProperties": { "type": "number" } }"#;
        check(counts, "interface M { [name: string]: number }");
        let pet = r##"{ "type": "object", "required": ["id"],
            "properties": { "id": { "type": "number" }, "tag": { "$ref": "#" }, "a b": {} } }"##;
        check(pet, r#"interface M { "id": number; "tag"?: M; "a b"?: unknown }"#);
        let all = r#"{ "allOf": [{ "type": "string" }, { "properties": { "a": { "type": "boolean" } } }] }"#;
        check(all, r#"type M = (string & { "a"?: boolean });"#);
        check(
            r#"{ "type": "object", "oneOf": [{ "type": "string" }] }"#,
            "type M = { [name: string]: unknown } & string;",
        );
        check(r#"{ "$ref": "https://other.example/x" }"#, "type M = unknown;");
        check("{", "type M = unknown;");
    }

    #[test]
    fn models_refer_to_one_another_and_to_their_definitions() {
        let list =
            r#"{ "type": "array", "items": { "$ref": "https://apigateway.amazonaws.com/restapis/a/models/Error" } }"#;
        let error = r##"{ "$ref": "#/definitions/Part", "definitions": { "Part": { "type": "string" } } }"##;
        let text = declared(&[("List", list), ("Error", error)]);
        let expected = "\nexport type List = Array<ErrorModel>;\n\nexport type ErrorModel = ErrorModelPart;\n\n\
                        export type ErrorModelPart = string;\n";
        assert_eq!(text, expected);
    }
}
