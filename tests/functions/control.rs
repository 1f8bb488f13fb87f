use std::io::{Cursor, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tollgate::function::api::{CallKind, Denied};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::host::{Setup, nothing};
use crate::harness::wait_until;

const FUNCTIONS: &str = "/2015-03-31/functions";

fn zip(entries: &[(&str, &str)]) -> String {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).expect("a file");
        writer.write_all(text.as_bytes()).expect("its content");
    }
    STANDARD.encode(writer.finish().expect("an archive").into_inner())
}

fn function(name: &str, answer: &str) -> Value {
    let code = format!("import os\ndef handler(event, context): return ['{answer}', os.environ.get('A')]");
    json!({
        "FunctionName": name, "Runtime": "python3.12", "Role": "arn:aws:iam::123456789012:role/x", "Handler": "app.handler",
        "Code": { "ZipFile": zip(&[("app.py", &code)]) }, "Environment": { "Variables": { "A": "1" } },
    })
}

/// Neither now nor after the next start.
#[test]
fn what_is_refused_is_not_kept() {
    let running = Setup::new().data().set(|settings| settings.bounds.functions_max = 1).start();
    assert_eq!(running.control("POST", FUNCTIONS, &function("pets", "one")).0, 201);
    let (status, refused) = running.control("POST", FUNCTIONS, &function("more", "two"));
    assert_eq!(status, 400, "{refused}");
    let kept = std::fs::read_dir(running.folder.path().join("data")).expect("a folder").flatten();
    let names: Vec<_> = kept.map(|entry| entry.file_name().into_string().expect("text")).collect();
    assert!(
        names.iter().any(|name| name.contains("pets")) && !names.iter().any(|name| name.contains("more")),
        "{names:?}"
    );
}

/// What somebody only says that it will send takes nobody's room.
#[test]
fn only_what_has_come_is_counted() {
    let bounds = |settings: &mut tollgate::function::FunctionSettings| settings.bounds.payload_bytes_max = 10 << 20;
    let running = Setup::new().bootstrap("pets", "environment", |_| {}).set(bounds).start();
    let stalled: Vec<_> = (0..3)
        .map(|_| {
            let mut client = running.connect();
            client.send(format!("POST {FUNCTIONS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n{{"));
            client
        })
        .collect();
    assert_eq!(running.invoke("pets", &nothing()).status(), 200);
    drop(stalled);
}

#[test]
fn a_function_from_its_making_to_its_end() {
    let running = Setup::new().data().start();
    let (status, made) = running.control("POST", FUNCTIONS, &function("pets", "old"));
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["FunctionArn"], "arn:aws:lambda:eu-south-1:123456789012:function:pets");
    assert_eq!((&made["State"], &made["Timeout"], &made["MemorySize"]), (&json!("Active"), &json!(3), &json!(128)));
    assert_eq!(running.control("POST", FUNCTIONS, &function("pets", "again")).0, 409);
    assert_eq!(running.returned("pets", &nothing()), json!(["old", "1"]));

    let path = format!("{FUNCTIONS}/pets");
    let code = function("pets", "new")["Code"].clone();
    let (status, updated) = running.control("PUT", &format!("{path}/code"), &code);
    assert_eq!(status, 200, "{updated}");
    assert_ne!((&updated["CodeSha256"], &updated["RevisionId"]), (&made["CodeSha256"], &made["RevisionId"]));
    assert_eq!(running.returned("pets", &nothing()), json!(["new", "1"]));
    let change = json!({ "Environment": { "Variables": { "A": "2" } }, "Timeout": 9 });
    let (status, updated) = running.control("PUT", &format!("{path}/configuration"), &change);
    assert_eq!((status, &updated["Timeout"]), (200, &json!(9)), "{updated}");
    assert_eq!(running.returned("pets", &nothing()), json!(["new", "2"]));
    let stale = json!({ "Timeout": 8, "RevisionId": made["RevisionId"] });
    assert_eq!(running.control("PUT", &format!("{path}/configuration"), &stale).0, 412);

    let unpacked = || {
        let mut run = std::fs::read_dir(running.folder.path().join("run")).expect("a folder");
        let code = run.next().expect("the host's folder").expect("a folder").path().join("code");
        std::fs::read_dir(code).expect("a folder").count()
    };
    wait_until("the end of the old code", || unpacked() == 1);

    assert_eq!(running.control("GET", &format!("{path}/configuration"), &Value::Null), (200, updated.clone()));
    let (_, shown) = running.control("GET", &path, &Value::Null);
    assert_eq!(shown["Configuration"], updated);
    assert_eq!(running.control("DELETE", &path, &Value::Null).0, 204);
    for method in ["GET", "DELETE"] {
        assert_eq!(running.control(method, &path, &Value::Null).0, 404);
    }
    assert_eq!(running.invoke("pets", &nothing()).status(), 404);
    assert!(!running.metrics().keys().any(|name| name.contains("pets")));
    wait_until("the end of all code", || unpacked() == 0);
}

