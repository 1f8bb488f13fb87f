//! `/healthz`, `/readyz`, `/metrics`, `/reload`.

use serde_json::Value;

use crate::harness::{Api, Backend, Client, Driver, Gateway, http_proxy, mock};

on_both_drivers! { health_and_readiness, what_there_is_not, reload_is_for_this_machine, metrics, no_admin_listener }

fn api() -> Api {
    Api::new().route("GET /mock", mock(200, "mocked"))
}

fn health_and_readiness(driver: Driver) {
    let gateway = Gateway::with(&api()).driver(driver).start();
    let healthy = gateway.admin("GET /healthz");
    assert_eq!((healthy.status(), healthy.text()), (200, "ok\n"));
    let ready = gateway.admin("GET /readyz");
    assert_eq!((ready.status(), ready.text()), (200, "ready\n"));
    let verbose = gateway.admin("GET /readyz?verbose");
    let expected = "[+] plan: ok\n[+] shards: ok\n[+] draining: ok\n[+] listeners: ok\nready\n";
    assert_eq!((verbose.status(), verbose.text()), (200, expected));
    let index = gateway.admin("GET /");
    let index: Value = serde_json::from_str(index.text()).expect("JSON");
    assert_eq!(index["name"], "tollgate");
    assert_eq!(gateway.admin("HEAD /readyz").status(), 200);
}

fn what_there_is_not(driver: Driver) {
    let gateway = Gateway::with(&api()).driver(driver).start();
    for (request, status) in [
        ("GET /none", 404),
        ("GET /mock", 404),
        ("GET /reload", 405),
        ("POST /metrics", 405),
        ("DELETE /healthz", 405),
        ("GET /metrics/", 404),
    ] {
        let answer = gateway.admin(request);
        assert_eq!(answer.status(), status, "{request}");
        let body: Value = serde_json::from_str(answer.text()).expect("JSON");
        assert!(body["message"].is_string(), "{request}");
    }
    // Clients of the gateway do not find it.
    assert_eq!(gateway.get("/healthz").status(), 403);
}

/// A page in a browser on this machine can send requests here; it must not change anything.
fn reload_is_for_this_machine(driver: Driver) {
    let gateway = Gateway::with(&api()).driver(driver).start();
    let reload = |fields: &str| {
        let mut client = Client::connect(gateway.admin.expect("there is one"));
        client.exchange(format!("POST /reload HTTP/1.1\r\nContent-Length: 0\r\n{fields}\r\n"))
    };
    for (fields, status) in [
        ("Host: 127.0.0.1:8081\r\n", 200),
        ("Host: localhost\r\n", 200),
        ("Host: localhost\r\nOrigin: http://localhost\r\n", 200),
        ("Host: rebound.example:8081\r\n", 403),
        ("Host: 127.0.0.1\r\nOrigin: https://page.example\r\n", 403),
        ("Host: 127.0.0.1\r\nOrigin: null\r\n", 403),
        ("", 403),
    ] {
        assert_eq!(reload(fields).status(), status, "{fields}");
    }
    let published: Value = serde_json::from_str(reload("Host: localhost\r\n").text()).expect("JSON");
    assert_eq!(published["adopted"], true);
    assert_eq!((published["apis"].as_u64(), published["routes"].as_u64()), (Some(1), Some(1)));
    assert_eq!(gateway.metric("config_revision"), published["generation"].as_f64().expect("a number"));
}

fn metrics(driver: Driver) {
    let backend = Backend::named();
    let proxied = http_proxy(format!("{}/{{id}}", backend.url()));
    let gateway = Gateway::with(&api().route("GET /pets/{id}", proxied)).driver(driver).shards(2).start();
    for target in ["/mock", "/pets/1", "/pets/2", "/none"] {
        gateway.get(target);
    }
    let answer = gateway.admin("GET /metrics");
    assert_eq!(answer.field("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let metrics = gateway.metrics();
    let labels = r#"api="api1",stage="default""#;
    for (name, expected) in [
        (format!(r#"http_requests_total{{{labels},route="/mock",method="GET",code="200"}}"#), 1.0),
        (format!(r#"http_requests_total{{{labels},route="/pets/{{id}}",method="GET",code="200"}}"#), 2.0),
        (format!(r#"http_request_duration_seconds_count{{{labels}}}"#), 3.0),
        (format!(r#"http_request_duration_seconds_bucket{{{labels},le="+Inf"}}"#), 3.0),
        (format!(r#"integration_duration_seconds_count{{{labels}}}"#), 2.0),
        (r#"unrouted_requests_total{cause="no_route"}"#.to_owned(), 1.0),
        (r#"api_info{api="api1",name="Tested"}"#.to_owned(), 1.0),
        ("routes".to_owned(), 2.0),
        ("shards".to_owned(), 2.0),
        ("connections_accepted_total".to_owned(), 4.0),
        ("config_last_reload_successful".to_owned(), 1.0),
        (r#"config_reloads_total{result="ok"}"#.to_owned(), 1.0),
        (r#"shard_config_revision{shard="1"}"#.to_owned(), 1.0),
        ("draining".to_owned(), 0.0),
        ("panics_total".to_owned(), 0.0),
        (format!(r#"build_info{{version="{}"}}"#, env!("CARGO_PKG_VERSION")), 1.0),
    ] {
        assert_eq!(metrics.get(&format!("tollgate_{name}")), Some(&expected), "{name}\n{}", answer.text());
    }
    assert!(metrics["tollgate_process_resident_memory_bytes"] > 0.0);
    assert!(metrics.keys().any(|name| name.starts_with(r#"tollgate_runtime_info{driver=""#)));
}

fn no_admin_listener(driver: Driver) {
    let gateway = Gateway::with(&api()).driver(driver).set("admin", "off");
    // The flag would be stronger than the variable.
    let gateway = gateway.without_flag("--admin").start();
    assert_eq!((gateway.admin, gateway.get("/mock").status()), (None, 200));
}
