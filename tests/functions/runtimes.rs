use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tollgate::function::runtime::Runtime;

use super::host::{Setup, invocations, nothing};

const PYTHON: &str = "
import os
def handler(event, context):
    print('hello from', event.get('name'))
    if event.get('fail'):
        raise ValueError('no such pet')
    return {'event': event, 'arn': context.invoked_function_arn, 'id': context.aws_request_id,
            'left': context.get_remaining_time_in_millis(), 'name': context.function_name,
            'client': context.client_context and context.client_context.custom}
";

#[test]
fn python_by_awslambdaric() {
    let running = Setup::new().python("pets", PYTHON, |definition| definition.aliases.push("prod".to_owned())).start();
    let answer = running.invoke("pets", &json!({ "name": "Rex" }));
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let returned: Value = serde_json::from_str(answer.text()).expect("JSON");
    assert_eq!(returned["event"], json!({ "name": "Rex" }));
    assert_eq!(returned["arn"], "arn:aws:lambda:eu-south-1:123456789012:function:pets");
    assert_eq!(returned["id"].as_str(), answer.field("x-amzn-requestid"));
    assert!((1..=3_000).contains(&returned["left"].as_u64().expect("a number")));
    assert_eq!(answer.field("x-amz-executed-version"), Some("$LATEST"));
    assert_eq!(answer.field("content-type"), Some("application/json"));

    let error = running.error("pets", &json!({ "fail": true }));
    assert_eq!((&error["errorType"], &error["errorMessage"]), (&json!("ValueError"), &json!("no such pet")));
    assert!(error["stackTrace"].is_array());

    // By every way to name it.
    for name in [
        "pets:prod",
        "pets:$LATEST",
        "123456789012:function:pets",
        "arn%3Aaws%3Alambda%3Aeu-south-1%3A123456789012%3Afunction%3Apets%3Aprod",
    ] {
        assert_eq!(running.returned(name, &nothing())["name"], "pets", "{name}");
    }
    assert_eq!(running.call("POST", &(invocations("pets") + "?Qualifier=prod"), "", "{}").status(), 200);
    assert_eq!(running.load("pets", "coldStarts"), 1, "one process did it all");
}

