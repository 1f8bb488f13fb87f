//! `contentHandling` and `binaryMediaTypes`, end to end. (Guide, `api-gateway-payload-encodings-workflow`; what the
//! service does beyond it is in the recordings of LocalStack's `test_apigateway_s3`.)

use serde_json::{Value, json};

use crate::harness::{Api, Backend, Driver, Gateway, http, http_proxy, mock};

on_both_drivers! {
    requests_are_converted,
    answers_are_converted,
    templates_read_text_only,
    mocks_and_binary_media_types,
    what_nobody_converts_passes,
}

/// No UTF-8, and its base64.
const RAW: &[u8] = b"\x1f\x8b\x08\x00\x14l\xeec";
const ENCODED: &[u8] = b"H4sIABRs7mM=";
const TEXT: &[u8] = b"this is a UTF8 text typed object";
const REPLACED: &[u8] = "\x1f\u{FFFD}\x08\x00\x14l\u{FFFD}c".as_bytes();

fn request(path: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nHost: gw.test\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn with(mut integration: Value, key: &str, value: Value) -> Value {
    integration[key] = value;
    integration
}

fn png(api: Api) -> Api {
    api.with("x-amazon-apigateway-binary-media-types", json!(["image/png"]))
}

/// Answers with the body that came, as the type that `X-Type` names.
fn mirror() -> Backend {
    Backend::start(|conversation| {
        conversation.read_body();
        let body = conversation.request.body.clone();
        let kind = conversation.request.field("x-type").unwrap_or("text/plain").to_owned();
        conversation.send(format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len()));
        conversation.send(body);
    })
}

