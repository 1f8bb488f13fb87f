//! Usage plans: how much their keys may call, and how that is told and changed.

use serde_json::{Value, json};

use crate::harness::gateway::Start;
use crate::harness::{Api, Client, Driver, Gateway, Message, mock, wait_until};

on_both_drivers! {
    a_quota_is_used_up_and_extended,
    counts_outlive_a_killed_process,
    exactly_the_quota_passes_on_all_shards,
    a_quota_changes_its_period,
    keys_and_plans_that_go_leave_nothing,
    a_store_that_is_emptied_or_restored,
    one_membership_too_many_is_refused,
    a_plans_throttle_is_each_keys_own,
    a_plan_throttles_single_methods,
    a_plan_throttles_every_method,
    a_key_without_quota_takes_nothing_of_others,
    a_stage_throttles_its_methods,
    the_account_is_throttled,
    a_throttled_request_is_not_counted,
    the_log_names_whom_a_limit_met,
}

const VALUE: &str = "aB3-value-of-the-first-key";
const OTHER: &str = "aB3-value-of-another-key-";

/// `GET /a` and `GET /b` demand a key, `GET /open` does not.
fn keyed() -> Api {
    let security = json!([{ "api_key": [] }]);
    Api::new()
        .route("GET /a", mock(200, "in"))
        .on("GET /a", "security", security.clone())
        .route("GET /b", mock(200, "in"))
        .on("GET /b", "security", security)
        .route("GET /open", mock(200, "open"))
        .with(
            "components",
            json!({"securitySchemes": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}}),
        )
}

fn gateway(driver: Driver) -> Start {
    Gateway::with(&keyed()).driver(driver)
}

/// With a store in a folder that outlives the process.
fn durable(driver: Driver, data: &tempfile::TempDir) -> Start {
    gateway(driver).arg("--data").arg(data.path().display().to_string())
}

/// A plan for the stage with further members; its id.
fn plan(gateway: &Gateway, members: Value) -> String {
    let mut body = json!({ "name": "plan", "apiStages": [{ "apiId": "api1", "stage": "default" }] });
    let members = members.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(members);
    id(&gateway.manage("POST", "/usageplans", &body))
}

fn daily(limit: u32) -> Value {
    json!({ "quota": { "limit": limit, "period": "DAY" } })
}

fn key(gateway: &Gateway, value: &str) -> String {
    id(&gateway.manage("POST", "/apikeys", &json!({ "name": "key", "value": value, "enabled": true })))
}

fn attach(gateway: &Gateway, plan: &str, key: &str) {
    gateway.manage("POST", &format!("/usageplans/{plan}/keys"), &json!({ "keyId": key, "keyType": "API_KEY" }));
}

fn key_in(gateway: &Gateway, plan: &str, value: &str) -> String {
    let key = key(gateway, value);
    attach(gateway, plan, &key);
    key
}

fn id(created: &Value) -> String {
    created["id"].as_str().expect("it has an id").to_owned()
}

fn patch(gateway: &Gateway, path: &str, operations: &[(&str, &str, &str)]) -> Value {
    let operation = |(op, path, value): &(&str, &str, &str)| json!({ "op": op, "path": path, "value": value });
    let operations: Vec<Value> = operations.iter().map(operation).collect();
    gateway.manage("PATCH", path, &json!({ "patchOperations": operations }))
}

fn remaining(gateway: &Gateway, plan: &str, key: &str, requests: u32) -> Value {
    let path = format!("/usageplans/{plan}/keys/{key}/usage");
    last_day(&patch(gateway, &path, &[("replace", "/remaining", &requests.to_string())]), key)
}

/// `[used, remaining]` of today, as `GetUsage` has it. A test that goes past midnight sees tomorrow's.
fn usage(gateway: &Gateway, plan: &str, key: &str) -> Value {
    let today = today();
    let path = format!("/usageplans/{plan}/usage?startDate={today}&endDate={today}");
    last_day(&gateway.manage("GET", &path, &Value::Null), key)
}

fn last_day(usage: &Value, key: &str) -> Value {
    usage["values"][key].as_array().and_then(|days| days.last()).cloned().unwrap_or(Value::Null)
}

/// As the gateway has it, in UTC.
fn today() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is after 1970");
    let seconds = libc::time_t::try_from(now.as_secs()).expect("it fits");
    let output = std::process::Command::new("date").args(["-u", "+%F", "-d", &format!("@{seconds}")]).output();
    String::from_utf8(output.expect("there is a date").stdout).expect("text").trim().to_owned()
}

