//! Bodies in both directions: framed anew, streamed, whole.

use std::io::Write;

use serde_json::json;

use crate::harness::{Api, Backend, Driver, Gateway, http_proxy, mock};

on_both_drivers! {
    chunks_and_trailers_to_the_backend,
    trailers_do_not_stand_beside_what_is_mapped,
    chunks_and_trailers_to_the_client,
    a_body_until_the_end_of_the_connection,
    a_megabyte_each_way,
    bodies_are_not_held_back,
    expectations,
    a_client_that_does_not_wait_for_the_continue,
    an_answer_before_the_body_is_there,
    methods_that_have_no_body,
}

fn api(backend: &Backend) -> Api {
    let proxied = http_proxy(format!("{}/{{proxy}}", backend.url()));
    Api::new().route("ANY /mock", mock(200, "mocked")).route("ANY /{proxy+}", proxied)
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 12345u32;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..bytes).map(step).collect()
}

fn chunks_and_trailers_to_the_backend(driver: Driver) {
    let backend = Backend::named();
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    let answer = client.exchange(
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nTrailer: X-Sum\r\n\r\n\
         4;name=value\r\nWiki\r\n5;q=\"a\"\r\npedia\r\n00\r\nX-Sum: 9\r\nContent-Length: 3\r\nHost: evil\r\n\
         X-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\n\r\n",
    );
    assert_eq!(answer.text(), "/a");
    let request = backend.last();
    assert_eq!((request.text(), request.field("transfer-encoding")), ("Wikipedia", Some("chunked")));
    assert_eq!(request.trailers, [("X-Sum".to_owned(), "9".to_owned())], "nothing that frames, routes or identifies");
    assert!(!request.has("content-length"));
    assert_eq!(client.get("/b").text(), "/b");
    assert_eq!(backend.connections(), 1);
}

/// What the gateway says of the caller is not said once more behind the body.
fn trailers_do_not_stand_beside_what_is_mapped(driver: Driver) {
    let backend = Backend::named();
    let mut integration = http_proxy(backend.url());
    integration["requestParameters"] = json!({ "integration.request.header.X-User": "context.identity.sourceIp" });
    let gateway = Gateway::with(&Api::new().route("POST /a", integration)).driver(driver).start();
    let answer = gateway.exchange(
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-User: admin\r\n\r\n",
    );
    assert_eq!(answer.status(), 200);
    let request = backend.last();
    assert_eq!((request.text(), request.field("x-user"), request.trailers.len()), ("x", Some("127.0.0.1"), 0));
}

