//! What the management API's imports take, and what they say of it.

use super::*;

fn lenient() -> ImportOptions {
    ImportOptions { strictness: Strictness::Import, ..ImportOptions::default() }
}

/// What is refused where it would be served is warned of, in the same words.
#[track_caller]
fn check_warned(text: &str, expected: &[&str]) -> ApiDefinition {
    assert_eq!(problems(text, &ImportOptions::default()), expected, "{text}");
    let imported = import_with(text, &lenient());
    assert_eq!(problems(text, &lenient()), expected, "{text}");
    imported.definition
}

#[test]
fn an_operation_may_have_no_integration_yet() {
    let imported = import_with(&with_operation("summary: x"), &lenient());
    assert_eq!((&method(&imported).method_integration, imported.warnings.len()), (&None, 0));
}

#[test]
fn what_aws_passes_over_is_a_warning() {
    check_warned(&format!("{HEAD}pahts: {{}}\npaths: {{}}"), &["3:1: unknown key `pahts` in the document's root"]);
    check_warned(HEAD, &["1:1: `paths` is missing"]);
    check_warned(&format!("{HEAD}paths:\n  /a: {{trace: {{}}}}\n"), &["4:8: API Gateway has no method TRACE"]);
    check_warned(
        &with_operation(&format!("responses: {{2X: {{}}}}\n{MOCK}")),
        &["6:19: `2X` is not a response's status"],
    );
    check_warned(
        &(with_operation(MOCK)
            + "security: [{key: []}]\ncomponents: {securitySchemes: {key: {type: apiKey, name: x-api-key, in: header}}}\n"),
        &["10:1: `security` at the root is not applied to operations: API Gateway passes over it"],
    );
    let unenforced = with_operation(&format!("security: [{{basic: []}}]\n{MOCK}"))
        + "components: {securitySchemes: {basic: {type: http, scheme: basic}}}\n";
    check_warned(&unenforced, &["6:19: nothing enforces the security scheme `basic`"]);
    // One that was meant to be enforced.
    let meant = unenforced.replace("scheme: basic", "scheme: basic, x-amazon-apigateway-authorizor: {type: token}");
    let found = problems(&meant, &lenient());
    assert!(found[0].contains("unknown extension `x-amazon-apigateway-authorizor`"), "{found:?}");
    let imported = load_text("t.yaml", &meant, &lenient());
    assert!(imported.is_err(), "it would be open");
    check_warned(
        &with_operation("x-amazon-apigateway-integration: {type: mock, payloadFormatVersion: '2.0'}"),
        &["6:53: `payloadFormatVersion: 2.0` belongs to an HTTP API; HTTP APIs are not served by this version"],
    );
}

#[test]
fn of_two_integration_responses_with_a_status_the_last_counts() {
    let text = with_operation(
        "x-amazon-apigateway-integration:\n  type: mock\n  responses:\n    default: {statusCode: 200}\n    '5..': {statusCode: 200}",
    );
    let definition = check_warned(&text, &["10:11: a second integration response has the status 200"]);
    let method = &definition.resources[2].resource_methods["GET"];
    let responses = &method.method_integration.as_ref().expect("a mock").integration_responses;
    assert_eq!((responses.len(), responses["200"].selection_pattern.as_deref()), (1, Some("5..")));
}

#[test]
fn a_reference_that_names_nothing_is_left_out() {
    let schema = |reference: &str| format!("content: {{a/b: {{schema: {{$ref: '{reference}'}}}}}}");
    let body = |reference: &str| {
        let responses = format!("responses: {{200: {{{}}}}}", schema(reference));
        with_operation(&format!("requestBody: {{{}}}\n{responses}\n{MOCK}", schema(reference)))
    };
    let definition = check_warned(
        &body("#/components/schemas/None"),
        &[
            "6:52: the reference `#/components/schemas/None` names nothing: there is no `components`",
            "7:56: the reference `#/components/schemas/None` names nothing: there is no `components`",
        ],
    );
    let method = &definition.resources[2].resource_methods["GET"];
    assert!(method.request_models.is_empty() && method.method_responses["200"].response_models.is_empty());
    assert!(definition.models.is_empty());
    let network = problems(&body("https://example.com/x.yaml#/x"), &lenient());
    assert_eq!(network.len(), 2, "{network:?}");
    load_text("t.yaml", &body("https://example.com/x.yaml#/x"), &lenient()).expect_err("it is on the network");
}

/// An operation that would be open for a misspelling is refused in any case.
#[test]
fn what_is_wrong_stays_wrong() {
    for text in [
        with_operation(&format!("security: [{{kee: []}}]\n{MOCK}")),
        format!("{HEAD}paths: {{}}\nx-amazon-apigateway-cors: {{}}\n"),
        with_operation("x-amazon-apigateway-integration: {}"),
        "openapi: 3.0.1\npaths: {}\n".to_owned(),
        with_operation(&format!("x-amazon-apigateway-request-validator: none\n{MOCK}")),
    ] {
        let strict = load_text("t.yaml", &text, &ImportOptions::default()).expect_err("it is wrong");
        let found = load_text("t.yaml", &text, &lenient()).expect_err("it is wrong");
        assert_eq!(found, strict, "{text}");
    }
}

