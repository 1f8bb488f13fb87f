//! TLS to clients and to backends.

use std::io::Read;

use rustls::HandshakeKind;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};
use serde_json::json;

use crate::harness::gateway::Start;
use crate::harness::tls::{Identity, TlsBackend, authority_pem, client_config, try_connect};
use crate::harness::{Api, Backend, Client, Driver, Gateway, http_proxy, mock, wait_until};

on_both_drivers! {
    both_versions_and_large_bodies,
    names_select_certificates,
    sessions_are_resumed,
    certificates_are_reloaded,
    what_is_no_handshake,
    slow_handshakes_end,
    plain_and_tls_side_by_side,
    backends_are_verified,
    verification_can_be_skipped,
}

pub fn with_certificate(start: Start, name: &str, identity: &Identity) -> Start {
    let (certificate, key) = identity.write(start.folder.path(), name);
    let start = start.arg("--tls-certificate").arg(certificate.display().to_string());
    start.arg("--tls-key").arg(key.display().to_string())
}

fn api() -> Api {
    Api::new().route("ANY /mock", mock(200, "mocked"))
}

fn der(identity: &Identity) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(identity.certificate.as_bytes()).expect("it is one")
}

fn both_versions_and_large_bodies(driver: Driver) {
    const BYTES: usize = 1 << 20;
    let backend = Backend::start(|conversation| {
        conversation.read_body();
        let body = conversation.request.body.clone();
        conversation.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
        conversation.send(body);
    });
    let api = api().route("ANY /to/{proxy+}", http_proxy(format!("{}/{{proxy}}", backend.url())));
    let gateway = with_certificate(Gateway::with(&api).driver(driver), "a", &Identity::new(&["gw.test"])).start();
    let body: Vec<u8> = (0..BYTES as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for version in [&TLS12, &TLS13] {
        let session = try_connect(gateway.address(), "gw.test", &client_config(&[version])).expect("a handshake");
        assert_eq!(session.protocol.as_deref(), Some(b"http/1.1".as_slice()));
        let mut client = session.client;
        assert_eq!(client.get("/mock").text(), "mocked", "{version:?}");
        client.send(format!("PUT /to/a HTTP/1.1\r\nHost: gw.test\r\nContent-Length: {BYTES}\r\n\r\n"));
        client.send(&body);
        assert!(client.answer().body == body, "{version:?}: the body differs");
        assert_eq!(backend.last().field("x-forwarded-proto"), Some("https"));
        let last = client.exchange("GET /mock HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(last.field("connection"), Some("close"));
        client.expect_end();
    }
    assert_eq!(gateway.metric(r#"tls_handshakes_total{result="ok"}"#), 2.0);
}

fn names_select_certificates(driver: Driver) {
    let (first, second, wild) =
        (Identity::new(&["first.test"]), Identity::new(&["second.test", "127.0.0.1"]), Identity::new(&["*.wild.test"]));
    let start = with_certificate(Gateway::with(&api()).driver(driver), "first", &first);
    let gateway = with_certificate(with_certificate(start, "second", &second), "wild", &wild).start();
    let config = client_config(&[&TLS13]);
    for (name, expected) in
        [("first.test", &first), ("second.test", &second), ("a.wild.test", &wild), ("SECOND.test", &second)]
    {
        let session = try_connect(gateway.address(), name, &config).expect(name);
        assert_eq!(session.certificate, der(expected), "{name}");
    }
    // A name that nobody has gets the first certificate, which the client then refuses.
    assert!(try_connect(gateway.address(), "other.test", &config).is_err());
    assert_eq!(
        try_connect(gateway.address(), "first.test", &config).expect("a handshake").client.get("/mock").status(),
        200
    );
}

fn sessions_are_resumed(driver: Driver) {
    let start = Gateway::with(&api()).driver(driver).shards(2);
    let gateway = with_certificate(start, "a", &Identity::new(&["gw.test"])).start();
    for version in [&TLS12, &TLS13] {
        let config = client_config(&[version]);
        let mut kinds = Vec::new();
        for _ in 0..4 {
            let mut session = try_connect(gateway.address(), "gw.test", &config).expect("a handshake");
            // In TLS 1.3, tickets come with the first answer.
            assert_eq!(session.client.get("/mock").status(), 200);
            kinds.push(session.kind);
        }
        assert_eq!(kinds[0], HandshakeKind::Full, "{version:?}");
        assert!(kinds[1..].iter().all(|kind| *kind == HandshakeKind::Resumed), "{version:?}: {kinds:?}");
    }
}

/// SIGHUP takes new files for new connections. The others go on, and files that are wrong change nothing.
fn certificates_are_reloaded(driver: Driver) {
    let old = Identity::new(&["gw.test"]);
    let gateway = with_certificate(Gateway::with(&api()).driver(driver), "a", &old).start();
    let presented = |gateway: &Gateway| {
        let config = client_config(&[&TLS13]);
        try_connect(gateway.address(), "gw.test", &config).expect("a handshake").certificate
    };
    let mut open = try_connect(gateway.address(), "gw.test", &client_config(&[&TLS13])).expect("a handshake").client;
    assert_eq!(open.get("/mock").status(), 200);
    assert_eq!(presented(&gateway), der(&old));

    let new = Identity::new(&["gw.test"]);
    new.write(gateway.path("a.pem").parent().expect("a folder"), "a");
    gateway.signal(libc::SIGHUP);
    wait_until("the new certificate", || presented(&gateway) == der(&new));
    assert_eq!(open.get("/mock").status(), 200, "open connections stay open");

    gateway.write("a.pem", "no certificate");
    gateway.signal(libc::SIGHUP);
    wait_until("the refusal", || gateway.output().contains("certificates were not reloaded"));
    assert_eq!(presented(&gateway), der(&new));
    // A key that belongs to another certificate.
    gateway.write("a.pem", &old.certificate);
    gateway.signal(libc::SIGHUP);
    wait_until("the refusal", || gateway.output().contains("the key does not belong to the certificate"));
    assert_eq!(presented(&gateway), der(&new));
    assert_eq!(open.get("/mock").status(), 200);
    assert_eq!(gateway.metric("connections_refused_total"), 0.0);
}

fn what_is_no_handshake(driver: Driver) {
    let gateway = with_certificate(Gateway::with(&api()).driver(driver), "a", &Identity::new(&["gw.test"])).start();
    for bytes in ["GET /mock HTTP/1.1\r\nHost: a\r\n\r\n", "\0\0\0\0\0\0", "\u{16}\u{3}\u{1}\0\u{5}hello"] {
        let mut client = gateway.connect();
        client.send(bytes);
        client.half_close();
        // Nothing comes but perhaps an alert: no HTTP in the clear.
        let mut answer = Vec::new();
        let _ = client.socket.read_to_end(&mut answer);
        assert!(answer.len() <= 7 && !answer.starts_with(b"HTTP"), "{answer:?}");
    }
    drop(gateway.connect());
    let failed = r#"tls_handshakes_total{result="failed"}"#;
    wait_until("the failures", || gateway.metric(failed) >= 4.0);
    wait_until("their end", || gateway.metric(r#"connections{shard="0"}"#) == 0.0);
    assert_eq!(gateway.metric("panics_total"), 0.0);
}

fn slow_handshakes_end(driver: Driver) {
    let start = Gateway::with(&api()).driver(driver).set("tls.handshake_timeout_ms", 100);
    let gateway = with_certificate(start, "a", &Identity::new(&["gw.test"])).start();
    for bytes in ["", "\u{16}\u{3}\u{1}"] {
        let mut client = gateway.connect();
        client.send(bytes);
        client.expect_end();
    }
}

fn plain_and_tls_side_by_side(driver: Driver) {
    let start = Gateway::with(&api()).driver(driver).set("tls.listen", "127.0.0.1:0");
    let gateway = with_certificate(start, "a", &Identity::new(&["gw.test"])).start();
    assert!(gateway.output().contains("listening on http://") && gateway.output().contains("listening on https://"));
    let [plain, secure] = gateway.listening[..] else { panic!("two listeners, not {:?}", gateway.listening) };
    assert_eq!(Client::connect(plain).get("/mock").text(), "mocked");
    let config = client_config(&[&TLS12]);
    assert_eq!(try_connect(secure, "gw.test", &config).expect("a handshake").client.get("/mock").text(), "mocked");
}

const UNREACHED: (u16, &str) = (504, r#"{"message":"Network error communicating with endpoint"}"#);

fn to(backend: &TlsBackend, host: &str) -> serde_json::Value {
    http_proxy(format!("https://{host}:{}/a", backend.address.port()))
}

fn backends_are_verified(driver: Driver) {
    let good = TlsBackend::start(&Identity::new(&["localhost", "127.0.0.1"]));
    let other = TlsBackend::start(&Identity::new(&["other.test"]));
    let plain = Backend::start(|conversation| conversation.ok("plain"));
    let api = Api::new()
        .route("GET /name", to(&good, "localhost"))
        .route("GET /address", to(&good, "127.0.0.1"))
        .route("GET /other", to(&other, "localhost"))
        .route("GET /plain", http_proxy(format!("https://{}/a", plain.address)));
    let start = Gateway::with(&api).driver(driver);
    std::fs::write(start.folder.path().join("ca.pem"), authority_pem()).expect("the folder is ours");
    let gateway = start.set("tls.upstream_ca_file", "ca.pem").start();
    let client = &mut gateway.connect();
    for _ in 0..2 {
        assert_eq!(client.get("/name").text(), "secret");
        assert_eq!(client.get("/address").text(), "secret");
    }
    assert_eq!(good.names.lock().expect("no panic with it")[0].as_deref(), Some("localhost"));
    for target in ["/other", "/plain"] {
        let answer = client.get(target);
        assert_eq!((answer.status(), answer.text()), UNREACHED, "{target}");
    }
    assert_eq!((other.names.lock().expect("no panic with it").len(), plain.requests().len()), (0, 0));
    // Nobody trusts our authority without being told to.
    let gateway = Gateway::with(&api).driver(driver).start();
    let answer = gateway.get("/name");
    assert_eq!((answer.status(), answer.text()), UNREACHED);
}

fn verification_can_be_skipped(driver: Driver) {
    let backend = TlsBackend::start(&Identity::new(&["other.test"]));
    let mut integration = to(&backend, "127.0.0.1");
    integration["tlsConfig"] = json!({"insecureSkipVerification": true});
    let api = Api::new().route("GET /a", integration).route("GET /strict", to(&backend, "127.0.0.1"));
    let gateway = Gateway::with(&api).driver(driver).start();
    let client = &mut gateway.connect();
    assert_eq!(client.get("/a").text(), "secret");
    // The other method's origin is another: it does not get that connection.
    assert_eq!(client.get("/strict").status(), 504);
}