fn chunks_and_trailers_to_the_client(driver: Driver) {
    let backend = Backend::start(|conversation| {
        conversation.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n4;x=y\r\nWi");
        std::thread::sleep(std::time::Duration::from_millis(5));
        conversation.send("ki\r\n00005\r\npedia\r\n0\r\nX-Sum: 9\r\nSet-Cookie: a=b\r\n\r\n");
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    for _ in 0..3 {
        let answer = client.get("/a");
        assert_eq!((answer.text(), answer.field("transfer-encoding")), ("Wikipedia", Some("chunked")));
        assert_eq!(answer.trailers, [("X-Sum".to_owned(), "9".to_owned())]);
    }
    assert_eq!(backend.connections(), 1);
}

fn a_body_until_the_end_of_the_connection(driver: Driver) {
    let backend = Backend::start(|conversation| {
        conversation.send("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\nfirst ");
        std::thread::sleep(std::time::Duration::from_millis(5));
        conversation.send("second");
        conversation.close();
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    for _ in 0..3 {
        let answer = client.get("/a");
        assert_eq!((answer.text(), answer.field("transfer-encoding")), ("first second", Some("chunked")));
    }
    assert_eq!(backend.connections(), 3);
}

fn a_megabyte_each_way(driver: Driver) {
    const BYTES: usize = 1 << 20;
    let backend = Backend::start(|conversation| {
        conversation.read_body();
        let body = conversation.request.body.clone();
        match conversation.request.target() {
            "/length" => conversation.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len())),
            _ => {
                conversation.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                for piece in body.chunks(70_001) {
                    conversation.send([format!("{:X}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
                }
                return conversation.send("0\r\n\r\n");
            }
        }
        conversation.send(body);
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let body = noise(BYTES);
    let client = &mut gateway.connect();
    for target in ["/length", "/chunks"] {
        client.send(format!("PUT {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {BYTES}\r\n\r\n"));
        client.send(&body);
        assert!(client.answer().body == body, "the body of {target} differs");
        client.send(format!("PUT {target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
        for piece in body.chunks(9_999) {
            client.send([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
        }
        client.send("0\r\n\r\n");
        assert!(client.answer().body == body, "the chunked body of {target} differs");
    }
    assert_eq!(backend.connections(), 1);
    assert!(gateway.metric("sent_bytes_total") > 4.0 * BYTES as f64);
    assert!(gateway.metric("received_bytes_total") > 4.0 * BYTES as f64);
    assert_eq!(gateway.log(4)[3]["responseLength"], BYTES);
}

/// What a side has sent gets to the other without waiting for the rest.
fn bodies_are_not_held_back(driver: Driver) {
    let backend = Backend::start(|conversation| {
        conversation.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        conversation.wait_for_close();
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    client.send(crate::harness::get("/events"));
    client.socket.set_read_timeout(Some(std::time::Duration::from_secs(1))).expect("not zero");
    let part = client.part_of_answer();
    assert_eq!(part.text(), "hello");
    // A request's body, too: the backend has the first part while the client keeps the second.
    let (seen, sees) = std::sync::mpsc::channel();
    let backend = Backend::start(move |conversation| {
        let mut byte = [0; 5];
        std::io::Read::read_exact(conversation.stream, &mut byte).expect("the first part");
        seen.send(byte).expect("the test waits");
        conversation.ok("early");
        conversation.wait_for_close();
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
    backend.wait_for_requests(1);
    client.send("first");
    assert_eq!(&sees.recv_timeout(crate::harness::PATIENCE).expect("it comes through"), b"first");
    assert_eq!(client.answer().text(), "early");
}

fn expectations(driver: Driver) {
    let backend = Backend::start(|conversation| {
        conversation.read_body();
        let body = conversation.request.text().to_owned();
        conversation.ok(&body);
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    for framing in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        client.send(format!("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n{framing}\r\n\r\n"));
        assert_eq!(client.answer().status(), 100);
        client.send(if framing.starts_with('C') { "hello" } else { "5\r\nhello\r\n0\r\n\r\n" });
        assert_eq!(client.answer().text(), "hello");
        assert!(!backend.last().has("expect"));
    }
    // Without a body there is nothing to wait for.
    client.send("GET /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.answer().status(), 200);
    // HTTP/1.0 knows nothing of it.
    let client = &mut gateway.connect();
    client.send("POST /a HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(client.answer().text(), "hello");
    // A mock asks for no body; what follows may be that or a request, so the connection ends.
    let client = &mut gateway.connect();
    client.send("POST /mock HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_eq!((client.answer().text(), true), ("mocked", client.ends()));
    // As does a request that finds no method.
    let client = &mut gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_eq!((client.answer().status(), true), (403, client.ends()));
}

fn a_client_that_does_not_wait_for_the_continue(driver: Driver) {
    let backend = Backend::start(|conversation| {
        conversation.read_body();
        let body = conversation.request.text().to_owned();
        conversation.ok(&body);
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
    let mut answer = client.answer();
    if answer.status() == 100 {
        answer = client.answer();
    }
    assert_eq!(answer.text(), "hello");
    assert_eq!(client.get("/b").status(), 200);
}

/// The answer gets through although the client is not done, and ends the connection.
fn an_answer_before_the_body_is_there(driver: Driver) {
    let backend = Backend::start(|conversation| {
        conversation.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
        conversation.wait_for_close();
    });
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbegin");
    let answer = client.answer();
    assert_eq!((answer.status(), answer.text(), answer.field("connection")), (401, "no", Some("close")));
    // The rest is read for a while, so that no reset takes the answer away.
    let mut socket = client.socket.try_clone().expect("a descriptor");
    let _ = socket.write_all(&[b'x'; 100_000]);
    client.half_close();
    client.expect_end();
    // The backend's connection is in the middle of a body: it is not used again.
    assert_eq!(gateway.get("/b").status(), 401);
    assert_eq!(backend.connections(), 2);
    // A mock's answer comes at once, and the connection goes on behind the body.
    let client = &mut gateway.connect();
    client.send("POST /mock HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    assert_eq!(client.answer().text(), "mocked");
    client.send("x".repeat(100_000));
    assert_eq!(client.get("/mock").text(), "mocked");
}

fn methods_that_have_no_body(driver: Driver) {
    let backend = Backend::named();
    let gateway = Gateway::with(&api(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    for (method, length) in [
        ("GET", None),
        ("DELETE", None),
        ("OPTIONS", None),
        ("POST", Some("0")),
        ("PUT", Some("0")),
        ("PATCH", Some("0")),
    ] {
        client.exchange(format!("{method} /a HTTP/1.1\r\nHost: a\r\n\r\n"));
        let request = backend.last();
        assert_eq!((request.method(), request.field("content-length")), (method, length));
    }
    client.exchange("GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    assert_eq!((backend.last().method(), backend.last().text()), ("GET", "body"));
}
