//! The host inside of the gateway: from the settings file to the command line.

use std::io::{Cursor, Write};
use std::net::SocketAddr;

use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::host::{bootstrap, invocations, is_alive, request};
use crate::harness::gateway::Start;
use crate::harness::{Api, Client, Gateway, Message, mock, wait_until};

/// Settings with one function, in a zip file: whoever it runs as can read what is unpacked.
fn start(more: &str) -> Start {
    let start = Gateway::with(&Api::new().route("GET /", mock(200, ""))).set("functions.listen", "127.0.0.1:0");
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755)).expect("a file");
    writer.write_all(&std::fs::read(bootstrap()).expect("it was built")).expect("its content");
    let zip = writer.finish().expect("an archive").into_inner();
    std::fs::write(start.folder.path().join("pets.zip"), zip).expect("the folder is ours");
    let text = format!(
        "[[functions.list]]\nname = \"pets\"\nruntime = \"provided.al2023\"\ncode = \"pets.zip\"\n\
         environment = {{ MODE = \"who\", KEY = \"hidden-value\" }}\n{more}"
    );
    std::fs::write(start.folder.path().join("tollgate.toml"), text).expect("the folder is ours");
    start.arg("--config").arg("tollgate.toml")
}

fn address(gateway: &Gateway) -> SocketAddr {
    let output = gateway.output();
    let line =
        output.lines().find_map(|line| line.strip_prefix("functions on http://")).expect("the host is announced");
    line.split(' ').next().expect("an address").parse().expect("an address")
}

fn functions(gateway: &Gateway) -> Start {
    Start::command("functions").variable("TOLLGATE_FUNCTIONS_URL", &format!("http://{}", address(gateway)))
}

#[track_caller]
fn call(gateway: &Gateway, method: &str, path: &str, headers: &str, body: &str) -> Message {
    Client::connect(address(gateway)).exchange(request(method, path, headers, body.as_bytes()))
}

/// The ids of the function's process and of its warden.
#[track_caller]
fn processes(gateway: &Gateway) -> [u64; 2] {
    let answer = call(gateway, "POST", &invocations("pets"), "", "{}");
    let shown: Vec<String> = serde_json::from_str(answer.text()).unwrap_or_else(|_| panic!("{}", answer.text()));
    let id = |start: &str| {
        let line = shown.iter().find_map(|line| line.strip_prefix(start)).expect("it is there");
        line.trim().parse().expect("an id")
    };
    [id("Pid:"), id("PPid:")]
}

#[test]
fn the_commands() {
    let gateway = start("").start();
    let run = |arguments: &[&str]| {
        let ended = arguments.iter().fold(functions(&gateway), |start, argument| start.arg(*argument)).run();
        (ended.code(), ended.stdout, ended.stderr)
    };
    let (code, answer, tail) = run(&["invoke", "pets", "--tail"]);
    assert_eq!(code, 0, "{tail}");
    assert!(answer.contains("\"Pid: ") && tail.contains("START RequestId: "), "{answer}{tail}");
    let (_, listed, _) = run(&["list"]);
    assert!(listed.starts_with("NAME  RUNTIME") && listed.contains("pets  provided.al2023  1"), "{listed}");
    let (_, shown, _) = run(&["show", "pets"]);
    assert!(shown.contains("variables    KEY, MODE") && !shown.contains("hidden-value"), "{shown}");
    let (_, logs, _) = run(&["logs", "pets", "--lines", "3"]);
    assert!(logs.lines().count() == 3 && logs.contains("REPORT RequestId: "), "{logs}");
    let (code, _, problem) = run(&["invoke", "nobody"]);
    assert!(code == 1 && problem.contains("404: Function not found: arn:aws:lambda:"), "{problem}");
    let (code, _, problem) = run(&["invoke", "pets", "--payload", "{"]);
    assert!(code == 1 && problem.contains("Could not parse request body into json"), "{problem}");
    assert_eq!(gateway.metric("function_invocations_total{function=\"pets\"}"), 1.0);
    let answer = run(&["invoke", "pets", "--event", "--payload", "[]"]);
    assert_eq!((answer.0, answer.1.as_str()), (0, ""));
    gateway.wait_for_metric("function_invocations_total{function=\"pets\"}", 2.0);
}

