//! `minimumCompressionSize`: answers that leave compressed and requests that come so. (Guide,
//! `api-gateway-gzip-compression-decompression`.)

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Value, json};

use crate::harness::{Api, Backend, Driver, Gateway, Message, http, http_proxy, mock};

on_both_drivers! {
    answers_of_every_kind_are_compressed,
    who_does_not_ask_or_need_gets_it_plain,
    large_answers_stream_through,
    pieces_arrive_as_they_come,
    old_clients_and_broken_answers,
    streams_stay_as_they_are,
    requests_are_decompressed,
    bombs_and_nonsense_are_refused,
    encoders_run_out,
}

fn compressing(api: Api, bytes: u32) -> Api {
    api.with("x-amazon-apigateway-minimum-compression-size", json!(bytes))
}

fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: gw.test\r\n{fields}\r\n")
}

fn post(path: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nHost: gw.test\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory")
}

#[track_caller]
fn plain(answer: &Message) -> Vec<u8> {
    let mut body = Vec::new();
    match answer.field("content-encoding") {
        Some("gzip") => MultiGzDecoder::new(&*answer.body).read_to_end(&mut body).expect("gzip"),
        Some("deflate") => ZlibDecoder::new(&*answer.body).read_to_end(&mut body).expect("zlib"),
        other => panic!("{other:?}: {}", answer.head),
    };
    assert_eq!(answer.field("vary"), Some("Accept-Encoding"));
    body
}

/// Text that compresses some.
fn text(bytes: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'a' + (state >> 24) as u8 % 16
    };
    (0..bytes).map(|_| byte()).collect()
}

fn with(mut integration: Value, key: &str, value: Value) -> Value {
    integration[key] = value;
    integration
}

