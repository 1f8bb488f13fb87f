//! Lambda authorizers: who is let in by what they answer, whom they are asked about, and what is kept of it.

use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequest;
use serde_json::{Value, json};

use crate::harness::function::{Invoked, function_uri, functions, policy};
use crate::harness::gateway::Start;
use crate::harness::{Api, Backend, Client, Driver, Gateway, Message, mock};

on_both_drivers! {
    what_answers_come_to,
    what_tokens_are_asked_about,
    decisions_are_kept_as_long_as_they_say,
    a_kept_policy_is_asked_for_each_method_and_path,
    one_asks_for_all_who_wait,
    what_is_said_of_the_caller,
    keys_that_are_an_authorizers_word,
    an_authorizer_that_cannot_be_asked_denies,
    another_authorizers_decision_is_not_ours,
    logs_have_no_token,
    request_authorizers,
    a_decision_is_about_what_the_function_was_told,
    an_absolute_target_decides_whose_host_is_judged,
    whoever_keeps_nothing_may_be_asked_about_anything,
}

const ARN: &str = "arn:aws:execute-api:us-east-1:000000000000:api1/default";

/// The scheme `auth`, with an authorizer that has these members besides.
fn scheme(members: Value) -> Value {
    let mut authorizer = json!({ "type": "token", "authorizerUri": function_uri("auth") });
    let members = members.as_object().expect("an object").clone();
    authorizer.as_object_mut().expect("an object").extend(members);
    json!({ "securitySchemes": { "auth": {
        "type": "apiKey", "name": "Authorization", "in": "header",
        "x-amazon-apigateway-authtype": "custom", "x-amazon-apigateway-authorizer": authorizer,
    } } })
}

fn locked(members: Value) -> Api {
    let locked =
        |api: Api, route: &str| api.route(route, mock(200, "in")).on(route, "security", json!([{ "auth": [] }]));
    let api = ["GET /a", "POST /a", "GET /b", "ANY /files/{path+}"].into_iter().fold(Api::new(), locked);
    api.route("GET /open", mock(200, "open")).with("components", scheme(members))
}

fn gateway(api: &Api, functions: &Backend, driver: Driver) -> Start {
    Gateway::with(api)
        .driver(driver)
        .set("aws.credentials", "off")
        .set("aws.endpoints", format!("lambda={}", functions.url()))
}

fn send(client: &mut Client, line: &str, fields: &str) -> Message {
    client.exchange(format!("{line} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n"))
}

fn with_token(gateway: &Gateway, target: &str, token: &str) -> Message {
    send(&mut gateway.connect(), &format!("GET {target}"), &format!("Authorization: {token}\r\n"))
}

const DENIED: &str = r#"{"message":"User is not authorized to access this resource"}"#;
const EXPLICITLY: &str = r#"{"message":"User is not authorized to access this resource with an explicit deny"}"#;
const UNAUTHORIZED: &str = r#"{"message":"Unauthorized"}"#;
const FAILED: &str = r#"{"message":null}"#;

