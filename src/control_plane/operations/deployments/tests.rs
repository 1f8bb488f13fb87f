use serde_json::{Value, json};

use super::super::fixture::Desk;
use super::super::stages;
use crate::model::{Integration, Method, OrderedMap, Resource, ResourceId};

/// An API with `GET /pets`, as other operations would make it; its path.
pub fn api_with_method(desk: &mut Desk) -> String {
    let api = desk.api("pets");
    let mut method = Method { http_method: "GET".into(), api_key_required: true, ..Method::default() };
    method.method_integration = Some(Integration::default());
    let resource = Resource {
        id: ResourceId("pets".into()),
        path: "/pets".into(),
        resource_methods: OrderedMap::from([("GET".to_owned(), method)]),
        ..Resource::default()
    };
    desk.store.resources.put(&["us-east-1", &api, "pets"], resource);
    format!("/restapis/{api}")
}

#[track_caller]
pub fn deploy(desk: &mut Desk, api: &str, body: Value) -> String {
    let deployment = desk.call("POST", &format!("{api}/deployments"), body);
    deployment["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_deployment_is_made_found_changed_and_removed() {
    let mut desk = Desk::default();
    let api = api_with_method(&mut desk);
    let made = desk.call("POST", &format!("{api}/deployments"), json!({ "description": "first" }));
    let id = made["id"].as_str().expect("an id");
    assert_eq!(made, json!({ "id": id, "createdDate": 1_700_000_000, "description": "first" }));
    let path = format!("{api}/deployments/{id}");
    assert_eq!(desk.call("GET", &path, Value::Null), made);
    let summary = &desk.call("GET", &format!("{path}?embed=apisummary"), Value::Null)["apiSummary"];
    assert_eq!(summary, &json!({ "/pets": { "GET": { "authorizationType": "NONE", "apiKeyRequired": true } } }));
    assert_eq!(desk.patch(&path, &["replace /description second"])["description"], "second");
    assert_eq!(desk.call("GET", &format!("{api}/deployments"), Value::Null)["item"][0]["description"], "second");
    desk.call("DELETE", &path, Value::Null);
    let gone = "NotFoundException: Invalid Deployment identifier specified";
    assert_eq!(desk.refusal("GET", &path, Value::Null), gone);
    assert!(desk.store.stages.is_empty());
}

#[test]
fn what_does_nothing_is_not_deployed() {
    let mut desk = Desk::default();
    let api = format!("/restapis/{}", desk.api("empty"));
    let deployments = format!("{api}/deployments");
    let empty = "BadRequestException: The REST API doesn't contain any methods";
    assert_eq!(desk.refusal("POST", &deployments, Value::Null), empty);
    let api = api_with_method(&mut desk);
    let key = ["us-east-1", api.trim_start_matches("/restapis/"), "pets"];
    let mut resource = desk.store.resources.row(&key).expect("it was put").clone();
    resource.resource_methods["GET"].method_integration = None;
    desk.store.resources.put(&key, resource);
    let refused = desk.refusal("POST", &format!("{api}/deployments"), Value::Null);
    assert_eq!(refused, "BadRequestException: No integration defined for method");
}

#[test]
fn a_deployment_makes_and_moves_its_stage() {
    let mut desk = Desk::default();
    let api = api_with_method(&mut desk);
    let first = json!({ "stageName": "dev", "stageDescription": "the first", "variables": { "a": "1", "b": "2" },
        "cacheClusterEnabled": true, "tracingEnabled": true });
    let first = deploy(&mut desk, &api, first);
    let second = deploy(&mut desk, &api, json!({ "stageName": "dev", "variables": { "a": "3" } }));
    let stage = desk.call("GET", &format!("{api}/stages/dev"), Value::Null);
    let settings = (&stage["cacheClusterSize"], &stage["cacheClusterStatus"], &stage["tracingEnabled"]);
    assert_eq!(settings, (&"0.5".into(), &"AVAILABLE".into(), &true.into()));
    assert_eq!((&stage["deploymentId"], &stage["description"]), (&second.as_str().into(), &"the first".into()));
    assert_eq!(stage["variables"], json!({ "a": "3" }));
    let in_use = "BadRequestException: Active stages pointing to this deployment must be moved or deleted";
    assert_eq!(desk.refusal("DELETE", &format!("{api}/deployments/{second}"), Value::Null), in_use);
    desk.call("DELETE", &format!("{api}/deployments/{first}"), Value::Null);
    let wrong = desk.refusal("POST", &format!("{api}/deployments"), json!({ "stageName": "a b" }));
    assert_eq!(wrong, "BadRequestException: Stage name only allows a-zA-Z0-9_- and at most 128 of them");
    assert_eq!(desk.store.deployments.len(), 1, "a refused call leaves nothing behind");
}

#[test]
fn a_canary_gets_the_deployment_that_is_made_for_it() {
    let mut desk = Desk::default();
    let api = api_with_method(&mut desk);
    let body = |name: Value| json!({ "stageName": name, "canarySettings": { "percentTraffic": 50 } });
    let path = format!("{api}/deployments");
    let no_stage = "BadRequestException: Invalid deployment content specified.Non null and non empty stageName must be \
                    provided for canary deployment. Provided value is null";
    assert_eq!(desk.refusal("POST", &path, body(Value::Null)), no_stage);
    let other = "BadRequestException: Invalid deployment content specified.Stage dev must already be created before \
                 making a canary release deployment";
    assert_eq!(desk.refusal("POST", &path, body("dev".into())), other);
    let first = deploy(&mut desk, &api, json!({ "stageName": "dev" }));
    let second = deploy(&mut desk, &api, body("dev".into()));
    let stage = desk.call("GET", &format!("{api}/stages/dev"), Value::Null);
    assert_eq!(stage["deploymentId"], first.as_str());
    let canary = json!({ "percentTraffic": 50.0, "deploymentId": second, "useStageCache": false });
    assert_eq!(stage["canarySettings"], canary);
    let in_use = "BadRequestException: Active stages with canary settings pointing to this deployment must be moved \
                  or deleted";
    assert_eq!(desk.refusal("DELETE", &format!("{path}/{second}"), Value::Null), in_use);
}

/// `stages::Canary` is what both kinds of call read.
#[test]
fn a_canary_of_a_deployment_names_no_other() {
    let mut desk = Desk::default();
    let api = api_with_method(&mut desk);
    deploy(&mut desk, &api, json!({ "stageName": "dev" }));
    let body = json!({ "stageName": "dev", "canarySettings": { "deploymentId": "x" } });
    assert!(serde_json::from_value::<stages::Canary>(body["canarySettings"].clone()).is_ok());
    let refused = desk.refusal("POST", &format!("{api}/deployments"), body);
    assert_eq!(refused, "BadRequestException: Invalid request input: canarySettings.deploymentId cannot be given here");
}
