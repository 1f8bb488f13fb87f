//! Functions behind `aws_proxy`: what they are invoked with, and what becomes of what they answer.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::harness::function::{answering, event, invoked, lambda};
use crate::harness::gateway::Start;
use crate::harness::{Api, Backend, Driver, Gateway, Message};

on_both_drivers! {
    a_request_is_an_event,
    bodies_come_whole,
    how_a_function_is_invoked_is_not_the_clients_to_say,
    an_answer_is_http,
    binary_data_is_base64_on_the_way,
    malformed_answers_are_refused,
    a_function_that_fails,
    what_lambda_refuses,
    functions_that_do_not_answer,
    a_function_may_take_longer_than_a_head,
    events_and_answers_have_limits,
    answers_are_kept,
    answers_are_compressed,
    head_has_no_body,
    connections_are_used_again,
    the_log_tells_of_both_statuses,
    customised_errors,
    an_api_that_names_no_place_does_not_start,
}

const INTERNAL: &str = r#"{"message":"Internal server error"}"#;

fn api() -> Api {
    Api::new().route("ANY /{proxy+}", lambda("orders")).route("ANY /", lambda("orders"))
}

fn serve(backend: &Backend, api: &Api, driver: Driver) -> Start {
    Gateway::with(api).driver(driver).set("lambda.targets", format!("orders={}", backend.url()))
}

/// The event of the last invocation.
fn last_event(backend: &Backend) -> Value {
    serde_json::from_slice(&backend.last().body).expect("JSON")
}

/// The deadline of the request is none of its answer: the connection goes on.
fn a_function_may_take_longer_than_a_head(driver: Driver) {
    let backend = answering(|event| {
        if event["path"] == "/slow" {
            std::thread::sleep(std::time::Duration::from_millis(1_300));
        }
        json!({ "statusCode": 200, "body": "done" })
    });
    let start = serve(&backend, &api(), driver).set("limits.head_timeout_ms", 1_000);
    let gateway = start.set("limits.body_idle_timeout_ms", 1_000).start();
    let client = &mut gateway.connect();
    for _ in 0..2 {
        assert_eq!(client.get("/slow").text(), "done");
    }
    let posted = client.exchange("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!((posted.text(), client.get("/quick").text()), ("done", "done"));
}

fn a_request_is_an_event(driver: Driver) {
    let backend = answering(|_| json!({"statusCode": 201, "headers": {"x-from": "function"}, "body": "made"}));
    let gateway = serve(&backend, &api(), driver).start();
    let answer = gateway.exchange(
        "POST /a%2Fb/c/?q=1&q=2+3 HTTP/1.1\r\nHost: gw.test\r\nX-A: 1\r\nX-A: 2\r\nContent-Type: application/json\r\n\
         Content-Length: 10\r\n\r\n{\"a\": \"\u{e9}\"",
    );
    assert_eq!((answer.status(), answer.field("x-from"), answer.text()), (201, Some("function"), "made"));
    let event = last_event(&backend);
    let expected = [
        ("/resource", json!("/{proxy+}")),
        ("/path", json!("/a%2Fb/c/")),
        ("/httpMethod", json!("POST")),
        ("/headers/X-A", json!("2")),
        ("/multiValueHeaders/X-A", json!(["1", "2"])),
        ("/headers/Host", json!("gw.test")),
        ("/queryStringParameters/q", json!("2 3")),
        ("/multiValueQueryStringParameters/q", json!(["1", "2 3"])),
        ("/pathParameters/proxy", json!("a%2Fb/c")),
        ("/stageVariables", Value::Null),
        ("/requestContext/apiId", json!("api1")),
        ("/requestContext/stage", json!("default")),
        ("/requestContext/protocol", json!("HTTP/1.1")),
        ("/requestContext/identity/sourceIp", json!("127.0.0.1")),
        ("/body", json!("{\"a\": \"\u{e9}\"")),
        ("/isBase64Encoded", json!(false)),
    ];
    for (pointer, expected) in expected {
        assert_eq!(event.pointer(pointer), Some(&expected), "{pointer} of {event:#}");
    }
    assert_eq!(event["requestContext"]["requestId"].as_str(), answer.field("x-amzn-requestid"));
    assert_eq!(event["requestContext"]["extendedRequestId"].as_str(), answer.field("x-amz-apigw-id"));
    assert_eq!(gateway.get("/").status(), 201);
    let event = last_event(&backend);
    assert_eq!((&event["path"], &event["pathParameters"], &event["body"]), (&json!("/"), &Value::Null, &Value::Null));
}

fn bodies_come_whole(driver: Driver) {
    let backend = answering(|event| json!({"body": event["body"]}));
    let gateway = serve(&backend, &api(), driver).start();
    let mut client = gateway.connect();
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    client.send("4\r\ndefg\r\n0\r\n\r\n");
    assert_eq!(client.answer().text(), "abcdefg");
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.answer().status(), 100);
    client.send("xyz");
    assert_eq!(client.answer().text(), "xyz");
    // Two at once: answers come in the order of the requests.
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n2");
    assert_eq!((client.answer().text().to_owned(), client.answer().text().to_owned()), ("1".into(), "2".into()));
    let mut gone = gateway.connect();
    gone.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    drop(gone);
    let before = backend.requests().len();
    gateway.wait_for_metric("client_aborts_total", 1.0);
    assert_eq!(backend.requests().len(), before, "half a body invokes nothing");
}

