//! HTTP/1.1 between client, gateway and backend: connections, order, framing of answers.

use std::sync::mpsc;

use crate::harness::{Api, Backend, Driver, Gateway, http_proxy, mock};

on_both_drivers! {
    connections_are_kept,
    http_1_0,
    pipelined_answers_come_in_order,
    answers_do_not_wait_for_later_requests,
    thousands_of_pipelined_requests,
    a_head_may_come_byte_by_byte,
    head_gets_the_head_alone,
    answers_without_a_body,
    informational_answers_are_not_passed_on,
    half_closed_clients_get_their_answers,
    clients_that_leave_end_only_their_own_exchange,
    a_limit_of_requests_per_connection,
    idle_connections_are_closed,
}

/// A mock at `/mock`, everything else at the backend.
fn api(backend: &Backend) -> Api {
    let proxied = http_proxy(format!("{}/{{proxy}}", backend.url()));
    Api::new().route("ANY /mock", mock(200, "mocked")).route("ANY /{proxy+}", proxied)
}

fn connections_are_kept(driver: Driver) {
    let backend = Backend::named();
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    for round in 0..20 {
        assert_eq!(client.get("/mock").text(), "mocked");
        let target = format!("/round/{round}");
        let answer = client.get(&target);
        assert_eq!((answer.text(), answer.has("connection")), (target.as_str(), false));
    }
    assert_eq!(backend.connections(), 1, "the connection to the backend is kept, too");
    assert_eq!(gateway.metric("connections_accepted_total"), 1.0);
    let last = client.exchange("GET /last HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n");
    assert_eq!((last.text(), last.field("connection")), ("/last", Some("close")));
    client.expect_end();
    let client = &mut gateway.connect();
    let last = client.exchange("GET /mock HTTP/1.1\r\nHost: gw.test\r\nConnection: foo, Close\r\n\r\n");
    assert_eq!((last.text(), last.field("connection")), ("mocked", Some("close")));
    client.expect_end();
}

