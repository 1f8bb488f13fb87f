//! A running gateway and its commands: `status`, `diff`, `deploy`, `rollback`, `export`, `backup`, `restore`.

use serde_json::{Value, json};

use super::{fails, run, succeeds};
use crate::harness::gateway::Start;
use crate::harness::{Api, Gateway, mock};

/// `/pets` says what it is told to, with the stage's variable `kind` behind.
fn pets(text: &str) -> Api {
    let info = json!({"title": "Pet Store", "version": "1"});
    Api::new().with("info", info).route("GET /pets", mock(200, &format!("{text} $stageVariables.kind")))
}

fn empty() -> Gateway {
    Gateway::serve().set("empty", "true").start()
}

/// The stage that all of this is about.
const TARGET: [&str; 4] = ["--api", "pets", "--stage", "prod"];

/// These words, and then [`TARGET`].
fn at_target<'w>(words: &[&'w str]) -> Vec<&'w str> {
    [words, &TARGET].concat()
}

/// The one API's only stage.
#[track_caller]
fn stage(gateway: &Gateway) -> Value {
    let mut status: Value =
        serde_json::from_str(&succeeds(gateway.command("status"), &["--format", "json"])).expect("JSON");
    status["apis"][0]["stages"][0].take()
}

/// The path of a document in the gateway's folder.
fn document(gateway: &Gateway, name: &str, api: &Api) -> String {
    gateway.write(name, &api.text());
    gateway.path(name).display().to_string()
}

#[test]
fn a_document_is_deployed_changed_and_taken_back() {
    let gateway = empty();
    assert!(succeeds(gateway.command("status"), &[]).contains("there is no API yet"));
    let (one, two) = (document(&gateway, "one.json", &pets("one")), document(&gateway, "two.json", &pets("two")));

    fails(gateway.command("deploy"), &at_target(&[&one]), 1, "--create makes one");
    let made = at_target(&[&one, "--create", "--stage-variable", "kind=dog", "--description", "the first"]);
    let told = succeeds(gateway.command("deploy"), &made);
    assert!(told.contains(": made\n") && told.ends_with(&format!("http://{}/prod/\n", gateway.address())), "{told}");
    assert_eq!(gateway.get("/prod/pets").text(), "one dog");
    let first = stage(&gateway);
    assert_eq!((&first["description"], &first["undeployed"]["count"]), (&json!("the first"), &json!(0)));

    let same = run(gateway.command("diff"), &at_target(&[&one]));
    assert_eq!(same.code(), 0, "{}{}", same.stdout, same.stderr);
    assert!(same.stdout.ends_with("nothing would change\n"), "{}", same.stdout);
    let other = run(gateway.command("diff"), &at_target(&[&two, "--stage-variable", "kind=cat"]));
    assert_eq!(other.code(), 1, "{}", other.stderr);
    for part in [": 2 changes\n", "\"one $stageVariables.kind\" → \"two $stageVariables.kind\"", "\"dog\" → \"cat\""]
    {
        assert!(other.stdout.contains(part), "{}", other.stdout);
    }

    let told = succeeds(gateway.command("deploy"), &at_target(&[&two]));
    let from = first["deploymentId"].as_str().expect("an id");
    assert!(told.contains(": 1 change\n") && told.contains(&format!(", was {from}\n")), "{told}");
    assert_eq!(gateway.get("/prod/pets").text(), "two dog", "the variable has stayed");
    assert!(succeeds(gateway.command("deploy"), &at_target(&[&two])).contains("nothing to deploy"));

    let second = stage(&gateway);
    assert_eq!(second["earlierDeployments"][0]["deploymentId"], from);
    let told = succeeds(gateway.command("rollback"), &TARGET);
    assert!(told.contains(&format!("{} → {from}\n", second["deploymentId"].as_str().expect("an id"))), "{told}");
    assert_eq!(gateway.get("/prod/pets").text(), "one dog");
    let told = succeeds(gateway.command("status"), &["--api", "pets"]);
    assert!(told.contains("pets, prod: 1 change not deployed\n  ~ "), "{told}");
    succeeds(gateway.command("deploy"), &TARGET);
    assert_eq!(gateway.get("/prod/pets").text(), "two dog");
}

