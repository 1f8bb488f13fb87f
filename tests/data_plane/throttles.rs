//! Throttles of a stage's methods: how many requests pass, over every window, whichever shard they come to and whatever is
//! deployed meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::gateway::Start;
use crate::harness::history::{Passed, check_history};
use crate::harness::{Api, Client, Driver, Gateway, mock};

on_both_drivers! {
    no_window_gets_more_on_one_shard,
    no_window_gets_more_on_two_shards,
    no_window_gets_more_on_eight_shards,
    no_window_gets_more_by_rules,
    no_window_gets_more_while_the_rate_is_deployed_anew,
    a_burst_and_no_more,
    each_method_has_a_bucket_of_its_own,
    no_limit_and_no_requests,
    a_canary_shares_its_stages_bucket,
    the_answer_is_the_stages_own,
}

const RATE: f64 = 200.0;
const BURST: u32 = 20;

/// So slow that nothing comes back while a test runs.
const HARDLY: f64 = 0.001;

fn throttled(settings: Value) -> Api {
    let stages = json!({ "prod": { "methodSettings": settings } });
    let method = |api: Api, route: &str| api.route(route, mock(200, "in"));
    ["GET /a", "POST /a", "GET /b"].into_iter().fold(Api::new(), method).with("x-tollgate-stages", stages)
}

fn limit(rate: f64, burst: i64) -> Value {
    json!({ "throttlingRateLimit": rate, "throttlingBurstLimit": burst })
}

fn gateway(api: &Api, driver: Driver) -> Start {
    Gateway::with(api).driver(driver)
}

fn statuses(client: &mut Client, target: &str, count: usize) -> Vec<u16> {
    (0..count).map(|_| client.get(target).status()).collect()
}

/// As many clients as make every shard busy, until `done`: what passed, and how much did not.
fn ask(gateway: &Gateway, clients: usize, done: &AtomicBool) -> (Vec<Passed>, usize) {
    let start = Instant::now();
    let ask = || {
        let (mut client, mut passed, mut refused) = (gateway.connect(), Vec::new(), 0);
        while !done.load(Ordering::Relaxed) {
            let start_ns = start.elapsed().as_nanos() as u64;
            let status = client.get("/a").status();
            let end_ns = start.elapsed().as_nanos() as u64;
            match status {
                200 => passed.push(Passed { start_ns, end_ns }),
                429 => refused += 1,
                other => panic!("{other}"),
            }
        }
        (passed, refused)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(ask)).collect();
        let all = threads.into_iter().map(|thread| thread.join().expect("no client panics"));
        all.fold((Vec::new(), 0), |(mut passed, refused), (one, more)| {
            passed.extend(one);
            (passed, refused + more)
        })
    })
}

/// Lets clients ask while something else is done.
fn history(gateway: &Gateway, clients: usize, meanwhile: impl FnOnce()) -> (Vec<Passed>, usize) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask(gateway, clients, &done));
        meanwhile();
        done.store(true, Ordering::Relaxed);
        asked.join().expect("no client panics")
    })
}

