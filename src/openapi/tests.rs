//! Documents in, models or problems out. A problem is checked as `line:column: message`.

mod import;
mod merge;

use super::*;
use crate::model::{ApiKeySource, DocumentationPartId, IntegrationType, Method, RestApi};

const HEAD: &str = "openapi: 3.0.1\ninfo: {title: T, version: '1'}\n";

/// A document with one path item.
fn with_operation(operation: &str) -> String {
    let indented: String = operation.lines().map(|line| format!("      {line}\n")).collect();
    format!("{HEAD}paths:\n  /a/{{id}}:\n    get:\n{indented}")
}

const MOCK: &str = "x-amazon-apigateway-integration:
  type: mock
  requestTemplates: {application/json: '{\"statusCode\": 200}'}
  responses: {default: {statusCode: 200}}
";

fn import_with(text: &str, options: &ImportOptions) -> Imported {
    load_text("t.yaml", text, options).unwrap_or_else(|found| panic!("{}", found.to_text(false)))
}

fn problems(text: &str, options: &ImportOptions) -> Vec<String> {
    let found = match load_text("t.yaml", text, options) {
        Ok(imported) => Diagnostics(imported.warnings),
        Err(found) => found,
    };
    found.0.iter().map(|diagnostic| diagnostic.one_line().trim_start_matches("t.yaml:").to_owned()).collect()
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(problems(text, &ImportOptions::default()), expected, "{text}");
}

#[track_caller]
fn check_operation(operation: &str, expected: &[&str]) {
    check(&with_operation(operation), expected);
}

fn method(imported: &Imported) -> &Method {
    let mut methods = imported.definition.resources.iter().flat_map(|resource| resource.resource_methods.values());
    methods.next().expect("the document has a method")
}

