//! `tollgate plans`: usage plans of a running gateway, and what they let through.

use serde_json::json;

use super::keys::{gateway, key, keyed, opens, parsed, plan, plans};
use super::{fails, run, succeeds};
use crate::harness::Gateway;

/// The plan as AWS has it.
#[track_caller]
fn shown(gateway: &Gateway, name: &str) -> serde_json::Value {
    parsed(&plans(gateway, &["show", name, "--format", "json"]))
}

#[test]
fn a_plan_is_made_changed_and_removed() {
    let gateway = gateway();
    assert!(plans(&gateway, &["list"]).contains("tollgate plans create makes one"));
    let limits = ["--stage", "default", "--rate", "0.5", "--burst", "2", "--quota", "100/week", "--quota-offset", "3"];
    let id = plan(&gateway, "basic", &limits);
    let made = shown(&gateway, "basic");
    assert_eq!((&made["id"], &made["throttle"]), (&json!(id), &json!({"burstLimit": 2, "rateLimit": 0.5})));
    assert_eq!(made["quota"], json!({"limit": 100, "offset": 3, "period": "WEEK"}));
    assert_eq!(made["apiStages"], json!([{"apiId": "api1", "stage": "default"}]));
    let listed = plans(&gateway, &["list"]);
    assert!(listed.contains("basic  0.5/s, burst 2  100/week, offset 3  shop:default\n"), "{listed}");

    plans(&gateway, &["set", "basic", "--quota", "200/week", "--rate", "7"]);
    let changed = shown(&gateway, &id);
    assert_eq!(changed["quota"], json!({"limit": 200, "offset": 3, "period": "WEEK"}), "the offset has stayed");
    assert_eq!(changed["throttle"], json!({"burstLimit": 2, "rateLimit": 7.0}));
    plans(&gateway, &["set", &id, "--quota", "300/day", "--name", "gold", "--description", "for gold"]);
    assert_eq!(shown(&gateway, "gold")["quota"], json!({"limit": 300, "offset": 0, "period": "DAY"}));
    plans(&gateway, &["set", "gold", "--no-quota", "--no-throttle"]);
    let text = plans(&gateway, &["show", "gold"]);
    for part in
        ["throttle     none\n", "quota        none\n", "description  for gold\n", "stage        shop (api1), default\n"]
    {
        assert!(text.contains(part), "{text}");
    }
    assert!(plans(&gateway, &["set", "gold", "--no-quota"]).ends_with("is so already\n"));

    fails(gateway.command("plans"), &["delete", "gold"], 1, "has a stage, which its keys open");
    assert_eq!(plans(&gateway, &["delete", "gold", "--force"]), format!("gold ({id}): removed\n"));
    fails(gateway.command("plans"), &["show", "gold"], 1, "there is none yet");
}

#[test]
fn a_plan_decides_what_its_keys_open() {
    let gateway = gateway();
    plans(&gateway, &["create", "--name", "basic"]);
    let (_, value) = key(&gateway, &["--name", "web"]);
    assert_eq!(opens(&gateway, &value), 403);
    plans(&gateway, &["add-stage", "basic", "--api", "shop"]);
    let added = plans(&gateway, &["add-key", "basic", "web"]);
    assert!(added.ends_with(" is in it\n"), "{added}");
    assert_eq!(opens(&gateway, &value), 200);
    plans(&gateway, &["remove-key", "basic", "web"]);
    assert_eq!(opens(&gateway, &value), 403);
    plans(&gateway, &["add-key", "basic", "web"]);
    plans(&gateway, &["remove-stage", "basic", "--api", "shop", "--stage", "default"]);
    assert_eq!(opens(&gateway, &value), 403);
}

#[test]
fn limits_hold_at_once() {
    let gateway = gateway();
    plan(&gateway, "basic", &["--rate", "0", "--burst", "1"]);
    let (_, value) = key(&gateway, &["--name", "web", "--plan", "basic"]);
    let answers = |count: usize| (0..count).map(|_| opens(&gateway, &value)).collect::<Vec<_>>();
    assert_eq!(answers(3)[1..], [429, 429]);
    plans(&gateway, &["set", "basic", "--no-throttle"]);
    assert_eq!(answers(3), [200, 200, 200]);
    let method = ["set", "basic", "--api", "api1", "--method", "GET /a"];
    fails(gateway.command("plans"), &[&method[..], &["--rate", "0"]].concat(), 1, "add --burst");
    plans(&gateway, &[&method[..], &["--rate", "0", "--burst", "1"]].concat());
    assert!(plans(&gateway, &["show", "basic"]).contains("  GET /a  0/s, burst 1\n"));
    assert_eq!(answers(3)[1..], [429, 429]);
    plans(&gateway, &[&method[..], &["--no-throttle"]].concat());
    assert_eq!(shown(&gateway, "basic")["apiStages"], json!([{"apiId": "api1", "stage": "default"}]));
    assert_eq!(answers(3), [200, 200, 200]);
}

#[test]
fn what_is_not_clear_is_told() {
    let gateway = Gateway::serve().set("empty", "true").start();
    let file = gateway.path("shop.json").display().to_string();
    gateway.write("shop.json", &keyed("shop").text());
    for stage in ["dev", "prod"] {
        succeeds(gateway.command("deploy"), &[&file, "--api", "shop", "--stage", stage, "--create"]);
    }
    let ids: Vec<String> = ["dev", "prod"].iter().map(|stage| plan(&gateway, "basic", &["--stage", stage])).collect();
    let refused = |arguments: &[&str], code: i32, part: &str| fails(gateway.command("plans"), arguments, code, part);
    let ambiguous = run(gateway.command("plans"), &["show", "basic"]);
    assert_eq!(ambiguous.code(), 1);
    for part in ["2 usage plans are called `basic`: name one by its id", &ids[0], &ids[1], ":prod)"] {
        assert!(ambiguous.stderr.contains(part), "{}", ambiguous.stderr);
    }
    let id = ids[0].as_str();
    refused(&["create", "--name", "a", "--api", "shop"], 1, "it has `dev`, `prod`");
    refused(&["create", "--name", "a", "--api", "toys"], 1, "there is `shop`");
    refused(&["create", "--name", "a", "--rate", "1"], 2, "--burst");
    refused(&["create", "--name", "a", "--rate", "NaN", "--burst", "1"], 2, "write requests per second");
    refused(&["create", "--name", "a", "--quota", "10/year"], 2, "such as 1000/month");
    refused(
        &["create", "--name", "a", "--quota", "10/day", "--quota-offset", "1"],
        1,
        "must be zero in the DAY period",
    );
    refused(&["remove-stage", id, "--api", "shop", "--stage", "prod"], 1, "does not have the stage `prod` of `shop`");
    refused(&["add-stage", id, "--api", "shop", "--stage", "dev"], 1, "is already associated");
    refused(&["set", id], 2, "required arguments");
    refused(&["set", id, "--burst", "1"], 1, "--burst: there is no throttle yet");
    refused(&["set", id, "--quota-offset", "1"], 1, "--quota-offset: there is no quota yet");
    refused(&["set", id, "--api", "shop", "--method", "/a", "--rate", "1"], 2, "such as 'GET /pets/{id}'");
    refused(&["set", id, "--quota", "1/day", "--no-quota"], 2, "cannot be used with");
    refused(&["add-key", id, "web"], 1, "KEY: no API key has");
}