fn check(driver: Driver, shards: usize, api: &Api, scope: &str) {
    let gateway = gateway(api, driver).shards(shards).start();
    let (passed, refused) = history(&gateway, 2 * shards + 2, || std::thread::sleep(Duration::from_millis(1_200)));
    assert_eq!(check_history(&passed, RATE, BURST), Ok(()));
    assert!(passed.len() >= BURST as usize && refused > 0, "{} passed, {refused} did not", passed.len());
    assert_eq!(gateway.metric(&format!(r#"throttled_requests_total{{scope="{scope}"}}"#)), refused as f64);
}

fn check_method(driver: Driver, shards: usize) {
    check(driver, shards, &throttled(json!({ "a/GET": limit(RATE, BURST.into()) })), "method");
}

/// All clients have one address.
fn no_window_gets_more_by_rules(driver: Driver) {
    let rule = json!({ "rateLimit": RATE, "burstLimit": BURST });
    let per_address = json!({ "rateLimit": RATE, "burstLimit": BURST, "per": "clientIp" });
    for (rule, scope) in [(rule, "api"), (per_address, "client_ip")] {
        check(driver, 2, &throttled(json!({})).with("x-tollgate-throttle", json!([rule])), scope);
    }
}

fn no_window_gets_more_on_one_shard(driver: Driver) {
    check_method(driver, 1);
}

fn no_window_gets_more_on_two_shards(driver: Driver) {
    check_method(driver, 2);
}

fn no_window_gets_more_on_eight_shards(driver: Driver) {
    check_method(driver, 8);
}

fn no_window_gets_more_while_the_rate_is_deployed_anew(driver: Driver) {
    let of = |rate, burst| throttled(json!({ "a/GET": limit(rate, burst) }));
    let gateway = gateway(&of(RATE, BURST.into()), driver).shards(2).start();
    let (passed, refused) = history(&gateway, 6, || {
        for deploy in 0..9 {
            let (rate, burst) = [(RATE / 2.0, 3), (1.0, 1), (RATE, BURST.into())][deploy % 3];
            gateway.write("api0.yaml", &of(rate, burst).text());
            assert_eq!(gateway.reload().status(), 200);
        }
    });
    assert_eq!(check_history(&passed, RATE, BURST), Ok(()));
    assert!(refused > 0 && !passed.is_empty(), "{} passed, {refused} did not", passed.len());
}

fn a_burst_and_no_more(driver: Driver) {
    let of = |burst| throttled(json!({ "a/GET": limit(HARDLY, burst) }));
    let gateway = gateway(&of(5), driver).shards(2).start();
    let client = &mut gateway.connect();
    assert_eq!(statuses(client, "/a", 7), [200, 200, 200, 200, 200, 429, 429]);
    let refused = client.get("/a");
    assert_eq!((refused.status(), refused.text()), (429, r#"{"message":"Too Many Requests"}"#));
    assert_eq!(refused.field("x-amzn-errortype"), Some("TooManyRequestsException"));
    assert_eq!(refused.field("retry-after"), None);
    // Neither a deploy nor another shard has more.
    for burst in [5, 50, 5] {
        gateway.write("api0.yaml", &of(burst).text());
        assert_eq!(gateway.reload().status(), 200);
        let mut clients: Vec<Client> = (0..4).map(|_| gateway.connect()).collect();
        assert!(clients.iter_mut().all(|client| client.get("/a").status() == 429), "{burst}");
    }
    // A line of either shard may come first.
    let passed = gateway.log(20).iter().filter(|line| line["status"] == json!(200)).count();
    assert_eq!(passed, 5);
}

fn each_method_has_a_bucket_of_its_own(driver: Driver) {
    let settings = json!({ "*/*": limit(HARDLY, 2), "b/GET": { "throttlingBurstLimit": 3 } });
    let gateway = gateway(&throttled(settings), driver).start();
    let client = &mut gateway.connect();
    assert_eq!(statuses(client, "/a", 3), [200, 200, 429]);
    assert_eq!(statuses(client, "/b", 4), [200, 200, 200, 429]);
    let mut post = || client.exchange("POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n").status();
    assert_eq!([post(), post(), post()], [200, 200, 429]);
}

fn no_limit_and_no_requests(driver: Driver) {
    let settings = json!({ "*/*": limit(HARDLY, 1), "a/GET": limit(-1.0, -1), "b/GET": limit(0.0, 100) });
    let gateway = gateway(&throttled(settings), driver).start();
    let client = &mut gateway.connect();
    assert_eq!(statuses(client, "/a", 40), [200; 40]);
    assert_eq!(statuses(client, "/b", 3), [429; 3]);
}

fn a_canary_shares_its_stages_bucket(driver: Driver) {
    let canary =
        json!({ "prod": { "methodSettings": { "a/GET": limit(HARDLY, 12) }, "canary": { "percentTraffic": 50 } } });
    let gateway = gateway(&throttled(json!({})).with("x-tollgate-stages", canary), driver).start();
    let all = statuses(&mut gateway.connect(), "/a", 60);
    assert_eq!(all.iter().filter(|status| **status == 200).count(), 12);
}

fn the_answer_is_the_stages_own(driver: Driver) {
    let responses = json!({ "THROTTLED": {
        "statusCode": 503,
        "responseTemplates": { "application/json": "{\"why\":$context.error.messageString}" },
        "responseParameters": { "gatewayresponse.header.Retry-After": "'7'" },
    } });
    let api = throttled(json!({ "*/*": limit(0.0, 0) })).with("x-amazon-apigateway-gateway-responses", responses);
    for headers in ["off", "all"] {
        let gateway = gateway(&api, driver).set("throttle.headers", headers).start();
        let refused = gateway.get("/a");
        assert_eq!((refused.status(), refused.text()), (503, r#"{"why":"Too Many Requests"}"#), "{headers}");
        assert_eq!(refused.values("retry-after").collect::<Vec<_>>(), ["7"]);
    }
}
