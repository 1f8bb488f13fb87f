use serde_json::{Value, json};

use super::super::deployments::tests::{api_with_method, deploy};
use crate::control_plane::operation::Reply;
use crate::control_plane::operations::fixture::Desk;

#[test]
fn a_part_is_made_found_changed_and_removed() {
    let mut desk = Desk::default();
    let parts = format!("/restapis/{}/documentation/parts", desk.api("pets"));
    let body = json!({ "location": { "type": "METHOD", "path": "/pets", "method": "GET", "name": "" },
        "properties": "{\"summary\":\"all\"}" });
    let made = desk.call("POST", &parts, body.clone());
    let id = made["id"].as_str().expect("an id");
    let location = json!({ "type": "METHOD", "path": "/pets", "method": "GET" });
    assert_eq!((id.len(), &made["location"]), (6, &location));
    let conflict = "ConflictException: Documentation part already exists for the specified location: type 'METHOD', \
                    path '/pets', method 'GET'.";
    assert_eq!(desk.refusal("POST", &parts, body), conflict);
    let empty = json!({ "location": { "type": "API" }, "properties": "{}" });
    desk.call("POST", &parts, empty);
    let mut count = |query: &str| {
        let listed = desk.call("GET", &format!("{parts}?{query}"), Value::Null);
        listed["item"].as_array().expect("a list").len()
    };
    let counts = ["", "type=METHOD", "type=MODEL", "path=/pets", "locationStatus=DOCUMENTED", "name=x"].map(&mut count);
    assert_eq!(counts, [2, 1, 0, 1, 1, 0]);
    let path = format!("{parts}/{id}");
    assert_eq!(
        desk.patch(&path, &["replace /properties {\"summary\":\"some\"}"])["properties"],
        "{\"summary\":\"some\"}"
    );
    desk.call("DELETE", &path, Value::Null);
    let gone = "NotFoundException: Invalid Documentation part identifier specified";
    assert_eq!(desk.refusal("GET", &path, Value::Null), gone);
}

#[test]
fn properties_are_a_json_object() {
    let mut desk = Desk::default();
    let parts = format!("/restapis/{}/documentation/parts", desk.api("pets"));
    let mut check = |properties: Value, expected: &str| {
        let body = json!({ "location": { "type": "API" }, "properties": properties });
        assert_eq!(desk.refusal("POST", &parts, body), format!("BadRequestException: Documentation part {expected}"));
    };
    check(Value::Null, "properties must be non-empty");
    check("[]".into(), "properties must be a JSON object");
    check("{".into(), "properties must be a JSON object");
}

#[test]
fn a_version_keeps_the_parts_and_may_be_that_of_a_stage() {
    let mut desk = Desk::default();
    let api = api_with_method(&mut desk);
    deploy(&mut desk, &api, json!({ "stageName": "dev" }));
    let part = json!({ "location": { "type": "API" }, "properties": "{\"a\":1}" });
    desk.call("POST", &format!("{api}/documentation/parts"), part);
    let versions = format!("{api}/documentation/versions");
    let body = json!({ "documentationVersion": "1.0", "stageName": "dev" });
    let made = desk.call("POST", &versions, body.clone());
    assert_eq!(made, json!({ "version": "1.0", "createdDate": 1_700_000_000 }));
    assert_eq!(desk.refusal("POST", &versions, body), "ConflictException: Documentation version already exists");
    let stage = desk.call("GET", &format!("{api}/stages/dev"), Value::Null);
    assert_eq!(stage["documentationVersion"], "1.0");
    let path = format!("{versions}/1.0");
    assert_eq!(desk.patch(&path, &["replace /description first"])["description"], "first");
    assert_eq!(desk.call("GET", &versions, Value::Null)["item"][0]["description"], "first");
    let in_use = "BadRequestException: Active stages pointing to this documentation version must be moved or deleted";
    assert_eq!(desk.refusal("DELETE", &path, Value::Null), in_use);
    desk.patch(&format!("{api}/stages/dev"), &["replace /documentationVersion "]);
    let key = ["us-east-1", api.trim_start_matches("/restapis/"), "1.0"];
    assert_eq!(desk.store.documentation_versions.row(&key).map(|version| version.parts.len()), Some(1));
    desk.call("DELETE", &path, Value::Null);
    let gone = "NotFoundException: Invalid Documentation version specified";
    assert_eq!(desk.refusal("GET", &path, Value::Null), gone);
    let other = json!({ "documentationVersion": "2", "stageName": "none" });
    assert_eq!(desk.refusal("POST", &versions, other), "NotFoundException: Invalid stage identifier specified");
    assert!(desk.store.documentation_versions.is_empty());
}

const DOCUMENT: &str = r#"{ "openapi": "3.0.1", "x-amazon-apigateway-documentation": { "version": "1",
    "documentationParts": [
        { "location": { "type": "API" }, "properties": { "a": 1 } },
        { "location": { "type": "METHOD", "path": "/pets" }, "properties": { "b": 2 } },
        { "location": { "type": "MODEL" }, "properties": {} } ] } }"#;

const YAML: &str = "
swagger: '2.0'
x-amazon-apigateway-documentation:
  documentationParts:
  - location: { type: API }
    properties: { description: from YAML }
";

#[test]
fn parts_are_imported_merged_and_overwritten() {
    let mut desk = Desk::default();
    let parts = format!("/restapis/{}/documentation/parts", desk.api("pets"));
    let put = |desk: &mut Desk, query: &str, body: &str| match desk.try_call(
        "PUT",
        &format!("{parts}{query}"),
        body.as_bytes(),
    ) {
        Ok((200, Reply::Json(value))) => Ok(value),
        Ok(other) => panic!("{other:?}"),
        Err(exception) => Err(exception.to_string()),
    };
    let warning = "Documentation part 3 is left out: name is required for the type 'MODEL'";
    let refused = put(&mut desk, "?failonwarnings=true", DOCUMENT);
    assert_eq!(refused, Err(format!("BadRequestException: Warnings found during import: {warning}")));
    assert!(desk.store.documentation_parts.is_empty());
    let first = put(&mut desk, "", DOCUMENT).expect("it is imported");
    assert_eq!((first["ids"].as_array().map(Vec::len), &first["warnings"]), (Some(2), &json!([warning])));
    let merged = put(&mut desk, "?mode=merge", YAML).expect("it is imported");
    assert_eq!(merged, json!({ "ids": [first["ids"][0]] }));
    let listed = |desk: &mut Desk| desk.call("GET", &parts, Value::Null)["item"].clone();
    let shown = listed(&mut desk);
    assert_eq!(shown.as_array().map(Vec::len), Some(2));
    assert!(shown.to_string().contains("from YAML"), "{shown}");
    put(&mut desk, "?mode=overwrite", YAML).expect("it is imported");
    assert_eq!(listed(&mut desk).as_array().map(Vec::len), Some(1));
    let unread = put(&mut desk, "", "{").expect_err("it is no document");
    assert!(unread.starts_with("BadRequestException: Unable to read the OpenAPI document"), "{unread}");
    assert!(put(&mut desk, "?mode=other", YAML).is_err());
}
