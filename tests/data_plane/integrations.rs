//! What integrations of type `http` and `mock` answer.

use serde_json::{Value, json};

use crate::harness::{Api, Backend, Driver, Gateway, http, mock};

on_both_drivers! {
    a_status_selects_the_response,
    a_template_replaces_the_body,
    little_is_passed_to_an_http_backend,
    mocks_select_by_content_type,
    mocks_select_by_status,
    cors_without_a_backend,
}

/// A backend whose answer has the status that the path asks for.
fn answering_statuses() -> Backend {
    Backend::start(|conversation| {
        conversation.read_body();
        let status = &conversation.request.target()[1..4];
        let body = if status == "204" { "" } else { "theirs" };
        let length = if status == "204" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        conversation.send(format!(
            "HTTP/1.1 {status} X\r\nContent-Type: text/plain\r\nX-Theirs: 1\r\nSet-Cookie: a=b\r\n{length}\r\n{body}"
        ));
    })
}

fn http_with(backend: &Backend, responses: Value) -> Api {
    let mut integration = http(format!("{}/{{status}}", backend.url()));
    integration["responses"] = responses;
    Api::new().route("ANY /{status}", integration)
}

fn a_status_selects_the_response(driver: Driver) {
    let backend = answering_statuses();
    let api = http_with(
        &backend,
        json!({
            "404": {"statusCode": "410", "responseParameters": {
                "method.response.header.X-Mapped": "integration.response.header.X-Theirs",
                "method.response.header.X-Static": "'s'",
                "method.response.header.X-Request": "context.requestId",
                "method.response.header.X-Absent": "integration.response.header.X-None",
            }},
            "5\\d{2}": {"statusCode": "502"},
            "304": {"statusCode": "304"},
            "20[12]": {"statusCode": "200"},
        }),
    );
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    for (status, expected, body) in [
        ("404", 410, "theirs"),
        ("500", 502, "theirs"),
        ("503", 502, "theirs"),
        ("201", 200, "theirs"),
        ("200", 500, r#"{"message":"Internal server error"}"#),
        ("2019", 200, "theirs"),
        ("403", 500, r#"{"message":"Internal server error"}"#),
    ] {
        let answer = client.get(&format!("/{status}"));
        assert_eq!((answer.status(), answer.text()), (expected, body), "{status}");
        assert!(!answer.has("x-theirs") && !answer.has("set-cookie"), "only what is mapped\n{}", answer.head);
    }
    let answer = client.get("/404");
    assert_eq!((answer.field("x-mapped"), answer.field("x-static")), (Some("1"), Some("s")));
    assert_eq!(answer.field("x-request"), answer.field("x-amzn-requestid"));
    assert_eq!((answer.has("x-absent"), answer.field("content-type")), (false, Some("text/plain")));
}

fn a_template_replaces_the_body(driver: Driver) {
    let backend = answering_statuses();
    let templates = json!({
        "application/json": "{\"id\": \"$context.requestId\", \"stage\": \"$context.stage\"}",
        "text/plain": "plain",
    });
    let api = http_with(
        &backend,
        json!({
            "200": {"statusCode": "200", "responseTemplates": templates},
            "204": {"statusCode": "203", "responseTemplates": {"text/plain": "not nothing"}},
            "201": {"statusCode": "204"},
            "default": {"statusCode": "206"},
        }),
    );
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    let answer = client.get("/200");
    let id = answer.field("x-amzn-requestid").expect("every answer has one");
    assert_eq!(answer.text(), format!(r#"{{"id": "{id}", "stage": "default"}}"#));
    assert_eq!(answer.field("content-type"), Some("application/json"));
    let plain = client.exchange("GET /200 HTTP/1.1\r\nHost: a\r\nAccept: text/plain;q=1, application/json\r\n\r\n");
    assert_eq!((plain.text(), plain.field("content-type")), ("plain", Some("text/plain")));
    assert_eq!(client.get("/204").text(), "not nothing");
    assert_eq!(client.get("/201").status(), 204);
    assert_eq!(client.get("/418").text(), "theirs", "in step");
}

fn little_is_passed_to_an_http_backend(driver: Driver) {
    let backend = answering_statuses();
    let mut integration = http(format!("{}/200", backend.url()));
    integration["httpMethod"] = json!("POST");
    integration["requestParameters"] = json!({
        "integration.request.querystring.page": "method.request.querystring.p",
        "integration.request.header.Authorization": "method.request.header.Authorization",
    });
    let gateway = Gateway::with(&Api::new().route("PUT /a", integration)).driver(driver).start();
    gateway.exchange(
        "PUT /a?p=1&q=2 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\nCookie: c\r\nX-Own: 1\r\n\
         Content-Type: text/csv\r\nAccept: text/html\r\nContent-Length: 3\r\n\r\na,b",
    );
    let request = backend.last();
    assert_eq!((request.start.as_str(), request.text()), ("POST /200?page=1 HTTP/1.1", "a,b"));
    assert_eq!(request.field("authorization"), Some("Bearer x"));
    assert_eq!(request.field("content-type"), Some("text/csv"));
    assert_eq!(request.field("user-agent"), Some("AmazonAPIGateway_api1"));
    assert!(!request.has("cookie") && !request.has("x-own") && !request.has("accept"), "{}", request.head);
}

fn mocks_select_by_content_type(driver: Driver) {
    let with = |passthrough: &str| {
        let mut integration = mock(200, "");
        integration["passthroughBehavior"] = json!(passthrough);
        integration["requestTemplates"] =
            json!({"application/json": "{\"statusCode\": 200}", "text/plain": "{\"statusCode\": 202}"});
        integration["responses"] = json!({"200": {"statusCode": "200"}, "202": {"statusCode": "202"}});
        integration
    };
    let api = Api::new()
        .route("POST /never", with("never"))
        .route("POST /when_no_templates", with("when_no_templates"))
        .route("POST /when_no_match", with("when_no_match"));
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    for path in ["/never", "/when_no_templates", "/when_no_match"] {
        for (content_type, expected) in [
            ("", 200),
            ("Content-Type: application/json\r\n", 200),
            ("Content-Type: Text/Plain; charset=utf-8\r\n", 202),
            ("Content-Type: text/csv\r\n", if path == "/when_no_match" { 200 } else { 415 }),
        ] {
            let answer = client
                .exchange(format!("POST {path} HTTP/1.1\r\nHost: a\r\n{content_type}Content-Length: 2\r\n\r\n{{}}"));
            assert_eq!(answer.status(), expected, "{path} {content_type}");
            if expected == 415 {
                let expected = (r#"{"message":"Unsupported Media Type"}"#, Some("BadRequestException"));
                assert_eq!((answer.text(), answer.field("x-amzn-errortype")), expected);
            }
        }
    }
}

fn mocks_select_by_status(driver: Driver) {
    let mut integration = mock(200, "");
    integration["requestTemplates"] = json!({"application/json": "{ \"statusCode\" : 404 }"});
    integration["responses"] = json!({
        "4\\d{2}": {"statusCode": "404", "responseTemplates": {
            "application/json": "{\"path\": \"$context.path\", \"ip\": \"$context.identity.sourceIp\"}",
            "application/xml": "<no/>",
        }},
        "default": {"statusCode": "200"},
    });
    let gateway = Gateway::with(&Api::new().route("GET /{x}", integration)).driver(driver).start();
    let client = &mut gateway.connect();
    let answer = client.get("/some");
    assert_eq!((answer.status(), answer.text()), (404, r#"{"path": "/some", "ip": "127.0.0.1"}"#));
    let answer = client.exchange("GET /a HTTP/1.1\r\nHost: a\r\nAccept: application/xml\r\n\r\n");
    assert_eq!((answer.text(), answer.field("content-type")), ("<no/>", Some("application/xml")));
}

fn cors_without_a_backend(driver: Driver) {
    let mut integration = mock(204, "");
    integration["responses"] = json!({"default": {"statusCode": "204", "responseParameters": {
        "method.response.header.Access-Control-Allow-Origin": "'*'",
        "method.response.header.Access-Control-Allow-Methods": "'GET,OPTIONS'",
        "method.response.header.Access-Control-Allow-Headers": "'Content-Type,Authorization'",
    }}});
    let gateway = Gateway::with(&Api::new().route("OPTIONS /a", integration)).driver(driver).start();
    let request =
        "OPTIONS /a HTTP/1.1\r\nHost: a\r\nOrigin: http://page.test\r\nAccess-Control-Request-Method: GET\r\n\r\n";
    let answer = gateway.exchange(request);
    assert_eq!((answer.status(), answer.has("content-length")), (204, false));
    assert_eq!(answer.field("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.field("access-control-allow-methods"), Some("GET,OPTIONS"));
    assert_eq!(answer.field("access-control-allow-headers"), Some("Content-Type,Authorization"));
}
