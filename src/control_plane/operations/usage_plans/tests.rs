//! Usage plans, their keys and usage as callers of the management API see them.

use super::super::fixture::{Desk, patch_body};
use super::*;
use crate::control_plane::clients::memberships::MembershipIdentity;
use crate::meter::{Day, Today};
use crate::model::Stage;

const UNKNOWN: &str = "NotFoundException: Invalid Usage Plan ID specified";

fn id(shown: &Value) -> String {
    shown["id"].as_str().expect("an id").to_owned()
}

/// With an API, its stages `dev` and `prod`, a plan and a key; the ids.
fn desk() -> (Desk, String, String, String) {
    let mut desk = Desk::default();
    let api = desk.api("pets");
    for stage in ["dev", "prod"] {
        desk.store.stages.put(&["us-east-1", &api, stage], Stage::default());
    }
    let plan = id(&desk.call("POST", "/usageplans", json!({ "name": "basic" })));
    let key = id(&desk.call("POST", "/apikeys", json!({ "name": "one" })));
    (desk, api, plan, key)
}

fn attach(desk: &mut Desk, plan: &str, key: &str) -> Value {
    desk.call("POST", &format!("/usageplans/{plan}/keys"), json!({ "keyId": key, "keyType": "API_KEY" }))
}

#[test]
fn a_plan_is_made_found_changed_and_removed() {
    let (mut desk, api, _, _) = desk();
    let body = json!({
        "name": "gold", "description": "all of it", "tags": { "a": "1" },
        "throttle": { "rateLimit": 2, "burstLimit": 1 },
        "quota": { "limit": 10, "period": "DAY", "offset": 0 },
        "apiStages": [{ "apiId": api, "stage": "dev", "throttle": { "/pets/GET": { "rateLimit": 1.5, "burstLimit": 2 } } }],
    });
    let made = desk.call("POST", "/usageplans", body.clone());
    for (member, value) in body.as_object().expect("an object").iter().filter(|(member, _)| *member != "throttle") {
        assert_eq!(made[member], *value);
    }
    assert_eq!(made["throttle"], json!({ "rateLimit": 2.0, "burstLimit": 1 }));
    let path = format!("/usageplans/{}", id(&made));
    assert_eq!(desk.call("GET", &path, Value::Null), made);
    let refused = desk.refusal("DELETE", &path, Value::Null);
    let expected = "BadRequestException: Cannot delete Usage Plan";
    assert!(refused.starts_with(expected) && refused.ends_with(&format!("including {api}:dev")), "{refused}");
    let removed = format!("remove /apiStages {api}:dev");
    let changed = desk.patch(&path, &[&removed, "remove /quota", "remove /throttle", "add /productCode p"]);
    assert_eq!((changed.get("quota"), changed.get("throttle")), (None, None));
    assert_eq!((&changed["apiStages"], &changed["productCode"]), (&json!([]), &json!("p")));
    assert_eq!(desk.call("GET", "/usageplans", Value::Null)["item"].as_array().map(Vec::len), Some(2));
    desk.call("DELETE", &path, Value::Null);
    for method in ["GET", "DELETE", "PATCH"] {
        assert_eq!(desk.refusal(method, &path, Value::Null), UNKNOWN);
    }
}

