//! Requests arrive as they were described.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::server::{OK, Received, Reply, Server};
use crate::{on_both_drivers, run};

/// A server that keeps what it was sent.
struct Keeper {
    server: Server,
    seen: Arc<Mutex<Vec<Received>>>,
}

impl Keeper {
    fn start() -> Keeper {
        Keeper::answering(|_| Reply::Bytes(OK.to_vec()))
    }

    fn answering(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Keeper {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let server = Server::start(move |request| {
            kept.lock().unwrap().push(request.clone());
            answer(request)
        });
        Keeper { server, seen }
    }

    fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address)
    }

    fn seen(&self) -> Vec<Received> {
        self.seen.lock().unwrap().clone()
    }

    /// How often each was sent.
    fn counts(&self, of: impl Fn(&Received) -> String) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        self.seen().iter().for_each(|request| *counts.entry(of(request)).or_default() += 1);
        counts
    }
}

fn path(request: &Received) -> String {
    request.line.split(' ').nth(1).unwrap().to_owned()
}

fn file(folder: &tempfile::TempDir, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    as_text(&path)
}

fn as_text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

const TWO_WORKERS: [&str; 4] = ["-c", "6", "--workers", "2"];

#[test]
fn numbers_are_unique_and_complete() {
    on_both_drivers(|driver| {
        let keeper = Keeper::start();
        let url = keeper.at("/{{seq}}?also={{seq}}&from={{seq:1000}}");
        run(&[&[&url, "--driver", driver, "-n", "1000"], &TWO_WORKERS[..]].concat());
        let mut numbers = BTreeSet::new();
        for request in keeper.seen() {
            let (number, query) = path(&request).trim_start_matches('/').split_once('?').map(owned).unwrap();
            let number: usize = number.parse().unwrap();
            assert_eq!(query, format!("also={number}&from={}", number + 1000));
            assert!(numbers.insert(number), "{number} came twice");
        }
        assert!(numbers.into_iter().eq(0..1000), "every worker has half of them");
    });
}