#[test]
fn what_is_not_text_is_refused() {
    let found = load_bytes("body", b"openapi: \xff".to_vec(), &lenient()).expect_err("not UTF-8");
    let refused = refusal(&found.0, false).expect("it is an error");
    assert_eq!(
        refused,
        "Errors found during import:\n\tline 1, column 10: the file is not UTF-8 from here on (save it as UTF-8, for \
         example with `iconv -t UTF-8`)"
    );
}

#[test]
fn an_import_is_refused_for_warnings_where_that_is_asked_for() {
    let imported = import_with(HEAD, &lenient());
    assert_eq!(refusal(&imported.warnings, false), None);
    let line = "line 1, column 1: `paths` is missing (add `paths:` with at least one path below it)";
    assert_eq!(refusal(&imported.warnings, true), Some(format!("Warnings found during import:\n\t{line}")));
    assert_eq!(warnings(&imported.warnings), [line]);
    assert_eq!(refusal(&[], true), None);
}

#[test]
fn the_query_of_an_import_is_read() {
    let options = ImportOptions::from_parameters([
        ("basepath", "split"),
        ("endpointConfigurationTypes", "PRIVATE"),
        ("ignore", "documentation"),
        ("mode", "import"),
    ]);
    let options = options.expect("all are known");
    assert_eq!((options.strictness, options.base_path), (Strictness::Import, BasePath::Split));
    let text = with_operation(&format!("summary: x\n{MOCK}"))
        + "x-amazon-apigateway-documentation: {documentationParts: [{location: {type: API}, properties: {a: 1}}]}\n";
    let definition = import_with(&text, &options).definition;
    assert_eq!(definition.rest_api.endpoint_configuration.types, [EndpointType::Private]);
    assert!(definition.documentation_parts.is_empty());
    for wrong in [("basepath", "x"), ("ignore", "models"), ("endpointConfigurationTypes", "LOCAL")] {
        let refused = ImportOptions::from_parameters([wrong]).expect_err("no such value");
        assert_eq!(refused, format!("Invalid value for parameter {}: {}", wrong.0, wrong.1));
    }
}

/// As `type path method status name: properties`.
fn parts(text: &str) -> Vec<String> {
    let definition = import_with(text, &lenient()).definition;
    let shown = definition.documentation_parts.iter().map(|part| {
        let location = &part.location;
        let fields = [&location.path, &location.method, &location.status_code, &location.name];
        let fields = fields.map(|field| field.as_deref().unwrap_or("-"));
        format!("{} {}: {}", location.part_type, fields.join(" "), part.properties)
    });
    shown.collect()
}

const DESCRIBED: &str = "openapi: 3.0.1
info: {title: T, version: '1', description: An API, license: {name: MIT}}
tags: [{name: pets, description: Animals}, {name: team, x-amazon-apigateway-tag-value: a}]
paths:
  /a/{id}:
    description: A path
    parameters:
      - {name: id, in: path, required: true, description: Which one, schema: {type: string}}
      - {name: q, in: query, description: replaced}
    get:
      summary: One
      description: Gets one
      tags: [pets]
      parameters:
        - {name: q, in: query, description: A question}
        - {$ref: '#/components/parameters/H'}
      requestBody: {description: A body, content: {}}
      responses:
        '200': {description: It, headers: {X-B: {description: B}, X-C: {}}}
        '404': {description: 404 response}
        default: {description: Else}
components:
  parameters: {H: {name: X-A, in: header, description: A header}}
  schemas: {Pet: {type: object, description: A pet}}
  securitySchemes:
    token:
      type: apiKey
      name: Authorization
      in: header
      description: By token
      x-amazon-apigateway-authorizer: {type: token, authorizerUri: 'arn:x'}
";

#[test]
fn descriptions_become_documentation() {
    let expected = [
        r#"API - - - -: {"info":{"description":"An API","license":{"name":"MIT"}},"tags":[{"name":"pets","description":"Animals"}]}"#,
        r#"RESOURCE /a/{id} - - -: {"description":"A path"}"#,
        r#"METHOD /a/{id} GET - -: {"tags":["pets"],"summary":"One","description":"Gets one"}"#,
        r#"QUERY_PARAMETER /a/{id} GET - q: {"description":"A question"}"#,
        r#"REQUEST_HEADER /a/{id} GET - X-A: {"description":"A header"}"#,
        r#"PATH_PARAMETER /a/{id} GET - id: {"description":"Which one"}"#,
        r#"REQUEST_BODY /a/{id} GET - -: {"description":"A body"}"#,
        r#"RESPONSE /a/{id} GET 200 -: {"description":"It"}"#,
        r#"RESPONSE_HEADER /a/{id} GET 200 X-B: {"description":"B"}"#,
        r#"MODEL - - - Pet: {"description":"A pet"}"#,
        r#"AUTHORIZER - - - token: {"description":"By token"}"#,
    ];
    assert_eq!(parts(DESCRIBED), expected);
    assert!(
        import_with(DESCRIBED, &ImportOptions { mock_missing: true, ..ImportOptions::default() })
            .definition
            .documentation_parts
            .is_empty()
    );
}