#[test]
fn every_part_of_a_plan_is_patched() {
    let (mut desk, api, plan, _) = desk();
    let path = format!("/usageplans/{plan}");
    let dev = format!("{api}:dev");
    let operations = [
        format!("add /apiStages {dev}"),
        format!("replace /apiStages/{dev}/throttle/~1pets~1{{id}}/GET/rateLimit 5"),
        // As Terraform has it.
        format!("replace /apiStages/{dev}/throttle//pets/POST/burstLimit 7"),
        "add /quota/offset 2".to_owned(),
        "add /quota/limit 1000".to_owned(),
        "add /quota/period WEEK".to_owned(),
        "replace /throttle/rateLimit 0.5".to_owned(),
        "replace /throttle/burstLimit 11".to_owned(),
        "replace /name new".to_owned(),
        "replace /description text".to_owned(),
    ];
    let changed = desk.patch(&path, &operations.iter().map(String::as_str).collect::<Vec<_>>());
    let throttle = json!({
        "/pets/{id}/GET": { "rateLimit": 5.0, "burstLimit": 0 }, "/pets/POST": { "rateLimit": 0.0, "burstLimit": 7 },
    });
    assert_eq!(
        changed,
        json!({
            "id": plan, "name": "new", "description": "text", "tags": {},
            "apiStages": [{ "apiId": api, "stage": "dev", "throttle": throttle }],
            "quota": { "limit": 1000, "offset": 2, "period": "WEEK" },
            "throttle": { "rateLimit": 0.5, "burstLimit": 11 },
        })
    );
    let changed = desk.patch(&path, &[&format!("remove /apiStages/{dev}/throttle/~1pets/POST")]);
    assert_eq!(changed["apiStages"][0]["throttle"].as_object().map(|throttle| throttle.len()), Some(1));
    let all = format!("replace /apiStages/{dev}/throttle {{\"/a/ANY\":{{\"rateLimit\":1}}}}");
    let changed = desk.patch(&path, &[&all]);
    assert_eq!(changed["apiStages"][0]["throttle"], json!({ "/a/ANY": { "rateLimit": 1.0, "burstLimit": 0 } }));
    let changed = desk.patch(&path, &[&format!("remove /apiStages/{dev}/throttle")]);
    assert_eq!(changed["apiStages"][0].get("throttle"), None);
}

#[test]
fn what_is_wrong_is_refused() {
    let (mut desk, api, plan, _) = desk();
    let path = format!("/usageplans/{plan}");
    for (operation, expected) in [
        (
            "replace /throttle/rateLimit -1",
            "BadRequestException: Invalid value '-1' specified for path '/throttle/rateLimit'",
        ),
        ("replace /throttle/rateLimit NaN", "BadRequestException: Invalid value 'NaN' specified"),
        ("replace /throttle/rateLimit 1e99", "BadRequestException: Invalid value '1"),
        ("replace /throttle/burstLimit 2147483648", "BadRequestException: Invalid value '2147483648'"),
        ("add /quota/limit 5", "BadRequestException: Usage Plan quota period is required"),
        ("add /quota/period YEAR", "BadRequestException: Invalid value 'YEAR'"),
        ("add /apiStages nope", "BadRequestException: Invalid API Stage specified"),
        ("add /apiStages nope:dev", "NotFoundException: API Stage not found: nope:dev"),
        ("remove /apiStages nope:dev", "BadRequestException: Invalid API Stage specified"),
        (
            "replace /apiStages/nope:dev/throttle/~1a/GET/rateLimit 1",
            "BadRequestException: Invalid API Stage specified",
        ),
        ("remove /name", "BadRequestException: Invalid patch operation specified. Must be one of: [replace]"),
        ("replace /id x", "BadRequestException: Invalid patch path /id"),
    ] {
        let refused = desk.refusal("PATCH", &path, patch_body(&[operation]));
        assert!(refused.starts_with(expected), "{refused}");
    }
    let twice = patch_body(&[&format!("add /apiStages {api}:dev"), &format!("add /apiStages {api}:dev")]);
    assert!(desk.refusal("PATCH", &path, twice).starts_with("ConflictException: "));
    for body in [
        json!({}),
        json!({ "name": "a", "unknown": 1 }),
        json!({ "name": "a", "apiStages": [{ "stage": "dev" }] }),
        json!({ "name": "a", "throttle": { "rateLimit": -1 } }),
        json!({ "name": "a", "quota": { "limit": 1, "offset": 1, "period": "DAY" } }),
    ] {
        let refused = desk.refusal("POST", "/usageplans", body);
        assert!(refused.starts_with("BadRequestException: "), "{refused}");
    }
}

