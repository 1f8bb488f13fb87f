//! `x-tollgate-authorizer`: HTTP services that are asked, and passwords; what is forgotten by a flush; limits by what an
//! authorizer says of the caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::harness::backend::Conversation;
use crate::harness::function::{Invoked, function_uri, functions, policy};
use crate::harness::gateway::Start;
use crate::harness::{Api, Backend, Driver, Gateway, Message, mock};

on_both_drivers! {
    what_services_answers_come_to,
    what_a_service_is_told,
    what_a_service_says_of_the_caller,
    a_kept_answer_is_about_all_that_was_told,
    a_service_that_cannot_be_asked_denies,
    passwords_open,
    passwords_are_exchanged_by_a_reload,
    a_flush_is_complete_when_it_is_answered,
    a_flush_outruns_who_is_being_asked,
    callers_are_told_apart_by_what_is_said_of_them,
    what_cannot_be_asked_is_refused_where_it_stands,
    a_test_runs_the_authorizer,
    a_test_runs_authorizers_of_other_types,
    they_come_back_from_the_management_api,
}

fn scheme(authorizer: Value) -> Value {
    json!({ "securitySchemes": { "auth": { "type": "http", "scheme": "bearer", "x-tollgate-authorizer": authorizer } } })
}

fn locked(authorizer: Value) -> Api {
    let locked =
        |api: Api, route: &str| api.route(route, mock(200, "in")).on(route, "security", json!([{ "auth": [] }]));
    let api = ["GET /a", "POST /a", "GET /b", "GET /files/{path+}"].into_iter().fold(Api::new(), locked);
    api.route("GET /open", mock(200, "open")).with("components", scheme(authorizer))
}

/// An authorizer that asks the backend, with these members besides.
fn asking(service: &Backend, members: Value) -> Value {
    let mut authorizer = json!({ "type": "http", "uri": format!("{}/verify?by=gateway", service.url()) });
    let members = members.as_object().expect("an object").clone();
    authorizer.as_object_mut().expect("an object").extend(members);
    authorizer
}

fn gateway(api: &Api, driver: Driver) -> Start {
    Gateway::with(api).driver(driver)
}

fn start(api: &Api, driver: Driver) -> Gateway {
    gateway(api, driver).start()
}

fn send(gateway: &Gateway, line: &str, fields: &str) -> Message {
    gateway.exchange(format!("{line} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n"))
}

fn with_token(gateway: &Gateway, target: &str, token: &str) -> Message {
    send(gateway, &format!("GET {target}"), &format!("Authorization: {token}\r\n"))
}

const UNAUTHORIZED: &str = r#"{"message":"Unauthorized"}"#;
const DENIED: &str = r#"{"message":"User is not authorized to access this resource"}"#;
const FAILED: &str = r#"{"message":null}"#;

fn plain(conversation: &mut Conversation<'_>, status: &str, fields: &str) {
    conversation.send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n{fields}\r\n"));
}

/// Does what the token says.
fn obedient() -> Backend {
    Backend::start(|conversation| {
        let token = conversation.request.field("authorization").unwrap_or("none").to_owned();
        match token.as_str() {
            "stalls" => conversation.wait_for_close(),
            "hangs-up" => conversation.reset(),
            "garbage" => {
                conversation.send("\0\0 no HTTP\r\n\r\n");
                conversation.close();
            }
            "huge" => conversation.ok(&"x".repeat(100_000)),
            "no-utf8" => conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-User: \xff\r\n\r\n"),
            "ok-with-body" => conversation.ok("yes"),
            status => plain(conversation, &format!("{status} Said"), "X-User: ann\r\nLocation: /login\r\n"),
        }
    })
}

