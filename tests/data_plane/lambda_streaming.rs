//! Functions whose answers are passed on while they come.

use std::io::Read;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tollgate::http::event_stream::write_message;

use crate::harness::backend::Conversation;
use crate::harness::function::{event, streaming_function_uri};
use crate::harness::gateway::Start;
use crate::harness::{Api, Backend, Client, Driver, Gateway};

on_both_drivers! {
    a_stream_comes_as_it_is_made,
    streams_are_split_anywhere,
    what_goes_wrong_before_the_body_is_answered,
    what_goes_wrong_in_the_body_breaks_it_off,
    a_client_that_leaves_ends_the_function_s_connection,
    old_clients_and_bodiless_answers,
    silence_before_the_metadata,
}

const INTERNAL: &str = r#"{"message":"Internal server error"}"#;

fn api(timeout_ms: u32) -> Api {
    let integration = json!({
        "type": "aws_proxy", "httpMethod": "POST", "uri": streaming_function_uri("orders"),
        "responseTransferMode": "STREAM", "timeoutInMillis": timeout_ms,
    });
    Api::new().route("ANY /{proxy+}", integration)
}

fn serve(backend: &Backend, api: &Api, driver: Driver) -> Start {
    Gateway::with(api).driver(driver).set("lambda.targets", format!("orders={}", backend.url()))
}

fn message(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_message(&[(":message-type", "event"), (":event-type", kind)], payload, &mut out);
    out
}

fn payload(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    message("PayloadChunk", bytes.as_ref())
}

fn metadata(json: &str) -> Vec<u8> {
    payload([json.as_bytes(), &[0; 8]].concat())
}

fn begin(conversation: &mut Conversation<'_>) {
    conversation.send(
        "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\nx-amzn-RequestId: r-1\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
    );
}

fn chunk(conversation: &mut Conversation<'_>, bytes: &[u8]) {
    conversation.send(format!("{:x}\r\n", bytes.len()));
    conversation.send(bytes);
    conversation.send("\r\n");
}

/// What comes up to a text, byte by byte.
fn read_until(client: &mut Client, end: &str) -> String {
    let mut seen = String::new();
    while !seen.ends_with(end) {
        let mut byte = [0];
        client.socket.read_exact(&mut byte).expect("it comes");
        seen.push(char::from(byte[0]));
    }
    seen
}

fn a_stream_comes_as_it_is_made(driver: Driver) {
    let (go_on, gone_on) = channel::<()>();
    let gone_on: Arc<Mutex<Receiver<()>>> = Arc::new(Mutex::new(gone_on));
    let backend = Backend::start(move |conversation| {
        let event = event(conversation);
        assert_eq!(conversation.request.target(), "/2021-11-15/functions/orders/response-streaming-invocations");
        assert_eq!(event["path"], "/a");
        begin(conversation);
        let answer = r#"{"statusCode":206,"headers":{"Content-Type":"text/event-stream","Content-Length":"7"},"cookies":["a=b"]}"#;
        chunk(conversation, &metadata(answer));
        for part in ["one", "two"] {
            gone_on.lock().expect("one at a time").recv().expect("the test goes on");
            chunk(conversation, &payload(part));
        }
        chunk(conversation, &message("InvokeComplete", b"{}"));
        conversation.send("0\r\n\r\n");
    });
    let gateway = serve(&backend, &api(20_000), driver).start();
    let client = &mut gateway.connect();
    for _ in 0..2 {
        client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        // Each part is let go only when what came before it has arrived.
        let mut seen = String::new();
        for end in ["\r\n\r\n", "one\r\n"] {
            seen += &read_until(client, end);
            go_on.send(()).expect("the backend waits");
        }
        seen += &read_until(client, "0\r\n\r\n");
        assert!(seen.starts_with("HTTP/1.1 206 Partial Content\r\n"), "{seen}");
        for part in [
            "Content-Type: text/event-stream\r\n",
            "Set-Cookie: a=b\r\n",
            "x-amzn-Remapped-Content-Length: 7\r\n",
            "3\r\none\r\n3\r\ntwo\r\n",
        ] {
            assert!(seen.contains(part), "{part} in {seen}");
        }
    }
    assert_eq!(backend.connections(), 1, "the function's connection is used again");
    let log = gateway.log(2);
    assert_eq!(
        (&log[0]["status"], &log[0]["responseLength"], &log[0]["error"]),
        (&json!(206), &json!(6), &json!(null))
    );
}

fn streams_are_split_anywhere(driver: Driver) {
    let backend = Backend::start(|conversation| {
        let event = event(conversation);
        let step: usize = event["queryStringParameters"]["step"].as_str().expect("a step").parse().expect("a number");
        begin(conversation);
        let mut stream = payload(b"{\"statusCode\":2");
        stream.extend(payload(b"00}\0\0\0\0"));
        stream.extend(payload(b"\0\0\0\0hello"));
        stream.extend(payload(" world".repeat(1000)));
        stream.extend(message("InvokeComplete", b""));
        for piece in stream.chunks(step) {
            chunk(conversation, piece);
        }
        conversation.send("0\r\n\r\n");
    });
    let gateway = serve(&backend, &api(20_000), driver).start();
    let client = &mut gateway.connect();
    for step in [1, 13, 100_000] {
        let answer = client.get(&format!("/a?step={step}"));
        assert_eq!(answer.text(), format!("hello{}", " world".repeat(1000)), "{step}");
    }
}

