//! Connections to backends: kept, bounded, given up in time; and what is sent again.

use std::net::TcpListener;
use std::sync::mpsc;

use crate::harness::{Api, Backend, Driver, Gateway, http_proxy, wait_until};

on_both_drivers! {
    connections_are_shared_by_clients,
    a_connection_that_died_in_the_pool,
    a_request_is_sent_again_only_if_that_is_safe,
    retries_can_be_turned_off,
    a_limit_of_connections,
    idle_connections_are_given_up,
    an_answer_that_closes,
    several_addresses,
}

fn proxied(backend: &Backend) -> Api {
    Api::new().route("ANY /{proxy+}", http_proxy(format!("{}/{{proxy}}", backend.url())))
}

fn connections_are_shared_by_clients(driver: Driver) {
    let backend = Backend::named();
    let gateway = Gateway::with(&proxied(&backend)).driver(driver).start();
    for _ in 0..10 {
        assert_eq!(gateway.get("/a").text(), "/a");
    }
    assert_eq!(backend.connections(), 1);
    assert_eq!(gateway.metric(r#"upstream_connections_total{event="opened"}"#), 1.0);
    assert_eq!(gateway.metric(r#"upstream_connections_total{event="reused"}"#), 9.0);
}

/// The gateway looks before it sends: no retry is needed, also for a POST.
fn a_connection_that_died_in_the_pool(driver: Driver) {
    let backend = Backend::start(|conversation| {
        conversation.read_body();
        conversation.ok("served");
        conversation.close();
    });
    let gateway = Gateway::with(&proxied(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    for _ in 0..5 {
        let answer = client.exchange("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
        assert_eq!(answer.text(), "served");
        // Some ticks of the shard's clock: within the tick in which it came back, a connection is not looked at.
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(backend.requests().len(), 5);
    assert_eq!(gateway.metric("upstream_retries_total"), 0.0);
}

/// Closes each connection when its second request has come, unanswered.
fn closing_on_the_second_request() -> Backend {
    Backend::start(|conversation| {
        conversation.read_body();
        if conversation.served == 0 { conversation.ok("served") } else { conversation.reset() }
    })
}

fn a_request_is_sent_again_only_if_that_is_safe(driver: Driver) {
    for (method, again) in [
        ("GET", true),
        ("HEAD", true),
        ("OPTIONS", true),
        ("PUT", true),
        ("DELETE", true),
        ("POST", false),
        ("PATCH", false),
    ] {
        let backend = closing_on_the_second_request();
        let gateway = Gateway::with(&proxied(&backend)).driver(driver).start();
        assert_eq!(gateway.get("/first").text(), "served");
        let answer = gateway.exchange(format!("{method} /second HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"));
        assert_eq!(answer.status(), if again { 200 } else { 504 }, "{method}");
        let seconds = backend.requests().iter().filter(|request| request.target() == "/second").count();
        assert_eq!(seconds, if again { 2 } else { 1 }, "{method}");
        assert_eq!(gateway.metric("upstream_retries_total"), f64::from(u8::from(again)), "{method}");
    }
}

fn retries_can_be_turned_off(driver: Driver) {
    let backend = closing_on_the_second_request();
    let gateway = Gateway::with(&proxied(&backend)).driver(driver).set("upstream.retries_max", 0).start();
    assert_eq!(gateway.get("/first").text(), "served");
    assert_eq!(gateway.get("/second").status(), 504);
    assert_eq!(backend.requests().len(), 2);
}

fn a_limit_of_connections(driver: Driver) {
    let (let_go, held) = mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let backend = Backend::start(move |conversation| {
        let _ = held.lock().expect("no panic with it").recv();
        conversation.ok("served");
    });
    let gateway = Gateway::with(&proxied(&backend)).driver(driver).set("upstream.connections_max", 2);
    let gateway = gateway.set("upstream.idle_connections_max", 2).start();
    let mut waiting = [gateway.connect(), gateway.connect()];
    waiting.iter_mut().for_each(|client| client.send(crate::harness::get("/held")));
    backend.wait_for_requests(2);
    let answer = gateway.get("/one-more");
    assert_eq!((answer.status(), answer.text()), (503, r#"{"message":"Service Unavailable"}"#));
    drop(let_go);
    waiting.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "served"));
    assert_eq!(gateway.get("/again").text(), "served", "a pooled connection is none of the limit's");
    assert_eq!(backend.connections(), 2);
}

fn idle_connections_are_given_up(driver: Driver) {
    let (closed, close) = mpsc::channel();
    let backend = Backend::start(move |conversation| {
        conversation.ok("served");
        if conversation.request.target() == "/watched" {
            conversation.wait_for_close();
            closed.send(()).expect("the test waits");
        }
    });
    let gateway = Gateway::with(&proxied(&backend)).driver(driver).set("upstream.idle_timeout_ms", 50).start();
    assert_eq!(gateway.get("/watched").text(), "served");
    close.recv_timeout(crate::harness::PATIENCE).expect("the gateway closes it");
    // None is kept where none is wanted.
    let gateway = Gateway::with(&proxied(&backend)).driver(driver).set("upstream.idle_connections_max", 0).start();
    for _ in 0..3 {
        assert_eq!(gateway.get("/a").text(), "served");
    }
    wait_until("three connections more", || backend.connections() == 4);
}

fn an_answer_that_closes(driver: Driver) {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    let gateway = Gateway::with(&proxied(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    for _ in 0..3 {
        let answer = client.get("/a");
        assert_eq!((answer.text(), answer.has("connection")), ("ok", false), "it is the backend's that ends");
    }
    assert_eq!(backend.connections(), 3);
    let old = Backend::answering("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let gateway = Gateway::with(&proxied(&old)).driver(driver).start();
    assert_eq!((gateway.get("/a").text(), gateway.get("/a").text()), ("ok", "ok"));
    assert_eq!(old.connections(), 2);
}

/// `localhost` has two addresses on most machines, of which a backend may have only one.
fn several_addresses(driver: Driver) {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = TcpListener::bind(address) else { continue };
        let backend = Backend::on(listener, |conversation| conversation.ok("served"));
        let port = backend.address.port();
        let has_it = std::net::ToSocketAddrs::to_socket_addrs(&("localhost", port)).expect("localhost is known");
        if !has_it.into_iter().any(|found| found == backend.address) {
            continue;
        }
        let api = Api::new().route("ANY /{proxy+}", http_proxy(format!("http://localhost:{port}/{{proxy}}")));
        let gateway = Gateway::with(&api).driver(driver).set("upstream.idle_connections_max", 0).start();
        for _ in 0..4 {
            assert_eq!(gateway.get("/a").text(), "served", "{address}");
        }
        assert_eq!(backend.last().field("host"), Some(format!("localhost:{port}").as_str()));
    }
}
