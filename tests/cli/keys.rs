//! `tollgate keys`: API keys of a running gateway, and what they open.

use serde_json::{Value, json};

use super::{fails, run, succeeds};
use crate::harness::{Api, Gateway, mock};

/// `GET /a` demands an API key.
pub fn keyed(title: &str) -> Api {
    let scheme = json!({"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}});
    Api::new()
        .with("info", json!({"title": title, "version": "1"}))
        .route("GET /a", mock(200, "in"))
        .on("GET /a", "security", json!([{ "api_key": [] }]))
        .with("components", json!({ "securitySchemes": scheme }))
}

pub fn gateway() -> Gateway {
    Gateway::with(&keyed("shop")).start()
}

#[track_caller]
pub fn keys(gateway: &Gateway, arguments: &[&str]) -> String {
    succeeds(gateway.command("keys"), arguments)
}

#[track_caller]
pub fn plans(gateway: &Gateway, arguments: &[&str]) -> String {
    succeeds(gateway.command("plans"), arguments)
}

/// A plan of that name with the API's only stage.
#[track_caller]
pub fn plan(gateway: &Gateway, name: &str, more: &[&str]) -> String {
    plans(gateway, &[&["create", "--name", name, "--api", "shop"], more].concat()).trim().to_owned()
}

/// A new key: its id and its value.
#[track_caller]
pub fn key(gateway: &Gateway, arguments: &[&str]) -> (String, String) {
    pair(&keys(gateway, &[&["create"], arguments].concat()))
}

/// What `create` and `rotate` print.
#[track_caller]
fn pair(printed: &str) -> (String, String) {
    let (id, value) = printed.trim_end().split_once(' ').expect("an id and a value");
    assert_eq!(printed.lines().count(), 1, "{printed}");
    (id.to_owned(), value.to_owned())
}

/// What a request with the key is answered.
#[track_caller]
pub fn opens(gateway: &Gateway, value: &str) -> u16 {
    gateway.exchange(format!("GET /a HTTP/1.1\r\nHost: a.test\r\nx-api-key: {value}\r\n\r\n")).status()
}

#[track_caller]
pub fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn a_key_is_made_shown_disabled_and_revoked() {
    let gateway = gateway();
    plan(&gateway, "basic", &[]);
    assert!(keys(&gateway, &["list"]).contains("tollgate keys create makes one"));
    let (id, value) = key(&gateway, &["--name", "web", "--plan", "basic", "--customer", "c1", "--tag", "team=a=b"]);
    assert_eq!((value.len(), opens(&gateway, &value)), (40, 200));

    let listed = keys(&gateway, &["list", "--format", "table"]);
    assert!(listed.starts_with("ID ") && listed.contains(&id) && listed.contains("  web   yes      c1 "), "{listed}");
    let shown = keys(&gateway, &["show", "web"]);
    assert!(shown.contains("plans        basic (") && shown.contains("tags         team=a=b\n"), "{shown}");
    let as_json = keys(&gateway, &["list", "--name", "we", "--format", "json"]);
    assert_eq!(parsed(&as_json)[0]["id"], json!(id));
    for told in [listed, shown, as_json, keys(&gateway, &["show", &id, "--format", "json"])] {
        assert!(!told.contains(&value), "{told}");
    }
    assert!(keys(&gateway, &["show", &id, "--show-value"]).ends_with(&format!("value        {value}\n")));
    let shown = parsed(&keys(&gateway, &["show", "web", "--show-value", "--format", "json"]));
    assert_eq!((&shown["value"], &shown["usagePlans"][0]["name"]), (&json!(value), &json!("basic")));

    assert_eq!(keys(&gateway, &["disable", "web"]), format!("web ({id}): disabled\n"));
    assert_eq!(opens(&gateway, &value), 403);
    assert_eq!(keys(&gateway, &["enable", &id]), format!("web ({id}): enabled\n"));
    assert_eq!(opens(&gateway, &value), 200);
    assert_eq!(keys(&gateway, &["revoke", "web"]), format!("web ({id}): revoked\n"));
    assert_eq!(opens(&gateway, &value), 403);
    fails(gateway.command("keys"), &["show", "web"], 1, "no API key has the id or the name `web`; tollgate keys list");
}

#[test]
fn a_value_may_be_given() {
    let gateway = gateway();
    plan(&gateway, "basic", &[]);
    let value = "a value of its own, with spaces";
    let create = gateway.command("keys").input(&format!("{value}\n"));
    let printed = succeeds(create, &["create", "--name", "web", "--plan", "basic", "--value-stdin"]);
    assert_eq!(pair(&printed).1, value);
    assert_eq!(opens(&gateway, value), 200);
    let other = "another-value-of-a-key";
    let printed = keys(&gateway, &["create", "--name", "other", "--value", other, "--disabled", "--format", "json"]);
    assert_eq!(parsed(&printed)["value"], other);
    assert!(keys(&gateway, &["show", "other"]).contains("enabled      no\nplans        none: it opens nothing\n"));

    fails(gateway.command("keys"), &["create", "--name", "web", "--value-stdin"], 1, "--value-stdin: the first line");
    for (wrong, reason) in [(other, "API Key already exists"), ("short-secret", "should be at least 20 characters")] {
        let refused = run(gateway.command("keys"), &["create", "--name", "web", "--value", wrong]);
        assert_eq!(refused.code(), 1);
        assert!(refused.stderr.contains(reason) && !refused.stderr.contains(wrong), "{}", refused.stderr);
    }
    // A value in the place of an id is not repeated.
    let refused = run(gateway.command("keys"), &["show", other]);
    assert_eq!(refused.code(), 1);
    assert!(refused.stderr.contains("of 22 characters") && !refused.stderr.contains(other), "{}", refused.stderr);
    assert!(!gateway.output().contains(value) && !gateway.output().contains(other));
}

#[test]
fn a_key_is_rotated() {
    let gateway = gateway();
    plan(&gateway, "basic", &[]);
    let (old, old_value) = key(&gateway, &["--name", "web", "--plan", "basic", "--customer", "c1", "--tag", "a=b"]);
    let rotated = run(gateway.command("keys"), &["rotate", "web"]);
    assert_eq!(rotated.code(), 0, "{}", rotated.stderr);
    let (new, new_value) = pair(&rotated.stdout);
    assert!(rotated.stderr.contains(&format!("tollgate keys revoke {old} ends it")), "{}", rotated.stderr);
    assert_eq!([&old_value, &new_value].map(|value| opens(&gateway, value)), [200, 200]);
    let shown = |id: &str| parsed(&keys(&gateway, &["show", id, "--format", "json"]));
    let (before, after) = (shown(&old), shown(&new));
    for member in ["name", "customerId", "tags", "usagePlans", "enabled"] {
        assert_eq!(after[member], before[member], "{member}");
    }

    let ambiguous = run(gateway.command("keys"), &["rotate", "web"]);
    assert_eq!(ambiguous.code(), 1);
    for part in ["2 API keys are called `web`: name one by its id", &old, &new] {
        assert!(ambiguous.stderr.contains(part), "{}", ambiguous.stderr);
    }
    let third = pair(&keys(&gateway, &["rotate", &new, "--disable-old"]));
    assert_eq!([&new_value, &third.1].map(|value| opens(&gateway, value)), [403, 200]);
    assert_eq!(shown(&new)["enabled"], json!(false));
    let fourth = pair(&keys(&gateway, &["rotate", &third.0, "--revoke-old"]));
    assert_eq!([&third.1, &fourth.1].map(|value| opens(&gateway, value)), [403, 200]);
    fails(gateway.command("keys"), &["show", &third.0], 1, "no API key has");
    assert_eq!(keys(&gateway, &["list", "--plan", "basic", "--format", "json"]).matches("\"web\"").count(), 3);
}

#[test]
fn a_key_that_cannot_be_in_its_plans_is_not_made() {
    let gateway = gateway();
    plan(&gateway, "basic", &[]);
    plan(&gateway, "gold", &[]);
    let both = ["create", "--name", "web", "--plan", "basic", "--plan", "gold"];
    fails(gateway.command("keys"), &both, 1, "the key cannot be in the plan gold (");
    fails(gateway.command("keys"), &["create", "--name", "web", "--plan", "free"], 1, "there is `basic`, `gold`");
    assert_eq!(keys(&gateway, &["list", "--format", "json"]), "[]\n");
}

#[test]
fn keys_are_imported_and_listed_by_plan() {
    let gateway = gateway();
    let basic = plan(&gateway, "basic", &[]);
    let rows: String = (0..600).map(|at| format!("key{at:03},value-of-the-imported-key-{at:03},{basic}\n")).collect();
    gateway.write("keys.csv", &format!("name,key,usagePlanIds\n{rows}"));
    let file = gateway.path("keys.csv").display().to_string();
    let ids = keys(&gateway, &["import", &file, "--fail-on-warnings"]);
    assert_eq!(ids.lines().count(), 600);
    assert_eq!(opens(&gateway, "value-of-the-imported-key-599"), 200);
    keys(&gateway, &["create", "--name", "key1-other"]);
    let count = |arguments: &[&str]| {
        let listed = keys(&gateway, &[&["list", "--format", "json"], arguments].concat());
        parsed(&listed).as_array().expect("a list").len()
    };
    assert_eq!([count(&[]), count(&["--plan", "basic"])], [601, 600]);
    assert_eq!([count(&["--name", "key1"]), count(&["--name", "key1", "--plan", &basic])], [101, 100]);

    let wrong = "name,key\ngood,value-of-a-good-key-000\nbad,short-secret\n";
    let import =
        |arguments: &[&str]| run(gateway.command("keys").input(wrong), &[&["import", "-"], arguments].concat());
    let refused = import(&["--fail-on-warnings"]);
    assert_eq!(refused.code(), 1);
    assert!(refused.stderr.contains("Row 3: ") && !refused.stderr.contains("short-secret"), "{}", refused.stderr);
    let taken = import(&[]);
    assert_eq!((taken.code(), taken.stdout.lines().count()), (0, 1), "{}", taken.stderr);
    assert!(taken.stderr.starts_with("warning: Row 3: "), "{}", taken.stderr);
    fails(gateway.command("keys").input("name,key\na,short\n"), &["import", "-"], 1, "no row of which a key");
    fails(gateway.command("keys"), &["import", "none.csv"], 1, "FILE: cannot read `none.csv`");
}

#[test]
fn status_has_nothing_against_keys_and_throttles() {
    let gateway = gateway();
    plan(&gateway, "basic", &["--rate", "1", "--burst", "1", "--quota", "1/day"]);
    let operation = |path: &str| json!({ "op": "replace", "path": path, "value": "100" });
    let throttle = ["/*/*/throttling/rateLimit", "/*/*/throttling/burstLimit"].map(operation);
    gateway.manage("PATCH", "/restapis/api1/stages/default", &json!({ "patchOperations": throttle }));
    let status = parsed(&succeeds(gateway.command("status"), &["--format", "json"]));
    let stage = &status["apis"][0]["stages"][0];
    assert_eq!((&stage["served"], &stage["denied"]), (&json!(true), &json!([])), "{stage}");
}

#[test]
fn wrong_words_are_told() {
    let gateway = gateway();
    fails(gateway.command("keys"), &["create"], 2, "--name");
    fails(gateway.command("keys"), &["create", "--name", "a", "--tag", "b"], 2, "write NAME=VALUE");
    fails(
        gateway.command("keys"),
        &["create", "--name", "a", "--value", "b", "--value-stdin"],
        2,
        "cannot be used with",
    );
    fails(gateway.command("keys"), &["rotate", "a", "--revoke-old", "--disable-old"], 2, "cannot be used with");
    fails(gateway.command("keys"), &["show", ""], 1, "no API key has the id or the name ``");
    fails(gateway.command("keys"), &["list", "--plan", "a/../b"], 1, "there is none yet: tollgate plans create");
    fails(gateway.command("keys"), &["show", "a", "--admin-url", "http://127.0.0.1:1"], 1, "no gateway answers at");
}
