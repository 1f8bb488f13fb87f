//! Several stages of one API, and canaries.

use serde_json::{Value, json};

use crate::harness::gateway::Start;
use crate::harness::{Api, Driver, Gateway, mock, wait_until};

on_both_drivers! {
    stages_have_their_own_variables,
    a_canary_gets_its_share,
    a_canary_of_other_variables,
    production_and_canary_are_told_apart,
    a_stage_has_its_own_log_line,
}

/// An API that says who answered.
fn saying(text: &str) -> Api {
    Api::new().route("GET /who", mock(200, &format!("{text} ${{stageVariables.who}} $context.isCanaryRequest")))
}

fn with_stages(stages: Value) -> Api {
    saying("one").with("x-tollgate-stages", stages)
}

/// A gateway with `v2.yaml` beside its document.
fn with_canary(driver: Driver, percent: f64) -> Start {
    let canary = json!({"document": "v2.yaml", "percentTraffic": percent, "stageVariableOverrides": {"who": "b"}});
    let api = with_stages(json!({"prod": {"variables": {"who": "a"}, "canary": canary}}));
    let start = Gateway::with(&api).driver(driver);
    let canary = saying("two").route("GET /new", mock(200, "new"));
    std::fs::write(start.folder.path().join("v2.yaml"), canary.text()).expect("the folder is ours");
    start
}

fn stages_have_their_own_variables(driver: Driver) {
    let stages = json!({"prod": {"variables": {"who": "a"}}, "dev": {"variables": {"who": "b"}}, "bare": {"variables": {"who": "c"}}});
    let gateway = Gateway::with(&with_stages(stages.clone())).driver(driver).by_stage().start();
    let client = &mut gateway.connect();
    for (target, text) in [
        ("/prod/who", "one a "),
        ("/dev/who", "one b "),
        ("/_aws/execute-api/api1/bare/who", "one c "),
        ("/restapis/api1/dev/_user_request_/who", "one b "),
    ] {
        assert_eq!(client.get(target).text(), text, "{target}");
    }
    assert_eq!(client.get("/default/who").status(), 403);
    let count = |stage: &str| {
        gateway.metric(&format!(
            r#"http_requests_total{{api="api1",stage="{stage}",route="/who",method="GET",code="200"}}"#
        ))
    };
    wait_until("the counts", || ["prod", "dev", "bare"].map(count) == [1.0, 2.0, 1.0]);
    // The flag chooses one of them, and then it can be at the root.
    let one = Gateway::with(&with_stages(stages)).driver(driver).arg("--stage").arg("dev").start();
    assert_eq!(one.get("/who").text(), "one b ");
}

fn a_canary_gets_its_share(driver: Driver) {
    const REQUESTS: usize = 4000;
    for (percent, least, most) in [(0.0, 0, 0), (100.0, REQUESTS, REQUESTS), (25.0, 800, 1200)] {
        let gateway = with_canary(driver, percent).start();
        let client = &mut gateway.connect();
        let mut canaries = 0;
        for _ in 0..REQUESTS {
            match client.get("/who").text() {
                "one a false" => {}
                "two b true" => canaries += 1,
                other => panic!("{other}"),
            }
        }
        // The bounds are some seven standard deviations wide.
        assert!((least..=most).contains(&canaries), "{canaries} of {REQUESTS} at {percent} %");
        if percent == 100.0 {
            assert_eq!(client.get("/new").text(), "new", "the canary has its own routes");
        }
        if percent == 0.0 {
            assert_eq!(client.get("/new").status(), 403);
        }
    }
}

fn a_canary_of_other_variables(driver: Driver) {
    let canary = json!({"percentTraffic": 100, "useStageCache": true, "stageVariableOverrides": {"who": "b"}});
    let api = with_stages(json!({"prod": {"variables": {"who": "a"}, "canary": canary}}));
    let gateway = Gateway::with(&api).driver(driver).start();
    assert_eq!(gateway.get("/who").text(), "one b true");
}

fn production_and_canary_are_told_apart(driver: Driver) {
    let gateway = with_canary(driver, 50.0).shards(2).start();
    let client = &mut gateway.connect();
    let canaries = (0..60).filter(|_| client.get("/who").text() == "two b true").count();
    assert!((1..60).contains(&canaries), "{canaries}");
    let series = |canary: &str| {
        format!(r#"http_requests_total{{api="api1",stage="prod"{canary},route="/who",method="GET",code="200"}}"#)
    };
    gateway.wait_for_metric(&series(r#",canary="true""#), canaries as f64);
    gateway.wait_for_metric(&series(""), (60 - canaries) as f64);
    let latencies = r#"http_request_duration_seconds_count{api="api1",stage="prod",canary="true"}"#;
    gateway.wait_for_metric(latencies, canaries as f64);
    assert_eq!((gateway.metric("routes"), gateway.metric(r#"api_info{api="api1",name="Tested"}"#)), (1.0, 1.0));
    let log = gateway.log(60);
    let told = log.iter().filter(|line| line["isCanaryRequest"] == "true" && line["stage"] == "prod").count();
    let others = log.iter().filter(|line| line["isCanaryRequest"] == "false").count();
    assert_eq!((told, others), (canaries, 60 - canaries));
}

fn a_stage_has_its_own_log_line(driver: Driver) {
    let format = r#"{"id":"$context.requestId","canary":"$context.isCanaryRequest","stage":"$context.stage"}"#;
    let canary = json!({"percentTraffic": 100, "stageVariableOverrides": {"who": "b"}});
    let prod = json!({"variables": {"who": "a"}, "accessLogSettings": {"format": format}, "canary": canary});
    let api = with_stages(json!({"prod": prod, "dev": {"variables": {"who": "c"}}}));
    let gateway = Gateway::with(&api).driver(driver).by_stage().start();
    let client = &mut gateway.connect();
    for target in ["/prod/who", "/prod/none", "/dev/who"] {
        client.get(target);
    }
    let log = gateway.log(3);
    let own = |line: &Value| line["canary"] == "true" && line["stage"] == "prod" && line.get("time").is_none();
    assert_eq!([own(&log[0]), own(&log[1]), own(&log[2])], [true, true, false], "{log:?}");
    assert!(log[2]["stage"] == "dev" && log[2].get("time").is_some());
}
