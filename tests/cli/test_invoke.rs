//! `test-invoke`: what it prints, what the backend gets, with which exit code it ends. (Guide, `how-to-test-method`.)

use serde_json::{Value, json};

use crate::harness::function::{event as event_of, invoked, lambda};
use crate::harness::gateway::{Ended, Start};
use crate::harness::{Api, Backend, http, http_proxy, mock};

fn invoke(api: &Api, arguments: &[&str]) -> Ended {
    let start = Start::command("test-invoke").api(api);
    arguments.iter().fold(start, |start, argument| start.arg(*argument)).run()
}

/// The answer as JSON.
#[track_caller]
fn answer(api: &Api, arguments: &[&str]) -> Value {
    let ended = invoke(api, &[arguments, &["--json"]].concat());
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""));
    serde_json::from_str(&ended.stdout).expect("JSON")
}

/// The events of a log from the path's parameters on, without their times and those that differ from test to test.
fn events(log: &Value) -> Vec<String> {
    let lines = log.as_str().expect("text").lines().skip(3);
    let events = lines.map(|line| line.split_once(" : ").map_or(line, |(_, event)| event).to_owned());
    events.collect()
}

#[track_caller]
fn event<'e>(events: &'e [String], start: &str) -> &'e str {
    let mut found = events.iter().filter_map(|event| event.strip_prefix(start));
    let event = found.next().unwrap_or_else(|| panic!("no {start:?} in {events:#?}"));
    assert_eq!(found.next(), None, "{start} twice");
    event
}

#[test]
fn a_mock_as_the_console_shows_it() {
    let api = Api::new().route("GET /pets/{id}", mock(201, "{\"pet\": 1}"));
    let ended = invoke(&api, &["get", "/pets/a%20b?x=1&y=%C3%A9&x=2", "-H", "X-A: 1", "--header", "X-B:2"]);
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""));
    let id = ended.stdout.split("Execution log for request ").nth(1).and_then(|rest| rest.get(..36)).expect("an id");
    let time = ended.stdout.lines().find_map(|line| line.split_once(" : Starting")).expect("a time").0;
    assert_eq!((time.len(), time.split(' ').nth(4)), (28, Some("UTC")), "{time}");
    let latency = ended.stdout.lines().nth(2).expect("a latency");
    let expected = "\
Request: /pets/a%20b?x=1&y=%C3%A9&x=2
Status: 201
LATENCY

