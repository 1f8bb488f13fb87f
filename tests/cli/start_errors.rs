//! What `serve` cannot start with: a message with a remedy, an exit code, and nothing that listens.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use crate::harness::gateway::{Ended, Start};
use crate::harness::tls::Identity;
use crate::harness::{Api, Gateway, http_proxy, mock};

fn api() -> Api {
    Api::new().route("GET /a", mock(200, "a"))
}

fn serve() -> Start {
    Gateway::serve().api(&api())
}

#[track_caller]
fn check(start: Start, code: i32, messages: &[&str]) -> Ended {
    let ended = start.run();
    assert_eq!(ended.code(), code, "{}", ended.stderr);
    for message in messages {
        assert!(ended.stderr.contains(message), "{message:?} is not in {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("listening on"), "{}", ended.stderr);
    ended
}

#[test]
fn documents() {
    check(Gateway::serve().arg("none.yaml"), 1, &["cannot read `none.yaml`: no such file or directory"]);
    check(Gateway::serve().document("a: [1"), 1, &["this is not YAML", "api0.yaml:"]);
    let misspelt = "openapi: 3.0.1\ninfo: {title: T, version: '1'}\npahts: {}\npaths: {}\n";
    check(Gateway::serve().document(misspelt), 1, &["unknown key `pahts`", "api0.yaml:3:1", "did you mean `paths`?"]);
    check(Gateway::serve().api(&api()).api(&api()), 1, &["two APIs have the id `api1`", "x-tollgate-api-id"]);
    check(serve().api(&api().id("b")).arg("--root"), 2, &["\"/\" has room for one API"]);
    let conflicting = api().route("GET /a/{x}", mock(200, "")).route("GET /a/{y}/b", mock(200, ""));
    check(Gateway::serve().api(&conflicting), 1, &["conflicts with one that has `{x}` in the same place"]);
    let unserved = api().text().replace("\"mock\"", "\"aws_proxy\"");
    check(Gateway::serve().document(&unserved), 1, &["the integration has no `uri`"]);
    let without = "openapi: 3.0.1\ninfo: {title: T, version: '1'}\npaths:\n  /a:\n    get: {responses: {}}\n";
    check(Gateway::serve().document(without), 1, &["`get` has no integration", "api0.yaml:5:5"]);
}

#[test]
fn names_of_backends() {
    let unknown = Api::new().route("GET /a", http_proxy("http://no-such-host.invalid/a"));
    let messages = ["cannot resolve the upstream `no-such-host.invalid`", "upstream.unresolved = \"warn\""];
    check(Gateway::serve().api(&unknown), 1, &messages);
    let gateway = Gateway::with(&unknown.route("GET /b", mock(200, "b"))).set("upstream.unresolved", "warn").start();
    assert_eq!(gateway.get("/b").text(), "b");
    assert_eq!(gateway.get("/a").status(), 504);
    assert!(gateway.output().contains("no-such-host.invalid"));
}

#[test]
fn addresses() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let message = format!("listen: cannot listen on {address}: Address already in use");
    let impatient = || serve().set("listen_wait_ms", 0);
    check(impatient().arg("--listen").arg(&address), 1, &[&message, "choose another address (--listen)"]);
    let message = format!("admin: cannot listen on {address}: Address already in use");
    check(impatient().without_flag("--admin").arg("--admin").arg(&address), 1, &[&message]);
    check(serve().arg("--listen").arg("192.0.2.1:80"), 1, &["no interface of this machine has that address"]);
    check(serve().arg("--listen").arg("nonsense"), 2, &["--listen", "nonsense"]);
    check(serve().without_flag("--admin").arg("--admin").arg("0.0.0.0:0"), 2, &["loopback"]);
}

/// Another gateway's shards share a port among themselves, but not with a second gateway.
#[test]
fn a_second_gateway_does_not_take_half_of_the_connections() {
    let first = serve().shards(2).start();
    let address = first.address().to_string();
    let second = serve().without_flag("--listen").arg("--listen").arg(&address).set("listen_wait_ms", 120);
    let waits = format!("listen: {address} is in use; waiting for it, ");
    let ended = check(second, 1, &[&waits, &format!("cannot listen on {address}")]);
    assert_eq!(ended.stderr.matches(&waits).count(), 1, "{}", ended.stderr);
    (0..10).for_each(|_| assert_eq!(first.get("/default/a").status(), 403));
    (0..10).for_each(|_| assert_eq!(first.get("/a").status(), 200));
}

/// A gateway that was started right after another was killed found its addresses taken: the kernel takes down a killed
/// process's io_uring, and the listeners in it, when it comes to it.
#[test]
fn addresses_that_are_about_to_be_free_are_waited_for() {
    let [clients, admin] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let addresses = [&clients, &admin].map(|taken| taken.local_addr().expect("bound").to_string());
    let mut gateway = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["serve", "--listen", &addresses[0], "--admin", &addresses[1]])
        .env("TOLLGATE_LISTEN_WAIT_MS", "60000")
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(gateway.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
    for (setting, (taken, address)) in ["listen", "admin"].iter().zip([clients, admin].into_iter().zip(&addresses)) {
        let waits = format!("{setting}: {address} is in use; waiting for it, ");
        assert!(lines.any(|line| line.contains(&waits)), "it did not wait for {setting}");
        drop(taken);
    }
    let started: Vec<String> = lines.by_ref().take_while(|line| !line.contains(" shards on ")).collect();
    gateway.kill().expect("it is our child");
    gateway.wait().expect("it was killed");
    let told = |start: String| assert!(started.iter().any(|line| line.starts_with(&start)), "{started:?}");
    told(format!("listening on http://{}", addresses[0]));
    told(format!("admin on http://{}", addresses[1]));
    assert!(!started.iter().any(|line| line.contains("waiting for it")), "once is enough: {started:?}");
}

#[test]
fn settings() {
    let message =
        "TOLLGATE_LIMTS_IDLE_TIMEOUT_MS: there is no such setting; did you mean \"TOLLGATE_LIMITS_IDLE_TIMEOUT_MS\"?";
    check(serve().set("limts.idle_timeout_ms", 5), 1, &[message]);
    check(
        serve().set("limits.idle_timeout_ms", "soon"),
        1,
        &["TOLLGATE_LIMITS_IDLE_TIMEOUT_MS: \"soon\" is not allowed"],
    );
    check(serve().arg("--config").arg("none.toml"), 1, &["none.toml: the settings file cannot be read"]);
    let start = serve().arg("--config").arg("t.toml");
    std::fs::write(start.folder.path().join("t.toml"), "[limits]\nidle_timeout = 5\nbody_bytes_max = \"x\"\n")
        .expect("ours");
    check(start, 1, &["t.toml:2:1", "did you mean \"limits.idle_timeout_ms\"?", "t.toml:3:18"]);
    check(serve().set("data", "/dev/null/x"), 1, &["data: cannot use the folder /dev/null/x"]);
    check(serve().set("access_log.destination", "/dev/null/x"), 1, &["access log /dev/null/x: "]);
}

#[test]
fn certificates() {
    let with = |certificate: &str, key: &str| {
        let start = serve().arg("--tls-certificate").arg(certificate).arg("--tls-key").arg(key);
        let (one, other) = (Identity::new(&["one.test"]), Identity::new(&["other.test"]));
        one.write(start.folder.path(), "one");
        other.write(start.folder.path(), "other");
        start
    };
    check(with("none.pem", "one.key"), 1, &["none.pem: cannot read the certificate: No such file"]);
    check(with("one.pem", "none.key"), 1, &["none.key: cannot read the private key: No such file"]);
    check(with("api0.yaml", "one.key"), 1, &["api0.yaml: there is no certificate in this file"]);
    check(with("one.pem", "one.pem"), 1, &["one.pem: there is no private key in this file"]);
    check(with("one.pem", "other.key"), 1, &["the key does not belong to the certificate"]);
    check(serve().arg("--tls-certificate").arg("a"), 2, &["a certificate needs its key"]);
    check(serve().set("tls.upstream_ca_file", "none.pem"), 1, &["none.pem: cannot read the certificate"]);
}
