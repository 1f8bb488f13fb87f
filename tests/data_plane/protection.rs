//! `x-tollgate-upstream`: several targets, ejection, the circuit breaker, retries, health checks, mirrors.
//!
//! One shard each, so that what a shard knows is what the gateway knows. The host of the integration's URI does not exist:
//! where there are targets, nobody looks for it.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::{Value, json};

use crate::harness::gateway::Start;
use crate::harness::tls::{Identity, TlsBackend, authority_pem};
use crate::harness::{Api, Backend, Client, Driver, Gateway, Message, http, http_proxy, wait_until};

on_both_drivers! {
    targets_get_requests_by_weight,
    a_target_has_its_own_host,
    a_failing_target_is_ejected,
    an_ejected_target_comes_back,
    a_breaker_opens_and_a_deploy_keeps_it_open,
    a_breaker_closes_after_good_answers,
    methods_share_a_named_upstream,
    a_failing_answer_is_tried_at_another_target,
    retries_have_a_budget,
    bodies_are_sent_again,
    what_is_not_idempotent_is_not_sent_again,
    a_target_that_cannot_be_reached_is_left,
    an_attempt_has_its_own_time,
    mapped_integrations_are_protected_too,
    health_checks_take_a_target_out_and_back_in,
    health_checks_speak_tls,
    with_all_targets_out_any_is_asked,
    a_mirror_gets_copies,
    a_mirror_that_fails_is_nobodys_concern,
}

/// A backend whose status can be changed, and which says its name.
struct Switched {
    backend: Backend,
    status: Arc<AtomicU16>,
}

impl Switched {
    fn new(name: &'static str, status: u16) -> Switched {
        let status = Arc::new(AtomicU16::new(status));
        let shared = Arc::clone(&status);
        let backend = Backend::start(move |conversation| {
            conversation.read_body();
            let (status, length) = (shared.load(Ordering::SeqCst), name.len());
            conversation.send(format!("HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\n\r\n{name}"));
        });
        Switched { backend, status }
    }

