//! APIs themselves: `RestApi`. (API reference, `API_RestApi`.)
//!
//! - [`settings`]: an API's own attributes: what creating one gives, and what is checked.
//! - [`rules`]: what PATCH may change.
//! - [`cloning`]: an API made from another.

pub mod cloning;
pub mod rules;
pub mod settings;

use serde_json::{Value, json};

use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply};
use crate::control_plane::page::page;
use crate::control_plane::patch::patched;
use crate::control_plane::store::table::{own_name, part};
use crate::control_plane::store::{Store, snapshot};
use crate::model::{ApiDefinition, EndpointType, Model, ModelId, Resource, ResourceId, RestApi, RestApiId};

pub fn create_rest_api(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let input: settings::Create = call.input()?;
    let mut definition = match input.clone_from.as_deref() {
        Some(source) => cloning::copy(store, call, source)?,
        None => empty(call),
    };
    settings::apply(input, &mut definition.rest_api)?;
    definition.rest_api.id = RestApiId(unused_id(store, call));
    definition.rest_api.created_date = Some(call.now());
    let shown = summary(&definition.rest_api);
    snapshot::spread(store, call.region, definition);
    Ok(Reply::Json(shown))
}

/// An id that no API of any region has: it is the first label of a host name.
pub fn unused_id(store: &Store, call: &Call<'_>) -> String {
    let apis = &store.rest_apis;
    call.unused_id(10, |id| apis.below(&[]).any(|(key, _)| own_name(key) == id))
}

/// What every API starts with: a root, and two models.
fn empty(call: &Call<'_>) -> ApiDefinition {
    let root = Resource { id: ResourceId(call.first_id(10)), path: "/".to_owned(), ..Resource::default() };
    let rest_api = RestApi { root_resource_id: Some(root.id.clone()), ..RestApi::default() };
    ApiDefinition { rest_api, resources: vec![root], models: default_models(call), ..ApiDefinition::default() }
}

fn default_models(call: &Call<'_>) -> Vec<Model> {
    const SCHEMA: &str = "http://json-schema.org/draft-04/schema#";
    let empty = json!({ "$schema": SCHEMA, "title": "Empty Schema", "type": "object" });
    let message = json!({ "message": { "type": "string" } });
    let error = json!({ "$schema": SCHEMA, "title": "Error Schema", "type": "object", "properties": message });
    let model = |name: &str, schema: &Value| Model {
        id: ModelId(call.new_id(6)),
        name: name.to_owned(),
        description: Some(format!("This is a default {} schema model", name.to_lowercase())),
        schema: format!("{schema:#}"),
        content_type: "application/json".to_owned(),
    };
    vec![model("Empty", &empty), model("Error", &error)]
}

/// The API that a path names.
///
/// # Errors
/// `NotFoundException`, with AWS's text.
pub fn of<'s>(store: &'s Store, call: &Call<'_>) -> Result<&'s RestApi, Exception> {
    let id = call.parameter("restapi_id");
    store.rest_apis.row(&[call.region, id]).ok_or_else(|| unknown(call, id))
}

fn unknown(call: &Call<'_>, id: &str) -> Exception {
    Exception::not_found(format!("Invalid API identifier specified {}:{id}", call.account_id))
}

pub fn get_rest_api(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    Ok(Reply::Json(detail(of(store, call)?)))
}

pub fn get_rest_apis(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    page(call, store.rest_apis.below(&[call.region]).map(|(key, api)| (own_name(key).to_owned(), summary(api))))
}

pub fn update_rest_api(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let changed = patched(call, rules::RULES, of(store, call)?)?;
    settings::check(&changed)?;
    let shown = detail(&changed);
    store.rest_apis.put(&[call.region, call.parameter("restapi_id")], changed);
    Ok(Reply::Json(shown))
}

pub fn delete_rest_api(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let id = of(store, call)?.id.clone();
    let of_region = [call.region];
    let mappings = store.base_path_mappings.below(&of_region).filter(|(_, mapping)| mapping.rest_api_id == id);
    let mut domains: Vec<&str> = mappings.map(|(key, _)| part(key, 1)).collect();
    domains.dedup();
    if !domains.is_empty() {
        let domains = domains.join(", ");
        return Err(Exception::bad_request(format!(
            "Deleting RestApi {id} failed. Please remove all base path mappings related to the RestApi in your domains: \
             {domains}"
        )));
    }
    snapshot::remove(store, call.region, id.as_str());
    Ok(Reply::Empty)
}

/// What AWS fills in where neither a call nor a document says it.
pub fn complete(rest_api: &mut RestApi) {
    if rest_api.endpoint_configuration.types.is_empty() {
        rest_api.endpoint_configuration.types = vec![EndpointType::Edge];
    }
}

