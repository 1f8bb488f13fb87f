//! What integrations of type `http` and `mock` answer.

use serde_json::{Value, json};

use crate::harness::{Api, Backend, Driver, Gateway, http, http_proxy, mock};

on_both_drivers! {
    a_status_selects_the_response,
    a_template_replaces_the_body,
    little_is_passed_to_an_http_backend,
    mocks_select_by_content_type,
    mocks_select_by_status,
    cors_without_a_backend,
    head_is_asked_by_another_method,
    what_has_no_body_gets_none,
    an_override_is_the_only_field_of_its_name,
}

/// What the integration is asked with decides what comes of it, and the client's method what the client gets.
fn head_is_asked_by_another_method(driver: Driver) {
    let backend = Backend::start(|conversation| {
        conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\n");
        if conversation.request.method() == "GET" {
            std::thread::sleep(std::time::Duration::from_millis(30));
            conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let with_method = |method: &str| {
        let mut integration = http_proxy(backend.url());
        integration["httpMethod"] = json!(method);
        integration
    };
    let api = Api::new().route("ANY /get", with_method("GET")).route("GET /head", with_method("HEAD"));
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    for _ in 0..3 {
        client.send("HEAD /get HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = client.answer_to("HEAD");
        assert_eq!((answer.status(), answer.field("content-length")), (200, Some("38")));
        assert_eq!(client.get("/get").text(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let answer = client.get("/head");
        assert_eq!((answer.status(), answer.text()), (200, ""));
    }
}

/// Whatever a template makes of it.
fn what_has_no_body_gets_none(driver: Driver) {
    let backend = answering_statuses();
    let templates = json!({ "application/json": "{}" });
    let api = http_with(
        &backend,
        json!({
            "200": { "statusCode": "204", "responseTemplates": templates },
            "201": { "statusCode": "304", "responseTemplates": templates },
            "default": { "statusCode": "200" },
        }),
    )
    .with(
        "x-amazon-apigateway-gateway-responses",
        json!({ "MISSING_AUTHENTICATION_TOKEN": { "statusCode": "204", "responseTemplates": templates } }),
    );
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    for (target, status) in [("/200", 204), ("/201", 304), ("/none/such", 204)] {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\nGET /202 HTTP/1.1\r\nHost: a\r\n\r\n"));
        let answer = client.answer();
        assert_eq!((answer.status(), answer.field("content-length"), answer.text()), (status, None, ""), "{target}");
        assert_eq!(client.answer().text(), "theirs", "the connection is in step");
    }
}

fn an_override_is_the_only_field_of_its_name(driver: Driver) {
    let backend = Backend::named();
    let mut integration = http(backend.url());
    let template = "#set($context.requestOverride.header[\"Content-Type\"] = \"text/x-own\")\
                    #set($context.requestOverride.header.Host = \"own.test\")\
                    #set($context.requestOverride.querystring.Q = \"2\"){}";
    integration["requestTemplates"] = json!({ "application/json": template });
    integration["requestParameters"] = json!({ "integration.request.querystring.q": "'1'" });
    let gateway = Gateway::with(&Api::new().route("POST /a", integration)).driver(driver).start();
    let body = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(gateway.exchange(body).status(), 200);
    let sent = backend.last();
    let lines = |name: &str| {
        sent.head
            .lines()
            .filter(|line| line.to_ascii_lowercase().starts_with(name))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(lines("host:"), ["Host: own.test"]);
    assert_eq!(lines("content-type:"), ["Content-Type: text/x-own"]);
    assert!(sent.target().contains("q=1") && sent.target().contains("Q=2"), "{}", sent.target());
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
