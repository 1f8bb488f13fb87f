//! `/status`, `/backup`, `/restore` and `/openapi.json`, as they are on the wire.

use serde_json::Value;

use crate::harness::{Api, Client, Gateway, Message, mock};

fn served(text: &str) -> Gateway {
    Gateway::with(&Api::new().route("GET /a", mock(200, text))).start()
}

fn ask(gateway: &Gateway, request: &str, fields: &str, body: &str) -> Message {
    let mut client = Client::connect(gateway.admin.expect("there is an admin listener"));
    let length = body.len();
    client
        .exchange(format!("{request} HTTP/1.1\r\n{fields}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"))
}

fn json(message: &Message) -> Value {
    serde_json::from_str(message.text()).unwrap_or_else(|error| panic!("{error} in {}", message.text()))
}

const HOST: &str = "Host: 127.0.0.1\r\n";

#[test]
fn the_status_is_told_of_one_api_or_of_all() {
    let gateway = served("one");
    let all = json(&gateway.admin("GET /status"));
    assert_eq!(all["apis"][0]["id"], "api1");
    assert_eq!(all["apis"][0]["stages"][0]["paths"], serde_json::json!(["/", "/_aws/execute-api/api1/default/"]));
    assert_eq!(json(&gateway.admin("GET /status?api=Tested")), all);
    assert_eq!(json(&gateway.admin("GET /status?api=other"))["apis"], serde_json::json!([]));
    let wrong = gateway.admin("GET /status?apis=a");
    assert_eq!((wrong.status(), json(&wrong)["message"].is_string()), (400, true));
}

#[test]
fn a_backup_that_is_not_whole_changes_nothing() {
    let gateway = served("one");
    let backup = gateway.admin("GET /backup");
    assert_eq!(backup.field("content-type"), Some("application/jsonl"));
    let whole = backup.text();
    for (body, part) in [
        (whole[..whole.len() - 1].to_owned(), "cut short"),
        (whole.replacen("\"Tested\"", "\"Altered\"", 1), "was altered"),
        (whole.replacen("Backup\":2", "Backup\":3", 1), "use a newer one"),
        (String::new(), "no backup"),
    ] {
        let answer = ask(&gateway, "POST /restore", HOST, &body);
        assert_eq!(answer.status(), 422, "{part}");
        assert!(answer.text().contains(part), "{}", answer.text());
    }
    assert_eq!(gateway.get("/a").text(), "one");
    let answer = ask(&gateway, "POST /restore", HOST, whole);
    assert_eq!(json(&answer)["unserved"], serde_json::json!([]));
    assert_eq!(gateway.get("/a").text(), "one");
}

#[test]
fn a_backup_has_a_bound() {
    let api = Api::new().route("GET /a", mock(200, "one"));
    let gateway = Gateway::with(&api).set("management.backup_bytes_max", 1024).start();
    assert_eq!(ask(&gateway, "POST /restore", HOST, &"x".repeat(1025)).status(), 413);
    assert_eq!(ask(&gateway, "POST /restore", HOST, &"x".repeat(1024)).status(), 422);
}

#[test]
fn a_page_in_a_browser_reads_no_secret() {
    let gateway = served("one");
    for target in ["GET /backup", "GET /status"] {
        assert_eq!(ask(&gateway, target, "Host: rebound.example\r\n", "").status(), 403);
        assert_eq!(ask(&gateway, target, "Host: 127.0.0.1\r\nOrigin: https://page.example\r\n", "").status(), 403);
    }
}

#[test]
fn who_may_only_read_may_look_and_back_up() {
    let gateway = served_for_readers();
    let as_reader = format!("{HOST}Authorization: Bearer reader-token\r\n");
    for (request, status) in [("GET /status", 200), ("GET /backup", 200), ("POST /restore", 403), ("POST /reload", 403)]
    {
        assert_eq!(ask(&gateway, request, &as_reader, "").status(), status, "{request}");
        assert_eq!(ask(&gateway, request, HOST, "").status(), 401, "{request}");
    }
    assert_eq!(gateway.admin("GET /openapi.json").status(), 200);
}

fn served_for_readers() -> Gateway {
    let start = Gateway::serve().api(&Api::new().route("GET /a", mock(200, "one")));
    let settings = "[[management.tokens]]\nname = \"reader\"\ntoken = \"reader-token\"\nscope = \"read-only\"\n";
    let file = start.folder.path().join("settings.toml");
    std::fs::write(&file, settings).expect("the folder is ours");
    start.arg("--config").arg(file.display().to_string()).start()
}

#[test]
fn the_routes_are_described() {
    let gateway = served("one");
    let document = json(&gateway.admin("GET /openapi.json"));
    assert_eq!(
        (&document["openapi"], &document["info"]["version"]),
        (&"3.1.0".into(), &env!("CARGO_PKG_VERSION").into())
    );
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("a path item").keys() {
            let method = method.to_uppercase();
            // It would be answered, but for who asks.
            let answer = ask(&gateway, &format!("{method} {path}"), "Host: rebound.example\r\n", "");
            assert!(matches!(answer.status(), 200 | 403), "{method} {path}: {}", answer.status());
        }
    }
}