fn what_goes_wrong_before_the_body_is_answered(driver: Driver) {
    let backend = Backend::start(|conversation| {
        let event = event(conversation);
        let stream = match event["path"].as_str().expect("a path") {
            "/429" => {
                conversation.send("HTTP/1.1 429 X\r\nContent-Length: 0\r\n\r\n");
                return;
            }
            "/garbage" => b"this is no event stream, is it".to_vec(),
            "/failed" => message("InvokeComplete", br#"{"ErrorCode":"Unhandled","ErrorDetails":"it threw"}"#),
            "/undelimited" => [payload(b"just text"), message("InvokeComplete", b"{}")].concat(),
            "/no-json" => metadata("hello"),
            "/unknown" => metadata(r#"{"statusCode":200,"body":"x"}"#),
            "/status" => metadata(r#"{"statusCode":42}"#),
            "/injected" => metadata(r#"{"headers":{"a":"b\r\nSet-Cookie: evil=1"}}"#),
            "/early" => payload(b"{\"statusCode\":200}"),
            other => panic!("{other}"),
        };
        begin(conversation);
        chunk(conversation, &stream);
        conversation.send("0\r\n\r\n");
    });
    let gateway = serve(&backend, &api(20_000), driver).start();
    let client = &mut gateway.connect();
    let refused = client.get("/429");
    assert_eq!((refused.status(), refused.text()), (500, INTERNAL));
    for path in ["/garbage", "/failed", "/undelimited", "/no-json", "/unknown", "/status", "/injected", "/early"] {
        let answer = client.get(path);
        assert_eq!((answer.status(), answer.text()), (502, INTERNAL), "{path}");
        assert!(!answer.has("set-cookie"), "{path}");
    }
    let log = gateway.log(9);
    let failed =
        "Lambda execution failed with status 200 due to customer function error: it threw. Lambda request id: r-1";
    assert_eq!(log[2]["error"], failed);
}

fn what_goes_wrong_in_the_body_breaks_it_off(driver: Driver) {
    let (go_on, gone_on) = channel::<()>();
    let gone_on: Arc<Mutex<Receiver<()>>> = Arc::new(Mutex::new(gone_on));
    let backend = Backend::start(move |conversation| {
        let event = event(conversation);
        begin(conversation);
        chunk(conversation, &[metadata("{}"), payload(b"part")].concat());
        gone_on.lock().expect("one at a time").recv().expect("the test goes on");
        match event["path"].as_str().expect("a path") {
            "/failed" => chunk(conversation, &message("InvokeComplete", br#"{"ErrorCode":"Unhandled"}"#)),
            "/garbage" => chunk(conversation, b"and now for something different"),
            "/ended" => {}
            _ => {
                conversation.reset();
                return;
            }
        }
        conversation.send("0\r\n\r\n");
    });
    let gateway = serve(&backend, &api(20_000), driver).start();
    for path in ["/failed", "/garbage", "/ended", "/reset"] {
        let mut client = gateway.connect();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let seen = read_until(&mut client, "part\r\n");
        assert!(seen.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {seen}");
        go_on.send(()).expect("the backend waits");
        assert!(client.ends(), "{path}: an end that the answer does not have");
    }
    for line in gateway.log(4) {
        assert_eq!(line["status"], 200);
        assert!(line["error"].is_string(), "{line}");
    }
}

fn a_client_that_leaves_ends_the_function_s_connection(driver: Driver) {
    let (ended, has_ended) = channel::<()>();
    let backend = Backend::start(move |conversation| {
        drop(event(conversation));
        begin(conversation);
        chunk(conversation, &[metadata("{}"), payload(b"part")].concat());
        conversation.wait_for_close();
        ended.send(()).expect("the test waits");
    });
    let gateway = serve(&backend, &api(20_000), driver).start();
    let mut client = gateway.connect();
    client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut some = [0; 64];
    client.socket.read_exact(&mut some).expect("the head comes");
    let socket = socket2::SockRef::from(&client.socket).set_linger(Some(std::time::Duration::ZERO));
    socket.expect("a TCP socket");
    drop(client);
    has_ended.recv_timeout(crate::harness::PATIENCE).expect("the function's connection ends");
    gateway.wait_for_metric("client_aborts_total", 1.0);
}

fn old_clients_and_bodiless_answers(driver: Driver) {
    let backend = Backend::start(|conversation| {
        let event = event(conversation);
        begin(conversation);
        let status = if event["path"] == "/204" { 204 } else { 200 };
        let answer = format!("{{\"statusCode\":{status}}}");
        chunk(conversation, &[metadata(&answer), payload(b"body"), message("InvokeComplete", b"{}")].concat());
        conversation.send("0\r\n\r\n");
    });
    let gateway = serve(&backend, &api(20_000), driver).start();
    let old = gateway.exchange("GET /a HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!((old.text(), old.field("connection"), old.has("transfer-encoding")), ("body", Some("close"), false));
    let client = &mut gateway.connect();
    assert_eq!(client.get("/204").status(), 204);
    assert_eq!(client.exchange("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n").status(), 200);
    assert_eq!(client.get("/a").text(), "body", "the client's connection goes on");
}

fn silence_before_the_metadata(driver: Driver) {
    let backend = Backend::start(|conversation| {
        drop(event(conversation));
        begin(conversation);
        chunk(conversation, &payload(b"{\"status"));
        conversation.wait_for_close();
    });
    let gateway = serve(&backend, &api(300), driver).start();
    let answer = gateway.get("/a");
    assert_eq!((answer.status(), answer.text()), (504, r#"{"message":"Endpoint request timed out"}"#));
}
