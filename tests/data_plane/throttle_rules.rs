//! `x-tollgate-throttle`: limits by address, by header, of all together, and at a time; and what clients are told of limits.

use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value, json};

use crate::harness::gateway::Start;
use crate::harness::{Api, Backend, Client, Driver, Gateway, Message, http_proxy, mock};

on_both_drivers! {
    each_address_has_its_own,
    each_value_of_a_header_has_its_own,
    all_methods_share_the_apis_rules,
    what_is_refused_takes_nothing,
    what_settings_refuse_takes_nothing_of_rules,
    a_deploy_keeps_what_was_taken,
    a_canary_shares_what_is_the_same,
    so_many_at_a_time,
    a_crowd_of_addresses,
    clients_are_told_how_long_to_wait,
    who_has_used_up_a_quota_is_told_when_the_next_begins,
    misspelt_rules_are_refused,
}

/// So slow that nothing comes back while a test runs.
const HARDLY: f64 = 0.001;
const KEY: &str = "x-tollgate-throttle";

fn burst(burst: u32) -> Value {
    json!({ "rateLimit": HARDLY, "burstLimit": burst })
}

fn per(per: &str, burst: u32) -> Value {
    json!({ "rateLimit": HARDLY, "burstLimit": burst, "per": per })
}

/// `/a` and `/b`, with rules at the root and rules of `/a`.
fn api(root: Value, own: Value) -> Api {
    let api = Api::new().route("GET /a", mock(200, "a")).route("GET /b", mock(200, "b"));
    api.with(KEY, root).on("GET /a", KEY, own)
}

fn gateway(api: &Api, driver: Driver) -> Start {
    Gateway::with(api).driver(driver).set("forwarding.trusted_proxies", "127.0.0.0/8")
}

fn request(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n")
}

fn send(client: &mut Client, target: &str, fields: &str) -> Message {
    client.exchange(request(target, fields))
}

fn from(client: &mut Client, target: &str, address: &str) -> u16 {
    send(client, target, &format!("X-Forwarded-For: {address}\r\n")).status()
}

