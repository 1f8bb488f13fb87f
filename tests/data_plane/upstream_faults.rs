//! Backends that fail, each in its own way, and what their clients are told.

use serde_json::json;

use crate::harness::{Api, Backend, Driver, Gateway, http_proxy, wait_until};

on_both_drivers! {
    no_answer,
    no_http,
    answers_that_break_off,
    heads_that_are_too_large,
    nobody_listens,
    silence,
    silence_in_the_body,
    bytes_after_an_answer,
}

fn api(backend: &Backend) -> Api {
    let mut proxied = http_proxy(format!("{}/{{proxy}}", backend.url()));
    proxied["timeoutInMillis"] = json!(20_000);
    Api::new().route("ANY /{proxy+}", proxied)
}

const UNREACHED: (u16, &str) = (504, r#"{"message":"Network error communicating with endpoint"}"#);
const TIMED_OUT: (u16, &str) = (504, r#"{"message":"Endpoint request timed out"}"#);
const MALFORMED: (u16, &str) = (502, r#"{"message":"Internal server error"}"#);

fn no_answer(driver: Driver) {
    let backend = Backend::start(|conversation| match conversation.request.target() {
        "/reset" => conversation.reset(),
        "/close" => conversation.close(),
        _ => conversation.ok("served"),
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    for target in ["/reset", "/close"] {
        for method in ["GET", "POST"] {
            let answer = client.exchange(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
            assert_eq!((answer.status(), answer.text()), UNREACHED, "{method} {target}");
            assert_eq!(answer.field("x-amzn-errortype"), Some("InternalServerErrorException"));
        }
    }
    assert_eq!(client.get("/a").text(), "served", "the client's connection goes on");
    let log = gateway.log(5);
    assert_eq!(log[0]["error"], "the origin closed before it answered");
    assert_eq!(log[4]["error"], json!(null));
}

/// Whatever the first bytes are, they are no reason to let any of them through.
fn no_http(driver: Driver) {
    let answers = [
        "garbage\r\n\r\n",
        "SSH-2.0-OpenSSH_9\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: a\rb\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: \u{7f}\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A : a\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: a\r\n folded\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    ];
    let backend = Backend::start(move |conversation| {
        let number: usize = conversation.request.target()[1..].parse().expect("a number");
        conversation.send(answers[number]);
        conversation.close();
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    for (number, answer) in answers.iter().enumerate() {
        let got = client.get(&format!("/{number}"));
        assert_eq!((got.status(), got.text()), MALFORMED, "{answer:?}");
    }
    assert_eq!(backend.connections(), answers.len(), "no connection is used again, no request sent twice");
    for line in gateway.log(answers.len()) {
        assert!(line["error"].is_string(), "{line}");
    }
}

/// What has begun cannot be taken back: the client must see that it is not whole.
fn answers_that_break_off(driver: Driver) {
    let backend = Backend::start(|conversation| {
        match conversation.request.target() {
            "/short" => conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart"),
            "/cut" => conversation.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"),
            "/mid-chunk" => conversation.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\npart"),
            "/no-last-line" => {
                conversation.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n0\r\n")
            }
            _ => {
                conversation.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
                std::thread::sleep(std::time::Duration::from_millis(50));
                conversation.send("zz\r\n\r\n");
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
        conversation.close();
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let targets = ["/short", "/cut", "/mid-chunk", "/no-last-line", "/bad-size"];
    for target in targets {
        let client = &mut gateway.connect();
        client.send(crate::harness::get(target));
        let part = client.part_of_answer();
        assert_eq!((part.status(), part.text()), (200, "part"), "{target}");
    }
    let log = gateway.log(targets.len());
    assert!(log.iter().all(|line| line["status"] == 200 && line["error"].is_string()), "{log:?}");
    // In its head: nothing was passed on yet.
    let backend = Backend::start(|conversation| {
        conversation.send("HTTP/1.1 200 OK\r\nContent-Le");
        conversation.close();
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let answer = gateway.get("/a");
    assert_eq!((answer.status(), answer.text()), MALFORMED);
}

fn heads_that_are_too_large(driver: Driver) {
    let backend = Backend::start(|conversation| match conversation.request.target() {
        "/fits" => {
            conversation.send(format!("HTTP/1.1 200 OK\r\nX-A: {}\r\nContent-Length: 0\r\n\r\n", "a".repeat(3000)))
        }
        "/fields" => {
            let fields: String = (0..500).map(|_| "A: 1\r\n").collect();
            conversation.send(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n"));
        }
        "/hints" => loop {
            let hint = format!("HTTP/1.1 103 Early Hints\r\nX-A: {}\r\n\r\n", "a".repeat(1000));
            if std::io::Write::write_all(conversation.stream, hint.as_bytes()).is_err() {
                return conversation.close();
            }
        },
        _ => {
            conversation.send(format!("HTTP/1.1 200 OK\r\nX-A: {}", "a".repeat(100_000)));
            conversation.wait_for_close();
        }
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).set("upstream.response_head_bytes_max", 4096).start();
    assert_eq!(gateway.get("/fits").field("x-a").map(str::len), Some(3000));
    for target in ["/long", "/fields", "/hints"] {
        let answer = gateway.get(target);
        assert_eq!((answer.status(), answer.text()), MALFORMED, "{target}");
    }
}

fn nobody_listens(driver: Driver) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/{{proxy}}", listener.local_addr().expect("bound"));
    drop(listener);
    let gateway = Gateway::with(&Api::new().route("ANY /{proxy+}", http_proxy(url))).driver(driver).start();
    let client = &mut gateway.connect();
    for method in ["GET", "POST"] {
        let answer = client.exchange(format!("{method} /a HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!((answer.status(), answer.text()), UNREACHED);
    }
    assert!(gateway.metric(r#"upstream_connections_total{event="failed"}"#) >= 2.0);
}

fn silence(driver: Driver) {
    let backend = Backend::start(|conversation| {
        conversation.read_body();
        if conversation.request.target() == "/hints" {
            conversation.send("HTTP/1.1 103 Early Hints\r\n\r\n");
        }
        if conversation.request.target() == "/part" {
            conversation.send("HTTP/1.1 200 OK\r\nContent-");
        }
        conversation.wait_for_close();
    });
    let mut proxied = http_proxy(format!("{}/{{proxy}}", backend.url()));
    proxied["timeoutInMillis"] = json!(100);
    let gateway = Gateway::with(&Api::new().route("ANY /{proxy+}", proxied)).driver(driver).start();
    let client = &mut gateway.connect();
    for request in [
        "GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
        "GET /hints HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /part HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let answer = client.exchange(request);
        assert_eq!((answer.status(), answer.text()), TIMED_OUT, "{request}");
    }
    assert_eq!(backend.requests().len(), 4, "none is sent twice");
    assert_eq!(gateway.metric(r#"upstream_timeouts_total{phase="head"}"#), 4.0);
}

fn silence_in_the_body(driver: Driver) {
    let backend = Backend::start(|conversation| {
        conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
        conversation.wait_for_close();
    });
    let start = Gateway::with(&api(&backend)).driver(driver);
    let gateway = start.set("upstream.response_idle_timeout_ms", 100).start();
    let client = &mut gateway.connect();
    client.send(crate::harness::get("/a"));
    let part = client.part_of_answer();
    assert_eq!(part.text(), "part");
    wait_until("the time-out", || gateway.metric(r#"upstream_timeouts_total{phase="body"}"#) == 1.0);
}

/// They belong to nobody: the next request gets a connection of its own.
fn bytes_after_an_answer(driver: Driver) {
    let backend = Backend::start(|conversation| {
        let body = conversation.request.target().to_owned();
        let length = body.len();
        let poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
        match conversation.request.target() {
            "/at-once" => {
                conversation.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}{poison}"))
            }
            "/204" => conversation.send(format!("HTTP/1.1 204 No Content\r\n\r\n{poison}")),
            "/chunked" => conversation.send(format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n{poison}"
            )),
            "/later" => {
                conversation.ok(&body);
                std::thread::sleep(std::time::Duration::from_millis(20));
                conversation.send(poison);
            }
            _ => conversation.ok(&body),
        }
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    for target in ["/at-once", "/204", "/chunked", "/later"] {
        let answer = client.get(target);
        assert!(answer.body.is_empty() || answer.text() == target, "{target}: {}", answer.text());
        if target == "/later" {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        assert_eq!(client.get("/next").text(), "/next", "after {target}");
    }
}