#[test]
fn what_is_exported_and_backed_up_is_served_again() {
    let gateway = empty();
    let one = document(&gateway, "one.json", &pets("one"));
    let create = at_target(&[&one, "--create", "--stage-variable", "kind=dog"]);
    succeeds(gateway.command("deploy"), &create);

    let exported = succeeds(gateway.command("export"), &["--api", "pets", "--yaml"]);
    assert!(exported.starts_with("openapi:"), "{exported}");
    let from_file = Gateway::serve().document(&exported).start();
    assert_eq!(from_file.get("/pets").text(), "one dog");

    let backup = gateway.path("backup").display().to_string();
    let told = succeeds(gateway.command("backup"), &["-o", &backup]);
    assert!(told.ends_with(" rows\n"), "{told}");
    let printed = succeeds(gateway.command("backup"), &[]);
    assert_eq!(printed.lines().count(), std::fs::read_to_string(&backup).expect("it is there").lines().count());

    let other = empty();
    assert_eq!(other.get("/prod/pets").status(), 403);
    succeeds(other.command("restore"), &[&backup]);
    assert_eq!(other.get("/prod/pets").text(), "one dog");

    let data = gateway.path("data").display().to_string();
    succeeds(Start::command("restore"), &[&backup, "--data", &data]);
    fails(Start::command("restore"), &[&backup, "--data", &data], 1, "--replace replaces it");
    let third = Gateway::serve().set("data", &data).start();
    assert_eq!(third.get("/prod/pets").text(), "one dog");
    fails(Start::command("restore"), &[&backup, "--data", &data, "--replace"], 1, "is in use by process");
}

#[test]
fn what_files_describe_outlives_a_restore() {
    let gateway = empty();
    let one = document(&gateway, "one.json", &pets("one"));
    succeeds(gateway.command("deploy"), &at_target(&[&one, "--create"]));
    let backup = gateway.path("backup").display().to_string();
    succeeds(gateway.command("backup"), &["-o", &backup]);
    let serving = Gateway::with(&pets("a file")).by_stage().start();
    succeeds(serving.command("restore"), &[&backup]);
    assert_eq!(serving.get("/_aws/execute-api/api1/default/pets").text(), "a file ");
    let status: Value =
        serde_json::from_str(&succeeds(serving.command("status"), &["--format", "json"])).expect("JSON");
    let apis = status["apis"].as_array().expect("a list");
    let shown: Vec<String> = apis.iter().map(|api| format!("{} {}", api["name"], api["fromFile"])).collect();
    assert!(
        shown.contains(&"\"pets\" false".to_owned()) && shown.contains(&"\"Pet Store\" true".to_owned()),
        "{shown:?}"
    );
    let id = apis.iter().find(|api| api["name"] == "pets").expect("it was restored")["id"].as_str().expect("an id");
    assert_eq!(serving.get(&format!("/_aws/execute-api/{id}/prod/pets")).text(), "one ");
}

#[test]
fn a_document_of_several_files_is_deployed_as_one() {
    let gateway = empty();
    gateway.write("parts.json", r#"{"x-pets": {"get": {"responses": {}, "x-amazon-apigateway-integration":
        {"type": "mock", "requestTemplates": {"application/json": "{\"statusCode\": 200}"},
         "responses": {"default": {"statusCode": "200", "responseTemplates": {"application/json": "from a part"}}}}}}}"#);
    let api = Api::new().with("paths", json!({"/pets": {"$ref": "parts.json#/x-pets"}}));
    let file = document(&gateway, "whole.json", &api);
    succeeds(gateway.command("deploy"), &at_target(&[&file, "--create"]));
    assert_eq!(gateway.get("/prod/pets").text(), "from a part");
}

#[test]
fn a_canary_gets_its_share() {
    let gateway = empty();
    let (one, two) = (document(&gateway, "one.json", &pets("one")), document(&gateway, "two.json", &pets("two")));
    fails(gateway.command("deploy"), &at_target(&[&one, "--create", "--canary", "5"]), 1, "has no traffic to share");
    succeeds(gateway.command("deploy"), &at_target(&[&one, "--create", "--stage-variable", "kind=dog"]));
    let canary = at_target(&[&two, "--canary", "100", "--stage-variable", "kind=cat"]);
    let told = succeeds(gateway.command("deploy"), &canary);
    assert!(told.contains("as a canary with 100 %"), "{told}");
    assert_eq!(gateway.get("/prod/pets").text(), "two cat");
    let told = succeeds(gateway.command("status"), &[]);
    assert!(told.contains("gets 100 %"), "{told}");
}

