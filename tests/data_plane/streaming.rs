//! `responseTransferMode`, and the limits of answers that are not streamed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Api, Backend, Driver, Gateway, http_proxy};

on_both_drivers! { answers_have_the_limits_of_aws, a_stream_has_none, a_pause_of_the_origin_is_none_of_the_client }

const MOST: usize = 10_485_760;

/// Answers as the target asks: `/length/5` with its length, `/chunked/5` without.
fn backend() -> Backend {
    Backend::start(|conversation| {
        let target = conversation.request.target().to_owned();
        let (kind, bytes) = target.trim_start_matches('/').split_once('/').expect("a kind and a length");
        let bytes: usize = bytes.parse().expect("a length");
        if kind == "length" {
            conversation.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n"));
            conversation.send(vec![b'x'; bytes]);
        } else {
            conversation.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for _ in 0..bytes / 65_536 {
                conversation.send(format!("10000\r\n{}\r\n", "x".repeat(65_536)));
            }
            conversation.send("0\r\n\r\n");
        }
    })
}

fn api(backend: &Backend, mode: Value) -> Api {
    let mut proxied = http_proxy(format!("{}/{{proxy}}", backend.url()));
    proxied["responseTransferMode"] = mode;
    Api::new().route("GET /{proxy+}", proxied)
}

fn answers_have_the_limits_of_aws(driver: Driver) {
    let backend = backend();
    let api = api(&backend, json!("BUFFERED"));
    let gateway = Gateway::with(&api).driver(driver).set("parity", "aws").start();
    let client = &mut gateway.connect();
    assert_eq!(client.get(&format!("/length/{MOST}")).text().len(), MOST);
    let answer = client.get(&format!("/length/{}", MOST + 1));
    assert_eq!((answer.status(), answer.text()), (500, r#"{"message":"Internal server error"}"#));
    assert_eq!(client.get(&format!("/chunked/{MOST}")).text().len(), MOST);
    // Nobody knew how long it would be.
    client.send(format!("GET /chunked/{} HTTP/1.1\r\nHost: a\r\n\r\n", MOST + 65_536));
    assert!(client.part_of_answer().text().len() <= MOST + 65_536);
    let log = gateway.log(4);
    assert_eq!(
        (&log[1]["error"], &log[3]["error"]),
        (&json!("the answer is too large"), &json!("the answer is too large"))
    );
    // Without parity there is no such limit.
    let gateway = Gateway::with(&api).driver(driver).start();
    assert_eq!(gateway.get(&format!("/length/{}", MOST + 1)).text().len(), MOST + 1);
}

fn a_stream_has_none(driver: Driver) {
    let backend = backend();
    let gateway = Gateway::with(&api(&backend, json!("STREAM"))).driver(driver).set("parity", "aws").start();
    let client = &mut gateway.connect();
    assert_eq!(client.get(&format!("/length/{}", MOST + 1)).text().len(), MOST + 1);
    assert_eq!(client.get(&format!("/chunked/{}", MOST + 65_536)).text().len(), MOST + 65_536);
}

/// A stream was cut off when its origin was silent for longer than a client may take nothing.
fn a_pause_of_the_origin_is_none_of_the_client(driver: Driver) {
    let backend = Backend::start(|conversation| {
        conversation.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
        std::thread::sleep(Duration::from_secs(1));
        conversation.send("3\r\ntwo\r\n0\r\n\r\n");
    });
    let gateway =
        Gateway::with(&api(&backend, json!("STREAM"))).driver(driver).set("limits.write_timeout_ms", 100).start();
    assert_eq!(gateway.get("/a").text(), "onetwo");
}
