//! API keys: which requests they open a method for, and how soon.

use serde_json::{Value, json};

use crate::harness::gateway::Start;
use crate::harness::{Api, Backend, Client, Driver, Gateway, Message, http_proxy, mock};

on_both_drivers! {
    a_method_that_demands_a_key_is_closed_without_one,
    a_key_is_live_when_its_call_is_answered,
    on_every_shard_at_once,
    a_key_opens_the_stages_of_its_plans_alone,
    canaries_and_stages_that_go,
    keys_from_a_file,
    the_key_is_asked_for_before_anything_else_is_checked,
    what_integrations_see_of_a_key,
    logs_and_errors_have_no_key,
    keys_outlive_the_process,
}

const VALUE: &str = "aB3-value-of-the-first-key";
const OTHER: &str = "aB3-value-of-another-key-";

/// `GET /a` demands a key, `GET /open` does not.
fn keyed() -> Api {
    Api::new()
        .route("GET /a", mock(200, "in"))
        .on("GET /a", "security", json!([{ "api_key": [] }]))
        .route("GET /open", mock(200, "open"))
        .with(
            "components",
            json!({"securitySchemes": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}}),
        )
}

fn gateway(driver: Driver) -> Start {
    Gateway::with(&keyed()).driver(driver)
}

/// A key that is in a plan with the stage `default`: the ids of both.
fn with_key(gateway: &Gateway, value: &str) -> (String, String) {
    let plan = plan(gateway, "default");
    (key_in(gateway, value, &plan), plan)
}

fn plan(gateway: &Gateway, stage: &str) -> String {
    let stages = json!([{ "apiId": "api1", "stage": stage }]);
    id(&gateway.manage("POST", "/usageplans", &json!({ "name": "plan", "apiStages": stages })))
}

fn key_in(gateway: &Gateway, value: &str, plan: &str) -> String {
    let key = id(&gateway.manage("POST", "/apikeys", &json!({ "name": "key", "value": value, "enabled": true })));
    gateway.manage("POST", &format!("/usageplans/{plan}/keys"), &json!({ "keyId": key, "keyType": "API_KEY" }));
    key
}

fn id(created: &Value) -> String {
    created["id"].as_str().expect("it has an id").to_owned()
}

fn enable(gateway: &Gateway, key: &str, enabled: bool) {
    let patch = json!({ "patchOperations": [{ "op": "replace", "path": "/enabled", "value": enabled.to_string() }] });
    gateway.manage("PATCH", &format!("/apikeys/{key}"), &patch);
}

