//! The gateway's own error answers, as a stage may have them.

use serde_json::{Value, json};

use crate::harness::{Api, Backend, Driver, Gateway, http_proxy};

on_both_drivers! {
    customised_responses,
    defaults_by_class,
    texts_are_escaped,
    parts_of_the_request,
    the_accepted_type_chooses,
}

fn with(backend: &Backend, responses: Value) -> Api {
    let proxied = http_proxy(format!("{}/{{proxy}}", backend.url()));
    Api::new().route("ANY /to/{proxy+}", proxied).with("x-amazon-apigateway-gateway-responses", responses)
}

fn resetting() -> Backend {
    Backend::start(|conversation| conversation.reset())
}

fn customised_responses(driver: Driver) {
    let backend = resetting();
    let api = with(
        &backend,
        json!({
            "MISSING_AUTHENTICATION_TOKEN": {
                "statusCode": "404",
                "responseParameters": {
                    "gatewayresponse.header.Access-Control-Allow-Origin": "'*'",
                    "gatewayresponse.header.X-Id": "context.requestId",
                },
                "responseTemplates": {"application/json": "{\"m\": $context.error.messageString, \"t\": \"$context.error.responseType\", \"p\": \"$context.path\"}"},
            },
            "INTEGRATION_FAILURE": {
                "statusCode": "503",
                "responseTemplates": {"text/html": "<p>$context.error.message</p>"},
            },
            "REQUEST_TOO_LARGE": {"statusCode": "418"},
        }),
    );
    let gateway = Gateway::with(&api).driver(driver).set("limits.body_bytes_max", 10).start();
    let client = &mut gateway.connect();
    let answer = client.get("/none?q");
    let expected = r#"{"m": "Missing Authentication Token", "t": "MISSING_AUTHENTICATION_TOKEN", "p": "/none"}"#;
    assert_eq!((answer.status(), answer.text()), (404, expected));
    assert_eq!(answer.field("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.field("x-id"), answer.field("x-amzn-requestid"));
    assert_eq!(answer.field("x-amzn-errortype"), Some("MissingAuthenticationTokenException"));
    let answer = client.get("/to/a");
    let expected = (503, "<p>Network error communicating with endpoint</p>", Some("text/html"));
    assert_eq!((answer.status(), answer.text(), answer.field("content-type")), expected);
    // AWS does not let this one be customised.
    let answer = client.exchange("POST /to/a HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n");
    assert_eq!((answer.status(), answer.text()), (413, r#"{"message":"Request Too Long"}"#));
    let log = gateway.log(3);
    assert_eq!((&log[0]["status"], &log[1]["status"], &log[2]["status"]), (&json!(404), &json!(503), &json!(413)));
}

fn defaults_by_class(driver: Driver) {
    let backend = resetting();
    let header = |value: &str| json!({"gatewayresponse.header.X-Class": format!("'{value}'")});
    let api = with(
        &backend,
        json!({
            "DEFAULT_4XX": {"responseParameters": header("four")},
            "DEFAULT_5XX": {"statusCode": "500", "responseParameters": header("five")},
            "MISSING_AUTHENTICATION_TOKEN": {"statusCode": "404"},
        }),
    );
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    let answer = client.get("/none");
    assert_eq!((answer.status(), answer.field("x-class")), (404, None), "the type's own comes first");
    let answer = client.get("/to/a");
    assert_eq!((answer.status(), answer.field("x-class")), (500, Some("five")));
    assert_eq!(answer.text(), r#"{"message":"Network error communicating with endpoint"}"#);
    // A request whose stage is known, but not what it asks for.
    let answer = client.exchange("GET /to/a HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 6.6.6.6\r\n\r\n");
    assert_eq!((answer.status(), answer.field("x-class")), (400, Some("four")));
}

/// What a client chooses gets into headers and bodies; it must stay what it is.
fn texts_are_escaped(driver: Driver) {
    let backend = resetting();
    let api = with(
        &backend,
        json!({"MISSING_AUTHENTICATION_TOKEN": {"responseParameters": {"gatewayresponse.header.X-Path": "context.path"}}}),
    );
    let gateway = Gateway::with(&api).driver(driver).start();
    let answer = gateway.get("/a%0d%0aX-Evil:%201");
    assert_eq!((answer.field("x-path"), answer.has("x-evil")), (Some("/a%0D%0AX-Evil:%201"), false));
}

/// Both before there is a resource and after the request's bytes are gone.
fn parts_of_the_request(driver: Driver) {
    let backend = resetting();
    let response = json!({
        "statusCode": "404",
        "responseParameters": {
            "gatewayresponse.header.X-Request-Path": "method.request.path.proxy",
            "gatewayresponse.header.X-Request-Query": "method.request.querystring.q",
            "gatewayresponse.header.X-Request-Header": "method.request.header.Origin",
            "gatewayresponse.header.X-Any": "method.input.params.q",
            "gatewayresponse.header.X-Stage": "stageVariables.a",
        },
        "responseTemplates": {
            "application/json": "{\"q\": \"$method.request.querystring.q\", \"o\": \"${method.request.header.origin}\", \"a\": \"$stageVariables.a\", \"s\": \"$context.stage\"}",
        },
    });
    let responses = json!({"MISSING_AUTHENTICATION_TOKEN": response, "INTEGRATION_FAILURE": response});
    let api = with(&backend, responses).with("x-tollgate-stage-variables", json!({"a": "1"}));
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    let fields = "Host: a\r\nOrigin: http://x\r\nOrigin: http://y\r\n\r\n";
    let answer = client.exchange(format!("GET /none?p=1&q=a%20b&q=c HTTP/1.1\r\n{fields}"));
    assert_eq!((answer.field("x-request-path"), answer.field("x-request-query")), (None, Some("a b")));
    assert_eq!((answer.field("x-request-header"), answer.field("x-any")), (Some("http://y"), Some("a b")));
    assert_eq!(answer.field("x-stage"), Some("1"));
    let body = r#"{"q": "a b", "o": "http://y", "a": "1", "s": "default"}"#;
    assert_eq!((answer.status(), answer.text()), (404, body));
    let answer = client.exchange(format!("GET /to/a/b%2Fc?q=a+b HTTP/1.1\r\n{fields}"));
    assert_eq!((answer.field("x-request-path"), answer.field("x-request-query")), (Some("a/b/c"), Some("a b")));
    assert_eq!((answer.status(), answer.text()), (404, body));
    // A value that cannot stand in a header is left out of it.
    let answer = client.get("/none?q=a%0d%0aX-Evil:1");
    assert_eq!((answer.field("x-request-query"), answer.has("x-evil")), (None, false));
    assert_eq!(client.get("/none").field("x-request-query"), None);
}

fn the_accepted_type_chooses(driver: Driver) {
    let backend = resetting();
    let templates = json!({"application/json": "{}", "text/plain": "plain", "application/xml": "<x/>"});
    let response = json!({"responseTemplates": templates});
    let api = with(&backend, json!({"DEFAULT_4XX": response, "DEFAULT_5XX": response}));
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    for path in ["/none", "/to/a"] {
        for (accept, content_type, text) in [
            ("text/plain", "text/plain", "plain"),
            ("Application/XML;q=1, text/plain", "application/xml", "<x/>"),
            ("image/png", "application/json", "{}"),
        ] {
            let answer = client.exchange(format!("GET {path} HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\n\r\n"));
            assert_eq!((answer.field("content-type"), answer.text()), (Some(content_type), text), "{path} {accept}");
        }
    }
}
