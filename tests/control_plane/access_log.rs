//! One line of JSON for each exchange, whatever a client sends.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::gateway::read_log;
use crate::harness::{Api, Backend, Client, Driver, Gateway, http_proxy, mock};

on_both_drivers! { a_line_for_each_exchange, nothing_gets_in_or_out, the_file_is_reopened, everything_is_written_at_the_end }

fn a_line_for_each_exchange(driver: Driver) {
    let backend = Backend::answering("HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello");
    let proxied = http_proxy(format!("{}/{{id}}", backend.url()));
    let api = Api::new().route("POST /pets/{id}", proxied).route("GET /mock", mock(200, "mocked"));
    let gateway = Gateway::with(&api).by_stage().driver(driver).start();
    let client = &mut gateway.connect();
    let answer =
        client.exchange("POST /default/pets/7?key=secret HTTP/1.1\r\nHost: gw.test:80\r\nUser-Agent: t/1\r\n\r\n");
    client.exchange("GET /default/mock HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    client.get("/default/none");
    client.get("/nowhere");
    client.send("broken\r\n\r\n");
    assert_eq!(client.answer().status(), 400);
    let lines = gateway.log(5);
    assert_eq!(lines.len(), 5);
    let members = [
        "time",
        "requestId",
        "extendedRequestId",
        "sourceIp",
        "userAgent",
        "domainName",
        "httpMethod",
        "path",
        "protocol",
        "apiId",
        "stage",
        "resourcePath",
        "status",
        "responseLength",
        "responseLatency",
        "integrationLatency",
        "error",
    ];
    let members: BTreeSet<&str> = members.into();
    for line in &lines {
        let found: BTreeSet<&str> = line.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(found, members);
        let time = line["time"].as_str().expect("a text");
        assert!(time.len() == 24 && time.ends_with('Z') && time.starts_with("20"), "{time}");
        assert!(line["responseLatency"].is_number(), "{line}");
    }
    let first = &lines[0];
    for (name, expected) in [
        ("requestId", json!(answer.field("x-amzn-requestid"))),
        ("extendedRequestId", json!(answer.field("x-amz-apigw-id"))),
        ("sourceIp", json!("127.0.0.1")),
        ("userAgent", json!("t/1")),
        ("domainName", json!("gw.test:80")),
        ("httpMethod", json!("POST")),
        ("path", json!("/default/pets/7")),
        ("protocol", json!("HTTP/1.1")),
        ("apiId", json!("api1")),
        ("stage", json!("default")),
        ("resourcePath", json!("/pets/{id}")),
        ("status", json!(201)),
        ("responseLength", json!(5)),
        ("error", Value::Null),
    ] {
        assert_eq!(first[name], expected, "{name}");
    }
    assert!(first["integrationLatency"].is_number());
    assert_eq!((&lines[1]["protocol"], &lines[1]["integrationLatency"]), (&json!("HTTP/1.0"), &Value::Null));
    assert_eq!((&lines[1]["status"], &lines[1]["responseLength"]), (&json!(200), &json!(6)));
    assert_eq!((&lines[2]["status"], &lines[2]["resourcePath"]), (&json!(403), &json!("")));
    assert_eq!(lines[2]["error"], "Missing Authentication Token");
    assert_eq!((&lines[3]["status"], &lines[3]["apiId"]), (&json!(403), &json!("")));
    assert_eq!((&lines[4]["status"], &lines[4]["path"]), (&json!(400), &json!("")));
    gateway.wait_for_metric("access_log_records_total", 5.0);
}

/// No line breaks or control characters by a client's choice; no secrets; no line without an end.
fn nothing_gets_in_or_out(driver: Driver) {
    let gateway = Gateway::with(&Api::new().route("ANY /{proxy+}", mock(200, ""))).driver(driver).start();
    let client = &mut gateway.connect();
    let long = "u".repeat(5000);
    for (target, fields) in [
        ("/a%0d%0a{\"status\":200}", "User-Agent: x\",\"status\":999,\"y\":\"\r\n".to_owned()),
        ("/a%1b%5b31m", "User-Agent: back\\slash \u{e9} \t tab\r\n".to_owned()),
        ("/a?token=SECRET", "Authorization: Bearer SECRET\r\nCookie: SECRET\r\nX-Api-Key: SECRET\r\n".to_owned()),
        ("/b", format!("User-Agent: {long}\r\n")),
    ] {
        let answer = client.exchange(format!("GET {target} HTTP/1.1\r\nHost: gw.test\r\n{fields}\r\n"));
        assert_eq!(answer.status(), 200, "{target}");
    }
    let lines = gateway.log(4);
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["path"], "/a%0D%0A%7B%22status%22:200%7D");
    assert_eq!((&lines[0]["userAgent"], &lines[0]["status"]), (&json!("x\",\"status\":999,\"y\":\""), &json!(200)));
    assert_eq!(lines[1]["path"], "/a%1B%5B31m");
    assert_eq!(lines[1]["userAgent"], "back\\slash \u{c3}\u{a9} \t tab", "bytes as Latin-1");
    assert_eq!(lines[3]["userAgent"].as_str().map(str::len), Some(1024));
    let text = std::fs::read_to_string(gateway.path("access.log")).expect("it is there");
    assert!(!text.contains("SECRET"), "{text}");
    assert!(text.bytes().all(|byte| byte == b'\n' || (0x20..0x7F).contains(&byte)), "{text:?}");
}

fn the_file_is_reopened(driver: Driver) {
    let gateway = Gateway::with(&Api::new().route("GET /{x}", mock(200, ""))).driver(driver).start();
    gateway.get("/before");
    assert_eq!(gateway.log(1)[0]["path"], "/before");
    std::fs::rename(gateway.path("access.log"), gateway.path("access.log.1")).expect("it is there");
    gateway.get("/between");
    assert_eq!(read_log(&gateway.path("access.log.1"), 2)[1]["path"], "/between");
    gateway.signal(libc::SIGHUP);
    crate::harness::wait_until("the new file", || gateway.path("access.log").exists());
    gateway.get("/after");
    assert_eq!(gateway.log(1)[0]["path"], "/after");
    assert_eq!(read_log(&gateway.path("access.log.1"), 2).len(), 2);
}

/// Also what no harvest has fetched yet.
fn everything_is_written_at_the_end(driver: Driver) {
    const REQUESTS: usize = 500;
    let start = Gateway::with(&Api::new().route("GET /{x}", mock(200, ""))).driver(driver).shards(2);
    let mut gateway = start.set("access_log.flush_ms", 60_000).start();
    let mut clients: Vec<Client> = (0..5).map(|_| gateway.connect()).collect();
    for number in 0..REQUESTS {
        assert_eq!(clients[number % 5].get(&format!("/{number}")).status(), 200);
    }
    drop(clients);
    gateway.signal(libc::SIGTERM);
    assert_eq!(gateway.exit_code(), Some(0));
    let paths: BTreeSet<String> =
        gateway.log(REQUESTS).iter().map(|line| line["path"].as_str().expect("a text").to_owned()).collect();
    assert_eq!(paths.len(), REQUESTS);
}