fn owned((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

#[test]
fn rows_are_dealt_out_in_turn() {
    let folder = tempfile::tempdir().unwrap();
    let users = file(&folder, "users.csv", "id,name\n1,\"Ann, A\"\n2,Bob\n3,Cy/D\n4,Eve\n");
    on_both_drivers(|driver| {
        let keeper = Keeper::start();
        let url = keeper.at(&format!("/{{{{csv:{users}:id}}}}/{{{{csv:{users}:name}}}}"));
        run(&[&[&url, "--driver", driver, "-n", "400"], &TWO_WORKERS[..]].concat());
        let expected = ["/1/Ann%2C%20A", "/2/Bob", "/3/Cy%2FD", "/4/Eve"].map(|path| (path.to_owned(), 100));
        assert_eq!(keeper.counts(path), expected.into());
    });
}

#[test]
fn random_values_have_their_form() {
    let keeper = Keeper::start();
    let url = keeper.at("/{{uuid}}/{{random:1-3}}/{{random_string:12}}/{{pick:a|b}}");
    run(&[&[&url, "-n", "300"], &TWO_WORKERS[..]].concat());
    let form = regex::Regex::new(
        "^/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/[1-3]/[0-9A-Za-z]{12}/[ab]$",
    )
    .unwrap();
    let paths = keeper.counts(path);
    assert_eq!(paths.len(), 300, "no UUID comes twice");
    assert!(paths.keys().all(|path| form.is_match(path)), "{:?}", paths.keys().next());
    let part = |at| move |request: &Received| path(request).split('/').nth(at).unwrap().to_owned();
    assert_eq!(keeper.counts(part(2)).into_keys().collect::<Vec<_>>(), ["1", "2", "3"]);
    assert_eq!(keeper.counts(part(4)).into_keys().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn a_seed_repeats_random_values() {
    let of = |seed: &str| {
        let keeper = Keeper::start();
        run(&[&keeper.at("/{{uuid}}"), "-n", "20", "-c", "1", "--seed", seed]);
        keeper.seen().iter().map(path).collect::<Vec<_>>()
    };
    assert_eq!(of("7"), of("7"));
    assert_ne!(of("7"), of("8"));
}

#[test]
fn weights_are_proportions() {
    on_both_drivers(|driver| {
        let keeper = Keeper::start();
        let (nine, one) = (format!("9={}", keeper.at("/often")), keeper.at("/seldom"));
        let report = run(&[&[&nine, &one, "--driver", driver, "-n", "1000"], &TWO_WORKERS[..]].concat());
        assert_eq!(keeper.counts(path), [("/often".to_owned(), 900), ("/seldom".to_owned(), 100)].into());
        let rows: Vec<_> = report.requests.iter().map(|row| (row.name.as_str(), row.answered, row.failed)).collect();
        assert_eq!(rows, [("GET /often", 900, 0), ("GET /seldom", 100, 0)]);
    });
}

#[test]
fn bodies_have_their_length_and_type() {
    let folder = tempfile::tempdir().unwrap();
    // More than one send takes, and more than is sent without a completion.
    let large = file(&folder, "body", "x".repeat(300_000));
    on_both_drivers(|driver| {
        let keeper = Keeper::start();
        let url = keeper.at("/");
        let common = [&url, "--driver", driver, "-n", "20", "-c", "4"];
        run(&[&common[..], &["--body-file", &large, "-X", "PUT"]].concat());
        run(&[&common[..], &["--data", "a=b&c=é"]].concat());
        run(&[&common[..], &["--json-body", r#"{"n": "{{pick:1|22|333}}\"{{seq}}"}"#]].concat());
        run(&[&common[..], &["-X", "POST"]].concat());
        let seen = keeper.seen();
        let of = |start: usize| &seen[start..start + 20];
        for request in of(0) {
            assert_eq!((&request.line[..4], request.body.len()), ("PUT ", 300_000));
        }
        for request in of(20) {
            assert_eq!((request.line.as_str(), request.body.as_str()), ("POST / HTTP/1.1", "a=b&c=é"));
            assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
        }
        for request in of(40) {
            let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
            assert!(body["n"].as_str().unwrap().contains('"'), "{body}");
            assert_eq!(request.header("content-type"), Some("application/json"));
        }
        assert!(of(60).iter().all(|request| request.header("content-length") == Some("0")));
    });
}

#[test]
fn large_bodies_follow_each_other_in_order_when_pipelined() {
    let folder = tempfile::tempdir().unwrap();
    let large = file(&folder, "body", format!("<{}>", "x".repeat(200_000)));
    on_both_drivers(|driver| {
        let keeper = Keeper::start();
        run(&[&keeper.at("/"), "--driver", driver, "--body-file", &large, "-n", "40", "-c", "2", "--depth", "4"]);
        let seen = keeper.seen();
        assert_eq!(seen.len(), 40);
        assert!(seen.iter().all(|request| request.body.starts_with('<') && request.body.ends_with('>')));
    });
}

#[test]
fn head_has_no_body_whatever_its_length() {
    on_both_drivers(|driver| {
        let keeper = Keeper::answering(|_| Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n".to_vec()));
        let report = run(&[&keeper.at("/"), "--driver", driver, "-X", "HEAD", "-n", "100", "-c", "2"]);
        assert_eq!((report.total.answered, report.total.failures.len()), (100, 0));
    });
}

#[test]
fn keys_and_tokens_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let keys = file(&folder, "keys", "# of the stage\nkey-1\nkey-2\n\nkey-3\n");
    let tokens = file(&folder, "tokens", "one\ntwo\n");
    on_both_drivers(|driver| {
        let keeper = Keeper::start();
        let credentials = ["--api-keys", &keys, "--bearer-tokens", &tokens, "--driver", driver];
        let report = run(&[&[&keeper.at("/"), "-n", "600"], &credentials[..], &TWO_WORKERS].concat());
        let header = |name: &'static str| move |request: &Received| request.header(name).unwrap().to_owned();
        let of_keys = ["key-1", "key-2", "key-3"].map(|key| (key.to_owned(), 200));
        assert_eq!(keeper.counts(header("x-api-key")), of_keys.into());
        let of_tokens = ["Bearer one", "Bearer two"].map(|token| (token.to_owned(), 300));
        assert_eq!(keeper.counts(header("authorization")), of_tokens.into());
        assert!(!format!("{report:?}").contains("key-1"), "credentials are in no report");
    });
}

#[test]
fn requests_from_lines() {
    let folder = tempfile::tempdir().unwrap();
    let lines = r#"{"path": "/pets", "weight": 3}
{"name": "buy", "path": "/orders", "headers": {"X-Shop": ["1", "2"]}, "body": {"pet": "{{random:1-9}}"}, "expect_status": 201}
"#;
    let requests = file(&folder, "requests.jsonl", lines);
    let keeper = Keeper::answering(|request| match request.line.as_str() {
        "POST /api/orders HTTP/1.1" => Reply::Bytes(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n".to_vec()),
        _ => Reply::Bytes(OK.to_vec()),
    });
    let report = run(&[&keeper.at("/api"), "--requests", &requests, "-H", "X-All: yes", "-n", "400", "-c", "4"]);
    assert_eq!(keeper.counts(path), [("/api/orders".to_owned(), 100), ("/api/pets".to_owned(), 300)].into());
    assert_eq!(report.total.failures, [].into());
    assert_eq!(report.total.statuses, [(200, 300), (201, 100)].into());
    let names: Vec<&str> = report.requests.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["GET /api/pets", "buy"]);
    let seen = keeper.seen();
    assert!(seen.iter().all(|request| request.header("x-all") == Some("yes")));
    let order = seen.iter().find(|request| request.line.starts_with("POST")).unwrap();
    assert_eq!(order.headers.iter().filter(|header| header.starts_with("X-Shop:")).count(), 2);
    assert!(regex::Regex::new(r#"^\{"pet":"[1-9]"\}$"#).unwrap().is_match(&order.body), "{}", order.body);
}

#[test]
fn requests_from_an_openapi_document() {
    let document = r#"
openapi: 3.0.3
info: {title: Pets, version: "1"}
servers: [{url: "https://example.com/v1"}]
paths:
  /pets:
    get:
      x-loadtest-weight: 3
      parameters: [{name: limit, in: query, required: true, schema: {type: integer, minimum: 5, maximum: 9}}]
      responses: {"200": {description: ok}}
    delete: {responses: {"204": {description: gone}}}
  /pets/{id}:
    get:
      parameters: [{name: id, in: path, required: true, schema: {type: string}, x-loadtest-example: "{{random:1-3}}"}]
      responses: {"200": {description: ok}}
"#;
    let folder = tempfile::tempdir().unwrap();
    let document = file(&folder, "pets.yaml", document);
    let keeper = Keeper::start();
    let report = run(&[&keeper.at(""), "--openapi", &document, "-n", "400", "-c", "4"]);
    assert_eq!(report.total.failures, [].into());
    let names: Vec<_> = report.requests.iter().map(|row| (row.name.as_str(), row.answered)).collect();
    assert_eq!(names, [("GET /pets", 300), ("GET /pets/{id}", 100)]);
    let form = regex::Regex::new(r"^GET /v1/pets(\?limit=[5-9]|/[1-3]) HTTP/1\.1$").unwrap();
    assert!(keeper.seen().iter().all(|request| form.is_match(&request.line)), "{:?}", keeper.counts(path));
}

#[test]
fn answers_that_are_not_expected_are_failures() {
    on_both_drivers(|driver| {
        // Every second answer of a connection is a 404.
        let keeper = Keeper::answering(|request| match request.number % 2 {
            0 => Reply::Bytes(OK.to_vec()),
            _ => Reply::Bytes(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno".to_vec()),
        });
        let url = keeper.at("/");
        let of = |more: &[&str]| {
            let report = run(&[&[&url, "--driver", driver, "-n", "100", "-c", "1"], more].concat());
            assert_eq!(report.total.answered, 100);
            let failures = report.total.failures.into_iter();
            failures.map(|(failure, count)| (failure.name(), count)).collect::<Vec<_>>()
        };
        assert_eq!(of(&[]), [("status", 50)]);
        assert_eq!(of(&["--expect-status", "200,404"]), []);
        assert_eq!(of(&["--expect-status", "2xx,404", "--expect-body", "ok"]), [("body", 50)]);
        assert_eq!(of(&["--expect-status", "404"]), [("status", 50)]);
        assert_eq!(of(&["--expect-status", "200-499", "--expect-body-regex", "^(ok|no)$"]), []);
    });
}
