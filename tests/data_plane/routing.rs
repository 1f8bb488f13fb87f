//! Which API, stage and method a request finds, and what one that finds none is told.

use serde_json::json;

use crate::harness::{Api, Backend, Client, Driver, Gateway, http_proxy, mock};

on_both_drivers! {
    one_api_by_stage,
    several_apis,
    a_disabled_endpoint,
    resources_and_methods,
    paths_reach_the_backend_as_they_were_matched,
    dot_segments_are_refused,
}

/// Sends a request with a `Host` of its own; what comes back is a status and a body.
#[track_caller]
fn check(client: &mut Client, host: &str, target: &str, expected: (u16, &str)) {
    let answer = client.exchange(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    assert_eq!((answer.status(), answer.text()), expected, "{host} {target}");
    assert!(answer.has("x-amzn-requestid") && answer.has("x-amz-apigw-id"), "{}", answer.head);
    let error_type = match answer.text() {
        FORBIDDEN => Some("ForbiddenException"),
        MISSING => Some("MissingAuthenticationTokenException"),
        _ => None,
    };
    assert_eq!(answer.field("x-amzn-errortype"), error_type, "{}", answer.head);
}

const FORBIDDEN: &str = r#"{"message":"Forbidden"}"#;
const MISSING: &str = r#"{"message":"Missing Authentication Token"}"#;

fn one_api_by_stage(driver: Driver) {
    let api = Api::new().route("GET /", mock(200, "root")).route("GET /pets", mock(200, "pets"));
    let gateway = Gateway::with(&api).by_stage().driver(driver).start();
    let client = &mut gateway.connect();
    for (host, target, expected) in [
        ("gw.test", "/default/pets", (200, "pets")),
        ("gw.test", "/default/", (200, "root")),
        ("gw.test", "/default", (200, "root")),
        ("gw.test", "/default?a=b", (200, "root")),
        ("gw.test", "/defaulted/pets", (403, FORBIDDEN)),
        ("gw.test", "/", (403, FORBIDDEN)),
        ("gw.test", "/pets", (403, FORBIDDEN)),
        ("gw.test", "/default/none", (403, MISSING)),
        ("api1.execute-api.eu-west-1.amazonaws.com", "/default/pets", (200, "pets")),
        ("api1.execute-api.localhost.localstack.cloud:4566", "/default/pets", (200, "pets")),
        ("api1.execute-api.eu-west-1.amazonaws.com", "/pets", (403, FORBIDDEN)),
        ("api2.execute-api.eu-west-1.amazonaws.com", "/default/pets", (403, FORBIDDEN)),
        ("gw.test", "/_aws/execute-api/api1/default/pets", (200, "pets")),
        ("gw.test", "/_aws/execute-api/api1/default", (200, "root")),
        ("gw.test", "/_aws/execute-api/api2/default/pets", (403, FORBIDDEN)),
        ("gw.test", "/restapis/api1/default/_user_request_/pets", (200, "pets")),
        ("gw.test", "/restapis/api1/default/_user_request_", (200, "root")),
        ("gw.test", "/restapis/api1/default/pets", (403, FORBIDDEN)),
        ("gw.test", "http://api1.execute-api.x/default/pets", (200, "pets")),
        ("api1.execute-api.x", "http://gw.test/pets", (403, FORBIDDEN)),
    ] {
        check(client, host, target, expected);
    }
    assert_eq!(gateway.metric(r#"unrouted_requests_total{cause="no_route"}"#), 1.0);
}

fn several_apis(driver: Driver) {
    let api = |id| Api::new().id(id).route("GET /who", mock(200, id));
    let gateway = Gateway::serve().api(&api("one")).api(&api("two")).arg("--stage").arg("prod");
    let gateway = gateway.driver(driver).start();
    let client = &mut gateway.connect();
    for (host, target, expected) in [
        ("gw.test", "/prod/who", (403, FORBIDDEN)),
        ("one.execute-api.x", "/prod/who", (200, "one")),
        ("two.EXECUTE-API.x", "/prod/who", (200, "two")),
        ("gw.test", "/_aws/execute-api/one/prod/who", (200, "one")),
        ("gw.test", "/restapis/two/prod/_user_request_/who", (200, "two")),
        // The host decides before the path does.
        ("one.execute-api.x", "/restapis/two/prod/_user_request_/who", (403, FORBIDDEN)),
    ] {
        check(client, host, target, expected);
    }
}

fn a_disabled_endpoint(driver: Driver) {
    let api = Api::new().route("GET /who", mock(200, "who"));
    let api = api.with("x-amazon-apigateway-endpoint-configuration", json!({"disableExecuteApiEndpoint": true}));
    let gateway = Gateway::with(&api).by_stage().driver(driver).start();
    let client = &mut gateway.connect();
    check(client, "gw.test", "/default/who", (200, "who"));
    check(client, "api1.execute-api.x", "/default/who", (403, FORBIDDEN));
    check(client, "gw.test", "/_aws/execute-api/api1/default/who", (403, FORBIDDEN));
    check(client, "gw.test", "/restapis/api1/default/_user_request_/who", (403, FORBIDDEN));
}

fn resources_and_methods(driver: Driver) {
    let api = Api::new()
        .route("GET /pets/list", mock(200, "static"))
        .route("GET /pets/{id}", mock(200, "parameter"))
        .route("POST /pets/{id}", mock(200, "post"))
        .route("ANY /pets/{id}", mock(200, "any"))
        .route("GET /pets/{id}/toys", mock(200, "toys"))
        .route("GET /pets/{id}/{rest+}", mock(200, "greedy"));
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    for (method, target, expected) in [
        ("GET", "/pets/list", (200, "static")),
        ("GET", "/pets/7", (200, "parameter")),
        ("POST", "/pets/7", (200, "post")),
        ("PUT", "/pets/7", (200, "any")),
        ("delete", "/pets/7", (403, MISSING)),
        ("PROPFIND", "/pets/7", (403, MISSING)),
        ("GET", "/pets/7/toys", (200, "toys")),
        ("GET", "/pets/7/toys/1", (200, "greedy")),
        ("GET", "/pets/7/x/y/z", (200, "greedy")),
        ("GET", "/pets", (403, MISSING)),
        ("GET", "/Pets/7", (403, MISSING)),
        ("PUT", "/pets/7/toys", (403, MISSING)),
        ("BREW", "/pets/7/toys", (403, MISSING)),
    ] {
        let answer = client.exchange(format!("{method} {target} HTTP/1.1\r\nHost: gw.test\r\n\r\n"));
        assert_eq!((answer.status(), answer.text()), expected, "{method} {target}");
    }
    let head = client.exchange("HEAD /none HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    assert_eq!((head.status(), head.field("content-length")), (403, Some("42")));
    assert_eq!(client.get("/pets/list").text(), "static", "the connection is in step");
}

/// The matcher, the backend and the log see one path.
fn paths_reach_the_backend_as_they_were_matched(driver: Driver) {
    let backend = Backend::named();
    let url = backend.url();
    let api = Api::new()
        .route("GET /one/{id}", http_proxy(format!("{url}/id/{{id}}")))
        .route("ANY /all/{proxy+}", http_proxy(format!("{url}/base/{{proxy}}")));
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    let cases = [
        ("/one/7", "/one/7", "/id/7"),
        ("/one/a%2Fb", "/one/a%2Fb", "/id/a%2Fb"),
        ("/one/a%2fb", "/one/a%2Fb", "/id/a%2Fb"),
        ("/one/%7euser", "/one/~user", "/id/~user"),
        ("/%6fne/7", "/one/7", "/id/7"),
        ("/one/caf%c3%a9", "/one/caf%C3%A9", "/id/caf%C3%A9"),
        ("/one/a|b", "/one/a%7Cb", "/id/a%7Cb"),
        ("/one/7?q=a%20b&q=c&e=", "/one/7", "/id/7?q=a%20b&q=c&e="),
        ("/all/a/b/c", "/all/a/b/c", "/base/a/b/c"),
        ("/all/a//b/", "/all/a//b/", "/base/a//b/"),
        ("/all/a%0d%0aX:%20y", "/all/a%0D%0AX:%20y", "/base/a%0D%0AX:%20y"),
        ("/all/.hidden/...", "/all/.hidden/...", "/base/.hidden/..."),
        ("/all/a?redirect=/../x", "/all/a", "/base/a?redirect=/../x"),
        ("http://gw.test/all/a?b", "/all/a", "/base/a?b"),
    ];
    for (target, _, origin_target) in cases {
        let answer = client.get(target);
        assert_eq!((answer.status(), answer.text()), (200, origin_target), "{target}");
    }
    let log = gateway.log(cases.len());
    for ((target, path, _), line) in cases.iter().zip(log) {
        assert_eq!(line["path"], *path, "{target}");
    }
}

fn dot_segments_are_refused(driver: Driver) {
    let backend = Backend::named();
    let api = Api::new().route("ANY /{proxy+}", http_proxy(format!("{}/{{proxy}}", backend.url())));
    let gateway = Gateway::with(&api).driver(driver).start();
    for target in [
        "/a/../b",
        "/a/./b",
        "/..",
        "/a/%2e%2e/b",
        "/a/.%2E/b",
        "/..%2fx",
        "/a%5c..",
        "/a/..;x/b",
        "/a/%zz",
        "/a#b",
        "*",
    ] {
        let answer = gateway.get(target);
        assert_eq!((answer.status(), answer.text()), (400, r#"{"message":"Bad Request"}"#), "{target}");
    }
    assert_eq!(backend.connections(), 0);
}
