//! Models that a model refers to: `https://apigateway.amazonaws.com/restapis/{id}/models/{name}`. (Guide,
//! `models-mappings-models`.)

use serde_json::{Map, Value};

const CANONICAL: &str = "https://apigateway.amazonaws.com/restapis/";

/// What a `$ref` names.
#[derive(Debug, PartialEq, Eq)]
enum Target<'r> {
    /// A place in the schema itself, behind `#`.
    Own(&'r str),
    /// A model, and a place in it.
    Model { name: &'r str, inside: &'r str },
}

/// A reference that names no model in the form that AWS asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct NotCanonical;

fn target(reference: &str) -> Result<Target<'_>, NotCanonical> {
    let (document, inside) = reference.split_once('#').unwrap_or((reference, ""));
    if document.is_empty() {
        return Ok(Target::Own(inside));
    }
    let model = document.strip_prefix(CANONICAL).and_then(|path| path.split_once("/models/"));
    let name = model.map(|(_, name)| name).filter(|name| !name.is_empty()).ok_or(NotCanonical)?;
    Ok(Target::Model { name, inside })
}

/// The names of the models that a schema refers to, one a reference.
pub fn of(schema: &Value) -> Vec<Result<String, NotCanonical>> {
    let mut found = Vec::new();
    visit(schema, &mut |reference| match target(reference) {
        Ok(Target::Own(_)) => {}
        Ok(Target::Model { name, .. }) => found.push(Ok(name.to_owned())),
        Err(error) => found.push(Err(error)),
    });
    found
}

/// Whether a schema, as text, refers to the model.
pub fn names(schema: &str, model: &str) -> bool {
    // Most schemas refer to nothing, and are not read.
    schema.contains(CANONICAL)
        && serde_json::from_str(schema).is_ok_and(|schema| of(&schema).iter().flatten().any(|name| name == model))
}

/// The schema of the model `own` with the models that it refers to as its definitions. A model that `find` does not
/// have stays referred to as it was.
pub fn flattened(mut schema: Value, own: &str, find: impl Fn(&str) -> Option<Value>) -> Value {
    let taken = schema.get("definitions").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut keys: Map<String, Value> = Map::new();
    keys.insert(own.to_owned(), "#".into());
    let mut definitions = taken;
    let mut waiting = localised(&mut schema, "#", &mut keys, &definitions, &find);
    while let Some(name) = waiting.pop() {
        let Some(mut model) = find(&name) else { continue };
        let place = keys[&name].as_str().unwrap_or_default().to_owned();
        let key = place.trim_start_matches("#/definitions/").to_owned();
        // Taken before its own references are followed, so that one to itself ends.
        definitions.insert(key.clone(), Value::Null);
        waiting.extend(localised(&mut model, &place, &mut keys, &definitions, &find));
        definitions.insert(key, model);
    }
    if let (false, Some(members)) = (definitions.is_empty(), schema.as_object_mut()) {
        members.insert("definitions".to_owned(), definitions.into());
    }
    schema
}

/// Makes every reference of a schema that stands at `place` one into the document, and gives the models that are to
/// be put there.
fn localised(
    schema: &mut Value,
    place: &str,
    keys: &mut Map<String, Value>,
    taken: &Map<String, Value>,
    find: &impl Fn(&str) -> Option<Value>,
) -> Vec<String> {
    let mut new = Vec::new();
    visit_mut(schema, &mut |reference| {
        let local = match target(reference) {
            Ok(Target::Own(inside)) => format!("{place}{inside}"),
            Ok(Target::Model { name, inside }) => {
                if !keys.contains_key(name) && find(name).is_some() {
                    let free = |key: &String| !taken.contains_key(key);
                    let mut names =
                        (0..).map(|number| if number == 0 { name.to_owned() } else { format!("{name}{number}") });
                    let key = names.find(free).expect("there is no end of numbers");
                    keys.insert(name.to_owned(), format!("#/definitions/{key}").into());
                    new.push(name.to_owned());
                }
                let Some(place) = keys.get(name).and_then(Value::as_str) else { return };
                format!("{place}{inside}")
            }
            Err(NotCanonical) => return,
        };
        *reference = local;
    });
    new
}

fn visit(schema: &Value, see: &mut impl FnMut(&str)) {
    match schema {
        Value::Array(values) => values.iter().for_each(|value| visit(value, see)),
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(reference) if name == "$ref" => see(reference),
                    value => visit(value, see),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn visit_mut(schema: &mut Value, see: &mut impl FnMut(&mut String)) {
    match schema {
        Value::Array(values) => values.iter_mut().for_each(|value| visit_mut(value, see)),
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                match value {
                    Value::String(reference) if name == "$ref" => see(reference),
                    value => visit_mut(value, see),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn model(name: &str) -> String {
        format!("{CANONICAL}abc/models/{name}")
    }

    #[test]
    fn references_are_told_apart() {
        assert_eq!(target("#/definitions/a"), Ok(Target::Own("/definitions/a")));
        assert_eq!(target(&model("Pet")), Ok(Target::Model { name: "Pet", inside: "" }));
        assert_eq!(target(&model("Pet#/x")), Ok(Target::Model { name: "Pet", inside: "/x" }));
        assert_eq!(target("Pet"), Err(NotCanonical));
        assert_eq!(target("https://example.com/models/Pet"), Err(NotCanonical));
        assert!(names(&json!({ "not": { "$ref": model("Pet") } }).to_string(), "Pet"));
        assert!(!names(&json!({ "not": { "$ref": model("Pets") } }).to_string(), "Pet"));
    }

    #[test]
    fn what_is_referred_to_is_put_in_once() {
        let schema = json!({
            "properties": { "a": { "$ref": model("A") }, "own": { "$ref": "#/definitions/B" }, "me": { "$ref": model("Me") } },
            "definitions": { "B": { "type": "null" } },
        });
        let find = |name: &str| match name {
            "A" => Some(json!({ "items": { "$ref": model("B") }, "not": { "$ref": "#/items" } })),
            "B" => Some(json!({ "items": { "$ref": model("A") }, "not": { "$ref": model("Gone") } })),
            _ => None,
        };
        let flat = flattened(schema, "Me", find);
        let expected = json!({
            "properties": {
                "a": { "$ref": "#/definitions/A" }, "own": { "$ref": "#/definitions/B" }, "me": { "$ref": "#" },
            },
            "definitions": {
                "B": { "type": "null" },
                "A": { "items": { "$ref": "#/definitions/B1" }, "not": { "$ref": "#/definitions/A/items" } },
                "B1": { "items": { "$ref": "#/definitions/A" }, "not": { "$ref": model("Gone") } },
            },
        });
        assert_eq!(flat, expected);
    }
}
