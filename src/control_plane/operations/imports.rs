//! Documents in: ImportRestApi and PutRestApi. (API reference, `API_ImportRestApi`, `API_PutRestApi`; guide,
//! `api-gateway-import-api`.)

use serde_json::Value;

use super::rest_apis;
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::store::{Store, snapshot};
use crate::model::{ApiDefinition, RestApiId};
use crate::openapi::{self, ImportOptions, Imported, PutMode};

pub fn import_rest_api(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let imported = read(call)?;
    let warnings = openapi::warnings(&imported.warnings);
    let mut definition = imported.definition;
    openapi::redraw_ids(&mut definition, RestApiId(rest_apis::unused_id(store, call)), &mut call.rising_ids(None));
    let rest_api = &mut definition.rest_api;
    rest_api.created_date = Some(call.now());
    rest_api.root_resource_id = definition.resources.first().map(|root| root.id.clone());
    rest_apis::complete(rest_api);
    answered(store, call, definition, warnings)
}

pub fn put_rest_api(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    rest_apis::of(store, call)?;
    let mode = call.query("mode").unwrap_or("merge");
    let mode = PutMode::from_name(mode).ok_or_else(|| {
        Exception::bad_request("Enumeration value of OpenAPI import mode must be \"overwrite\" or \"merge\"")
    })?;
    let api_id = call.parameter("restapi_id");
    let existing = snapshot::gather(store, call.region, api_id).expect("the API was there a moment ago");
    let imported = read(call)?;
    let mut merged = openapi::merge(&existing, &imported, mode, &mut call.rising_ids(last_id(&existing)));
    rest_apis::complete(&mut merged.rest_api);
    answered(store, call, merged, openapi::warnings(&imported.warnings))
}

/// What is new in the API is listed behind what it has.
fn last_id(definition: &ApiDefinition) -> Option<&str> {
    let resources = definition.resources.iter().map(|one| one.id.as_str());
    let authorizers = definition.authorizers.iter().map(|one| one.id.as_str());
    let validators = definition.request_validators.iter().map(|one| one.id.as_str());
    let parts = definition.documentation_parts.iter().map(|one| one.id.as_str());
    resources.chain(authorizers).chain(validators).chain(parts).max()
}

fn answered(
    store: &mut Store,
    call: &Call<'_>,
    definition: ApiDefinition,
    warnings: Vec<String>,
) -> Result<Reply, Exception> {
    let mut shown = rest_apis::detail(&definition.rest_api);
    if !warnings.is_empty() {
        shown["warnings"] = warnings.into_iter().map(Value::from).collect();
    }
    snapshot::spread(store, call.region, definition);
    Ok(Reply::Json(shown))
}

fn read(call: &Call<'_>) -> Result<Imported, Exception> {
    let parameters = call.query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let options = ImportOptions::from_parameters(parameters).map_err(Exception::bad_request)?;
    let fail_on_warnings = call.query("failonwarnings").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if call.body.is_empty() {
        return Err(Exception::bad_request("Invalid OpenAPI input: the body is empty"));
    }
    let imported = openapi::load_bytes("body", call.body.to_vec(), &options);
    let imported = imported.map_err(|problems| {
        let text = openapi::refusal(&problems.0, fail_on_warnings);
        Exception::bad_request(text.unwrap_or_else(|| "Errors found during import".to_owned()))
    })?;
    if let Some(text) = openapi::refusal(&imported.warnings, fail_on_warnings) {
        return Err(Exception::bad_request(text));
    }
    Ok(imported)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::Desk;

    const DOCUMENT: &str = r#"{"openapi": "3.0.1", "info": {"title": "Pets", "version": "1"}, "paths": {"/pets": {"get": {
        "responses": {"200": {"description": "all"}},
        "x-amazon-apigateway-integration": {"type": "mock", "requestTemplates": {"application/json": "{\"statusCode\": 200}"},
            "responses": {"default": {"statusCode": "200"}}}}}}}"#;

    #[test]
    fn a_document_becomes_an_api_and_replaces_one() {
        let mut desk = Desk::default();
        let made = desk.call("POST", "/restapis?mode=import", serde_json::from_str(DOCUMENT).expect("JSON"));
        let path = format!("/restapis/{}", made["id"].as_str().expect("an id"));
        assert_eq!((&made["name"], &made["endpointConfiguration"]["types"]), (&json!("Pets"), &json!(["EDGE"])));
        let resources = |desk: &mut Desk| {
            let listed = desk.call("GET", &format!("{path}/resources?embed=methods"), serde_json::Value::Null);
            let items = listed["item"].as_array().expect("a list").clone();
            let mut shown: Vec<String> =
                items.iter().map(|one| one["path"].as_str().expect("a path").to_owned()).collect();
            shown.sort();
            shown
        };
        assert_eq!(resources(&mut desk), ["/", "/pets"]);
        let other = DOCUMENT.replace("/pets", "/cats").replace("Pets", "Cats");
        let other: serde_json::Value = serde_json::from_str(&other).expect("JSON");
        desk.call("PUT", &format!("{path}?mode=merge"), other.clone());
        assert_eq!(resources(&mut desk), ["/", "/cats", "/pets"]);
        let replaced = desk.call("PUT", &format!("{path}?mode=overwrite"), other);
        assert_eq!((&replaced["name"], &replaced["id"]), (&json!("Cats"), &made["id"]));
        assert_eq!(resources(&mut desk), ["/", "/cats"]);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_place() {
        let mut desk = Desk::default();
        let refusal = desk.refusal("POST", "/restapis?mode=import", json!({ "openapi": "3.0.1", "paths": 7 }));
        assert!(refusal.starts_with("BadRequestException: Errors found during import:\n\tline 1, column"), "{refusal}");
        let refusal = desk.refusal("POST", "/restapis?mode=import&basepath=x", json!({}));
        assert_eq!(refusal, "BadRequestException: Invalid value for parameter basepath: x");
    }
}
