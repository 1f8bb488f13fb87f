use serde_json::json;

use super::host::{Running, Setup, invocations, nothing};
use crate::harness::{Message, wait_until};

/// Writes down each call, and fails as often as it is told.
const PYTHON: &str = "
import os
def handler(event, context):
    with open(event['file'], 'a') as file:
        file.write(context.aws_request_id + '\\n')
    with open(event['file']) as file:
        calls = len(file.readlines())
    if calls <= event.get('failures', 0):
        raise RuntimeError(calls)
";

fn send(running: &Running, file: &str, failures: u32) -> Message {
    let event = json!({ "file": running.folder.path().join(file), "failures": failures }).to_string();
    running.call("POST", &invocations("pets"), "X-Amz-Invocation-Type: Event\r\n", event)
}

fn calls(running: &Running, file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(running.folder.path().join(file)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn an_event_is_taken_and_done() {
    let running = Setup::new().python("pets", PYTHON, |_| {}).start();
    let answer = send(&running, "calls", 0);
    assert_eq!((answer.status(), answer.text()), (202, ""));
    wait_until("the call", || calls(&running, "calls").len() == 1);
    assert_eq!(calls(&running, "calls")[0], answer.field("x-amzn-requestid").expect("an id"));
    let event = json!({ "file": running.folder.path().join("old") }).to_string();
    let answer = running.call("POST", "/2014-11-13/functions/pets/invoke-async/", "", event);
    assert_eq!((answer.status(), answer.text()), (202, "{\"Status\":202}"));
    wait_until("the other call", || calls(&running, "old").len() == 1);
}

#[test]
fn an_event_is_tried_three_times() {
    let running = Setup::new().python("pets", PYTHON, |_| {}).start();
    send(&running, "recovers", 2);
    wait_until("three calls", || calls(&running, "recovers").len() == 3);
    send(&running, "hopeless", 100);
    let dropped = "tollgate_function_dropped_events_total{function=\"pets\"}";
    wait_until("it is given up", || running.metrics()[dropped] == 1.0);
    let ids = calls(&running, "hopeless");
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "the same id each time: {ids:?}");
    assert!(running.log("pets").iter().any(|line| line.contains("given up: it failed three times")));
}

#[test]
fn events_are_bounded_and_throttles_are_no_tries() {
    let running = Setup::new()
        .python("pets", PYTHON, |definition| definition.reserved_concurrency = Some(0))
        .set(|settings| settings.bounds.events_max = 2)
        .start();
    for status in [202, 202, 429] {
        assert_eq!(send(&running, "calls", 0).status(), status);
    }
    wait_until("throttles", || running.load("pets", "throttles") >= 2);
    assert_eq!(running.metrics()["tollgate_function_dropped_events_total{function=\"pets\"}"], 0.0);
    assert_eq!(
        running
            .call("POST", &invocations("nobody"), "X-Amz-Invocation-Type: Event\r\n", nothing().to_string())
            .status(),
        404
    );
}
