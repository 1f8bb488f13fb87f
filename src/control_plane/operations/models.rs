//! Models: what bodies look like, as JSON Schema. (API reference, `API_Model`; guide, `models-mappings-models`.)
//!
//! - [`references`]: models that a model refers to.
//! - [`template`]: a mapping template made from a model.

mod references;
mod template;

use serde::Deserialize;
use serde_json::{Value, json};

use super::rest_apis;
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::page::page_below;
use crate::control_plane::patch::{Op, Rule, patched};
use crate::control_plane::store::Store;
use crate::model::{Model, ModelId, Resource};

/// AWS's limit.
const SCHEMA_BYTES_MAX: usize = 400 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    name: Option<String>,
    description: Option<String>,
    schema: Option<String>,
    content_type: Option<String>,
}

pub fn create_model(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let input: Create = call.input()?;
    let api_id = rest_apis::of(store, call)?.id.clone();
    let name = input.name.unwrap_or_default();
    check_name(&name)?;
    if store.models.has(&[call.region, api_id.as_str(), &name]) {
        return Err(Exception::conflict("Model name already exists for this REST API"));
    }
    let content_type = input.content_type.filter(|content_type| !content_type.trim().is_empty());
    let model = Model {
        id: ModelId(call.new_id(6)),
        name,
        description: input.description.filter(|description| !description.is_empty()),
        schema: input.schema.unwrap_or_default(),
        content_type: content_type.ok_or_else(|| Exception::bad_request("Model content type is required"))?,
    };
    check_schema(store, call, &model)?;
    let shown = json!(model);
    store.models.put(&[call.region, api_id.as_str(), &model.name.clone()], model);
    Ok(Reply::Json(shown))
}

fn check_name(name: &str) -> Result<(), Exception> {
    if name.is_empty() {
        return Err(Exception::bad_request("Model name must be non-empty"));
    }
    match name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        true => Ok(()),
        false => Err(Exception::bad_request(format!("Model name must be alphanumeric: {name}"))),
    }
}

/// A schema of JSON is a JSON object, and what it refers to is there; one of another content type is any text.
fn check_schema(store: &Store, call: &Call<'_>, model: &Model) -> Result<(), Exception> {
    if model.schema.trim().is_empty() {
        let message = "Model schema must have at least 1 property or array items defined";
        return Err(Exception::bad_request(message));
    }
    if model.schema.len() > SCHEMA_BYTES_MAX {
        return Err(invalid("Model schema is larger than 400 KB"));
    }
    if !model.content_type.to_ascii_lowercase().contains("json") {
        return Ok(());
    }
    let schema = serde_json::from_str(&model.schema).ok().filter(Value::is_object);
    let schema = schema.ok_or_else(|| invalid("Invalid model schema specified"))?;
    for referred in references::of(&schema) {
        let canonical = "Invalid model schema specified, Model reference must be in canonical form";
        let referred = referred.map_err(|_| invalid(canonical))?;
        let is_there =
            referred == model.name || store.models.has(&[call.region, call.parameter("restapi_id"), &referred]);
        if !is_there {
            return Err(invalid(&format!("Invalid model identifier specified: {referred}")));
        }
    }
    Ok(())
}

fn invalid(error: &str) -> Exception {
    let result = format!("Validation Result: warnings : [], errors : [{error}]");
    Exception::bad_request(format!("Invalid model specified: {result}"))
}

fn of<'s>(store: &'s Store, call: &Call<'_>) -> Result<&'s Model, Exception> {
    let name = call.parameter("model_name");
    let model = store.models.row(&[call.region, call.parameter("restapi_id"), name]);
    model.ok_or_else(|| Exception::not_found(format!("Invalid model name specified: {name}")))
}

pub fn get_model(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let model = of(store, call)?;
    if call.query("flatten") != Some("true") {
        return Ok(Reply::Json(json!(model)));
    }
    let schema = flattened(store, call, model).map_or(model.schema.clone(), |schema| schema.to_string());
    Ok(Reply::Json(json!(Model { schema, ..model.clone() })))
}