#[test]
fn processes_end_with_the_gateway() {
    for signal in [libc::SIGTERM, libc::SIGKILL] {
        let mut gateway = start("processes_min = 2\n").start();
        let processes = processes(&gateway);
        assert!(processes.iter().all(|process| is_alive(*process)));
        gateway.signal(signal);
        gateway.exit_code();
        wait_until("the end of the function", || !processes.iter().any(|process| is_alive(*process)));
    }
}

#[test]
fn who_may_do_what() {
    let open = start("").start();
    let create = json!({ "FunctionName": "x" }).to_string();
    let path = "/2015-03-31/functions";
    // What a page in a browser could send.
    for headers in ["Origin: http://evil.example\r\n", "Origin: null\r\n"] {
        assert_eq!(call(&open, "POST", &invocations("pets"), headers, "{}").status(), 403);
        assert_eq!(call(&open, "POST", path, headers, &create).status(), 403);
    }
    let rebound =
        b"POST /2015-03-31/functions/pets/invocations HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(Client::connect(address(&open)).exchange(rebound).status(), 403);
    assert_eq!(call(&open, "GET", path, "", "").status(), 200);
    assert_eq!(call(&open, "POST", path, "", &create).status(), 400, "it is asked what it is, and not who");

    let tokens = "[[management.tokens]]\nname = \"ci\"\ntoken = \"token-of-ci\"\n\
                  [[management.tokens]]\nname = \"viewer\"\ntoken = \"token-of-viewer\"\nscope = \"read-only\"\n";
    let closed = start(tokens).start();
    assert_eq!(call(&closed, "POST", &invocations("pets"), "", "{}").status(), 200, "the data plane has none");
    for (token, reads, writes) in [("", 401, 401), ("token-of-viewer", 200, 403), ("token-of-ci", 200, 400)] {
        let headers = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        assert_eq!(call(&closed, "GET", path, &headers, "").status(), reads, "{token}");
        assert_eq!(call(&closed, "POST", path, &headers, &create).status(), writes, "{token}");
    }
}

#[test]
fn what_was_made_is_there_after_a_restart() {
    let gateway = start("").arg("--data").arg("data").start();
    let zip = std::fs::read(gateway.path("pets.zip")).expect("it was written");
    let body = json!({
        "FunctionName": "made", "Runtime": "provided.al2023", "Role": "r",
        "Code": { "ZipFile": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, zip) },
    });
    let made = call(&gateway, "POST", "/2015-03-31/functions", "", &body.to_string());
    assert_eq!(made.status(), 201, "{}", made.text());
    let data = gateway.path("data");
    let again = tempfile::tempdir().expect("a temporary folder");
    let kept = again.path().join("data");
    std::fs::rename(data, &kept).expect("the same file system");
    drop(gateway);
    // Without a function in its settings: what is kept is reason enough to start the host.
    let again =
        Gateway::serve().set("functions.listen", "127.0.0.1:0").arg("--data").arg(kept.display().to_string()).start();
    let answer = call(&again, "POST", &invocations("made"), "", "[1]");
    assert_eq!(serde_json::from_str::<Value>(answer.text()).expect("JSON"), json!([1]));
}

#[test]
fn mistakes_have_a_place() {
    let ended = start("timeout_s = 901\n").run();
    let place = "tollgate.toml:6:13";
    assert!(ended.code() == 1 && ended.stderr.contains(place), "{}", ended.stderr);
    assert!(ended.stderr.contains("this value of \"timeout_s\" is not allowed"), "{}", ended.stderr);
    let ended = start("").set("functions.listen", "0.0.0.0:0").run();
    assert!(ended.code() == 1 && ended.stderr.contains("can be reached from outside"), "{}", ended.stderr);
}