/// A request with these lines in its head.
fn send(client: &mut Client, target: &str, fields: &str) -> Message {
    client.exchange(format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n"))
}

fn status(gateway: &Gateway, target: &str, value: &str) -> u16 {
    send(&mut gateway.connect(), target, &format!("x-api-key: {value}\r\n")).status()
}

#[track_caller]
fn check_forbidden(answer: &Message) {
    assert_eq!((answer.status(), answer.text()), (403, r#"{"message":"Forbidden"}"#));
    assert_eq!(answer.field("x-amzn-errortype"), Some("ForbiddenException"));
}

fn a_method_that_demands_a_key_is_closed_without_one(driver: Driver) {
    let gateway = gateway(driver).start();
    let client = &mut gateway.connect();
    check_forbidden(&send(client, "/a", &format!("x-api-key: {VALUE}\r\n")));
    with_key(&gateway, VALUE);
    // Whitespace around a value is none of it. (RFC 9110, section 5.5.)
    for fields in [format!("x-api-key: {VALUE}\r\n"), format!("X-API-Key:{VALUE} \t\r\n")] {
        assert_eq!(send(client, "/a", &fields).text(), "in", "{fields}");
    }
    let refused = [
        (String::new(), "missing"),
        ("x-api-key:\r\n".to_owned(), "missing"),
        (format!("x-api-key: {VALUE}\r\nx-api-key: {VALUE}\r\n"), "missing"),
        (format!("x-api-key: {VALUE}\r\nX-Api-Key:\r\n"), "missing"),
        (format!("x-api-key: {}\r\n", VALUE.to_lowercase()), "unknown"),
        (format!("x-api-key: {VALUE}{VALUE}\r\n"), "unknown"),
        (format!("x-api-key: \"{VALUE}\"\r\n"), "unknown"),
        (format!("x-api-key: {VALUE}, {VALUE}\r\n"), "unknown"),
        (format!("x-api-key: {}\r\n", "k".repeat(9_000)), "unknown"),
        ("x-api-key: \u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\r\n".to_owned(), "unknown"),
        (format!("x_api_key: {VALUE}\r\nAuthorization: {VALUE}\r\n"), "missing"),
    ];
    for (fields, _) in &refused {
        check_forbidden(&send(client, "/a", fields));
    }
    check_forbidden(&send(client, &format!("/a?x-api-key={VALUE}&api_key={VALUE}"), ""));
    let large = send(&mut gateway.connect(), "/a", &format!("x-api-key: {}\r\n", "k".repeat(1 << 20)));
    assert_eq!(large.status(), 431);
    // Nobody asks for a key there.
    for fields in ["x-api-key: of nobody\r\n", ""] {
        assert_eq!(send(client, "/open", fields).text(), "open");
    }
    let of = |result: &str| gateway.metric(&format!(r#"api_key_checks_total{{result="{result}"}}"#));
    let counted = |result: &str| refused.iter().filter(|(_, counted)| *counted == result).count() as f64;
    // One more of each: without a plan's key at the start, and the one in the query.
    assert_eq!(["ok", "missing", "unknown"].map(of), [2.0, counted("missing") + 1.0, counted("unknown") + 1.0]);
}

fn a_key_is_live_when_its_call_is_answered(driver: Driver) {
    let gateway = gateway(driver).start();
    let key = id(&gateway.manage("POST", "/apikeys", &json!({ "value": VALUE })));
    assert_eq!(status(&gateway, "/a", VALUE), 403);
    let plan = plan(&gateway, "default");
    gateway.manage("POST", &format!("/usageplans/{plan}/keys"), &json!({ "keyId": key, "keyType": "API_KEY" }));
    assert_eq!(status(&gateway, "/a", VALUE), 403, "it is not enabled");
    for _ in 0..3 {
        enable(&gateway, &key, true);
        assert_eq!(status(&gateway, "/a", VALUE), 200);
        enable(&gateway, &key, false);
        assert_eq!(status(&gateway, "/a", VALUE), 403);
    }
    enable(&gateway, &key, true);
    // Out of the plan, and in again.
    gateway.manage("DELETE", &format!("/usageplans/{plan}/keys/{key}"), &Value::Null);
    assert_eq!(status(&gateway, "/a", VALUE), 403);
    gateway.manage("POST", &format!("/usageplans/{plan}/keys"), &json!({ "keyId": key, "keyType": "API_KEY" }));
    assert_eq!(status(&gateway, "/a", VALUE), 200);
    // Rotated: the new key and the old one for a while.
    let second = key_in(&gateway, OTHER, &plan);
    assert_eq!([VALUE, OTHER].map(|value| status(&gateway, "/a", value)), [200, 200]);
    gateway.manage("DELETE", &format!("/apikeys/{key}"), &Value::Null);
    assert_eq!([VALUE, OTHER].map(|value| status(&gateway, "/a", value)), [403, 200]);
    // The value is free: another key may have it.
    key_in(&gateway, VALUE, &plan);
    gateway.manage("DELETE", &format!("/apikeys/{second}"), &Value::Null);
    assert_eq!([VALUE, OTHER].map(|value| status(&gateway, "/a", value)), [200, 403]);
    let reset = gateway.metrics();
    let of = |name: &str| reset.get(&format!("tollgate_api_key_checks_total{{result=\"{name}\"}}")).copied();
    assert_eq!((of("no_plan"), of("disabled")), (Some(1.0), Some(5.0)));
    // No plan was compiled for any of it.
    assert_eq!(gateway.metric("config_revision"), 1.0);
}

fn on_every_shard_at_once(driver: Driver) {
    let gateway = gateway(driver).shards(3).start();
    // Each goes to the shard with the fewest.
    let mut clients: Vec<Client> = (0..6).map(|_| gateway.connect()).collect();
    let mut statuses = |value: &str| -> Vec<u16> {
        let field = format!("x-api-key: {value}\r\n");
        clients.iter_mut().map(|client| send(client, "/a", &field).status()).collect()
    };
    assert_eq!(statuses(VALUE), [403; 6]);
    let (key, plan) = with_key(&gateway, VALUE);
    for _ in 0..20 {
        assert_eq!(statuses(VALUE), [200; 6]);
        enable(&gateway, &key, false);
        assert_eq!(statuses(VALUE), [403; 6]);
        enable(&gateway, &key, true);
    }
    key_in(&gateway, OTHER, &plan);
    gateway.manage("DELETE", &format!("/apikeys/{key}"), &Value::Null);
    assert_eq!([statuses(VALUE), statuses(OTHER)], [[403; 6], [200; 6]]);
}

fn a_key_opens_the_stages_of_its_plans_alone(driver: Driver) {
    let stages = json!({"prod": {}, "dev": {}});
    let gateway = Gateway::with(&keyed().with("x-tollgate-stages", stages)).driver(driver).by_stage().start();
    let (prod, dev) = (plan(&gateway, "prod"), plan(&gateway, "dev"));
    let key = key_in(&gateway, VALUE, &prod);
    key_in(&gateway, OTHER, &dev);
    let opened = |value: &str| ["/prod/a", "/dev/a"].map(|target| status(&gateway, target, value));
    assert_eq!([opened(VALUE), opened(OTHER)], [[200, 403], [403, 200]]);
    gateway.manage("POST", &format!("/usageplans/{dev}/keys"), &json!({ "keyId": key, "keyType": "API_KEY" }));
    assert_eq!(opened(VALUE), [200, 200]);
    let stage = |op: &str| json!({ "patchOperations": [{ "op": op, "path": "/apiStages", "value": "api1:prod" }] });
    gateway.manage("PATCH", &format!("/usageplans/{prod}"), &stage("remove"));
    assert_eq!(opened(VALUE), [403, 200]);
    gateway.manage("PATCH", &format!("/usageplans/{prod}"), &stage("add"));
    assert_eq!(opened(VALUE), [200, 200]);
    gateway.manage("PATCH", &format!("/usageplans/{prod}"), &stage("remove"));
    gateway.manage("DELETE", &format!("/usageplans/{prod}"), &Value::Null);
    assert_eq!([opened(VALUE), opened(OTHER)], [[403, 200], [403, 200]]);
}

fn canaries_and_stages_that_go(driver: Driver) {
    let gateway = Gateway::with(&keyed().id("file1")).driver(driver).by_stage().start();
    let mut document: Value = serde_json::from_str(&keyed().text()).expect("it is JSON");
    document.as_object_mut().expect("an object").remove("x-tollgate-api-id");
    let api = id(&gateway.manage("POST", "/restapis?mode=import", &document));
    let deploy = |body: &Value| id(&gateway.manage("POST", &format!("/restapis/{api}/deployments"), body));
    deploy(&json!({ "stageName": "prod" }));
    deploy(&json!({ "stageName": "prod", "canarySettings": { "percentTraffic": 50.0 } }));
    let stages = json!([{ "apiId": api, "stage": "prod" }]);
    let plan = id(&gateway.manage("POST", "/usageplans", &json!({ "name": "plan", "apiStages": stages })));
    key_in(&gateway, VALUE, &plan);
    let target = format!("/_aws/execute-api/{api}/prod/a");
    let statuses = |value: &str| (0..30).map(|_| status(&gateway, &target, value)).collect::<Vec<_>>();
    assert_eq!([statuses(VALUE), statuses(OTHER)], [[200; 30], [403; 30]]);
    // Who deletes a stage takes it from its plans: another of its name is closed.
    gateway.manage("DELETE", &format!("/restapis/{api}/stages/prod"), &Value::Null);
    assert_eq!(status(&gateway, &target, VALUE), 403);
    deploy(&json!({ "stageName": "prod" }));
    assert_eq!(status(&gateway, &target, VALUE), 403);
    let stage = json!({ "patchOperations": [{ "op": "add", "path": "/apiStages", "value": format!("{api}:prod") }] });
    gateway.manage("PATCH", &format!("/usageplans/{plan}"), &stage);
    assert_eq!(status(&gateway, &target, VALUE), 200);
}

fn keys_from_a_file(driver: Driver) {
    let gateway = gateway(driver).start();
    let plan = plan(&gateway, "default");
    let row = |number: usize| format!("key {number},{number:030},true,{plan}\n");
    let mut file: String = (0..500).map(row).collect();
    file.insert_str(0, "name,key,enabled,usageplanIds\n");
    file += &format!("off,{VALUE},false,{plan}\n");
    let imported = gateway.manage_text("POST", "/apikeys?mode=import&format=csv", "text/csv", &file);
    assert_eq!(imported["ids"].as_array().map(Vec::len), Some(501), "{imported}");
    for number in [0, 250, 499] {
        assert_eq!(status(&gateway, "/a", &format!("{number:030}")), 200);
    }
    assert_eq!([status(&gateway, "/a", VALUE), status(&gateway, "/a", &format!("{:030}", 500))], [403, 403]);
}

fn the_key_is_asked_for_before_anything_else_is_checked(driver: Driver) {
    let parameter = json!([{ "name": "q", "in": "query", "required": true, "schema": { "type": "string" } }]);
    let api = keyed()
        .on("GET /a", "parameters", parameter)
        .on("GET /a", "x-amazon-apigateway-request-validator", json!("parameters"))
        .with("x-amazon-apigateway-request-validators", json!({ "parameters": { "validateRequestParameters": true } }))
        .with(
            "x-amazon-apigateway-gateway-responses",
            json!({ "INVALID_API_KEY": {
                "statusCode": 401,
                "responseTemplates": { "application/json": "{\"why\":$context.error.messageString,\"key\":\"$context.identity.apiKey\"}" },
                "responseParameters": { "gatewayresponse.header.X-Type": "context.error.responseType" },
            } }),
        );
    let gateway = Gateway::with(&api).driver(driver).set("limits.body_bytes_max", 10).start();
    with_key(&gateway, VALUE);
    let client = &mut gateway.connect();
    let refused = send(client, "/a", &format!("x-api-key: {OTHER}\r\n"));
    assert_eq!((refused.status(), refused.text()), (401, r#"{"why":"Forbidden","key":""}"#));
    assert_eq!(refused.field("x-type"), Some("INVALID_API_KEY"));
    assert_eq!(send(client, "/a", &format!("x-api-key: {VALUE}\r\n")).status(), 400);
    assert_eq!(send(client, "/a?q=1", &format!("x-api-key: {VALUE}\r\n")).status(), 200);
    let large = client.exchange("GET /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 11\r\n\r\nhello world");
    assert_eq!(large.status(), 401);
}

fn what_integrations_see_of_a_key(driver: Driver) {
    let backend = Backend::named();
    let mut proxy = http_proxy(backend.url());
    proxy["requestParameters"]["integration.request.header.Key-Id"] = json!("context.identity.apiKeyId");
    proxy["requestParameters"]["integration.request.header.Key"] = json!("context.identity.apiKey");
    let security = json!([{ "api_key": [] }]);
    let seen = "$context.identity.apiKey $context.identity.apiKeyId $input.params('x-api-key')";
    let api = keyed()
        .route("GET /proxy", proxy.clone())
        .on("GET /proxy", "security", security.clone())
        .route("GET /template", mock(200, seen))
        .on("GET /template", "security", security)
        .route("GET /open/template", mock(200, seen))
        .route("GET /open/proxy", proxy);
    let gateway = Gateway::with(&api).driver(driver).start();
    let (key, _) = with_key(&gateway, VALUE);
    let client = &mut gateway.connect();
    let field = format!("x-api-key: {VALUE}\r\n");
    assert_eq!(send(client, "/template", &field).text(), format!("{VALUE} {key} {VALUE}"));
    assert_eq!(send(client, "/open/template", &field).text(), format!("  {VALUE}"));
    assert_eq!(send(client, "/proxy", &field).status(), 200);
    let request = backend.last();
    let fields = |request: &Message| ["x-api-key", "key-id", "key"].map(|name| request.field(name).map(str::to_owned));
    assert_eq!(fields(&request), [Some(VALUE.to_owned()), Some(key), Some(VALUE.to_owned())]);
    assert_eq!(send(client, "/open/proxy", &field).status(), 200);
    assert_eq!(fields(&backend.last())[0], Some(VALUE.to_owned()));
}

fn logs_and_errors_have_no_key(driver: Driver) {
    let gateway = gateway(driver).start();
    let (key, _) = with_key(&gateway, VALUE);
    assert_eq!([VALUE, OTHER].map(|value| status(&gateway, "/a", value)), [200, 403]);
    assert_eq!(status(&gateway, "/open", VALUE), 200);
    let log = gateway.log(3);
    assert_eq!(log.iter().map(|line| &line["apiKeyId"]).collect::<Vec<_>>(), [&json!(key), &Value::Null, &Value::Null]);
    let format = "$context.identity.apiKey $context.identity.apiKeyId $context.requestId";
    let own = Gateway::with(&keyed()).driver(driver).set("access_log.format", format).start();
    let (key, _) = with_key(&own, VALUE);
    assert_eq!([VALUE, OTHER].map(|value| status(&own, "/a", value)), [200, 403]);
    let lines = crate::harness::gateway::read_log_lines(&own.path("access.log"), 2);
    assert!(lines[0].starts_with(&format!("- {key} ")) && lines[1].starts_with("- - "), "{lines:?}");
    for gateway in [&gateway, &own] {
        let log = std::fs::read_to_string(gateway.path("access.log")).expect("it is there");
        let all = gateway.manage("GET", "/apikeys", &Value::Null);
        let one = gateway.manage("GET", &format!("/apikeys/{}", id(&all["item"][0])), &Value::Null);
        let metrics = gateway.admin("GET /metrics").text().to_owned();
        for text in [log, gateway.output(), metrics, all.to_string(), one.to_string()] {
            assert!(!text.contains(VALUE) && !text.contains(OTHER), "{text}");
        }
    }
}

fn keys_outlive_the_process(driver: Driver) {
    let data = tempfile::tempdir().expect("a temporary folder");
    let start = || gateway(driver).arg("--data").arg(data.path().display().to_string()).start();
    let mut before = start();
    with_key(&before, VALUE);
    assert_eq!(status(&before, "/a", VALUE), 200);
    before.signal(libc::SIGKILL);
    before.exit_code();
    drop(before);
    let after = start();
    assert_eq!([VALUE, OTHER].map(|value| status(&after, "/a", value)), [200, 403]);
}
