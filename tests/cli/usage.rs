//! `tollgate usage`: what the keys of a running gateway have used, and have left.

use serde_json::{Value, json};

use super::keys::{gateway, key, opens, parsed, plan};
use super::{fails, run, succeeds};
use crate::harness::Gateway;

#[track_caller]
fn usage(gateway: &Gateway, arguments: &[&str]) -> Value {
    parsed(&succeeds(gateway.command("usage"), &[&["--format", "json"], arguments].concat()))
}

#[test]
fn what_is_left_is_told_and_granted() {
    let gateway = gateway();
    let basic = plan(&gateway, "basic", &["--quota", "10/month"]);
    let (id, value) = key(&gateway, &["--name", "web", "--plan", "basic"]);
    key(&gateway, &["--name", "other", "--plan", "basic"]);
    assert_eq!([opens(&gateway, &value), opens(&gateway, &value)], [200, 200]);
    let told = usage(&gateway, &["--plan", "basic", "--key", "web"]);
    let row = &told[0];
    assert_eq!((&row["usagePlanId"], &row["keyId"], &row["keyName"]), (&json!(basic), &json!(id), &json!("web")));
    assert_eq!((&row["used"], &row["remaining"]), (&json!(2), &json!(8)));
    assert_eq!(usage(&gateway, &["--key", "web"]), told);
    assert_eq!(usage(&gateway, &[]).as_array().map(Vec::len), Some(2));

    let granted = ["grant", "--plan", "basic", "--key", "web", "--remaining", "1"];
    let told = succeeds(gateway.command("usage"), &granted);
    assert_eq!(told, format!("basic ({basic}), web ({id}): 1 remaining, 2 used today\n"));
    assert_eq!([opens(&gateway, &value), opens(&gateway, &value)], [200, 429]);

    let days = usage(&gateway, &["--plan", &basic, "--from", "2020-02-28", "--to", "2020-03-01"]);
    let rows = days.as_array().expect("a list");
    assert_eq!((rows.len(), &rows[1]["day"], &rows[1]["remaining"]), (6, &json!("2020-02-29"), &json!(10)));
    let table = succeeds(gateway.command("usage"), &["--key", &id, "--from", "2020-02-28", "--to", "2020-02-28"]);
    assert!(table.contains(&format!("basic ({basic})  web ({id})  2020-02-28  0     10\n")), "{table}");
}

#[test]
fn what_has_no_usage_is_told() {
    let gateway = gateway();
    plan(&gateway, "free", &[]);
    let counted = plan(&gateway, "basic", &["--quota", "10/day"]);
    let (id, _) = key(&gateway, &["--name", "web", "--plan", "free"]);
    let refused = |arguments: &[&str], code: i32, part: &str| fails(gateway.command("usage"), arguments, code, part);
    refused(&["--plan", "free"], 1, "has no quota, of which usage could be told: tollgate plans set ");
    refused(&["--plan", "basic", "--key", "web"], 1, &format!("tollgate plans add-key {counted} {id}"));
    refused(&["grant", "--plan", "basic", "--key", "web", "--remaining", "1"], 1, "is not in the plan");
    refused(&["grant", "--plan", "free", "--key", "web", "--remaining", "1"], 1, "has no quota");
    refused(&["grant", "--plan", "free", "--key", "web"], 2, "--remaining");
    refused(&["grant", "--plan", "free", "--key", "web", "--remaining", "-1"], 2, "-1");
    refused(&["--from", "yesterday"], 2, "write a day such as 2026-11-25");
    refused(&["--from", "2026-11-02", "--to", "2026-11-01"], 1, "--from: 2026-11-02 is after the last day");
    refused(&["--plan", "basic", "--from", "2025-01-01", "--to", "2026-01-01"], 1, "more than 90 days");
    let nothing = run(gateway.command("usage"), &[]);
    assert_eq!(nothing.code(), 0);
    assert!(
        nothing.stderr.contains("free (") && nothing.stdout.contains("no key in such a plan"),
        "{}",
        nothing.stderr
    );
}