fn answers_of_every_kind_are_compressed(driver: Driver) {
    let body = "0123456789".repeat(50);
    let backend = Backend::answering(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"strong\"\r\nContent-Length: 500\r\n\r\n{body}"
    ));
    let replaced = json!({"default": {"statusCode": "200", "responseTemplates": {"text/plain": body}}});
    let mapped = json!({"default": {"statusCode": "200", "responseTemplates": {"text/plain": "$input.body"}}});
    let api = Api::new()
        .route("GET /proxy", http_proxy(backend.url()))
        .route("GET /http", http(backend.url()))
        .route("GET /replaced", with(http(backend.url()), "responses", replaced))
        .route("GET /mapped", with(http(backend.url()), "responses", mapped))
        .route("GET /mock", mock(200, &body))
        .route("GET /computed", mock(200, &format!("#set($x = 1){body}")));
    let gateway = Gateway::with(&compressing(api, 500)).driver(driver).start();
    let client = &mut gateway.connect();
    for path in ["/proxy", "/http", "/replaced", "/mapped", "/mock", "/computed"] {
        for coding in ["gzip", "deflate"] {
            let answer = client.exchange(get(path, &format!("Accept-Encoding: {coding}\r\n")));
            assert_eq!(answer.field("content-encoding"), Some(coding), "{path}: {}", answer.head);
            assert_eq!(String::from_utf8_lossy(&plain(&answer)), body, "{path}");
            assert!(answer.body.len() < 100, "{path}");
        }
        let answer = client.exchange(get(path, ""));
        assert_eq!((answer.field("content-encoding"), answer.text()), (None, &*body), "{path}");
        assert_eq!(answer.field("content-length"), Some("500"), "{path}");
    }
    let answer = client.exchange(get("/proxy", "Accept-Encoding: gzip\r\n"));
    assert_eq!(answer.field("etag"), Some("W/\"strong\""));
    assert_eq!((answer.field("content-length"), answer.field("transfer-encoding")), (None, Some("chunked")));
    let all = Gateway::with(&compressing(Api::new().route("GET /", mock(200, "x")), 0)).driver(driver).start();
    let error = all.exchange(get("/none", "Accept-Encoding: gzip\r\n"));
    assert_eq!((error.status(), &*plain(&error)), (403, &br#"{"message":"Missing Authentication Token"}"#[..]));
    assert_eq!(error.field("content-length"), Some(&*error.body.len().to_string()));
}

fn who_does_not_ask_or_need_gets_it_plain(driver: Driver) {
    let body = "0123456789".repeat(50);
    let backend = Backend::start(|conversation| {
        let body = "0123456789".repeat(50);
        match conversation.request.target() {
            "/coded" => conversation
                .send(format!("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 500\r\n\r\n{body}")),
            "/part" => conversation.send(format!(
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-499/900\r\nContent-Length: 500\r\n\r\n{body}"
            )),
            "/untouched" => conversation
                .send(format!("HTTP/1.1 200 OK\r\nCache-Control: no-transform\r\nContent-Length: 500\r\n\r\n{body}")),
            "/none" => conversation.send("HTTP/1.1 204 No Content\r\n\r\n"),
            "/same" => conversation.send("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 500\r\n\r\n"),
            "/empty" => conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            _ if conversation.request.method() == "HEAD" => {
                conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
            }
            _ => conversation.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{body}")),
        }
    });
    let api = Api::new().route("ANY /{proxy+}", http_proxy(format!("{}/{{proxy}}", backend.url())));
    let gateway = Gateway::with(&compressing(api.clone(), 500)).driver(driver).start();
    let client = &mut gateway.connect();
    for (path, status, length) in [
        ("/coded", 200, 500),
        ("/part", 206, 500),
        ("/untouched", 200, 500),
        ("/none", 204, 0),
        ("/same", 304, 0),
        ("/empty", 200, 0),
    ] {
        let answer = client.exchange(get(path, "Accept-Encoding: gzip\r\n"));
        assert_eq!((answer.status(), answer.body.len()), (status, length), "{path}: {}", answer.head);
        assert!(!answer.has("vary") && answer.field("content-encoding").is_none_or(|coding| coding == "br"), "{path}");
    }
    for accept in ["", "*", "br", "identity", "br;q=1, gzip;q=0.5", "gzip;q=0"] {
        let answer = client.exchange(get("/long", &format!("Accept-Encoding: {accept}\r\n")));
        assert_eq!((answer.field("content-encoding"), answer.text()), (None, &*body), "{accept}");
    }
    client.send("HEAD /long HTTP/1.1\r\nHost: gw.test\r\nAccept-Encoding: gzip\r\n\r\n");
    let answer = client.answer_to("HEAD");
    assert_eq!((answer.field("content-length"), answer.field("content-encoding")), (Some("500"), None));
    assert_eq!(
        plain(&client.exchange(get("/long", "Accept-Encoding: br;q=0.1\r\nAccept-Encoding: gzip\r\n"))),
        body.as_bytes()
    );
    for api in [compressing(api.clone(), 501), api] {
        let gateway = Gateway::with(&api).driver(driver).start();
        let answer = gateway.exchange(get("/long", "Accept-Encoding: gzip\r\n"));
        assert_eq!((answer.field("content-encoding"), answer.text()), (None, &*body));
    }
}

fn large_answers_stream_through(driver: Driver) {
    let backend = Backend::start(|conversation| {
        let body = text(10 << 20);
        if conversation.request.target() == "/chunked" {
            conversation.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for piece in body.chunks(100_000) {
                conversation.send(format!("{:x}\r\n", piece.len()));
                conversation.send(piece);
                conversation.send("\r\n");
            }
            conversation.send("0\r\nX-Trailer: 1\r\n\r\n");
        } else {
            conversation.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
            conversation.send(&body);
        }
    });
    let api = Api::new().route("GET /{proxy+}", http_proxy(format!("{}/{{proxy}}", backend.url())));
    let gateway = Gateway::with(&compressing(api, 1000)).driver(driver).start();
    let client = &mut gateway.connect();
    let expected = text(10 << 20);
    for path in ["/length", "/chunked", "/length"] {
        let answer = client.exchange(get(path, "Accept-Encoding: gzip\r\n"));
        assert!(plain(&answer) == expected, "{path}");
        assert!(answer.body.len() < expected.len() * 3 / 4, "{path}: {}", answer.body.len());
    }
    assert_eq!(backend.connections(), 1, "the backend's connection is used again");
}

fn pieces_arrive_as_they_come(driver: Driver) {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let told = std::sync::Mutex::new(told);
    let backend = Backend::start(move |conversation| {
        conversation.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        told.lock().expect("nobody panicked").recv().expect("the test goes on");
        conversation.send("6\r\nsecond\r\n0\r\n\r\n");
    });
    let api = Api::new().route("GET /", http_proxy(backend.url()));
    let gateway = Gateway::with(&compressing(api, 1_000_000)).driver(driver).start();
    let mut client = gateway.connect();
    client.send(get("/", "Accept-Encoding: gzip\r\n"));
    // What is there can be decompressed, before the rest is.
    let mut seen = Vec::new();
    let mut piece = [0; 4096];
    let mut socket = client.socket.try_clone().expect("a descriptor");
    while !seen.ends_with(b"\r\n") || !seen.windows(4).any(|end| end == b"\x00\x00\xff\xff") {
        let read = socket.read(&mut piece).expect("more comes");
        assert!(read > 0);
        seen.extend_from_slice(&piece[..read]);
    }
    tell.send(()).expect("the backend waits");
    while !seen.ends_with(b"\r\n0\r\n\r\n") {
        let read = socket.read(&mut piece).expect("more comes");
        assert!(read > 0);
        seen.extend_from_slice(&piece[..read]);
    }
}

fn old_clients_and_broken_answers(driver: Driver) {
    let backend = Backend::start(|conversation| {
        let broken = conversation.request.target() == "/broken";
        conversation.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{}", "x".repeat(50_000)));
        if !broken {
            conversation.send("x".repeat(50_000));
        }
        conversation.close();
    });
    let api = Api::new().route("GET /{proxy+}", http_proxy(format!("{}/{{proxy}}", backend.url())));
    let gateway = Gateway::with(&compressing(api, 0)).driver(driver).start();
    let mut client = gateway.connect();
    client.send("GET /whole HTTP/1.0\r\nHost: gw.test\r\nConnection: keep-alive\r\nAccept-Encoding: gzip\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.field("connection"), answer.field("transfer-encoding")), (Some("close"), None));
    assert_eq!(plain(&answer).len(), 100_000);
    let mut client = gateway.connect();
    client.send(get("/broken", "Accept-Encoding: gzip\r\n"));
    let part = client.part_of_answer();
    assert_eq!(part.field("content-encoding"), Some("gzip"));
}

fn streams_stay_as_they_are(driver: Driver) {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let stream = with(http_proxy(backend.url()), "responseTransferMode", json!("STREAM"));
    let gateway = Gateway::with(&compressing(Api::new().route("GET /", stream), 0)).driver(driver).start();
    let answer = gateway.exchange(get("/", "Accept-Encoding: gzip\r\n"));
    assert_eq!((answer.field("content-encoding"), answer.text()), (None, "hello"));
}

fn requests_are_decompressed(driver: Driver) {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let template = with(http(backend.url()), "requestTemplates", json!({"application/json": "$input.json('$.a')"}));
    let api = Api::new()
        .route("POST /proxy", http_proxy(backend.url()))
        .route("POST /http", http(backend.url()))
        .route("POST /mapped", template);
    let gateway = Gateway::with(&compressing(api.clone(), 0)).driver(driver).start();
    let client = &mut gateway.connect();
    let body = br#"{"a": "compressed"}"#;
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(body).expect("memory");
    let zlib = zlib.finish().expect("memory");
    for (coding, coded) in [("gzip", &gzip(body)), ("deflate", &zlib), ("identity", &body.to_vec())] {
        let fields = format!("Content-Type: application/json\r\ncontent-encoding: {coding}\r\n");
        for path in ["/proxy", "/http", "/mapped"] {
            assert_eq!(client.exchange(post(path, &fields, coded)).status(), 200, "{path} {coding}");
            let last = backend.last();
            let expected = if path == "/mapped" { "\"compressed\"" } else { r#"{"a": "compressed"}"# };
            assert_eq!(last.text(), expected, "{path} {coding}");
            assert_eq!(last.field("content-length"), Some(&*expected.len().to_string()));
            assert!(coding == "identity" || !last.has("content-encoding"), "{path} {coding}: {}", last.head);
        }
    }
    // In pieces, and large.
    let large = text(5 << 20);
    let coded = gzip(&large);
    client
        .send("POST /proxy HTTP/1.1\r\nHost: gw.test\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n");
    for piece in coded.chunks(70_000) {
        client.send(format!("{:x}\r\n", piece.len()));
        client.send(piece);
        client.send("\r\n");
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.answer().status(), 200);
    assert!(backend.last().body == large);
    // Without the setting, what passes through stays as it is, and what is read is decompressed all the same.
    let gateway = Gateway::with(&api).driver(driver).start();
    let fields = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    assert_eq!(gateway.exchange(post("/proxy", fields, &gzip(body))).status(), 200);
    assert_eq!((backend.last().body, backend.last().field("content-encoding")), (gzip(body), Some("gzip")));
    assert_eq!(gateway.exchange(post("/mapped", fields, &gzip(body))).status(), 200);
    assert_eq!(backend.last().text(), "\"compressed\"");
}

fn bombs_and_nonsense_are_refused(driver: Driver) {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let template = with(http(backend.url()), "requestTemplates", json!({"application/json": "{}"}));
    let api = Api::new().route("POST /proxy", http_proxy(backend.url())).route("POST /mapped", template);
    let gateway = Gateway::with(&compressing(api, 0)).driver(driver).start();
    let bomb = gzip(&vec![0; 20 << 20]);
    let large = gzip(&text(11 << 20));
    let good = gzip(b"{}");
    let mut trailing = good.clone();
    trailing.extend_from_slice(b"more");
    for path in ["/proxy", "/mapped"] {
        let status = |coding: &str, body: &[u8]| {
            let mut client = gateway.connect();
            let fields = format!("Content-Type: application/json\r\nContent-Encoding: {coding}\r\n");
            // The answer may come before all of it is sent.
            let _ = client.try_send(post(path, &fields, body));
            client.answer().status()
        };
        assert_eq!(status("gzip", &good), 200);
        assert_eq!(status("gzip", &bomb), 413);
        assert_eq!(status("gzip", &large), 413);
        assert_eq!(status("gzip", b"{}"), 415);
        assert_eq!(status("gzip", &good[..good.len() - 1]), 415);
        assert_eq!(status("gzip", &trailing), 415);
        assert_eq!(status("deflate", &good), 415);
        assert_eq!(status("br", b"{}"), 415);
        assert_eq!(status("gzip, gzip", &gzip(&good)), 415);
    }
    let mut client = gateway.connect();
    let answer = client.exchange(post("/mapped", "Content-Encoding: zstd\r\n", b"{}"));
    assert_eq!(answer.text(), r#"{"message":"Unsupported Media Type"}"#);
    assert_eq!(client.exchange(post("/mapped", "Content-Encoding: gzip\r\n", &good)).status(), 200, "still in step");
}

fn encoders_run_out(driver: Driver) {
    let api = compressing(Api::new().route("GET /", mock(200, &"x".repeat(100))), 0);
    let gateway = Gateway::with(&api).driver(driver).set("compression.concurrent_max", 0).start();
    let answer = gateway.exchange(get("/", "Accept-Encoding: gzip\r\n"));
    assert_eq!((answer.field("content-encoding"), answer.body.len()), (None, 100));
}