fn send(client: &mut Client, target: &str, value: &str) -> Message {
    client.exchange(format!("GET {target} HTTP/1.1\r\nHost: a.test\r\nx-api-key: {value}\r\n\r\n"))
}

/// The statuses of so many requests on a connection.
fn statuses(gateway: &Gateway, target: &str, value: &str, requests: usize) -> Vec<u16> {
    let client = &mut gateway.connect();
    (0..requests).map(|_| send(client, target, value).status()).collect()
}

/// How many of a few requests pass; those that do come first.
#[track_caller]
fn passed(gateway: &Gateway, target: &str, value: &str) -> usize {
    let statuses = statuses(gateway, target, value, 8);
    let passed = statuses.iter().take_while(|status| **status == 200).count();
    assert!(statuses[passed..].iter().all(|status| *status == 429), "{statuses:?}");
    passed
}

#[track_caller]
fn check_limit_exceeded(answer: &Message) {
    assert_eq!((answer.status(), answer.text()), (429, r#"{"message":"Limit Exceeded"}"#));
    assert_eq!(answer.field("x-amzn-errortype"), Some("LimitExceededException"));
}

#[track_caller]
fn check_too_many_requests(answer: &Message) {
    assert_eq!((answer.status(), answer.text()), (429, r#"{"message":"Too Many Requests"}"#));
    assert_eq!(answer.field("x-amzn-errortype"), Some("TooManyRequestsException"));
}

fn a_quota_is_used_up_and_extended(driver: Driver) {
    let gateway = gateway(driver).start();
    let plan = plan(&gateway, daily(3));
    let (key, other) = (key_in(&gateway, &plan, VALUE), key_in(&gateway, &plan, OTHER));
    assert_eq!(usage(&gateway, &plan, &key), json!([0, 3]));
    assert_eq!(passed(&gateway, "/a", VALUE), 3);
    check_limit_exceeded(&send(&mut gateway.connect(), "/b", VALUE));
    assert_eq!([usage(&gateway, &plan, &key), usage(&gateway, &plan, &other)], [json!([3, 0]), json!([0, 3])]);
    assert_eq!(remaining(&gateway, &plan, &key, 2), json!([3, 2]));
    assert_eq!([passed(&gateway, "/a", VALUE), passed(&gateway, "/a", OTHER)], [2, 3]);
    assert_eq!(usage(&gateway, &plan, &key), json!([5, 0]));
    // Of a quota that has become less than what was used.
    patch(&gateway, &format!("/usageplans/{plan}"), &[("replace", "/quota/limit", "1")]);
    assert_eq!(usage(&gateway, &plan, &key), json!([5, 0]));
    assert_eq!(remaining(&gateway, &plan, &key, 1), json!([5, 1]));
    assert_eq!(passed(&gateway, "/a", VALUE), 1);
    assert_eq!(remaining(&gateway, &plan, &key, 7), json!([6, 7]));
    assert_eq!(remaining(&gateway, &plan, &key, 0), json!([6, 0]));
    assert_eq!(passed(&gateway, "/a", VALUE), 0);
    let template =
        json!({ "QUOTA_EXCEEDED": { "statusCode": 420, "responseTemplates": { "application/json": "used up" } } });
    gateway.write("api0.yaml", &keyed().with("x-amazon-apigateway-gateway-responses", template).text());
    assert_eq!(gateway.reload().status(), 200);
    let own = send(&mut gateway.connect(), "/a", VALUE);
    assert_eq!((own.status(), own.text()), (420, "used up"));
    assert!(gateway.metric(r#"throttled_requests_total{scope="quota"}"#) > 10.0);
}

fn counts_outlive_a_killed_process(driver: Driver) {
    let data = tempfile::tempdir().expect("a temporary folder");
    let mut gateway = durable(driver, &data).start();
    let plan = plan(&gateway, daily(4));
    let key = key_in(&gateway, &plan, VALUE);
    assert_eq!(statuses(&gateway, "/a", VALUE, 3), [200; 3]);
    remaining(&gateway, &plan, &key, 3);
    for left in (0..=3).rev() {
        gateway.signal(libc::SIGKILL);
        gateway.exit_code();
        gateway = durable(driver, &data).start();
        assert_eq!(usage(&gateway, &plan, &key), json!([6 - left, left]));
        let expected = if left > 0 { 200 } else { 429 };
        assert_eq!(statuses(&gateway, "/a", VALUE, 1), [expected]);
    }
    // Without its counters, a store is served all the same.
    gateway.signal(libc::SIGTERM);
    assert_eq!(gateway.exit_code(), Some(0));
    std::fs::remove_file(data.path().join("usage")).expect("it is there");
    let gateway = durable(driver, &data).start();
    assert_eq!(usage(&gateway, &plan, &key), json!([0, 6]));
    assert_eq!(passed(&gateway, "/a", VALUE), 6);
}

fn exactly_the_quota_passes_on_all_shards(driver: Driver) {
    let gateway = gateway(driver).shards(2).start();
    let plan = plan(&gateway, daily(100));
    let key = key_in(&gateway, &plan, VALUE);
    let passed_together = || -> usize {
        std::thread::scope(|scope| {
            let of_one = || statuses(&gateway, "/a", VALUE, 30).iter().filter(|status| **status == 200).count();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(of_one)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        })
    };
    assert_eq!(passed_together(), 100);
    assert_eq!(usage(&gateway, &plan, &key), json!([100, 0]));
    remaining(&gateway, &plan, &key, 50);
    assert_eq!(passed_together(), 50);
    assert_eq!(usage(&gateway, &plan, &key), json!([150, 0]));
}

fn a_quota_changes_its_period(driver: Driver) {
    let gateway = gateway(driver).start();
    let plan = plan(&gateway, json!({}));
    let key = key_in(&gateway, &plan, VALUE);
    let path = format!("/usageplans/{plan}");
    assert_eq!(statuses(&gateway, "/a", VALUE, 5), [200; 5]);
    // What was counted before there was a quota is in it.
    patch(&gateway, &path, &[("add", "/quota/limit", "7"), ("add", "/quota/period", "DAY")]);
    assert_eq!(usage(&gateway, &plan, &key), json!([5, 2]));
    assert_eq!(passed(&gateway, "/a", VALUE), 2);
    patch(&gateway, &path, &[("replace", "/quota/limit", "9"), ("replace", "/quota/period", "MONTH")]);
    assert_eq!(passed(&gateway, "/a", VALUE), 2);
    patch(&gateway, &path, &[("replace", "/quota/period", "WEEK"), ("replace", "/quota/offset", "3")]);
    assert_eq!((passed(&gateway, "/a", VALUE), usage(&gateway, &plan, &key)), (0, json!([9, 0])));
    gateway.manage("PATCH", &path, &json!({ "patchOperations": [{ "op": "remove", "path": "/quota" }] }));
    assert_eq!(passed(&gateway, "/a", VALUE), 8);
}

fn keys_and_plans_that_go_leave_nothing(driver: Driver) {
    let gateway = gateway(driver).set("quota.memberships_max", 1).start();
    let first = plan(&gateway, daily(3));
    let key = key_in(&gateway, &first, VALUE);
    assert_eq!(passed(&gateway, "/a", VALUE), 3);
    // One record is all that there is: each of these would be refused if the one before had not given it back.
    gateway.manage("DELETE", &format!("/usageplans/{first}/keys/{key}"), &Value::Null);
    assert_eq!(statuses(&gateway, "/a", VALUE, 1), [403]);
    attach(&gateway, &first, &key);
    assert_eq!((usage(&gateway, &first, &key), passed(&gateway, "/a", VALUE)), (json!([0, 3]), 3));
    let stage = json!({ "patchOperations": [{ "op": "remove", "path": "/apiStages", "value": "api1:default" }] });
    gateway.manage("PATCH", &format!("/usageplans/{first}"), &stage);
    assert_eq!((statuses(&gateway, "/a", VALUE, 1), usage(&gateway, &first, &key)), (vec![403], json!([3, 0])));
    gateway.manage("DELETE", &format!("/usageplans/{first}"), &Value::Null);
    let second = plan(&gateway, daily(2));
    attach(&gateway, &second, &key);
    assert_eq!((usage(&gateway, &second, &key), passed(&gateway, "/a", VALUE)), (json!([0, 2]), 2));
    gateway.manage("DELETE", &format!("/apikeys/{key}"), &Value::Null);
    key_in(&gateway, &second, VALUE);
    assert_eq!(passed(&gateway, "/a", VALUE), 2);
}

fn a_store_that_is_emptied_or_restored(driver: Driver) {
    let gateway = gateway(driver).set("quota.memberships_max", 2).set("management.reset", "true").start();
    let first = plan(&gateway, daily(3));
    let key = key_in(&gateway, &first, VALUE);
    assert_eq!(passed(&gateway, "/a", VALUE), 3);
    let backup = gateway.admin("GET /backup").text().to_owned();
    let restore = || {
        let answer = gateway.management("POST", "/restore", "application/x-ndjson", &backup);
        assert_eq!(answer.status(), 200, "{}", answer.text());
    };
    // Who stays in the plan has used what it has used.
    restore();
    assert_eq!((passed(&gateway, "/a", VALUE), usage(&gateway, &first, &key)), (0, json!([3, 0])));
    for _ in 0..3 {
        key_in(&gateway, &first, OTHER);
        gateway.manage("POST", "/reset", &Value::Null);
        assert_eq!(gateway.manage("GET", "/apikeys", &Value::Null)["item"], json!([]));
        restore();
        assert_eq!((passed(&gateway, "/a", VALUE), statuses(&gateway, "/a", OTHER, 1)), (3, vec![403]));
    }
}

fn one_membership_too_many_is_refused(driver: Driver) {
    let gateway = gateway(driver).set("quota.memberships_max", 2).start();
    let plan = plan(&gateway, daily(3));
    let first = key_in(&gateway, &plan, VALUE);
    let third = key(&gateway, OTHER);
    // Two at once, of which one has a place: neither is there afterwards, and the place is free.
    let rows = format!("name,key,usageplanIds\na,{:030},{plan}\nb,{:030},{plan}\n", 1, 2);
    let refused = gateway.management("POST", "/apikeys?mode=import&format=csv", "text/csv", &rows);
    assert_eq!(refused.status(), 429, "{}", refused.text());
    assert!(refused.text().contains("there are 2 API keys in usage plans already"), "{}", refused.text());
    let keys = || gateway.manage("GET", &format!("/usageplans/{plan}/keys"), &Value::Null)["item"].clone();
    assert_eq!(keys().as_array().map(Vec::len), Some(1));
    key_in(&gateway, &plan, &format!("{:030}", 3));
    let body = json!({ "keyId": third, "keyType": "API_KEY" }).to_string();
    let attach_third = || gateway.management("POST", &format!("/usageplans/{plan}/keys"), "application/json", &body);
    let refused = attach_third();
    assert_eq!((refused.status(), refused.field("x-amzn-errortype")), (429, Some("LimitExceededException")));
    assert_eq!((keys().as_array().map(Vec::len), statuses(&gateway, "/a", OTHER, 1)), (Some(2), vec![403]));
    gateway.manage("DELETE", &format!("/apikeys/{first}"), &Value::Null);
    assert_eq!(attach_third().status(), 201);
    assert_eq!(passed(&gateway, "/a", OTHER), 3);
}

/// So slow that a test sees the burst alone.
fn burst(requests: u32) -> Value {
    json!({ "rateLimit": 0.001, "burstLimit": requests })
}

fn a_plans_throttle_is_each_keys_own(driver: Driver) {
    let gateway = gateway(driver).shards(2).start();
    let plan = plan(&gateway, json!({ "throttle": burst(2) }));
    key_in(&gateway, &plan, VALUE);
    key_in(&gateway, &plan, OTHER);
    let clients = &mut [gateway.connect(), gateway.connect()];
    let answers: Vec<Message> = (0..6).map(|number| send(&mut clients[number % 2], "/a", VALUE)).collect();
    assert_eq!(answers.iter().map(Message::status).collect::<Vec<_>>(), [200, 200, 429, 429, 429, 429]);
    check_too_many_requests(&answers[2]);
    assert_eq!(passed(&gateway, "/b", OTHER), 2);
    assert_eq!(gateway.metric(r#"throttled_requests_total{scope="usage_plan"}"#), 10.0);
    // What the old rate would have made wait for minutes comes with the new one.
    patch(&gateway, &format!("/usageplans/{plan}"), &[("replace", "/throttle/rateLimit", "1000000")]);
    wait_until("a token of the new rate", || statuses(&gateway, "/a", VALUE, 1) == [200]);
}

fn a_plan_throttles_single_methods(driver: Driver) {
    let gateway = gateway(driver).start();
    let stage = json!({ "apiId": "api1", "stage": "default", "throttle": { "/a/GET": burst(2) } });
    let plan = plan(&gateway, json!({ "throttle": burst(5), "apiStages": [stage] }));
    key_in(&gateway, &plan, VALUE);
    key_in(&gateway, &plan, OTHER);
    // A method's requests are the plan's as well.
    assert_eq!([passed(&gateway, "/a", VALUE), passed(&gateway, "/b", VALUE)], [2, 3]);
    assert_eq!([passed(&gateway, "/a", OTHER), passed(&gateway, "/a", OTHER)], [2, 0]);
    check_too_many_requests(&send(&mut gateway.connect(), "/a", OTHER));
    assert!(gateway.metric(r#"throttled_requests_total{scope="usage_plan_method"}"#) > 0.0);
}

fn a_plan_throttles_every_method(driver: Driver) {
    let gateway = gateway(driver).start();
    let limit = |burst: u32| json!({ "rateLimit": 0.001, "burstLimit": burst });
    let stages = json!({ "apiStages": [{
        "apiId": "api1", "stage": "default", "throttle": { "/*/*": limit(1), "/b/GET": limit(2) },
    }] });
    key_in(&gateway, &plan(&gateway, stages), VALUE);
    let status = |target: &str| {
        gateway.exchange(format!("GET {target} HTTP/1.1\r\nHost: a\r\nx-api-key: {VALUE}\r\n\r\n")).status()
    };
    wait_until("the key", || status("/a") != 403);
    assert_eq!(["/a", "/b", "/b", "/b"].map(status), [429, 200, 200, 429]);
}

/// Whose quota is used up is refused before the tokens that all share are taken.
fn a_key_without_quota_takes_nothing_of_others(driver: Driver) {
    let settings = json!({ "*/*": { "throttlingRateLimit": 0.001, "throttlingBurstLimit": 3 } });
    let api = keyed().with("x-tollgate-stages", json!({ "default": { "methodSettings": settings } }));
    let gateway = Gateway::with(&api).driver(driver).start();
    key_in(&gateway, &plan(&gateway, daily(1)), VALUE);
    key_in(&gateway, &plan(&gateway, json!({ "name": "other" })), OTHER);
    let status =
        |value: &str| gateway.exchange(format!("GET /a HTTP/1.1\r\nHost: a\r\nx-api-key: {value}\r\n\r\n")).status();
    assert_eq!(
        [VALUE, VALUE, VALUE, VALUE, VALUE, OTHER, OTHER, OTHER].map(status),
        [200, 429, 429, 429, 429, 200, 200, 429]
    );
}

fn a_stage_throttles_its_methods(driver: Driver) {
    let settings = json!({
        "*/*": { "throttlingRateLimit": 0.001, "throttlingBurstLimit": 3 },
        "/a/GET": { "throttlingRateLimit": 0.001, "throttlingBurstLimit": 2 },
    });
    let api = keyed().with("x-tollgate-stages", json!({ "default": { "methodSettings": settings } }));
    let gateway = Gateway::with(&api).driver(driver).shards(2).start();
    let plan = plan(&gateway, json!({}));
    key_in(&gateway, &plan, VALUE);
    key_in(&gateway, &plan, OTHER);
    // All callers together.
    assert_eq!([passed(&gateway, "/a", VALUE), passed(&gateway, "/a", OTHER)], [2, 0]);
    check_too_many_requests(&send(&mut gateway.connect(), "/a", OTHER));
    assert_eq!([passed(&gateway, "/open", ""), passed(&gateway, "/open", VALUE)], [3, 0]);
    assert!(gateway.metric(r#"throttled_requests_total{scope="method"}"#) > 0.0);
}

fn the_account_is_throttled(driver: Driver) {
    let gateway = gateway(driver).set("throttle.account_rate_limit", 1).set("throttle.account_burst_limit", 2).start();
    let client = &mut gateway.connect();
    // However long each takes, they come faster than one a second.
    let answers: Vec<Message> = (0..50).map(|_| client.get("/open")).collect();
    assert_eq!([answers[0].status(), answers[1].status()], [200, 200]);
    let throttled = answers.iter().find(|answer| answer.status() != 200).expect("one waits");
    check_too_many_requests(throttled);
    assert!(gateway.metric(r#"throttled_requests_total{scope="account"}"#) > 0.0);
}

fn a_throttled_request_is_not_counted(driver: Driver) {
    let gateway = gateway(driver).start();
    let plan = plan(&gateway, json!({ "throttle": burst(2), "quota": { "limit": 5, "period": "DAY" } }));
    let key = key_in(&gateway, &plan, VALUE);
    assert_eq!(passed(&gateway, "/a", VALUE), 2);
    check_too_many_requests(&send(&mut gateway.connect(), "/a", VALUE));
    assert_eq!(usage(&gateway, &plan, &key), json!([2, 3]));
}

fn the_log_names_whom_a_limit_met(driver: Driver) {
    let gateway = gateway(driver).start();
    let plan = plan(&gateway, daily(1));
    let key = key_in(&gateway, &plan, VALUE);
    assert_eq!(statuses(&gateway, "/a", VALUE, 2), [200, 429]);
    assert_eq!(statuses(&gateway, "/a", OTHER, 1), [403]);
    let log = gateway.log(3);
    let named = log.iter().map(|line| (line["status"].clone(), line["apiKeyId"].clone()));
    let expected = [(200, json!(key)), (429, json!(key)), (403, Value::Null)];
    assert!(named.eq(expected.map(|(status, key)| (json!(status), key))), "{log:?}");
}
