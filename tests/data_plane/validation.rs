//! Request validators: what a request has to have before its integration is begun.

use serde_json::{Value, json};

use crate::harness::{Api, Backend, Driver, Gateway, http_proxy, mock};

on_both_drivers! {
    required_parameters,
    gateway_responses_say_what_is_missing,
    bodies_of_refused_requests,
    bodies_have_to_fit_their_models,
}

const ROUTE: &str = "GET /pets/{petId}";

fn parameter(place: &str, name: &str) -> Value {
    json!({"in": place, "name": name, "required": true, "schema": {"type": "string"}})
}

/// The example of the developer guide's recordings: a header, a path parameter and a query parameter.
fn validated(route: &str, integration: Value) -> Api {
    let validator =
        |body: bool, parameters: bool| json!({"validateRequestBody": body, "validateRequestParameters": parameters});
    let optional = json!({"in": "query", "name": "optional", "schema": {"type": "string"}});
    let parameters = json!([
        parameter("query", "page size"),
        parameter("query", "a"),
        parameter("path", "petId"),
        parameter("header", "X-Header-Param"),
        optional,
    ]);
    Api::new()
        .route(route, integration)
        .on(route, "parameters", parameters)
        .with(
            "x-amazon-apigateway-request-validators",
            json!({"none": validator(false, false), "params": validator(false, true)}),
        )
        .with("x-amazon-apigateway-request-validator", json!("params"))
}