fn throttled(gateway: &Gateway, scope: &str) -> f64 {
    gateway.metric(&format!(r#"throttled_requests_total{{scope="{scope}"}}"#))
}

fn each_address_has_its_own(driver: Driver) {
    let gateway = gateway(&api(json!([per("clientIp", 3)]), json!([])), driver).shards(2).start();
    let clients = &mut [gateway.connect(), gateway.connect()];
    let mut statuses = |addresses: &[&str]| -> Vec<u16> {
        let numbered = addresses.iter().enumerate();
        numbered.map(|(number, address)| from(&mut clients[number % 2], ["/a", "/b"][number % 2], address)).collect()
    };
    assert_eq!(statuses(&["203.0.113.1"; 5]), [200, 200, 200, 429, 429]);
    assert_eq!(statuses(&["203.0.113.2"; 4]), [200, 200, 200, 429]);
    // The same address in other words, and what is said before the last.
    assert_eq!(statuses(&["::ffff:203.0.113.1", "9.9.9.9, 203.0.113.1"]), [429, 429]);
    // Of IPv6 the first half.
    assert_eq!(statuses(&["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"]), [200, 200, 200, 429]);
    assert_eq!(statuses(&["2001:db8:0:1::1"]), [200]);
    assert_eq!(throttled(&gateway, "client_ip"), 6.0);
}

fn each_value_of_a_header_has_its_own(driver: Driver) {
    let gateway = gateway(&api(json!([]), json!([per("header:X-Tenant", 2)])), driver).start();
    let client = &mut gateway.connect();
    let mut statuses = |fields: &str| (0..3).map(|_| send(client, "/a", fields).status()).collect::<Vec<_>>();
    let fields = [
        "X-Tenant: one\r\n",
        "X-Tenant: one two\r\n",
        "X-Tenant: one\r\nX-Tenant: two\r\n",
        "X-Tenant:\r\n",
        "",
        "X-Tenant: One\r\n",
    ];
    for fields in fields {
        assert_eq!(statuses(fields), [200, 200, 429], "{fields}");
    }
    assert_eq!(statuses("x-TENANT:  one \r\n"), [429, 429, 429]);
    assert_eq!(throttled(&gateway, "header"), 9.0);
    assert_eq!(gateway.get("/b").status(), 200);
}

fn all_methods_share_the_apis_rules(driver: Driver) {
    let gateway = gateway(&api(json!([burst(5)]), json!([burst(2)])), driver).shards(3).start();
    let mut clients: Vec<Client> = (0..6).map(|_| gateway.connect()).collect();
    let mut passed = |target: &str| {
        clients.iter_mut().filter_map(|client| (client.get(target).status() == 200).then_some(())).count()
    };
    assert_eq!([passed("/a"), passed("/b"), passed("/b"), passed("/a")], [2, 3, 0, 0]);
    // What the method refused was given back: which of two limits a request meets first is for the rules to say.
    assert_eq!(throttled(&gateway, "api") + throttled(&gateway, "operation"), 19.0);
}

fn what_is_refused_takes_nothing(driver: Driver) {
    let rules = json!([per("clientIp", 2), burst(4)]);
    let gateway = gateway(&api(rules, json!([])), driver).start();
    let client = &mut gateway.connect();
    // Who is refused takes nothing from the others.
    let greedy: Vec<u16> = (0..50).map(|_| from(client, "/a", "203.0.113.1")).collect();
    assert_eq!(greedy.iter().filter(|status| **status == 200).count(), 2);
    assert_eq!([from(client, "/a", "203.0.113.2"), from(client, "/a", "203.0.113.3")], [200, 200]);
    // Nor does who is refused for the others' sake use up what is its own.
    assert_eq!([from(client, "/a", "203.0.113.4"), from(client, "/a", "203.0.113.4")], [429, 429]);
    assert_eq!((throttled(&gateway, "client_ip"), throttled(&gateway, "api")), (48.0, 2.0));
    gateway.write("api0.yaml", &api(json!([per("clientIp", 2)]), json!([])).text());
    assert_eq!(gateway.reload().status(), 200);
    let mut again = || from(client, "/a", "203.0.113.4");
    assert_eq!([again(), again(), again()], [200, 200, 429]);
}

/// The method's settings come after the rules.
fn what_settings_refuse_takes_nothing_of_rules(driver: Driver) {
    let settings = json!({ "a/GET": { "throttlingRateLimit": HARDLY, "throttlingBurstLimit": 1 } });
    let api =
        api(json!([burst(4)]), json!([])).with("x-tollgate-stages", json!({ "prod": { "methodSettings": settings } }));
    let gateway = gateway(&api, driver).start();
    let client = &mut gateway.connect();
    let mut passed = |target: &str| (0..9).filter(|_| client.get(target).status() == 200).count();
    assert_eq!([passed("/a"), passed("/b")], [1, 3]);
    assert_eq!((throttled(&gateway, "method"), throttled(&gateway, "api")), (8.0, 6.0));
}

fn a_deploy_keeps_what_was_taken(driver: Driver) {
    let of = |one, other| api(json!([per("clientIp", one), burst(other)]), json!([]));
    let gateway = gateway(&of(2, 3), driver).start();
    let client = &mut gateway.connect();
    let mut statuses = |address: &str| (0..3).map(|_| from(client, "/a", address)).collect::<Vec<_>>();
    assert_eq!(statuses("203.0.113.1"), [200, 200, 429]);
    assert_eq!(statuses("203.0.113.2"), [200, 429, 429]);
    for (one, other) in [(2, 3), (2, 300), (2, 3)] {
        let described = of(one, other)
            .route("GET /c", mock(200, "c"))
            .with("x-tollgate-access-log-format", json!("$context.requestId"));
        gateway.write("api0.yaml", &described.text());
        assert_eq!(gateway.reload().status(), 200);
        assert_eq!(statuses("203.0.113.1"), [429, 429, 429], "{one} {other}");
        assert_eq!(statuses("203.0.113.3"), [429, 429, 429], "{one} {other}");
    }
}

fn a_canary_shares_what_is_the_same(driver: Driver) {
    let canary = json!({ "prod": { "canary": { "document": "v2.yaml", "percentTraffic": 50 } } });
    for (of_canary, expected) in [(6, 6), (5, 11)] {
        let start = gateway(&api(json!([burst(6)]), json!([])).with("x-tollgate-stages", canary.clone()), driver);
        let other = api(json!([burst(of_canary)]), json!([]));
        std::fs::write(start.folder.path().join("v2.yaml"), other.text()).expect("the folder is ours");
        let gateway = start.start();
        let client = &mut gateway.connect();
        let passed = (0..200).filter(|_| client.get("/a").status() == 200).count();
        assert_eq!(passed, expected, "{of_canary}");
    }
}

/// Holds all answers back until it is opened.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn set(&self, open: bool) {
        *self.0.lock().expect("nobody panicked") = open;
        self.1.notify_all();
    }

    fn pass(&self) {
        let open = self.0.lock().expect("nobody panicked");
        drop(self.1.wait_while(open, |open| !*open).expect("nobody panicked"));
    }
}