fn how_a_function_is_invoked_is_not_the_clients_to_say(driver: Driver) {
    let backend = answering(|_| json!({}));
    let gateway = serve(&backend, &api(), driver).start();
    let fields = "X-Amz-Invocation-Type: Event\r\nX-Amz-Log-Type: Tail\r\nX-Amz-Client-Context: e30=\r\n\
                  X-Amzn-Trace-Id: Root=1-abc\r\nAuthorization: mine\r\n";
    assert_eq!(gateway.exchange(format!("GET /a HTTP/1.1\r\nHost: a\r\n{fields}\r\n")).status(), 200);
    let invocation = backend.last();
    assert_eq!(invocation.start, "POST /2015-03-31/functions/orders/invocations HTTP/1.1");
    assert_eq!(invocation.field("x-amz-invocation-type"), Some("RequestResponse"));
    assert_eq!(invocation.field("x-amzn-trace-id"), Some("Root=1-abc"));
    assert_eq!(invocation.field("host").map(str::to_owned), Some(backend.address.to_string()));
    assert_eq!(invocation.field("content-type"), Some("application/json"));
    assert_eq!(invocation.field("user-agent"), Some("AmazonAPIGateway_api1"));
    for theirs in ["x-amz-log-type", "x-amz-client-context", "authorization", "x-forwarded-for"] {
        assert!(!invocation.has(theirs), "{theirs} in\n{}", invocation.head);
    }
    let event = last_event(&backend);
    assert_eq!(
        (&event["headers"]["X-Amz-Invocation-Type"], &event["headers"]["Authorization"]),
        (&json!("Event"), &json!("mine"))
    );
    gateway.get("/b");
    let (invocation, event) = (backend.last(), last_event(&backend));
    let trace_id = invocation.field("x-amzn-trace-id").expect("each has one");
    assert!(trace_id.starts_with("Root=1-") && trace_id.len() == 40, "{trace_id}");
    assert_eq!(event["headers"]["X-Amzn-Trace-Id"], trace_id);
    // One that CGI's naming could not tell from what the gateway says of the client.
    assert_eq!(gateway.exchange("GET /a HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 6.6.6.6\r\n\r\n").status(), 400);
}

/// Answers with what the body of the request says.
fn echo(driver: Driver, api: &Api) -> (Backend, Gateway) {
    let backend = Backend::start(|conversation| {
        let event = event(conversation);
        let answer = event["body"].as_str().unwrap_or("null").to_owned();
        conversation.send(invoked("", answer));
    });
    let gateway = serve(&backend, api, driver).start();
    (backend, gateway)
}