#[test]
fn what_stands_around_an_invocation() {
    let running = Setup::new().python("pets", PYTHON, |_| {}).start();
    let context = STANDARD.encode(r#"{"custom": {"a": "b"}}"#);
    let headers = format!("X-Amz-Log-Type: Tail\r\nX-Amz-Client-Context: {context}\r\n");
    let answer = running.call("POST", &invocations("pets"), &headers, r#"{"name": "Rex"}"#);
    assert!(answer.text().contains(r#""client": {"a": "b"}"#), "{}", answer.text());
    let id = answer.field("x-amzn-requestid").expect("an id");
    let tail = STANDARD.decode(answer.field("x-amz-log-result").expect("a tail")).expect("base64");
    let tail = String::from_utf8(tail).expect("text");
    let lines: Vec<&str> = tail.lines().collect();
    assert_eq!(
        lines[..3],
        [
            format!("START RequestId: {id} Version: $LATEST").as_str(),
            "hello from Rex",
            format!("END RequestId: {id}").as_str(),
        ]
    );
    assert!(lines[3].starts_with(&format!("REPORT RequestId: {id}\tDuration: ")), "{tail}");
    assert!(lines[3].contains("\tMemory Size: 128 MB\tMax Memory Used: "), "{tail}");
    assert!(!lines[3].contains("Max Memory Used: 0 MB") && lines[3].contains("\tInit Duration: "), "{tail}");
    assert!(running.log("pets").iter().any(|line| line == "hello from Rex"));

    #[track_caller]
    fn check(running: &super::host::Running, headers: &str, body: &str, status: u16, error_type: Option<&str>) {
        let answer = running.call("POST", &invocations("pets"), headers, body);
        assert_eq!((answer.status(), answer.field("x-amzn-errortype")), (status, error_type), "{}", answer.text());
    }
    check(&running, "", "", 200, None);
    check(&running, "X-Amz-Invocation-Type: DryRun\r\n", "{}", 204, None);
    check(&running, "X-Amz-Invocation-Type: Sometimes\r\n", "{}", 400, Some("InvalidParameterValueException"));
    check(&running, "X-Amz-Log-Type: Some\r\n", "{}", 400, Some("InvalidParameterValueException"));
    check(&running, "X-Amz-Client-Context: e30\r\n", "{}", 400, Some("InvalidRequestContentException"));
    check(&running, "", "{", 400, Some("InvalidRequestContentException"));
    check(&running, "", &format!("\"{}\"", "x".repeat(6 << 20)), 413, Some("RequestTooLargeException"));
    let event = format!("\"{}\"", "x".repeat(1 << 20));
    check(&running, "X-Amz-Invocation-Type: Event\r\n", &event, 413, Some("RequestTooLargeException"));
    for name in ["nobody", "pets:7", "nobody:prod"] {
        let answer = running.invoke(name, &nothing());
        assert_eq!((answer.status(), answer.field("x-amzn-errortype")), (404, Some("ResourceNotFoundException")));
        assert!(answer.text().contains("Function not found: arn:aws:lambda:eu-south-1:123456789012:function:"));
    }
    assert_eq!(running.invoke("a%2Fb", &nothing()).status(), 400);
}

const NODE: &str = "
let calls = 0;
exports.async = async (event, context) => ({ event, id: context.awsRequestId, calls: ++calls, left: context.getRemainingTimeInMillis() });
exports.callback = (event, context, callback) => { setTimeout(() => callback(null, { by: 'callback' }), 5); };
exports.waits = (event, context, callback) => { setTimeout(() => { calls = 100; }, 5); callback(null, { by: 'waits' }); };
exports.done = (event, context) => { context.succeed({ by: 'succeed' }); };
exports.sync = () => 'ignored, as AWS does it';
exports.undefined = async () => undefined;
exports.raises = async () => { console.log('about to\\nfail'); throw new TypeError('no such pet'); };
exports.fails = (event, context, callback) => callback(new RangeError('by callback'));
exports.both = async (event, context, callback) => { callback(null, { by: 'callback' }); return { by: 'promise' }; };
exports.late = async (event, context, callback) => { setTimeout(() => callback(null, 'late'), 20); return { calls: ++calls }; };
exports.doneAtOnce = (event, context) => { setTimeout(() => {}, 60000); context.done(null, { by: 'done' }); };
exports.failsAtOnce = (event, context, callback) => { setTimeout(() => {}, 60000); callback(new RangeError('at once')); };
exports.throwsLate = (event, context, callback) => {
  if (event.fails) { setTimeout(() => callback(null, 'late'), 20); throw new TypeError('at once'); }
  setTimeout(() => callback(null, { calls: ++calls }), 60);
};
exports.never = () => new Promise(() => {});
exports.rejects = () => new Promise(() => { Promise.reject(new Error('unhandled')); setTimeout(() => {}, 1000); });
";

fn node(handler: &str) -> super::host::Running {
    let runtime = Runtime::Node("nodejs20.x".to_owned());
    Setup::new().function("pets", runtime, handler, &[("index.js", NODE)], |_| {}).start()
}

#[test]
fn node_in_every_style() {
    let running = node("index.async");
    let returned = running.returned("pets", &json!({ "name": "Ünal" }));
    assert_eq!((&returned["event"], &returned["calls"]), (&json!({ "name": "Ünal" }), &json!(1)));
    assert_eq!(running.returned("pets", &nothing())["calls"], 2, "the same process");

    #[track_caller]
    fn check(handler: &str, expected: Value) {
        assert_eq!(node(handler).returned("pets", &nothing()), expected, "{handler}");
    }
    check("index.callback", json!({ "by": "callback" }));
    check("index.waits", json!({ "by": "waits" }));
    check("index.done", json!({ "by": "succeed" }));
    check("index.sync", Value::Null);
    check("index.undefined", Value::Null);
    check("index.both", json!({ "by": "callback" }));
    check("index.doneAtOnce", json!({ "by": "done" }));
}

/// What an invocation says once more, however late, is nobody else's answer.
#[test]
fn node_believes_the_first_word() {
    let running = node("index.late");
    for calls in 1..=3 {
        assert_eq!(running.returned("pets", &nothing()), json!({ "calls": calls }));
        std::thread::sleep(std::time::Duration::from_millis(40));
    }
    let running = node("index.throwsLate");
    for calls in 1..=2 {
        let error = running.error("pets", &json!({ "fails": true }));
        assert_eq!((&error["errorType"], &error["errorMessage"]), (&json!("TypeError"), &json!("at once")));
        assert_eq!(running.returned("pets", &nothing()), json!({ "calls": calls }));
    }
}

#[test]
fn node_fails_in_every_style() {
    #[track_caller]
    fn check(handler: &str, error_type: &str, part: &str) {
        let error = node(handler).error("pets", &nothing());
        assert_eq!(error["errorType"], error_type, "{error}");
        assert!(error["errorMessage"].as_str().expect("a text").contains(part), "{error}");
    }
    check("index.raises", "TypeError", "no such pet");
    check("index.fails", "RangeError", "by callback");
    check("index.failsAtOnce", "RangeError", "at once");
    check("index.never", "Runtime.NodeJsExit", "never settled");
    check("index.rejects", "Runtime.UnhandledPromiseRejection", "unhandled");
    check("index.missing", "Runtime.HandlerNotFound", "index.missing");
    check("other.handler", "Runtime.ImportModuleError", "other");
    let running = node("index.raises");
    let id = running.invoke("pets", &nothing()).field("x-amzn-requestid").expect("an id").to_owned();
    let log = running.log("pets");
    assert!(log.iter().any(|line| line.contains(&format!("{id}\tINFO\tabout to\rfail"))), "{log:?}");
}

#[test]
fn node_modules_of_both_kinds() {
    let runtime = || Runtime::Node("nodejs22.x".to_owned());
    let esm = "import fs from 'node:fs'; export const handler = async () => typeof fs.readFileSync;";
    let package = r#"{"type": "module"}"#;
    let running = Setup::new()
        .function("mjs", runtime(), "index.handler", &[("index.mjs", esm)], |_| {})
        .function("package", runtime(), "index.handler", &[("index.js", esm), ("package.json", package)], |_| {})
        .function("broken", runtime(), "index.handler", &[("index.js", "exports.handler = (")], |_| {})
        .start();
    assert_eq!(running.returned("mjs", &nothing()), "function");
    assert_eq!(running.returned("package", &nothing()), "function");
    assert_eq!(running.error("broken", &nothing())["errorType"], "Runtime.UserCodeSyntaxError");
}

#[test]
fn a_program_of_its_own() {
    let running = Setup::new().bootstrap("pets", "", |_| {}).bootstrap("headers", "headers", |_| {}).start();
    assert_eq!(running.returned("pets", &json!([1, "ü"])), json!([1, "ü"]));
    let answer = running.call("POST", &invocations("headers"), "X-Amzn-Trace-Id: Root=1-2-3\r\n", "{}");
    assert!(answer.text().contains("lambda-runtime-trace-id: Root=1-2-3"), "{}", answer.text());
    assert!(answer.text().contains("lambda-runtime-deadline-ms: 1"), "{}", answer.text());
}

#[test]
fn any_command() {
    let python = Runtime::Command(vec![
        concat!(env!("CARGO_MANIFEST_DIR"), "/target/venv/bin/python").to_owned(),
        "-m".to_owned(),
        "awslambdaric".to_owned(),
        "app.handler".to_owned(),
    ]);
    let running = Setup::new().function("pets", python, "", &[("app.py", PYTHON)], |_| {}).start();
    assert_eq!(running.returned("pets", &nothing())["name"], "pets");
}
