//! Access logs in the formats that a stage of API Gateway has, and what `$context` says there.

use serde_json::{Value, json};
use tollgate::plan::context::ContextVariable;

use crate::harness::gateway::read_log_lines;
use crate::harness::{Api, Backend, Driver, Gateway, http_proxy, mock};

on_both_drivers! {
    clf_json_xml_and_csv,
    the_stage_is_stronger_than_the_setting,
    nobody_adds_to_a_line,
    every_variable_of_an_answer,
    every_variable_of_an_error,
    gateway_responses_and_headers_know_them,
    what_the_writer_cannot_take_is_dropped_and_counted,
}

const CLF: &str = "$context.identity.sourceIp $context.identity.caller $context.identity.user [$context.requestTime] \
                   \"$context.httpMethod $context.resourcePath $context.protocol\" $context.status \
                   $context.responseLength $context.requestId";
const JSON: &str = r#"{ "requestId":"$context.requestId", "ip": "$context.identity.sourceIp", "caller":"$context.identity.caller", "httpMethod":"$context.httpMethod", "resourcePath":"$context.resourcePath", "status":"$context.status", "protocol":"$context.protocol", "responseLength":"$context.responseLength" }"#;
const XML: &str = r#"<request id="$context.requestId"> <ip>$context.identity.sourceIp</ip> <caller>$context.identity.caller</caller> <status>$context.status</status> <responseLength>$context.responseLength</responseLength> </request>"#;
const CSV: &str = "$context.identity.sourceIp,$context.identity.caller,$context.httpMethod,$context.resourcePath,\
                   $context.protocol,$context.status,$context.responseLength,$context.requestId";

/// The guide's four, as they stand in `set-up-logging`.
fn clf_json_xml_and_csv(driver: Driver) {
    for (format, expected) in [
        (CLF, r#"127.0.0.1 - - [TIME] "GET /pets/{id} HTTP/1.1" 200 4 ID"#),
        (
            JSON,
            r#"{ "requestId":"ID", "ip": "127.0.0.1", "caller":"-", "httpMethod":"GET", "resourcePath":"/pets/{id}", "status":"200", "protocol":"HTTP/1.1", "responseLength":"4" }"#,
        ),
        (
            XML,
            r#"<request id="ID"> <ip>127.0.0.1</ip> <caller>-</caller> <status>200</status> <responseLength>4</responseLength> </request>"#,
        ),
        (CSV, "127.0.0.1,-,GET,/pets/{id},HTTP/1.1,200,4,ID"),
    ] {
        let api = Api::new().route("GET /pets/{id}", mock(200, "pets")).with(KEY, json!(format));
        let gateway = Gateway::with(&api).driver(driver).start();
        let answer = gateway.get("/pets/7");
        let line = read_log_lines(&gateway.path("access.log"), 1).remove(0);
        let line = line.replace(answer.field("x-amzn-requestid").expect("it has an id"), "ID");
        let line = match (line.find('['), line.find(']')) {
            (Some(start), Some(end)) if format == CLF => {
                let time = &line[start + 1..end];
                assert!(time.len() == 26 && time.ends_with(" +0000") && time[2..].starts_with('/'), "{time}");
                format!("{}[TIME]{}", &line[..start], &line[end + 1..])
            }
            _ => line,
        };
        assert_eq!(line, expected);
    }
}

const KEY: &str = "x-tollgate-access-log-format";

fn the_stage_is_stronger_than_the_setting(driver: Driver) {
    let api = Api::new().route("GET /a", mock(200, "")).with(KEY, json!("own $context.requestId $context.stage"));
    let start = Gateway::with(&api).by_stage().driver(driver);
    let gateway = start.set("access_log.format", "set $context.requestId $context.status $context.stage").start();
    let client = &mut gateway.connect();
    for path in ["/default/a", "/default/none", "/nowhere"] {
        client.get(path);
    }
    client.send("broken\r\n\r\n");
    client.answer();
    let lines = read_log_lines(&gateway.path("access.log"), 4);
    let shape = |line: &String| {
        let mut words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words.remove(1).len(), 36, "{line}");
        words.join(" ")
    };
    let shapes: Vec<String> = lines.iter().map(shape).collect();
    assert_eq!(shapes, ["own default", "own default", "set 403 -", "set 400 -"]);
}