#[test]
fn what_is_denied_is_told() {
    let gateway = Gateway::serve().set("empty", "true").set("management.unsupported", "deny").start();
    let function = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:f/invocations";
    let lambda = json!({"type": "aws_proxy", "httpMethod": "POST", "uri": function});
    let file = document(&gateway, "lambda.json", &pets("one").route("GET /lambda", lambda));
    let deploy = || gateway.command("deploy");
    fails(deploy(), &at_target(&[&file, "--create"]), 1, "lambda.json:");
    succeeds(deploy().set("management.unsupported", "deny"), &at_target(&[&file, "--create"]));
    assert_eq!((gateway.get("/prod/lambda").status(), gateway.get("/prod/pets").status()), (500, 200));
    let told = succeeds(gateway.command("status"), &[]);
    assert!(told.contains("pets, prod: what this version cannot serve is answered 500\n  /"), "{told}");
}

#[test]
fn what_cannot_be_done_is_told_with_a_remedy() {
    let gateway = empty();
    let one = document(&gateway, "one.json", &pets("one"));

    let nobody = || Start::command("status").variable("TOLLGATE_ADMIN_URL", "http://127.0.0.1:1");
    fails(nobody(), &[], 1, "no gateway answers at http://127.0.0.1:1");
    fails(nobody(), &["--admin-url", "https://gateway"], 1, "only http:// is");
    fails(nobody().variable("AWS_ACCESS_KEY_ID", "AK"), &[], 1, "AWS_SECRET_ACCESS_KEY is not");
    fails(gateway.command("deploy"), &[&one, "--api", "pets"], 2, "--stage");
    fails(gateway.command("rollback"), &TARGET, 1, "there is none yet");
    fails(gateway.command("deploy"), &at_target(&["none.json"]), 1, "cannot read `none.json`");
    fails(gateway.command("diff"), &at_target(&["none.json"]), 2, "no API has the name or the id `pets`");

    succeeds(gateway.command("deploy"), &at_target(&[&one, "--create"]));
    gateway.write("broken.json", &pets("one").with("pahts", json!({})).text());
    let broken = gateway.path("broken.json").display().to_string();
    let refused = run(gateway.command("deploy"), &at_target(&[&broken]));
    assert_eq!(refused.code(), 1);
    assert!(
        refused.stderr.contains("unknown key `pahts`") && refused.stderr.contains("broken.json:"),
        "{}",
        refused.stderr
    );
    assert_eq!(gateway.get("/prod/pets").text(), "one ");
    fails(gateway.command("rollback"), &TARGET, 1, "has had no other deployment");
    fails(gateway.command("export"), &["--api", "pets", "--stage", "dev"], 1, "it has `prod`");
    fails(gateway.command("export"), &["--api", "pets", "--region", "eu-west-1"], 1, "add --region us-east-1");

    let backup = succeeds(gateway.command("backup"), &[]);
    let cut = gateway.path("cut");
    std::fs::write(&cut, &backup[..backup.len() - 10]).expect("the folder is ours");
    fails(gateway.command("restore"), &[&cut.display().to_string()], 1, "the backup was cut short");
    fails(gateway.command("restore"), &["none"], 1, "cannot read `none`");
}

#[test]
fn credentials_are_asked_for_and_believed() {
    let start = Gateway::serve().set("empty", "true").set("management.tokens", "ci:token-of-ci");
    let gateway = start.start();
    let with = |token: &str| gateway.command("status").variable("TOLLGATE_TOKEN", token);
    fails(gateway.command("status"), &[], 1, "answers 403");
    fails(with("wrong"), &[], 1, "the credentials are taken from TOLLGATE_TOKEN");
    succeeds(with("token-of-ci"), &[]);
    let one = document(&gateway, "one.json", &pets("one"));
    let deploy = gateway.command("deploy").variable("TOLLGATE_TOKEN", "token-of-ci");
    succeeds(deploy, &at_target(&[&one, "--create"]));
    assert_eq!(gateway.get("/prod/pets").text(), "one ");
}