fn post(gateway: &Gateway, body: &str) -> Message {
    let length = body.len();
    gateway.exchange(format!("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"))
}

fn an_answer_is_http(driver: Driver) {
    let (_backend, gateway) = echo(driver, &api());
    let answer = post(&gateway, "{}");
    assert_eq!((answer.status(), answer.text(), answer.field("content-type")), (200, "", Some("application/json")));
    let answer =
        post(&gateway, r#"{"statusCode":"404","headers":{"Content-Type":"text/plain","x":true},"body":"no\n"}"#);
    assert_eq!((answer.status(), answer.text()), (404, "no\n"));
    assert_eq!((answer.field("content-type"), answer.field("x")), (Some("text/plain"), Some("true")));
    let answer = post(&gateway, r#"{"multiValueHeaders":{"Set-Cookie":["a=1","b=2"]},"headers":{"set-cookie":"c=3"}}"#);
    assert_eq!(answer.values("set-cookie").collect::<Vec<_>>(), ["a=1", "b=2", "c=3"]);
    let answer = post(
        &gateway,
        r#"{"headers":{"Connection":"close","Content-Length":"99","Transfer-Encoding":"chunked"},"body":"x"}"#,
    );
    assert_eq!(
        (answer.text(), answer.field("content-length"), answer.has("transfer-encoding")),
        ("x", Some("1"), false)
    );
    assert_eq!(answer.field("x-amzn-remapped-connection"), Some("close"));
    assert_eq!(answer.field("x-amzn-remapped-content-length"), Some("99"));
    for status in [204, 304] {
        let answer = post(&gateway, &format!(r#"{{"statusCode":{status},"body":"not sent"}}"#));
        assert_eq!((answer.status(), answer.text()), (status, ""));
    }
    let answer = post(&gateway, r#"{"statusCode":500,"body":"mine"}"#);
    assert_eq!((answer.status(), answer.text()), (500, "mine"), "what the function says is no error of the gateway's");
}

fn binary_data_is_base64_on_the_way(driver: Driver) {
    let api = api().with("x-amazon-apigateway-binary-media-types", json!(["image/png", "application/octet-stream"]));
    let backend = answering(|event| {
        let headers = json!({"Content-Type": "image/png"});
        json!({"headers": headers, "body": event["body"], "isBase64Encoded": event["isBase64Encoded"]})
    });
    let gateway = serve(&backend, &api, driver).start();
    let send = |fields: &str, body: &[u8]| {
        let head = format!("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n{fields}\r\n", body.len());
        gateway.exchange([head.as_bytes(), body].concat())
    };
    let bytes = [0, 255, 128, 10];
    let both = "Content-Type: image/png; a=b\r\nAccept: image/png,text/html\r\n";
    assert_eq!(send(both, &bytes).body, bytes);
    assert_eq!(last_event(&backend)["body"], "AP+ACg==");
    let text = send("Content-Type: image/png\r\nAccept: text/html\r\n", &bytes);
    assert_eq!(text.text(), "AP+ACg==", "who wants no binary data gets none");
    let text = send("Content-Type: text/plain\r\nAccept: image/png\r\n", b"plain");
    assert_eq!((text.text(), &last_event(&backend)["isBase64Encoded"]), ("plain", &json!(false)));
    drop(gateway);
    let (_backend, gateway) = echo(driver, &api);
    let broken = r#"{"body":"*no base64*","isBase64Encoded":true}"#;
    let head = format!("POST /a HTTP/1.1\r\nHost: a\r\nAccept: image/png\r\nContent-Length: {}\r\n\r\n", broken.len());
    let answer = gateway.exchange(head + broken);
    assert_eq!((answer.status(), answer.text()), (500, INTERNAL));
}

fn malformed_answers_are_refused(driver: Driver) {
    let (_backend, gateway) = echo(driver, &api());
    let bodies = [
        "null",
        "7",
        r#""a string""#,
        "[]",
        "not JSON",
        r#"{"statusCode":200"#,
        r#"{"statusCode":200,"unknown":1}"#,
        r#"{"statusCode":"many"}"#,
        r#"{"statusCode":101}"#,
        r#"{"statusCode":1000}"#,
        r#"{"body":{"a":1}}"#,
        r#"{"headers":{"a":{}}}"#,
        r#"{"headers":{"a b":"c"}}"#,
        r#"{"headers":{"a":"b\r\nSet-Cookie: evil=1"}}"#,
        r#"{"multiValueHeaders":{"a":"b"}}"#,
        r#"{"isBase64Encoded":"true"}"#,
    ];
    for body in bodies {
        let answer = post(&gateway, body);
        assert_eq!((answer.status(), answer.text()), (502, INTERNAL), "{body}");
        assert_eq!(answer.field("x-amzn-errortype"), Some("InternalServerErrorException"), "{body}");
        assert!(!answer.has("set-cookie"), "{body}");
    }
    for line in gateway.log(bodies.len()) {
        let error = line["error"].as_str().expect("an error");
        assert!(error.starts_with("Malformed Lambda proxy response: "), "{error}");
    }
}

fn a_function_that_fails(driver: Driver) {
    let backend = Backend::start(|conversation| {
        let event = event(conversation);
        let (kind, body) = match event["path"].as_str().expect("a path") {
            "/handled" => ("Handled", r#"{"errorMessage":"sorry","errorType":"Error"}"#),
            "/silent" => ("Unhandled", "no JSON"),
            // What it says otherwise is not what it answers.
            "/sly" => ("Unhandled", r#"{"statusCode":200,"body":"all is well"}"#),
            _ => ("Unhandled", r#"{"errorMessage":"it\nthrew \"this\"","errorType":"E","stackTrace":[]}"#),
        };
        conversation.send(invoked(&format!("X-Amz-Function-Error: {kind}\r\n"), body));
    });
    let gateway = serve(&backend, &api(), driver).start();
    for path in ["/handled", "/silent", "/sly", "/unhandled"] {
        let answer = gateway.get(path);
        assert_eq!((answer.status(), answer.text()), (502, INTERNAL), "{path}");
    }
    let log = gateway.log(4);
    let start = "Lambda execution failed with status 200 due to customer function error: ";
    assert_eq!(log[0]["error"], format!("{start}sorry. Lambda request id: r-1"));
    assert_eq!(log[3]["error"], format!("{start}it\nthrew \"this\". Lambda request id: r-1"));
    assert_eq!(backend.requests().len(), 4, "nothing is invoked twice");
}

fn what_lambda_refuses(driver: Driver) {
    let backend = Backend::start(|conversation| {
        let event = event(conversation);
        let status = event["path"].as_str().expect("a path").trim_start_matches('/').to_owned();
        let body = r#"{"Type":"User","Message":"no"}"#;
        conversation.send(format!(
            "HTTP/1.1 {status} X\r\nx-amzn-RequestId: r-2\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
    });
    let gateway = serve(&backend, &api(), driver).start();
    for status in ["400", "403", "404", "429", "500", "502", "503"] {
        let answer = gateway.get(&format!("/{status}"));
        assert_eq!((answer.status(), answer.text()), (500, INTERNAL), "{status}");
    }
    let too_large = gateway.get("/413");
    assert_eq!((too_large.status(), too_large.text()), (413, r#"{"message":"Request Too Long"}"#));
    let log = gateway.log(8);
    assert_eq!(log[3]["error"], "Lambda invocation failed with status: 429. Lambda request id: r-2");
}

fn functions_that_do_not_answer(driver: Driver) {
    let backend = Backend::start(|conversation| {
        let event = event(conversation);
        match event["path"].as_str().expect("a path") {
            "/close" => conversation.close(),
            "/reset" => conversation.reset(),
            "/garbage" => conversation.send("what is this\r\n\r\n"),
            "/half" => {
                conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"statusCode\":200,");
                conversation.close();
            }
            "/silence" => conversation.wait_for_close(),
            _ => conversation.send(invoked("", "{}")),
        }
    });
    let mut integration = lambda("orders");
    integration["timeoutInMillis"] = json!(1500);
    let api = Api::new().route("ANY /{proxy+}", integration);
    let gateway = serve(&backend, &api, driver).start();
    let client = &mut gateway.connect();
    let unreached = r#"{"message":"Network error communicating with endpoint"}"#;
    let late = r#"{"message":"Endpoint request timed out"}"#;
    for (path, status, body) in [
        ("/close", 504, unreached),
        ("/reset", 504, unreached),
        ("/garbage", 502, INTERNAL),
        ("/half", 504, unreached),
        ("/silence", 504, late),
        ("/good", 200, ""),
    ] {
        let answer = client.get(path);
        assert_eq!((answer.status(), answer.text()), (status, body), "{path}");
    }
    assert_eq!(backend.requests().len(), 6, "nothing is invoked twice");
    // Nobody has this port.
    let gateway = Gateway::with(&api).driver(driver).set("lambda.targets", "orders=http://127.0.0.1:1").start();
    let answer = gateway.get("/good");
    assert_eq!((answer.status(), answer.text()), (504, unreached));
}

fn events_and_answers_have_limits(driver: Driver) {
    let backend = Backend::start(|conversation| {
        let event = event(conversation);
        let bytes: usize =
            event["queryStringParameters"]["bytes"].as_str().map_or(0, |text| text.parse().expect("a number"));
        let body = format!(r#"{{"body":"{}"}}"#, "x".repeat(bytes));
        if event["path"] == "/chunked" {
            conversation.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            conversation.send(format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()));
        } else {
            conversation.send(invoked("", body));
        }
    });
    let start =
        serve(&backend, &api(), driver).set("lambda.event_bytes_max", 4096).set("lambda.answer_bytes_max", 4096);
    let gateway = start.start();
    assert_eq!(post(&gateway, &"x".repeat(1000)).status(), 200);
    let before = backend.requests().len();
    let answer = post(&gateway, &"x".repeat(4096));
    assert_eq!((answer.status(), answer.text()), (413, r#"{"message":"Request Too Long"}"#));
    assert_eq!(backend.requests().len(), before);
    for kind in ["/length", "/chunked"] {
        assert_eq!(gateway.get(&format!("{kind}?bytes=4000")).text().len(), 4000, "{kind}");
        let answer = gateway.get(&format!("{kind}?bytes=4096"));
        assert_eq!((answer.status(), answer.text()), (502, INTERNAL), "{kind}");
    }
    drop(gateway);
    // Without settings the limits are AWS's.
    let gateway = serve(&backend, &api(), driver).start();
    assert_eq!(gateway.get("/length?bytes=6000000").text().len(), 6_000_000);
    assert_eq!(gateway.get("/length?bytes=6300000").status(), 502);
    assert_eq!(post(&gateway, &"x".repeat(6_300_000)).status(), 413);
    assert_eq!(post(&gateway, &"x".repeat(6_000_000)).status(), 200);
}

fn answers_are_kept(driver: Driver) {
    let number = AtomicUsize::new(0);
    let backend = answering(move |event| {
        let number = number.fetch_add(1, Ordering::SeqCst) + 1;
        let status = if event["path"] == "/fails" { 500 } else { 200 };
        json!({"statusCode": status, "headers": {"Content-Type": "text/plain", "x-n": number}, "body": format!("{number}")})
    });
    let settings = json!({"*/*": {"cachingEnabled": true}});
    let stages = json!({"prod": {"cacheClusterEnabled": true, "cacheClusterSize": 0.5, "methodSettings": settings}});
    let api = Api::new().route("GET /{proxy+}", lambda("orders")).with("x-tollgate-stages", stages);
    let gateway = serve(&backend, &api, driver).set("cache.header", "true").start();
    let told = |target: &str| {
        let answer = gateway.get(target);
        format!("{} {}", answer.text(), answer.field("x-cache").unwrap_or("-"))
    };
    assert_eq!(told("/a"), "1 MISS");
    assert_eq!((told("/a"), told("/a")), ("1 HIT".to_owned(), "1 HIT".to_owned()));
    assert_eq!(told("/fails"), "2 MISS");
    assert_eq!(told("/fails"), "3 MISS", "errors are not kept");
    assert_eq!(gateway.get("/a").field("x-n"), Some("1"), "headers are kept, too");
    assert_eq!(backend.requests().len(), 3);
}

fn answers_are_compressed(driver: Driver) {
    let backend = answering(|_| json!({"body": "long ".repeat(1000)}));
    let api = api().with("x-amazon-apigateway-minimum-compression-size", json!(100));
    let gateway = serve(&backend, &api, driver).start();
    let answer = gateway.exchange("GET /a HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    assert_eq!(answer.field("content-encoding"), Some("gzip"));
    assert!(answer.body.len() < 500, "{} bytes", answer.body.len());
    assert_eq!(gateway.get("/a").text().len(), 5000);
}

fn head_has_no_body(driver: Driver) {
    let backend = answering(|event| json!({"body": event["httpMethod"], "headers": {"x": "1"}}));
    let gateway = serve(&backend, &api(), driver).start();
    let client = &mut gateway.connect();
    let answer = client.exchange("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((answer.status(), answer.field("content-length"), answer.field("x")), (200, Some("4"), Some("1")));
    assert_eq!(client.get("/a").text(), "GET");
}

fn connections_are_used_again(driver: Driver) {
    let backend = answering(|_| json!({"body": "x"}));
    let gateway = serve(&backend, &api(), driver).start();
    let client = &mut gateway.connect();
    for _ in 0..5 {
        assert_eq!(client.get("/a").text(), "x");
    }
    assert_eq!(backend.connections(), 1);
    let old = client.exchange("GET /a HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!((old.text(), old.field("connection")), ("x", Some("keep-alive")));
    let last = client.exchange("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!((last.text(), last.field("connection")), ("x", Some("close")));
    client.expect_end();
}

fn the_log_tells_of_both_statuses(driver: Driver) {
    let backend = answering(|_| json!({"statusCode": 418}));
    let format = r#"{"r":"$context.requestId","s":"$context.status","i":"$context.integration.status","l":"$context.integration.integrationStatus","f":"$context.integrationStatus","e":"$context.integration.error"}"#;
    let gateway = serve(&backend, &api(), driver).set("access_log.format", format).start();
    assert_eq!(gateway.get("/a").status(), 418);
    let line = &gateway.log(1)[0];
    assert_eq!(
        (&line["s"], &line["i"], &line["l"], &line["f"]),
        (&json!("418"), &json!("418"), &json!("200"), &json!("200"))
    );
    assert_eq!(line["e"], "-");
}

fn customised_errors(driver: Driver) {
    let backend = Backend::start(|conversation| {
        let event = event(conversation);
        if event["path"] == "/429" {
            conversation.send("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n");
        } else {
            conversation.send(invoked("", "null"));
        }
    });
    let responses = json!({
        "INTEGRATION_FAILURE": {"statusCode": 429, "responseTemplates": {"application/json": "{\"slow\":\"down\"}"}},
        "DEFAULT_5XX": {"responseTemplates": {"application/json": "{\"kind\":\"$context.error.responseType\"}"}},
    });
    let api = api().with("x-amazon-apigateway-gateway-responses", responses);
    let gateway = serve(&backend, &api, driver).start();
    let throttled = gateway.get("/429");
    assert_eq!((throttled.status(), throttled.text()), (429, r#"{"slow":"down"}"#));
    let malformed = gateway.get("/a");
    assert_eq!((malformed.status(), malformed.text()), (502, r#"{"kind":"DEFAULT_5XX"}"#));
}

fn an_api_that_names_no_place_does_not_start(driver: Driver) {
    let api = Api::new().route("GET /a", lambda("nowhere"));
    let ended = Gateway::with(&api).driver(driver).run();
    assert_eq!(ended.code(), 1);
    assert!(ended.stderr.contains("there is nowhere to invoke the function `nowhere`"), "{}", ended.stderr);
}
