//! The end: not ready, no new connections, exchanges to their end, exit.

use std::net::TcpStream;
use std::sync::{Mutex, mpsc};

use crate::harness::{Api, Backend, Driver, Gateway, http_proxy, mock, wait_until};

on_both_drivers! {
    exchanges_end_and_idle_connections_close,
    readiness_turns_first,
    a_second_signal_does_not_wait,
    the_time_is_bounded,
    nothing_to_do,
}

/// A backend that answers when it is told to.
fn held() -> (Backend, mpsc::Sender<()>) {
    let (let_go, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let backend = Backend::start(move |conversation| {
        let _ = held.lock().expect("no panic with it").recv();
        conversation.ok("finished");
    });
    (backend, let_go)
}

fn api(backend: &Backend) -> Api {
    Api::new().route("GET /held", http_proxy(backend.url())).route("GET /mock", mock(200, "mocked"))
}

fn exchanges_end_and_idle_connections_close(driver: Driver) {
    let (backend, let_go) = held();
    let mut gateway = Gateway::with(&api(&backend)).driver(driver).shards(2).start();
    let (mut waiting, mut idle, mut parked) = (gateway.connect(), gateway.connect(), gateway.connect());
    assert_eq!(parked.get("/mock").status(), 200);
    // After a second without a request it has given its buffer back, and waits elsewhere.
    std::thread::sleep(std::time::Duration::from_millis(1200));
    assert_eq!(idle.get("/mock").status(), 200);
    waiting.send(crate::harness::get("/held"));
    backend.wait_for_requests(1);
    gateway.signal(libc::SIGTERM);
    wait_until("readiness turns", || gateway.admin("GET /readyz").status() == 503);
    wait_until("the listener closes", || TcpStream::connect(gateway.address()).is_err());
    idle.expect_end();
    parked.expect_end();
    assert_eq!(gateway.metric("draining"), 1.0);
    let_go.send(()).expect("the backend waits");
    let answer = waiting.answer();
    assert_eq!((answer.text(), answer.has("connection")), ("finished", false), "its head was begun before the drain");
    waiting.expect_end();
    assert_eq!(gateway.exit_code(), Some(0));
    assert_eq!(gateway.log(3).len(), 3);
}

/// Load balancers need a while to notice; until then requests are served as ever, each the last of its connection
/// once the listeners are closed.
fn readiness_turns_first(driver: Driver) {
    let (backend, _let_go) = held();
    let mut gateway = Gateway::with(&api(&backend)).driver(driver).set("shutdown.delay_ms", 700).start();
    let mut client = gateway.connect();
    assert_eq!(client.get("/mock").status(), 200);
    gateway.signal(libc::SIGTERM);
    wait_until("readiness turns", || gateway.admin("GET /readyz").status() == 503);
    let verbose = gateway.admin("GET /readyz?verbose");
    assert!(verbose.text().contains("[-] draining: the gateway is about to stop\n"), "{}", verbose.text());
    assert_eq!(gateway.admin("GET /healthz").status(), 200);
    assert_eq!(gateway.get("/mock").text(), "mocked", "new connections are still taken");
    wait_until("the last answer", || client.get("/mock").field("connection") == Some("close"));
    client.expect_end();
    assert_eq!(gateway.exit_code(), Some(0));
}

fn a_second_signal_does_not_wait(driver: Driver) {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let (backend, _let_go) = held();
        let mut gateway = Gateway::with(&api(&backend)).driver(driver).start();
        let mut waiting = gateway.connect();
        waiting.send(crate::harness::get("/held"));
        backend.wait_for_requests(1);
        gateway.signal(signal);
        wait_until("the drain", || gateway.output().contains("draining"));
        gateway.signal(signal);
        assert_eq!(gateway.exit_code(), Some(130));
        assert!(waiting.ends());
    }
}

fn the_time_is_bounded(driver: Driver) {
    let (backend, _let_go) = held();
    let mut gateway = Gateway::with(&api(&backend)).driver(driver).set("shutdown.drain_timeout_ms", 100).start();
    let mut waiting = gateway.connect();
    waiting.send(crate::harness::get("/held"));
    backend.wait_for_requests(1);
    gateway.signal(libc::SIGINT);
    assert_eq!(gateway.exit_code(), Some(0));
    assert!(waiting.ends());
}

fn nothing_to_do(driver: Driver) {
    let (backend, _let_go) = held();
    let mut gateway = Gateway::with(&api(&backend)).driver(driver).shards(2).start();
    gateway.signal(libc::SIGTERM);
    assert_eq!(gateway.exit_code(), Some(0));
}
