//! What is exported is read again. Definitions are compared as JSON in which ids are replaced by the names of what they
//! name.

use super::super::{ImportOptions, load, load_text};
use super::*;
use crate::model::*;

const HOST: &str = "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com";

fn options(export_type: ExportType) -> ExportOptions {
    let extensions = Extensions::ALL;
    ExportOptions { export_type, extensions, host: HOST.to_owned(), ..ExportOptions::default() }
}

fn stage() -> Stage {
    Stage { stage_name: "prod".to_owned(), ..Stage::default() }
}

fn again(definition: &ApiDefinition, export_type: ExportType, format: ExportFormat) -> ApiDefinition {
    let text = to_text(&export(definition, &stage(), &options(export_type)), format);
    let imported = load_text("export", &text, &ImportOptions::default());
    imported.unwrap_or_else(|found| panic!("{}\n{text}", found.to_text(false))).definition
}

/// Resources in the order of their paths: parents come first in either order.
fn comparable(definition: &ApiDefinition) -> Value {
    let mut definition = definition.clone();
    definition.resources.sort_by(|left, right| left.path.cmp(&right.path));
    let mut text = serde_json::to_string(&definition).expect("the model is JSON");
    let resources = definition.resources.iter().map(|resource| (resource.id.as_str(), resource.path.clone()));
    let authorizers = definition.authorizers.iter().map(|one| (one.id.as_str(), one.name.clone()));
    let validators = definition.request_validators.iter().map(|one| (one.id.as_str(), one.name.clone()));
    let models = definition.models.iter().map(|one| (one.id.as_str(), one.name.clone()));
    let parts = definition.documentation_parts.iter().map(|one| (one.id.as_str(), "part".to_owned()));
    for (id, name) in resources.chain(authorizers).chain(validators).chain(models).chain(parts) {
        text = text.replace(&format!("\"{id}\""), &format!("{:?}", format!("id of {name}")));
    }
    text = text.replace(&format!("restapis/{}/", definition.rest_api.id), "restapis/ID/");
    let mut value: Value = serde_json::from_str(&text).expect("names are texts");
    value["restApi"]["id"] = Value::Null;
    value
}

#[track_caller]
fn check_again(definition: &ApiDefinition) {
    for export_type in [ExportType::Oas30, ExportType::Swagger] {
        for format in [ExportFormat::Json, ExportFormat::Yaml] {
            let (left, right) = (comparable(&again(definition, export_type, format)), comparable(definition));
            for (key, member) in right.as_object().expect("a definition is a map") {
                assert_eq!(&left[key], member, "{export_type:?} {format:?}");
            }
        }
    }
}