fn nobody_adds_to_a_line(driver: Driver) {
    let evil = "x\",\"status\":999,<b>\\";
    for (format, expected) in [
        (r#"{"id":"$context.requestId","ua":"$context.identity.userAgent"}"#, r#""ua":"x\",\"status\":999,<b>\\"}"#),
        ("$context.requestId,$context.identity.userAgent", r#",x\"\u002c\"status\":999\u002c<b>\\"#),
        (
            "<r id=\"$context.requestId\">$context.identity.userAgent</r>",
            r#">x&quot;,&quot;status&quot;:999,&lt;b&gt;\</r>"#,
        ),
    ] {
        let api = Api::new().route("GET /a", mock(200, "")).with(KEY, json!(format));
        let gateway = Gateway::with(&api).driver(driver).start();
        gateway.connect().exchange(format!("GET /a HTTP/1.1\r\nHost: a\r\nUser-Agent: {evil}\r\n\r\n"));
        let lines = read_log_lines(&gateway.path("access.log"), 1);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].ends_with(expected), "{}", lines[0]);
    }
}

/// A format with every variable, and the line's values by name.
fn all_variables() -> String {
    let member = |variable: &ContextVariable| format!("\"{0}\":\"$context.{0}\"", variable.name());
    let quoted = |variable: &&ContextVariable| **variable != ContextVariable::ErrorMessageString;
    let members: Vec<String> = ContextVariable::ALL.iter().filter(quoted).map(member).collect();
    format!("{{{}}}", members.join(","))
}

#[track_caller]
fn check_all(line: &Value, expected: &[(&str, Option<&str>)]) {
    for (name, value) in line.as_object().expect("an object") {
        let value = value.as_str().expect("a text");
        match expected.iter().find(|(known, _)| known == name) {
            Some((_, Some(expected))) => assert_eq!(value, *expected, "{name}"),
            Some((_, None)) => assert!(value != "-" && !value.is_empty(), "{name} has no value"),
            None => assert_eq!(value, "-", "{name}"),
        }
    }
}

fn every_variable_of_an_answer(driver: Driver) {
    let backend = Backend::answering("HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello");
    let proxied = http_proxy(format!("{}/{{id}}", backend.url()));
    let api = Api::new().route("POST /pets/{id}", proxied).with(KEY, json!(all_variables()));
    let api = api.with("x-amazon-apigateway-endpoint-configuration", json!({"types": ["REGIONAL"]}));
    let gateway = Gateway::with(&api).by_stage().driver(driver).set("account_id", "123456789012").start();
    let request = "POST /default/pets/7?key=secret HTTP/1.1\r\nHost: api.gw.test\r\nUser-Agent: t/1\r\n\r\n";
    let answer = gateway.connect().exchange(request);
    check_all(
        &gateway.log(1)[0],
        &[
            ("accountId", Some("123456789012")),
            ("apiId", Some("api1")),
            ("deploymentId", None),
            ("domainName", Some("api.gw.test")),
            ("domainPrefix", Some("api")),
            ("endpointType", Some("REGIONAL")),
            ("extendedRequestId", answer.field("x-amz-apigw-id")),
            ("httpMethod", Some("POST")),
            ("identity.sourceIp", Some("127.0.0.1")),
            ("identity.userAgent", Some("t/1")),
            ("integration.integrationStatus", Some("201")),
            ("integration.latency", None),
            ("integration.status", Some("201")),
            ("integrationLatency", None),
            ("integrationStatus", Some("201")),
            ("path", Some("/default/pets/7")),
            ("protocol", Some("HTTP/1.1")),
            ("requestId", answer.field("x-amzn-requestid")),
            ("requestTime", None),
            ("requestTimeEpoch", None),
            ("resourceId", None),
            ("resourcePath", Some("/pets/{id}")),
            ("responseLatency", None),
            ("responseLength", Some("5")),
            ("stage", Some("default")),
            ("status", Some("201")),
        ],
    );
}

