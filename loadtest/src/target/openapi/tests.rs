//! Whole documents.

use serde_json::json;

use super::*;
use crate::target::request::Rendering;
use crate::target::template::Values;

const PETSTORE: &str = include_str!("../../../../examples/petstore.yaml");
const ORDERS: &str = include_str!("../../../../examples/orders-openapi2.json");

fn parsed(content: &str, prefix: Option<&str>, operations: &Operations) -> Result<Vec<Draft>, String> {
    let mut files = Files::default();
    let mut defaults = Defaults::default();
    for header in ["User-Agent:", "Accept:", "X-Mine: 1"] {
        defaults.headers.parse(header, &mut files)?;
    }
    parse("api.yaml", content, prefix, operations, &defaults, &mut files)
}

fn bytes(draft: Draft) -> String {
    let mut bytes = Vec::new();
    match draft.finish("h").unwrap().rendering {
        Rendering::Fixed(fixed) => bytes.extend_from_slice(&fixed),
        Rendering::Template(template) => template.render(&mut Values::new(0, 1, 1), &mut bytes),
    }
    String::from_utf8(bytes).unwrap().replace("\r\n", "|")
}

/// Each operation's name and what is sent for it, without the headers that all have.
fn sent(content: &str, prefix: Option<&str>, operations: &Operations) -> Vec<String> {
    let drafts = parsed(content, prefix, operations).unwrap();
    let show = |draft: Draft| {
        let name = draft.name.clone();
        format!("{name} -> {}", bytes(draft).replace(" HTTP/1.1|Host: h|X-Mine: 1|", " "))
    };
    drafts.into_iter().map(show).collect()
}

#[test]
fn the_petstore() {
    let safe = [
        "GET / -> GET / |",
        "GET /pets -> GET /pets |",
        "OPTIONS /pets -> OPTIONS /pets |",
        "GET /pets/{petId} -> GET /pets/string |",
        "OPTIONS /pets/{petId} -> OPTIONS /pets/string |",
        "ANY /{proxy+} -> GET /string |",
    ];
    assert_eq!(sent(PETSTORE, None, &Operations::Safe), safe);
    assert_eq!(sent(PETSTORE, None, &Operations::All).len(), 7);
    let named = Operations::Named(vec!["post /pets".to_owned(), "ListPets".to_owned()]);
    assert_eq!(
        sent(PETSTORE, Some("/prod/"), &named),
        [
            "GET /pets -> GET /prod/pets |",
            "POST /pets -> POST /prod/pets Content-Type: application/json|Content-Length: 14||{\"type\":\"dog\"}",
        ]
    );
}

#[test]
fn swagger_2() {
    assert_eq!(
        sent(ORDERS, None, &Operations::Safe),
        [
            "GET /orders -> GET /prod/orders |",
            "OPTIONS /orders -> OPTIONS /prod/orders |",
            "ANY /orders/{orderId} -> GET /prod/orders/string |",
        ]
    );
    assert_eq!(
        sent(ORDERS, Some("/"), &Operations::Named(vec!["ListOrders".to_owned()])),
        ["GET /orders -> GET /orders |"]
    );
}

/// What is sent for an operation of POST /a.
#[track_caller]
fn check(version: Value, operation: Value, expected: &str) {
    let mut document = json!({"paths": {"/a/{id}": {"post": operation}}});
    let members = document.as_object_mut().unwrap();
    members.extend(version.as_object().unwrap().clone());
    let sent = sent(&document.to_string(), None, &Operations::All).remove(0);
    assert_eq!(sent.strip_prefix("POST /a/{id} -> POST ").unwrap(), expected);
}

