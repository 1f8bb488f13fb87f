//! What tells two definitions apart, in lines that people read and scripts compare.
//!
//! ```text
//! ~ /restApi/description: "Pets" → "Pets and toys"
//! + GET /pets
//! ~ /resources/~1pets/resourceMethods/POST/methodIntegration/uri: "http://a" → "http://b"
//! - model Toy
//! ```
//!
//! Things are the same if they have the same name (a resource: path); ids, dates and warnings never count, and what refers
//! to a thing by its id is compared by the thing's name. Schemas, policies and documentation are compared as JSON, not as
//! text. The order is that of [`ApiDefinition`], and within each list that of the names.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{ApiDefinition, DocumentationPartLocation, Pointer, Resource};

/// Longer values are cut: a mapping template may have pages.
const SHOWN_CHARACTERS_MAX: usize = 80;

#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Where it is, as the importer's source map and the compiler's refusals name it.
    pub pointer: Pointer,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A method, a model and the like, by its name: `GET /pets`, `model Pet`.
    ThingAdded(String),
    ThingRemoved(String),
    /// A part of a thing that is in both.
    ValueAdded(Value),
    ValueRemoved(Value),
    ValueChanged(Value, Value),
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = &self.pointer;
        match &self.change {
            Change::ThingAdded(name) => write!(formatter, "+ {name}"),
            Change::ThingRemoved(name) => write!(formatter, "- {name}"),
            Change::ValueAdded(value) => write!(formatter, "+ {pointer}: {}", shown(value)),
            Change::ValueRemoved(value) => write!(formatter, "- {pointer}: {}", shown(value)),
            Change::ValueChanged(before, after) => {
                write!(formatter, "~ {pointer}: {} → {}", shown(before), shown(after))
            }
        }
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What changed from `before` to `after`; empty where they mean the same.
pub fn differences(before: &ApiDefinition, after: &ApiDefinition) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&rest_api(before), &rest_api(after), &Pointer::root().child("restApi"), &mut found);
    compare_resources(before, after, &mut found);
    let lists: [(&str, &str, ThingsOf); 5] = [
        ("authorizers", "authorizer", authorizers),
        ("requestValidators", "request validator", request_validators),
        ("models", "model", models),
        ("gatewayResponses", "gateway response", gateway_responses),
        ("documentationParts", "documentation", documentation_parts),
    ];
    for (list, kind, things) in lists {
        let named = |name: &str| format!("{kind} {name}");
        compare_things(&things(before), &things(after), &Pointer::root().child(list), &named, &mut found);
    }
    found
}

/// By name.
type Things = BTreeMap<String, Value>;
type ThingsOf = fn(&ApiDefinition) -> Things;

fn compare_things(
    before: &Things,
    after: &Things,
    pointer: &Pointer,
    named: &dyn Fn(&str) -> String,
    found: &mut Vec<Difference>,
) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let pointer = pointer.child(name);
        match (before.get(name), after.get(name)) {
            (Some(before), Some(after)) => compare(before, after, &pointer, found),
            (None, Some(_)) => found.push(Difference { pointer, change: Change::ThingAdded(named(name)) }),
            (Some(_), None) => found.push(Difference { pointer, change: Change::ThingRemoved(named(name)) }),
            (None, None) => {}
        }
    }
}

/// Maps by their keys, everything else as a whole.
fn compare(before: &Value, after: &Value, pointer: &Pointer, found: &mut Vec<Difference>) {
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        if before != after {
            let change = Change::ValueChanged(before.clone(), after.clone());
            found.push(Difference { pointer: pointer.clone(), change });
        }
        return;
    };
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let pointer = pointer.child(key);
        match (old.get(key), new.get(key)) {
            (Some(before), Some(after)) => compare(before, after, &pointer, found),
            (None, Some(value)) => found.push(Difference { pointer, change: Change::ValueAdded(value.clone()) }),
            (Some(value), None) => found.push(Difference { pointer, change: Change::ValueRemoved(value.clone()) }),
            (None, None) => {}
        }
    }
}

/// A resource that is new or gone is told by its methods, if it has any.
fn compare_resources(before: &ApiDefinition, after: &ApiDefinition, found: &mut Vec<Difference>) {
    let (old, new) = (Paths::of(before), Paths::of(after));
    let paths: BTreeSet<&str> = old.resources.keys().chain(new.resources.keys()).copied().collect();
    for path in paths {
        let pointer = Pointer::resource(path);
        let (before, after) = (old.methods(path), new.methods(path));
        match (old.resources.get(path), new.resources.get(path)) {
            (None, Some(_)) if after.is_empty() => {
                found.push(Difference { pointer, change: Change::ThingAdded(format!("resource {path}")) });
            }
            (Some(_), None) if before.is_empty() => {
                found.push(Difference { pointer, change: Change::ThingRemoved(format!("resource {path}")) });
            }
            (Some(_) | None, Some(_) | None) => {
                let named = |http_method: &str| format!("{http_method} {path}");
                compare_things(&before, &after, &pointer.child("resourceMethods"), &named, found);
            }
        }
    }
}

