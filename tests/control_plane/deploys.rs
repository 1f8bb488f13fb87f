//! A new configuration under way: taken whole or not at all, and never noticed by those it does not concern.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use serde_json::{Value, json};

use crate::harness::{Api, Backend, Driver, Gateway, http_proxy, mock, wait_until};

on_both_drivers! {
    a_changed_file_is_deployed,
    a_signal_deploys,
    a_request_deploys,
    a_broken_file_is_refused,
    an_exchange_ends_on_the_plan_that_it_began_with,
    backends_keep_their_connections,
    counters_go_on,
    many_deploys_under_load,
    stages_and_canaries_change_under_load,
}

fn saying(text: &str) -> Api {
    Api::new().route("GET /a", mock(200, text))
}

fn a_changed_file_is_deployed(driver: Driver) {
    let gateway = Gateway::with(&saying("one")).driver(driver).start();
    let client = &mut gateway.connect();
    assert_eq!(client.get("/a").text(), "one");
    gateway.write("api0.yaml", &saying("two").text());
    wait_until("the new answer", || client.get("/a").text() == "two");
    // Written over, not replaced.
    std::fs::write(gateway.path("api0.yaml"), saying("three").text()).expect("the folder is ours");
    wait_until("the third answer", || client.get("/a").text() == "three");
    assert_eq!(gateway.metric("connections_accepted_total"), 1.0, "the connection is still the first");
}

fn a_signal_deploys(driver: Driver) {
    let gateway = Gateway::with(&saying("one")).driver(driver).set("watch", false).start();
    let client = &mut gateway.connect();
    gateway.write("api0.yaml", &saying("two").text());
    assert_eq!(client.get("/a").text(), "one");
    gateway.signal(libc::SIGHUP);
    wait_until("the new answer", || client.get("/a").text() == "two");
}

fn a_request_deploys(driver: Driver) {
    let gateway = Gateway::with(&saying("one")).driver(driver).set("watch", false).shards(2).start();
    let clients = &mut [gateway.connect(), gateway.connect()];
    for text in ["two", "three", "four"] {
        gateway.write("api0.yaml", &saying(text).text());
        let answer = gateway.reload();
        let published: Value = serde_json::from_str(answer.text()).expect("JSON");
        assert_eq!((answer.status(), &published["adopted"]), (200, &Value::Bool(true)));
        // When it has answered, every shard has it.
        clients.iter_mut().for_each(|client| assert_eq!(client.get("/a").text(), text));
    }
    assert_eq!(gateway.metric("config_revision"), 4.0);
}