#[test]
fn parameters() {
    #[track_caller]
    fn query(parameter: Value, expected: &str) {
        let mut parameter = parameter;
        let members = parameter.as_object_mut().unwrap();
        members.entry("name").or_insert(json!("q"));
        members.entry("in").or_insert(json!("query"));
        members.entry("required").or_insert(json!(true));
        let operation = json!({"parameters": [parameter]});
        check(json!({"openapi": "3.1.0"}), operation, &format!("{expected} Content-Length: 0||"));
    }
    query(json!({}), "/a/string?q=string");
    query(json!({"required": false}), "/a/string");
    query(json!({"required": false, "example": "a b&c"}), "/a/string?q=a%20b%26c");
    query(json!({"required": false, "schema": {"example": 7}}), "/a/string?q=7");
    query(json!({"schema": {"type": "array", "items": {"type": "integer"}, "minItems": 2}}), "/a/string?q=1&q=1");
    query(json!({"explode": false, "example": [1, 2]}), "/a/string?q=1%2C2");
    query(json!({"style": "pipeDelimited", "explode": false, "example": [1, 2]}), "/a/string?q=1%7C2");
    query(json!({"example": {"k": "v"}}), "/a/string?k=v");
    query(json!({"style": "deepObject", "example": {"k": "v"}}), "/a/string?q%5Bk%5D=v");
    query(json!({"content": {"application/json": {"example": {"k": 1}}}}), "/a/string?q=%7B%22k%22%3A1%7D");
    query(json!({"name": "id", "in": "path", "example": "x/y"}), "/a/x%2Fy");
    query(json!({"name": "id", "in": "path", "example": ["x", "y"]}), "/a/x%2Cy");
    query(json!({"name": "id", "in": "path", "x-loadtest-example": "{{seq:9}}"}), "/a/9");
    query(json!({"name": "id", "in": "path", "example": "{{seq:9}}"}), "/a/%7B%7Bseq%3A9%7D%7D");
}

#[test]
fn headers_and_cookies() {
    let parameters = json!({"parameters": [
        {"name": "X-Mine", "in": "header", "required": true},
        {"name": "X-Theirs", "in": "header", "example": [1, 2]},
        {"name": "Accept", "in": "header", "required": true},
        {"name": "a", "in": "cookie", "example": 1},
        {"name": "b", "in": "cookie", "required": true},
    ]});
    check(json!({"openapi": "3.0.3"}), parameters, {
        "/a/string X-Theirs: 1,2|Cookie: a=1; b=string|Content-Length: 0||"
    });
}

#[test]
fn bodies() {
    #[track_caller]
    fn body(content: Value, expected: &str) {
        let operation = json!({"requestBody": {"content": content}});
        check(json!({"openapi": "3.1.0"}), operation, &format!("/a/string {expected}"));
    }
    body(json!({"text/plain": {}, "application/json": {"example": {"a": "{{b"}}}), {
        "Content-Type: application/json|Content-Length: 11||{\"a\":\"{{b\"}"
    });
    body(json!({"application/vnd.x+json; charset=utf-8": {"examples": {"one": {"value": 1}}}}), {
        "Content-Type: application/vnd.x+json; charset=utf-8|Content-Length: 1||1"
    });
    body(json!({"application/json": {"x-loadtest-example": {"a": "{{pick:\"}}"}}}), {
        "Content-Type: application/json|Content-Length: 10||{\"a\":\"\\\"\"}"
    });
    body(json!({"application/x-www-form-urlencoded": {"example": {"a": "b c&d", "e": 1}}}), {
        "Content-Type: application/x-www-form-urlencoded|Content-Length: 15||a=b%20c%26d&e=1"
    });
    body(json!({"text/plain": {"example": "hello"}}), "Content-Type: text/plain|Content-Length: 5||hello");
    let parameters =
        json!([{"name": "a", "in": "formData", "type": "array", "items": {"type": "integer"}, "required": true}]);
    check(json!({"swagger": "2.0", "basePath": "/v1/"}), json!({"parameters": parameters}), {
        "/v1/a/string Content-Type: application/x-www-form-urlencoded|Content-Length: 3||a=1"
    });
    let parameters = json!([{"name": "a", "in": "body", "schema": {"type": "integer"}}]);
    check(json!({"swagger": "2.0"}), json!({"parameters": parameters}), {
        "/a/string Content-Type: application/json|Content-Length: 1||1"
    });
}

