//! A method tried as it is now, whatever is deployed: what to try. (API reference, `API_TestInvokeMethod`.)
//!
//! The test is of the method alone: AWS asks no authorizer, wants no API key and applies no resource policy.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::super::{resources, vpc_links};
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{Call, Reply, TestInvocation};
use crate::control_plane::store::Store;
use crate::model::{
    ApiDefinition, AuthorizationType, ClientCertificateId, Method, Model, OrderedMap, RequestValidator, Resource, Stage,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Test {
    path_with_query_string: Option<String>,
    body: Option<String>,
    headers: Option<OrderedMap<String>>,
    multi_value_headers: Option<OrderedMap<Vec<String>>>,
    client_certificate_id: Option<String>,
    stage_variables: Option<OrderedMap<String>>,
}

pub fn test_invoke_method(store: &mut Store, call: &Call<'_>) -> Result<Reply, Exception> {
    let input: Test = call.input()?;
    let resource = resources::of(store, call)?;
    let http_method = call.parameter("http_method");
    let methods = &resource.resource_methods;
    let method = methods.get(http_method).or_else(|| methods.get("ANY"));
    let method = method.ok_or_else(|| Exception::not_found("Invalid Method identifier specified"))?;
    let certificate = input.client_certificate_id.filter(|id| !id.is_empty());
    if certificate.as_deref().is_some_and(|id| !store.client_certificates.has(&[call.region, id])) {
        return Err(Exception::not_found("Invalid Client Certificate identifier specified"));
    }
    let stage = Stage {
        stage_name: "test-invoke-stage".to_owned(),
        variables: input.stage_variables.unwrap_or_default(),
        client_certificate_id: certificate.map(ClientCertificateId),
        ..Stage::default()
    };
    let path = input.path_with_query_string.filter(|path| !path.is_empty());
    Ok(Reply::TestInvocation(Box::new(TestInvocation {
        definition: reduced(store, call, resource, method)?,
        stage,
        vpc_link_names: vpc_links::names(store, call.region),
        http_method: http_method.to_owned(),
        path_with_query_string: path.unwrap_or_else(|| resource.path.clone()),
        headers: headers(input.headers.unwrap_or_default(), input.multi_value_headers.unwrap_or_default()),
        body: input.body.unwrap_or_default().into_bytes(),
        asks_authorizer: false,
    })))
}

/// One line a value; of a header that is in both, the many.
pub fn headers(single: OrderedMap<String>, many: OrderedMap<Vec<String>>) -> Vec<(String, String)> {
    let is_many = |name: &str| many.keys().any(|known| known.eq_ignore_ascii_case(name));
    let mut headers: Vec<(String, String)> = single.into_iter().filter(|(name, _)| !is_many(name)).collect();
    for (name, values) in many {
        headers.extend(values.into_iter().map(|value| (name.clone(), value)));
    }
    headers
}

/// The API with one method, and what that refers to. What is wrong elsewhere in the API is not in the way.
fn reduced(store: &Store, call: &Call<'_>, resource: &Resource, method: &Method) -> Result<ApiDefinition, Exception> {
    let of_api = [call.region, call.parameter("restapi_id")];
    let mut rest_api = super::super::rest_apis::of(store, call)?.clone();
    rest_api.policy = None;
    let open = Method {
        authorization_type: AuthorizationType::None,
        authorizer_id: None,
        authorization_scopes: Vec::new(),
        api_key_required: false,
        // No limit counts in a test, and one by what an authorizer says would be wrong in a method without.
        throttle: Box::default(),
        ..method.clone()
    };
    let alone = OrderedMap::from_iter([(method.http_method.clone(), open)]);
    let mut resources = above(store, call, resource)?;
    resources.push(Resource { resource_methods: alone, ..resource.clone() });
    let is_used = |validator: &&RequestValidator| Some(&validator.id) == method.request_validator_id.as_ref();
    Ok(ApiDefinition {
        rest_api,
        resources,
        request_validators: store.request_validators.rows_below(&of_api).filter(is_used).cloned().collect(),
        models: models(store.models.rows_below(&of_api).collect(), method),
        gateway_responses: store.gateway_responses.rows_below(&of_api).cloned().collect(),
        ..ApiDefinition::default()
    })
}

/// The resources on the way down to one, the root first, without their methods.
fn above(store: &Store, call: &Call<'_>, resource: &Resource) -> Result<Vec<Resource>, Exception> {
    let mut above = Vec::new();
    let mut next = resource.parent_id.as_ref();
    while let Some(id) = next {
        let parent = resources::at(store, call, id.as_str())?;
        above.push(Resource { resource_methods: OrderedMap::new(), ..parent.clone() });
        next = parent.parent_id.as_ref();
    }
    above.reverse();
    Ok(above)
}

/// The models that a method names, and those that their schemas name.
fn models(all: Vec<&Model>, method: &Method) -> Vec<Model> {
    let responses = method.method_responses.values().flat_map(|response| response.response_models.values());
    let mut asked: Vec<String> = method.request_models.values().chain(responses).cloned().collect();
    let mut known = BTreeSet::new();
    while let Some(name) = asked.pop() {
        let Some(model) = all.iter().find(|model| model.name == name) else { continue };
        if known.insert(name) {
            let schema: Value = serde_json::from_str(&model.schema).unwrap_or_default();
            references(&schema, &mut asked);
        }
    }
    all.into_iter().filter(|model| known.contains(&model.name)).cloned().collect()
}

/// The names at the ends of `{"$ref": "https://apigateway.amazonaws.com/restapis/…/models/Name"}`.
fn references(schema: &Value, names: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            let reference = members.get("$ref").and_then(Value::as_str);
            names.extend(reference.and_then(|target| target.rsplit_once("/models/")).map(|(_, name)| name.to_owned()));
            members.values().for_each(|member| references(member, names));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::fixture::Desk;
    use super::*;

    #[track_caller]
    fn invocation(desk: &mut Desk, target: &str, input: &Value) -> TestInvocation {
        match desk.try_call("POST", target, input.to_string().as_bytes()) {
            Ok((200, Reply::TestInvocation(invocation))) => *invocation,
            other => panic!("{target} answers {other:?}"),
        }
    }

    /// A desk with `/pets/{id}`, which has a GET and, where the test says so, more; the path of the API, and the
    /// resource's id.
    fn desk() -> (Desk, String, String) {
        let mut desk = Desk::default();
        let made = desk.call("POST", "/restapis", json!({ "name": "pets", "policy": "{\"Statement\":[]}" }));
        let text = |made: &Value, name: &str| made[name].as_str().expect("a text").to_owned();
        let (id, root) = (text(&made, "id"), text(&made, "rootResourceId"));
        let api = format!("/restapis/{id}");
        desk.call("PUT", &format!("{api}/resources/{root}/methods/GET"), json!({ "authorizationType": "NONE" }));
        let pets = text(&desk.call("POST", &format!("{api}/resources/{root}"), json!({ "pathPart": "pets" })), "id");
        let pet = text(&desk.call("POST", &format!("{api}/resources/{pets}"), json!({ "pathPart": "{id}" })), "id");
        for (name, schema) in [("Pet", "{\"items\":{\"$ref\":\"x/models/Toy\"}}"), ("Toy", "{}"), ("Other", "{}")] {
            let model = Model { name: name.into(), schema: schema.into(), ..Model::default() };
            desk.store.models.put(&["us-east-1", &id, name], model);
        }
        let target = format!("{api}/resources/{pet}/methods/ANY");
        let models = json!({ "application/json": "Pet" });
        let input = json!({ "authorizationType": "AWS_IAM", "apiKeyRequired": true, "requestModels": models });
        desk.call("PUT", &target, input);
        desk.call("PUT", &format!("{target}/integration"), json!({ "type": "MOCK" }));
        (desk, api, pet)
    }

    #[test]
    fn what_is_tried_is_the_method_alone() {
        let (mut desk, api, pet) = desk();
        let input = json!({
            "pathWithQueryString": "/pets/7?q=1",
            "body": "hello",
            "headers": { "a": "1", "B": "2" },
            "multiValueHeaders": { "b": ["3", "4"] },
            "stageVariables": { "v": "1" },
        });
        let tried = invocation(&mut desk, &format!("{api}/resources/{pet}/methods/GET"), &input);
        assert_eq!((tried.http_method.as_str(), tried.path_with_query_string.as_str()), ("GET", "/pets/7?q=1"));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(tried.headers, [pair("a", "1"), pair("b", "3"), pair("b", "4")]);
        assert_eq!((&*tried.body, tried.stage.variables["v"].as_str()), (&b"hello"[..], "1"));
        assert_eq!(tried.stage.stage_name, "test-invoke-stage");
        let definition = tried.definition;
        let names = |resource: &Resource| (resource.path.clone(), resource.resource_methods.len());
        let resources: Vec<_> = definition.resources.iter().map(names).collect();
        assert_eq!(resources, [("/".into(), 0), ("/pets".into(), 0), ("/pets/{id}".into(), 1)]);
        let method = &definition.resources[2].resource_methods["ANY"];
        assert_eq!((method.authorization_type, method.api_key_required), (AuthorizationType::None, false));
        assert!(method.method_integration.is_some() && definition.rest_api.policy.is_none());
        let models: Vec<&str> = definition.models.iter().map(|model| model.name.as_str()).collect();
        assert_eq!(models, ["Pet", "Toy"]);
    }

    #[test]
    fn the_path_is_the_resources_where_none_is_said() {
        let (mut desk, api, pet) = desk();
        let target = format!("{api}/resources/{pet}/methods/POST");
        assert_eq!(invocation(&mut desk, &target, &json!({})).path_with_query_string, "/pets/{id}");
        let certificate = "NotFoundException: Invalid Client Certificate identifier specified";
        assert_eq!(desk.refusal("POST", &target, json!({ "clientCertificateId": "none" })), certificate);
        let target = format!("{api}/resources/none/methods/GET");
        let unknown = "NotFoundException: Invalid Resource identifier specified";
        assert_eq!(desk.refusal("POST", &target, json!({})), unknown);
    }
}