/// What the authorizer does for each token, and what the client is answered.
fn what_answers_come_to(driver: Driver) {
    let all = |effect: &str| policy(effect, &["*"]);
    let with = |member: &str, value: Value| {
        let mut answer = policy("Allow", &["*"]);
        answer[member] = value;
        answer
    };
    let statement =
        |statement: Value| with("policyDocument", json!({ "Version": "2012-10-17", "Statement": statement }));
    let result = |value: Value| move || Invoked::Result(value.clone());
    type Case = (&'static str, Box<dyn Fn() -> Invoked + Send + Sync>, u16, &'static str);
    let case =
        |token, answer: Box<dyn Fn() -> Invoked + Send + Sync>, status, body| -> Case { (token, answer, status, body) };
    let cases: Vec<Case> = vec![
        case("allow", Box::new(result(all("Allow"))), 200, "in"),
        case("deny", Box::new(result(all("Deny"))), 403, EXPLICITLY),
        case("this-method", Box::new(result(policy("Allow", &[&format!("{ARN}/GET/a")]))), 200, "in"),
        case("other-method", Box::new(result(policy("Allow", &[&format!("{ARN}/POST/a")]))), 403, DENIED),
        case("other-path", Box::new(result(policy("Allow", &[&format!("{ARN}/GET/b")]))), 403, DENIED),
        case("other-stage", Box::new(result(policy("Allow", &[&ARN.replace("default", "prod")]))), 403, DENIED),
        case(
            "other-api",
            Box::new(result(policy("Allow", &[&format!("{}/*", ARN.replace("api1", "api2"))]))),
            403,
            DENIED,
        ),
        case("any-method", Box::new(result(policy("Allow", &[&format!("{ARN}/*/a")]))), 200, "in"),
        case("all-of-stage", Box::new(result(policy("Allow", &[&format!("{ARN}/*")]))), 200, "in"),
        case(
            "deny-wins",
            Box::new(result(statement(json!([
                { "Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "*" },
                { "Action": "*", "Effect": "Deny", "Resource": format!("{ARN}/GET/a") },
            ])))),
            403,
            EXPLICITLY,
        ),
        case(
            "other-action",
            Box::new(result(statement(json!(
                { "Action": "execute-api:InvalidateCache", "Effect": "Allow", "Resource": "*" }
            )))),
            403,
            DENIED,
        ),
        case(
            "from-here",
            Box::new(result(statement(json!({
                "Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "*",
                "Condition": { "IpAddress": { "aws:SourceIp": "127.0.0.0/8" } },
            })))),
            200,
            "in",
        ),
        case(
            "from-there",
            Box::new(result(statement(json!({
                "Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "*",
                "Condition": { "IpAddress": { "aws:SourceIp": "192.0.2.0/24" } },
            })))),
            403,
            DENIED,
        ),
        case(
            "unknown-condition",
            Box::new(result(statement(json!({
                "Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "*",
                "Condition": { "Bool": { "aws:MultiFactorAuthPresent": "true" } },
            })))),
            403,
            DENIED,
        ),
        case(
            "unknown-deny",
            Box::new(result(statement(json!([
                { "Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "*" },
                { "Action": "execute-api:Invoke", "Effect": "Deny", "Resource": "*",
                  "Condition": { "Bool": { "aws:MultiFactorAuthPresent": "true" } } },
            ])))),
            403,
            EXPLICITLY,
        ),
        case("unauthorized", Box::new(|| Invoked::error("Unauthorized")), 401, UNAUTHORIZED),
        case("throws", Box::new(|| Invoked::error("boom")), 500, FAILED),
        case("null", Box::new(result(Value::Null)), 500, FAILED),
        case("list", Box::new(result(json!([1]))), 500, FAILED),
        case("text", Box::new(|| Invoked::text("Allow")), 500, FAILED),
        case("nothing", Box::new(|| Invoked::text("")), 500, FAILED),
        case("no-principal", Box::new(result(with("principalId", Value::Null))), 500, FAILED),
        case("no-policy", Box::new(result(with("policyDocument", Value::Null))), 500, FAILED),
        case("empty-policy", Box::new(result(with("policyDocument", json!({})))), 500, FAILED),
        case("odd-effect", Box::new(result(all("Perhaps"))), 500, FAILED),
        case("nested-context", Box::new(result(with("context", json!({ "a": { "b": 1 } })))), 500, FAILED),
        case("listed-context", Box::new(result(with("context", json!({ "a": [1] })))), 500, FAILED),
        case("huge-policy", Box::new(result(policy("Allow", &[&"x".repeat(1 << 20)]))), 500, FAILED),
        case(
            "refused",
            Box::new(|| {
                Invoked::raw(|conversation| {
                    conversation.send("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}");
                })
            }),
            500,
            FAILED,
        ),
        case(
            "throttled",
            Box::new(|| {
                Invoked::raw(|conversation| {
                    conversation.send("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\n{}");
                })
            }),
            500,
            FAILED,
        ),
        case(
            "garbage",
            Box::new(|| {
                Invoked::raw(|conversation| {
                    conversation.send("\0\0\0 no HTTP\r\n\r\n");
                    conversation.close();
                })
            }),
            500,
            FAILED,
        ),
        case("hangs-up", Box::new(|| Invoked::raw(|conversation| conversation.reset())), 500, FAILED),
        case(
            "breaks-off",
            Box::new(|| {
                Invoked::raw(|conversation| {
                    conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"principalId\":");
                    conversation.close();
                })
            }),
            500,
            FAILED,
        ),
        case("stalls", Box::new(|| Invoked::raw(|conversation| conversation.wait_for_close())), 500, FAILED),
    ];
    let cases = std::sync::Arc::new(cases);
    let scripted = std::sync::Arc::clone(&cases);
    let functions = functions(move |_, event| {
        let token = event["authorizationToken"].as_str().expect("a token");
        let (_, answer, ..) = scripted.iter().find(|(known, ..)| *known == token).expect("a token of ours");
        answer()
    });
    for ttl_s in [0, 300] {
        let api = locked(json!({ "authorizerResultTtlInSeconds": ttl_s }));
        let gateway = gateway(&api, &functions, driver).set("authorizers.timeout_ms", 1_500).start();
        for (token, _, status, body) in cases.iter() {
            for round in 0..2 {
                let answer = with_token(&gateway, "/a", token);
                assert_eq!((answer.status(), answer.text()), (*status, *body), "{token} {ttl_s} {round}");
            }
        }
        assert_eq!(gateway.get("/open").text(), "open");
    }
}

fn allowing() -> Backend {
    functions(|_, _| Invoked::Result(policy("Allow", &["*"])))
}

fn what_tokens_are_asked_about(driver: Driver) {
    let functions = allowing();
    let api = locked(json!({ "identityValidationExpression": "Bearer [a-z.]+" }));
    let gateway = gateway(&api, &functions, driver).start();
    let client = &mut gateway.connect();
    for fields in [
        "",
        "Authorization:\r\n",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer abc1\r\n",
        "Authorization: a Bearer abc\r\n",
        "Authorization: Bearer abc\r\nAuthorization: Bearer abc\r\n",
        "Authorization: Bearer abc\r\nauthorization: x\r\n",
        "X-Authorization: Bearer abc\r\n",
        "Authorization: Bearer ab\u{fc}\r\n",
    ] {
        let answer = send(client, "GET /a", fields);
        assert_eq!((answer.status(), answer.text()), (401, UNAUTHORIZED), "{fields}");
        assert_eq!(answer.field("x-amzn-errortype"), Some("UnauthorizedException"));
    }
    assert_eq!(functions.requests().len(), 0, "nobody was asked");
    let climbing = send(&mut gateway.connect(), "GET /files/x/..%2Fy?a=b", "Authorization: Bearer abc\r\n");
    assert_eq!(climbing.status(), 400);
    assert_eq!(send(client, "GET //files/x%2F%61/y?a=b", "Authorization: Bearer abc\r\n").text(), "in");
    let asked = functions.last();
    assert_eq!(asked.target(), "/2015-03-31/functions/auth/invocations");
    assert_eq!(asked.field("x-amz-invocation-type"), Some("RequestResponse"));
    let event: Value = serde_json::from_str(asked.text()).expect("JSON");
    let arn = format!("{ARN}/GET/files/x%2Fa/y");
    assert_eq!(event, json!({ "type": "TOKEN", "methodArn": arn, "authorizationToken": "Bearer abc" }));
    let typed: ApiGatewayCustomAuthorizerRequest = serde_json::from_value(event.clone()).expect("the crate reads it");
    assert_eq!((typed.method_arn, typed.authorization_token.as_deref()), (Some(arn), Some("Bearer abc")));
    let fixture = std::fs::read("tests/events/example-apigw-custom-auth-request.json").expect("it is there");
    let fixture: serde_json::Map<String, Value> = serde_json::from_slice(&fixture).expect("JSON");
    assert!(fixture.len() == 3 && fixture.keys().all(|name| event.get(name).is_some()));
    let long = format!("GET /files/{}", "x".repeat(1600));
    assert_eq!(send(client, &long, "Authorization: Bearer abc\r\n").status(), 414);
}

fn decisions_are_kept_as_long_as_they_say(driver: Driver) {
    let functions = allowing();
    let asked = |ttl_s: u32| {
        let before = functions.requests().len();
        let gateway = gateway(&locked(json!({ "authorizerResultTtlInSeconds": ttl_s })), &functions, driver).start();
        for token in ["one", "one", "two", "one", "two"] {
            assert_eq!(with_token(&gateway, "/a", token).text(), "in");
            assert_eq!(with_token(&gateway, "/b", token).text(), "in");
        }
        functions.requests().len() - before
    };
    assert_eq!([asked(0), asked(3600)], [10, 2]);
    // A second is over at last.
    let gateway = gateway(&locked(json!({ "authorizerResultTtlInSeconds": 1 })), &functions, driver).start();
    let before = functions.requests().len();
    crate::harness::wait_until("the end of a decision", || {
        assert_eq!(with_token(&gateway, "/a", "one").text(), "in");
        functions.requests().len() - before == 2
    });
}

fn a_kept_policy_is_asked_for_each_method_and_path(driver: Driver) {
    let functions =
        functions(|_, _| Invoked::Result(policy("Allow", &[&format!("{ARN}/GET/a"), &format!("{ARN}/*/files/a/*")])));
    let gateway = gateway(&locked(json!({})), &functions, driver).start();
    let client = &mut gateway.connect();
    let mut status = |line: &str| send(client, line, "Authorization: t\r\n").status();
    assert_eq!(status("GET /a"), 200);
    assert_eq!(status("POST /a"), 403);
    assert_eq!(status("GET /b"), 403);
    assert_eq!(status("PUT /files/a/b/c"), 200);
    assert_eq!(status("PUT /files/b/b/c"), 403);
    assert_eq!(status("PUT /files/a%2Fb"), 403);
    assert_eq!(status("GET //a/"), 200, "slashes that do not matter for the match do not matter for the policy");
    assert_eq!(functions.requests().len(), 1);
}

fn one_asks_for_all_who_wait(driver: Driver) {
    let functions = functions(|_, event| {
        if event["authorizationToken"] == "slow" {
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        Invoked::Result(policy("Allow", &["*"]))
    });
    let gateway = gateway(&locked(json!({})), &functions, driver).start();
    let mut clients: Vec<Client> = (0..20).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client.send("GET /a HTTP/1.1\r\nHost: a.test\r\nAuthorization: slow\r\n\r\n");
    }
    // Nobody else waits for them.
    assert_eq!(with_token(&gateway, "/a", "quick").text(), "in");
    assert!(clients.iter_mut().all(|client| client.answer().text() == "in"));
    assert_eq!(functions.requests().len(), 2);
}

fn what_is_said_of_the_caller(driver: Driver) {
    let functions = functions(|_, _| {
        let mut answer = policy("Allow", &["*"]);
        answer["context"] = json!({ "tenant": "blue", "level": 7, "admin": true, "none": null });
        Invoked::Result(answer)
    });
    let backend = Backend::named();
    let mut integration = crate::harness::http_proxy(backend.url());
    integration["requestParameters"] = json!({
        "integration.request.header.x-tenant": "context.authorizer.tenant",
        "integration.request.header.x-level": "context.authorizer.level",
        "integration.request.header.x-principal": "context.authorizer.principalId",
        "integration.request.header.x-none": "context.authorizer.none",
    });
    let said = r#"{"t":"$context.authorizer.tenant","a":"$context.authorizer.admin","p":"$context.authorizer.principalId","n":"$context.authorizer.none"}"#;
    let mapped = json!({
        "type": "mock", "requestTemplates": { "application/json": "{\"statusCode\": 200}" },
        "responses": { "default": { "statusCode": "200", "responseTemplates": { "application/json": said } } },
    });
    let denied = json!({ "ACCESS_DENIED": { "statusCode": 403, "responseTemplates": { "application/json": "$context.authorizer.tenant" } } });
    let locked = json!([{ "auth": [] }]);
    let api = Api::new()
        .route("GET /proxy", integration)
        .on("GET /proxy", "security", locked.clone())
        .route("GET /mapped", mapped)
        .on("GET /mapped", "security", locked)
        .with("components", scheme(json!({})))
        .with("x-amazon-apigateway-gateway-responses", denied);
    let format = r#"{"id":"$context.requestId","tenant":"$context.authorizer.tenant","who":"$context.authorizer.principalId","path":"$context.path"}"#;
    let gateway = gateway(&api, &functions, driver).set("access_log.format", format).start();
    // Asked and kept.
    for _ in 0..2 {
        let spoofed = "Authorization: t\r\nX-Tenant: red\r\nx-tenant: red\r\n";
        assert_eq!(send(&mut gateway.connect(), "GET /proxy", spoofed).status(), 200);
        let sent = backend.last();
        assert_eq!(sent.values("x-tenant").collect::<Vec<_>>(), ["blue"]);
        assert_eq!((sent.field("x-level"), sent.field("x-principal")), (Some("7"), Some("user|a1b2c3")));
        assert_eq!(sent.field("x-none"), None);
        let mapped = with_token(&gateway, "/mapped", "t");
        assert_eq!(mapped.text(), r#"{"t":"blue","a":"true","p":"user|a1b2c3","n":""}"#);
    }
    for line in gateway.log(4) {
        assert_eq!((&line["tenant"], &line["who"]), (&json!("blue"), &json!("user|a1b2c3")));
    }
}

fn keys_that_are_an_authorizers_word(driver: Driver) {
    const KEY: &str = "a-key-that-the-authorizer-knows";
    let functions = functions(|_, event| {
        let mut answer = policy("Allow", &["*"]);
        if event["authorizationToken"] != "keyless" {
            answer["usageIdentifierKey"] = json!(event["authorizationToken"]);
        }
        Invoked::Result(answer)
    });
    let mut components = scheme(json!({}));
    components["securitySchemes"]["key"] = json!({ "type": "apiKey", "name": "x-api-key", "in": "header" });
    let api = Api::new()
        .route("GET /a", mock(200, "in"))
        .on("GET /a", "security", json!([{ "auth": [], "key": [] }]))
        .with("components", components)
        .with("x-amazon-apigateway-api-key-source", json!("AUTHORIZER"));
    let gateway = gateway(&api, &functions, driver).start();
    let id = |created: &Value| created["id"].as_str().expect("an id").to_owned();
    let stages = json!([{ "apiId": "api1", "stage": "default" }]);
    let plan = id(&gateway.manage("POST", "/usageplans", &json!({ "name": "plan", "apiStages": stages })));
    let key = json!({ "name": "key", "value": KEY, "enabled": true });
    let key = id(&gateway.manage("POST", "/apikeys", &key));
    gateway.manage("POST", &format!("/usageplans/{plan}/keys"), &json!({ "keyId": key, "keyType": "API_KEY" }));
    for _ in 0..2 {
        assert_eq!(with_token(&gateway, "/a", KEY).text(), "in");
        assert_eq!(with_token(&gateway, "/a", "keyless").text(), r#"{"message":"Forbidden"}"#);
        assert_eq!(with_token(&gateway, "/a", "another").text(), r#"{"message":"Forbidden"}"#);
        let sent = format!("Authorization: keyless\r\nx-api-key: {KEY}\r\n");
        assert_eq!(send(&mut gateway.connect(), "GET /a", &sent).status(), 403, "the client's own word");
    }
}

fn an_authorizer_that_cannot_be_asked_denies(driver: Driver) {
    let functions = allowing();
    let gone = functions.url();
    drop(functions);
    let start = Gateway::with(&locked(json!({}))).driver(driver).set("aws.credentials", "off");
    let gateway = start.set("aws.endpoints", format!("lambda={gone}")).start();
    for _ in 0..3 {
        let answer = with_token(&gateway, "/a", "t");
        assert_eq!((answer.status(), answer.text()), (500, FAILED));
        assert_eq!(answer.field("x-amzn-errortype"), Some("AuthorizerFailureException"));
    }
    let line = &gateway.log(1)[0];
    assert!(line["error"].as_str().expect("a text").contains("the authorizer's function"), "{line}");
    // Nowhere to ask: not served at all.
    let refused = Gateway::with(&locked(json!({}))).run();
    assert_ne!(refused.code(), 0);
    assert!(refused.stderr.contains("there is nowhere to invoke the function `auth`"), "{}", refused.stderr);
}

fn another_authorizers_decision_is_not_ours(driver: Driver) {
    let functions =
        functions(|name, _| Invoked::Result(policy(if name == "lenient" { "Allow" } else { "Deny" }, &["*"])));
    let of = |name: &str| locked(json!({ "authorizerUri": function_uri(name) }));
    let gateway = gateway(&of("lenient"), &functions, driver).start();
    assert_eq!(with_token(&gateway, "/a", "t").status(), 200);
    for (name, status) in [("strict", 403), ("lenient", 200), ("strict", 403)] {
        gateway.write("api0.yaml", &of(name).text());
        assert_eq!(gateway.reload().status(), 200);
        assert_eq!(with_token(&gateway, "/a", "t").status(), status, "{name}");
    }
}

fn logs_have_no_token(driver: Driver) {
    let functions = functions(|_, event| Invoked::error(event["authorizationToken"].as_str().unwrap_or("")));
    let gateway = gateway(&locked(json!({})), &functions, driver).start();
    assert_eq!(with_token(&gateway, "/a", "secret-of-a-client").status(), 500);
    let line = gateway.log(1)[0].to_string();
    assert!(!line.contains("secret-of-a-client") && !gateway.output().contains("secret-of-a-client"), "{line}");
}

/// The same for an authorizer that sees the whole request.
fn request_authorizers(driver: Driver) {
    let functions = functions(|_, event| match event["headers"]["x-tenant"].as_str() {
        Some("blue") => Invoked::Result(policy("Allow", &["*"])),
        Some("unauthorized") => Invoked::error("Unauthorized"),
        Some("stall") => Invoked::raw(|conversation| conversation.wait_for_close()),
        _ => Invoked::Result(policy("Deny", &["*"])),
    });
    let sources = "method.request.header.X-Tenant, method.request.querystring.user,context.httpMethod";
    let api = locked(json!({ "type": "request", "identitySource": sources }));
    let gateway = gateway(&api, &functions, driver).set("authorizers.timeout_ms", 1_500).start();
    let client = &mut gateway.connect();
    let mut status = |line: &str, tenant: &str| send(client, line, &format!("x-tenant: {tenant}\r\n")).status();
    assert_eq!([status("GET /a", "blue"), status("GET /a?user=", "blue"), status("GET /a?user=u", "")], [401; 3]);
    assert_eq!(functions.requests().len(), 0, "nobody was asked");
    for _ in 0..3 {
        assert_eq!(status("GET /a?user=u", "blue"), 200);
        assert_eq!(status("GET /a?user=v", "blue"), 200);
        assert_eq!(status("POST /a?user=u", "blue"), 200);
        assert_eq!(status("GET /a?user=u", "red"), 403);
        // Two values are not one with a comma, and what ends a source does not begin the next.
        assert_eq!(status("GET /a?user=u&user=v", "blue"), 200);
        assert_eq!(status("GET /a?user=u%2Cv", "blue"), 200);
    }
    assert_eq!(functions.requests().len(), 6, "one for each identity");
    assert_eq!([status("GET /a?user=u", "unauthorized"), status("GET /a?user=u", "stall")], [401, 500]);
    let event: Value = serde_json::from_str(functions.requests()[0].text()).expect("JSON");
    assert_eq!((&event["type"], &event["methodArn"]), (&json!("REQUEST"), &json!(format!("{ARN}/GET/a"))));
    assert_eq!(
        (&event["queryStringParameters"], &event["headers"]["x-tenant"]),
        (&json!({ "user": "u" }), &json!("blue"))
    );
    assert_eq!((&event["httpMethod"], &event["resource"], &event["path"]), (&json!("GET"), &json!("/a"), &json!("/a")));
    assert_eq!(event["requestContext"]["identity"]["sourceIp"], json!("127.0.0.1"));
    assert!(event.get("body").is_none());
}

/// Not about what the gateway keeps from it, or says in its place.
fn a_decision_is_about_what_the_function_was_told(driver: Driver) {
    let functions = functions(|_, event| {
        let said = |name: &str| event["headers"][name].as_str().unwrap_or_default().to_owned();
        let effect = match (said("Host").as_str(), said("X-Forwarded-For").as_str()) {
            ("good.test", _) | (_, "127.0.0.1") => "Allow",
            _ => "Deny",
        };
        Invoked::Result(policy(effect, &["*"]))
    });
    let by = |source: &str| json!({ "type": "request", "identitySource": format!("method.request.header.{source}") });
    let client_of = |source: &str| {
        let gateway = gateway(&locked(by(source)), &functions, driver).start();
        let client = gateway.connect();
        (gateway, client)
    };
    let (_gateway, mut client) = client_of("X-Tenant");
    let nominated = "X-Tenant: blue\r\nConnection: X-Tenant\r\n";
    let asked = || functions.requests().len();
    assert_eq!((send(&mut client, "GET /a", nominated).status(), asked()), (401, 0));
    assert_eq!((send(&mut client, "GET /a", "X-Tenant: blue\r\nX-Tenant:\r\n").status(), asked()), (401, 0));
    assert_eq!((send(&mut client, "GET /a", "X-Tenant: blue\r\n").status(), asked()), (200, 1));

    let (_gateway, mut client) = client_of("X-Forwarded-For");
    for address in ["192.0.2.1", "192.0.2.2", "127.0.0.1"] {
        let fields = format!("X-Forwarded-For: {address}\r\n");
        assert_eq!((send(&mut client, "GET /a", &fields).status(), asked()), (200, 2), "{address}");
    }
}

fn an_absolute_target_decides_whose_host_is_judged(driver: Driver) {
    let functions = functions(|_, event| {
        let effect = if event["headers"]["Host"] == "good.test" { "Allow" } else { "Deny" };
        Invoked::Result(policy(effect, &["*"]))
    });
    let api = locked(json!({ "type": "request", "identitySource": "method.request.header.Host" }));
    let gateway = gateway(&api, &functions, driver).start();
    let client = &mut gateway.connect();
    let mut status =
        |target: &str, host: &str| client.exchange(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")).status();
    for _ in 0..2 {
        assert_eq!(status("http://good.test/a", "good.test"), 200);
        assert_eq!(status("/a", "evil.test"), 403);
        assert_eq!(status("http://evil.test/a", "good.test"), 403);
        assert_eq!(status("http://good.test/a", "evil.test"), 200);
    }
    assert_eq!(functions.requests().len(), 2);
}

/// Scopes that nobody would look at.
#[test]
fn scopes_are_for_tokens() {
    let api = locked(json!({})).on("GET /a", "security", json!([{ "auth": ["pets/read"] }]));
    let refused = Gateway::with(&api).set("aws.endpoints", "lambda=http://127.0.0.1:9").run();
    assert_ne!(refused.code(), 0);
    assert!(refused.stderr.contains("the authorizer `auth` looks at no scopes"), "{}", refused.stderr);
}

/// Without kept decisions a function decides what it needs to know.
fn whoever_keeps_nothing_may_be_asked_about_anything(driver: Driver) {
    let functions = allowing();
    let api = locked(json!({
        "type": "request", "authorizerResultTtlInSeconds": 0, "identitySource": "method.request.header.X-Tenant",
    }));
    let gateway = gateway(&api, &functions, driver).start();
    for asked in 1..4 {
        assert_eq!(gateway.get("/a").text(), "in");
        assert_eq!(functions.requests().len(), asked);
    }
}