fn every_variable_of_an_error(driver: Driver) {
    let backend = Backend::start(|conversation| conversation.reset());
    let proxied = http_proxy(format!("{}/a", backend.url()));
    let api = Api::new().route("GET /a", proxied).with(KEY, json!(all_variables()));
    let gateway = Gateway::with(&api).driver(driver).start();
    gateway.get("/a");
    let line = &gateway.log(1)[0];
    for (name, expected) in [
        ("error.message", "Network error communicating with endpoint"),
        ("error.responseType", "INTEGRATION_FAILURE"),
        ("error.validationErrorString", "-"),
        ("integration.error", "the origin closed before it answered"),
        ("integrationErrorMessage", "the origin closed before it answered"),
        ("integration.status", "-"),
        ("status", "504"),
        ("accountId", "000000000000"),
    ] {
        assert_eq!(line[name], expected, "{name}");
    }
}

/// The same table serves gateway responses, and parameters that are mapped.
fn gateway_responses_and_headers_know_them(driver: Driver) {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let mut proxied = http_proxy(format!("{}/a", backend.url()));
    proxied["requestParameters"] = json!({
        "integration.request.header.x-resource": "context.resourcePath",
        "integration.request.header.x-principal": "context.authorizer.principalId",
        "integration.request.header.x-account": "context.accountId",
    });
    let template: Vec<String> =
        ContextVariable::ALL.iter().map(|variable| format!("{0}=$context.{0};", variable.name())).collect();
    let responses = json!({"DEFAULT_4XX": {"responseTemplates": {"text/plain": template.concat()}}});
    let api = Api::new().route("GET /a", proxied).with("x-amazon-apigateway-gateway-responses", responses);
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    let answer = client.exchange("GET /none HTTP/1.0\r\nHost: a.b:80\r\nConnection: keep-alive\r\n\r\n");
    let text = answer.text();
    for expected in [
        "accountId=000000000000;",
        "domainName=a.b:80;domainPrefix=a;",
        "error.message=Missing Authentication Token;error.messageString=\"Missing Authentication Token\";",
        "error.responseType=MISSING_AUTHENTICATION_TOKEN;error.validationErrorString=;",
        "identity.user=;identity.userAgent=;",
        "path=/none;protocol=HTTP/1.0;",
        "resourceId=;resourcePath=;",
        "stage=default;status=;",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    let fields = "Host: a\r\nx-principal: admin\r\n\r\n";
    assert_eq!(client.exchange(format!("GET /a HTTP/1.1\r\n{fields}")).status(), 200);
    let request = backend.requests().remove(0);
    assert_eq!((request.field("x-resource"), request.field("x-account")), (Some("/a"), Some("000000000000")));
    assert_eq!(request.field("x-principal"), None, "a client cannot say what only the gateway may");
}

/// A pipe that nobody reads: the log loses lines, requests go on.
fn what_the_writer_cannot_take_is_dropped_and_counted(driver: Driver) {
    let api = Api::new().route("GET /{x}", mock(200, ""));
    let start = Gateway::with(&api).driver(driver).set("access_log.destination", "/dev/full");
    let gateway = start.set("access_log.flush_ms", 10).start();
    let client = &mut gateway.connect();
    for number in 0..20 {
        assert_eq!(client.get(&format!("/{number}")).status(), 200);
    }
    gateway.wait_for_metric(r#"telemetry_dropped_total{signal="access_log"}"#, 20.0);
    assert!(gateway.metric("access_log_write_errors_total") >= 1.0);
}