fn map<V>(entries: impl IntoIterator<Item = (&'static str, V)>) -> OrderedMap<V> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// No field has its default, and no struct is filled up, so that a new field is asked for here.
fn full() -> ApiDefinition {
    let id = RestApiId("x9y8z7".to_owned());
    let reference = format!("https://apigateway.amazonaws.com/restapis/{id}/models/Owner");
    let pet = json!({
        "type": "object",
        "description": "A pet",
        "properties": {"owner": {"$ref": reference}, "$ref": {"type": "string"}, "price": {"minimum": 0.5}},
        "example": {"$ref": "data"},
    });
    let models = vec![
        model("Pet", Some("A pet"), &pet.to_string()),
        model("Owner", None, r#"{"type":"object","title":"Owner"}"#),
    ];
    let part =
        |id: &str, part_type: &str, status: Option<&str>, name: Option<&str>, properties: &str| DocumentationPart {
            id: DocumentationPartId(id.to_owned()),
            location: DocumentationPartLocation {
                part_type: part_type.to_owned(),
                path: text("/pets/{petId}"),
                method: text("GET"),
                status_code: status.map(str::to_owned),
                name: name.map(str::to_owned),
            },
            properties: properties.to_owned(),
        };
    ApiDefinition {
        rest_api: RestApi {
            id,
            name: "Everything".to_owned(),
            description: text("All fields"),
            created_date: None,
            version: text("2.1"),
            warnings: Vec::new(),
            binary_media_types: vec!["image/*".to_owned()],
            minimum_compression_size: Some(1024),
            api_key_source: ApiKeySource::Authorizer,
            endpoint_configuration: EndpointConfiguration {
                types: vec![EndpointType::Private],
                ip_address_type: text("dualstack"),
                vpc_endpoint_ids: vec!["vpce-1".to_owned()],
            },
            policy: text(r#"{"Version":"2012-10-17","Statement":[]}"#),
            tags: map([("team", "pets".to_owned())]),
            disable_execute_api_endpoint: true,
            root_resource_id: Some(ResourceId("root01".to_owned())),
            security_policy: text("SecurityPolicy_TLS13_1_3_2025_09"),
            endpoint_access_mode: text("STRICT"),
            upstreams: map([("orders", upstream())]),
            throttle: throttle(),
        },
        resources: resources(),
        authorizers: authorizers(),
        request_validators: vec![RequestValidator {
            id: RequestValidatorId("valid1".to_owned()),
            name: "all of it".to_owned(),
            validate_request_body: true,
            validate_request_parameters: true,
        }],
        models,
        gateway_responses: vec![GatewayResponse {
            response_type: "THROTTLED".to_owned(),
            status_code: text("430"),
            response_parameters: map([("gatewayresponse.header.A", "'b'".to_owned())]),
            response_templates: map([("application/json", "{\n  \"a\": $context.error.messageString\n}\n".to_owned())]),
            default_response: false,
        }],
        documentation_parts: vec![
            part("docs01", "METHOD", None, None, r#"{"summary":"One","x-a":1,"tags":["pets"],"foo":2}"#),
            part("docs02", "QUERY_PARAMETER", None, Some("q"), r#"{"description":"A question"}"#),
            part(
                "docs03",
                "API",
                None,
                None,
                r#"{"info":{"license":{"name":"MIT"}},"tags":[{"name":"pets"}],"x-b":2}"#,
            ),
            part("docs04", "RESPONSE_HEADER", Some("200"), Some("X-B"), r#"{"description":"B"}"#),
        ],
    }
}

fn model(name: &str, description: Option<&str>, schema: &str) -> Model {
    Model {
        id: ModelId(format!("id{name}")),
        name: name.to_owned(),
        description: description.map(str::to_owned),
        schema: schema.to_owned(),
        content_type: "application/json".to_owned(),
    }
}

fn authorizers() -> Vec<Authorizer> {
    let authorizer = |id: &str, name: &str, authorizer_type, identity_source: &str| Authorizer {
        id: AuthorizerId(id.to_owned()),
        name: name.to_owned(),
        authorizer_type,
        provider_arns: vec!["arn:aws:cognito-idp:eu-west-1:1:userpool/x".to_owned()],
        auth_type: text("custom"),
        authorizer_uri: text("arn:aws:apigateway:eu-west-1:lambda:path/x"),
        authorizer_credentials: text("arn:aws:iam::1:role/x"),
        identity_source: text(identity_source),
        identity_validation_expression: text("^x-[a-z]+"),
        authorizer_result_ttl_in_seconds: Some(60),
        ..Authorizer::default()
    };
    vec![
        authorizer("auth01", "by token", AuthorizerType::Token, "method.request.header.X-Token"),
        authorizer(
            "auth02",
            "api_key",
            AuthorizerType::Request,
            "method.request.header.Auth, method.request.querystring.q",
        ),
        authorizer("auth03", "pool", AuthorizerType::CognitoUserPools, "method.request.header.Authorization"),
        authorizer("auth04", "one", AuthorizerType::Request, "method.request.header.Auth"),
    ]
}

fn resources() -> Vec<Resource> {
    let resource = |id: &str, parent: Option<&str>, part: Option<&str>, path: &str, methods: Vec<Method>| Resource {
        id: ResourceId(id.to_owned()),
        parent_id: parent.map(|id| ResourceId(id.to_owned())),
        path_part: part.map(str::to_owned),
        path: path.to_owned(),
        resource_methods: methods.into_iter().map(|method| (method.http_method.clone(), method)).collect(),
    };
    let method = |http_method: &str, authorization_type, authorizer: &str| Method {
        http_method: http_method.to_owned(),
        authorization_type,
        authorizer_id: Some(AuthorizerId(authorizer.to_owned())).filter(|id| !id.as_str().is_empty()),
        ..method()
    };
    vec![
        resource("root01", None, None, "/", vec![method("GET", AuthorizationType::Custom, "auth01")]),
        resource("idpets", Some("root01"), Some("pets"), "/pets", Vec::new()),
        resource(
            "idonep",
            Some("idpets"),
            Some("{petId}"),
            "/pets/{petId}",
            vec![
                method("GET", AuthorizationType::CognitoUserPools, "auth03"),
                method("ANY", AuthorizationType::Custom, "auth02"),
                Method { authorization_scopes: Vec::new(), ..method("POST", AuthorizationType::AwsIam, "") },
                Method {
                    http_method: "PATCH".to_owned(),
                    method_integration: Some(Integration::default()),
                    ..Method::default()
                },
            ],
        ),
        resource("idbare", Some("root01"), Some("bare"), "/bare", Vec::new()),
    ]
}

fn method() -> Method {
    Method {
        http_method: "GET".to_owned(),
        authorization_type: AuthorizationType::CognitoUserPools,
        authorizer_id: Some(AuthorizerId("auth03".to_owned())),
        throttle: throttle(),
        api_key_required: true,
        request_validator_id: Some(RequestValidatorId("valid1".to_owned())),
        operation_name: text("OnePet"),
        request_parameters: map([
            ("method.request.path.petId", true),
            ("method.request.querystring.q", false),
            ("method.request.header.X-A", true),
        ]),
        request_models: map([("application/json", "Pet".to_owned()), ("text/json", "Pet".to_owned())]),
        method_responses: map([
            ("200", method_response("200")),
            ("404", MethodResponse { status_code: "404".to_owned(), ..MethodResponse::default() }),
        ]),
        method_integration: Some(integration()),
        authorization_scopes: vec!["pets/read".to_owned()],
    }
}

fn method_response(status: &str) -> MethodResponse {
    MethodResponse {
        status_code: status.to_owned(),
        response_parameters: map([("method.response.header.X-B", false)]),
        response_models: map([("application/json", "Pet".to_owned()), ("text/json", "Pet".to_owned())]),
    }
}

fn integration() -> Integration {
    let response = |status: &str, pattern: Option<&str>| IntegrationResponse {
        status_code: status.to_owned(),
        selection_pattern: pattern.map(str::to_owned),
        response_parameters: map([("method.response.header.X-B", "'x: #y'".to_owned())]),
        response_templates: map([("application/json", "#set($a = \"\")\n $a\n\n".to_owned())]),
        content_handling: Some(ContentHandlingStrategy::ConvertToBinary),
    };
    Integration {
        integration_type: IntegrationType::Http,
        http_method: text("POST"),
        uri: text("http://${stageVariables.backend}/x"),
        connection_type: Some(ConnectionType::VpcLink),
        connection_id: Some(VpcLinkId("link1".to_owned())),
        integration_target: text("arn:aws:elasticloadbalancing:x"),
        credentials: text("arn:aws:iam::1:role/y"),
        request_parameters: map([("integration.request.header.Z", "context.requestId".to_owned())]),
        request_templates: map([("application/json", "\t$input.json('$')\r\n".to_owned())]),
        passthrough_behavior: Some(PassthroughBehavior::WhenNoTemplates),
        content_handling: Some(ContentHandlingStrategy::ConvertToText),
        timeout_in_millis: Some(1234),
        cache_namespace: text("space"),
        cache_key_parameters: vec!["method.request.querystring.q".to_owned()],
        integration_responses: map([("200", response("200", None)), ("404", response("404", Some("4\\d{2}")))]),
        tls_config: Some(TlsConfig { insecure_skip_verification: true }),
        response_transfer_mode: Some(ResponseTransferMode::Stream),
        upstream: Some(Box::new(IntegrationUpstream::Described(Box::new(upstream())))),
        cache: Some(CacheExtension {
            stale_while_revalidate_in_seconds: Some(5),
            stale_if_error_in_seconds: Some(600),
            item_bytes_max: Some(4_194_304),
            etag: Some(true),
            shared_with_authorization: Some(false),
        }),
    }
}

fn throttle() -> Box<[ThrottleRule]> {
    let rate = |per| ThrottleRule { rate_limit: Some(0.5), burst_limit: Some(3), per, concurrency: None };
    [rate(None), rate(text("header:X-Tenant")), ThrottleRule { concurrency: Some(4), ..ThrottleRule::default() }].into()
}

fn upstream() -> Upstream {
    Upstream {
        targets: vec![UpstreamTarget { uri: "http://${stageVariables.backend}".to_owned(), weight: Some(0) }],
        health_check: Some(HealthCheck {
            path: text("/health"),
            interval_ms: Some(100),
            timeout_ms: Some(101),
            healthy_after: Some(1),
            unhealthy_after: Some(4),
            expected_status: text("200-204"),
        }),
        outlier: Some(Outlier { consecutive_errors: Some(6), ejection_ms: Some(7), ejected_percent_max: Some(8) }),
        circuit_breaker: Some(CircuitBreaker {
            error_percent: Some(9),
            requests_min: Some(10),
            window_ms: Some(11),
            open_ms: Some(12),
            half_open_requests: Some(13),
        }),
        retries: Some(Retries {
            attempts_max: Some(3),
            on: vec!["reset".to_owned(), "502".to_owned()],
            budget_percent: Some(14),
            idempotent_only: Some(false),
            attempt_timeout_ms: Some(15),
        }),
        mirror: Some(Mirror { uri: "https://shadow".to_owned(), percent: Some(0.5) }),
    }
}

#[test]
fn a_definition_that_uses_every_field_comes_back() {
    check_again(&full());
    let mut named = full();
    let integrations = named.resources.iter_mut().flat_map(|resource| resource.resource_methods.values_mut());
    for integration in integrations.filter_map(|method| method.method_integration.as_mut()) {
        integration.upstream = Some(Box::new(IntegrationUpstream::Named("orders".to_owned())));
    }
    check_again(&named);
}

#[test]
fn the_examples_come_back() {
    for example in ["petstore.yaml", "orders-openapi2.json", "cors.yaml", "canary.yaml", "canary-v2.yaml"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example);
        let imported = load(&[path], &ImportOptions::default()).expect("the examples are well");
        check_again(&imported[0].definition);
    }
}

#[test]
fn openapi_3_carries_a_model_for_each_content_type() {
    let mut definition = full();
    let method = definition.resources[0].resource_methods.get_mut("GET").expect("it was made with one");
    method.request_models.insert("text/json".to_owned(), "Owner".to_owned());
    let back = again(&definition, ExportType::Oas30, ExportFormat::Json);
    assert_eq!(comparable(&back)["resources"], comparable(&definition)["resources"]);
}

/// What the head of this room says that documents have no place for.
#[test]
fn what_documents_cannot_say_is_known() {
    let mut definition = full();
    definition.rest_api.created_date = Some(1);
    definition.rest_api.warnings = vec!["w".to_owned()];
    definition.gateway_responses[0].default_response = true;
    definition.models[0].content_type = "text/plain".to_owned();
    definition.models[1].description = text("Elsewhere");
    let method = definition.resources[0].resource_methods.get_mut("GET").expect("it was made with one");
    method.request_parameters.insert("method.request.path.petId".to_owned(), false);
    method.method_responses["200"].response_parameters.insert("method.response.header.X-B".to_owned(), true);
    definition.authorizers[0].auth_type = None;
    let back = again(&definition, ExportType::Oas30, ExportFormat::Json);
    let method = &back.resources[0].resource_methods["GET"];
    assert_eq!((back.rest_api.created_date, back.rest_api.warnings.len(), back.gateway_responses.len()), (None, 0, 0));
    assert_eq!((&*back.models[0].content_type, back.models[1].description.as_deref()), ("application/json", None));
    assert!(method.request_parameters["method.request.path.petId"]);
    assert!(!method.method_responses["200"].response_parameters["method.response.header.X-B"]);
    assert_eq!(back.authorizers[0].auth_type.as_deref(), Some("custom"));
}

/// A document as AWS writes one. (Guide, `api-gateway-documenting-api-quick-start-publishing`.)
#[test]
fn the_shape_is_that_of_aws() {
    let definition = ApiDefinition {
        resources: vec![Resource {
            path: "/".to_owned(),
            resource_methods: map([(
                "GET",
                Method {
                    http_method: "GET".to_owned(),
                    api_key_required: true,
                    request_models: map([("application/json", "Empty".to_owned())]),
                    method_responses: map([(
                        "200",
                        MethodResponse {
                            status_code: "200".to_owned(),
                            response_parameters: map([("method.response.header.A", false)]),
                            response_models: map([("application/json", "Empty".to_owned())]),
                        },
                    )]),
                    ..Method::default()
                },
            )]),
            ..Resource::default()
        }],
        rest_api: RestApi { name: "doc".to_owned(), ..RestApi::default() },
        models: vec![model("Empty", None, r#"{"type":"object"}"#)],
        ..ApiDefinition::default()
    };
    let plain = |export_type| ExportOptions {
        export_type,
        host: HOST.to_owned(),
        created_date: Some(1_479_854_354),
        ..ExportOptions::default()
    };
    let expected = json!({
        "openapi": "3.0.1",
        "info": {"title": "doc", "version": "2016-11-22T22:39:14Z"},
        "servers": [{"url": format!("https://{HOST}/{{basePath}}"), "variables": {"basePath": {"default": "/prod"}}}],
        "paths": {"/": {"get": {
            "requestBody": {
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Empty"}}},
                "required": true,
            },
            "responses": {"200": {
                "description": "200 response",
                "headers": {"A": {"schema": {"type": "string"}}},
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Empty"}}},
            }},
            "security": [{"api_key": []}],
        }}},
        "components": {
            "schemas": {"Empty": {"type": "object"}},
            "securitySchemes": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}},
        },
    });
    assert_eq!(export(&definition, &stage(), &plain(ExportType::Oas30)).to_string(), expected.to_string());
    let expected = json!({
        "swagger": "2.0",
        "info": {"title": "doc", "version": "2016-11-22T22:39:14Z"},
        "host": HOST,
        "basePath": "/prod",
        "schemes": ["https"],
        "paths": {"/": {"get": {
            "consumes": ["application/json"],
            "produces": ["application/json"],
            "parameters": [
                {"in": "body", "name": "Empty", "required": true, "schema": {"$ref": "#/definitions/Empty"}},
            ],
            "responses": {"200": {
                "description": "200 response",
                "schema": {"$ref": "#/definitions/Empty"},
                "headers": {"A": {"type": "string"}},
            }},
            "security": [{"api_key": []}],
        }}},
        "securityDefinitions": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}},
        "definitions": {"Empty": {"type": "object"}},
    });
    assert_eq!(export(&definition, &stage(), &plain(ExportType::Swagger)).to_string(), expected.to_string());
}

#[test]
fn extensions_are_written_where_they_are_asked_for() {
    let shown = |names: &str| {
        let extensions = names.parse().expect("these are known");
        let options = ExportOptions { extensions, ..options(ExportType::Oas30) };
        let text = export(&full(), &stage(), &options).to_string();
        let marks = ["integration\"", "authorizer\"", "documentation\"", "gateway-responses", "authtype"];
        let shown = marks.map(|mark| u8::from(text.contains(&format!("x-amazon-apigateway-{mark}"))));
        (shown, text.contains("x-tollgate-stage-name"))
    };
    assert_eq!(shown("apigateway"), ([1, 1, 1, 1, 1], false));
    assert_eq!(shown("integrations"), ([1, 0, 0, 1, 1], false));
    assert_eq!(shown("integrations,authorizers"), ([1, 1, 0, 1, 1], false));
    assert_eq!(shown("authorizers, documentation"), ([0, 1, 1, 0, 1], false));
    assert_eq!(shown("postman"), ([0, 0, 0, 0, 0], false));
    assert_eq!(shown("tollgate,apigateway"), ([1, 1, 1, 1, 1], true));
    assert_eq!("integrations,x".parse::<Extensions>(), Err("Invalid extension specified: x".to_owned()));
}

#[test]
fn documentation_is_written_where_openapi_has_a_place_for_it() {
    let mut definition = full();
    let everywhere = |part_type: &str, status: Option<&str>, path: Option<&str>, description: &str| DocumentationPart {
        location: DocumentationPartLocation {
            part_type: part_type.to_owned(),
            path: path.map(str::to_owned),
            status_code: status.map(str::to_owned),
            ..DocumentationPartLocation::default()
        },
        properties: json!({"description": description}).to_string(),
        ..DocumentationPart::default()
    };
    definition.documentation_parts.extend([
        everywhere("RESPONSE", Some("404"), None, "none"),
        everywhere("RESPONSE", Some("404"), Some("/pets"), "no pet"),
        everywhere("RESPONSE", Some("404"), Some("/pet"), "another path"),
        everywhere("RESOURCE", None, Some("/pets"), "not of what is below"),
    ]);
    let document = export(&definition, &stage(), &options(ExportType::Oas30));
    let one = &document["paths"]["/pets/{petId}"];
    assert_eq!(
        (&one["get"]["summary"], &one["get"]["x-a"], &one["get"]["foo"]),
        (&"One".into(), &1.into(), &Value::Null)
    );
    assert_eq!(one["get"]["parameters"][1]["description"], "A question");
    assert_eq!(one["get"]["responses"]["404"]["description"], "no pet");
    assert_eq!(one["get"]["responses"]["200"]["headers"]["X-B"]["description"], "B");
    assert_eq!(document["paths"]["/"]["get"]["responses"]["404"]["description"], "none");
    assert_eq!((&one["description"], &one["post"]["summary"]), (&Value::Null, &Value::Null));
    assert_eq!((&document["info"]["license"]["name"], &document["x-b"]), (&"MIT".into(), &2.into()));
    assert_eq!(document["tags"], json!([{"name": "pets"}, {"name": "team", "x-amazon-apigateway-tag-value": "pets"}]));
}

#[test]
fn times_are_written_as_aws_does() {
    assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
    assert_eq!(timestamp(951_782_400), "2000-02-29T00:00:00Z");
    assert_eq!(timestamp(1_767_225_599), "2025-12-31T23:59:59Z");
    assert_eq!(timestamp(-1), "1969-12-31T23:59:59Z");
}

/// Every leaf of the definition as JSON.
fn leaves(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                leaves(member, &format!("{pointer}/{key}"), found);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| leaves(item, &format!("{pointer}/{at}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => found.push(pointer.to_owned()),
    }
}

#[test]
fn every_field_counts_as_a_difference() {
    let definition = full();
    let value = serde_json::to_value(&definition).expect("the model is JSON");
    let mut all = Vec::new();
    leaves(&value, "", &mut all);
    // Ids, what follows from the path, and what is told by its name in another way.
    let ids = ["/id", "/rootResourceId", "/parentId", "/pathPart", "/httpMethod"];
    let counts =
        |pointer: &&String| !ids.iter().any(|id| pointer.ends_with(id)) || pointer.contains("methodIntegration");
    let mut seen = 0;
    for pointer in all.iter().filter(counts) {
        let mut changed = value.clone();
        let leaf = changed.pointer_mut(pointer).expect("it was found there");
        *leaf = match &*leaf {
            Value::Bool(known) => (!known).into(),
            Value::Number(number) => (number.as_i64().unwrap_or_default() + 1).into(),
            Value::String(text) => format!("{text}x").into(),
            Value::Null | Value::Array(_) | Value::Object(_) => continue,
        };
        // Words of a closed list, and JSON as text, cannot be changed at will.
        let Ok(changed) = serde_json::from_value::<ApiDefinition>(changed) else { continue };
        seen += 1;
        assert!(!differences(&definition, &changed).is_empty(), "{pointer}");
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn other_ids_are_no_difference() {
    let mut other = full();
    let mut count = 0;
    super::super::redraw_ids(&mut other, RestApiId("other1".to_owned()), &mut || {
        count += 1;
        format!("drawn{count}")
    });
    assert_eq!(differences(&full(), &other), []);
    assert_eq!(differences(&full(), &again(&full(), ExportType::Oas30, ExportFormat::Json)), []);
}
