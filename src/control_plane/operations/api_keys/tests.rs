//! Keys as callers of the management API see them.

use super::super::fixture::{Desk, patch_body};
use super::*;
use crate::model::Stage;

const UNKNOWN: &str = "NotFoundException: Invalid API Key identifier specified";

fn id(shown: &Value) -> String {
    shown["id"].as_str().expect("an id").to_owned()
}

fn names(listed: &Value) -> Vec<&str> {
    listed["item"].as_array().expect("a list").iter().filter_map(|key| key["name"].as_str()).collect()
}

#[test]
fn a_key_is_made_found_changed_and_removed() {
    let mut desk = Desk::default();
    let made = desk.call("POST", "/apikeys", json!({ "name": "one", "tags": { "a": "1" } }));
    assert_eq!(made["value"].as_str().map(str::len), Some(40));
    assert_eq!((&made["enabled"], &made["stageKeys"]), (&json!(false), &json!([])));
    let path = format!("/apikeys/{}", id(&made));
    assert_eq!(desk.call("GET", &format!("{path}?includeValue=true"), Value::Null), made);
    assert_eq!(desk.call("GET", &path, Value::Null).get("value"), None);
    let changed = desk.patch(&path, &["replace /enabled true", "replace /name two", "replace /customerId c"]);
    assert_eq!((&changed["enabled"], &changed["name"], changed.get("value")), (&json!(true), &json!("two"), None));
    let listed = desk.call("GET", "/apikeys?includeValues=true", Value::Null);
    assert_eq!(listed["item"][0]["value"], made["value"]);
    desk.call("DELETE", &path, Value::Null);
    for method in ["GET", "DELETE", "PATCH"] {
        assert_eq!(desk.refusal(method, &path, Value::Null), UNKNOWN);
    }
    for query in ["", "name=two", "customerId=c"] {
        assert_eq!(desk.call("GET", &format!("/apikeys?{query}"), Value::Null), json!({ "item": [] }));
    }
}

#[test]
fn values_are_unique_and_long_enough() {
    let mut desk = Desk::default();
    let value = "01234567890123456789";
    let made = desk.call("POST", "/apikeys", json!({ "value": value }));
    let refused = desk.refusal("POST", "/apikeys", json!({ "value": value }));
    assert_eq!(refused, "ConflictException: API Key already exists");
    let refused = desk.refusal("POST", "/apikeys", json!({ "value": "12345" }));
    assert_eq!(refused, "BadRequestException: API Key value should be at least 20 characters");
    for wrong in ["x".repeat(129), format!("{value}\n")] {
        let refused = desk.refusal("POST", "/apikeys", json!({ "value": wrong }));
        assert!(refused.starts_with("BadRequestException: ") && !refused.contains(value), "{refused}");
    }
    desk.call("DELETE", &format!("/apikeys/{}", id(&made)), Value::Null);
    desk.call("POST", "/apikeys", json!({ "value": value }));
}

#[test]
fn keys_are_found_by_name_and_customer() {
    let mut desk = Desk::default();
    for (name, customer) in [("KEY2", "a"), ("KEY1", "b"), ("KE", "a"), ("OTHER", "a")] {
        desk.call("POST", "/apikeys", json!({ "name": name, "customerId": customer }));
    }
    desk.call("POST", "/apikeys", json!({}));
    // Pages are in the order of ids.
    let sorted = |mut names: Vec<&str>| {
        names.sort_unstable();
        names.join(" ")
    };
    let found =
        |desk: &mut Desk, query: &str| sorted(names(&desk.call("GET", &format!("/apikeys?{query}"), Value::Null)));
    assert_eq!(found(&mut desk, "name=KEY"), "KEY1 KEY2");
    assert_eq!(
        names(&desk.call("GET", "/apikeys?name=KEY", Value::Null)),
        ["KEY1", "KEY2"],
        "a page is in their order"
    );
    assert_eq!(found(&mut desk, "name=EY1"), "");
    assert_eq!(found(&mut desk, "name=KE&customerId=a"), "KE KEY2");
    assert_eq!(found(&mut desk, "customerId=a"), "KE KEY2 OTHER");
    let first = desk.call("GET", "/apikeys?name=KE&limit=2", Value::Null);
    let position = first["position"].as_str().expect("there is more");
    let second = desk.call("GET", &format!("/apikeys?name=KE&position={position}"), Value::Null);
    assert_eq!((names(&first).len(), names(&second).len()), (2, 1));
    assert_eq!(sorted([names(&first), names(&second)].concat()), "KE KEY1 KEY2");
}