fn what_services_answers_come_to(driver: Driver) {
    let service = obedient();
    for ttl_s in [0, 300] {
        let members =
            json!({ "authorizerResultTtlInSeconds": ttl_s, "timeoutInMillis": 1500, "contextHeaders": ["X-User"] });
        let gateway = gateway(&locked(asking(&service, members)), driver).start();
        for (token, status, body) in [
            ("200", 200, "in"),
            ("204", 200, "in"),
            ("299", 200, "in"),
            ("ok-with-body", 200, "in"),
            ("401", 401, UNAUTHORIZED),
            ("403", 403, DENIED),
            ("302", 500, FAILED),
            ("304", 500, FAILED),
            ("400", 500, FAILED),
            ("404", 500, FAILED),
            ("429", 500, FAILED),
            ("500", 500, FAILED),
            ("101", 500, FAILED),
            ("100", 500, FAILED),
            ("stalls", 500, FAILED),
            ("hangs-up", 500, FAILED),
            ("garbage", 500, FAILED),
            ("huge", 500, FAILED),
            ("no-utf8", 500, FAILED),
        ] {
            for round in 0..2 {
                let answer = with_token(&gateway, "/a", token);
                assert_eq!((answer.status(), answer.text()), (status, body), "{token} {ttl_s} {round}");
            }
        }
        assert_eq!(gateway.get("/open").text(), "open");
    }
}

fn what_a_service_is_told(driver: Driver) {
    let service = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let gateway = gateway(&locked(asking(&service, json!({}))), driver).start();
    let fields = "Authorization: Bearer t\r\nCookie: a=b\r\nX-Secret: s\r\nX-Forwarded-Uri: /open\r\n\
                  X-Forwarded-Method: OPTIONS\r\nX_Forwarded_Uri: /open\r\nContent-Length: 2\r\n";
    assert_eq!(gateway.exchange(format!("POST /%61?b=%63 HTTP/1.1\r\nHost: a.test\r\n{fields}\r\nhi")).text(), "in");
    let asked = service.last();
    assert_eq!((asked.method(), asked.target()), ("GET", "/verify?by=gateway"));
    for (name, expected) in [
        ("authorization", &["Bearer t"][..]),
        ("cookie", &["a=b"]),
        ("x-forwarded-method", &["POST"]),
        ("x-forwarded-proto", &["http"]),
        ("x-forwarded-host", &["a.test"]),
        ("x-forwarded-uri", &["/a?b=c"]),
        ("x-forwarded-for", &["127.0.0.1"]),
        ("x-original-method", &["POST"]),
        ("x-original-url", &["http://a.test/a?b=c"]),
        ("x-secret", &[]),
        ("x_forwarded_uri", &[]),
        ("content-length", &[]),
        ("host", &[&service.url()["http://".len()..]]),
    ] {
        assert_eq!(asked.values(name).collect::<Vec<_>>(), expected, "{name}");
    }
    // Without any token, the service may decide by something else.
    assert_eq!(send(&gateway, "GET /a", "").text(), "in");
    assert_eq!(service.last().field("authorization"), None);
    let asked = service.requests().len();
    assert_eq!(send(&gateway, "GET /a", "Authorization: a\r\nAuthorization: b\r\n").status(), 401);
    assert_eq!(service.requests().len(), asked, "of two tokens, nobody says which");

    let members = json!({ "requestHeaders": ["X-Secret"], "httpMethod": "POST" });
    let gateway = start(&locked(asking(&service, members)), driver);
    assert_eq!(send(&gateway, "GET /a", "Authorization: t\r\nX-Secret: s\r\n").text(), "in");
    let asked = service.last();
    assert_eq!((asked.method(), asked.field("x-secret"), asked.field("authorization")), ("POST", Some("s"), None));
    assert_eq!(asked.field("content-length"), Some("0"));
}

fn what_a_service_says_of_the_caller(driver: Driver) {
    let said = "X-User-Id: 17\r\nX-Role: a\r\nX-Role: b\r\nX-Principal: ann\r\nX-Other: no\r\n";
    let service = Backend::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{said}\r\n"));
    let backend = Backend::named();
    let mut integration = crate::harness::http_proxy(backend.url());
    integration["requestParameters"] = json!({
        "integration.request.header.x-id": "context.authorizer.xUserId",
        "integration.request.header.x-role": "context.authorizer.xRole",
        "integration.request.header.x-who": "context.authorizer.principalId",
        "integration.request.header.x-none": "context.authorizer.xNone",
        "integration.request.header.x-other": "context.authorizer.xOther",
    });
    let members = json!({
        "contextHeaders": ["X-User-Id", "X-Role", "X-None"], "principalIdHeader": "X-Principal",
        "authorizerResultTtlInSeconds": 300,
    });
    let api = Api::new()
        .route("GET /a", integration)
        .on("GET /a", "security", json!([{ "auth": [] }]))
        .with("components", scheme(asking(&service, members)));
    let gateway = gateway(&api, driver).start();
    for _ in 0..2 {
        assert_eq!(with_token(&gateway, "/a", "t").status(), 200);
        let sent = backend.last();
        assert_eq!(
            ["x-id", "x-role", "x-who", "x-none", "x-other"].map(|name| sent.field(name)),
            [Some("17"), Some("a, b"), Some("ann"), None, None]
        );
    }
    assert_eq!(service.requests().len(), 1);
}