/// The resources of a definition by path, with the names of what their methods refer to.
struct Paths<'d> {
    resources: BTreeMap<&'d str, &'d Resource>,
    names: HashMap<&'d str, &'d str>,
}

impl<'d> Paths<'d> {
    fn of(definition: &'d ApiDefinition) -> Paths<'d> {
        let authorizers = definition.authorizers.iter().map(|one| (one.id.as_str(), one.name.as_str()));
        let validators = definition.request_validators.iter().map(|one| (one.id.as_str(), one.name.as_str()));
        let resources = definition.resources.iter().map(|resource| (resource.path.as_str(), resource));
        Paths { resources: resources.collect(), names: authorizers.chain(validators).collect() }
    }

    fn methods(&self, path: &str) -> Things {
        let Some(resource) = self.resources.get(path) else { return Things::new() };
        let methods = resource.resource_methods.iter().map(|(http_method, method)| {
            let mut members = members(method, &["httpMethod"]);
            for reference in ["authorizerId", "requestValidatorId"] {
                if let Some(Value::String(id)) = members.get_mut(reference)
                    && let Some(name) = self.names.get(id.as_str())
                {
                    *id = (*name).to_owned();
                }
            }
            // By default, AWS names the cache's part of a method after its resource.
            if let Some(Value::Object(integration)) = members.get_mut("methodIntegration")
                && integration.get("cacheNamespace").is_some_and(|name| *name == resource.id.as_str())
            {
                integration.shift_remove("cacheNamespace");
            }
            (http_method.clone(), Value::Object(members))
        });
        methods.collect()
    }
}

/// The fields of a part of the model without those that do not count.
fn members(part: &impl Serialize, without: &[&str]) -> Map<String, Value> {
    let Ok(Value::Object(mut members)) = serde_json::to_value(part) else {
        unreachable!("parts of the model are maps with text keys")
    };
    for key in without {
        members.shift_remove(*key);
    }
    members
}

/// A field that holds JSON as text, as what it holds.
fn open(members: &mut Map<String, Value>, key: &str) {
    if let Some(Value::String(text)) = members.get(key)
        && let Ok(value) = serde_json::from_str(text)
    {
        members.insert(key.to_owned(), value);
    }
}

fn rest_api(definition: &ApiDefinition) -> Value {
    let mut members = members(&definition.rest_api, &["id", "createdDate", "warnings", "rootResourceId"]);
    open(&mut members, "policy");
    Value::Object(members)
}

fn authorizers(definition: &ApiDefinition) -> Things {
    let authorizers = definition.authorizers.iter();
    authorizers.map(|one| (one.name.clone(), members(one, &["id", "name"]).into())).collect()
}

fn request_validators(definition: &ApiDefinition) -> Things {
    let validators = definition.request_validators.iter();
    validators.map(|one| (one.name.clone(), members(one, &["id", "name"]).into())).collect()
}

fn models(definition: &ApiDefinition) -> Things {
    // Schemas name each other by addresses with the API's id.
    let own = format!("https://apigateway.amazonaws.com/restapis/{}/models/", definition.rest_api.id);
    let models = definition.models.iter().map(|model| {
        let mut members = members(model, &["id", "name"]);
        members.insert("schema".to_owned(), model.schema.replace(&own, "#/models/").into());
        open(&mut members, "schema");
        (model.name.clone(), Value::Object(members))
    });
    models.collect()
}

/// Those that API Gateway generates by itself are not a part of the definition.
fn gateway_responses(definition: &ApiDefinition) -> Things {
    let responses = definition.gateway_responses.iter().filter(|response| !response.default_response);
    responses.map(|one| (one.response_type.clone(), members(one, &["responseType"]).into())).collect()
}

fn documentation_parts(definition: &ApiDefinition) -> Things {
    let parts = definition.documentation_parts.iter().map(|part| {
        let mut members = members(part, &["id", "location"]);
        open(&mut members, "properties");
        (place(&part.location), Value::Object(members))
    });
    parts.collect()
}

/// `METHOD /pets GET`, with what is not said left out.
fn place(location: &DocumentationPartLocation) -> String {
    let DocumentationPartLocation { part_type, path, method, status_code, name } = location;
    let said = [path, method, status_code, name].into_iter().flatten();
    said.fold(part_type.clone(), |text, word| format!("{text} {word}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition(value: Value) -> ApiDefinition {
        serde_json::from_value(value).expect("it has the model's shape")
    }

    #[track_caller]
    fn check(before: Value, after: Value, expected: &[&str]) {
        let (before, after) = (definition(before), definition(after));
        let lines: Vec<String> = differences(&before, &after).iter().map(ToString::to_string).collect();
        assert_eq!(lines, expected);
        let back: Vec<String> = differences(&after, &before).iter().map(ToString::to_string).collect();
        assert_eq!(back.len(), expected.len(), "{back:?}");
        assert!(differences(&before, &before).is_empty() && differences(&after, &after).is_empty());
    }

    #[test]
    fn things_are_told_by_their_names() {
        check(
            json!({
                "resources": [
                    {"path": "/a", "resourceMethods": {"GET": {}}},
                    {"path": "/b", "resourceMethods": {"GET": {}, "PUT": {}}},
                    {"path": "/old"},
                ],
                "models": [{"name": "Toy"}],
            }),
            json!({
                "resources": [
                    {"path": "/new"},
                    {"path": "/b", "resourceMethods": {"PUT": {}, "ANY": {}}},
                    {"path": "/c", "resourceMethods": {"GET": {}}},
                ],
                "authorizers": [{"name": "who"}],
                "requestValidators": [{"name": "all"}],
                "gatewayResponses": [{"responseType": "THROTTLED"}],
                "documentationParts": [{"location": {"type": "METHOD", "path": "/c", "method": "GET"}}],
            }),
            &[
                "- GET /a",
                "+ ANY /b",
                "- GET /b",
                "+ GET /c",
                "+ resource /new",
                "- resource /old",
                "+ authorizer who",
                "+ request validator all",
                "- model Toy",
                "+ gateway response THROTTLED",
                "+ documentation METHOD /c GET",
            ],
        );
    }

    #[test]
    fn values_are_told_by_their_place() {
        let method = |uri: &str, responses: Value| {
            json!({"resources": [{"path": "/a", "resourceMethods": {"GET": {
                "methodIntegration": {"type": "HTTP", "uri": uri}, "methodResponses": responses,
            }}}]})
        };
        check(
            method("http://a", json!({"200": {"statusCode": "200"}})),
            method("http://b", json!({"404": {"statusCode": "404"}})),
            &[
                "~ /resources/~1a/resourceMethods/GET/methodIntegration/uri: \"http://a\" → \"http://b\"",
                "- /resources/~1a/resourceMethods/GET/methodResponses/200: {\"statusCode\":\"200\"}",
                "+ /resources/~1a/resourceMethods/GET/methodResponses/404: {\"statusCode\":\"404\"}",
            ],
        );
        let long = "x".repeat(100);
        check(
            json!({"restApi": {"name": "a"}}),
            json!({"restApi": {"name": "a", "description": long}}),
            &[&format!("+ /restApi/description: \"{}…", "x".repeat(SHOWN_CHARACTERS_MAX - 1))],
        );
    }

    #[test]
    fn ids_dates_and_the_order_do_not_count() {
        let with = |id: &str, date: i64, schema: &str, resources: [Value; 2]| {
            let schema = schema.replace("ID", id);
            json!({
                "restApi": {"id": id, "createdDate": date, "rootResourceId": id, "warnings": [id], "policy": "{\"a\": 1, \"b\":2}"},
                "resources": resources,
                "authorizers": [{"id": id, "name": "who"}],
                "requestValidators": [{"id": format!("{id}v"), "name": "all"}],
                "models": [{"id": id, "name": "Pet", "schema": schema}],
                "documentationParts": [{"id": id, "location": {"type": "API"}, "properties": "{}"}],
                "gatewayResponses": [{"responseType": id, "defaultResponse": true}],
            })
        };
        let one = |id: &str| {
            let integration = json!({"cacheNamespace": id});
            json!({"id": id, "path": "/a", "parentId": id, "resourceMethods": {
                "GET": {"authorizerId": id, "requestValidatorId": format!("{id}v"), "methodIntegration": integration},
            }})
        };
        let other = |id: &str| json!({"id": format!("{id}b"), "path": "/b"});
        let schema = "{\"$ref\": \"https://apigateway.amazonaws.com/restapis/ID/models/Pet\", \"a\": 1}";
        let same = "{\"a\":1,\"$ref\":\"https://apigateway.amazonaws.com/restapis/ID/models/Pet\"}";
        check(with("x", 1, schema, [one("x"), other("x")]), with("y", 2, same, [other("y"), one("y")]), &[]);
    }

    #[test]
    fn another_authorizer_is_a_difference() {
        let with = |id: &str| {
            json!({
                "resources": [{"path": "/a", "resourceMethods": {"GET": {"authorizerId": id}}}],
                "authorizers": [{"id": "1", "name": "one"}, {"id": "2", "name": "two"}],
            })
        };
        check(with("1"), with("2"), &["~ /resources/~1a/resourceMethods/GET/authorizerId: \"one\" → \"two\""]);
    }
}
