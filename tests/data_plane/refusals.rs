//! What two readers of a connection could read in two ways is refused, and ends the connection.

use crate::harness::{Api, Backend, Client, Driver, Gateway, http_proxy, wait_until};

on_both_drivers! { ambiguous_heads, ambiguous_bodies, a_refused_request_is_the_last }

fn gateway(backend: &Backend, driver: Driver) -> Gateway {
    let api = Api::new().route("ANY /{proxy+}", http_proxy(format!("{}/{{proxy}}", backend.url())));
    Gateway::with(&api).driver(driver).start()
}

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: gw.test\r\n\r\n";

/// What follows the refused request is never taken for another.
#[track_caller]
fn check(client: &mut Client, request: &str, expected: u16) {
    client.send(request);
    // The gateway may have closed before it had this.
    let _ = client.try_send(SMUGGLED);
    let answer = client.answer();
    assert_eq!(answer.status(), expected, "{request:?}");
    assert_eq!(answer.field("connection"), Some("close"), "{request:?}");
    client.expect_end();
}

fn ambiguous_heads(driver: Driver) {
    let backend = Backend::named();
    let gateway = gateway(&backend, driver);
    let with = |fields: &str| format!("POST /a HTTP/1.1\r\nHost: gw.test\r\n{fields}\r\n\r\n");
    let heads = [
        with("Content-Length: 4\r\nTransfer-Encoding: chunked"),
        with("Transfer-Encoding: chunked\r\nContent-Length: 4"),
        with("Content-Length: 4\r\nContent-Length: 4"),
        with("Content-Length: 4\r\nContent-Length: 5"),
        with("Content-Length: 4, 4"),
        with("Content-Length: +4"),
        with("Content-Length: -1"),
        with("Content-Length: 0x4"),
        with("Content-Length: 4 4"),
        with("Content-Length: "),
        with("Content-Length: 99999999999999999999"),
        with("Content-Length : 4"),
        with("Transfer-Encoding: gzip, chunked"),
        with("Transfer-Encoding: chunked, identity"),
        with("Transfer-Encoding: chunked, chunked"),
        with("Transfer-Encoding: xchunked"),
        with("Transfer-Encoding: \"chunked\""),
        with("Transfer-Encoding: identity"),
        with("Transfer-Encoding: "),
        with("Transfer-Encoding:\u{b}chunked"),
        with("Transfer-Encoding : chunked"),
        with(" Transfer-Encoding: chunked"),
        with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
        with("X-A: 1\r\n folded"),
        with("X-A: 1\r\n\tfolded: 2"),
        with("X-A: a\rb"),
        with("X-A: a\0b"),
        with("X-A: a\u{7f}b"),
        with("X A: 1"),
        with("X-A"),
        with(": 1"),
        with("X-A: 1\nX-B: 2"),
        with("Host: other"),
        "GET /a HTTP/1.1\r\n\r\n".to_owned(),
        "GET /a HTTP/1.1\r\nHost: a/b\r\n\r\n".to_owned(),
        "GET /a HTTP/1.1\r\nHost: a,b\r\n\r\n".to_owned(),
        "GET /a HTTP/1.1\r\nHost: u@a\r\n\r\n".to_owned(),
        "GET /a HTTP/1.1\r\n Host: a\r\n\r\n".to_owned(),
        "GET /a HTTP/1.1\nHost: a\n\n".to_owned(),
        "GET  /a HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET /a  HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET\t/a HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "G@T /a HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET /a HTTP/1.1 \r\nHost: a\r\n\r\n".to_owned(),
        "GET /a\r\nHost: a\r\n\r\n".to_owned(),
        "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\0\u{5}hello\r\n\r\n".to_owned(),
    ];
    for head in &heads {
        check(&mut gateway.connect(), head, 400);
    }
    let versions = [
        "GET /a HTTP/2.0\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /a HTTP/1.2\r\nHost: a\r\n\r\n",
    ];
    for head in versions {
        check(&mut gateway.connect(), head, 505);
    }
    assert_eq!(backend.requests().len(), 0, "{:?}", backend.requests());
    assert_eq!(backend.connections(), 0);
    let lines = gateway.log(heads.len() + versions.len());
    assert_eq!(lines.len(), heads.len() + versions.len(), "one line each");
    let count = gateway.metric(r#"unrouted_requests_total{cause="bad_request"}"#);
    assert_eq!(count, (heads.len() + versions.len()) as f64);
}

/// The head may have gone to the backend when the body turns out to be wrong: then that connection ends.
fn ambiguous_bodies(driver: Driver) {
    let backend = Backend::named();
    let gateway = gateway(&backend, driver);
    for body in [
        "zz\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-1\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhelloXX0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5\rX\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "0\r\nX-A : 1\r\n\r\n",
        "0\r\nX-A: 1\n\r\n",
        "0\r\nno colon\r\n\r\n",
        "0\r\n X: folded\r\n\r\n",
        "0\r\nX: a\0b\r\n\r\n",
    ] {
        let head = "POST /body HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n";
        check(&mut gateway.connect(), &format!("{head}{body}"), 400);
        // In a packet of its own, after the head.
        let client = &mut gateway.connect();
        client.send(head);
        std::thread::sleep(std::time::Duration::from_millis(2));
        check(client, body, 400);
    }
    for request in backend.requests() {
        assert_eq!(request.target(), "/body");
    }
    wait_until("the answer's end", || gateway.metric(r#"connections{shard="0"}"#) == 0.0);
    assert_eq!(gateway.get("/after").text(), "/after");
}

fn a_refused_request_is_the_last(driver: Driver) {
    let backend = Backend::named();
    let gateway = gateway(&backend, driver);
    let client = &mut gateway.connect();
    client.send(format!("GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /a HTTP/1.1\r\n\r\n{SMUGGLED}"));
    assert_eq!(client.answer().text(), "/first");
    assert_eq!(client.answer().status(), 400);
    client.expect_end();
    assert_eq!(backend.requests().len(), 1);
}
