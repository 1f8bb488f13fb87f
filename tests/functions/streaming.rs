use serde_json::{Value, json};
use tollgate::function::runtime::Runtime;

use super::eventstream::{events, read};
use super::host::{Running, Setup, invocations, nothing};
use crate::harness::Message;

const NODE: &str = "
const text = async (event, stream) => {
  stream.setContentType('text/plain');
  for (let at = 0; at < event.parts; at++) stream.write('x'.repeat(event.size));
  if (event.fail) throw new Error('half way');
  stream.end();
};
exports.text = awslambda.streamifyResponse(text);
exports.http = awslambda.streamifyResponse(async (event, stream) => {
  stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { 'X-A': 'b' }, cookies: ['c=d'] });
  stream.write('hello ');
  stream.end('world');
});
exports.empty = awslambda.streamifyResponse(async (event, stream) => {
  awslambda.HttpResponseStream.from(stream, { statusCode: 204 }).end();
});
exports.early = awslambda.streamifyResponse(async () => { throw new RangeError('before the first byte'); });
exports.dies = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('some');
  await new Promise((resolve) => setTimeout(resolve, 50));
  process.exit(3);
});
exports.crashes = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('some');
  setTimeout(() => { throw new Error('nobody catches it'); }, 20);
  await new Promise((resolve) => setTimeout(resolve, 60000));
});
exports.hangs = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('some');
  await new Promise((resolve) => setTimeout(resolve, 60000));
});
exports.plain = async (event) => event;
exports.raises = async () => { throw new TypeError('no'); };
";

fn node(handler: &str) -> Running {
    let runtime = Runtime::Node("nodejs20.x".to_owned());
    let files = [("index.js", NODE)];
    Setup::new().function("pets", runtime, handler, &files, |definition| definition.timeout_s = 2).start()
}

#[track_caller]
fn stream(running: &Running, event: &Value) -> Message {
    let path = "/2021-11-15/functions/pets/response-streaming-invocations";
    let answer = running.call("POST", path, "", event.to_string());
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.field("content-type"), Some("application/vnd.amazon.eventstream"));
    answer
}

#[test]
fn an_answer_in_parts() {
    let running = node("index.text");
    let answer = stream(&running, &json!({ "parts": 20, "size": 100_000 }));
    assert_eq!(answer.field("x-amzn-remapped-content-type"), Some("text/plain"));
    assert!(events(&answer.body).len() > 2, "it came in parts");
    assert_eq!(read(&answer.body), (vec![b'x'; 2_000_000], json!({})));
    // The same for who wants it whole.
    let answer = running.invoke("pets", &json!({ "parts": 3, "size": 5 }));
    assert_eq!(answer.body, b"x".repeat(15));
    assert_eq!(running.load("pets", "coldStarts"), 1);
}

#[test]
fn the_prelude_of_an_http_answer() {
    let running = node("index.http");
    let answer = stream(&running, &nothing());
    let integration = "application/vnd.awslambda.http-integration-response";
    assert_eq!(answer.field("x-amzn-remapped-content-type"), Some(integration));
    let prelude = r#"{"statusCode":201,"headers":{"X-A":"b"},"cookies":["c=d"]}"#;
    assert_eq!(read(&answer.body).0, [prelude.as_bytes(), &[0; 8], b"hello world"].concat());
    let empty = stream(&node("index.empty"), &nothing());
    assert_eq!(read(&empty.body).0, [br#"{"statusCode":204}"#, &[0; 8][..]].concat());
}

#[test]
fn streams_that_fail() {
    #[track_caller]
    fn check(handler: &str, event: &Value, payload: &[u8], code: &str, details: &str) {
        let answer = stream(&node(handler), event);
        let (found, end) = read(&answer.body);
        assert_eq!(found, payload, "{handler}");
        assert_eq!(end["ErrorCode"], code, "{end}");
        assert!(end["ErrorDetails"].as_str().expect("a text").contains(details), "{end}");
    }
    check("index.text", &json!({ "parts": 1, "size": 4, "fail": true }), b"xxxx", "Error", "half way");
    check("index.early", &nothing(), b"", "RangeError", "before the first byte");
    check("index.dies", &nothing(), b"some", "Runtime.ExitError", "exit status 3");
    check("index.crashes", &nothing(), b"some", "Runtime.ExitError", "exit status 129");
    check("index.hangs", &nothing(), b"some", "Unhandled", "Task timed out after 2.00 seconds");
    check("index.raises", &nothing(), b"", "TypeError", "no");
}

#[test]
fn what_does_not_stream_comes_as_one_part() {
    let answer = stream(&node("index.plain"), &json!({ "a": 1 }));
    assert_eq!(read(&answer.body), (br#"{"a":1}"#.to_vec(), json!({})));
}

#[test]
fn a_stream_is_bounded() {
    let runtime = Runtime::Node("nodejs20.x".to_owned());
    let running = Setup::new()
        .function("pets", runtime, "index.text", &[("index.js", NODE)], |_| {})
        .set(|settings| settings.bounds.stream_bytes_max = 100_000)
        .start();
    let answer = stream(&running, &json!({ "parts": 30, "size": 10_000 }));
    let (payload, end) = read(&answer.body);
    assert!(payload.len() <= 100_000);
    assert_eq!(end["ErrorCode"], "Function.ResponseSizeTooLarge");
}

#[test]
fn a_caller_that_leaves_stops_nobody_else() {
    let running = node("index.text");
    let mut client = running.connect();
    let event = json!({ "parts": 100, "size": 100_000 }).to_string();
    client.send(super::host::request(
        "POST",
        "/2021-11-15/functions/pets/response-streaming-invocations",
        "",
        event.as_bytes(),
    ));
    assert!(std::io::Read::read(&mut client.socket, &mut [0; 100]).expect("the answer begins") > 0);
    drop(client);
    let answer = running.call("POST", &invocations("pets"), "", r#"{"parts": 1, "size": 1}"#);
    assert_eq!(answer.body, b"x");
}