    fn set(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Without health checks.
    fn requests(&self) -> Vec<Message> {
        let mut requests = self.backend.requests();
        requests.retain(|request| request.target() != "/health");
        requests
    }
}

fn with_upstream(upstream: Value) -> Value {
    let mut proxied = http_proxy("http://orders.invalid/{proxy}");
    proxied["x-tollgate-upstream"] = upstream;
    proxied
}

fn api(upstream: Value) -> Api {
    Api::new().route("ANY /{proxy+}", with_upstream(upstream))
}

fn targets(backends: &[&Switched]) -> Value {
    backends.iter().map(|one| json!({"uri": one.backend.url()})).collect()
}

fn start(upstream: Value, driver: Driver) -> Gateway {
    Gateway::with(&api(upstream)).driver(driver).start()
}

/// What so many requests are answered, a letter each.
#[track_caller]
fn answers(client: &mut Client, count: usize) -> String {
    (0..count).map(|_| client.get("/x").text().to_owned()).collect()
}

const REFUSED: (u16, &str) = (503, r#"{"message":"Service Unavailable"}"#);

fn targets_get_requests_by_weight(driver: Driver) {
    let (a, b, c) = (Switched::new("a", 200), Switched::new("b", 200), Switched::new("c", 200));
    let mut all = targets(&[&a, &b, &c]);
    (all[0]["weight"], all[2]["weight"]) = (json!(3), json!(0));
    let gateway = start(json!({"targets": all}), driver);
    assert_eq!(answers(&mut gateway.connect(), 8), "aabaaaba");
    assert_eq!(c.requests().len(), 0, "a weight of 0 takes no requests");
}

fn a_target_has_its_own_host(driver: Driver) {
    let (a, b) = (Switched::new("a", 200), Switched::new("b", 200));
    let gateway = start(json!({"targets": targets(&[&a, &b])}), driver);
    let client = &mut gateway.connect();
    client.exchange("GET /pets?x=1 HTTP/1.1\r\nHost: gw.test\r\nX-A: 1\r\n\r\n");
    client.exchange("POST /pets HTTP/1.1\r\nHost: gw.test\r\nX-A: 2\r\nContent-Length: 2\r\n\r\nhi");
    for (one, expected) in [(&a, "1"), (&b, "2")] {
        let request = one.backend.last();
        assert_eq!(request.field("host"), Some(one.backend.address.to_string().as_str()));
        assert_eq!((request.values("host").count(), request.field("x-a")), (1, Some(expected)));
    }
    assert_eq!((a.backend.last().target(), b.backend.last().text()), ("/pets?x=1", "hi"));
}

fn a_failing_target_is_ejected(driver: Driver) {
    let (a, b) = (Switched::new("a", 500), Switched::new("b", 200));
    let outlier = json!({"consecutiveErrors": 2, "ejectionMs": 60_000});
    let gateway = start(json!({"targets": targets(&[&a, &b]), "outlier": outlier}), driver);
    let client = &mut gateway.connect();
    assert_eq!(answers(client, 10), "ababbbbbbb");
    assert_eq!(gateway.metric("upstream_ejections_total"), 1.0);
    b.set(500);
    assert_eq!(answers(client, 4), "bbbb", "half of the targets may be out, not all");
    assert_eq!(gateway.metric("upstream_ejections_total"), 1.0);
}

fn an_ejected_target_comes_back(driver: Driver) {
    let (a, b) = (Switched::new("a", 500), Switched::new("b", 200));
    let outlier = json!({"consecutiveErrors": 1, "ejectionMs": 100});
    let gateway = start(json!({"targets": targets(&[&a, &b]), "outlier": outlier}), driver);
    let client = &mut gateway.connect();
    assert_eq!(answers(client, 1), "a");
    a.set(200);
    wait_until("the target's return", || client.get("/x").text() == "a");
    assert_eq!(gateway.metric("upstream_ejections_total"), 1.0);
}

fn breaker(open_ms: u32) -> Value {
    json!({"requestsMin": 4, "errorPercent": 50, "windowMs": 60_000, "openMs": open_ms, "halfOpenRequests": 2})
}

fn a_breaker_opens_and_a_deploy_keeps_it_open(driver: Driver) {
    let a = Switched::new("a", 500);
    let upstream = |name: &str| {
        let upstream = json!({"targets": targets(&[&a]), "circuitBreaker": breaker(60_000)});
        api(json!(name)).with("x-tollgate-upstreams", json!({name: upstream}))
    };
    let gateway = Gateway::with(&upstream("orders")).driver(driver).start();
    let client = &mut gateway.connect();
    assert_eq!(answers(client, 4), "aaaa");
    let refused = client.get("/x");
    assert_eq!((refused.status(), refused.text()), REFUSED);
    assert_eq!(a.requests().len(), 4, "it was refused at once");
    let log = gateway.log(5);
    assert_eq!(log[4]["error"], "the upstream's circuit breaker is open");
    // Nobody waits for a body that nobody wants.
    let refused = gateway.exchange("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    assert_eq!((refused.status(), refused.text()), REFUSED);

    gateway.write("api0.yaml", &upstream("orders").route("GET /other", http(a.backend.url())).text());
    assert_eq!(gateway.reload().status(), 200);
    assert_eq!(client.get("/x").status(), 503);
    assert_eq!(a.requests().len(), 4);
    gateway.write("api0.yaml", &upstream("others").text());
    assert_eq!(gateway.reload().status(), 200);
    assert_eq!(client.get("/x").text(), "a", "another upstream has another breaker");
    assert_eq!(gateway.metric("upstream_breaker_refusals_total"), 3.0);
    assert_eq!(gateway.metric(r#"upstream_breaker_changes_total{to="open"}"#), 1.0);
}

fn a_breaker_closes_after_good_answers(driver: Driver) {
    let a = Switched::new("a", 500);
    let gateway = start(json!({"targets": targets(&[&a]), "circuitBreaker": breaker(50)}), driver);
    let client = &mut gateway.connect();
    assert_eq!(answers(client, 4), "aaaa");
    assert_eq!(client.get("/x").text(), REFUSED.1);
    wait_until("the breaker to let one through", || client.get("/x").text() == "a");
    let changes = |to: &str| gateway.metric(&format!("upstream_breaker_changes_total{{to=\"{to}\"}}"));
    assert_eq!((changes("open"), changes("half_open"), changes("closed")), (2.0, 1.0, 0.0));
    a.set(200);
    wait_until("the breaker to close", || client.get("/x").status() == 200 && changes("closed") == 1.0);
    a.set(500);
    assert_eq!(answers(client, 3), "aaa", "what was before it opened is forgotten");
}

fn methods_share_a_named_upstream(driver: Driver) {
    let a = Switched::new("a", 500);
    let shared = json!({"targets": targets(&[&a]), "circuitBreaker": breaker(60_000)});
    let described = with_upstream(json!({"targets": targets(&[&a]), "circuitBreaker": breaker(60_000)}));
    let fixed = |name: &str| {
        let mut integration = http_proxy("http://orders.invalid/x");
        integration["x-tollgate-upstream"] = json!(name);
        integration
    };
    let api = Api::new().route("GET /one", fixed("orders")).route("GET /two", fixed("orders"));
    let api = api.route("ANY /own/{proxy+}", described).with("x-tollgate-upstreams", json!({"orders": shared}));
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    for target in ["/one", "/two", "/one", "/two"] {
        assert_eq!(client.get(target).text(), "a");
    }
    assert_eq!((client.get("/one").status(), client.get("/two").status()), (503, 503));
    assert_eq!(client.get("/own/x").text(), "a");
}

fn retrying(backends: &[&Switched], retries: Value) -> Value {
    json!({"targets": targets(backends), "retries": retries})
}

fn a_failing_answer_is_tried_at_another_target(driver: Driver) {
    let (a, b) = (Switched::new("a", 503), Switched::new("b", 200));
    let gateway = start(retrying(&[&a, &b], json!({"on": [503], "budgetPercent": 100})), driver);
    let client = &mut gateway.connect();
    assert_eq!(answers(client, 6), "bbbbbb");
    assert!(!a.requests().is_empty());
    assert_eq!(a.backend.connections(), 1, "an answer that is dropped whole leaves its connection in step");
    assert_eq!(gateway.metric(r#"upstream_protection_retries_total{result="sent"}"#), a.requests().len() as f64);
    a.set(500);
    wait_until("an answer that is not worth another attempt", || client.get("/x").status() == 500);
}

fn retries_have_a_budget(driver: Driver) {
    let a = Switched::new("a", 503);
    let gateway = start(retrying(&[&a], json!({"attemptsMax": 3, "budgetPercent": 10})), driver);
    let client = &mut gateway.connect();
    assert_eq!(answers(client, 20), "a".repeat(20));
    assert_eq!(a.requests().len(), 22);
    assert_eq!(gateway.metric(r#"upstream_protection_retries_total{result="sent"}"#), 2.0);
    assert!(gateway.metric(r#"upstream_protection_retries_total{result="over_budget"}"#) >= 18.0);
}

fn bodies_are_sent_again(driver: Driver) {
    let (a, b) = (Switched::new("a", 503), Switched::new("b", 200));
    let upstream = retrying(&[&a, &b], json!({"budgetPercent": 100}));
    let gateway = Gateway::with(&api(upstream)).set("upstream.replay_body_bytes_max", 100).driver(driver).start();
    let put = |headers: &str, pieces: &[&str]| {
        let client = &mut gateway.connect();
        client.send(format!("PUT /x HTTP/1.1\r\nHost: a\r\n{headers}\r\n"));
        for piece in pieces {
            // So that each piece is read by itself.
            std::thread::sleep(std::time::Duration::from_millis(30));
            client.send(piece);
        }
        client.answer_to("PUT").text().to_owned()
    };
    // Every second request begins at a.
    for _ in 0..2 {
        assert_eq!(put("Content-Length: 10\r\n", &["hello", "world"]), "b");
        assert_eq!(b.backend.last().text(), "helloworld");
        assert_eq!(put("Transfer-Encoding: chunked\r\n", &["5\r\nhello\r\n", "0\r\n\r\n"]), "b");
        assert_eq!(b.backend.last().text(), "hello");
    }
    assert!(a.requests().len() >= 2, "{}", a.requests().len());
    let (long, length) = ("x".repeat(101), "Content-Length: 101\r\n");
    let mut seen = vec![put(length, &[&long]), put(length, &[&long])];
    seen.sort();
    assert_eq!(seen, ["a", "b"], "what is too long to be kept goes once");
    assert_eq!((a.backend.last().text(), b.backend.last().text()), (&*long, &*long));
}

fn what_is_not_idempotent_is_not_sent_again(driver: Driver) {
    let (a, b) = (Switched::new("a", 503), Switched::new("b", 200));
    let post = |gateway: &Gateway| {
        let client = &mut gateway.connect();
        let mut post = || client.exchange("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
        (0..4).map(|_| post().text().to_owned()).collect::<String>()
    };
    let gateway = start(retrying(&[&a, &b], json!({"budgetPercent": 100})), driver);
    assert_eq!(post(&gateway), "abab");
    let gateway = start(retrying(&[&a, &b], json!({"budgetPercent": 100, "idempotentOnly": false})), driver);
    assert_eq!(post(&gateway), "bbbb");
}

/// Of a request without a connection nothing was sent: any is tried again, with a body of any length.
fn a_target_that_cannot_be_reached_is_left(driver: Driver) {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let nobody = format!("http://{}", closed.local_addr().expect("bound"));
    drop(closed);
    let b = Switched::new("b", 200);
    let both = json!([{"uri": nobody}, {"uri": b.backend.url()}]);
    let gateway = start(json!({"targets": both, "retries": {"on": ["connect-failure"], "budgetPercent": 100}}), driver);
    let client = &mut gateway.connect();
    let body = "x".repeat(500_000);
    for _ in 0..2 {
        let length = body.len();
        let request = format!("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}");
        assert_eq!(client.exchange(request).text(), "b");
        assert_eq!(b.backend.last().text(), body);
    }
    assert!(gateway.metric(r#"upstream_protection_retries_total{result="sent"}"#) >= 1.0);
}

fn an_attempt_has_its_own_time(driver: Driver) {
    let silent = Backend::start(|conversation| conversation.wait_for_close());
    let b = Switched::new("b", 200);
    let both = json!([{"uri": silent.url()}, {"uri": b.backend.url()}]);
    let retries = json!({"on": ["timeout"], "attemptTimeoutMs": 100});
    let gateway = start(json!({"targets": both, "retries": retries}), driver);
    assert_eq!(gateway.get("/x").text(), "b");
    assert_eq!(silent.requests().len(), 1);
}

fn mapped_integrations_are_protected_too(driver: Driver) {
    let (a, b) = (Switched::new("a", 503), Switched::new("b", 200));
    let mut mapped = http("http://orders.invalid/x");
    mapped["x-tollgate-upstream"] = retrying(&[&a, &b], json!({"idempotentOnly": false, "budgetPercent": 100}));
    mapped["httpMethod"] = json!("POST");
    mapped["requestTemplates"] = json!({"application/json": "got $input.path('$.name')"});
    mapped["responses"]["default"]["responseTemplates"] = json!({"application/json": "said $input.body"});
    let gateway = Gateway::with(&Api::new().route("POST /x", mapped)).driver(driver).start();
    let client = &mut gateway.connect();
    for _ in 0..2 {
        let request = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 14\r\n\r\n{\"name\":\"Rex\"}";
        assert_eq!(client.exchange(request).text(), "said b");
    }
    assert_eq!((a.backend.last().text(), b.backend.last().text()), ("got Rex", "got Rex"));
    assert_eq!(b.backend.last().field("host"), Some(b.backend.address.to_string().as_str()));
}

fn checked(backends: &[&Switched]) -> Value {
    let check = json!({"path": "/health", "intervalMs": 50, "healthyAfter": 1, "unhealthyAfter": 2});
    json!({"targets": targets(backends), "healthCheck": check})
}

fn wait_for_health(gateway: &Gateway, one: &Switched, healthy: f64) {
    let target = one.backend.url();
    gateway.wait_for_metric(&format!("upstream_target_healthy{{target=\"{target}\",path=\"/health\"}}"), healthy);
}

fn health_checks_take_a_target_out_and_back_in(driver: Driver) {
    let (a, b) = (Switched::new("a", 200), Switched::new("b", 200));
    let gateway = start(checked(&[&a, &b]), driver);
    let client = &mut gateway.connect();
    assert_eq!(answers(client, 4), "abab");
    a.set(404);
    wait_for_health(&gateway, &a, 0.0);
    wait_until("requests to go elsewhere", || answers(client, 4) == "bbbb");
    let check = a.backend.requests().into_iter().find(|request| request.target() == "/health").expect("it was asked");
    assert_eq!(check.field("user-agent"), Some("tollgate-health-check"));
    assert_eq!(check.field("host"), Some(a.backend.address.to_string().as_str()));
    // A deploy does not forget it.
    gateway.write("api0.yaml", &api(checked(&[&a, &b])).route("GET /other", http(a.backend.url())).text());
    assert_eq!(gateway.reload().status(), 200);
    assert_eq!(answers(client, 4), "bbbb");
    a.set(200);
    wait_for_health(&gateway, &a, 1.0);
    wait_until("requests to come back", || answers(client, 4).contains('a'));
    assert!(gateway.metric(r#"upstream_health_checks_total{result="failed"}"#) >= 2.0);
}

/// Certificates are verified as for requests.
fn health_checks_speak_tls(driver: Driver) {
    let good = TlsBackend::start(&Identity::new(&["127.0.0.1"]));
    let other = TlsBackend::start(&Identity::new(&["other.test"]));
    let uri = |backend: &TlsBackend| format!("https://{}", backend.address);
    let check = json!({"path": "/health", "intervalMs": 50, "unhealthyAfter": 1});
    let upstream = json!({"targets": [{"uri": uri(&good)}, {"uri": uri(&other)}], "healthCheck": check});
    let start = Gateway::with(&api(upstream)).driver(driver);
    std::fs::write(start.folder.path().join("ca.pem"), authority_pem()).expect("the folder is ours");
    let gateway = start.set("tls.upstream_ca_file", "ca.pem").start();
    let healthy = |backend| format!("upstream_target_healthy{{target=\"{}\",path=\"/health\"}}", uri(backend));
    gateway.wait_for_metric(&healthy(&other), 0.0);
    wait_until("good answers", || gateway.metric(r#"upstream_health_checks_total{result="ok"}"#) >= 2.0);
    assert_eq!(gateway.metric(&healthy(&good)), 1.0);
    let client = &mut gateway.connect();
    wait_until("requests to go to the good one", || client.get("/x").text() == "secret");
    assert_eq!(client.get("/x").text(), "secret");
}

fn with_all_targets_out_any_is_asked(driver: Driver) {
    let (a, b) = (Switched::new("a", 500), Switched::new("b", 500));
    let gateway = start(checked(&[&a, &b]), driver);
    wait_for_health(&gateway, &a, 0.0);
    wait_for_health(&gateway, &b, 0.0);
    let client = &mut gateway.connect();
    wait_until("the shard to hear of it", || {
        client.get("/x");
        gateway.metric("upstream_fail_open_total") > 0.0
    });
    let seen = answers(client, 4);
    assert!(seen.contains('a') && seen.contains('b'), "{seen}");
}

fn mirrored(real: &Switched, mirror: &str) -> Value {
    json!({"targets": targets(&[real]), "mirror": {"uri": mirror}})
}

fn a_mirror_gets_copies(driver: Driver) {
    let (a, mirror) = (Switched::new("a", 200), Switched::new("mirror", 500));
    let upstream = mirrored(&a, &mirror.backend.url());
    let gateway = Gateway::with(&api(upstream)).set("upstream.replay_body_bytes_max", 1000).driver(driver).start();
    let client = &mut gateway.connect();
    assert_eq!(client.get("/one?q=1").text(), "a");
    mirror.backend.wait_for_requests(1);
    let copy = mirror.backend.last();
    assert_eq!((copy.method(), copy.target()), ("GET", "/one?q=1"));
    assert_eq!(copy.field("host"), Some(mirror.backend.address.to_string().as_str()));

    // A body that comes later is copied on its way.
    client.send("POST /two HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
    for piece in ["hello", "world"] {
        std::thread::sleep(std::time::Duration::from_millis(30));
        client.send(piece);
    }
    assert_eq!(client.answer_to("POST").text(), "a");
    wait_until("the copy's body", || mirror.backend.requests().get(1).is_some_and(|copy| copy.text() == "helloworld"));
    let long = "x".repeat(1001);
    let answer = client.exchange(format!("POST /three HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n{long}"));
    assert_eq!((answer.text(), a.backend.last().text()), ("a", &*long));
    gateway.wait_for_metric(r#"upstream_mirrors_total{result="sent"}"#, 2.0);
    assert_eq!(gateway.metric(r#"upstream_mirrors_total{result="dropped"}"#), 1.0);
    assert_eq!((mirror.backend.requests().len(), mirror.backend.connections()), (2, 1));
}

fn a_mirror_that_fails_is_nobodys_concern(driver: Driver) {
    let (a, silent) = (Switched::new("a", 200), Backend::start(|conversation| conversation.wait_for_close()));
    let gateway =
        Gateway::with(&api(mirrored(&a, &silent.url()))).set("upstream.mirrors_max", 2).driver(driver).start();
    assert_eq!(answers(&mut gateway.connect(), 5), "aaaaa");
    silent.wait_for_requests(2);
    assert_eq!(gateway.metric(r#"upstream_mirrors_total{result="dropped"}"#), 3.0, "two were waiting");

    let reset = Backend::start(|conversation| conversation.reset());
    let gateway = start(mirrored(&a, &reset.url()), driver);
    assert_eq!(answers(&mut gateway.connect(), 3), "aaa");
    gateway.wait_for_metric(r#"upstream_mirrors_total{result="failed"}"#, 3.0);
    assert_eq!(gateway.log(3)[2]["error"], Value::Null);
}

/// Each wrong member, and a part of what is said of it.
#[test]
fn what_is_wrong_is_said_with_its_place() {
    #[track_caller]
    fn check(upstream: Value, expected: &str) {
        let ended = Start::command("check").api(&api(upstream)).run();
        let told = ended.stdout.clone() + &ended.stderr;
        assert_eq!(ended.code(), 1, "{told}");
        assert!(told.contains(expected) && told.contains("api0.yaml:"), "{expected}\n{told}");
    }
    let two = json!([{"uri": "http://127.0.0.1:1"}, {"uri": "http://127.0.0.1:2"}]);
    check(json!({"target": two}), "unknown key `target` in an upstream");
    check(json!({"retries": {"attemptMax": 3}}), "did you mean `attemptsMax`?");
    check(json!({"mirror": {"url": "http://a"}}), "`mirror` has no `uri`");
    check(json!({}), "the upstream has no members and does nothing");
    check(json!("orders"), "there is no upstream `orders`");
    check(json!(7), "must be a name or a mapping, not a number");
    check(json!({"targets": [{"uri": "http://127.0.0.1:1/path"}]}), "has a path or a query");
    check(json!({"targets": [{"uri": "127.0.0.1:1"}]}), "is not a complete URI");
    check(json!({"targets": [two[0], two[0]]}), "is a target twice");
    check(json!({"targets": [{"uri": "http://127.0.0.1:1", "weight": 0}]}), "no target has a weight");
    check(json!({"targets": [{"uri": "http://127.0.0.1:1", "weight": 1001}]}), "`weight: 1001` is out of range");
    check(json!({"circuitBreaker": {"errorPercent": 101}}), "it is between 1 and 100; 50 without it");
    check(json!({"circuitBreaker": {"errorPercent": "many"}}), "`errorPercent` must be a whole number");
    check(json!({"retries": {"on": ["404"]}}), "`404` is nothing to retry on");
    check(json!({"retries": {"attemptsMax": 1}}), "it is between 2 and 10; 2 without it");
    check(json!({"healthCheck": {"path": "health"}}), "`health` is not a path to ask for");
    check(json!({"healthCheck": {"expectedStatus": "2xx"}}), "`2xx` is not a status or a range of them");
    check(json!({"outlier": {}}), "there is no other target to go to");
    check(json!({"targets": two, "outlier": {"ejectedPercentMax": 49}}), "49 % of 2 targets is less than one");
    check(json!({"mirror": {"uri": "http://127.0.0.1:1", "percent": 101}}), "`percent: 101` is out of range");
    check(json!({"mirror": {"uri": "http://127.0.0.1:1", "percent": -1}}), "it is between 0 and 100");
}