#[test]
fn stages_are_there_or_refused() {
    let mut desk = Desk::default();
    let api = desk.api("pets");
    desk.store.stages.put(&["us-east-1", &api, "dev"], Stage::default());
    let stage = json!({ "restApiId": api, "stageName": "dev" });
    let made = desk.call("POST", "/apikeys", json!({ "stageKeys": [stage] }));
    assert_eq!(made["stageKeys"], json!([format!("{api}/dev")]));
    let path = format!("/apikeys/{}", id(&made));
    assert_eq!(desk.patch(&path, &[&format!("remove /stages {api}/dev")])["stageKeys"], json!([]));
    for wrong in [format!("add /stages {api}/prod"), format!("remove /stages {api}/dev"), "add /labels a".to_owned()] {
        let refused = desk.refusal("PATCH", &path, patch_body(&[&wrong]));
        assert!(refused.starts_with("BadRequestException: Invalid "), "{refused}");
    }
}

fn import(desk: &mut Desk, query: &str, file: &str) -> Result<Value, String> {
    let target = format!("/apikeys?mode=import&{query}");
    match desk.try_call("POST", &target, file.as_bytes()) {
        Ok((201, Reply::Json(answer))) => Ok(answer),
        Ok(other) => panic!("{other:?}"),
        Err(exception) => Err(exception.to_string()),
    }
}

#[test]
fn keys_are_imported_from_a_file() {
    let mut desk = Desk::default();
    let plan = id(&desk.call("POST", "/usageplans", json!({ "name": "basic" })));
    let file = format!(
        "Enabled,name,KEY,Owner,UsageplanIds\n\
         ,one,aaaaaaaaaaaaaaaaaaaaaaaa,me,\"{plan},nope\"\n\
         FALSE,two,bbbbbbbbbbbbbbbbbbbbbbbb\n\
         true,three,short\n\
         maybe,four,cccccccccccccccccccccccc\n"
    );
    let answer = import(&mut desk, "format=csv", &file).expect("some rows are good");
    assert_eq!(answer["ids"].as_array().map(Vec::len), Some(2));
    let warnings = [
        "Row 2: Invalid Usage Plan ID specified",
        "Row 4: API Key value should be at least 20 characters",
        "Row 5: Invalid value for Enabled",
    ];
    assert_eq!(answer["warnings"], json!(warnings));
    let listed = desk.call("GET", &format!("/usageplans/{plan}/keys"), Value::Null);
    assert_eq!(names(&listed), ["one"]);
    // The same value again is the same key.
    let again = "name,key\nnew,aaaaaaaaaaaaaaaaaaaaaaaa";
    let answer_again = import(&mut desk, "format=csv&failonwarnings=true", again).expect("the row is good");
    assert_eq!(answer_again, json!({ "ids": [answer["ids"][0]], "warnings": [] }));
    assert_eq!(names(&desk.call("GET", "/apikeys?name=", Value::Null)).len(), 2);
    assert_eq!(names(&desk.call("GET", "/apikeys?name=one", Value::Null)), Vec::<&str>::new());
}

#[test]
fn an_import_that_is_to_fail_leaves_nothing() {
    let mut desk = Desk::default();
    let file = "Name,Key\none,aaaaaaaaaaaaaaaaaaaaaaaa\ntwo,secret\n";
    let refused = import(&mut desk, "format=csv&failonwarnings=true", file).expect_err("a row is wrong");
    assert!(refused.contains("Row 3: ") && !refused.contains("secret"), "{refused}");
    assert!(desk.store.api_keys.is_empty());
    for (query, file) in
        [("format=xml", file), ("", file), ("format=csv", "Name\none"), ("format=csv", "Name,Key\n\"x")]
    {
        assert!(import(&mut desk, query, file).is_err_and(|refused| refused.starts_with("BadRequestException: ")));
    }
}