/// The schema with all that it refers to; `None` where it is no JSON.
fn flattened(store: &Store, call: &Call<'_>, model: &Model) -> Option<Value> {
    let schema = serde_json::from_str(&model.schema).ok()?;
    let find = |name: &str| {
        let found = store.models.row(&[call.region, call.parameter("restapi_id"), name])?;
        serde_json::from_str(&found.schema).ok()
    };
    Some(references::flattened(schema, &model.name, find))
}

pub fn get_models(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let api = rest_apis::of(store, call)?;
    page_below(call, &store.models, &[call.region, api.id.as_str()], |model| json!(model))
}

pub fn get_model_template(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let model = of(store, call)?;
    let schema = flattened(store, call, model).unwrap_or_default();
    Ok(Reply::Json(json!({ "value": template::of(&schema) })))
}

pub fn update_model(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let changed = patched(call, RULES, of(store, call)?)?;
    check_schema(store, call, &changed)?;
    let shown = json!(changed);
    store.models.put(&[call.region, call.parameter("restapi_id"), call.parameter("model_name")], changed);
    Ok(Reply::Json(shown))
}

pub fn delete_model(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let name = &of(store, call)?.name;
    let of_api = [call.region, call.parameter("restapi_id")];
    let by_methods = store.resources.rows_below(&of_api).find_map(|resource| use_by(resource, name));
    let by_models = || {
        let mut others = store.models.rows_below(&of_api).filter(|other| other.name != *name);
        let user = others.find(|other| references::names(&other.schema, name))?;
        Some(format!("model: {}", user.name))
    };
    if let Some(user) = by_methods.or_else(by_models) {
        return Err(Exception::conflict(format!("Cannot delete model '{name}', is referenced in {user}")));
    }
    store.models.remove(&[call.region, call.parameter("restapi_id"), call.parameter("model_name")]);
    Ok(Reply::Empty)
}

/// Where one of the resource's methods uses the model.
fn use_by(resource: &Resource, model: &str) -> Option<String> {
    let path = &resource.path;
    resource.resource_methods.iter().find_map(|(http_method, method)| {
        if method.request_models.values().any(|name| name == model) {
            return Some(format!("method request: {path}/{http_method}"));
        }
        let mut responses = method.method_responses.iter();
        let (status, _) =
            responses.find(|(_, response)| response.response_models.values().any(|name| name == model))?;
        Some(format!("method response: {path}/{http_method}/{status}"))
    })
}

/// (API reference, `patch-operations`, UpdateModel.)
const RULES: &[Rule<Model>] = &[
    Rule {
        pattern: "/description",
        ops: &[Op::Replace],
        apply: |model, patch| {
            model.description = patch.optional_text();
            Ok(())
        },
    },
    Rule {
        pattern: "/schema",
        ops: &[Op::Replace],
        apply: |model, patch| {
            model.schema = patch.text();
            Ok(())
        },
    },
];

#[cfg(test)]
mod tests {
    use super::super::fixture::{Desk, patch_body};
    use super::*;
    use crate::model::{Method, OrderedMap};

    const OBJECT: &str = r#"{"type":"object"}"#;

    fn body(name: &str, schema: &str) -> Value {
        json!({ "name": name, "contentType": "application/json", "schema": schema })
    }