#[test]
fn a_document_must_be_one() {
    check("", &["1:1: the file is empty"]);
    check("# nothing\n", &["1:1: the file is empty"]);
    check("just text", &["1:1: an OpenAPI document must be a mapping, not a string"]);
    check("a: 1", &["1:1: this is not an OpenAPI document: it has no `openapi` key"]);
    check("openapi: 4.0.0\n", &["1:10: `openapi: 4.0.0` is not a version that is read here"]);
    check("swagger: 1.2\n", &["1:10: `swagger: 1.2` is not a version that is read here"]);
    check("openapi: 3.0.1\n", &["1:1: `info` is missing", "1:1: `paths` is missing"]);
    check(
        "openapi: 3.0.1\ninfo: 3\npaths: []\n",
        &["2:7: `info` must be a mapping, not a number", "3:8: `paths` must be a mapping, not a list"],
    );
    check("openapi: 3.0.1\ninfo: {version: 1}\npaths: {}\n", &["2:7: `info` has no `title`"]);
    check("a: [1\nb: 2", &["2:2: this is not YAML: illegal placement of ':' indicator"]);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_do_not_matter() {
    let text = format!("\u{feff}{HEAD}paths: {{}}\n").replace('\n', "\r\n");
    check(&text, &[]);
    check(&format!("\u{feff}{HEAD}pahts: {{}}\r\npaths: {{}}"), &["3:1: unknown key `pahts` in the document's root"]);
}

#[test]
fn tabs_are_pointed_out() {
    let found =
        load_text("t.yaml", "openapi: 3.0.1\ninfo:\n\ttitle: x\n", &ImportOptions::default()).expect_err("tabs");
    assert_eq!(found.0[0].place.as_ref().map(|place| place.line), Some(3));
    assert_eq!(found.0[0].help.as_deref(), Some("YAML is indented with spaces, not with tabs"));
}

#[test]
fn text_that_is_not_utf_8_is_refused_at_its_byte() {
    let directory = std::env::temp_dir().join(format!("openapi-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory for the test");
    let path = directory.join("latin1.yaml");
    std::fs::write(&path, b"openapi: 3.0.1\n# caf\xe9\n").expect("a file for the test");
    let found = load(std::slice::from_ref(&path), &ImportOptions::default()).expect_err("not UTF-8");
    assert_eq!(found.0[0].one_line(), format!("{}:2:6: the file is not UTF-8 from here on", path.display()));
    let missing = load(&[directory.join("none.yaml")], &ImportOptions::default()).expect_err("no file");
    assert!(missing.0[0].message.ends_with("none.yaml`: no such file or directory"), "{}", missing.0[0].message);
    let not_a_file = load(std::slice::from_ref(&directory), &ImportOptions::default()).expect_err("a directory");
    assert!(not_a_file.0[0].message.ends_with("it is a directory"), "{}", not_a_file.0[0].message);
    std::fs::remove_dir_all(&directory).expect("the directory is still there");
}

#[test]
fn unknown_keys_are_refused_with_a_guess() {
    check(&format!("{HEAD}pahts: {{}}\npaths: {{}}"), &["3:1: unknown key `pahts` in the document's root"]);
    check_operation(&format!("parametres: []\n{MOCK}"), &["6:7: unknown key `parametres` in an operation"]);
    check_operation(
        "x-amazon-apigateway-integration:\n  type: mock\n  reponses: {}\n",
        &["8:9: unknown key `reponses` in `x-amazon-apigateway-integration`"],
    );
    check_operation(&format!("x-mine: 1\n{MOCK}"), &[]);
    check_operation(
        &format!("x-amazon-apigateway-atuh: {{}}\n{MOCK}"),
        &["6:7: unknown extension `x-amazon-apigateway-atuh` in an operation"],
    );
    let found = load_text("t.yaml", &with_operation(&format!("sumary: x\n{MOCK}")), &ImportOptions::default());
    let found = found.expect_err("a misspelling");
    assert_eq!(found.0[0].help.as_deref(), Some("did you mean `summary`?"));
}

#[test]
fn an_operation_needs_an_integration() {
    check_operation("summary: x", &["5:5: `get` has no integration"]);
    check_operation("x-amazon-apigateway-integration: {}", &["6:7: the integration has no `type`"]);
    check_operation("x-amazon-apigateway-integration: {type: htpp}", &["6:47: `htpp` is not a value of `type`"]);
    check_operation(
        "x-amazon-apigateway-integration: {type: mock, timeoutInMillis: soon}",
        &["6:70: `timeoutInMillis` must be a whole number, not a string"],
    );
    check_operation(
        "x-amazon-apigateway-integration:\n  type: mock\n  responses:\n    default: {statusCode: 200}\n    '5..': {statusCode: 200}",
        &["10:11: a second integration response has the status 200"],
    );
}

#[test]
fn a_missing_integration_may_become_a_mock_of_the_example() {
    let operation = "responses:
  '404': {description: none}
  '201':
    description: made
    content:
      application/json:
        example: {id: 7, name: x}
";
    let options = ImportOptions { mock_missing: true, ..ImportOptions::default() };
    let imported = import_with(&with_operation(operation), &options);
    let integration = method(&imported).method_integration.as_ref().expect("a mock");
    assert_eq!(integration.integration_type, IntegrationType::Mock);
    assert_eq!(integration.request_templates["application/json"], "{\"statusCode\": 201}");
    let response = &integration.integration_responses["201"];
    assert_eq!(response.response_templates["application/json"], r#"{"id":7,"name":"x"}"#);
}

#[test]
fn references_are_followed_and_checked() {
    let text = |reference: &str| {
        format!(
            "{HEAD}paths:\n  /a:\n    get:\n      x-amazon-apigateway-integration:\n        $ref: '{reference}'\ncomponents:\n  x-amazon-apigateway-integrations:\n    one: {{type: mock}}\n    two: {{$ref: '#/components/x-amazon-apigateway-integrations/three'}}\n    three: {{$ref: '#/components/x-amazon-apigateway-integrations/two'}}\n"
        )
    };
    let circle = ["12:18: the reference `#/components/x-amazon-apigateway-integrations/three` leads in a circle"];
    assert!(
        problems(&text("#/components/x-amazon-apigateway-integrations/one"), &ImportOptions::default())[0]
            .ends_with(circle[0].split_once(": ").expect("a message").1)
    );
    let shown = |reference: &str| problems(&text(reference), &ImportOptions::default())[0].clone();
    assert_eq!(shown("#/components/nope"), "7:15: the reference `#/components/nope` names nothing: there is no `nope`");
    assert_eq!(shown("other.yaml#/x"), "7:15: this document may not refer to other files");
    assert_eq!(
        shown("https://example.com/x.yaml#/x"),
        "7:15: the reference `https://example.com/x.yaml#/x` names something on the network (https)"
    );
    assert_eq!(shown("#one"), "7:15: the reference `#one` is not a path into a document");
}

#[test]
fn schemas_may_refer_to_themselves_and_name_a_property_ref() {
    let text = format!(
        "{HEAD}paths: {{}}\ncomponents:\n  schemas:\n    Node:\n      properties:\n        $ref: {{type: string}}\n        example: {{$ref: '#/components/schemas/Node'}}\n"
    );
    check(&text, &[]);
}

#[test]
fn files_may_refer_to_files() {
    let directory = std::env::temp_dir().join(format!("openapi-refs-{}", std::process::id()));
    std::fs::create_dir_all(directory.join("parts")).expect("a directory for the test");
    let main = directory.join("api.yaml");
    let path = "paths:\n  /a: {$ref: 'parts/a.yaml#/item'}\n  /b: {$ref: 'parts/b.yaml'}\n";
    std::fs::write(&main, format!("{HEAD}{path}")).expect("a file for the test");
    let item =
        "item:\n  get:\n    x-amazon-apigateway-integration: {$ref: './b.yaml#/get/x-amazon-apigateway-integration'}\n";
    std::fs::write(directory.join("parts/a.yaml"), item).expect("a file for the test");
    let broken = load(std::slice::from_ref(&main), &ImportOptions::default()).expect_err("b.yaml is missing");
    assert_eq!(broken.0.len(), 1, "{}", broken.to_text(false));
    assert!(broken.0[0].message.contains("b.yaml`: no such file"), "{}", broken.0[0].message);
    let other = "get:\n  x-amazon-apigateway-integration:\n    type: mock\n    requestTemplates: {application/json: '{\"statusCode\": 200}'}\n    responses: {default: {statusCode: 200}}\n";
    std::fs::write(directory.join("parts/b.yaml"), other).expect("a file for the test");
    let imported = load(&[main], &ImportOptions::default()).expect("all files are there");
    assert_eq!(imported[0].files.len(), 3);
    let place = imported[0].source_map.place(&Pointer::method("/a", "GET").child("methodIntegration").child("type"));
    let place = place.expect("the importer notes places");
    assert!(place.file.ends_with("parts/b.yaml") && (place.line, place.column) == (3, 11), "{place:?}");
    std::fs::remove_dir_all(&directory).expect("the directory is still there");
}

/// A policy is kept as text, and what is wrong within it is told by its line all the same.
#[test]
fn each_value_of_a_policy_has_its_place() {
    let policy = "x-amazon-apigateway-policy:\n  Version: '2012-10-17'\n  Statement:\n    - Effect: Allow\n      Action: ['a:b',\n        'c:d']\n";
    let imported = import_with(&format!("{HEAD}paths: {{}}\n{policy}"), &ImportOptions::default());
    let first = HEAD.lines().count() as u32 + 2;
    let check = |pointer: &[&str], line: u32, column: u32| {
        let pointer = pointer.iter().fold(Pointer::rest_api("policy"), |pointer, segment| pointer.child(segment));
        let place = imported.source_map.place(&pointer).expect("the importer notes places");
        assert_eq!((place.line, place.column), (first + line, column), "{pointer}");
    };
    check(&[], 0, 1);
    check(&["Version"], 1, 3);
    check(&["Statement", "0"], 3, 7);
    check(&["Statement", "0", "Action"], 4, 7);
    check(&["Statement", "0", "Action", "1"], 5, 9);
    // What is missing is missing in what it should be a part of.
    check(&["Statement", "0", "Resource"], 3, 7);
}

#[test]
fn what_asks_for_authorization_is_kept() {
    let text = "swagger: '2.0'
info: {title: T, version: '1'}
securityDefinitions:
  key: {type: apiKey, name: x-api-key, in: header}
  sigv4: {type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: awsSigv4}
  lambda:
    type: apiKey
    name: Authorization
    in: header
    x-amazon-apigateway-authtype: custom
    x-amazon-apigateway-authorizer: {type: token, authorizerUri: 'arn:x'}
  basic: {type: basic}
paths:
  /a:
    get:
      security: [{SECURITY: []}]
      x-amazon-apigateway-integration: {type: mock}
";
    let with = |name: &str| text.replace("SECURITY", name);
    let imported = import_with(&with("key"), &ImportOptions::default());
    assert!(method(&imported).api_key_required);
    let imported = import_with(&with("sigv4"), &ImportOptions::default());
    assert_eq!(method(&imported).authorization_type, crate::model::AuthorizationType::AwsIam);
    let imported = import_with(&with("lambda"), &ImportOptions::default());
    assert_eq!(method(&imported).authorization_type, crate::model::AuthorizationType::Custom);
    assert_eq!(method(&imported).authorizer_id.as_ref(), Some(&imported.definition.authorizers[0].id));
    check(&with("basic"), &["16:19: nothing enforces the security scheme `basic`"]);
    check(&with("lamda"), &["16:19: there is no security scheme `lamda`"]);
    // All of one requirement are demanded at once; of several requirements, one.
    check(&with("lambda: [], sigv4"), &["16:31: the operation demands `sigv4` and another authorization"]);
    check(&with("lambda: [], key"), &[]);
    check(&with("lambda: []}, {sigv4"), &[]);
    // What stands beside them is demanded too.
    let extended = |name: &str| {
        with(name).replace("      security", "      x-amazon-apigateway-auth: {type: AWS_IAM}\n      security")
    };
    check(&extended("sigv4"), &[]);
    check(&extended("lambda"), &["17:19: the operation demands `lambda` and another authorization"]);
    let both = with("lambda").replace("authtype: custom", "authtype: awsSigv4");
    check(&both, &["11:5: the scheme demands signatures (`awsSigv4`) and has an authorizer"]);
    check(&with("sigv4: [a], key"), &["16:19: nothing looks at the scopes of `sigv4`"]);
}

#[test]
fn security_at_the_root_is_refused_where_an_operation_relies_on_it() {
    let root =
        "security: [{key: []}]\ncomponents: {securitySchemes: {key: {type: apiKey, name: x-api-key, in: header}}}\n";
    let relies = with_operation(MOCK) + root;
    check(&relies, &["10:1: `security` at the root is not applied to operations: API Gateway passes over it"]);
    check(&(with_operation(&format!("security: []\n{MOCK}")) + root), &[]);
}

#[test]
fn http_apis_are_refused() {
    let message = "belongs to an HTTP API; HTTP APIs are not served by this version";
    check(
        &format!("{HEAD}paths: {{}}\nx-amazon-apigateway-cors: {{}}\n"),
        &[&format!("4:1: `x-amazon-apigateway-cors` {message}")],
    );
    check_operation(
        "x-amazon-apigateway-integration: {type: http_proxy, payloadFormatVersion: '2.0'}",
        &[&format!("6:59: `payloadFormatVersion: 2.0` {message}")],
    );
}

#[test]
fn paths_are_checked_and_two_of_a_kind_are_refused() {
    let text = |paths: &str| format!("{HEAD}paths:\n{paths}");
    let mock = "{get: {x-amazon-apigateway-integration: {type: mock}}}";
    check(&text(&format!("  a: {mock}\n")), &["4:3: the path `a` does not start with a slash"]);
    check(&text(&format!("  /a//b: {mock}\n")), &["4:3: the path `/a//b` has an empty segment"]);
    check(&text(&format!("  /caf\u{e9}: {mock}\n")), &["4:3: `\u{e9}` cannot stand in a path"]);
    check(&text(&format!("  /a?b=1: {mock}\n")), &["4:3: `?` cannot stand in a path"]);
    check(&text(&format!("  /a: {mock}\n  /a/: {mock}\n")), &["5:9: `GET /a` is here twice"]);
    check(&text(&format!("  /a: {mock}\n  /a: {mock}\n")), &["5:3: the key `/a` is here twice"]);
    check(&text("  /a: {trace: {}}\n"), &["4:8: API Gateway has no method TRACE"]);
}

#[test]
fn resources_have_parents_as_at_aws() {
    let imported = import_with(&with_operation(MOCK), &ImportOptions::default());
    let paths: Vec<_> = imported.definition.resources.iter().map(|resource| resource.path.as_str()).collect();
    assert_eq!(paths, ["/", "/a", "/a/{id}"]);
    let resources = &imported.definition.resources;
    assert_eq!(resources[2].parent_id.as_ref(), Some(&resources[1].id));
    assert_eq!(resources[2].path_part.as_deref(), Some("{id}"));
}

#[track_caller]
fn check_base_path(server: &str, base_path: BasePath, expected: (&str, &str, &str)) {
    let text = with_operation(MOCK) + server;
    let imported = import_with(&text, &ImportOptions { base_path, ..ImportOptions::default() });
    let last = imported.definition.resources.last().expect("the root at least");
    let id = imported.definition.rest_api.id.as_str();
    let id = if id.len() == 10 && expected.0.is_empty() { "" } else { id };
    assert_eq!((id, imported.stages[0].stage.stage_name.as_str(), last.path.as_str()), expected, "{server}");
}

#[test]
fn the_base_path_is_read_in_three_ways() {
    let server = "servers: [{url: 'https://api.example.com/x/y'}]\n";
    check_base_path(server, BasePath::Ignore, ("", "default", "/a/{id}"));
    check_base_path(server, BasePath::Prepend, ("", "default", "/x/y/a/{id}"));
    check_base_path(server, BasePath::Split, ("", "default", "/y/a/{id}"));
    let export = "servers:\n  - url: https://abc123.execute-api.eu-west-1.amazonaws.com/{basePath}\n    variables: {basePath: {default: prod}}\n";
    check_base_path(export, BasePath::Ignore, ("abc123", "prod", "/a/{id}"));
    check_base_path(
        "x-tollgate-api-id: mine\nx-tollgate-stage-name: test\n",
        BasePath::Ignore,
        ("mine", "test", "/a/{id}"),
    );
}

#[test]
fn options_win_over_the_document() {
    let text = with_operation(MOCK) + "x-tollgate-stage-variables: {a: '1', b: '2'}\n";
    let stage_variables = [("b".to_owned(), "3".to_owned())].into_iter().collect();
    let options = ImportOptions { stage_name: Some("live".to_owned()), stage_variables, ..ImportOptions::default() };
    let imported = import_with(&text, &options);
    let stage = &imported.stages[0].stage;
    assert_eq!((stage.stage_name.as_str(), &*stage.variables["a"], &*stage.variables["b"]), ("live", "1", "3"));
}

/// `extension` begins in line 10.
fn with_stages(extension: &str) -> String {
    with_operation(MOCK) + extension
}

#[test]
fn several_stages_are_read() {
    let text = with_stages(
        "x-tollgate-stages:
  prod:
    description: For all
    variables: {a: 1}
    methodSettings: {'*/*': {loggingLevel: off, throttlingRateLimit: 10.5, cacheTtlInSeconds: 60}}
    canary: {percentTraffic: 12.5, stageVariableOverrides: {a: 2}, useStageCache: true}
    accessLogSettings: {format: $context.requestId}
  dev: {}
",
    );
    let stage_variables: OrderedMap<String> = [("b".to_owned(), "3".to_owned())].into_iter().collect();
    let options = ImportOptions { stage_variables, ..ImportOptions::default() };
    let imported = import_with(&text, &options);
    let [prod, dev] = imported.stages.as_slice() else { panic!("two stages") };
    assert_eq!((prod.stage.stage_name.as_str(), dev.stage.stage_name.as_str()), ("prod", "dev"));
    assert_eq!((&*prod.stage.variables["a"], &*prod.stage.variables["b"], &*dev.stage.variables["b"]), ("1", "3", "3"));
    let format = |stage: &ImportedStage| stage.stage.access_log_settings.as_ref().and_then(|log| log.format.clone());
    assert_eq!((format(prod).as_deref(), format(dev)), (Some("$context.requestId"), None));
    let setting = &prod.stage.method_settings["*/*"];
    assert_eq!((setting.logging_level.as_deref(), setting.throttling_rate_limit), (Some("OFF"), Some(10.5)));
    assert_eq!((setting.cache_ttl_in_seconds, setting.metrics_enabled), (Some(60), None));
    let canary = prod.stage.canary_settings.as_ref().expect("it has a canary");
    assert_eq!((canary.percent_traffic, &*canary.stage_variable_overrides["a"]), (12.5, "2"));
    assert!(canary.use_stage_cache && prod.canary.is_none() && dev.stage.canary_settings.is_none());
    let options = ImportOptions { stage_name: Some("dev".to_owned()), ..ImportOptions::default() };
    let imported = import_with(&text, &options);
    assert_eq!((imported.stages.len(), imported.stages[0].stage.stage_name.as_str()), (1, "dev"));
    let options = ImportOptions { stage_name: Some("live".to_owned()), ..ImportOptions::default() };
    assert_eq!(problems(&text, &options), ["10:1: the document has no stage `live`"]);
}

#[test]
fn stages_are_described_once_and_without_mistakes() {
    check(&with_stages("x-tollgate-stages: {}\n"), &["10:1: `x-tollgate-stages` has no stage"]);
    check(
        &with_stages("x-tollgate-stages: []\n"),
        &["10:20: `x-tollgate-stages` must be a mapping, not a list", "10:1: `x-tollgate-stages` has no stage"],
    );
    check(
        &with_stages("x-tollgate-stages:\n  a b:\n    variable: {}\n    canary: {percent: 1}\n"),
        &[
            "11:3: `a b` cannot be a stage's name",
            "12:5: unknown key `variable` in a stage",
            "13:14: unknown key `percent` in a canary",
            "13:5: the canary has no `percentTraffic`",
        ],
    );
    check(
        &with_stages(
            "x-tollgate-stages: {a: {methodSettings: {'*/*': {cachingEnabled: 1, loggingLevel: ALL, x: 1}}}}\n",
        ),
        &[
            "10:88: unknown key `x` in a method's settings",
            "10:83: `ALL` is not a value of `loggingLevel`",
            "10:66: `cachingEnabled` must be true or false, not a number",
        ],
    );
    let both =
        with_stages("x-tollgate-stage-name: a\nx-tollgate-stages: {b: {}}\nx-tollgate-stage-variables: {c: d}\n");
    let found = load_text("t.yaml", &both, &ImportOptions::default()).expect_err("two ways to say it");
    let lines = |diagnostic: &Diagnostic| {
        let related: Vec<_> = diagnostic.related.iter().map(|related| related.place.line).collect();
        (diagnostic.place.as_ref().map(|place| place.line), related)
    };
    assert_eq!(found.0.iter().map(lines).collect::<Vec<_>>(), [(Some(10), vec![11]), (Some(12), vec![11])]);
}

#[test]
fn a_canary_may_have_a_document_of_its_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("the folder is ours");
    let main = folder.path().join("main.yaml");
    let canary = "x-tollgate-stages: {prod: {canary: {document: next.yaml, percentTraffic: 5}}}\n";
    write("main.yaml", &with_stages(&format!("{canary}x-tollgate-api-id: a1\n")));
    let load_main = || load(std::slice::from_ref(&main), &ImportOptions::default());
    let problems = || {
        let found = load_main().expect_err("the canary cannot be served");
        let prefix = format!("{}/", folder.path().display());
        found.0.iter().map(|diagnostic| diagnostic.one_line().replace(&prefix, "")).collect::<Vec<_>>()
    };
    assert_eq!(problems(), ["main.yaml:10:47: cannot read `next.yaml`: no such file or directory"]);
    write(
        "next.yaml",
        "openapi: 3.0.1\ninfo: {title: T}\npats: {}\npaths: {}\nx-tollgate-api-id: b2\nx-tollgate-stage-name: c\n",
    );
    assert_eq!(
        problems(),
        [
            "next.yaml:3:1: unknown key `pats` in the document's root",
            "next.yaml:6:1: `x-tollgate-stage-name` has no effect in a canary's document",
            "next.yaml:5:20: the canary of the API `a1` cannot be the API `b2`",
        ]
    );
    write("next.yaml", &with_operation(MOCK));
    let imported = load_main().expect("both are well").remove(0);
    let canary = imported.stages[0].canary.as_ref().expect("it has a definition");
    assert_eq!((canary.definition.rest_api.id.as_str(), canary.definition.resources.len()), ("a1", 3));
    assert_eq!(imported.files.len(), 2);
    let text = with_stages("x-tollgate-stages: {prod: {canary: {document: next.yaml, percentTraffic: 5}}}\n");
    check(&text, &["10:47: this document may not refer to other files"]);
}

#[test]
fn mappings_without_effect_are_warned_of() {
    check_operation(
        "x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: 'http://a', requestTemplates: {a/b: x}}",
        &["6:93: `requestTemplates` has no effect in an `http_proxy` integration"],
    );
}

#[test]
fn a_document_of_100_000_lines_is_read() {
    let mut text = format!("{HEAD}paths:\n");
    for number in 0..12_500 {
        text.push_str(&format!(
            "  /p{number}:\n    get:\n      responses: {{}}\n      x-amazon-apigateway-integration:\n        type: http_proxy\n        httpMethod: GET\n        uri: http://backend/{number}\n        timeoutInMillis: 1000\n"
        ));
    }
    let imported = import_with(&text, &ImportOptions::default());
    assert_eq!(imported.definition.resources.len(), 12_501);
    let missing = text.replace("    get:\n      responses: {}\n", "    get:\n      responses: {}\n      tag: 1\n");
    let found = load_text("t.yaml", &missing, &ImportOptions::default()).expect_err("12,500 problems");
    assert_eq!(found.0.len(), 12_500);
    assert!(found.to_text(false).lines().count() < 400);
}

/// The figure that the README states; by hand: `cargo test --release -- --ignored --nocapture ten_thousand`.
#[test]
#[ignore = "a measurement, to be run in release"]
fn ten_thousand_routes_are_loaded_and_compiled() {
    let mut text = format!("{HEAD}paths:\n");
    for number in 0..10_000 {
        text.push_str(&format!(
            "  /p{number}/{{id}}:\n    get:\n      x-amazon-apigateway-integration:\n        type: http_proxy\n        httpMethod: GET\n        uri: http://backend{}/{number}/{{id}}\n        requestParameters:\n          integration.request.path.id: method.request.path.id\n",
            number % 7
        ));
    }
    let start = std::time::Instant::now();
    let imported = import_with(&text, &ImportOptions::default());
    eprintln!("{} lines loaded in {:?}", text.lines().count(), start.elapsed());
    assert_eq!(imported.definition.resources.len(), 20_001);
}

fn model<'i>(imported: &'i Imported, name: &str) -> &'i str {
    let found = imported.definition.models.iter().find(|model| model.name == name);
    &found.unwrap_or_else(|| panic!("no model {name}")).schema
}

