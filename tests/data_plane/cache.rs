//! The stage cache: what is given again, to whom, and for how long.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::harness::gateway::Start;
use crate::harness::{Api, Backend, Client, Driver, Gateway, Message, http, http_proxy, wait_until};

on_both_drivers! {
    an_answer_is_given_again,
    what_tells_answers_apart,
    other_methods_only_where_they_say_so,
    what_is_never_kept,
    callers_with_credentials_get_nothing_of_each_other,
    what_makes_an_answer_one_clients_is_not_asked_for,
    a_request_with_a_body_is_its_own,
    a_new_answer_for_those_who_may,
    a_cold_answer_is_asked_for_once,
    who_waits_asks_when_there_is_nothing_to_wait_for,
    a_flush_reaches_every_shard,
    a_deployment_keeps_what_there_is,
    a_canary_has_a_cache_of_its_own,
    answers_of_templates_are_kept_as_they_are_given,
    each_client_gets_the_coding_it_accepts,
    head_is_answered_from_what_get_got,
    stale_answers_while_a_new_one_is_asked_for,
    stale_answers_where_the_backend_fails,
    a_client_that_has_the_answer_is_told_so,
    time_goes_by,
}

/// A backend that answers `number target`, the number counted over all its requests, with fields.
fn counting(fields: &'static str) -> Backend {
    let number = AtomicUsize::new(0);
    Backend::start(move |conversation| {
        conversation.read_body();
        let number = number.fetch_add(1, Ordering::SeqCst) + 1;
        let body = format!("{number} {}", conversation.request.target());
        let length = body.len();
        conversation.send(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {length}\r\n\r\n{body}"));
    })
}

fn stage(settings: Value) -> Value {
    json!({"prod": {"cacheClusterEnabled": true, "cacheClusterSize": 0.5, "methodSettings": settings}})
}

fn all() -> Value {
    json!({"*/*": {"cachingEnabled": true}})
}

/// `GET /a` of a backend, cached, with members of its integration.
fn api(backend: &Backend, members: Value) -> Api {
    let mut integration = http_proxy(format!("{}/b", backend.url()));
    for (name, value) in members.as_object().expect("an object") {
        integration[name] = value.clone();
    }
    Api::new().route("GET /a", integration).with("x-tollgate-stages", stage(all()))
}

fn serve(api: &Api, driver: Driver) -> Start {
    Gateway::with(api).driver(driver).set("cache.header", "true")
}

fn get(gateway: &Gateway, target: &str, fields: &str) -> Message {
    gateway.exchange(format!("GET {target} HTTP/1.1\r\nHost: gw.test\r\n{fields}\r\n"))
}

/// The number of the backend's answer, with what the client is told of the cache.
fn told(answer: &Message) -> String {
    let number = answer.text().split(' ').next().unwrap_or_default();
    format!("{number} {}", answer.field("x-cache").unwrap_or("-"))
}

fn count(gateway: &Gateway, result: &str) -> f64 {
    gateway.metric(&format!(r#"cache_requests_total{{result="{result}"}}"#))
}

fn an_answer_is_given_again(driver: Driver) {
    let backend = counting("Content-Type: text/x\r\nX-Own: yes\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n");
    let gateway = serve(&api(&backend, json!({})), driver).start();
    let client = &mut gateway.connect();
    let first = client.get("/a");
    let second = client.get("/a");
    assert_eq!((told(&first), told(&second)), ("1 MISS".to_owned(), "1 HIT".to_owned()));
    assert_eq!(second.text(), first.text());
    for name in ["content-type", "x-own", "x-amzn-remapped-date", "content-length"] {
        assert_eq!(second.field(name), first.field(name), "{name}");
    }
    assert_eq!((first.field("age"), second.field("age")), (None, Some("0")));
    assert_ne!(second.field("x-amzn-requestid"), first.field("x-amzn-requestid"));
    assert_eq!(second.values("date").count(), 1);
    assert_eq!(backend.requests().len(), 1);
    assert_eq!((count(&gateway, "hit"), count(&gateway, "miss")), (1.0, 1.0));
    let log = gateway.log(2);
    assert!(log[1]["integrationLatency"].is_null() || log[1]["integrationLatency"] == "-", "{}", log[1]);
    // Without the setting nobody is told, and without the cluster nothing is kept.
    let quiet = Gateway::with(&api(&backend, json!({}))).driver(driver).start();
    assert_eq!([told(&quiet.get("/a")), told(&quiet.get("/a"))], ["2 -", "2 -"]);
    let off = api(&backend, json!({})).with("x-tollgate-stages", json!({"prod": {"methodSettings": all()}}));
    let off = Gateway::with(&off).driver(driver).start();
    assert_eq!([told(&off.get("/a")), told(&off.get("/a"))], ["3 -", "4 -"]);
}

fn what_tells_answers_apart(driver: Driver) {
    let backend = counting("");
    let mut users = http_proxy(format!("{}/users/{{id}}", backend.url()));
    users["cacheKeyParameters"] = json!(["method.request.querystring.q", "integration.request.header.X-L"]);
    users["requestParameters"]["integration.request.header.X-L"] = json!("method.request.header.Language");
    let shared = |path: &str| {
        let mut integration = http_proxy(format!("{}/{path}", backend.url()));
        integration["cacheNamespace"] = json!("common");
        integration
    };
    let api = Api::new()
        .route("GET /users/{id}", users)
        .route("GET /one", shared("one"))
        .route("GET /two", shared("two"))
        .with("x-tollgate-stages", stage(all()));
    let gateway = serve(&api, driver).start();
    #[track_caller]
    fn check(gateway: &Gateway, request: &str, expected: &str) {
        let host = if request.contains("Host:") { "" } else { "Host: gw.test\r\n" };
        let answer = gateway.exchange(request.replacen("\r\n", &format!("\r\n{host}"), 1) + "\r\n");
        assert_eq!(told(&answer), expected, "{request}");
    }
    check(&gateway, "GET /users/1 HTTP/1.1\r\n", "1 MISS");
    check(&gateway, "GET /users/1?other=x HTTP/1.1\r\nX-Other: y\r\n", "1 HIT");
    check(&gateway, "GET /users/2 HTTP/1.1\r\n", "2 MISS");
    check(&gateway, "GET /users/1?q= HTTP/1.1\r\n", "3 MISS");
    check(&gateway, "GET /users/1?q=a HTTP/1.1\r\n", "4 MISS");
    check(&gateway, "GET /users/1?x=y&q=%61 HTTP/1.1\r\n", "4 HIT");
    check(&gateway, "GET /users/1?q=a&q=b HTTP/1.1\r\n", "5 MISS");
    check(&gateway, "GET /users/1?q=b&q=a HTTP/1.1\r\n", "6 MISS");
    check(&gateway, "GET /users/1?q=a HTTP/1.1\r\nLanguage: de\r\n", "7 MISS");
    check(&gateway, "GET /users/1?q=a HTTP/1.1\r\nlanguage: de\r\n", "7 HIT");
    check(&gateway, "GET /users/1?q=a HTTP/1.1\r\nLanguage: de\r\nLanguage: en\r\n", "8 MISS");
    // The backend is told the host, so it may make a difference.
    check(&gateway, "GET /users/1 HTTP/1.1\r\nHost: evil.test\r\n", "9 MISS");
    check(&gateway, "GET /users/1 HTTP/1.1\r\nHost: GW.test\r\n", "1 HIT");
    check(&gateway, "GET /one HTTP/1.1\r\n", "10 MISS");
    check(&gateway, "GET /two?q=a HTTP/1.1\r\n", "10 HIT");
}

fn other_methods_only_where_they_say_so(driver: Driver) {
    let backend = counting("");
    let proxy = || http_proxy(format!("{}/b", backend.url()));
    let settings = json!({
        "*/*": {"cachingEnabled": true},
        "a/PUT": {"cachingEnabled": true},
        "b/GET": {"cachingEnabled": false},
        "c/GET": {"cacheTtlInSeconds": 0},
    });
    let api = Api::new()
        .route("POST /a", proxy())
        .route("PUT /a", proxy())
        .route("GET /b", proxy())
        .route("GET /c", proxy())
        .route("ANY /d", proxy())
        .with("x-tollgate-stages", stage(settings));
    let gateway = serve(&api, driver).start();
    let twice = |method: &str, path: &str| {
        let once = || {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 0\r\n\r\n");
            gateway.exchange(request).text().split(' ').next().unwrap_or_default().to_owned()
        };
        once() == once()
    };
    let kept = [("POST", "/a"), ("PUT", "/a"), ("GET", "/b"), ("GET", "/c"), ("GET", "/d"), ("DELETE", "/d")];
    assert_eq!(kept.map(|(method, path)| twice(method, path)), [false, true, false, false, true, false]);
}

fn what_is_never_kept(driver: Driver) {
    #[track_caller]
    fn check(driver: Driver, answer: String, kept: bool) {
        let close = answer.contains("Connection: close");
        let head = answer.split("\r\n\r\n").next().unwrap_or_default().to_owned();
        let backend = Backend::start(move |conversation| {
            conversation.send(&answer);
            if close {
                conversation.close();
            }
        });
        let gateway = serve(&api(&backend, json!({})), driver).start();
        for _ in 0..3 {
            gateway.get("/a");
        }
        assert_eq!(backend.requests().len(), if kept { 1 } else { 3 }, "{head}");
    }
    let ok = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nhi");
    let status = |status: &str| format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nhi");
    check(driver, ok("ETag: \"a\"\r\nVary: Accept-Encoding\r\nCache-Control: max-age=1\r\n"), true);
    check(driver, status("201 Created"), true);
    check(driver, "HTTP/1.1 204 No Content\r\n\r\n".to_owned(), true);
    check(driver, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n".to_owned(), true);
    check(driver, ok("Set-Cookie: a=b\r\n"), false);
    check(driver, ok("Cache-Control: private\r\n"), false);
    check(driver, ok("Cache-Control: no-store\r\n"), false);
    check(driver, ok("Vary: Origin\r\n"), false);
    check(driver, ok("Content-Encoding: gzip\r\n"), false);
    check(driver, status("404 Not Found"), false);
    check(driver, status("302 Found"), false);
    check(driver, status("500 Internal Server Error"), false);
    check(driver, status("206 Partial Content"), false);
    check(driver, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi".to_owned(), false);
    let long = |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{}", "x".repeat(length));
    check(driver, long(1_048_576), true);
    check(driver, long(1_048_577), false);
    let body = "x".repeat(600_000);
    let chunk = format!("{:x}\r\n{body}\r\n", body.len());
    let chunked = |chunks: usize| {
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(chunks))
    };
    check(driver, chunked(1), true);
    check(driver, chunked(2), false);
}

fn callers_with_credentials_get_nothing_of_each_other(driver: Driver) {
    let backend = counting("");
    let gateway = serve(&api(&backend, json!({})), driver).start();
    assert_eq!(told(&get(&gateway, "/a", "Authorization: one\r\n")), "1 MISS");
    assert_eq!(told(&get(&gateway, "/a", "Authorization: two\r\n")), "2 MISS");
    assert_eq!(told(&get(&gateway, "/a", "Cookie: s=1\r\n")), "3 MISS");
    assert_eq!(told(&get(&gateway, "/a", "")), "4 MISS");
    assert_eq!(told(&get(&gateway, "/a", "")), "4 HIT");
    assert_eq!(told(&get(&gateway, "/a", "Authorization: one\r\n")), "5 MISS");
    // The key tells the callers apart.
    let keyed = api(&backend, json!({"cacheKeyParameters": ["method.request.header.Authorization"]}));
    let keyed = serve(&keyed, driver).start();
    let by = |caller: &str| told(&get(&keyed, "/a", &format!("Authorization: {caller}\r\n")));
    assert_eq!([by("one"), by("one"), by("two"), by("two")], ["6 MISS", "6 HIT", "7 MISS", "7 HIT"]);
    // The API's owner says that they all get the same, or the backend does.
    let shared = api(&backend, json!({"x-tollgate-cache": {"sharedWithAuthorization": true}}));
    let shared = serve(&shared, driver).start();
    let by = |fields: &str| told(&get(&shared, "/a", fields));
    assert_eq!([by("Authorization: one\r\n"), by("Cookie: a=b\r\n")], ["8 MISS", "8 HIT"]);
    let public = counting("Cache-Control: public\r\n");
    let public = serve(&api(&public, json!({})), driver).start();
    let by = |caller: &str| told(&get(&public, "/a", &format!("Authorization: {caller}\r\n")));
    assert_eq!([by("one"), by("two")], ["1 MISS", "1 HIT"]);
}

fn what_makes_an_answer_one_clients_is_not_asked_for(driver: Driver) {
    let backend = counting("ETag: \"a\"\r\n");
    let gateway = serve(&api(&backend, json!({})), driver).start();
    let fields =
        "Range: bytes=0-0\r\nIf-None-Match: \"a\"\r\nAccept-Encoding: gzip\r\nIf-Modified-Since: x\r\nX-A: 1\r\n";
    assert_eq!(told(&get(&gateway, "/a", fields)), "1 MISS");
    let asked = backend.last();
    for name in ["range", "if-none-match", "accept-encoding", "if-modified-since"] {
        assert!(!asked.has(name), "{name}");
    }
    assert!(asked.has("x-a"));
    let again = get(&gateway, "/a", fields);
    assert_eq!((told(&again).as_str(), again.status()), ("1 HIT", 200));
    // What is not kept is asked for as it comes.
    let off = serve(&api(&backend, json!({})).with("x-tollgate-stages", stage(json!({}))), driver).start();
    get(&off, "/a", fields);
    assert!(backend.last().has("range"));
}

fn a_request_with_a_body_is_its_own(driver: Driver) {
    let backend = counting("");
    let settings = json!({"*/*": {"cachingEnabled": true}, "a/POST": {"cachingEnabled": true}});
    let api = api(&backend, json!({}))
        .route("POST /a", http_proxy(format!("{}/b", backend.url())))
        .with("x-tollgate-stages", stage(settings));
    let gateway = serve(&api, driver).start();
    let send = |method: &str, body: &str| {
        let length = body.len();
        let request = format!("{method} /a HTTP/1.1\r\nHost: gw.test\r\nContent-Length: {length}\r\n\r\n{body}");
        told(&gateway.exchange(request))
    };
    assert_eq!([send("POST", "one"), send("POST", "one"), send("POST", "two")], ["1 MISS", "1 HIT", "2 MISS"]);
    // A GET whose body changes the backend's mind changes nobody else's answer.
    assert_eq!(
        [send("GET", "evil"), told(&gateway.get("/a")), told(&gateway.get("/a"))],
        ["3 MISS", "4 MISS", "4 HIT"]
    );
    assert_eq!(backend.requests()[2].text(), "evil");
}

fn a_new_answer_for_those_who_may(driver: Driver) {
    let backend = counting("");
    let with = |setting: Value| {
        let mut settings = all();
        settings["*/*"].as_object_mut().expect("an object").extend(setting.as_object().expect("an object").clone());
        serve(&api(&backend, json!({})).with("x-tollgate-stages", stage(settings)), driver).start()
    };
    let fresh = "Cache-Control: no-transform, max-age=0\r\n";
    let warning = Some("199 Cache-control headers were ignored because the caller was unauthorized.");
    // AWS's defaults: authorization is required, which nobody has, and a header says so.
    let default = with(json!({}));
    let first = get(&default, "/a", fresh);
    assert_eq!((told(&first).as_str(), first.field("warning")), ("1 MISS", warning));
    let second = get(&default, "/a", fresh);
    assert_eq!((told(&second).as_str(), second.field("warning")), ("1 HIT", warning));
    assert_eq!(get(&default, "/a", "").field("warning"), None);
    let silent = with(json!({"unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITHOUT_RESPONSE_HEADER"}));
    silent.get("/a");
    let answer = get(&silent, "/a", fresh);
    assert_eq!((told(&answer).as_str(), answer.field("warning")), ("2 HIT", None));
    let refusing = with(json!({"unauthorizedCacheControlHeaderStrategy": "FAIL_WITH_403"}));
    let refused = get(&refusing, "/a", fresh);
    assert_eq!((refused.status(), refused.text()), (403, r#"{"message":"Forbidden"}"#));
    assert_eq!(refused.field("x-amzn-errortype"), Some("AccessDeniedException"));
    assert_eq!(told(&get(&refusing, "/a", "Cache-Control: max-age=1\r\n")), "3 MISS");
    let open = with(json!({"requireAuthorizationForCacheControl": false}));
    let asked = ["", "", fresh, "", fresh].map(|fields| told(&get(&open, "/a", fields)));
    assert_eq!(asked, ["4 MISS", "4 HIT", "5 REFRESH", "5 HIT", "6 REFRESH"]);
}

/// A backend that holds its first answer back until it is told to go on.
fn holding(
    first: impl Fn(&mut crate::harness::backend::Conversation<'_>) + Send + Sync + 'static,
) -> (Backend, Arc<AtomicBool>) {
    let go = Arc::new(AtomicBool::new(false));
    let (number, gate) = (AtomicUsize::new(0), Arc::clone(&go));
    let backend = Backend::start(move |conversation| {
        let number = number.fetch_add(1, Ordering::SeqCst) + 1;
        if number == 1 {
            wait_until("the first answer may go", || gate.load(Ordering::SeqCst));
            first(conversation);
        } else {
            conversation.ok(&format!("{number} later"));
        }
    });
    (backend, go)
}

fn send_get(gateway: &Gateway) -> Client {
    let mut client = gateway.connect();
    client.send("GET /a HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    client
}

fn a_cold_answer_is_asked_for_once(driver: Driver) {
    let (backend, go) = holding(|conversation| conversation.ok("1 first"));
    let gateway = serve(&api(&backend, json!({})), driver).start();
    let mut clients: Vec<Client> = (0..20).map(|_| send_get(&gateway)).collect();
    backend.wait_for_requests(1);
    // All heads are read before the answer is there, or they find it: either way nobody else asks.
    go.store(true, Ordering::SeqCst);
    for client in &mut clients {
        assert_eq!(client.answer().text(), "1 first");
    }
    assert_eq!(backend.requests().len(), 1);
    assert_eq!(count(&gateway, "hit") + count(&gateway, "shared"), 19.0);
}

fn who_waits_asks_when_there_is_nothing_to_wait_for(driver: Driver) {
    // The answer is not for others.
    let (backend, go) = holding(|conversation| {
        conversation.send("HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 7\r\n\r\n1 first");
    });
    let gateway = serve(&api(&backend, json!({})), driver).start();
    let mut first = send_get(&gateway);
    backend.wait_for_requests(1);
    let mut second = send_get(&gateway);
    go.store(true, Ordering::SeqCst);
    assert_eq!((first.answer().text(), second.answer().text()), ("1 first", "2 later"));
    // There is none.
    let (backend, go) = holding(|conversation| conversation.close());
    let gateway = serve(&api(&backend, json!({})), driver).start();
    let mut first = send_get(&gateway);
    backend.wait_for_requests(1);
    let mut second = send_get(&gateway);
    go.store(true, Ordering::SeqCst);
    assert_eq!((first.answer().status(), second.answer().text()), (504, "2 later"));
    // It takes too long.
    let (backend, go) = holding(|conversation| conversation.ok("1 first"));
    let gateway = serve(&api(&backend, json!({})), driver).set("cache.wait_ms", 20).start();
    let mut first = send_get(&gateway);
    backend.wait_for_requests(1);
    assert_eq!(send_get(&gateway).answer().text(), "2 later");
    go.store(true, Ordering::SeqCst);
    assert_eq!(first.answer().text(), "1 first");
    // Whoever asked is gone.
    let (backend, go) = holding(|conversation| conversation.ok("1 first"));
    let gateway = serve(&api(&backend, json!({})), driver).start();
    let first = send_get(&gateway);
    backend.wait_for_requests(1);
    let mut second = send_get(&gateway);
    drop(first);
    go.store(true, Ordering::SeqCst);
    assert!(["1 first", "2 later"].contains(&second.answer().text()));
}

fn a_flush_reaches_every_shard(driver: Driver) {
    let backend = counting("");
    let gateway = serve(&api(&backend, json!({})), driver).shards(2).start();
    // Connections are spread over the shards.
    let clients = &mut [gateway.connect(), gateway.connect(), gateway.connect(), gateway.connect()];
    let mut ask = || clients.each_mut().map(|client| told(&client.get("/a")));
    let misses = |answers: &[String]| answers.iter().filter(|told| told.ends_with("MISS")).count();
    assert_eq!(misses(&ask()), 2, "each shard asks once");
    assert_eq!(misses(&ask()), 0);
    let flush = |arguments: &[&str]| {
        arguments.iter().fold(gateway.command("cache").arg("flush"), |start, argument| start.arg(*argument)).run()
    };
    for arguments in [&["--api", "api1"][..], &["--api", "Tested", "--stage", "prod"]] {
        let flushed = flush(arguments);
        let told = (flushed.code(), flushed.stdout.as_str());
        assert_eq!(told, (0, "Tested (api1), prod: the cache is empty\n"), "{}", flushed.stderr);
        assert_eq!((misses(&ask()), misses(&ask())), (2, 0));
    }
    let nowhere = flush(&["--api", "api1", "--stage", "other"]);
    assert!(nowhere.code() == 1 && nowhere.stderr.contains("no stage `other`"), "{}", nowhere.stderr);
    assert_eq!(gateway.metric("cache_flushes_total"), 4.0);
}

fn a_deployment_keeps_what_there_is(driver: Driver) {
    let backend = counting("");
    let before = api(&backend, json!({}));
    let gateway = serve(&before, driver).start();
    let deploy = |api: &Api| {
        gateway.write("api0.yaml", &api.text());
        assert_eq!(gateway.reload().status(), 200);
        told(&gateway.get("/a"))
    };
    assert_eq!(told(&gateway.get("/a")), "1 MISS");
    let other = before.clone().route("GET /b", http_proxy(backend.url()));
    assert_eq!(deploy(&other), "1 HIT");
    // With another size it is another cluster.
    let mut stages = stage(all());
    stages["prod"]["cacheClusterSize"] = json!("1.6");
    assert_eq!(deploy(&before.clone().with("x-tollgate-stages", stages)), "2 MISS");
    assert_eq!(deploy(&before.clone().with("x-tollgate-stages", json!({"prod": {}}))), "3 -");
    assert_eq!(deploy(&before), "4 MISS");
}

fn a_canary_has_a_cache_of_its_own(driver: Driver) {
    let asked = |uses_stage_cache: bool| {
        let backend = counting("");
        let mut stages = stage(all());
        stages["prod"]["canary"] = json!({
            "percentTraffic": 50,
            "useStageCache": uses_stage_cache,
            "stageVariableOverrides": {"a": "b"},
        });
        let gateway = serve(&api(&backend, json!({})).with("x-tollgate-stages", stages), driver).start();
        let client = &mut gateway.connect();
        (0..60).for_each(|_| drop(client.get("/a")));
        backend.requests().len()
    };
    assert_eq!((asked(true), asked(false)), (1, 2));
}

fn answers_of_templates_are_kept_as_they_are_given(driver: Driver) {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nX-N: 7\r\nSecret: s\r\nContent-Length: 9\r\n\r\n{\"a\": 42}");
    let mut mapped = http(format!("{}/b", backend.url()));
    mapped["responses"]["default"] = json!({
        "statusCode": "203",
        "responseParameters": {"method.response.header.X-M": "integration.response.header.X-N"},
        "responseTemplates": {
            "application/json": "{\"b\": $input.path('$.a')}",
            "text/plain": "b is $input.path('$.a')",
        },
    });
    let mut named = http(format!("{}/b", backend.url()));
    named["responses"]["default"] = json!({
        "statusCode": "200",
        "responseTemplates": {"application/json": "fixed"},
    });
    let api = Api::new().route("GET /a", mapped).route("GET /n", named).with("x-tollgate-stages", stage(all()));
    let gateway = serve(&api, driver).start();
    for cache in ["MISS", "HIT"] {
        let answer = gateway.get("/a");
        assert_eq!((answer.status(), answer.text(), answer.field("x-m")), (203, r#"{"b": 42}"#, Some("7")));
        assert_eq!((answer.field("x-cache"), answer.has("secret")), (Some(cache), false));
    }
    // Which template it is, the gateway itself decides by a field: that field is in the key.
    for cache in ["MISS", "HIT"] {
        let answer = get(&gateway, "/a", "Accept: text/plain\r\n");
        assert_eq!((answer.text(), answer.field("x-cache")), ("b is 42", Some(cache)));
    }
    assert_eq!(gateway.get("/a").text(), r#"{"b": 42}"#);
    for cache in ["MISS", "HIT"] {
        let answer = gateway.get("/n");
        assert_eq!((answer.text(), answer.field("x-cache")), ("fixed", Some(cache)));
    }
    assert_eq!(backend.requests().len(), 3);
}

fn each_client_gets_the_coding_it_accepts(driver: Driver) {
    let body = "x".repeat(3000);
    let backend = Backend::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n{body}"));
    let api = api(&backend, json!({})).with("x-amazon-apigateway-minimum-compression-size", json!(100));
    let gateway = serve(&api, driver).start();
    for cache in ["MISS", "HIT"] {
        let gzip = get(&gateway, "/a", "Accept-Encoding: gzip\r\n");
        assert_eq!((gzip.field("content-encoding"), gzip.field("x-cache")), (Some("gzip"), Some(cache)));
        assert!(gzip.body.len() < 200);
    }
    let plain = gateway.get("/a");
    assert_eq!((plain.field("content-encoding"), plain.text(), plain.field("x-cache")), (None, &*body, Some("HIT")));
}

fn head_is_answered_from_what_get_got(driver: Driver) {
    let backend = counting("");
    let api =
        Api::new().route("ANY /a", http_proxy(format!("{}/b", backend.url()))).with("x-tollgate-stages", stage(all()));
    let gateway = serve(&api, driver).start();
    let head = || gateway.exchange("HEAD /a HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    // From the answer to HEAD, nobody gets a body.
    assert_eq!(head().field("x-cache"), Some("MISS"));
    let whole = gateway.get("/a");
    assert_eq!(told(&whole), "2 MISS");
    let answer = head();
    assert_eq!((answer.field("x-cache"), answer.field("content-length")), (Some("HIT"), whole.field("content-length")));
    assert_eq!(backend.requests().len(), 2);
}

fn stale_answers_while_a_new_one_is_asked_for(driver: Driver) {
    let backend = counting("");
    let settings = json!({"*/*": {"cachingEnabled": true, "cacheTtlInSeconds": 1}});
    let api = api(&backend, json!({"x-tollgate-cache": {"staleWhileRevalidateInSeconds": 1000}}))
        .with("x-tollgate-stages", stage(settings));
    let gateway = serve(&api, driver).start();
    let asked = Cell::new(0u32);
    let ask = || {
        asked.set(asked.get() + 1);
        told(&gateway.get("/a"))
    };
    assert_eq!(ask(), "1 MISS");
    wait_until("a stale answer", || ask() == "1 STALE");
    backend.wait_for_requests(2);
    assert_eq!(backend.last().target(), "/b");
    wait_until("the new answer", || ask().starts_with("2 "));
    // The request that no client made is neither counted nor logged.
    let counted = r#"http_requests_total{api="api1",stage="prod",route="/a",method="GET",code="200"}"#;
    gateway.wait_for_metric(counted, f64::from(asked.get()));
    gateway.log(asked.get() as usize);
    assert_eq!((gateway.log(0).len(), count(&gateway, "miss")), (asked.get() as usize, 1.0));
}

fn stale_answers_where_the_backend_fails(driver: Driver) {
    let fails = Arc::new(AtomicUsize::new(0));
    let how = Arc::clone(&fails);
    let backend = Backend::start(move |conversation| match how.load(Ordering::SeqCst) {
        0 => conversation.ok("1 good"),
        1 => conversation.send("HTTP/1.1 503 Busy\r\nContent-Length: 3\r\n\r\nbad"),
        _ => conversation.close(),
    });
    let settings = json!({"*/*": {"cachingEnabled": true, "cacheTtlInSeconds": 1}});
    let with = |cache: Value| {
        let mapped = json!({
            "statusCode": "200", "responseTemplates": {"application/json": "$input.body"},
        });
        let mut integration = http(format!("{}/b", backend.url()));
        integration["responses"]["default"] = mapped;
        integration["x-tollgate-cache"] = cache.clone();
        api(&backend, json!({"x-tollgate-cache": cache}))
            .route("GET /m", integration)
            .with("x-tollgate-stages", stage(settings.clone()))
    };
    let gateway = serve(&with(json!({"staleIfErrorInSeconds": 1000})), driver).start();
    let strict = serve(&with(json!({})), driver).start();
    for target in ["/a", "/m"] {
        fails.store(0, Ordering::SeqCst);
        assert_eq!((gateway.get(target).text(), strict.get(target).text()), ("1 good", "1 good"));
        for how in [1, 2] {
            fails.store(how, Ordering::SeqCst);
            wait_until("an older answer", || told(&gateway.get(target)) == "1 STALE");
        }
        if target == "/a" {
            wait_until("the error", || strict.get(target).status() == 504);
        }
        fails.store(0, Ordering::SeqCst);
        assert_eq!(told(&gateway.get(target)), "1 MISS");
    }
}

fn a_client_that_has_the_answer_is_told_so(driver: Driver) {
    let extension = json!({"x-tollgate-cache": {"etag": true}});
    let backend = counting("Content-Type: text/x\r\nX-Own: yes\r\n");
    let gateway = serve(&api(&backend, extension.clone()), driver).start();
    gateway.get("/a");
    let tag = gateway.get("/a").field("etag").expect("it is made").to_owned();
    let answer = get(&gateway, "/a", &format!("If-None-Match: \"x\", W/{tag}\r\n"));
    assert_eq!((answer.status(), answer.field("etag"), answer.field("x-own")), (304, Some(&*tag), Some("yes")));
    assert!(!answer.has("content-type") && !answer.has("content-length"));
    assert_eq!(get(&gateway, "/a", "If-None-Match: \"x\"\r\n").status(), 200);
    assert_eq!(get(&gateway, "/a", "If-None-Match: *\r\n").status(), 304);
    let tagged = counting("ETag: \"own\"\r\n");
    let gateway = serve(&api(&tagged, extension), driver).start();
    gateway.get("/a");
    assert_eq!(get(&gateway, "/a", "If-None-Match: \"own\"\r\n").status(), 304);
    // Without it, the answer is AWS's: whole.
    let gateway = serve(&api(&tagged, json!({})), driver).start();
    gateway.get("/a");
    assert_eq!(get(&gateway, "/a", "If-None-Match: \"own\"\r\n").status(), 200);
}

fn time_goes_by(driver: Driver) {
    let backend = counting("");
    let settings = json!({"*/*": {"cachingEnabled": true, "cacheTtlInSeconds": 1}});
    let gateway = serve(&api(&backend, json!({})).with("x-tollgate-stages", stage(settings)), driver).start();
    assert_eq!(told(&gateway.get("/a")), "1 MISS");
    wait_until("the end of its time", || told(&gateway.get("/a")) == "2 MISS");
}