fn http_1_0(driver: Driver) {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    for target in ["/mock", "/proxied"] {
        let client = &mut gateway.connect();
        let answer = client.exchange(format!("GET {target} HTTP/1.0\r\n\r\n"));
        assert_eq!(answer.field("connection"), Some("close"), "{target}");
        client.expect_end();
    }
    // It knows no chunks: the end of the connection is the body's.
    let client = &mut gateway.connect();
    let answer = client.exchange("GET /proxied HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!((answer.text(), answer.has("transfer-encoding")), ("abc", false));
    client.expect_end();
    let client = &mut gateway.connect();
    for _ in 0..3 {
        let answer = client.exchange("GET /mock HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
        assert_eq!((answer.text(), answer.field("connection")), ("mocked", Some("keep-alive")));
    }
}

fn pipelined_answers_come_in_order(driver: Driver) {
    let backend = Backend::start(|conversation| {
        conversation.read_body();
        if conversation.request.target().starts_with("/slow") {
            std::thread::sleep(std::time::Duration::from_millis(30));
        }
        let body = format!("{}:{}", conversation.request.target(), conversation.request.text());
        conversation.ok(&body);
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    let post = |target: &str, body: &str| {
        format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let chunked = |target: &str| {
        format!("POST {target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
    };
    let requests = [
        (get("/slow/1"), "/slow/1:"),
        (get("/mock"), "mocked"),
        (post("/2", "two"), "/2:two"),
        (post("/mock", "forgotten"), "mocked"),
        (chunked("/slow/3"), "/slow/3:hi"),
        (chunked("/mock"), "mocked"),
        (get("/nothing/../here"), r#"{"message":"Bad Request"}"#),
    ];
    let all: String = requests.iter().map(|(request, _)| request.as_str()).collect();
    client.send(all + "\r\n");
    for (request, expected) in &requests {
        assert_eq!(client.answer().text(), *expected, "{request}");
    }
    client.expect_end();
}

/// A mock's answer was held back while the request behind it was at the backend; it was lost when that failed, and went
/// to the backend when that request had a chunked body.
fn answers_do_not_wait_for_later_requests(driver: Driver) {
    let backend = Backend::start(|conversation| match conversation.request.target() {
        "/fails" => conversation.reset(),
        _ => {
            conversation.read_body();
            let body = conversation.request.text().to_owned();
            conversation.ok(&body);
        }
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let get = crate::harness::get;
    let client = &mut gateway.connect();
    client.send(get("/mock") + &get("/fails") + &get("/mock") + &get("/mock") + &get("/fails"));
    for expected in [200, 504, 200, 200, 504] {
        assert_eq!(client.answer().status(), expected);
    }
    let head = "POST /held HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.send(get("/mock") + head + "2\r\nab\r\n");
    assert_eq!(client.answer().text(), "mocked");
    client.send("2\r\ncd\r\n0\r\n\r\n");
    assert_eq!(client.answer().text(), "abcd");
}

fn thousands_of_pipelined_requests(driver: Driver) {
    const REQUESTS: usize = 3000;
    let backend = Backend::named();
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    let target = |number: usize| if number % 50 == 7 { format!("/at/{number}") } else { "/mock".to_owned() };
    let all: String = (0..REQUESTS).map(|number| crate::harness::get(&target(number))).collect();
    let mut sender = client.socket.try_clone().expect("a descriptor");
    let sending = std::thread::spawn(move || std::io::Write::write_all(&mut sender, all.as_bytes()));
    for number in 0..REQUESTS {
        let answer = client.answer();
        let expected = if number % 50 == 7 { target(number) } else { "mocked".to_owned() };
        assert_eq!(answer.text(), expected, "{number}");
    }
    sending.join().expect("it does not panic").expect("everything was read");
    assert_eq!(client.get("/mock").text(), "mocked");
    assert_eq!(gateway.log(REQUESTS + 1).len(), REQUESTS + 1);
}

fn a_head_may_come_byte_by_byte(driver: Driver) {
    let backend = Backend::named();
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let request = "\r\nPOST /split HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n\
                   5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n";
    let client = &mut gateway.connect();
    for byte in request.as_bytes() {
        client.send([*byte]);
        std::thread::yield_now();
    }
    assert_eq!(client.answer().text(), "/split");
    // In two pieces, cut at each place there is.
    for at in 1..request.len() {
        client.send(&request[..at]);
        std::thread::sleep(std::time::Duration::from_micros(300));
        client.send(&request[at..]);
        assert_eq!(client.answer().text(), "/split", "cut at {at}");
    }
    for request in backend.requests() {
        assert_eq!((request.text(), request.trailers.len()), ("hello world", 1));
    }
}

fn head_gets_the_head_alone(driver: Driver) {
    let backend = Backend::start(|conversation| match conversation.request.target() {
        "/length" => conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
        "/chunked" => conversation.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        "/closes" => {
            conversation.send("HTTP/1.1 200 OK\r\n\r\n");
            conversation.close();
        }
        _ => conversation.send("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n"),
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    let mut head = |target: &str| client.exchange(format!("HEAD {target} HTTP/1.1\r\nHost: gw.test\r\n\r\n"));
    assert_eq!(head("/length").field("content-length"), Some("1000"));
    assert_eq!(head("/chunked").field("content-length"), None);
    assert_eq!(head("/other").field("content-length"), Some("5"));
    assert_eq!(head("/mock").field("content-length"), Some("6"));
    assert_eq!(head("/length").field("content-length"), Some("1000"));
    assert_eq!(head("/closes").status(), 200);
    assert_eq!(head("/mock").status(), 200, "in step");
}

fn answers_without_a_body(driver: Driver) {
    let backend = Backend::start(|conversation| match conversation.request.target() {
        "/204" => conversation.send("HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n"),
        "/304" => conversation.send("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 9\r\n\r\n"),
        "/204-with-length" => conversation.send("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"),
        _ => conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    });
    let gateway = Gateway::with(&api(&backend).route("GET /nothing", mock(204, ""))).driver(driver).start();
    let client = &mut gateway.connect();
    for _ in 0..2 {
        for (target, status, length) in [
            ("/204", 204, None),
            ("/304", 304, Some("9")),
            ("/204-with-length", 204, None),
            ("/empty", 200, Some("0")),
            ("/nothing", 204, None),
        ] {
            let answer = client.get(target);
            assert_eq!((answer.status(), answer.field("content-length")), (status, length), "{target}");
        }
    }
    assert_eq!(backend.connections(), 1);
}

fn informational_answers_are_not_passed_on(driver: Driver) {
    let backend = Backend::start(|conversation| {
        conversation.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
        conversation.ok("final");
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    for _ in 0..3 {
        assert_eq!(client.get("/a").text(), "final");
    }
    // Nobody asked for another protocol.
    let switching = Backend::answering("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
    let gateway = Gateway::with(&api(&switching)).driver(driver).start();
    assert_eq!(gateway.get("/a").status(), 502);
}

fn half_closed_clients_get_their_answers(driver: Driver) {
    let (let_go, held) = mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let backend = Backend::start(move |conversation| {
        conversation.read_body();
        if conversation.request.target() == "/held" {
            let _ = held.lock().expect("no panic with it").recv();
        }
        let body = conversation.request.target().to_owned();
        conversation.ok(&body);
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    client.send(crate::harness::get("/mock") + &crate::harness::get("/held") + &crate::harness::get("/more"));
    client.half_close();
    assert_eq!(client.answer().text(), "mocked");
    backend.wait_for_requests(1);
    let_go.send(()).expect("the backend waits");
    assert_eq!(client.answer().text(), "/held");
    assert_eq!(client.answer().text(), "/more");
    client.expect_end();
    assert_eq!(gateway.log(3).len(), 3);
}

fn clients_that_leave_end_only_their_own_exchange(driver: Driver) {
    let backend = Backend::start(|conversation| match conversation.request.target() {
        "/held" => conversation.wait_for_close(),
        _ => conversation.ok("served"),
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let mut leaving = gateway.connect();
    leaving.send(crate::harness::get("/held"));
    backend.wait_for_requests(1);
    socket2::SockRef::from(&leaving.socket).set_linger(Some(std::time::Duration::ZERO)).expect("a TCP socket");
    drop(leaving);
    assert_eq!(gateway.get("/a").text(), "served");
    gateway.wait_for_metric("client_aborts_total", 1.0);
    let log = gateway.log(2);
    let line = log.iter().find(|line| line["path"] == "/held").expect("it is logged, too");
    assert_eq!(line["status"], 499);
    assert_eq!(gateway.metric("panics_total"), 0.0);
}

fn a_limit_of_requests_per_connection(driver: Driver) {
    let backend = Backend::named();
    let start = Gateway::with(&api(&backend)).driver(driver);
    let gateway = start.set("limits.requests_per_connection_max", 3).start();
    let client = &mut gateway.connect();
    assert!(!client.get("/mock").has("connection"));
    assert!(!client.get("/a").has("connection"));
    assert_eq!(client.get("/mock").field("connection"), Some("close"));
    client.expect_end();
}

fn idle_connections_are_closed(driver: Driver) {
    let backend = Backend::named();
    let gateway = Gateway::with(&api(&backend)).driver(driver).set("limits.idle_timeout_ms", 100).start();
    let client = &mut gateway.connect();
    assert_eq!(client.get("/mock").text(), "mocked");
    client.expect_end();
    gateway.connect().expect_end();
    // One that is parked, after a second without a request, still serves.
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    assert_eq!(client.get("/a").text(), "/a");
    std::thread::sleep(std::time::Duration::from_millis(1200));
    assert_eq!(client.get("/b").text(), "/b");
    assert_eq!(gateway.metric("connections_accepted_total"), 1.0);
}