/// An API as it is answered alone: with its tags, even where it has none.
pub fn detail(rest_api: &RestApi) -> Value {
    let mut shown = summary(rest_api);
    shown["tags"] = json!(rest_api.tags);
    shown
}

/// An API as creating and listing answer it, with what AWS fills in.
pub fn summary(rest_api: &RestApi) -> Value {
    let mut shown = json!(rest_api);
    if let Some(policy) = &rest_api.policy {
        shown["policy"] = escaped(policy).into();
    }
    let private = rest_api.endpoint_configuration.types.contains(&EndpointType::Private);
    if rest_api.endpoint_configuration.ip_address_type.is_none() {
        shown["endpointConfiguration"]["ipAddressType"] = settings::ip_address_type(private).into();
    }
    if rest_api.security_policy.is_none() {
        shown["securityPolicy"] = if private { "TLS_1_2" } else { "TLS_1_0" }.into();
    }
    shown["apiStatus"] = "AVAILABLE".into();
    shown
}

/// AWS answers a policy as the inside of a JSON string, slashes escaped too: who reads it has to unquote it once more,
/// and Terraform does.
fn escaped(policy: &str) -> String {
    let quoted = Value::from(policy).to_string();
    let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.expect("a JSON string has quotes around it").replace('/', "\\/")
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Desk;
    use super::*;
    use crate::model::BasePathMapping;

    #[test]
    fn an_api_is_made_found_changed_and_removed() {
        let mut desk = Desk::default();
        let made = desk.call("POST", "/restapis", json!({ "name": "pets", "tags": { "a": "1" } }));
        let id = made["id"].as_str().expect("an id");
        let path = format!("/restapis/{id}");
        assert_eq!(id.len(), 10);
        let expected = json!({
            "id": id,
            "name": "pets",
            "createdDate": 1_700_000_000,
            "apiKeySource": "HEADER",
            "endpointConfiguration": { "types": ["EDGE"], "ipAddressType": "ipv4" },
            "tags": { "a": "1" },
            "disableExecuteApiEndpoint": false,
            "rootResourceId": made["rootResourceId"],
            "securityPolicy": "TLS_1_0",
            "apiStatus": "AVAILABLE",
        });
        assert_eq!(made, expected);
        assert_eq!(desk.call("GET", &path, Value::Null), made);
        assert_eq!(desk.patch(&path, &["replace /name cats"])["name"], "cats");
        assert_eq!(desk.call("GET", "/restapis", Value::Null)["item"][0]["name"], "cats");
        assert_eq!(desk.store.models.len(), 2);
        let mapping = BasePathMapping { rest_api_id: RestApiId(id.to_owned()), ..BasePathMapping::default() };
        desk.store.base_path_mappings.put(&["us-east-1", "example.com", "(none)"], mapping);
        let refusal = desk.refusal("DELETE", &path, Value::Null);
        assert!(refusal.starts_with(&format!("BadRequestException: Deleting RestApi {id} failed.")), "{refusal}");
        desk.store.base_path_mappings.remove_below(&[]);
        assert_eq!(desk.call("DELETE", &path, Value::Null), Value::Null);
        let unknown = format!("NotFoundException: Invalid API identifier specified 123456789012:{id}");
        assert_eq!(desk.refusal("GET", &path, Value::Null), unknown);
        assert!(desk.store.resources.is_empty() && desk.store.models.is_empty());
    }

    #[test]
    fn tags_are_shown_where_there_are_none_by_get_alone() {
        let mut desk = Desk::default();
        let made = desk.call("POST", "/restapis", json!({ "name": "pets" }));
        assert_eq!(made["tags"], Value::Null);
        assert_eq!(desk.call("GET", "/restapis", Value::Null)["item"][0]["tags"], Value::Null);
        let id = made["id"].as_str().expect("an id");
        assert_eq!(desk.call("GET", &format!("/restapis/{id}"), Value::Null)["tags"], json!({}));
    }

    #[test]
    fn a_policy_is_answered_as_the_inside_of_a_string() {
        let mut desk = Desk::default();
        let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "execute-api:/*"}]}"#;
        let made = desk.call("POST", "/restapis", json!({ "name": "pets", "policy": policy }));
        let shown = made["policy"].as_str().expect("a policy");
        assert!(shown.starts_with(r#"{\"Version\":\"2012-10-17\","#) && shown.contains(r"execute-api:\/*"), "{shown}");
        let unquoted: String = serde_json::from_str(&format!("\"{shown}\"")).expect("a string");
        let parsed = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        assert_eq!(parsed(&unquoted), parsed(policy));
    }
}