fn required_parameters(driver: Driver) {
    let backend = Backend::named();
    let api = validated(ROUTE, http_proxy(format!("{}/{{petId}}", backend.url())))
        .route("GET /mock/{petId}", mock(200, "mocked"))
        .on("GET /mock/{petId}", "parameters", json!([parameter("query", "q")]))
        .route("GET /open", mock(200, "open"))
        .on("GET /open", "parameters", json!([parameter("query", "q")]))
        .on("GET /open", "x-amazon-apigateway-request-validator", json!("none"));
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    let refused = |answer: crate::harness::Message, missing: &str| {
        let expected = format!(r#"{{"message":"Missing required request parameters: [{missing}]"}}"#);
        assert_eq!((answer.status(), answer.text()), (400, expected.as_str()));
        assert_eq!(answer.field("x-amzn-errortype"), Some("BadRequestException"));
        assert_eq!(answer.field("content-type"), Some("application/json"));
    };
    refused(client.get("/pets/1"), "X-Header-Param, a, page size");
    refused(client.get("/pets/1?page%20size=1&a"), "X-Header-Param, a");
    refused(client.get("/pets/%20?a=1&page+size=1"), "X-Header-Param, petId");
    refused(client.get("/mock/1?Q=1"), "q");
    let whole = "GET /pets/1?a=0&page%20size=1 HTTP/1.1\r\nHost: a\r\nx-header-param: 1\r\n\r\n";
    assert_eq!(client.exchange(whole).status(), 200);
    refused(client.exchange(whole.replace("param: 1", "param: ")), "X-Header-Param");
    assert_eq!(client.get("/mock/1?q=1").text(), "mocked");
    assert_eq!(client.get("/open").text(), "open");
    let log = gateway.log(8);
    assert_eq!((&log[0]["status"], &log[0]["error"]), (&json!(400), &json!("Missing required request parameters")));
}

fn gateway_responses_say_what_is_missing(driver: Driver) {
    let template = "{\"m\": $context.error.messageString, \"t\": \"$context.error.responseType\", \"v\": \"$context.error.validationErrorString\"}";
    let api = validated(ROUTE, mock(200, "")).with(
        "x-amazon-apigateway-gateway-responses",
        json!({"BAD_REQUEST_PARAMETERS": {
            "statusCode": "422",
            "responseParameters": {"gatewayresponse.header.X-Why": "context.error.message"},
            "responseTemplates": {"application/json": template},
        }}),
    );
    let gateway = Gateway::with(&api).driver(driver).start();
    let answer = gateway.get("/pets/1?a=1&page%20size=1");
    let expected =
        r#"{"m": "Missing required request parameters: [X-Header-Param]", "t": "BAD_REQUEST_PARAMETERS", "v": ""}"#;
    assert_eq!((answer.status(), answer.text()), (422, expected));
    assert_eq!(answer.field("x-why"), Some("Missing required request parameters: [X-Header-Param]"));
}

/// The connection stays in step: the body of a refused request is read, and is not the next request.
fn bodies_of_refused_requests(driver: Driver) {
    let backend = Backend::named();
    let route = "POST /pets/{petId}";
    let api = validated(route, http_proxy(format!("{}/{{petId}}", backend.url())));
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    let bodies = ["Content-Length: 5\r\n\r\nabcde", "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"];
    for body in bodies {
        let answer = client.exchange(format!("POST /pets/1 HTTP/1.1\r\nHost: a\r\n{body}"));
        assert_eq!(answer.status(), 400);
    }
    let head = "POST /pets/1?a=1&page%20size=1 HTTP/1.1\r\nHost: a\r\nX-Header-Param: 1\r\nContent-Length: 2\r\n\r\nok";
    assert_eq!(client.exchange(head).status(), 200);
}

fn bodies_have_to_fit_their_models(driver: Driver) {
    let backend = Backend::named();
    let pet = json!({
        "type": "object",
        "required": ["name", "price"],
        "properties": {"name": {"type": "string"}, "price": {"$ref": "#/components/schemas/Price"}},
    });
    let body = json!({"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}});
    let validators = json!({"body": {"validateRequestBody": true, "validateRequestParameters": false}});
    let route = "POST /pets";
    let api = Api::new()
        .route(route, http_proxy(format!("{}/pets", backend.url())))
        .on(route, "requestBody", body.clone())
        .route("POST /mock", mock(200, "mocked"))
        .on("POST /mock", "requestBody", body)
        .with("components", json!({"schemas": {"Pet": pet, "Price": {"type": "number", "minimum": 0}}}))
        .with("x-amazon-apigateway-request-validators", validators)
        .with("x-amazon-apigateway-request-validator", json!("body"))
        .with(
            "x-amazon-apigateway-gateway-responses",
            json!({"BAD_REQUEST_BODY": {"responseTemplates":
                {"application/json": "{\"message\":$context.error.messageString,\"why\":\"$context.error.validationErrorString\"}"}}}),
        );
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    let post = |path: &str, content_type: &str, body: &str| {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    let good = r#"{"name": "Rex", "price": 2.5, "more": [1]}"#;
    assert_eq!(client.exchange(post("/pets", "application/json", good)).status(), 200);
    assert_eq!((backend.last().text(), backend.last().field("content-length")), (good, Some("42")));
    assert_eq!(client.exchange(post("/mock", "application/json", good)).text(), "mocked");
    for path in ["/pets", "/mock"] {
        for (body, why) in [
            (r#"{"name": 1}"#, "[object has missing required properties ([\\\"price\\\"])"),
            (r#"{"name": "Rex", "price": -1}"#, "numeric instance is lower than the required minimum"),
            ("{broken", "[Unknown error parsing request body]"),
            ("", "[Unknown error parsing request body]"),
        ] {
            let answer = client.exchange(post(path, "application/json", body));
            assert_eq!(answer.status(), 400, "{body}");
            let text = answer.text().replace('\\', "");
            assert!(text.starts_with(r#"{"message":"Invalid request body","why":""#), "{text}");
            assert!(text.contains(&why.replace('\\', "")), "{body}: {text}");
        }
    }
    // A type without a model is nobody's to check.
    assert_eq!(client.exchange(post("/pets", "text/plain", "anything")).status(), 200);
    assert_eq!(backend.requests().len(), 2);
}