#[test]
fn what_was_made_outlives_the_host() {
    let setup = Setup::new().data();
    let again = Setup::new();
    let data = setup.settings.data.clone();
    let running = setup.start();
    running.control("POST", FUNCTIONS, &function("pets", "kept"));
    running.control("PUT", "/2017-10-31/functions/pets/concurrency", &json!({ "ReservedConcurrentExecutions": 5 }));
    running.control("POST", FUNCTIONS, &function("gone", "gone"));
    running.control("DELETE", &format!("{FUNCTIONS}/gone"), &Value::Null);
    let super::host::Running { host, folder } = running;
    drop(host);
    let running = again.set(|settings| settings.data = data).start();
    assert_eq!(running.returned("pets", &nothing()), json!(["kept", "1"]));
    let (_, listed) = running.control("GET", FUNCTIONS, &Value::Null);
    assert_eq!(listed["Functions"].as_array().map(Vec::len), Some(1));
    let (_, concurrency) = running.control("GET", "/2019-09-30/functions/pets/concurrency", &Value::Null);
    assert_eq!(concurrency, json!({ "ReservedConcurrentExecutions": 5 }));
    drop(folder);
}

#[test]
fn lists_come_in_pages() {
    let running = Setup::new().start();
    for name in ["a", "b", "c"] {
        assert_eq!(running.control("POST", FUNCTIONS, &function(name, name)).0, 201);
    }
    let names = |answer: &Value| -> Vec<String> {
        let functions = answer["Functions"].as_array().expect("functions");
        functions.iter().map(|function| function["FunctionName"].as_str().expect("a name").to_owned()).collect()
    };
    let (_, first) = running.control("GET", &format!("{FUNCTIONS}/?MaxItems=2"), &Value::Null);
    assert_eq!((names(&first), &first["NextMarker"]), (vec!["a".to_owned(), "b".to_owned()], &json!("b")));
    let (_, second) = running.control("GET", &format!("{FUNCTIONS}/?MaxItems=2&Marker=b"), &Value::Null);
    assert_eq!((names(&second), second.get("NextMarker")), (vec!["c".to_owned()], None));
}

#[test]
fn permissions_are_kept_and_told() {
    let running = Setup::new().start();
    running.control("POST", FUNCTIONS, &function("pets", "x"));
    let policy = format!("{FUNCTIONS}/pets/policy");
    assert_eq!(running.control("GET", &policy, &Value::Null).0, 404);
    let permission = json!({
        "StatementId": "gateway", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com",
        "SourceArn": "arn:aws:execute-api:eu-south-1:123456789012:abc/*/GET/pets",
    });
    let (status, added) = running.control("POST", &policy, &permission);
    assert_eq!(status, 201);
    let statement: Value = serde_json::from_str(added["Statement"].as_str().expect("a text")).expect("JSON");
    assert_eq!(statement["Principal"], json!({ "Service": "apigateway.amazonaws.com" }));
    assert_eq!(running.control("POST", &policy, &permission).0, 409);
    let (_, shown) = running.control("GET", &policy, &Value::Null);
    let shown: Value = serde_json::from_str(shown["Policy"].as_str().expect("a text")).expect("JSON");
    assert_eq!(shown["Statement"], json!([statement]));
    assert_eq!(running.control("DELETE", &format!("{policy}/gateway"), &Value::Null).0, 204);
    assert_eq!(running.control("DELETE", &format!("{policy}/gateway"), &Value::Null).0, 404);
}

