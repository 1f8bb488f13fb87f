//! Sizes and times that a client may take, and what it is told beyond them.

use crate::harness::{Api, Backend, Driver, Gateway, http_proxy, mock};

on_both_drivers! {
    long_targets,
    large_headers,
    large_bodies,
    slow_heads,
    slow_bodies,
    too_many_connections,
}

fn api(backend: &Backend) -> Api {
    let proxied = http_proxy(format!("{}/{{proxy}}", backend.url()));
    Api::new().route("ANY /mock", mock(200, "mocked")).route("ANY /{proxy+}", proxied)
}

fn long_targets(driver: Driver) {
    let backend = Backend::named();
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let target = |bytes: usize| format!("/{}", "a".repeat(bytes - 1));
    assert_eq!(gateway.get(&target(10240)).text(), target(10240));
    for bytes in [10241, 30_000] {
        let client = &mut gateway.connect();
        client.send(format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", target(bytes)));
        let answer = client.answer();
        assert_eq!((answer.status(), answer.text()), (414, r#"{"message":"URI Too Long"}"#), "{bytes}");
        client.expect_end();
    }
    // A request line that never ends.
    let client = &mut gateway.connect();
    let _ = client.try_send(format!("GET /{}", "a".repeat(100_000)));
    assert_eq!(client.answer().status(), 414);
    assert_eq!(gateway.metric(r#"unrouted_requests_total{cause="target_too_long"}"#), 3.0);
}

fn large_headers(driver: Driver) {
    let backend = Backend::named();
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let request = |fields: &str| format!("GET /a HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let field = |bytes: usize| format!("X-A: {}\r\n", "a".repeat(bytes));
    assert_eq!(gateway.exchange(request(&field(10_000))).status(), 200);
    assert_eq!(backend.last().field("x-a").map(str::len), Some(10_000));
    let many = |count: usize| (0..count).map(|number| format!("X-{number}: 1\r\n")).collect::<String>();
    assert_eq!(gateway.exchange(request(&many(99))).status(), 200);
    for fields in [field(10_400), field(100_000), field(5000) + &field(5000) + &field(5000), many(100), many(2000)] {
        let client = &mut gateway.connect();
        let _ = client.try_send(request(&fields));
        let answer = client.answer();
        assert_eq!(answer.status(), 431, "{} bytes", fields.len());
        assert_eq!(answer.text(), r#"{"message":"Request Header Fields Too Large"}"#);
        client.expect_end();
    }
    assert_eq!(backend.requests().len(), 2);
    assert_eq!(gateway.metric(r#"unrouted_requests_total{cause="header_too_large"}"#), 5.0);
}

fn large_bodies(driver: Driver) {
    let backend = Backend::named();
    let gateway = Gateway::with(&api(&backend)).driver(driver).set("limits.body_bytes_max", 1000).start();
    let sized = |target: &str, bytes: usize| {
        format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n{}", "x".repeat(bytes))
    };
    let chunked = |target: &str, bytes: usize| {
        let head = format!("POST {target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        let half = "x".repeat(bytes / 2);
        format!("{head}{:x}\r\n{half}\r\n{:x}\r\n{half}\r\n0\r\n\r\n", bytes / 2, bytes / 2)
    };
    for target in ["/mock", "/proxied"] {
        let client = &mut gateway.connect();
        assert_eq!(client.exchange(sized(target, 1000)).status(), 200, "{target}");
        assert_eq!(client.exchange(chunked(target, 1000)).status(), 200, "{target}");
        let answer = client.exchange(sized(target, 1001));
        let expected = (413, r#"{"message":"Request Too Long"}"#, Some("RequestTooLargeException"));
        assert_eq!((answer.status(), answer.text(), answer.field("x-amzn-errortype")), expected, "{target}");
        client.expect_end();
    }
    let client = &mut gateway.connect();
    assert_eq!(client.exchange(chunked("/proxied", 1002)).status(), 413);
    client.expect_end();
    // The client asks first, and does not send.
    let client = &mut gateway.connect();
    client.send("POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n");
    assert_eq!(client.answer().status(), 413);
    client.expect_end();
    assert_eq!(gateway.metric(r#"request_bodies_refused_total{cause="too_large"}"#), 4.0);
}

fn slow_heads(driver: Driver) {
    let backend = Backend::named();
    let gateway = Gateway::with(&api(&backend)).driver(driver).set("limits.head_timeout_ms", 100).start();
    let client = &mut gateway.connect();
    client.send("GET /a HTTP/1.1\r\nHost: a\r\n");
    let answer = client.answer();
    let expected = (408, r#"{"message":"Request Timeout"}"#, Some("close"));
    assert_eq!((answer.status(), answer.text(), answer.field("connection")), expected);
    client.expect_end();
    // One byte after the other does not buy more time.
    let client = &mut gateway.connect();
    for byte in "GET /a HTTP/1.1\r\nX-Long: ".bytes().chain(std::iter::repeat_n(b'a', 200)) {
        if client.try_send([byte]).is_err() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert_eq!(client.answer().status(), 408);
    assert_eq!(gateway.metric(r#"unrouted_requests_total{cause="head_timeout"}"#), 2.0);
    assert_eq!(backend.connections(), 0);
}

fn slow_bodies(driver: Driver) {
    let backend = Backend::named();
    let start = Gateway::with(&api(&backend)).driver(driver).set("limits.body_idle_timeout_ms", 100);
    let gateway = start.start();
    let head = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";
    let client = &mut gateway.connect();
    client.send(format!("{head}some"));
    let answer = client.answer();
    assert_eq!((answer.status(), answer.text()), (408, r#"{"message":"Request Timeout"}"#));
    client.expect_end();
    // Never idle for long, but slower than is allowed on average.
    let start = Gateway::with(&api(&backend)).driver(driver).set("limits.body_grace_ms", 100);
    let gateway = start.set("limits.body_bytes_per_second_min", 10_000).start();
    let client = &mut gateway.connect();
    client.send(head);
    for _ in 0..200 {
        if client.try_send("x").is_err() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(client.answer().status(), 408);
    assert_eq!(gateway.metric(r#"request_bodies_refused_total{cause="timeout"}"#), 1.0);
}

fn too_many_connections(driver: Driver) {
    let backend = Backend::named();
    let gateway = Gateway::with(&api(&backend)).driver(driver).shards(2).set("limits.connections_max", 4).start();
    let mut clients: Vec<_> = (0..4).map(|_| gateway.connect()).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.get("/mock").status(), 200));
    let mut refused = gateway.connect();
    let answer = refused.answer();
    assert_eq!((answer.status(), answer.text()), (503, r#"{"message":"Service Unavailable"}"#));
    refused.expect_end();
    assert_eq!(gateway.metric("connections_refused_total"), 1.0);
    clients.iter_mut().for_each(|client| assert_eq!(client.get("/mock").status(), 200));
    drop(clients.pop());
    gateway.wait_for_metric("connections_refused_total", 1.0);
    crate::harness::wait_until("a free place", || {
        let metrics = gateway.metrics();
        let open = |shard| metrics[&format!("tollgate_connections{{shard=\"{shard}\"}}")];
        open(0) + open(1) == 3.0
    });
    assert_eq!(gateway.get("/mock").status(), 200);
}