#[test]
fn what_the_document_has_a_part_for_gets_no_other() {
    let text = format!(
        "{DESCRIBED}x-amazon-apigateway-documentation:\n  documentationParts:\n  - {{location: {{type: METHOD}}, properties: {{summary: x}}}}\n  - {{location: {{type: RESPONSE, statusCode: '200'}}, properties: {{a: 1}}}}\n"
    );
    let types: Vec<_> = parts(&text).iter().map(|part| part.split(' ').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(types.iter().filter(|name| *name == "METHOD" || *name == "RESPONSE").count(), 2, "{types:?}");
    assert_eq!(types.len(), 11);
}

#[test]
fn documentation_comes_back_from_an_export() {
    let first = import_with(DESCRIBED, &lenient()).definition;
    for export_type in [ExportType::Oas30, ExportType::Swagger] {
        let options = ExportOptions { export_type, extensions: Extensions::ALL, ..ExportOptions::default() };
        let text = to_text(&export(&first, &Stage::default(), &options), ExportFormat::Yaml);
        let second = import_with(&text, &lenient()).definition;
        assert_eq!(second.documentation_parts.len(), first.documentation_parts.len(), "{text}");
        for (left, right) in first.documentation_parts.iter().zip(&second.documentation_parts) {
            assert_eq!((&left.location, &left.properties), (&right.location, &right.properties));
        }
    }
}

#[test]
fn ids_are_drawn_for_everything_and_references_follow() {
    let text = DESCRIBED.replace("A pet}", "A pet, items: {$ref: '#/components/schemas/Pet'}}")
        + "x-amazon-apigateway-request-validators: {all: {validateRequestBody: true}}\n"
        + "x-amazon-apigateway-request-validator: all\nx-tollgate-api-id: old\n";
    let text = text.replace("      summary: One\n", "      summary: One\n      security: [{token: []}]\n");
    let mut definition = import_with(&text, &lenient()).definition;
    let mut drawn = 0;
    redraw_ids(&mut definition, RestApiId("new".to_owned()), &mut || {
        drawn += 1;
        format!("id{drawn}")
    });
    assert_eq!(drawn, 3 + 1 + 1 + 1 + definition.documentation_parts.len());
    let ids: Vec<_> = definition.resources.iter().map(|resource| resource.id.as_str()).collect();
    assert_eq!(ids, ["id1", "id2", "id3"]);
    let parents: Vec<_> = definition.resources.iter().filter_map(|resource| resource.parent_id.clone()).collect();
    assert_eq!(parents, [definition.resources[0].id.clone(), definition.resources[1].id.clone()]);
    assert_eq!(definition.rest_api.root_resource_id.as_ref(), Some(&definition.resources[0].id));
    let method = &definition.resources[2].resource_methods["GET"];
    assert_eq!(method.authorizer_id.as_ref(), Some(&definition.authorizers[0].id));
    assert_eq!(method.request_validator_id.as_ref(), Some(&definition.request_validators[0].id));
    assert_eq!((definition.authorizers[0].id.as_str(), definition.request_validators[0].id.as_str()), ("id4", "id5"));
    assert!(definition.models[0].schema.contains("restapis/new/models/Pet"), "{}", definition.models[0].schema);
    assert_eq!(definition.rest_api.id.as_str(), "new");
    assert!(definition.documentation_parts.iter().all(|part| part.id.as_str().starts_with("id")));
}

/// AWS's import would pass over a key that it does not know; who misspells a limit must not believe in it.
#[test]
fn a_misspelt_limit_is_an_error_everywhere() {
    #[track_caller]
    fn check(operation: &str, expected: &str) {
        let text = with_operation(operation);
        for options in [ImportOptions::default(), lenient()] {
            assert!(load_text("t.yaml", &text, &options).is_err(), "{text}");
            assert_eq!(problems(&text, &options), [expected], "{text}");
        }
    }
    let with = |rules: &str| format!("x-tollgate-throttle: {rules}\n{MOCK}");
    check(&with("[{concurency: 5}]"), "6:30: unknown key `concurency` in a rule of `x-tollgate-throttle`");
    check(&with("[{rateLimit: often, burstLimit: 5}]"), "6:41: `rateLimit` must be a number, not a string");
    check(&with("[{rateLimit: 5, burstLimit: 5.5}]"), "6:56: `burstLimit` must be a whole number, not a number");
    check(&with("{concurrency: 5}"), "6:28: `x-tollgate-throttle` must be a list, not a mapping");
}