#[test]
fn tags() {
    let running = Setup::new().start();
    let (_, made) = running.control("POST", FUNCTIONS, &function("pets", "x"));
    let arn = made["FunctionArn"].as_str().expect("a text").replace(':', "%3A");
    let path = format!("/2017-03-31/tags/{arn}");
    assert_eq!(running.control("POST", &path, &json!({ "Tags": { "a": "1", "b/c": "2" } })).0, 204);
    assert_eq!(running.control("DELETE", &format!("{path}?tagKeys=b%2Fc"), &Value::Null).0, 204);
    assert_eq!(running.control("GET", &path, &Value::Null), (200, json!({ "Tags": { "a": "1" } })));
}

#[test]
fn what_cannot_be_is_refused() {
    let running = Setup::new().python("configured", "def handler(event, context): pass", |_| {}).start();
    #[track_caller]
    fn check(running: &super::host::Running, field: &str, value: Value, part: &str) {
        let mut body = function("pets", "x");
        body[field] = value;
        let (status, answer) = running.control("POST", FUNCTIONS, &body);
        assert!(status == 400 && answer.to_string().contains(part), "{status} {answer}");
        assert_eq!(running.control("GET", &format!("{FUNCTIONS}/pets"), &Value::Null).0, 404);
    }
    check(&running, "FunctionName", json!("../pets"), "no name of a function");
    check(&running, "Runtime", json!("java21"), "java21");
    check(&running, "Layers", json!(["arn"]), "Layers");
    check(&running, "PackageType", json!("Image"), "PackageType");
    check(&running, "Publish", json!(true), "Publish");
    check(&running, "Code", json!({ "S3Bucket": "b", "S3Key": "k" }), "S3");
    check(&running, "Code", json!({ "ZipFile": "no base64" }), "base64");
    check(&running, "Code", json!({ "ZipFile": zip(&[("../../evil.py", "x")]) }), "outside of its folder");
    check(&running, "Environment", json!({ "Variables": { "_HANDLER": "x" } }), "_HANDLER");
    let path = format!("{FUNCTIONS}/configured");
    for (method, path, body) in [
        ("DELETE", path.clone(), Value::Null),
        ("PUT", format!("{path}/configuration"), json!({ "Timeout": 5 })),
        ("PUT", format!("{path}/code"), function("x", "x")["Code"].clone()),
    ] {
        let (status, answer) = running.control(method, &path, &body);
        assert!(status == 409 && answer.to_string().contains("settings"), "{status} {answer}");
    }
    assert_eq!(running.control("GET", "/2015-03-31/layers", &Value::Null).0, 404);
}

#[test]
fn the_gate_is_asked() {
    let running = Setup::new()
        .python("pets", "def handler(event, context): return 1", |_| {})
        .set(|settings| {
            settings.gate = Box::new(|call| match call.kind {
                CallKind::Invoke | CallKind::Read if call.peer.ip().is_loopback() => Ok(()),
                _ => {
                    assert!(call.peer_user.is_some(), "the kernel tells whose a connection is");
                    let message = format!("{} is not for you", call.path);
                    Err(Denied { status: hyper::StatusCode::FORBIDDEN, error_type: "AccessDeniedException", message })
                }
            });
        })
        .start();
    assert_eq!(running.returned("pets", &nothing()), 1);
    assert_eq!(running.control("GET", FUNCTIONS, &Value::Null).0, 200);
    let (status, answer) = running.control("POST", FUNCTIONS, &function("other", "x"));
    assert_eq!((status, &answer["message"]), (403, &json!("/2015-03-31/functions is not for you")));
}

#[test]
fn a_host_that_cannot_start_says_why() {
    let refusal = Setup::new().python("pets", "", |definition| definition.timeout_s = 0).refusal();
    assert!(refusal.contains("pets: timeout_s: write"), "{refusal}");
    let refusal = Setup::new()
        .python("pets", "", |_| {})
        .set(|settings| settings.functions[0].code = "/nowhere".into())
        .refusal();
    assert!(refusal.contains("/nowhere: No such file"), "{refusal}");
}