fn so_many_at_a_time(driver: Driver) {
    let gate = Arc::new(Gate::default());
    let held = Arc::clone(&gate);
    let backend = Backend::start(move |conversation| {
        held.pass();
        conversation.ok("done");
    });
    let api = Api::new()
        .route("GET /a", http_proxy(backend.url()))
        .route("GET /b", mock(200, "b"))
        .with(KEY, json!([{ "concurrency": 2 }]));
    let gateway = gateway(&api, driver).shards(2).set("throttle.headers", "all").start();
    for round in 0..3 {
        let mut clients = [gateway.connect(), gateway.connect()];
        clients.iter_mut().for_each(|client| client.send(request("/a", "")));
        backend.wait_for_requests(2 * (round + 1));
        for target in ["/a", "/b"] {
            let refused = gateway.get(target);
            assert_eq!((refused.status(), refused.text()), (429, r#"{"message":"Too Many Requests"}"#));
            assert_eq!(refused.field("retry-after"), None);
            assert_eq!(refused.field("ratelimit-policy"), Some(r#""concurrency";q=2;qu="concurrent-requests""#));
            assert_eq!(refused.field("ratelimit"), Some(r#""concurrency";r=0"#));
        }
        // Who is under way stays so over a deploy.
        let more = api.clone().route("GET /c", mock(200, &round.to_string()));
        gateway.write("api0.yaml", &more.text());
        assert_eq!(gateway.reload().status(), 200);
        assert_eq!(gateway.get("/b").status(), 429);
        gate.set(true);
        assert!(clients.iter_mut().all(|client| client.answer().text() == "done"));
        gate.set(false);
        let client = &mut gateway.connect();
        assert_eq!([client.get("/b").status(), client.get("/b").status(), client.get("/b").status()], [200; 3]);
        // A request has its answer a moment before it counts no more.
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(throttled(&gateway, "concurrency"), 9.0);
    gate.set(true);
}

/// A hundred times as many callers as there is room for: those that come once are served and forgotten, who has used up
/// its own stays known, and nobody else is harmed.
fn a_crowd_of_addresses(driver: Driver) {
    const CROWD: u32 = 20_000;
    let gateway =
        gateway(&api(json!([per("clientIp", 8)]), json!([])), driver).set("throttle.keyed_buckets_max", 200).start();
    let client = &mut gateway.connect();
    let greedy: Vec<u16> = (0..9).map(|_| from(client, "/a", "203.0.113.1")).collect();
    assert_eq!(greedy, [200, 200, 200, 200, 200, 200, 200, 200, 429]);
    let addresses: Vec<u32> = (0..CROWD).map(|number| 0x0A00_0000 + 17 * number).collect();
    let mut refused = 0;
    for some in addresses.chunks(100) {
        let of = |address: &u32| {
            let address = std::net::Ipv4Addr::from_bits(0xB000_0000 | *address);
            request("/a", &format!("X-Forwarded-For: {address}\r\n"))
        };
        client.send(some.iter().map(of).collect::<String>());
        refused += some.iter().filter(|_| client.answer().status() != 200).count();
    }
    assert_eq!(refused, 0);
    assert_eq!([from(client, "/a", "203.0.113.1"), from(client, "/a", "203.0.113.9")], [429, 200]);
    assert_eq!(throttled(&gateway, "client_ip"), 2.0);
}

fn clients_are_told_how_long_to_wait(driver: Driver) {
    let rules = json!([{ "rateLimit": 0.01, "burstLimit": 2 }]);
    for (headers, expected) in [
        ("off", [None, None, None]),
        ("retry-after", [Some("100"), None, None]),
        ("all", [Some("100"), Some(r#""api";q=2;w=200"#), Some(r#""api";r=0;t=100"#)]),
    ] {
        let gateway = gateway(&api(rules.clone(), json!([])), driver).set("throttle.headers", headers).start();
        let client = &mut gateway.connect();
        for _ in 0..2 {
            let passed = client.get("/a");
            assert_eq!((passed.status(), passed.has("ratelimit"), passed.has("retry-after")), (200, false, false));
        }
        let refused = client.get("/b");
        let told = ["retry-after", "ratelimit-policy", "ratelimit"].map(|name| refused.field(name));
        assert_eq!((refused.status(), told), (429, expected), "{headers}");
    }
    // Who may never come is not told when.
    let never = gateway(&api(json!([]), json!([{ "rateLimit": 0, "burstLimit": 9 }])), driver);
    let refused = never.set("throttle.headers", "all").start().get("/a");
    let told = ["retry-after", "ratelimit-policy", "ratelimit"].map(|name| refused.field(name));
    assert_eq!(told, [None, Some(r#""operation";q=0;w=1"#), Some(r#""operation";r=0"#)]);
}

fn who_has_used_up_a_quota_is_told_when_the_next_begins(driver: Driver) {
    const VALUE: &str = "aB3-value-of-the-first-key";
    let scheme = json!({ "type": "apiKey", "name": "x-api-key", "in": "header" });
    let api = api(json!([]), json!([]))
        .on("GET /a", "security", json!([{ "api_key": [] }]))
        .with("components", json!({ "securitySchemes": { "api_key": scheme } }));
    let gateway = gateway(&api, driver).set("throttle.headers", "all").start();
    let plan = json!({
        "name": "plan",
        "apiStages": [{ "apiId": "api1", "stage": "default" }],
        "quota": { "limit": 1, "period": "DAY" },
    });
    let id = |created: &Value| created["id"].as_str().expect("it has an id").to_owned();
    let plan = id(&gateway.manage("POST", "/usageplans", &plan));
    let key = id(&gateway.manage("POST", "/apikeys", &json!({ "value": VALUE, "enabled": true })));
    gateway.manage("POST", &format!("/usageplans/{plan}/keys"), &json!({ "keyId": key, "keyType": "API_KEY" }));
    let client = &mut gateway.connect();
    let mut answer = || send(client, "/a", &format!("x-api-key: {VALUE}\r\n"));
    assert_eq!(answer().status(), 200);
    let refused = answer();
    assert_eq!((refused.status(), refused.text()), (429, r#"{"message":"Limit Exceeded"}"#));
    let wait: u64 = refused.field("retry-after").expect("it is told").parse().expect("a number");
    assert!((1..=86_400).contains(&wait), "{wait}");
    assert_eq!(refused.field("ratelimit-policy"), Some(r#""quota";q=1;w=86400"#));
    assert_eq!(refused.field("ratelimit"), Some(&*format!(r#""quota";r=0;t={wait}"#)));
}

fn misspelt_rules_are_refused(driver: Driver) {
    for (rule, expected) in [
        (json!({ "rateLimt": 5, "burstLimit": 5 }), "did you mean `rateLimit`?"),
        (
            json!({ "rateLimit": 5, "burstLimit": 5, "per": "claim:sub" }),
            "nobody says anything of this method's callers: it has no authorizer",
        ),
        (
            json!({ "rateLimit": 5, "burstLimit": 5, "per": "clientip" }),
            "`clientip` is nothing to tell callers apart by",
        ),
        (json!({ "concurrency": 0 }), "a concurrency of 0 cannot be used"),
    ] {
        let api = api(json!([]), json!([rule]));
        let ended = Start::command("check").api(&api).run();
        let shown = ended.stdout + &ended.stderr;
        assert!(ended.status.code() != Some(0) && shown.contains(expected), "{driver:?} {shown}");
        assert!(shown.contains("api0.yaml:"), "{shown}");
    }
}
