//! `check`, `routes`, `config`, `completions`, `--version`, `--help`.

use serde_json::{Value, json};

use crate::harness::gateway::{Ended, Start};
use crate::harness::{Api, http_proxy, mock};

fn good() -> Api {
    Api::new().route("GET /pets/{id}", http_proxy("http://127.0.0.1:9000/p/{id}")).route("ANY /mock", mock(204, ""))
}

const MISSPELT: &str = "openapi: 3.0.1\ninfo: {title: T, version: '1'}\npahts: {}\npaths: {}\n";

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error} in {}", ended.stdout))
}

#[test]
fn check_says_what_stands_against_serving() {
    let ended = Start::command("check").api(&good()).run();
    assert_eq!((ended.code(), ended.stdout.as_str()), (0, "api0.yaml: 2 routes, 0 problems\n"));
    let ended = Start::command("check").document(MISSPELT).api(&good()).run();
    let expected = "\
error: unknown key `pahts` in the document's root
 --> api0.yaml:3:1
  |
3 | pahts: {}
  | ^
  = help: did you mean `paths`?

api0.yaml: 1 problem
api1.yaml: 2 routes, 0 problems
";
    assert_eq!((ended.code(), ended.stdout.as_str()), (1, expected));
    let ended = Start::command("check").arg("none.yaml").run();
    assert_eq!(ended.code(), 1);
    assert!(ended.stdout.contains("cannot read `none.yaml`: no such file or directory"), "{}", ended.stdout);
    let together = Start::command("check").api(&good()).api(&good()).run();
    assert_eq!(together.code(), 1);
    assert!(together.stdout.contains("two APIs have the id `api1`"), "{}", together.stdout);
}

#[test]
fn check_as_json() {
    let ended = Start::command("check").arg("--format").arg("json").document(MISSPELT).api(&good()).run();
    assert_eq!(ended.code(), 1);
    let report = json(&ended);
    let files = json!([
        {"file": "api0.yaml", "routes": null, "problems": 1, "apiId": null, "stage": null, "stages": []},
        {"file": "api1.yaml", "routes": 2, "problems": 0, "apiId": "api1", "stage": "default", "stages": ["default"]},
    ]);
    assert_eq!(report["files"], files);
    assert_eq!(report["diagnostics"][0]["place"], json!({"file": "api0.yaml", "line": 3, "column": 1}));
    assert_eq!(report["diagnostics"][0]["help"], "did you mean `paths`?");
}

#[test]
fn routes_lists_them() {
    let ended = Start::command("routes").api(&good()).run();
    let expected = "\
METHOD  PATH        INTEGRATION  TARGET
GET     /pets/{id}  http_proxy   ANY http://127.0.0.1:9000/p/{id}
ANY     /mock       mock         200
";
    assert_eq!((ended.code(), ended.stdout.as_str()), (0, expected));
    let ended = Start::command("routes").arg("--format").arg("json").api(&good()).run();
    assert_eq!(json(&ended)[0]["path"], "/pets/{id}");
    let ended = Start::command("routes").document(MISSPELT).run();
    assert_eq!((ended.code(), ended.stdout.as_str()), (1, ""));
    assert!(ended.stderr.contains("unknown key `pahts`"), "{}", ended.stderr);
}

#[test]
fn stages_and_canaries_are_listed() {
    let example = |name: &str| format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"));
    let ended = Start::command("routes").arg(example("canary.yaml")).run();
    let expected = "\
STAGE          METHOD  PATH    INTEGRATION  TARGET
prod           GET     /hello  mock         200
prod (canary)  GET     /hello  mock         200
prod (canary)  GET     /bye    mock         204
dev            GET     /hello  mock         200
";
    assert_eq!((ended.code(), ended.stdout.as_str()), (0, expected));
    let ended = Start::command("check").set("root", "true").arg(example("canary.yaml")).run();
    assert_eq!(ended.code(), 1);
    let message = "only one stage can be served at the root, and here are `prod` and `dev`";
    assert!(ended.stdout.contains(message) && ended.stdout.contains("canary.yaml:23:3"), "{}", ended.stdout);
    let ended = Start::command("check").set("root", "true").arg("--stage").arg("dev").arg(example("canary.yaml")).run();
    assert_eq!(ended.code(), 0, "{}", ended.stdout);
}