#[test]
fn references_between_schemas_become_references_to_models() {
    let text = format!(
        "{}components:
  schemas:
    Pet:
      id: ignored
      properties:
        owner: {{$ref: '#/components/schemas/Owner'}}
        $ref: {{type: string}}
        age: {{$ref: '#/components/schemas/Owner/properties/age'}}
        self: {{$ref: 'https://apigateway.amazonaws.com/restapis/a1b2c3/models/Pet'}}
      example: {{$ref: data}}
    Owner: {{properties: {{age: {{type: integer}}}}}}
    Alias: {{$ref: '#/components/schemas/Pet'}}
",
        with_operation(&format!(
            "requestBody: {{content: {{application/json: {{schema: {{$ref: '#/components/schemas/Alias'}}}}, $default: {{schema: {{type: array}}}}}}}}\n{MOCK}"
        ))
    );
    let imported = import_with(&text, &ImportOptions::default());
    let base = format!("https://apigateway.amazonaws.com/restapis/{}/models/", imported.definition.rest_api.id);
    let pet: serde_json::Value = serde_json::from_str(model(&imported, "Pet")).expect("JSON");
    assert_eq!(pet["properties"]["owner"]["$ref"], format!("{base}Owner"));
    assert_eq!(pet["properties"]["self"]["$ref"], format!("{base}Pet"));
    assert_eq!(pet["example"]["$ref"], "data");
    let age = pet["properties"]["age"]["$ref"].as_str().and_then(|target| target.strip_prefix(&base)).expect("a model");
    assert_eq!(model(&imported, age), r#"{"type":"integer"}"#);
    assert_eq!(model(&imported, "Alias"), format!(r#"{{"$ref":"{base}Pet"}}"#));
    let models = &method(&imported).request_models;
    assert_eq!(models["application/json"], "Alias");
    assert_eq!(model(&imported, &models["$default"]), r#"{"type":"array"}"#);
    let dangling = text.replace("a1b2c3/models/Pet", "a1b2c3/models/Pot");
    check(
        &dangling,
        &[
            "19:22: the reference `https://apigateway.amazonaws.com/restapis/a1b2c3/models/Pot` names no model: there is no `Pot`",
        ],
    );
}

#[test]
fn a_body_of_openapi_2_is_of_the_consumed_types() {
    let text = |root: &str, own: &str| {
        format!(
            "swagger: '2.0'\ninfo: {{title: T, version: '1'}}\n{root}paths:\n  /a:\n    post:\n{own}      parameters:\n      - {{in: body, name: b, schema: {{type: object}}}}\n      responses: {{}}\n      x-amazon-apigateway-integration: {{type: mock}}\n"
        )
    };
    let types = |text: String| {
        let imported = import_with(&text, &ImportOptions::default());
        method(&imported).request_models.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(types(text("", "")), ["application/json"]);
    assert_eq!(types(text("consumes: [text/json]\n", "")), ["text/json"]);
    assert_eq!(types(text("consumes: [text/json]\n", "      consumes: [a/b, c/d]\n")), ["a/b", "c/d"]);
}
