//! Resource policies: an API's own word on who may call it, before and beside what its methods demand.

use serde_json::{Value, json};

use crate::harness::function::{Invoked, function_uri, functions, policy as answer};
use crate::harness::gateway::Start;
use crate::harness::{Api, Backend, Driver, Gateway, Message, http_proxy, mock};

on_both_drivers! {
    addresses_let_in_and_keep_out,
    whose_address_it_is,
    paths_are_policed_as_they_are_matched,
    endpoints_of_a_vpc,
    what_is_said_of_a_refusal,
    preflights_are_asked_too,
    beside_a_lambda_authorizer,
    a_change_counts_with_the_next_deployment,
    a_cache_answers_nobody_who_is_denied,
    other_conditions,
}

#[test]
fn what_is_not_understood_is_refused_with_its_place() {
    #[track_caller]
    fn check(policy: Value, expected: &[&str]) {
        let refused = Gateway::with(&open().with("x-amazon-apigateway-policy", policy)).run();
        assert_ne!(refused.code(), 0);
        for text in expected {
            assert!(refused.stderr.contains(text), "{text}\n{}", refused.stderr);
        }
    }
    let conditioned = |condition: Value| of(&[with(allow("/*"), "Condition", condition)]);
    check(conditioned(json!({ "Bool": { "aws:MultiFactorAuthPresent": "true" } })), &["aws:MultiFactorAuthPresent"]);
    check(conditioned(json!({ "IpAdress": { "aws:SourceIp": "10.0.0.0/8" } })), &["IpAdress"]);
    check(conditioned(json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/33" } })), &["10.0.0.0/33"]);
    check(of(&[with(allow("/*"), "Effect", json!("allow"))]), &["Effect"]);
    check(of(&[with(allow("/*"), "NotPrincipals", json!("*"))]), &["NotPrincipals"]);
    check(of(&[with(allow("/*"), "Action", json!("s3:GetObject"))]), &["Action"]);
    check(of(&[with(allow("/*"), "Resource", Value::Null)]), &["Resource"]);
    check(of(&[with(allow("/*"), "Principal", Value::Null)]), &["Principal"]);
    check(json!({ "Version": "2012-10-17", "Statement": [], "Extra": 1 }), &["Extra"]);
    check(json!({}), &["`Statement` is missing"]);
    check(of(&[]), &["has no statement"]);
    check(of(&[deny("/*")]), &["denies every request of every caller"]);
    let of_another = json!("arn:aws:execute-api:us-east-1:000000000000:api2/*");
    check(of(&[with(allow("/*"), "Resource", of_another)]), &["is nothing of this API"]);
}

const ARN: &str = "arn:aws:execute-api:us-east-1:********0000:api1/default";

fn allow(resource: &str) -> Value {
    statement("Allow", resource)
}

fn deny(resource: &str) -> Value {
    statement("Deny", resource)
}

/// By the short form of a resource, `/stage/METHOD/path`.
fn statement(effect: &str, resource: &str) -> Value {
    let resource = format!("execute-api:{resource}");
    json!({ "Effect": effect, "Principal": "*", "Action": "execute-api:Invoke", "Resource": resource })
}

fn when(statement: Value, operator: &str, key: &str, value: impl Into<Value>) -> Value {
    let value: Value = value.into();
    with(statement, "Condition", json!({ operator: { key: value } }))
}

/// `null` takes the member away.
fn with(mut statement: Value, member: &str, value: Value) -> Value {
    let members = statement.as_object_mut().expect("an object");
    members.remove(member);
    if !value.is_null() {
        members.insert(member.to_owned(), value);
    }
    statement
}

fn of(statements: &[Value]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn open() -> Api {
    ["ANY /a", "ANY /a/b", "GET /b", "ANY /files/{path+}", "GET /pets/{id}"]
        .into_iter()
        .fold(Api::new(), |api, route| api.route(route, mock(200, "in")))
}

fn policed(statements: &[Value]) -> Api {
    open().with("x-amazon-apigateway-policy", of(statements))
}

fn gateway(api: &Api, driver: Driver) -> Start {
    Gateway::with(api).driver(driver)
}

#[track_caller]
fn adopt(gateway: &Gateway, statements: &[Value]) {
    gateway.write("api0.yaml", &policed(statements).text());
    let reloaded = gateway.reload();
    assert_eq!(reloaded.status(), 200, "{}", reloaded.text());
}

fn send(gateway: &Gateway, line: &str, fields: &str) -> Message {
    gateway.exchange(format!("{line} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n"))
}

fn status(gateway: &Gateway, line: &str) -> u16 {
    send(gateway, line, "").status()
}

fn addresses_let_in_and_keep_out(driver: Driver) {
    let gateway = gateway(&open(), driver).start();
    let by = |statement: Value, operator: &str, addresses: Value| when(statement, operator, "aws:SourceIp", addresses);
    let everybody = || allow("/*");
    for (statements, expected) in [
        (vec![everybody()], 200),
        (vec![by(everybody(), "IpAddress", json!("127.0.0.0/8"))], 200),
        (vec![by(everybody(), "IpAddress", json!("127.0.0.1"))], 200),
        (vec![by(everybody(), "IpAddress", json!(["10.0.0.0/8", "127.0.0.1/32"]))], 200),
        (vec![by(everybody(), "IpAddress", json!(["10.0.0.0/8", "2001:db8::/32"]))], 403),
        (vec![by(everybody(), "NotIpAddress", json!("10.0.0.0/8"))], 200),
        (vec![by(everybody(), "NotIpAddress", json!("127.0.0.1"))], 403),
        (vec![everybody(), by(deny("/*"), "IpAddress", json!("127.0.0.0/8"))], 403),
        (vec![everybody(), by(deny("/*"), "NotIpAddress", json!(["127.0.0.0/8", "10.0.0.0/8"]))], 200),
        (vec![everybody(), by(deny("/*"), "NotIpAddress", json!("10.0.0.0/8"))], 403),
        (vec![by(deny("/*"), "IpAddress", json!("10.0.0.0/8"))], 403),
        (vec![with(everybody(), "Principal", json!({ "AWS": "*" }))], 200),
        (vec![with(everybody(), "Principal", json!({ "AWS": "111111111111" }))], 403),
        (vec![with(everybody(), "Action", json!("execute-api:InvalidateCache"))], 403),
        (vec![with(everybody(), "Action", json!("execute-api:*"))], 200),
    ] {
        adopt(&gateway, &statements);
        assert_eq!(status(&gateway, "GET /a"), expected, "{statements:?}");
        assert_eq!(status(&gateway, "POST /a"), expected, "{statements:?}");
    }
}

/// Of `X-Forwarded-For` counts what a trusted proxy says, and no more.
fn whose_address_it_is(driver: Driver) {
    let api = policed(&[when(allow("/*"), "IpAddress", "aws:SourceIp", json!(["10.0.0.0/8", "2001:db8::/32"]))]);
    let lies = [
        "X-Forwarded-For: 10.0.0.1\r\n",
        "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2\r\n",
        "X_Forwarded_For: 10.0.0.1\r\n",
        "Forwarded: for=10.0.0.1\r\n",
        "X-Real-IP: 10.0.0.1\r\n",
        "True-Client-IP: 10.0.0.1\r\n",
        "CF-Connecting-IP: 10.0.0.1\r\n",
        "X-Client-IP: 10.0.0.1\r\n",
        "",
    ];
    let untrusting = gateway(&api, driver).start();
    for fields in lies {
        assert_ne!(send(&untrusting, "GET /a", fields).status(), 200, "{fields}");
    }
    let trusting = gateway(&api, driver).set("forwarding.trusted_proxies", "127.0.0.0/8").start();
    for (fields, expected) in [
        ("X-Forwarded-For: 10.0.0.1\r\n", 200),
        ("X-Forwarded-For: 192.0.2.1, 10.0.0.1\r\n", 200),
        ("X-Forwarded-For: 10.0.0.1, 127.0.0.9\r\n", 200),
        ("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 10.0.0.1\r\n", 200),
        ("X-Forwarded-For: 2001:db8::1\r\n", 200),
        ("X-Forwarded-For: ::ffff:10.0.0.1\r\n", 200),
        // What the client itself has said before the proxy.
        ("X-Forwarded-For: 10.0.0.1, 192.0.2.1\r\n", 403),
        ("X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 192.0.2.1\r\n", 403),
        ("X-Forwarded-For: 10.0.0.1, unknown\r\n", 403),
        ("X-Forwarded-For: 10.0.0.1:80\r\n", 403),
        ("X-Forwarded-For: 010.0.0.1\r\n", 403),
        ("X-Real-IP: 10.0.0.1\r\n", 403),
        ("", 403),
    ] {
        assert_eq!(send(&trusting, "GET /a", fields).status(), expected, "{fields}");
    }
}

fn paths_are_policed_as_they_are_matched(driver: Driver) {
    let gateway = gateway(&open(), driver).start();
    let spellings = ["GET /a", "GET /a/", "GET //a", "GET ///a/", "GET /%61", "GET /a?x=/b", "GET http://a.test/a"];
    adopt(&gateway, &[allow("/default/GET/a")]);
    for line in spellings {
        assert_eq!(status(&gateway, line), 200, "{line}");
    }
    for line in ["POST /a", "HEAD /a", "GET /a/b", "GET /b", "GET /files/a", "GET /files/x/..%2fa", "GET /pets/a"] {
        assert_ne!(status(&gateway, line), 200, "{line}");
    }
    adopt(&gateway, &[allow("/*"), deny("/*/*/a"), deny("/default/GET/pets/7"), deny("/*/*/files/secret*")]);
    for line in spellings.into_iter().chain(["POST /a", "POST //a/", "OPTIONS /a"]) {
        assert_eq!(status(&gateway, line), 403, "{line}");
    }
    for (line, expected) in [
        ("GET /a/b", 200),
        ("GET /b", 200),
        ("GET /pets/7", 403),
        ("GET /pets/7/", 403),
        ("GET /pets/%37", 403),
        ("GET /pets/%2537", 200),
        ("GET /pets/70", 200),
        ("GET /files/secret", 403),
        ("GET /files/secret/x", 403),
        ("GET /files/%73ecret/x", 403),
        ("GET //files/secret", 403),
        ("GET /files/open/secret", 200),
        ("GET /files//secret", 200),
    ] {
        assert_eq!(status(&gateway, line), expected, "{line}");
    }
    // Another stage's rule is none of this one's; a method in lower case is none.
    adopt(&gateway, &[allow("/prod/*"), allow("/default/get/a"), allow("/DEFAULT/GET/a"), allow("/default/GET/A")]);
    assert_eq!(status(&gateway, "GET /a"), 403);
    adopt(&gateway, &[with(allow("/*"), "Resource", json!("arn:aws:execute-api:us-east-1:000000000000:api1/*"))]);
    assert_eq!(status(&gateway, "GET /a"), 200);
    adopt(&gateway, &[with(with(allow("/*"), "Resource", Value::Null), "NotResource", json!("execute-api:/*/*/a"))]);
    assert_eq!((status(&gateway, "GET /a/"), status(&gateway, "GET /b")), (403, 200));
    let long = format!("GET /files/{}", "x".repeat(1600));
    assert_eq!(status(&gateway, &long), 414);
}

fn endpoints_of_a_vpc(driver: Driver) {
    let only = |key: &str, value: &str| vec![allow("/*"), when(deny("/*"), "StringNotEquals", key, json!(value))];
    let start = gateway(&policed(&only("aws:SourceVpce", "vpce-inside")), driver);
    let settings = start.folder.path().join("settings.json");
    let endpoints = json!({ "vpc": { "endpoints": [
        { "vpce": "vpce-inside", "vpc": "vpc-1", "cidrs": ["10.1.0.0/16"] },
        { "vpce": "vpce-other", "vpc": "vpc-2", "cidrs": ["10.0.0.0/8"] },
    ] } });
    std::fs::write(&settings, endpoints.to_string()).expect("the folder is ours");
    let settings = settings.display().to_string();
    let gateway = start.arg("--config").arg(settings).set("forwarding.trusted_proxies", "127.0.0.0/8").start();
    let from = |address: &str| send(&gateway, "GET /a", &format!("X-Forwarded-For: {address}\r\n")).status();
    let all = || ["10.1.0.1", "10.2.0.1", "192.0.2.1"].map(from);
    assert_eq!(all(), [200, 403, 403]);
    adopt(&gateway, &only("aws:SourceVpc", "vpc-2"));
    assert_eq!(all(), [403, 200, 403]);
    adopt(&gateway, &[when(allow("/*"), "StringEquals", "aws:SourceVpce", json!(["vpce-other", "vpce-inside"]))]);
    assert_eq!(all(), [200, 200, 403]);
    adopt(&gateway, &[when(allow("/*"), "IpAddress", "aws:VpcSourceIp", json!("10.0.0.0/8"))]);
    assert_eq!(all(), [200, 200, 403]);
    // Addresses within a network are not those of callers from outside.
    adopt(&gateway, &[when(allow("/*"), "IpAddress", "aws:SourceIp", json!(["10.0.0.0/8", "192.0.2.0/24"]))]);
    assert_eq!(all(), [403, 403, 200]);
    adopt(&gateway, &[allow("/*"), when(deny("/*"), "Null", "aws:SourceVpce", json!("true"))]);
    assert_eq!(all(), [200, 200, 403]);
}

fn what_is_said_of_a_refusal(driver: Driver) {
    let customised = json!({ "ACCESS_DENIED": {
        "statusCode": 418,
        "responseParameters": { "gatewayresponse.header.X-Why": "context.error.responseType" },
        "responseTemplates": { "application/json": "{\"no\":$context.error.messageString}" },
    } });
    let api = policed(&[allow("/*/*/b"), deny("/*/*/a/b")]);
    let gateway = gateway(&api, driver).start();
    let who = "User: anonymous is not authorized to perform: execute-api:Invoke on resource:";
    let implicitly = send(&gateway, "GET /a/", "");
    assert_eq!(implicitly.text(), format!(r#"{{"message":"{who} {ARN}/GET/a"}}"#));
    assert_eq!((implicitly.status(), implicitly.field("x-amzn-errortype")), (403, Some("AccessDeniedException")));
    let explicitly = send(&gateway, "POST /a/b", "");
    assert_eq!(explicitly.text(), format!(r#"{{"message":"{who} {ARN}/POST/a/b with an explicit deny"}}"#));
    // What is no method's is not asked about; what a path has in it does not break the message.
    assert_eq!(send(&gateway, "GET /none", "").text(), r#"{"message":"Missing Authentication Token"}"#);
    let odd = send(&gateway, "GET /files/%22%5C%0A%3Cb%3E", "");
    let parsed: Value = serde_json::from_str(odd.text()).expect("JSON");
    assert!(parsed["message"].as_str().expect("a text").starts_with(who), "{parsed}");
    gateway.write("api0.yaml", &api.with("x-amazon-apigateway-gateway-responses", customised).text());
    assert_eq!(gateway.reload().status(), 200);
    let told = send(&gateway, "GET /a", "");
    assert_eq!(told.text(), format!(r#"{{"no":"{who} {ARN}/GET/a"}}"#));
    assert_eq!((told.status(), told.field("x-why")), (418, Some("ACCESS_DENIED")));
    // The number of the account is not told.
    assert!(!told.text().contains("000000000000"));
}

/// A browser's question is a request like others, and the policy has to let it in.
fn preflights_are_asked_too(driver: Driver) {
    let api = |statements: &[Value]| {
        Api::new()
            .route("GET /a", mock(200, "in"))
            .route("OPTIONS /a", mock(204, ""))
            .with("x-amazon-apigateway-policy", of(statements))
    };
    let gateway = gateway(&api(&[allow("/*/GET/*")]), driver).start();
    let preflight = |gateway: &Gateway| {
        send(gateway, "OPTIONS /a", "Origin: https://b.test\r\nAccess-Control-Request-Method: GET\r\n").status()
    };
    assert_eq!((preflight(&gateway), status(&gateway, "GET /a")), (403, 200));
    gateway.write("api0.yaml", &api(&[allow("/*/OPTIONS/*")]).text());
    assert_eq!(gateway.reload().status(), 200);
    assert_eq!((preflight(&gateway), status(&gateway, "GET /a")), (204, 403));
}

/// Table A of the guide, `apigateway-authorization-flow`.
fn beside_a_lambda_authorizer(driver: Driver) {
    let functions = functions(|_, event| match event["authorizationToken"].as_str() {
        Some("allow") => Invoked::Result(answer("Allow", &["*"])),
        Some("deny") => Invoked::Result(answer("Deny", &["*"])),
        Some("neither") => Invoked::Result(answer("Allow", &["arn:aws:execute-api:*:*:api2/*"])),
        _ => Invoked::error("Unauthorized"),
    });
    let scheme = json!({ "securitySchemes": { "auth": {
        "type": "apiKey", "name": "Authorization", "in": "header",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": { "type": "token", "authorizerUri": function_uri("auth") },
    } } });
    let api = |statements: Option<&[Value]>| {
        let locks = json!([{ "auth": [] }]);
        let api = Api::new()
            .route("GET /a", mock(200, "in"))
            .on("GET /a", "security", locks)
            .with("components", scheme.clone());
        match statements {
            Some(statements) => api.with("x-amazon-apigateway-policy", of(statements)),
            None => api,
        }
    };
    let gateway = gateway(&api(None), driver)
        .set("aws.credentials", "off")
        .set("aws.endpoints", format!("lambda={}", functions.url()))
        .start();
    let tokens = ["allow", "neither", "deny", "unknown"];
    let ask = |token: &str| send(&gateway, "GET /a", &format!("Authorization: {token}\r\n"));
    for (statements, expected) in [
        (None, [200, 403, 403, 401]),
        (Some(vec![allow("/*")]), [200, 200, 403, 401]),
        (Some(vec![allow("/*/*/b")]), [200, 403, 403, 401]),
        (Some(vec![when(allow("/*"), "IpAddress", "aws:SourceIp", json!("10.0.0.0/8"))]), [200, 403, 403, 401]),
        (Some(vec![allow("/*"), deny("/*/*/b")]), [200, 200, 403, 401]),
    ] {
        gateway.write("api0.yaml", &api(statements.as_deref()).text());
        assert_eq!(gateway.reload().status(), 200);
        for round in 0..2 {
            assert_eq!(tokens.map(|token| ask(token).status()), expected, "{statements:?} {round}");
            assert_eq!(status(&gateway, "GET /a"), 401, "without a token nobody is let in");
        }
    }
    // Who is denied at the door is not asked about: neither a new token nor one whose decision is kept.
    gateway.write("api0.yaml", &api(Some(&[allow("/*"), deny("/*/*/a")])).text());
    assert_eq!(gateway.reload().status(), 200);
    let asked = functions.requests().len();
    for token in tokens.into_iter().chain(["new"]) {
        let refused = ask(token);
        assert_eq!(refused.status(), 403);
        assert!(refused.text().ends_with(r#"GET/a with an explicit deny"}"#), "{}", refused.text());
    }
    assert_eq!(status(&gateway, "GET /a"), 403);
    assert_eq!(functions.requests().len(), asked);
}

fn a_change_counts_with_the_next_deployment(driver: Driver) {
    let gateway = Gateway::serve().driver(driver).start();
    let document: Value = serde_json::from_str(&policed(&[allow("/*")]).text()).expect("JSON");
    let id = |value: &Value| value["id"].as_str().expect("it has an id").to_owned();
    let api = id(&gateway.manage("POST", "/restapis?mode=import", &document));
    let deploy = || gateway.manage("POST", &format!("/restapis/{api}/deployments"), &json!({ "stageName": "prod" }));
    let first = id(&deploy());
    let host = format!("Host: {api}.execute-api.us-east-1.amazonaws.com\r\n");
    let ask = || gateway.exchange(format!("GET /prod/a HTTP/1.1\r\n{host}\r\n")).status();
    assert_eq!(ask(), 200);
    let set = |policy: &str| {
        let operation = json!([{ "op": "replace", "path": "/policy", "value": policy }]);
        gateway.manage("PATCH", &format!("/restapis/{api}"), &json!({ "patchOperations": operation }))
    };
    set(&of(&[allow("/*"), deny("/*/GET/*")]).to_string());
    assert_eq!(ask(), 200, "not before it is deployed");
    deploy();
    assert_eq!(ask(), 403);
    // A method is tried without it, as in AWS's console.
    let resources = gateway.manage("GET", &format!("/restapis/{api}/resources?limit=100"), &Value::Null);
    let items = resources["item"].as_array().or(resources["_embedded"]["item"].as_array()).expect("resources");
    let resource = items.iter().find(|item| item["path"] == "/a").map(&id).expect("it is there");
    let tried = gateway.manage(
        "POST",
        &format!("/restapis/{api}/resources/{resource}/methods/GET"),
        &json!({ "pathWithQueryString": "/a" }),
    );
    assert_eq!(tried["status"], 200, "{tried}");
    // An older deployment has its own.
    let back = json!([{ "op": "replace", "path": "/deploymentId", "value": first }]);
    gateway.manage("PATCH", &format!("/restapis/{api}/stages/prod"), &json!({ "patchOperations": back }));
    assert_eq!(ask(), 200);
    let odd = json!([{ "op": "replace", "path": "/policy", "value": "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Maybe\"}}" }]);
    let refused = gateway.management(
        "PATCH",
        &format!("/restapis/{api}"),
        "application/json",
        &json!({ "patchOperations": odd }).to_string(),
    );
    assert_eq!(refused.status(), 400, "{}", refused.text());
    assert_eq!(ask(), 200);
}

fn a_cache_answers_nobody_who_is_denied(driver: Driver) {
    let backend = Backend::named();
    let api = Api::new()
        .route("GET /a", http_proxy(backend.url()))
        .with("x-amazon-apigateway-policy", of(&[when(allow("/*"), "IpAddress", "aws:SourceIp", json!("10.0.0.0/8"))]))
        .with("x-tollgate-stages", json!({ "default": {
            "cacheClusterEnabled": true, "cacheClusterSize": 0.5, "methodSettings": { "*/*": { "cachingEnabled": true } },
        } }));
    let gateway = gateway(&api, driver).set("forwarding.trusted_proxies", "127.0.0.0/8").start();
    let from = |address: &str| send(&gateway, "GET /a", &format!("X-Forwarded-For: {address}\r\n")).status();
    assert_eq!(["10.0.0.1", "192.0.2.1", "10.0.0.2", "192.0.2.1"].map(from), [200, 403, 200, 403]);
    assert_eq!(backend.requests().len(), 1, "the second who may had the first one's answer");
}

fn other_conditions(driver: Driver) {
    let gateway = gateway(&open(), driver).start();
    let ask = |fields: &str| send(&gateway, "GET /a", fields).status();
    adopt(&gateway, &[allow("/*"), when(deny("/*"), "StringLike", "aws:UserAgent", json!("*evil*"))]);
    assert_eq!(ask("User-Agent: an evil one\r\n"), 403);
    assert_eq!(ask("User-Agent: a good one\r\n"), 200);
    assert_eq!(ask(""), 200);
    adopt(&gateway, &[when(allow("/*"), "StringLike", "aws:Referer", json!("https://a.test/*"))]);
    assert_eq!(ask("Referer: https://a.test/x\r\n"), 200);
    assert_eq!(ask("Referer: https://b.test/?https://a.test/x\r\n"), 403);
    assert_eq!(ask("Referer:\r\n"), 403);
    assert_eq!(ask(""), 403);
    adopt(&gateway, &[when(allow("/*"), "Bool", "aws:SecureTransport", json!("true"))]);
    assert_eq!(ask(""), 403);
    assert_eq!(ask("X-Forwarded-Proto: https\r\n"), 403, "nobody who is trusted says so");
    adopt(&gateway, &[when(allow("/*"), "DateLessThan", "aws:CurrentTime", json!("2020-01-01T00:00:00Z"))]);
    assert_eq!(ask(""), 403);
    adopt(&gateway, &[when(allow("/*"), "DateGreaterThan", "aws:CurrentTime", json!("2020-01-01T00:00:00Z"))]);
    assert_eq!(ask(""), 200);
    // Nobody who is anonymous is a user.
    adopt(&gateway, &[when(allow("/*"), "StringLike", "aws:PrincipalArn", json!("*"))]);
    assert_eq!(ask(""), 403);
    adopt(&gateway, &[when(allow("/*"), "StringEquals", "aws:RequestedRegion", json!("us-east-1"))]);
    assert_eq!(ask(""), 200);
}