#[test]
fn keys_come_and_go() {
    let (mut desk, _, plan, key) = desk();
    let path = format!("/usageplans/{plan}/keys");
    let made = attach(&mut desk, &plan, &key);
    assert_eq!((&made["id"], &made["type"], &made["name"]), (&json!(key), &json!("API_KEY"), &json!("one")));
    assert_eq!(desk.call("GET", &format!("{path}/{key}"), Value::Null), made);
    assert_eq!(desk.call("GET", &path, Value::Null), json!({ "item": [made] }));
    for (name, found) in [("on", json!([made])), ("two", json!([]))] {
        assert_eq!(desk.call("GET", &format!("{path}?name={name}"), Value::Null)["item"], found);
    }
    let of_key = desk.call("GET", &format!("/usageplans?keyId={key}"), Value::Null);
    assert_eq!((of_key["item"].as_array().map(Vec::len), &of_key["item"][0]["id"]), (Some(1), &json!(plan)));
    let body = json!({ "keyId": key, "keyType": "API_KEY" });
    assert!(desk.refusal("POST", &path, body.clone()).starts_with("ConflictException: "));
    assert_eq!(desk.refusal("POST", "/usageplans/x/keys", body), UNKNOWN);
    let unknown_key = "NotFoundException: Invalid API Key identifier specified";
    assert_eq!(desk.refusal("POST", &path, json!({ "keyId": "x", "keyType": "API_KEY" })), unknown_key);
    assert!(desk.refusal("POST", &path, json!({ "keyId": key, "keyType": "OTHER" })).starts_with("BadRequest"));
    assert_eq!(desk.refusal("GET", &format!("{path}/x"), Value::Null), unknown_key);
    assert_eq!(desk.refusal("GET", "/usageplans/x/keys", Value::Null), UNKNOWN);
    desk.call("DELETE", &format!("{path}/{key}"), Value::Null);
    assert_eq!(desk.refusal("GET", &format!("{path}/{key}"), Value::Null), UNKNOWN);
    assert_eq!(desk.call("GET", &path, Value::Null), json!({ "item": [] }));
}

#[test]
fn what_goes_takes_its_keys_rows_along() {
    let (mut desk, _, plan, key) = desk();
    let other = id(&desk.call("POST", "/usageplans", json!({ "name": "other" })));
    attach(&mut desk, &plan, &key);
    attach(&mut desk, &other, &key);
    desk.store.usage.put(&["us-east-1", &plan, &key, "2023-11-14"], 3);
    desk.call("DELETE", &format!("/usageplans/{plan}"), Value::Null);
    assert!(desk.store.usage.is_empty());
    assert_eq!(desk.store.usage_plan_keys.plans_of("us-east-1", &key, None).collect::<Vec<_>>(), [other.into()]);
    desk.call("DELETE", &format!("/apikeys/{key}"), Value::Null);
    assert!(desk.store.usage_plan_keys.is_empty());
}

#[test]
fn a_key_has_one_plan_for_a_stage() {
    let (mut desk, api, plan, key) = desk();
    let other = id(&desk.call("POST", "/usageplans", json!({ "name": "other" })));
    desk.patch(&format!("/usageplans/{plan}"), &[&format!("add /apiStages {api}:dev")]);
    desk.patch(&format!("/usageplans/{other}"), &[&format!("add /apiStages {api}:dev")]);
    // Keys of one plan only, before and behind the one that is to be in both.
    for number in 0..8 {
        let only = id(&desk.call("POST", "/apikeys", json!({})));
        attach(&mut desk, if number % 3 == 0 { &plan } else { &other }, &only);
    }
    attach(&mut desk, &plan, &key);
    let body = json!({ "keyId": key, "keyType": "API_KEY" });
    let refused = desk.refusal("POST", &format!("/usageplans/{other}/keys"), body);
    let expected =
        format!("ConflictException: API Key {key} is already associated with API Stage {api}:dev by Usage Plan {plan}");
    assert_eq!(refused, expected);
    desk.patch(&format!("/usageplans/{other}"), &[&format!("remove /apiStages {api}:dev")]);
    attach(&mut desk, &other, &key);
    let again = patch_body(&[&format!("add /apiStages {api}:dev")]);
    assert_eq!(desk.refusal("PATCH", &format!("/usageplans/{other}"), again), expected);
    desk.patch(&format!("/usageplans/{other}"), &[&format!("add /apiStages {api}:prod")]);
}

