use std::time::Duration;

use serde_json::{Value, json};

use super::host::{Running, Setup, invocations, nothing, request};
use crate::harness::{Client, Message, wait_until};

/// Answers when a file is there.
const PYTHON: &str = "
import os, time
def handler(event, context):
    while event.get('until') and not os.path.exists(event['until']):
        time.sleep(0.005)
    return os.getpid()
";

/// Sends an invocation that ends when `file` is there, and leaves its answer for later.
fn begin(running: &Running, name: &str, file: &str) -> Client {
    let until = running.folder.path().join(file);
    let mut client = running.connect();
    let event = json!({ "until": until }).to_string();
    client.send(request("POST", &invocations(name), "", event.as_bytes()));
    client
}

fn release(running: &Running, file: &str) {
    std::fs::write(running.folder.path().join(file), "").expect("the folder is ours");
}

#[track_caller]
fn pid(answer: &Message) -> Value {
    assert_eq!((answer.status(), answer.field("x-amz-function-error")), (200, None), "{}", answer.text());
    serde_json::from_str(answer.text()).expect("a number")
}

#[test]
fn from_none_to_many_and_back() {
    let running = Setup::new()
        .python("pets", PYTHON, |definition| definition.idle_s = Some(1))
        .set(|settings| settings.bounds.scale_after = Duration::ZERO)
        .start();
    assert_eq!(running.load("pets", "processes"), 0);
    let mut clients: Vec<Client> = (0..6).map(|_| begin(&running, "pets", "go")).collect();
    // Four is the most; two wait.
    wait_until("four processes", || running.load("pets", "running") == 4);
    assert_eq!((running.load("pets", "processes"), running.load("pets", "waiting")), (4, 2));
    assert_eq!(running.metrics()["tollgate_function_concurrent_executions{function=\"pets\"}"], 4.0);
    release(&running, "go");
    let mut pids: Vec<String> = clients.iter_mut().map(|client| pid(&client.answer()).to_string()).collect();
    pids.sort();
    pids.dedup();
    assert_eq!(pids.len(), 4);
    wait_until("the end of what is idle", || running.load("pets", "processes") == 0);
    running.returned("pets", &nothing());
}

#[test]
fn one_process_serves_who_waits_little() {
    let running = Setup::new().python("pets", PYTHON, |_| {}).start();
    let mut client = running.connect();
    for _ in 0..50 {
        pid(&client.exchange(request("POST", &invocations("pets"), "", b"{}")));
    }
    assert_eq!(running.load("pets", "coldStarts"), 1);
}

#[test]
fn processes_that_there_always_are() {
    let running = Setup::new()
        .python("pets", PYTHON, |definition| (definition.processes_min, definition.idle_s) = (2, Some(1)))
        .start();
    wait_until("two processes", || running.load("pets", "coldStarts") == 2);
    let first = running.returned("pets", &nothing());
    let mut client = running.connect();
    wait_until("longer than a process may be idle", || {
        let answer = client.exchange(request("GET", "/tollgate/functions", "", b""));
        std::thread::sleep(Duration::from_millis(1_500));
        answer.status() == 200
    });
    assert_eq!(running.returned("pets", &nothing()), first);
    assert_eq!(running.load("pets", "coldStarts"), 2);
}

#[test]
fn reserved_concurrency_throttles_at_once() {
    let running = Setup::new()
        .python("pets", PYTHON, |definition| definition.reserved_concurrency = Some(1))
        .python("off", PYTHON, |definition| definition.reserved_concurrency = Some(0))
        .start();
    let mut first = begin(&running, "pets", "go");
    wait_until("the first runs", || running.load("pets", "running") == 1);
    for name in ["pets", "off"] {
        let answer = running.invoke(name, &nothing());
        assert_eq!((answer.status(), answer.field("x-amzn-errortype")), (429, Some("TooManyRequestsException")));
        assert!(answer.text().contains("ReservedFunctionConcurrentInvocationLimitExceeded"), "{}", answer.text());
    }
    release(&running, "go");
    pid(&first.answer());
    running.returned("pets", &nothing());
    assert_eq!(running.metrics()["tollgate_function_throttles_total{function=\"pets\"}"], 1.0);
}

#[test]
fn a_queue_has_an_end() {
    let running = Setup::new()
        .python("pets", PYTHON, |definition| definition.processes_max = Some(1))
        .set(|settings| settings.bounds.queue_max = 2)
        .start();
    let mut clients: Vec<Client> = Vec::new();
    clients.push(begin(&running, "pets", "go"));
    wait_until("the first runs", || running.load("pets", "running") == 1);
    for waiting in 1..=2 {
        clients.push(begin(&running, "pets", "go"));
        wait_until("one more waits", || running.load("pets", "waiting") == waiting);
    }
    assert_eq!(running.invoke("pets", &nothing()).status(), 429);
    release(&running, "go");
    clients.iter_mut().for_each(|client| drop(pid(&client.answer())));
}

#[test]
fn who_has_left_is_not_served() {
    let running = Setup::new().python("pets", PYTHON, |definition| definition.processes_max = Some(1)).start();
    let mut first = begin(&running, "pets", "go");
    wait_until("the first runs", || running.load("pets", "running") == 1);
    let second = begin(&running, "pets", "never");
    wait_until("the second waits", || running.load("pets", "waiting") == 1);
    drop(second);
    let mut third = begin(&running, "pets", "go");
    wait_until("the third waits", || running.load("pets", "waiting") >= 1);
    // The host has seen that the second has left once it answers something that came after.
    running.load("pets", "waiting");
    release(&running, "go");
    pid(&first.answer());
    pid(&third.answer());
    assert_eq!(running.load("pets", "invocations"), 2);
}

#[test]
fn an_idle_process_makes_place_for_another_function() {
    let running = Setup::new()
        .python("one", PYTHON, |_| {})
        .python("other", PYTHON, |_| {})
        .set(|settings| settings.bounds.processes_max = 1)
        .start();
    for _ in 0..2 {
        running.returned("one", &nothing());
        running.returned("other", &nothing());
    }
    assert_eq!((running.load("one", "coldStarts"), running.load("other", "coldStarts")), (2, 2));
}