    fn referring_to(name: &str) -> String {
        format!(r#"{{"type":"array","items":{{"$ref":"https://apigateway.amazonaws.com/restapis/x/models/{name}"}}}}"#)
    }

    /// An API without models, and their path.
    fn desk() -> (Desk, String, String) {
        let mut desk = Desk::default();
        let api = desk.api("pets");
        desk.store.models.remove_below(&["us-east-1", &api]);
        let path = format!("/restapis/{api}/models");
        (desk, api, path)
    }

    #[test]
    fn a_model_is_made_found_changed_and_removed() {
        let (mut desk, _, path) = desk();
        let made = desk.call("POST", &path, body("Pet", OBJECT));
        let own = format!("{path}/Pet");
        assert_eq!(desk.call("GET", &own, Value::Null), made);
        assert_eq!(desk.call("GET", &path, Value::Null), json!({ "item": [made] }));
        let changed = desk.patch(&own, &["replace /description A pet.", r#"replace /schema {"type":"string"}"#]);
        assert_eq!((&changed["description"], &changed["schema"]), (&json!("A pet."), &json!(r#"{"type":"string"}"#)));
        assert_eq!(desk.patch(&own, &["replace /description "]).get("description"), None);
        desk.call("DELETE", &own, Value::Null);
        let unknown = "NotFoundException: Invalid model name specified: Pet";
        assert_eq!(desk.refusal("GET", &own, Value::Null), unknown);
        assert_eq!(desk.refusal("DELETE", &own, Value::Null), unknown);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let (mut desk, _, path) = desk();
        desk.call("POST", &path, body("Pet", OBJECT));
        let mut check = |name: &str, schema: &str, expected: &str| {
            let refused = desk.refusal("POST", &path, body(name, schema));
            assert!(refused.starts_with(expected), "{refused}");
        };
        check("", OBJECT, "BadRequestException: Model name must be non-empty");
        check("my-pet", OBJECT, "BadRequestException: Model name must be alphanumeric");
        check("Pet", OBJECT, "ConflictException: Model name already exists for this REST API");
        check("A", "", "BadRequestException: Model schema must have at least 1 property or array items defined");
        check(
            "A",
            "EMPTY",
            "BadRequestException: Invalid model specified: Validation Result: warnings : [], errors : [",
        );
        check("A", "[]", "BadRequestException: Invalid model specified: ");
        check("A", &referring_to("B"), "BadRequestException: Invalid model specified: ");
        check("A", r#"{"$ref":"Pet"}"#, "BadRequestException: Invalid model specified: ");
        check(
            "A",
            &format!("{{\"title\":\"{}\"}}", "x".repeat(SCHEMA_BYTES_MAX)),
            "BadRequestException: Invalid model",
        );
        let refused = desk.refusal("PATCH", &format!("{path}/Pet"), patch_body(&["replace /name x"]));
        assert!(refused.ends_with("Must be one of: [/description, /schema]"), "{refused}");
    }

    #[test]
    fn what_is_in_use_stays() {
        let (mut desk, api, path) = desk();
        desk.call("POST", &path, body("Pet", OBJECT));
        desk.call("POST", &path, body("Pets", &referring_to("Pet")));
        let refused = desk.refusal("DELETE", &format!("{path}/Pet"), Value::Null);
        assert_eq!(refused, "ConflictException: Cannot delete model 'Pet', is referenced in model: Pets");
        let request_models = OrderedMap::from([("application/json".to_owned(), "Pets".to_owned())]);
        let method = Method { request_models, ..Method::default() };
        let resource_methods = OrderedMap::from([("ANY".to_owned(), method)]);
        let resource = Resource { path: "/test".into(), resource_methods, ..Resource::default() };
        desk.store.resources.put(&["us-east-1", &api, "r"], resource);
        let refused = desk.refusal("DELETE", &format!("{path}/Pets"), Value::Null);
        let expected = "ConflictException: Cannot delete model 'Pets', is referenced in method request: /test/ANY";
        assert_eq!(refused, expected);
    }

    #[test]
    fn a_model_is_shown_flat_and_as_a_template() {
        let mut desk = Desk::default();
        let path = format!("/restapis/{}/models", desk.api("pets"));
        let empty = desk.call("GET", &format!("{path}/Empty/default_template"), Value::Null);
        assert_eq!(empty, json!({ "value": "#set($inputRoot = $input.path('$'))\n{ }" }));
        desk.call("POST", &path, body("Errors", &referring_to("Error")));
        let flat = desk.call("GET", &format!("{path}/Errors?flatten=true"), Value::Null);
        let schema: Value = serde_json::from_str(flat["schema"].as_str().expect("text")).expect("JSON");
        assert_eq!(schema["items"], json!({ "$ref": "#/definitions/Error" }));
        assert_eq!(schema["definitions"]["Error"]["title"], "Error Schema");
        let plain = desk.call("GET", &format!("{path}/Errors"), Value::Null);
        assert_eq!(plain["schema"], referring_to("Error"));
    }
}