#[test]
fn parity_refuses_what_aws_refuses() {
    let mut proxied = http_proxy("http://127.0.0.1:9000/p");
    proxied["timeoutInMillis"] = json!(29_001);
    let slow = Api::new().route("GET /slow", proxied.clone());
    assert_eq!(Start::command("check").api(&slow).run().code(), 0);
    let ended = Start::command("check").set("parity", "aws").api(&slow).run();
    assert_eq!(ended.code(), 1);
    assert!(ended.stdout.contains("a timeout of 29001 ms is out of range"), "{}", ended.stdout);
    assert!(ended.stdout.contains("`responseTransferMode: STREAM` allows 900000"), "{}", ended.stdout);
    proxied["responseTransferMode"] = json!("STREAM");
    let stream = Api::new().route("GET /slow", proxied);
    assert_eq!(Start::command("check").set("parity", "aws").api(&stream).run().code(), 0);
    let ended = Start::command("config").set("parity", "aws").run();
    let line = ended.stdout.lines().find(|line| line.starts_with("limits.response_body_bytes_max = 10485760"));
    assert!(line.is_some_and(|line| line.ends_with("# preset parity = \"aws\"")), "{}", ended.stdout);
}

#[test]
fn config_says_where_values_come_from() {
    let start = Start::command("config").set("limits.idle_timeout_ms", 5).arg("--shards").arg("3");
    let start = start.arg("--config").arg("tollgate.toml").arg("--format").arg("json");
    std::fs::write(start.folder.path().join("tollgate.toml"), "shards = 7\ndriver = \"epoll\"\n").expect("ours");
    let ended = start.run();
    let settings = json(&ended);
    assert_eq!(settings["shards"], json!({"value": 3, "source": "flag --shards"}));
    assert_eq!(settings["driver"], json!({"value": "epoll", "source": "file tollgate.toml:2"}));
    let source = "environment variable TOLLGATE_LIMITS_IDLE_TIMEOUT_MS";
    assert_eq!(settings["limits.idle_timeout_ms"], json!({"value": 5, "source": source}));
    assert_eq!(settings["watch"], json!({"value": true, "source": "default"}));
    // What it prints is a settings file that says the same.
    let ended = Start::command("config").arg("--shards").arg("3").run();
    let again = Start::command("config").arg("--config").arg("t.toml");
    std::fs::write(again.folder.path().join("t.toml"), &ended.stdout).expect("ours");
    let again = again.run();
    assert_eq!(again.code(), 0, "{}", again.stderr);
    let values = |text: &str| {
        text.lines().map(|line| line.split(" # ").next().map(str::trim_end).map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(values(&ended.stdout), values(&again.stdout));
}

#[test]
fn the_reference_in_the_repository_is_the_programs_own() {
    let ended = Start::command("config").arg("--reference").run();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md")).expect("it is there");
    assert!(ended.stdout == page, "run `tollgate config --reference > docs/settings.md`");
}

#[test]
fn completions_for_every_shell() {
    for (shell, word) in [("bash", "_tollgate"), ("zsh", "#compdef tollgate"), ("fish", "complete -c tollgate")] {
        let ended = Start::command("completions").arg(shell).run();
        assert_eq!(ended.code(), 0);
        assert!(ended.stdout.contains(word), "{shell}");
    }
}

#[test]
fn version_and_help() {
    let ended = Start::command("--version").run();
    assert_eq!(ended.code(), 0);
    let version = concat!("tollgate ", env!("CARGO_PKG_VERSION"), " (");
    assert!(ended.stdout.starts_with(version), "{}", ended.stdout);
    for command in ["serve", "check", "routes", "test-invoke", "config", "completions"] {
        let ended = Start::command(command).arg("--help").run();
        assert_eq!(ended.code(), 0);
        assert!(ended.stdout.contains("Usage: tollgate"), "{}", ended.stdout);
    }
}

#[test]
fn wrong_command_lines_are_answered_with_2() {
    for (command, arguments, message) in [
        ("sreve", vec![], "unrecognized subcommand"),
        ("serve", vec!["--lisen", "x"], "--listen"),
        ("serve", vec!["--driver", "kqueue"], "io_uring"),
        ("serve", vec!["--shards", "0"], "--shards: \"0\" is not allowed"),
        ("check", vec![], "there is no document"),
        ("routes", vec!["--format", "xml", "a.yaml"], "invalid value 'xml'"),
        ("completions", vec!["tcsh"], "invalid value 'tcsh'"),
    ] {
        let ended = arguments.iter().fold(Start::command(command), |start, argument| start.arg(*argument)).run();
        assert_eq!((ended.code(), ended.stdout.as_str()), (2, ""), "{command} {arguments:?}");
        assert!(ended.stderr.contains(message), "{command} {arguments:?}: {}", ended.stderr);
    }
}