Response Body
{\"pet\": 1}

Response Headers
{\"Content-Type\":[\"application/json\"]}

Logs
Execution log for request ID
Starting execution for request: ID
HTTP Method: GET, Resource Path: /pets/{id}
Method request path: {id=a b}
Method request query string: {x=2, y=é}
Method request headers: {X-A=1, X-B=2}
Method request body before transformations: 
Method response body after transformations: {\"pet\": 1}
Method response headers: {Content-Type=application/json}
Successfully completed execution
Method completed with status: 201
";
    let lines = ended.stdout.lines().map(|line| line.split_once(" UTC 2").map_or(line, |(_, rest)| &rest[6..]));
    let shown: String = lines.map(|line| format!("{line}\n")).collect();
    assert_eq!(shown.replace(id, "ID").replace(latency, "LATENCY"), expected);
}

#[test]
fn a_proxy_passes_and_the_answer_has_the_shape_of_aws() {
    let body = "x".repeat(2000);
    let answered = format!(
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nX-Two: 1\r\nX-Two: 2\r\nDate: today\r\n\
         Transfer-Encoding: chunked\r\n\r\n7d0\r\n{body}\r\n0\r\n\r\n"
    );
    let backend = Backend::answering(answered);
    let api = Api::new().route("POST /p/{name}", http_proxy(format!("{}/base/{{name}}", backend.url())));
    let key = "Authorization: Bearer 0123456789";
    let answer = answer(&api, &["POST", "p/a?q=1", "-H", key, "-d", "some text"]);
    let request = backend.last();
    assert_eq!((request.start.as_str(), request.text()), ("POST /base/a?q=1 HTTP/1.1", "some text"));
    assert_eq!(request.field("authorization"), Some("Bearer 0123456789"));
    let keys: Vec<&str> = answer.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["status", "body", "headers", "multiValueHeaders", "log", "latency"]);
    assert_eq!((&answer["status"], &answer["body"]), (&json!(404), &json!(body)));
    assert_eq!(answer["headers"], json!({"Content-Type": "text/plain", "X-Two": "2", "x-amzn-Remapped-Date": "today"}));
    assert_eq!(
        answer["multiValueHeaders"],
        json!({"Content-Type": ["text/plain"], "X-Two": ["1", "2"], "x-amzn-Remapped-Date": ["today"]})
    );
    assert!(answer["latency"].is_u64(), "{}", answer["latency"]);
    let events = events(&answer["log"]);
    let uri = format!("{}/base/a?q=1", backend.url());
    assert_eq!(event(&events, "Endpoint request URI: "), uri);
    assert_eq!(event(&events, "Sending request to "), uri);
    assert_eq!(event(&events, "Method request headers: "), "{Authorization=***********456789}");
    let headers = event(&events, "Endpoint request headers: ");
    assert!(headers.contains(", Authorization=***********456789, "), "{headers}");
    assert_eq!(event(&events, "Endpoint request body after transformations: "), "some text");
    let received = event(&events, "Received response. Status: 404, Integration latency: ");
    assert!(received.ends_with(" ms"), "{received}");
    let headers = "{Content-Type=text/plain, X-Two=1,2, Date=today, Transfer-Encoding=chunked}";
    assert_eq!(event(&events, "Endpoint response headers: "), headers);
    for start in ["Endpoint response body before transformations: ", "Method response body after transformations: "] {
        let shown = event(&events, start);
        assert_eq!(shown, format!("{} [TRUNCATED]", &body[..1024 - start.len()]));
    }
    assert_eq!(
        event(&events, "Method response headers: "),
        "{Content-Type=text/plain, X-Two=1,2, x-amzn-Remapped-Date=today}"
    );
    assert_eq!(events[events.len() - 2..], ["Successfully completed execution", "Method completed with status: 404"]);
}

/// `http` with a template each way, and what is changed of it.
fn mapped(backend: &Backend, changes: Value) -> Api {
    let mut integration = http(format!("{}/orders/{{id}}", backend.url()));
    integration["httpMethod"] = json!("PUT");
    integration["requestTemplates"] = json!({"application/json":
        "#set($context.requestOverride.header.X-Who = $input.path('$.name'))\
         #set($context.requestOverride.querystring.from = $stageVariables.place){\"id\": \"$input.params('id')\"}"});
    integration["responses"]["default"]["responseTemplates"] = json!({"application/json":
        "#set($context.responseOverride.status = 202)#set($context.responseOverride.header.X-New = 'y')got $input.body"});
    for (key, value) in changes.as_object().expect("an object") {
        integration[key] = value.clone();
    }
    Api::new().route("POST /orders/{id}", integration)
}

const THEIRS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\ntheirs";

#[test]
fn templates_and_overrides_are_seen_at_work() {
    let backend = Backend::answering(THEIRS);
    let arguments = ["POST", "/orders/7", "-d", "{\"name\": \"Rex\"}", "--stage-variable", "place=here"];
    let answer = answer(&mapped(&backend, json!({})), &arguments);
    let request = backend.last();
    assert_eq!((request.start.as_str(), request.text()), ("PUT /orders/7?from=here HTTP/1.1", "{\"id\": \"7\"}"));
    assert_eq!(request.field("x-who"), Some("Rex"));
    assert_eq!((&answer["status"], &answer["body"]), (&json!(202), &json!("got theirs")));
    assert_eq!(answer["headers"], json!({"Content-Type": "application/json", "X-New": "y"}));
    let events = events(&answer["log"]);
    assert_eq!(event(&events, "Method request body before transformations: "), "{\"name\": \"Rex\"}");
    let uri = format!("{}/orders/7?from=here", backend.url());
    assert_eq!(event(&events, "Endpoint request URI: "), uri);
    assert!(event(&events, "Endpoint request headers: ").contains("X-Who=Rex"), "{events:#?}");
    assert_eq!(event(&events, "Endpoint request body after transformations: "), "{\"id\": \"7\"}");
    assert_eq!(event(&events, "Endpoint response body before transformations: "), "theirs");
    assert_eq!(event(&events, "Method response body after transformations: "), "got theirs");
    assert_eq!(event(&events, "Method completed with status: "), "202");
}

#[test]
fn failures_say_why() {
    #[track_caller]
    fn check(api: &Api, arguments: &[&str], status: u16, expected: &[&str]) {
        let answer = answer(api, &[&["POST", "/orders/7"], arguments].concat());
        assert_eq!(answer["status"], status, "{answer:#}");
        let events = events(&answer["log"]);
        let at = events.len() - expected.len() - 1;
        assert_eq!(events[at..events.len() - 1], *expected, "{events:#?}");
        assert_eq!(events[events.len() - 1], format!("Method completed with status: {status}"));
    }
    let backend = Backend::answering(THEIRS);
    let failed = "Execution failed due to configuration error: ";
    let configuration = "Gateway response type: API_CONFIGURATION_ERROR with status code: 500";
    let never = json!({"passthroughBehavior": "never"});
    check(
        &mapped(&backend, never),
        &["-H", "Content-Type: text/csv", "-d", "a,b"],
        415,
        &["Unsupported Media Type", "Gateway response type: UNSUPPORTED_MEDIA_TYPE with status code: 415"],
    );
    let endless = json!({"requestTemplates": {"application/json": "a\n #foreach($i in [1..1000])#foreach($j in [1..1000])#foreach($k in [1..1000])$k#end#end#end"}});
    let answered = answer(&mapped(&backend, endless), &["POST", "/orders/7", "-d", "{}"]);
    let events = events(&answered["log"]);
    let place = event(&events, &format!("{failed}Unable to transform request: request template "));
    assert!(answered["status"] == 500 && place.starts_with("2:52: "), "{place}");
    assert_eq!(backend.requests().len(), 0);
    check(
        &mapped(&backend, json!({"responses": {"4\\d\\d": {"statusCode": "400"}}})),
        &["-d", "{}"],
        500,
        &[
            &format!(
                "{failed}No match for output mapping and no default output mapping configured. \
                 Endpoint Response Status Code: 200"
            ),
            configuration,
        ],
    );
    let gone = Backend::start(|conversation| conversation.reset());
    check(
        &mapped(&gone, json!({})),
        &["-d", "{}"],
        504,
        &[
            "Execution failed due to a network error communicating with endpoint: the origin closed before it answered",
            "Gateway response type: INTEGRATION_FAILURE with status code: 504",
        ],
    );
    let silent = Backend::start(|conversation| conversation.wait_for_close());
    check(
        &mapped(&silent, json!({"timeoutInMillis": 60})),
        &["-d", "{}"],
        504,
        &[
            "Execution failed due to a timeout error: the origin did not answer in time",
            "Gateway response type: INTEGRATION_TIMEOUT with status code: 504",
        ],
    );
    let unknown = json!({"uri": "http://nobody.invalid/"});
    let answered = answer(&mapped(&backend, unknown), &["POST", "/orders/7", "-d", "{}"]);
    let why = "Execution failed due to a network error communicating with endpoint: cannot resolve `nobody.invalid`: ";
    assert_eq!(answered["status"], 504);
    event(&self::events(&answered["log"]), why);
}

#[test]
fn validators_are_heard() {
    let route = "POST /pets";
    let model = json!({"type": "object", "required": ["name"]});
    let api = Api::new()
        .route(route, mock(200, "made"))
        .on(route, "parameters", json!([{"name": "q", "in": "query", "required": true, "schema": {"type": "string"}}]))
        .on(route, "requestBody", json!({"content": {"application/json": {"schema": model}}}))
        .with(
            "x-amazon-apigateway-request-validators",
            json!({"all": {"validateRequestBody": true, "validateRequestParameters": true}}),
        )
        .with("x-amazon-apigateway-request-validator", json!("all"));
    let events = |arguments: &[&str]| events(&answer(&api, arguments)["log"]);
    let accepted = events(&["POST", "/pets?q=1", "-d", r#"{"name": 1}"#]);
    assert_eq!(event(&accepted, "Request validation succeeded for content type "), "application/json");
    let misfit = events(&["POST", "/pets?q=1", "-d", "{}", "-H", "Content-Type: application/json"]);
    let said = event(&misfit, "Request body does not match model schema for content type application/json: ");
    assert!(said.starts_with('[') && said.contains("name"), "{said}");
    let end = ["Gateway response type: BAD_REQUEST_BODY with status code: 400", "Method completed with status: 400"];
    assert_eq!(misfit[misfit.len() - 2..], end);
    let missing = events(&["POST", "/pets", "-d", "{}"]);
    assert_eq!(missing[missing.len() - 3], "Missing required request parameters: [q]");
}

#[test]
fn large_bodies_both_ways() {
    let backend = Backend::start(|conversation| {
        conversation.read_body();
        let body = String::from_utf8(conversation.request.body.clone()).expect("text");
        conversation.ok(&body);
    });
    let api = Api::new().route("POST /echo", http_proxy(format!("{}/", backend.url())));
    let start = Start::command("test-invoke").api(&api).arg("POST").arg("/echo").arg("--json").arg("-d").arg("@big");
    let big = "0123456789abcdef".repeat(128 * 1024);
    std::fs::write(start.folder.path().join("big"), &big).expect("the folder is ours");
    let ended = start.run();
    let answer: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert!(answer["body"] == big && backend.last().text() == big);
    // An answer that comes before the body was read.
    let hasty = Backend::start(|conversation| {
        conversation.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
        conversation.wait_for_close();
    });
    let api = Api::new().route("POST /echo", http_proxy(format!("{}/", hasty.url())));
    let start = Start::command("test-invoke").api(&api).arg("POST").arg("/echo").arg("--json").arg("-d").arg("@big");
    std::fs::write(start.folder.path().join("big"), &big).expect("the folder is ours");
    let answer: Value = serde_json::from_str(&start.run().stdout).expect("JSON");
    assert_eq!((&answer["status"], &answer["body"]), (&json!(413), &json!("no")));
}

#[test]
fn an_answer_that_breaks_off() {
    let backend = Backend::start(|conversation| {
        conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        conversation.close();
    });
    let api = Api::new().route("GET /", http_proxy(format!("{}/", backend.url())));
    let answer = answer(&api, &["GET", "/"]);
    assert_eq!((&answer["status"], &answer["body"]), (&json!(200), &json!("half")));
    let events = events(&answer["log"]);
    assert_eq!(event(&events, "The answer was not finished: "), "it broke off; the answer broke off");
    let endless = Backend::start(|conversation| {
        conversation.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..1000 {
            conversation.send(format!("4000\r\n{}\r\n", "x".repeat(0x4000)));
        }
    });
    let api = Api::new().route("GET /", http_proxy(format!("{}/", endless.url())));
    let start = Start::command("test-invoke").api(&api).set("limits.body_bytes_max", 100_000);
    let ended = start.arg("GET").arg("/").run();
    let end = "The test did not wait for the rest of the answer: it is longer than ";
    assert!(ended.code() == 0 && ended.stdout.contains(end), "{}", &ended.stdout[ended.stdout.len() - 500..]);
}

#[test]
fn heads_and_hosts() {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\n");
    let api = Api::new().route("ANY /{proxy+}", http_proxy(format!("{}/{{proxy}}", backend.url())));
    let answered = answer(&api, &["HEAD", "/default/x", "-H", "Host: api1.execute-api.localhost"]);
    assert_eq!((&answered["status"], &answered["body"]), (&json!(200), &json!("")));
    assert_eq!(backend.last().start, "HEAD /default/x HTTP/1.1");
    assert_eq!(backend.last().field("x-forwarded-host"), Some("api1.execute-api.localhost"));
    let context = mock(200, "$context.domainName $context.path $context.stage $context.httpMethod $context.protocol");
    let api = Api::new().route("GET /a", context);
    let answered = answer(&api, &["GET", "/a", "--stage", "v7"]);
    assert_eq!(answered["body"], "testPrefix.testDomainName /a v7 GET HTTP/1.1");
}

#[test]
fn what_cannot_be_executed_ends_with_1() {
    #[track_caller]
    fn check(arguments: &[&str], expected: &str) {
        let api = Api::new().route("GET /pets/{id}", mock(200, "")).route("PUT /pets/{id}", mock(200, ""));
        let api = api.route("GET /pets", mock(200, "")).route("POST /orders", mock(200, ""));
        let ended = invoke(&api, arguments);
        assert_eq!((ended.code(), ended.stdout.as_str(), ended.stderr.as_str()), (1, "", expected));
    }
    check(
        &["GET", "/pest"],
        "no resource fits `/pest`; the nearest are:\n  GET /pets\n  GET /pets/{id}\n  PUT /pets/{id}\n",
    );
    check(&["DELETE", "/pets/7"], "the resource has no method DELETE; it has:\n  GET /pets/{id}\n  PUT /pets/{id}\n");
    check(&["ANY", "/pets"], "`ANY` cannot be a request's method; write one such as GET or POST\n");
    check(&["G T", "/pets"], "`G T` cannot be a request's method; write one such as GET or POST\n");
    check(&["GET", "/pets/../x"], "`/pets/../x` cannot be asked for: it has dot segments\n");
    check(
        &["GET", "/pets?a=b c"],
        "`/pets?a=b c` cannot be asked for: it has a character that must be escaped, as a space must to %20\n",
    );
    check(&["GET", "/pets", "-H", "A b: c"], "the header `A b` has characters in its name that no header can have\n");
    check(
        &["GET", "/pets", "-H", "Content-Length: 5"],
        "the header `Content-Length` belongs to the connection, which a test has none of\n",
    );
}

#[test]
fn documents_with_problems_are_told_as_check_tells_them() {
    let start =
        || Start::command("test-invoke").document("openapi: 3.0.1\ninfo: {title: T, version: '1'}\npahts: {}\n");
    let ended = start().arg("GET").arg("/").run();
    assert_eq!((ended.code(), ended.stdout.as_str()), (1, ""));
    assert!(
        ended.stderr.contains("api0.yaml:3:1") && ended.stderr.contains("did you mean `paths`?"),
        "{}",
        ended.stderr
    );
    let ended = start().arg("GET").arg("/").arg("--json").run();
    assert_eq!((ended.code(), ended.stdout.as_str()), (1, ""));
    let problems: Value = serde_json::from_str(&ended.stderr).expect("JSON");
    assert_eq!(problems["diagnostics"][0]["place"]["line"], 3, "{problems:#}");
}

#[test]
fn wrong_words_end_with_2() {
    let api = Api::new().route("GET /", mock(200, ""));
    for (arguments, expected) in [
        (vec!["GET"], "required arguments were not provided"),
        (vec!["GET", "/", "-H", "no colon"], "--header: \"no colon\" has no \":\"; write 'Name: value'"),
        (vec!["GET", "/", "-d", "@none"], "--body: cannot read `none`: No such file"),
        (vec!["GET", "/", "--stage", "a/b"], "--stage: \"a/b\" is not allowed"),
    ] {
        let ended = invoke(&api, &arguments);
        assert_eq!((ended.code(), ended.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
}

#[test]
fn functions_are_tried_as_they_are_invoked() {
    let backend = Backend::start(|conversation| {
        let event = event_of(conversation);
        match event["path"].as_str().expect("a path") {
            "/fails" => {
                conversation.send(invoked("X-Amz-Function-Error: Unhandled\r\n", r#"{"errorMessage":"it threw"}"#))
            }
            "/malformed" => conversation.send(invoked("", "null")),
            "/throttled" => conversation.send("HTTP/1.1 429 X\r\nx-amzn-RequestId: r-2\r\nContent-Length: 0\r\n\r\n"),
            _ => conversation.send(invoked("", r#"{"statusCode":201,"headers":{"x":"1"},"body":"made"}"#)),
        }
    });
    let api = Api::new().route("POST /{proxy+}", lambda("orders"));
    let target = format!("orders={}", backend.url());
    let tried = |path: &str| {
        let start = Start::command("test-invoke").api(&api).set("lambda.targets", &target);
        let ended = start.arg("POST").arg(path).arg("--json").arg("-d").arg("in").run();
        assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""));
        let answer: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        let events = events(&answer["log"]);
        (answer, events)
    };
    let (answer, good) = tried("/a?x=1");
    assert_eq!(
        (&answer["status"], &answer["body"], &answer["headers"]["x"]),
        (&json!(201), &json!("made"), &json!("1"))
    );
    let uri = format!("{}/2015-03-31/functions/orders/invocations", backend.url());
    assert_eq!(event(&good, "Sending request to "), uri);
    assert_eq!(event(&good, "Endpoint request URI: "), uri);
    let sent = event(&good, "Endpoint request body after transformations: ");
    assert!(sent.contains(r#""path":"/a""#) && sent.contains(r#""x":"1""#), "{sent}");
    let received = event(&good, "Endpoint response body before transformations: ");
    assert_eq!(received, r#"{"statusCode":201,"headers":{"x":"1"},"body":"made"}"#);
    assert_eq!(event(&good, "Method response body after transformations: "), "made");
    assert!(event(&good, "Received response. Status: 200, Integration latency: ").ends_with(" ms"));
    assert_eq!(good.last().map(String::as_str), Some("Method completed with status: 201"));

    let (answer, failed) = tried("/fails");
    assert_eq!((&answer["status"], &answer["body"]), (&json!(502), &json!(r#"{"message":"Internal server error"}"#)));
    let error =
        "Lambda execution failed with status 200 due to customer function error: it threw. Lambda request id: r-1";
    assert_eq!(failed[failed.len() - 2..], [error, "Method completed with status: 502"]);
    let (_, malformed) = tried("/malformed");
    let error = &malformed[malformed.len() - 2];
    assert!(
        error.starts_with("Execution failed due to configuration error: Malformed Lambda proxy response: "),
        "{error}"
    );
    let (_, throttled) = tried("/throttled");
    assert_eq!(
        throttled[throttled.len() - 3..],
        [
            "Lambda invocation failed with status: 429. Lambda request id: r-2",
            "Gateway response type: INTEGRATION_FAILURE with status code: 500",
            "Method completed with status: 500",
        ]
    );
}