#[test]
fn usage_is_told_by_day_and_extended() {
    let (mut desk, _, plan, key) = desk();
    desk.patch(
        &format!("/usageplans/{plan}"),
        &["add /quota/limit 100", "add /quota/period WEEK", "add /quota/offset 1"],
    );
    attach(&mut desk, &plan, &key);
    // The Sunday ends a period, the Monday begins one; today is Tuesday.
    for (day, requests) in [("2023-11-12", 90), ("2023-11-13", 30), ("2023-11-14", 5)] {
        desk.store.usage.put(&["us-east-1", &plan, &key, day], requests);
    }
    let path = format!("/usageplans/{plan}/usage?startDate=2023-11-11&endDate=2023-11-15");
    let usage = desk.call("GET", &path, Value::Null);
    let days = json!([[0, 100], [90, 10], [30, 70], [5, 65], [0, 65]]);
    let expected = json!({
        "usagePlanId": plan, "startDate": "2023-11-11", "endDate": "2023-11-15", "values": { key.clone(): days },
    });
    assert_eq!(usage, expected);
    assert_eq!(desk.call("GET", &format!("{path}&keyId={key}"), Value::Null), expected);
    let own = format!("/usageplans/{plan}/keys/{key}/usage");
    let updated = desk.patch(&own, &["replace /remaining 500"]);
    assert_eq!((&updated["startDate"], &updated["values"][&key]), (&json!("2023-11-14"), &json!([[5, 500]])));
    let usage = desk.call("GET", &path, Value::Null);
    assert_eq!(usage["values"][&key], json!([[0, 100], [90, 10], [30, 70], [5, 500], [0, 500]]));
    // What shards have counted since: of a day that the store has as well, the larger is the newer.
    let membership = MembershipIdentity::new("us-east-1", &plan, &key);
    let meter = desk.meters.record(desk.meters.allocate(membership.0).expect("there is room"));
    for (day, requests) in [("2023-11-13", 20), ("2023-11-14", 12)] {
        let today = Today::of(Day::parse(day).expect("a day"));
        assert!((0..requests).all(|_| meter.count(None, &today).is_ok()));
    }
    let usage = desk.call("GET", &path, Value::Null);
    assert_eq!(usage["values"][&key], json!([[0, 100], [90, 10], [30, 70], [12, 493], [0, 493]]));
    // The quota becomes less than what was used: what is granted is what is left all the same.
    desk.patch(&format!("/usageplans/{plan}"), &["replace /quota/limit 1"]);
    assert_eq!(desk.patch(&own, &["replace /remaining 9"])["values"][&key], json!([[12, 9]]));
    desk.patch(&own, &["replace /remaining 0"]);
    desk.patch(&format!("/usageplans/{plan}"), &["replace /quota/limit 0"]);
    assert_eq!(desk.patch(&own, &["replace /remaining 4"])["values"][&key], json!([[12, 4]]));
    desk.patch(&format!("/usageplans/{plan}"), &["replace /quota/limit 100"]);
    let next_week = format!("/usageplans/{plan}/usage?startDate=2023-11-20&endDate=2023-11-20");
    assert_eq!(desk.call("GET", &next_week, Value::Null)["values"][&key], json!([[0, 100]]));
    assert_eq!(desk.patch(&own, &["replace /remaining 0"])["values"][&key], json!([[12, 0]]));
}

#[test]
fn usage_is_asked_for_rightly_or_not_told() {
    let (mut desk, _, plan, key) = desk();
    let path = format!("/usageplans/{plan}/usage");
    let dates = "startDate=2023-11-01&endDate=2023-11-02";
    let no_quota = desk.refusal("GET", &format!("{path}?{dates}"), Value::Null);
    assert!(no_quota.starts_with("BadRequestException: ") && no_quota.contains("has no quota"), "{no_quota}");
    desk.patch(&format!("/usageplans/{plan}"), &["add /quota/limit 100", "add /quota/period DAY"]);
    assert_eq!(desk.call("GET", &format!("{path}?{dates}"), Value::Null)["values"], json!({}));
    for wrong in [
        "startDate=2023-11-01",
        "startDate=2023-11-02&endDate=2023-11-01",
        "startDate=2023-02-30&endDate=2023-03-01",
        "startDate=2023-01-01&endDate=2023-04-01",
    ] {
        let refused = desk.refusal("GET", &format!("{path}?{wrong}"), Value::Null);
        assert!(refused.starts_with("BadRequestException: "), "{refused}");
    }
    assert!(desk.refusal("GET", &format!("{path}?{dates}&keyId={key}"), Value::Null).starts_with("NotFoundException"));
    let own = format!("/usageplans/{plan}/keys/{key}/usage");
    assert_eq!(desk.refusal("PATCH", &own, patch_body(&["replace /remaining 1"])), UNKNOWN);
    attach(&mut desk, &plan, &key);
    for wrong in ["replace /remaining -1", "replace /remaining 1.5", "add /remaining 1", "replace /used 1"] {
        assert!(desk.refusal("PATCH", &own, patch_body(&[wrong])).starts_with("BadRequestException: Invalid "));
    }
}
