//! Integrations of the type `aws`: functions that are invoked with what a template makes, and other services.

use serde_json::{Value, json};

use tollgate::sign::{Claim, PathStyle, Request, Scope, Timestamp, verify};

use crate::harness::function::{function_uri, invoked, lambda_mapped};
use crate::harness::gateway::Start;
use crate::harness::{Api, Backend, Driver, Gateway, Message, wait_for, wait_until};

on_both_drivers! {
    a_function_gets_what_is_mapped,
    an_error_s_message_selects_the_response,
    functions_are_invoked_asynchronously_where_that_is_mapped,
    what_cannot_be_invoked_is_told,
    a_service_of_json_is_told_its_action,
    a_service_of_the_query_protocol_is_asked_by_its_query,
    a_path_has_mapped_parts,
    without_credentials_nothing_is_asked_of_aws,
    requests_are_signed_as_their_service_verifies,
}

const INTERNAL: &str = r#"{"message":"Internal server error"}"#;

fn serve_functions(backend: &Backend, api: &Api, driver: Driver) -> Start {
    Gateway::with(api).driver(driver).set("lambda.targets", format!("orders={}", backend.url()))
}

fn post(gateway: &Gateway, target: &str, body: &str) -> Message {
    let length = body.len();
    gateway.exchange(format!(
        "POST {target} HTTP/1.1\r\nHost: a\r\nX-Amz-Invocation-Type: Event\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    ))
}

/// Invokes a function that answers with what it is invoked with.
fn echo() -> Backend {
    Backend::start(|conversation| {
        conversation.read_body();
        let body = conversation.request.body.clone();
        conversation.send(invoked("X-Theirs: 1\r\n", body));
    })
}

fn a_function_gets_what_is_mapped(driver: Driver) {
    let backend = echo();
    let mut mapped = lambda_mapped(
        "orders",
        json!({"default": {
            "statusCode": "202",
            "responseParameters": {"method.response.header.X-Id": "integration.response.body.id",
                                   "method.response.header.X-Version": "integration.response.header.X-Amz-Executed-Version"},
            "responseTemplates": {"application/json": "{\"got\": $input.json('$')}"},
        }}),
    );
    mapped["requestTemplates"] =
        json!({"application/json": "{\"id\": \"$input.params('id')\", \"body\": $input.json('$.a')}"});
    let api = Api::new()
        .route("POST /map/{id}", mapped)
        .route("ANY /pass", lambda_mapped("orders", json!({"default": {"statusCode": "200"}})));
    let gateway = serve_functions(&backend, &api, driver).start();
    let answer = post(&gateway, "/map/7", r#"{"a": [1, 2]}"#);
    assert_eq!((answer.status(), answer.text()), (202, r#"{"got": {"id":"7","body":[1,2]}}"#));
    assert_eq!((answer.field("x-id"), answer.field("x-version")), (Some("7"), Some("$LATEST")));
    let invocation = backend.last();
    assert_eq!(invocation.start, "POST /2015-03-31/functions/orders/invocations HTTP/1.1");
    assert!(!invocation.has("x-amz-invocation-type"), "the client's is not passed on\n{}", invocation.head);
    assert!(!invocation.has("x-forwarded-for"), "{}", invocation.head);
    assert_eq!(post(&gateway, "/pass", r#"{"b": 1}"#).text(), r#"{"b": 1}"#);
    assert_eq!(gateway.get("/pass").text(), "{}", "nothing is an empty object");
    let answer = post(&gateway, "/pass", "no JSON");
    assert_eq!(answer.status(), 400);
    assert!(answer.text().starts_with(r#"{"message":"Could not parse request body into json: "#), "{}", answer.text());
    assert_eq!(backend.requests().len(), 3);
}

fn an_error_s_message_selects_the_response(driver: Driver) {
    let backend = Backend::start(|conversation| {
        conversation.read_body();
        let asked: Value = serde_json::from_slice(&conversation.request.body).expect("JSON");
        match asked["fail"].as_str() {
            Some(message) => {
                let body = json!({"errorMessage": message, "errorType": "Error"}).to_string();
                conversation.send(invoked("X-Amz-Function-Error: Unhandled\r\n", body));
            }
            // A message alone is no error.
            None => conversation.send(invoked("", r#"{"errorMessage":"not found"}"#)),
        }
    });
    let responses = json!({
        "default": {"statusCode": "200"},
        ".*not found.*": {"statusCode": "404", "responseTemplates": {"application/json": "{\"why\": \"$input.path('$.errorMessage')\"}"}},
        "Bad.*": {"statusCode": "400"},
    });
    let api = Api::new()
        .route("POST /a", lambda_mapped("orders", responses.clone()))
        .route("POST /b", lambda_mapped("orders", json!({"Bad.*": {"statusCode": "400"}})));
    let gateway = serve_functions(&backend, &api, driver).start();
    let told = |path: &str, message: Value| {
        let answer = post(&gateway, path, &json!({ "fail": message }).to_string());
        (answer.status(), answer.text().to_owned())
    };
    assert_eq!(told("/a", json!("pet 7 not found")), (404, r#"{"why": "pet 7 not found"}"#.to_owned()));
    assert_eq!(told("/a", json!("Bad request")).0, 400);
    let (status, body) = told("/a", json!("something else"));
    assert_eq!(status, 200, "an error that no pattern is for is answered by the default");
    assert!(body.contains("something else"), "{body}");
    assert_eq!(told("/a", json!("not found\nat all")).0, 200, "a dot is no line's end");
    assert_eq!(told("/a", Value::Null).0, 200);
    assert_eq!(told("/b", json!("Bad")).0, 400);
    assert_eq!(told("/b", json!("Good")), (500, INTERNAL.to_owned()));
}

fn functions_are_invoked_asynchronously_where_that_is_mapped(driver: Driver) {
    let backend = Backend::start(|conversation| {
        conversation.read_body();
        conversation.send("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
    });
    let mut fixed = lambda_mapped("orders", json!({"default": {"statusCode": "202"}}));
    fixed["requestParameters"] = json!({"integration.request.header.X-Amz-Invocation-Type": "'Event'"});
    let mut chosen = fixed.clone();
    chosen["requestParameters"] =
        json!({"integration.request.header.X-Amz-Invocation-Type": "method.request.header.InvocationType"});
    let api = Api::new().route("POST /fixed", fixed).route("POST /chosen", chosen);
    let gateway = serve_functions(&backend, &api, driver).start();
    assert_eq!(post(&gateway, "/fixed", "{}").status(), 202);
    assert_eq!(backend.last().field("x-amz-invocation-type"), Some("Event"));
    let request = "POST /chosen HTTP/1.1\r\nHost: a\r\nInvocationType: DryRun\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(gateway.exchange(request).status(), 202);
    assert_eq!(backend.last().field("x-amz-invocation-type"), Some("DryRun"));
}

fn what_cannot_be_invoked_is_told(driver: Driver) {
    let backend = Backend::start(|conversation| {
        conversation.read_body();
        let status = conversation.request.field("x-status").expect("it is mapped").to_owned();
        conversation.send(format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"));
    });
    let mut mapped = lambda_mapped("orders", json!({"default": {"statusCode": "200"}, ".*": {"statusCode": "201"}}));
    mapped["requestParameters"] = json!({"integration.request.header.X-Status": "method.request.querystring.status"});
    let gateway = serve_functions(&backend, &Api::new().route("POST /a", mapped), driver).start();
    for status in [404, 429, 500, 503] {
        let answer = post(&gateway, &format!("/a?status={status}"), "{}");
        assert_eq!((answer.status(), answer.text()), (500, INTERNAL), "{status}: no response is for that");
    }
}

/// `aws` with a service, and what it answers as it is.
fn service(uri: &str, more: &[(&str, Value)]) -> Value {
    let mut integration = json!({
        "type": "aws", "httpMethod": "POST", "uri": format!("arn:aws:apigateway:eu-west-1:{uri}"),
        "credentials": "arn:aws:iam::123456789012:role/api",
        "responses": {"default": {"statusCode": "200"}, "4\\d\\d": {"statusCode": "422"}},
    });
    for (name, value) in more {
        integration[*name] = value.clone();
    }
    integration
}

fn serve_service(name: &str, backend: &Backend, api: &Api, driver: Driver) -> Start {
    let endpoint = format!("{name}={}", backend.url());
    Gateway::with(api).driver(driver).set("aws.endpoints", endpoint).set("aws.credentials", "off")
}

fn a_service_of_json_is_told_its_action(driver: Driver) {
    let backend = Backend::start(|conversation| {
        conversation.read_body();
        let status = if conversation.request.body.starts_with(b"{}") { "400 Bad Request" } else { "200 OK" };
        conversation.send(format!("HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 12\r\n\r\n{{\"Count\": 7}}"));
    });
    let template = json!({"application/json": "{\"TableName\": \"$input.path('$.table')\"}"});
    let response = json!({"default": {"statusCode": "200", "responseTemplates": {"application/json": "$input.path('$.Count')"}}, "4\\d\\d": {"statusCode": "422"}});
    let api = Api::new()
        .route(
            "POST /scan",
            service("dynamodb:action/Scan", &[("requestTemplates", template), ("responses", response)]),
        )
        .route("POST /raw", service("dynamodb:action/Scan", &[]));
    let gateway = serve_service("dynamodb", &backend, &api, driver).start();
    let answer = post(&gateway, "/scan", r#"{"table": "pets"}"#);
    assert_eq!((answer.status(), answer.text()), (200, "7"));
    let asked = backend.last();
    assert_eq!((asked.start.as_str(), asked.text()), ("POST / HTTP/1.1", r#"{"TableName": "pets"}"#));
    assert_eq!(asked.field("x-amz-target"), Some("DynamoDB_20120810.Scan"));
    assert_eq!(asked.field("content-type"), Some("application/x-amz-json-1.0"));
    assert_eq!(asked.field("accept"), Some("application/json"));
    assert_eq!(asked.field("user-agent"), Some("AmazonAPIGateway_api1"));
    assert!(!asked.has("x-forwarded-for") && !asked.has("x-amz-invocation-type") && !asked.has("authorization"));
    assert_eq!(post(&gateway, "/raw", "{}").status(), 422, "other services' statuses select");
}

fn a_service_of_the_query_protocol_is_asked_by_its_query(driver: Driver) {
    let backend = Backend::named();
    let parameters = json!({
        "integration.request.querystring.MessageBody": "method.request.body",
        "integration.request.header.Content-Type": "'application/x-www-form-urlencoded'",
    });
    let by_path = json!({"application/json": "Action=SendMessage&MessageBody=$util.urlEncode($input.body)"});
    let api = Api::new()
        .route("POST /action", service("sqs:action/SendMessage&QueueUrl=q", &[("requestParameters", parameters)]))
        .route("POST /path", service("sqs:path/123456789012/queue", &[("requestTemplates", by_path)]));
    let gateway = serve_service("sqs", &backend, &api, driver).start();
    let answer = post(&gateway, "/action", "a b&c");
    assert_eq!(answer.text(), "/?Action=SendMessage&Version=2012-11-05&QueueUrl=q&MessageBody=a%20b%26c");
    assert_eq!(backend.last().field("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(post(&gateway, "/path", "a b").text(), "/123456789012/queue");
    assert_eq!(backend.last().text(), "Action=SendMessage&MessageBody=a+b");
}

fn a_path_has_mapped_parts(driver: Driver) {
    let backend = Backend::named();
    let parameters = json!({
        "integration.request.path.bucket": "stageVariables.bucket",
        "integration.request.path.key": "method.request.path.key",
    });
    let more = [("requestParameters", parameters), ("httpMethod", json!("GET"))];
    let api = Api::new().route("GET /{key+}", service("s3:path/{bucket}/{key}", &more));
    let start = serve_service("s3", &backend, &api, driver);
    let gateway = start.arg("--stage-variable").arg("bucket=pets").start();
    assert_eq!(gateway.get("/a/b%20c.png").text(), "/pets/a/b%20c.png");
    assert_eq!(backend.last().method(), "GET");
}

fn without_credentials_nothing_is_asked_of_aws(driver: Driver) {
    let api = Api::new().route("POST /a", service("sqs:action/SendMessage", &[]));
    let ended = Gateway::with(&api).driver(driver).set("aws.credentials", "off").run();
    assert_eq!(ended.code(), 1);
    assert!(ended.stderr.contains("requests to `sqs` have to be signed"), "{}", ended.stderr);
}

/// Refuses what is not signed by the one access key.
fn verifying(service: &'static str) -> Backend {
    Backend::start(move |conversation| {
        conversation.read_body();
        let request = &conversation.request;
        let target = request.target().to_owned();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let headers: Vec<(&str, &[u8])> =
            request.fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let (path_style, body) = (PathStyle::of(service), request.body.as_slice());
        let signed = Request { method: request.method(), path, path_style, query, headers: &headers, body };
        let verdict = Claim::parse(&signed).and_then(|claim| {
            assert_eq!(claim.scope(), Scope { region: "eu-west-1", service });
            verify(&signed, &claim, SECRET, Timestamp::from(std::time::SystemTime::now()), 300)
        });
        let answer = match verdict {
            Ok(()) => invoked("", r#"{"statusCode":200,"body":"verified"}"#),
            Err(error) => format!("HTTP/1.1 403 X\r\nContent-Length: 0\r\nX-Why: {error:?}\r\n\r\n").into_bytes(),
        };
        conversation.send(answer);
    })
}

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn requests_are_signed_as_their_service_verifies(driver: Driver) {
    let s3 = json!({
        "integration.request.path.key": "method.request.path.key",
        "integration.request.querystring.x-id": "method.request.querystring.id",
        "integration.request.header.X-Amz-Meta-Note": "method.request.header.note",
    });
    let s3 = [("requestParameters", s3), ("httpMethod", json!("PUT"))];
    let uri = function_uri("orders").replace("us-east-1", "eu-west-1");
    let lambda = json!({"type": "aws_proxy", "httpMethod": "POST", "uri": uri});
    let mut mapped = lambda_mapped("orders", json!({"default": {"statusCode": "200"}}));
    mapped["uri"] = json!(function_uri("orders:live").replace("us-east-1", "eu-west-1"));
    for (name, integration) in [
        ("dynamodb", service("dynamodb:action/Scan", &[])),
        ("sqs", service("sqs:action/SendMessage&MessageBody=a%20b%2B", &[])),
        ("s3", service("s3:path/bucket/{key}", &s3)),
        ("lambda", lambda),
        ("lambda", mapped),
    ] {
        let backend = verifying(name);
        let api = Api::new().route("POST /{key+}", integration);
        let start = Gateway::with(&api).driver(driver).set("aws.endpoints", format!("{name}={}", backend.url()));
        let start = start.variable("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").variable("AWS_SECRET_ACCESS_KEY", SECRET);
        let gateway = start.variable("AWS_SESSION_TOKEN", "a-session-token").start();
        wait_until("the credentials", || gateway.output().contains("AWS credentials found"));
        let request = "POST /a%20b/c+d//e?id=x%20y&other=1 HTTP/1.1\r\nHost: a\r\nNote:   two  spaces \r\nContent-Length: 9\r\n\r\n{\"a\": \"\"}";
        // The shards have them a moment later.
        let answer =
            wait_for("a signed request", || Some(gateway.exchange(request)).filter(|answer| answer.status() != 500));
        assert_eq!(answer.status(), 200, "{name}\n{}", backend.last().head);
        let asked = backend.last();
        assert_eq!(asked.field("x-amz-security-token"), Some("a-session-token"));
        assert_eq!(asked.has("x-amz-content-sha256"), name == "s3");
        assert!(!gateway.output().contains(SECRET) && !gateway.output().contains("a-session-token"));
    }
}