fn a_broken_file_is_refused(driver: Driver) {
    let gateway = Gateway::with(&saying("one")).driver(driver).set("watch", false).start();
    let client = &mut gateway.connect();
    let unknown_type = saying("x").text().replace("\"mock\"", "\"aws_proxy\"");
    let unresolvable = Api::new().route("GET /a", http_proxy("http://no-such-host.invalid/a")).text();
    for (text, reason) in [
        ("paths: [", "this is not YAML"),
        ("{}", "`openapi`"),
        (unknown_type.as_str(), "the integration has no `uri`"),
        (unresolvable.as_str(), "cannot resolve the upstream `no-such-host.invalid`"),
    ] {
        gateway.write("api0.yaml", text);
        let answer = gateway.reload();
        assert_eq!(answer.status(), 422, "{reason}");
        assert!(answer.text().contains(reason), "{}", answer.text());
        wait_until("the reason in the log", || gateway.output().contains(reason));
        assert_eq!(client.get("/a").text(), "one", "the old plan goes on");
        assert_eq!(gateway.admin("GET /readyz").status(), 200);
        assert!(gateway.admin("GET /readyz?verbose").text().contains("the last configuration was refused"));
        assert_eq!(gateway.metric("config_last_reload_successful"), 0.0);
    }
    std::fs::remove_file(gateway.path("api0.yaml")).expect("it is there");
    assert!(gateway.reload().text().contains("no such file"));
    assert_eq!(gateway.metric(r#"config_reloads_total{result="failed"}"#), 5.0);
    gateway.write("api0.yaml", &saying("two").text());
    assert_eq!(gateway.reload().status(), 200);
    assert_eq!(client.get("/a").text(), "two");
    assert_eq!(gateway.metric("config_last_reload_successful"), 1.0);
}

fn an_exchange_ends_on_the_plan_that_it_began_with(driver: Driver) {
    let (let_go, held) = mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let backend = Backend::start(move |conversation| {
        let _ = held.lock().expect("no panic with it").recv();
        conversation.ok("from the backend");
    });
    let api = Api::new().route("GET /a", http_proxy(format!("{}/x", backend.url())));
    let gateway = Gateway::with(&api).driver(driver).set("watch", false).start();
    let mut waiting = gateway.connect();
    waiting.send(crate::harness::get("/a"));
    backend.wait_for_requests(1);
    gateway.write("api0.yaml", &saying("new").text());
    assert_eq!(gateway.reload().status(), 200);
    assert_eq!(gateway.get("/a").text(), "new");
    let_go.send(()).expect("the backend waits");
    assert_eq!(waiting.answer().text(), "from the backend");
    assert_eq!(waiting.get("/a").text(), "new");
    let labels = r#"api="api1",stage="default",route="/a",method="GET",code="200""#;
    assert_eq!(gateway.metric(&format!("http_requests_total{{{labels}}}")), 3.0);
}

fn backends_keep_their_connections(driver: Driver) {
    let backend = Backend::named();
    let api = Api::new().route("GET /a", http_proxy(format!("{}/x", backend.url())));
    let gateway = Gateway::with(&api).driver(driver).set("watch", false).start();
    let client = &mut gateway.connect();
    for round in 0..5 {
        assert_eq!(client.get("/a").text(), "/x");
        let api = api.clone().route(&format!("GET /more{round}"), mock(200, ""));
        gateway.write("api0.yaml", &api.text());
        assert_eq!(gateway.reload().status(), 200);
    }
    assert_eq!(client.get("/a").text(), "/x");
    assert_eq!(backend.connections(), 1);
}

fn counters_go_on(driver: Driver) {
    let gateway = Gateway::with(&saying("one")).driver(driver).set("watch", false).shards(2).start();
    let labels = r#"api="api1",stage="default",route="/a",method="GET",code="200""#;
    let count = || gateway.metric(&format!("http_requests_total{{{labels}}}"));
    let latency = || gateway.metric(r#"http_request_duration_seconds_count{api="api1",stage="default"}"#);
    let mut client = gateway.connect();
    for round in 1..=5 {
        gateway.get("/a");
        client.get("/a");
        assert_eq!(count(), f64::from(round * 2));
        let other = saying("more").route("GET /b", mock(200, ""));
        gateway.write("api0.yaml", &if round % 2 == 0 { saying("two") } else { other }.text());
        assert_eq!(gateway.reload().status(), 200);
        assert_eq!(count(), f64::from(round * 2), "after deploy {round}");
        wait_until("the latencies", || latency() == f64::from(round * 2));
    }
}

/// Nobody gets an answer that the API does not have, and no connection ends.
fn many_deploys_under_load(driver: Driver) {
    const DEPLOYS: usize = 25;
    let backend = Backend::named();
    let api = |number: usize| {
        let proxied = http_proxy(format!("{}/{{proxy}}", backend.url()));
        let api = Api::new().route("GET /mock", mock(200, &number.to_string())).route("GET /to/{proxy+}", proxied);
        (0..200).fold(api, |api, at| api.route(&format!("GET /route{at}/{number}"), mock(200, "")))
    };
    let gateway = Gateway::with(&api(0)).driver(driver).set("watch", false).shards(2).start();
    let (over, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load = |number: usize| {
        let (over, served) = (Arc::clone(&over), Arc::clone(&served));
        let mut client = gateway.connect();
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let target = format!("/to/{number}");
                let answer = client.get(&target);
                assert_eq!(
                    (answer.status(), answer.text(), answer.has("connection")),
                    (200, target.get(3..).expect("a target"), false)
                );
                let answer = client.get("/mock");
                assert_eq!((answer.status(), answer.has("connection")), (200, false));
                served.fetch_add(2, Ordering::Relaxed);
            }
        })
    };
    let loads: Vec<_> = (0..6).map(load).collect();
    for number in 1..=DEPLOYS {
        let before = served.load(Ordering::Relaxed);
        gateway.write("api0.yaml", &api(number).text());
        assert_eq!(gateway.reload().status(), 200);
        assert_eq!(gateway.get("/mock").text(), number.to_string());
        wait_until("requests between two deploys", || served.load(Ordering::Relaxed) > before + 20);
    }
    over.store(true, Ordering::Relaxed);
    loads.into_iter().for_each(|load| load.join().expect("every answer was right"));
    let metrics = gateway.metrics();
    let sum = |start: &str| -> f64 {
        let named = metrics.iter().filter(|(name, _)| name.starts_with(start));
        named.map(|(_, value)| value).sum()
    };
    let all = served.load(Ordering::Relaxed) + DEPLOYS;
    assert_eq!(sum("tollgate_http_requests_total{"), all as f64, "each is counted once");
    assert_eq!(metrics["tollgate_config_revision"], (DEPLOYS + 1) as f64);
    assert_eq!(metrics["tollgate_panics_total"], 0.0);
}

/// Stages come and go, a canary grows, is promoted and goes: those who call the stage that stays notice nothing.
fn stages_and_canaries_change_under_load(driver: Driver) {
    let api = |stages: Value| saying("${stageVariables.who}").with("x-tollgate-stages", stages);
    let prod = |canary: Value| {
        let mut stage = json!({"variables": {"who": "old"}});
        if !canary.is_null() {
            stage["canary"] = canary;
        }
        stage
    };
    let canary = |percent: u32, document: &str| json!({"percentTraffic": percent, "document": document, "stageVariableOverrides": {"who": "new"}});
    let first = api(json!({"prod": prod(Value::Null)}));
    let gateway = Gateway::with(&first).driver(driver).by_stage().set("watch", false).shards(2).start();
    gateway.write("next.yaml", &saying("canary ${stageVariables.who}").text());
    let over = Arc::new(AtomicBool::new(false));
    let load = |_| {
        let (over, mut client) = (Arc::clone(&over), gateway.connect());
        std::thread::spawn(move || {
            let mut served = 0;
            while !over.load(Ordering::Relaxed) {
                let answer = client.get("/prod/a");
                assert!(matches!(answer.text(), "old" | "canary new"), "{}", answer.text());
                assert_eq!((answer.status(), answer.has("connection")), (200, false));
                served += 1;
            }
            served
        })
    };
    let loads: Vec<_> = (0..4).map(load).collect();
    for round in 0..4 {
        for percent in [1, 50, 100] {
            let dev = json!({"variables": {"who": "dev"}});
            gateway.write("api0.yaml", &api(json!({"dev": dev, "prod": prod(canary(percent, "next.yaml"))})).text());
            assert_eq!(gateway.reload().status(), 200);
            assert_eq!(gateway.get("/dev/a").text(), "dev");
        }
        assert_eq!(gateway.get("/prod/a").text(), "canary new", "in round {round} at 100 %");
        gateway.write("api0.yaml", &api(json!({"prod": prod(canary(50, "none.yaml"))})).text());
        assert_eq!(gateway.reload().status(), 422);
        gateway.write("api0.yaml", &first.text());
        assert_eq!(gateway.reload().status(), 200);
        assert_eq!(gateway.get("/prod/a").text(), "old");
        assert_eq!(gateway.get("/dev/a").status(), 403);
    }
    over.store(true, Ordering::Relaxed);
    let served: u32 = loads.into_iter().map(|load| load.join().expect("every answer was right")).sum();
    let series = r#"http_requests_total{api="api1",stage="prod",route="/a",method="GET",code="200"}"#;
    assert!(served > 0 && gateway.metric(series) > 0.0);
    assert_eq!(gateway.metric("panics_total"), 0.0);
    // A change of the canary's document alone is one of the API.
    gateway.write("api0.yaml", &api(json!({"prod": prod_with(100)})).text());
    assert_eq!(gateway.reload().status(), 200);
    gateway.write("next.yaml", &saying("later").text());
    assert_eq!(gateway.reload().status(), 200);
    assert_eq!(gateway.get("/prod/a").text(), "later");
}

fn prod_with(percent: u32) -> Value {
    json!({"variables": {"who": "old"}, "canary": {"percentTraffic": percent, "document": "next.yaml"}})
}