fn a_kept_answer_is_about_all_that_was_told(driver: Driver) {
    let service = Backend::start(|conversation| {
        let request = &conversation.request;
        let open = request.field("x-forwarded-uri") == Some("/a")
            && request.field("x-forwarded-method") == Some("GET")
            && request.field("authorization") == Some("ann")
            && request.field("cookie").is_none();
        plain(conversation, if open { "200 OK" } else { "403 Forbidden" }, "");
    });
    let api = locked(asking(&service, json!({ "authorizerResultTtlInSeconds": 300 })));
    let gateway = gateway(&api, driver).start();
    for _ in 0..3 {
        assert_eq!(with_token(&gateway, "/a", "ann").status(), 200);
    }
    assert_eq!(service.requests().len(), 1);
    for (line, fields) in [
        ("GET /b", "Authorization: ann\r\n"),
        ("POST /a", "Authorization: ann\r\n"),
        ("GET /a?b=c", "Authorization: ann\r\n"),
        ("GET /a", "Authorization: ben\r\n"),
        ("GET /a", "Authorization: ann\r\nCookie: a=b\r\n"),
        ("GET /files/a", "Authorization: ann\r\n"),
    ] {
        assert_eq!(send(&gateway, line, fields).status(), 403, "{line} {fields}");
    }
    let asked = service.requests().len();
    assert_eq!(asked, 7);
    // Whose answers are kept has to say who it is, once.
    for fields in ["", "Authorization:\r\n", "Authorization: ann\r\nAuthorization: ann\r\n"] {
        assert_eq!(send(&gateway, "GET /a", fields).status(), 401, "{fields}");
    }
    assert_eq!(service.requests().len(), asked);
    assert_eq!(gateway.metric(r#"authorizations_total{result="kept"}"#), 2.0);
}

fn a_service_that_cannot_be_asked_denies(driver: Driver) {
    let service = obedient();
    let api = locked(asking(&service, json!({})));
    drop(service);
    let gateway = gateway(&api, driver).start();
    let answer = with_token(&gateway, "/a", "secret-of-a-client");
    assert_eq!((answer.status(), answer.text()), (500, FAILED));
    assert_eq!(answer.field("x-amzn-errortype"), Some("AuthorizerFailureException"));
    let line = gateway.log(1)[0].to_string();
    assert!(line.contains("the authorizer's service") && !line.contains("secret-of-a-client"), "{line}");
}

/// base64 of `text`.
fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn passwords_open(driver: Driver) {
    let api = locked(json!({ "type": "basic", "realm": "Staff only" }));
    let users = "users:\n- { name: ann, secret: secret-of-ann }\n- { name: ben, secret_file: ben }\n";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("users.yaml");
    std::fs::write(&path, users).expect("writable");
    std::fs::write(folder.path().join("ben"), "secret-of-ben\n").expect("writable");
    let format = r#"{"id":"$context.requestId","who":"$context.authorizer.principalId","status":"$context.status"}"#;
    let start = gateway(&api, driver).set("basic_auth.users_file", path.display()).set("access_log.format", format);
    let gateway = start.start();
    let shown = |text: &str| send(&gateway, "GET /a", &format!("Authorization: Basic {}\r\n", base64(text)));
    assert_eq!(shown("ann:secret-of-ann").text(), "in");
    assert_eq!(shown("ben:secret-of-ben").text(), "in");
    for wrong in
        ["ann:secret-of-ben", "ann:", "eve:secret-of-ann", ":", "ann", "ANN:secret-of-ann", "ann:secret-of-ann "]
    {
        let answer = shown(wrong);
        assert_eq!((answer.status(), answer.text()), (401, UNAUTHORIZED), "{wrong}");
        assert_eq!(answer.field("www-authenticate"), Some("Basic realm=\"Staff only\", charset=\"UTF-8\""));
    }
    let right = format!("Authorization: Basic {}\r\n", base64("ann:secret-of-ann"));
    for fields in ["", "Authorization: Bearer t\r\n", "Authorization: Basic !\r\n", &right.repeat(2)] {
        let answer = send(&gateway, "GET /a", fields);
        assert_eq!(answer.status(), 401, "{fields}");
        assert!(answer.has("www-authenticate"));
    }
    assert_eq!(gateway.get("/open").text(), "open");
    let lines = gateway.log(2);
    assert_eq!([&lines[0]["who"], &lines[1]["who"]], [&json!("ann"), &json!("ben")]);
    assert!(!gateway.output().contains("secret-of"));
}

fn passwords_are_exchanged_by_a_reload(driver: Driver) {
    let api = locked(json!({ "type": "basic", "realm": "Staff only" }));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("users.json");
    let write = |users: Value| std::fs::write(&path, json!({ "users": users }).to_string()).expect("writable");
    write(json!([{ "name": "ann", "secret": "secret-of-ann" }]));
    let gateway = gateway(&api, driver).shards(2).set("basic_auth.users_file", path.display()).start();
    let shown = |text: &str| send(&gateway, "GET /a", &format!("Authorization: Basic {}\r\n", base64(text))).status();
    assert_eq!([shown("ann:secret-of-ann"), shown("ben:secret-of-ben")], [200, 401]);

    write(json!([{ "name": "ann", "secret": "renewed-of-ann" }, { "name": "ben", "secret": "secret-of-ben" }]));
    assert_eq!(gateway.reload().status(), 200);
    let now = ["ann:secret-of-ann", "ann:renewed-of-ann", "ben:secret-of-ben"];
    assert_eq!(now.map(shown), [401, 200, 200]);

    write(json!([{ "name": "ann", "secret": "secret-of-ann" }, { "name": "ann", "secret": "secret-of-ann" }]));
    let refused = gateway.reload();
    let why = r#"{"message":"users were not reloaded, the old ones stay: basic_auth.users: \"ann\" is given twice"}"#;
    assert_eq!((refused.status(), refused.text()), (422, why));
    assert_eq!(now.map(shown), [401, 200, 200]);
    std::fs::remove_file(&path).expect("it was there");
    let refused = gateway.reload();
    assert!(refused.status() == 422 && refused.text().contains("users.json"), "{}", refused.text());
    assert_eq!(now.map(shown), [401, 200, 200]);
}

fn flush(gateway: &Gateway) {
    let path = "/restapis/api1/stages/default/cache/authorizers";
    let answer = gateway.management("DELETE", path, "application/json", "");
    assert_eq!(answer.status(), 202, "{}", answer.text());
}

fn a_flush_is_complete_when_it_is_answered(driver: Driver) {
    let closed = Arc::new(AtomicBool::new(false));
    let service = {
        let closed = Arc::clone(&closed);
        Backend::start(move |conversation| {
            let status = if closed.load(Ordering::SeqCst) { "403 Forbidden" } else { "200 OK" };
            plain(conversation, status, "");
        })
    };
    let api = locked(asking(&service, json!({ "authorizerResultTtlInSeconds": 300 })));
    let gateway = gateway(&api, driver).shards(2).start();
    let clients = &mut (0..8).map(|_| gateway.connect()).collect::<Vec<_>>();
    let request = "GET /a HTTP/1.1\r\nHost: a.test\r\nAuthorization: ann\r\n\r\n";
    let mut statuses = || clients.iter_mut().map(|client| client.exchange(request).status()).collect::<Vec<_>>();
    assert_eq!(statuses(), [200; 8]);
    closed.store(true, Ordering::SeqCst);
    assert_eq!(statuses(), [200; 8], "decisions are kept");
    flush(&gateway);
    assert_eq!(statuses(), [403; 8]);
    closed.store(false, Ordering::SeqCst);
    assert_eq!(statuses(), [200; 8]);
    closed.store(true, Ordering::SeqCst);
    let flushed = gateway.command("cache").arg("flush").arg("--api").arg("api1").arg("--authorizers").run();
    let told = "Tested (api1), default: what authorizers have decided is forgotten\n";
    assert_eq!((flushed.code(), flushed.stdout.as_str()), (0, told), "{}", flushed.stderr);
    assert_eq!(statuses(), [403; 8]);
    assert_eq!(gateway.metric("authorizer_flushes_total"), 4.0);
}

fn a_flush_outruns_who_is_being_asked(driver: Driver) {
    let (asked, go_on) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let service = {
        let (asked, go_on) = (Arc::clone(&asked), Arc::clone(&go_on));
        Backend::start(move |conversation| {
            asked.store(true, Ordering::SeqCst);
            crate::harness::wait_until("the flush", || go_on.load(Ordering::SeqCst));
            plain(conversation, "200 OK", "");
        })
    };
    let api = locked(asking(&service, json!({ "authorizerResultTtlInSeconds": 300 })));
    let gateway = gateway(&api, driver).start();
    let client = &mut gateway.connect();
    client.send("GET /a HTTP/1.1\r\nHost: a.test\r\nAuthorization: ann\r\n\r\n");
    crate::harness::wait_until("the question", || asked.load(Ordering::SeqCst));
    flush(&gateway);
    go_on.store(true, Ordering::SeqCst);
    assert_eq!(client.answer().status(), 200);
    assert_eq!(with_token(&gateway, "/a", "ann").status(), 200);
    assert_eq!(service.requests().len(), 2, "what was asked before the flush is not kept");
}

fn callers_are_told_apart_by_what_is_said_of_them(driver: Driver) {
    let service = Backend::start(|conversation| {
        let user = conversation.request.field("authorization").unwrap_or("").to_owned();
        let fields = if user == "nobody" { String::new() } else { format!("X-Tenant: {user}\r\n") };
        plain(conversation, "200 OK", &fields);
    });
    let rule = |per: &str| json!([{ "rateLimit": 0.001, "burstLimit": 2, "per": per }]);
    for (per, members) in [
        ("context.authorizer.xTenant", json!({ "contextHeaders": ["X-Tenant"] })),
        ("context.authorizer.principalId", json!({ "principalIdHeader": "X-Tenant" })),
    ] {
        let api = locked(asking(&service, members)).on("GET /a", "x-tollgate-throttle", rule(per));
        let gateway = gateway(&api, driver).start();
        let statuses = |user: &str| [0; 3].map(|_| with_token(&gateway, "/a", user).status());
        for user in ["ann", "ben", "nobody"] {
            assert_eq!(statuses(user), [200, 200, 429], "{user} {per}");
        }
        assert_eq!(with_token(&gateway, "/b", "ann").status(), 200);
        assert_eq!(gateway.metric(r#"throttled_requests_total{scope="authorized"}"#), 3.0);
    }
}

fn what_cannot_be_asked_is_refused_where_it_stands(driver: Driver) {
    let http = |members: Value| {
        let mut authorizer = json!({ "type": "http", "uri": "http://auth.test/verify" });
        authorizer.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
        authorizer
    };
    for (authorizer, expected) in [
        (json!({ "uri": "http://auth.test" }), "the authorizer has no `type`"),
        (json!({ "type": "htp" }), "did you mean `http`?"),
        (json!({ "type": "http" }), "the authorizer names no service"),
        (http(json!({ "uri": "auth.test" })), "is not a complete URI"),
        (http(json!({ "uri": "http://auth.test/{path}" })), "nothing can be put in for `{path}`"),
        (http(json!({ "timeoutInMilis": 5 })), "did you mean `timeoutInMillis`?"),
        (http(json!({ "timeoutInMillis": 5 })), "a timeout of 5 ms is out of range"),
        (http(json!({ "authorizerResultTtlInSeconds": 3601 })), "a decision cannot be kept for 3601 seconds"),
        (http(json!({ "httpMethod": "HEAD" })), "the service cannot be asked by `HEAD`"),
        (http(json!({ "requestHeaders": ["Host"] })), "`Host` cannot be named here"),
        (http(json!({ "requestHeaders": ["X_Forwarded_Uri"] })), "`X_Forwarded_Uri` cannot be named here"),
        (http(json!({ "contextHeaders": ["X-A", "X_A"] })), "that is something else"),
        (http(json!({ "realm": "a" })), "`realm` has no effect"),
        (http(json!({ "identitySource": "method.request.path.a" })), "is no identity source"),
        (json!({ "type": "basic", "uri": "http://auth.test" }), "`uri` has no effect"),
        (json!({ "type": "basic", "realm": "a\"b" }), "cannot be a realm"),
        (json!({ "type": "basic", "identitySource": "method.request.header.X" }), "cannot be somewhere else"),
    ] {
        let ended = Start::command("check").api(&locked(authorizer)).run();
        let shown = ended.stdout + &ended.stderr;
        assert!(ended.status.code() != Some(0) && shown.contains(expected), "{driver:?} {expected}: {shown}");
        assert!(shown.contains("api0.yaml:"), "{shown}");
    }
}

fn id(made: &Value) -> String {
    made["id"].as_str().expect("an id").to_owned()
}

/// A gateway that asks these functions, and where authorizers of an API of its store are made.
fn with_an_api(functions: &Backend, driver: Driver) -> (Gateway, String) {
    let start = gateway(&Api::new().route("GET /open", mock(200, "open")), driver);
    let start = start.set("aws.credentials", "off").set("aws.endpoints", format!("lambda={}", functions.url()));
    let gateway = start.start();
    let api = id(&gateway.manage("POST", "/restapis", &json!({ "name": "tried" })));
    (gateway, format!("/restapis/{api}/authorizers"))
}

fn a_test_runs_the_authorizer(driver: Driver) {
    let functions = functions(|_, event| match event["authorizationToken"].as_str() {
        Some("throws") => Invoked::error("boom"),
        Some("stranger") => Invoked::error("Unauthorized"),
        Some("deny") => Invoked::Result(policy("Deny", &["*"])),
        _ => {
            let mut answer = policy("Allow", &["*"]);
            answer["context"] = json!({ "tenant": "blue" });
            Invoked::Result(answer)
        }
    });
    let (gateway, path) = with_an_api(&functions, driver);
    let source = "method.request.header.Authorization";
    let uri = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:\
               function:${stageVariables.name}/invocations";
    let made = json!({ "name": "a", "type": "TOKEN", "authorizerUri": uri, "identitySource": source });
    let own = format!("{path}/{}", id(&gateway.manage("POST", &path, &made)));
    let tried = |token: &str| {
        let headers = json!({ "Authorization": token });
        let variables = json!({ "name": "auth" });
        gateway.manage("POST", &own, &json!({ "headers": headers, "stageVariables": variables }))
    };
    for (token, effect) in [("allow-me", "Allow"), ("deny", "Deny")] {
        let answer = tried(token);
        assert_eq!((&answer["clientStatus"], &answer["principalId"]), (&json!(0), &json!("user|a1b2c3")), "{answer}");
        let policy: Value = serde_json::from_str(answer["policy"].as_str().expect("a text")).expect("JSON");
        assert_eq!(policy["Statement"][0]["Effect"], effect);
        let log = answer["log"].as_str().expect("a log");
        assert!(log.contains("Successfully completed authorizer execution") && !log.contains("allow-me"), "{log}");
    }
    assert_eq!(tried("allow")["authorization"], json!({ "tenant": ["blue"] }));
    assert_eq!(functions.last().target(), "/2015-03-31/functions/auth/invocations");
    for (token, status) in [("throws", 500), ("stranger", 401), ("", 401)] {
        let answer = tried(token);
        assert_eq!(answer["clientStatus"], status, "{answer}");
        assert!(answer.get("principalId").is_none() && answer.get("policy").is_none(), "{answer}");
    }
    // A function that cannot be invoked.
    let answer = gateway.manage("POST", &own, &json!({ "headers": { "Authorization": "t" } }));
    assert_eq!(answer["clientStatus"], 500, "{answer}");
}

/// A function that sees the request, and a service of the gateway's own kind.
fn a_test_runs_authorizers_of_other_types(driver: Driver) {
    let functions = functions(|_, event| {
        let user = event["queryStringParameters"]["user"].as_str().unwrap_or_default().to_owned();
        let mut answer = policy(if user == "ann" { "Allow" } else { "Deny" }, &["*"]);
        answer["principalId"] = json!(user);
        answer["context"] = json!({ "path": event["path"], "tenant": event["headers"]["X-Tenant"] });
        Invoked::Result(answer)
    });
    let service = obedient();
    let (gateway, path) = with_an_api(&functions, driver);
    let made = gateway.manage(
        "POST",
        &path,
        &json!({
            "name": "r", "type": "REQUEST", "authorizerUri": function_uri("auth"),
            "identitySource": "method.request.querystring.user,method.request.header.X-Tenant",
        }),
    );
    let tried = |query: &str, headers: Value| {
        let body = json!({ "headers": headers, "pathWithQueryString": format!("/pets{query}") });
        gateway.manage("POST", &format!("{path}/{}", id(&made)), &body)
    };
    let tenant = || json!({ "X-Tenant": "blue" });
    let answer = tried("?user=ann", tenant());
    assert_eq!((&answer["clientStatus"], &answer["principalId"]), (&json!(0), &json!("ann")), "{answer}");
    assert_eq!(answer["authorization"], json!({ "path": ["/pets"], "tenant": ["blue"] }));
    let answer = tried("?user=ben", tenant());
    let said: Value = serde_json::from_str(answer["policy"].as_str().expect("a text")).expect("JSON");
    assert_eq!((&answer["clientStatus"], &said["Statement"][0]["Effect"]), (&json!(0), &json!("Deny")));
    let asked = functions.requests().len();
    assert_eq!(tried("", tenant())["clientStatus"], 401);
    assert_eq!(tried("?user=ann", json!({}))["clientStatus"], 401);
    assert_eq!(functions.requests().len(), asked, "nobody was asked");

    let document = locked(asking(&service, json!({ "contextHeaders": ["X-User"], "principalIdHeader": "X-User" })));
    let api = id(&gateway.manage_text("POST", "/restapis?mode=import", "application/json", &document.text()));
    let path = format!("/restapis/{api}/authorizers");
    let own = format!("{path}/{}", id(&gateway.manage("GET", &path, &Value::Null)["item"][0]));
    let status = |token: &str| {
        gateway.manage("POST", &own, &json!({ "headers": { "Authorization": token } }))["clientStatus"].clone()
    };
    assert_eq!(["200", "hangs-up", "garbage"].map(status), [json!(0), json!(500), json!(500)]);
}

fn they_come_back_from_the_management_api(driver: Driver) {
    let service = obedient();
    let members = json!({
        "httpMethod": "POST", "timeoutInMillis": 500, "requestHeaders": ["Authorization"], "contextHeaders": ["X-User"],
        "principalIdHeader": "X-User", "authorizerResultTtlInSeconds": 60,
    });
    let document = locked(asking(&service, members.clone()));
    let gateway = gateway(&Api::new().route("GET /open", mock(200, "open")), driver).start();
    let imported = gateway.manage_text("POST", "/restapis?mode=import", "application/json", &document.text());
    let api = imported["id"].as_str().expect("an id").to_owned();
    let shown = &gateway.manage("GET", &format!("/restapis/{api}/authorizers"), &Value::Null)["item"][0];
    assert_eq!((&shown["type"], &shown["name"]), (&json!("HTTP"), &json!("auth")));
    assert_eq!(shown["httpConfiguration"]["requestHeaders"], json!(["Authorization"]));
    gateway.manage("POST", &format!("/restapis/{api}/deployments"), &json!({ "stageName": "prod" }));
    let export = format!("/restapis/{api}/stages/prod/exports/oas30?extensions=authorizers");
    let exported = gateway.manage("GET", &export, &Value::Null);
    let extension = &exported["components"]["securitySchemes"]["auth"]["x-tollgate-authorizer"];
    let mut expected = asking(&service, members);
    expected["identitySource"] = json!("method.request.header.Authorization");
    assert_eq!(extension, &expected);
    assert_eq!(exported["paths"]["/a"]["get"]["security"], json!([{ "auth": [] }]));
}
