//! Request validators: what of a request is looked at before it goes anywhere. (API reference, `API_RequestValidator`.)

use serde::Deserialize;
use serde_json::json;

use super::rest_apis;
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::page::page_below;
use crate::control_plane::patch::{Op, Patch, Rule, patched};
use crate::control_plane::store::Store;
use crate::model::{RequestValidator, RequestValidatorId};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    name: Option<String>,
    #[serde(default)]
    validate_request_body: bool,
    #[serde(default)]
    validate_request_parameters: bool,
}

pub fn create_request_validator(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let input: Create = call.input()?;
    let api_id = call.parameter("restapi_id");
    // Of all that belongs to an API, AWS has another type of exception here only.
    if !store.rest_apis.has(&[call.region, api_id]) {
        return Err(Exception::bad_request("Invalid REST API identifier specified"));
    }
    let id = call.next_id(6, &store.request_validators, &[call.region, api_id]);
    let validator = RequestValidator {
        id: RequestValidatorId(id.clone()),
        name: named(input.name)?,
        validate_request_body: input.validate_request_body,
        validate_request_parameters: input.validate_request_parameters,
    };
    let shown = json!(validator);
    store.request_validators.put(&[call.region, api_id, &id], validator);
    Ok(Reply::Json(shown))
}

fn named(name: Option<String>) -> Result<String, Exception> {
    let name = name.filter(|name| !name.trim().is_empty());
    name.ok_or_else(|| Exception::bad_request("Request Validator name cannot be blank"))
}

fn of<'s>(store: &'s Store, call: &Call<'_>) -> Result<&'s RequestValidator, Exception> {
    let validator = store.request_validators.row(&key(call));
    validator.ok_or_else(|| Exception::not_found("Invalid Request Validator identifier specified"))
}

fn key<'c>(call: &'c Call<'_>) -> [&'c str; 3] {
    [call.region, call.parameter("restapi_id"), call.parameter("requestvalidator_id")]
}

pub fn get_request_validator(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    Ok(Reply::Json(json!(of(store, call)?)))
}

pub fn get_request_validators(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let api = rest_apis::of(store, call)?;
    page_below(call, &store.request_validators, &[call.region, api.id.as_str()], |validator| json!(validator))
}

pub fn update_request_validator(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let changed = patched(call, RULES, of(store, call)?)?;
    let shown = json!(changed);
    store.request_validators.put(&key(call), changed);
    Ok(Reply::Json(shown))
}

pub fn delete_request_validator(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let validator = of(store, call)?;
    for resource in store.resources.rows_below(&[call.region, call.parameter("restapi_id")]) {
        let methods = &resource.resource_methods;
        let user = methods.iter().find(|(_, method)| method.request_validator_id.as_ref() == Some(&validator.id));
        if let Some((http_method, _)) = user {
            return Err(Exception::conflict(format!(
                "Cannot delete request validator '{}', is referenced in method: {http_method}/{}",
                validator.name, resource.path
            )));
        }
    }
    store.request_validators.remove(&key(call));
    Ok(Reply::Empty)
}

/// (API reference, `patch-operations`, UpdateRequestValidator.)
const RULES: &[Rule<RequestValidator>] = &[
    Rule {
        pattern: "/name",
        ops: &[Op::Replace],
        apply: |validator, patch| {
            validator.name = named(patch.optional_text())?;
            Ok(())
        },
    },
    Rule {
        pattern: "/validateRequestParameters",
        ops: &[Op::Replace],
        apply: |validator, patch| {
            validator.validate_request_parameters = flag(patch)?;
            Ok(())
        },
    },
    Rule {
        pattern: "/validateRequestBody",
        ops: &[Op::Replace],
        apply: |validator, patch| {
            validator.validate_request_body = flag(patch)?;
            Ok(())
        },
    },
];

/// No value is false, as AWS has it. AWS takes any other word for false too; here it is refused, as whoever misspells
/// `true` would have no validation and not know.
fn flag(patch: &Patch<'_>) -> Result<bool, Exception> {
    if patch.value.is_none() { Ok(false) } else { patch.boolean() }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::fixture::{Desk, patch_body};
    use super::*;
    use crate::model::{Method, OrderedMap, Resource};

    const UNKNOWN: &str = "NotFoundException: Invalid Request Validator identifier specified";

    #[test]
    fn a_validator_is_made_found_changed_and_removed() {
        let mut desk = Desk::default();
        let path = format!("/restapis/{}/requestvalidators", desk.api("pets"));
        let made = desk.call("POST", &path, json!({ "name": "body", "validateRequestBody": true }));
        assert_eq!((&made["validateRequestBody"], &made["validateRequestParameters"]), (&json!(true), &json!(false)));
        let own = format!("{path}/{}", made["id"].as_str().expect("an id"));
        assert_eq!(desk.call("GET", &own, Value::Null), made);
        let changed = desk.patch(&own, &["replace /name all", "replace /validateRequestParameters True"]);
        assert_eq!((&changed["name"], &changed["validateRequestParameters"]), (&json!("all"), &json!(true)));
        assert_eq!(desk.patch(&own, &["replace /validateRequestBody"])["validateRequestBody"], false);
        let listed = desk.call("GET", &path, Value::Null);
        assert_eq!(listed["item"].as_array().map(Vec::len), Some(1));
        desk.call("DELETE", &own, Value::Null);
        assert_eq!(desk.refusal("GET", &own, Value::Null), UNKNOWN);
        assert_eq!(desk.refusal("PATCH", &own, patch_body(&["replace /name x"])), UNKNOWN);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let mut desk = Desk::default();
        let api = desk.api("pets");
        let path = format!("/restapis/{api}/requestvalidators");
        let blank = "BadRequestException: Request Validator name cannot be blank";
        assert_eq!(desk.refusal("POST", &path, json!({})), blank);
        let no_api = "BadRequestException: Invalid REST API identifier specified";
        assert_eq!(desk.refusal("POST", "/restapis/x/requestvalidators", json!({ "name": "a" })), no_api);
        let id = desk.call("POST", &path, json!({ "name": "a" }))["id"].as_str().expect("an id").to_owned();
        let own = format!("{path}/{id}");
        assert_eq!(desk.refusal("PATCH", &own, patch_body(&["replace /name"])), blank);
        for wrong in ["replace /validateRequestBody ture", "remove /validateRequestBody", "add /name x"] {
            let refused = desk.refusal("PATCH", &own, patch_body(&[wrong]));
            assert!(refused.starts_with("BadRequestException: Invalid "), "{refused}");
        }
        let method = Method { request_validator_id: Some(RequestValidatorId(id)), ..Method::default() };
        let resource_methods = OrderedMap::from([("ANY".to_owned(), method)]);
        let resource = Resource { path: "/".into(), resource_methods, ..Resource::default() };
        desk.store.resources.put(&["us-east-1", &api, "r"], resource);
        let refused = desk.refusal("DELETE", &own, Value::Null);
        assert!(refused.starts_with("ConflictException: Cannot delete request validator 'a'"), "{refused}");
    }
}
