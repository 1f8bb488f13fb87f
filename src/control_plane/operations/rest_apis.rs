//! APIs themselves: `RestApi`. (API reference, `API_RestApi`.)

use serde::Deserialize;
use serde_json::{Value, json};

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::page::page;
use crate::control_plane::patch::{Op, Rule, patched};
use crate::control_plane::store::table::own_name;
use crate::control_plane::store::{Store, snapshot};
use crate::model::{
    ApiKeySource, EndpointConfiguration, EndpointType, OrderedMap, Resource, ResourceId, RestApi, RestApiId,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    name: Option<String>,
    description: Option<String>,
    version: Option<String>,
    clone_from: Option<String>,
    #[serde(default)]
    binary_media_types: Vec<String>,
    minimum_compression_size: Option<i32>,
    #[serde(default)]
    api_key_source: ApiKeySource,
    endpoint_configuration: Option<EndpointConfiguration>,
    policy: Option<String>,
    #[serde(default)]
    tags: OrderedMap<String>,
    #[serde(default)]
    disable_execute_api_endpoint: bool,
    security_policy: Option<String>,
    endpoint_access_mode: Option<String>,
}

pub fn create_rest_api(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let input: Create = call.input()?;
    let name = input.name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Exception::bad_request("API name is required"))?;
    let id = call.unused_id(10, |id| store.rest_apis.below(&[]).any(|(key, _)| own_name(key) == id));
    let root = ResourceId(call.new_id(10));
    let rest_api = RestApi {
        id: RestApiId(id.clone()),
        name,
        description: input.description,
        version: input.version,
        created_date: Some(call.now()),
        binary_media_types: input.binary_media_types,
        minimum_compression_size: input.minimum_compression_size,
        api_key_source: input.api_key_source,
        endpoint_configuration: input.endpoint_configuration.unwrap_or_else(edge_optimized),
        policy: input.policy,
        tags: input.tags,
        disable_execute_api_endpoint: input.disable_execute_api_endpoint,
        root_resource_id: Some(root.clone()),
        security_policy: input.security_policy,
        endpoint_access_mode: input.endpoint_access_mode,
        ..RestApi::default()
    };
    let resource = Resource { id: root.clone(), path: "/".to_owned(), ..Resource::default() };
    store.resources.put(&[call.region, &id, root.as_str()], resource);
    let shown = shape(&rest_api);
    store.rest_apis.put(&[call.region, &id], rest_api);
    let _ = input.clone_from;
    Ok(Reply::Json(shown))
}

/// What an API is that does not say.
fn edge_optimized() -> EndpointConfiguration {
    EndpointConfiguration { types: vec![EndpointType::Edge], ..EndpointConfiguration::default() }
}

/// The API that a path names.
///
/// # Errors
/// `NotFoundException`, with AWS's text.
pub fn of<'s>(store: &'s Store, call: &Call<'_>) -> Result<&'s RestApi, Exception> {
    let api = store.rest_apis.row(&[call.region, call.parameter("restapi_id")]);
    api.ok_or_else(|| Exception::not_found("Invalid API identifier specified"))
}

pub fn get_rest_api(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    Ok(Reply::Json(shape(of(store, call)?)))
}

pub fn get_rest_apis(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    page(call, store.rest_apis.below(&[call.region]).map(|(key, api)| (own_name(key).to_owned(), shape(api))))
}

pub fn update_rest_api(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let changed = patched(call, RULES, of(store, call)?)?;
    let shown = shape(&changed);
    store.rest_apis.put(&[call.region, call.parameter("restapi_id")], changed);
    Ok(Reply::Json(shown))
}

pub fn delete_rest_api(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    of(store, call)?;
    snapshot::remove(store, call.region, call.parameter("restapi_id"));
    Ok(Reply::Empty)
}

/// What AWS fills in where neither a call nor a document says it.
pub fn complete(rest_api: &mut RestApi) {
    if rest_api.endpoint_configuration.types.is_empty() {
        rest_api.endpoint_configuration.types = edge_optimized().types;
    }
}

pub fn shape(rest_api: &RestApi) -> Value {
    json!(rest_api)
}

/// (Guide, `patch-operations`, RestApi.)
const RULES: &[Rule<RestApi>] = &[Rule {
    pattern: "/name",
    ops: &[Op::Replace],
    apply: |api, patch| {
        api.name = patch.required_text()?;
        Ok(())
    },
}];

#[cfg(test)]
mod tests {
    use super::super::fixture::Desk;
    use super::*;

    #[test]
    fn an_api_is_made_found_changed_and_removed() {
        let mut desk = Desk::default();
        let made = desk.call("POST", "/restapis", json!({ "name": "pets", "tags": { "a": "1" } }));
        let id = made["id"].as_str().expect("an id");
        let path = format!("/restapis/{id}");
        assert_eq!(id.len(), 10);
        assert_eq!(made["endpointConfiguration"]["types"], json!(["EDGE"]));
        assert_eq!(desk.call("GET", &path, Value::Null), made);
        assert_eq!(desk.patch(&path, &["replace /name cats"])["name"], "cats");
        assert_eq!(desk.call("GET", "/restapis", Value::Null)["item"][0]["name"], "cats");
        assert_eq!(desk.call("DELETE", &path, Value::Null), Value::Null);
        assert_eq!(desk.refusal("GET", &path, Value::Null), "NotFoundException: Invalid API identifier specified");
        assert!(desk.store.resources.is_empty());
    }
}