fn requests_are_converted(driver: Driver) {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let check = |kind: &str, handling: Option<&str>, binary: bool, content_type: &str, expected: [Option<&[u8]>; 3]| {
        let mut integration = if kind == "http" { http(backend.url()) } else { http_proxy(backend.url()) };
        if let Some(handling) = handling {
            integration["contentHandling"] = json!(handling);
        }
        let api = Api::new().route("POST /", integration);
        let gateway = Gateway::with(&if binary { png(api) } else { api }).driver(driver).start();
        let client = &mut gateway.connect();
        for (body, expected) in [RAW, ENCODED, TEXT].into_iter().zip(expected) {
            let answer =
                client.exchange(request("/", &format!("Accept: text/plain\r\nContent-Type: {content_type}\r\n"), body));
            let what = format!("{kind} {handling:?} {binary} {content_type} {}", body.escape_ascii());
            match expected {
                Some(expected) => {
                    assert_eq!(answer.status(), 200, "{what}");
                    assert_eq!(backend.last().body, expected, "{what}");
                }
                None => {
                    assert_eq!(
                        (answer.status(), answer.text()),
                        (500, r#"{"message":"Internal server error"}"#),
                        "{what}"
                    );
                    assert_eq!(answer.field("x-amzn-errortype"), Some("InternalServerErrorException"));
                }
            }
        }
    };
    const BINARY: Option<&str> = Some("CONVERT_TO_BINARY");
    const AS_TEXT: Option<&str> = Some("CONVERT_TO_TEXT");
    let same = [Some(RAW), Some(ENCODED), Some(TEXT)];
    let text = [Some(REPLACED), Some(ENCODED), Some(TEXT)];
    let decoded = [None, Some(RAW), None];
    let encoded: [Option<&[u8]>; 3] =
        [Some(ENCODED), Some(b"SDRzSUFCUnM3bU09"), Some(b"dGhpcyBpcyBhIFVURjggdGV4dCB0eXBlZCBvYmplY3Q=")];
    check("http", BINARY, false, "image/png", decoded);
    check("http", AS_TEXT, false, "image/png", text);
    check("http", None, true, "image/png; x=1", same);
    check("http", BINARY, true, "Image/PNG", same);
    check("http", AS_TEXT, true, "image/png", encoded);
    check("http", None, true, "text/plain", text);
    check("http", BINARY, true, "text/plain", decoded);
    check("http", AS_TEXT, true, "text/plain", text);
    check("http_proxy", None, true, "image/png", same);
    check("http_proxy", None, true, "text/plain", same);
    check("http_proxy", AS_TEXT, true, "image/png", encoded);
    check("http_proxy", BINARY, false, "image/png", decoded);
}

fn answers_are_converted(driver: Driver) {
    let backend = mirror();
    let mapped = |handling: Option<&str>| {
        let mut response = json!({"statusCode": "200"});
        if let Some(handling) = handling {
            response["contentHandling"] = json!(handling);
        }
        let integration = with(http(backend.url()), "responses", json!({"default": response}));
        with(
            integration,
            "requestParameters",
            json!({"integration.request.header.X-Type": "method.request.header.X-Type"}),
        )
    };
    // Bodies come as images, that they pass to the backend as they are.
    let check = |handling: Option<&str>, binary: bool, theirs: &str, accept: &str, expected: [Option<&[u8]>; 3]| {
        let api = Api::new().route("POST /", mapped(handling));
        let gateway = Gateway::with(&if binary { png(api) } else { api }).driver(driver).start();
        let client = &mut gateway.connect();
        for (body, expected) in [RAW, ENCODED, TEXT].into_iter().zip(expected) {
            let fields = format!("Content-Type: image/png\r\nX-Type: {theirs}\r\nAccept: {accept}\r\n");
            let answer = client.exchange(request("/", &fields, body));
            let what = format!("{handling:?} {binary} {theirs} {accept} {}", body.escape_ascii());
            assert_eq!(answer.status(), if expected.is_some() { 200 } else { 500 }, "{what}");
            if let Some(expected) = expected {
                assert_eq!(answer.body.escape_ascii().to_string(), expected.escape_ascii().to_string(), "{what}");
            }
        }
    };
    const BINARY: Option<&str> = Some("CONVERT_TO_BINARY");
    const AS_TEXT: Option<&str> = Some("CONVERT_TO_TEXT");
    let same = [Some(RAW), Some(ENCODED), Some(TEXT)];
    let text = [Some(REPLACED), Some(ENCODED), Some(TEXT)];
    let decoded = [None, Some(RAW), None];
    let encoded: [Option<&[u8]>; 3] =
        [Some(ENCODED), Some(b"SDRzSUFCUnM3bU09"), Some(b"dGhpcyBpcyBhIFVURjggdGV4dCB0eXBlZCBvYmplY3Q=")];
    check(BINARY, false, "image/png", "image/png", decoded);
    check(AS_TEXT, false, "image/png", "image/png", text);
    check(None, true, "text/plain", "text/plain", text);
    check(BINARY, true, "text/plain", "text/plain", decoded);
    check(AS_TEXT, true, "text/plain", "image/png", text);
    check(None, true, "text/plain", "image/png", decoded);
    check(None, true, "image/png", "text/plain", encoded);
    check(BINARY, true, "image/png", "text/plain", same);
    check(AS_TEXT, true, "image/png", "image/png", encoded);
    check(None, true, "image/png", "image/png;q=0.5, text/plain", same);
    // Only the first media type counts.
    check(None, true, "image/png", "text/plain, image/png", encoded);
}

fn templates_read_text_only(driver: Driver) {
    let backend = mirror();
    let template = json!({"image/png": "{\"data\": \"$input.body\"}", "application/json": "$input.json('$')"});
    let integration = with(http(backend.url()), "requestTemplates", template);
    let responses = json!({"default": {"statusCode": "200", "contentHandling": "CONVERT_TO_BINARY",
        "responseTemplates": {"application/json": "$input.path('$.image')"}}});
    let api = Api::new()
        .route("POST /as-is", integration.clone())
        .route("POST /text", with(integration.clone(), "contentHandling", json!("CONVERT_TO_TEXT")))
        .route("POST /binary", with(integration.clone(), "contentHandling", json!("CONVERT_TO_BINARY")))
        .route("POST /from-json", with(integration, "responses", responses));
    let gateway = Gateway::with(&png(api)).driver(driver).start();
    let client = &mut gateway.connect();
    let image = "Content-Type: image/png\r\nAccept: text/plain\r\n";
    assert_eq!(client.exchange(request("/as-is", image, RAW)).status(), 500);
    let answer = client.exchange(request("/text", image, RAW));
    assert_eq!((answer.status(), answer.text()), (200, r#"{"data": "H4sIABRs7mM="}"#));
    let json = "Content-Type: application/json\r\nAccept: text/plain\r\n";
    assert_eq!(client.exchange(request("/binary", json, b"e30=")).status(), 500);
    assert_eq!(client.exchange(request("/as-is", json, b"{}")).text(), "{}");
    // The base64 of a value of the backend's answer.
    let answer = client.exchange(request("/from-json", json, br#"{"image": "H4sIABRs7mM="}"#));
    assert_eq!((answer.status(), &*answer.body), (200, RAW));
    let log = gateway.log(5);
    let note = log[0]["error"].as_str().expect("a note");
    assert!(note.contains("no template can read"), "{note}");
}

/// The 500 that CORS mocks of an API with `*/*` are known for, and its cure.
fn mocks_and_binary_media_types(driver: Driver) {
    let image = json!({"default": {"statusCode": "200", "contentHandling": "CONVERT_TO_BINARY",
        "responseParameters": {"method.response.header.Content-Type": "'image/gif'"},
        "responseTemplates": {"image/gif": "H4sIABRs7mM="}}});
    let api = Api::new()
        .route("OPTIONS /plain", mock(200, "text"))
        .route("OPTIONS /cured", with(mock(200, "text"), "contentHandling", json!("CONVERT_TO_TEXT")))
        .route(
            "GET /image",
            with(with(mock(200, ""), "responses", image), "contentHandling", json!("CONVERT_TO_TEXT")),
        );
    let all = api.clone().with("x-amazon-apigateway-binary-media-types", json!(["*/*"]));
    let gateway = Gateway::with(&all).driver(driver).start();
    let options = |path: &str| format!("OPTIONS {path} HTTP/1.1\r\nHost: gw.test\r\nAccept: */*\r\n\r\n");
    assert_eq!(gateway.exchange(options("/plain")).status(), 500);
    let answer = gateway.exchange(options("/cured"));
    assert_eq!((answer.status(), answer.text()), (200, "text"));
    let answer = gateway.get("/image");
    assert_eq!((answer.status(), answer.field("content-type"), &*answer.body), (200, Some("image/gif"), RAW));
    let gateway = Gateway::with(&api).driver(driver).start();
    assert_eq!(gateway.exchange(options("/plain")).text(), "text");
}

fn what_nobody_converts_passes(driver: Driver) {
    let backend = mirror();
    let api = Api::new().route("POST /http", http(backend.url())).route("POST /proxy", http_proxy(backend.url()));
    let gateway = Gateway::with(&api).driver(driver).start();
    for path in ["/http", "/proxy"] {
        let answer = gateway.exchange(request(path, "Content-Type: text/plain\r\n", RAW));
        assert_eq!((&*backend.last().body, &*answer.body), (RAW, RAW));
    }
    // A mapping elsewhere makes no difference, nor does the length.
    let templates = with(http(backend.url()), "requestTemplates", json!({"application/json": "{}"}));
    let gateway = Gateway::with(&Api::new().route("POST /", templates)).driver(driver).start();
    let client = &mut gateway.connect();
    for _ in 0..2 {
        let answer = client.exchange(request("/", "Content-Type: text/plain\r\n", RAW));
        assert_eq!((&*backend.last().body, &*answer.body), (RAW, RAW));
    }
}
