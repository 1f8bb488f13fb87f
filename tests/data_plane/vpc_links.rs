//! Private integrations: the settings say where a VPC link leads, the integration what is asked there.

use serde_json::{Value, json};

use crate::harness::{Api, Backend, Driver, Gateway, http, http_proxy};

on_both_drivers! {
    a_link_leads_to_its_target,
    links_of_the_management_api,
    an_unknown_link_does_not_start,
}

fn private(mut integration: Value, link: &str) -> Value {
    integration["connectionType"] = json!("VPC_LINK");
    integration["connectionId"] = json!(link);
    integration
}

fn a_link_leads_to_its_target(driver: Driver) {
    let (one, two) = (Backend::named(), Backend::named());
    let api = Api::new()
        .route("GET /one/{id}", private(http_proxy("http://orders.internal.example.com:1/base/{id}"), "abc123"))
        .route(
            "GET /two/{id}",
            private(http("http://orders.internal.example.com/base/{id}"), "${stageVariables.link}"),
        );
    let links = format!("abc123={},by-name={}", one.url(), two.url());
    let start = Gateway::with(&api).driver(driver).set("vpc_links", links);
    let gateway = start.arg("--stage-variable").arg("link=by-name").start();
    assert_eq!(gateway.get("/one/7?x=1").text(), "/base/7?x=1");
    assert_eq!(one.last().field("host"), Some("orders.internal.example.com:1"), "the name that the URI has");
    assert_eq!(gateway.get("/two/8").text(), "/base/8");
    assert_eq!(two.last().field("host"), Some("orders.internal.example.com"));
}

fn links_of_the_management_api(driver: Driver) {
    const TARGET: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/lb/12a456s89aaa12345";
    let backend = Backend::named();
    let start =
        Gateway::serve().driver(driver).set("empty", "true").set("vpc_links", format!("{TARGET}={}", backend.url()));
    let gateway = start.start();
    let link = gateway.manage("POST", "/vpclinks", &json!({"name": "one", "targetArns": [TARGET]}));
    let id = link["id"].as_str().expect("an id");
    let deploy = |id: &str| {
        let api = Api::new().route("GET /a", private(http_proxy("http://internal/b"), id)).text();
        let made = gateway.manage_text("POST", "/restapis?mode=import", "application/json", &api);
        let path = format!("/restapis/{}/deployments", made["id"].as_str().expect("an id"));
        (made["id"].clone(), gateway.management("POST", &path, "application/json", r#"{"stageName":"prod"}"#))
    };
    let (api_id, deployed) = deploy(id);
    assert_eq!(deployed.status(), 201, "{}", deployed.text());
    let (_, refused) = deploy("nope");
    assert_eq!(refused.status(), 400);
    assert!(refused.text().contains("nobody says where the VPC link `nope` leads"), "{}", refused.text());
    assert!(refused.text().contains("methodIntegration/connectionId"), "by its place: {}", refused.text());
    let host = format!("{}.execute-api.us-east-1.amazonaws.com", api_id.as_str().expect("an id"));
    let answer = gateway.exchange(format!("GET /prod/a HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    assert_eq!((answer.status(), answer.text()), (200, "/b"));
    assert_eq!(backend.last().field("host"), Some("internal"));
}

fn an_unknown_link_does_not_start(driver: Driver) {
    let api = Api::new().route("GET /a", private(http_proxy("http://internal/b"), "abc123"));
    let ended = Gateway::with(&api).driver(driver).run();
    assert_eq!(ended.code(), 1);
    assert!(ended.stderr.contains("nobody says where the VPC link `abc123` leads"), "{}", ended.stderr);
}