#[test]
fn servers() {
    #[track_caller]
    fn server(servers: Value, expected: &str) {
        let version = json!({"openapi": "3.1.0", "servers": servers});
        check(version, json!({}), &format!("{expected}/a/string Content-Length: 0||"));
    }
    server(json!([]), "");
    server(json!([{"url": "https://example.com"}]), "");
    server(json!([{"url": "https://example.com/v1/"}, {"url": "/v2"}]), "/v1");
    server(json!([{"url": "/v2"}]), "/v2");
    let variables = json!({"basePath": {"default": "/prod"}});
    server(json!([{"url": "https://example.com/{basePath}", "variables": variables}]), "/prod");
}

#[test]
fn weights_and_statuses() {
    let content = json!({"openapi": "3.0.0", "paths": {"/a": {
        "get": {"x-loadtest-weight": 5, "responses": {"201": {}, "404": {}}},
        "put": {"responses": {"200": {}, "default": {}}},
        "post": {"x-loadtest-weight": 0},
    }}});
    let drafts = parsed(&content.to_string(), None, &Operations::All).unwrap();
    let of: Vec<_> = drafts
        .iter()
        .map(|draft| (draft.weight, [200, 201, 404].map(|status| draft.check.judge(status, b"").is_ok())))
        .collect();
    assert_eq!(of, [(5, [false, true, false]), (1, [true, true, false])]);
}

/// YAML has numbers for keys.
#[test]
fn statuses_without_quotes() {
    let content = "openapi: 3.0.0\npaths:\n  /a:\n    get:\n      responses:\n        201: {description: x}\n";
    let drafts = parsed(content, None, &Operations::Safe).unwrap();
    assert!(drafts[0].check.judge(201, b"").is_ok() && drafts[0].check.judge(200, b"").is_err());
}

#[test]
fn mistakes() {
    #[track_caller]
    fn check(content: &str, operations: &Operations, message: &str) {
        let error = parsed(content, None, operations).unwrap_err();
        assert!(error.starts_with("api.yaml: ") && error.contains(message), "{error}");
    }
    check("a: b", &Operations::Safe, "not an OpenAPI document");
    check("{", &Operations::Safe, "EOF");
    check("a: [", &Operations::Safe, "");
    check("openapi: 3.0.0", &Operations::Safe, "/paths");
    check("openapi: 3.0.0\npaths: {/a: {post: {}}}", &Operations::Safe, "add --all-operations");
    check(
        PETSTORE,
        &Operations::Named(vec!["GET /pet".to_owned()]),
        "no operation `GET /pet`; there are GET /, GET /pets",
    );
    check("openapi: 3.0.0\npaths: {/a: {get: {x-loadtest-weight: x}}}", &Operations::Safe, {
        "/paths/~1a/get/x-loadtest-weight: a weight"
    });
    check(
        "openapi: 3.0.0\npaths: {/a: {get: {parameters: [{name: x, in: query, example: 1, style: matrix}]}}}",
        &Operations::Safe,
        "/paths/~1a/get/parameters/0: the style `matrix`",
    );
    check(
        "openapi: 3.0.0\npaths: {/a: {post: {requestBody: {content: {multipart/form-data: {}}}}}}",
        &Operations::All,
        "/paths/~1a/post/requestBody/content/multipart~1form-data: multipart",
    );
    check("openapi: 3.0.0\npaths: {/a: {get: {x-loadtest-weight: 0}}}", &Operations::Safe, "weight 0");
    check(
        "openapi: 3.0.0\npaths: {/a: {get: {parameters: [{name: x, in: query, x-loadtest-example: '{{x}}'}]}}}",
        &Operations::Safe,
        "/paths/~1a/get: column 1: {{x}}",
    );
}
