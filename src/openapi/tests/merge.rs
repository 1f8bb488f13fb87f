//! `PutRestApi`: what stays, what goes, and what keeps its id.

use super::*;

fn imported(text: &str) -> Imported {
    import_with(text, &ImportOptions { strictness: Strictness::Import, ..ImportOptions::default() })
}

const EXISTING: &str = "openapi: 3.0.1
info: {title: B, version: '1', description: Before}
tags: [{name: team, x-amazon-apigateway-tag-value: b}]
servers: [{url: /, x-amazon-apigateway-endpoint-configuration: {types: [REGIONAL], disableExecuteApiEndpoint: true, vpcEndpointIds: [vpce-1]}}]
paths:
  /a:
    get: {operationId: getA, security: [{auth: []}], responses: {200: {}, 206: {}}}
    post: {operationId: postA, x-amazon-apigateway-request-validator: all}
  /b/c:
    get: {operationId: getC}
components:
  schemas:
    Pet: {type: object, properties: {owner: {$ref: '#/components/schemas/Owner'}}}
    Owner: {type: object}
  securitySchemes:
    auth: {type: apiKey, name: A, in: header, x-amazon-apigateway-authorizer: {type: token, authorizerUri: 'arn:before'}}
    other: {type: apiKey, name: A, in: header, x-amazon-apigateway-authorizer: {type: token, authorizerUri: 'arn:other'}}
x-amazon-apigateway-request-validators: {all: {validateRequestBody: true}, none: {}}
x-amazon-apigateway-gateway-responses: {THROTTLED: {statusCode: 430}, DEFAULT_4XX: {statusCode: 444}}
x-amazon-apigateway-binary-media-types: [image/png]
x-amazon-apigateway-minimum-compression-size: 10
x-amazon-apigateway-api-key-source: AUTHORIZER
x-amazon-apigateway-policy: {Version: '2012-10-17'}
x-tollgate-upstreams: {one: {retries: {attemptsMax: 2}}, two: {retries: {}}}
x-tollgate-throttle: [{concurrency: 5}]
x-amazon-apigateway-documentation:
  documentationParts:
    - {location: {type: API}, properties: {a: 1, b: 2}}
    - {location: {type: METHOD, path: /}, properties: {c: 3}}
";

const NEW: &str = "openapi: 3.0.1
info: {title: A, version: '2'}
paths:
  /a:
    get: {operationId: newA, security: [{auth: []}], responses: {200: {}, 400: {}}}
  /b/d:
    get: {operationId: getD, x-amazon-apigateway-request-validator: all}
components:
  schemas:
    Pet: {type: array, items: {$ref: '#/components/schemas/Owner'}}
    Owner: {type: object, title: O}
    Toy: {type: string}
  securitySchemes:
    auth: {type: apiKey, name: B, in: header, x-amazon-apigateway-authorizer: {type: token, authorizerUri: 'arn:after'}}
x-amazon-apigateway-request-validators: {all: {validateRequestParameters: true}}
x-amazon-apigateway-gateway-responses: {THROTTLED: {statusCode: 431}}
x-amazon-apigateway-binary-media-types: [image/gif, image/png]
x-tollgate-upstreams: {one: {retries: {attemptsMax: 3}}}
x-amazon-apigateway-documentation:
  documentationParts:
    - {location: {type: API}, properties: {b: 4, d: 5}}
    - {location: {type: RESOURCE, path: /a}, properties: {e: 6}}
";

/// An API that was created: its ids are its own.
fn existing() -> ApiDefinition {
    let mut existing = imported(EXISTING).definition;
    existing.rest_api.created_date = Some(7);
    let mut count = 0;
    redraw_ids(&mut existing, RestApiId("api".to_owned()), &mut || {
        count += 1;
        format!("old{count}")
    });
    existing
}

fn put(text: &str, mode: PutMode) -> ApiDefinition {
    let mut count = 0;
    merge(&existing(), &imported(text), mode, &mut || {
        count += 1;
        format!("new{count}")
    })
}

/// As `path id: METHOD operation, …`.
fn methods(definition: &ApiDefinition) -> Vec<String> {
    let shown = definition.resources.iter().map(|resource| {
        let methods = resource.resource_methods.iter();
        let methods =
            methods.map(|(verb, method)| format!("{verb} {}", method.operation_name.as_deref().unwrap_or("-")));
        format!("{} {}: {}", resource.path, resource.id, methods.collect::<Vec<_>>().join(", "))
    });
    shown.collect()
}

fn parts(definition: &ApiDefinition) -> Vec<String> {
    let shown = definition.documentation_parts.iter();
    let shown = shown.map(|part| format!("{} {}: {}", part.location.part_type, part.id, part.properties));
    // Of those that descriptions made, only what matters here.
    shown.filter(|part| !part.starts_with("MODEL")).collect()
}

#[test]
fn merge_leaves_what_is_not_named() {
    let merged = put(NEW, PutMode::Merge);
    assert_eq!(
        methods(&merged),
        ["/ old1: ", "/a old2: GET newA, POST postA", "/b old3: ", "/b/c old4: GET getC", "/b/d new1: GET getD"]
    );
    let statuses: Vec<_> = merged.resources[1].resource_methods["GET"].method_responses.keys().collect();
    assert_eq!(statuses, ["200", "400"]);
    let uris = merged.authorizers.iter().map(|one| (one.id.as_str(), one.authorizer_uri.as_deref()));
    assert_eq!(uris.collect::<Vec<_>>(), [("old5", Some("arn:after")), ("old6", Some("arn:other"))]);
    assert_eq!(merged.resources[1].resource_methods["GET"].authorizer_id.as_ref(), Some(&merged.authorizers[0].id));
    let validators = merged.request_validators.iter().map(|one| (one.id.as_str(), one.validate_request_body));
    assert_eq!(validators.collect::<Vec<_>>(), [("old7", false), ("old8", false)]);
    assert_eq!(
        merged.resources[4].resource_methods["GET"].request_validator_id.as_ref(),
        Some(&merged.request_validators[0].id)
    );
    let models: Vec<_> = merged.models.iter().map(|model| (model.name.as_str(), model.id.as_str())).collect();
    assert_eq!(models, [("Pet", "old9"), ("Owner", "old10"), ("Toy", "new2")]);
    assert!(merged.models[0].schema.contains("restapis/api/models/Owner"), "{}", merged.models[0].schema);
    let responses = merged.gateway_responses.iter().map(|one| one.status_code.as_deref());
    assert_eq!(responses.collect::<Vec<_>>(), [Some("431"), Some("444")]);
    assert_eq!(
        parts(&merged),
        [r#"API old11: {"a":1,"b":4,"d":5}"#, r#"METHOD old12: {"c":3}"#, r#"RESOURCE new3: {"e":6}"#]
    );
    let RestApi { name, description, binary_media_types, minimum_compression_size, .. } = &merged.rest_api;
    assert_eq!((name.as_str(), description.as_deref(), *minimum_compression_size), ("A", Some("Before"), Some(10)));
    assert_eq!(*binary_media_types, ["image/png", "image/gif"]);
    assert_eq!(merged.rest_api.api_key_source, ApiKeySource::Authorizer);
    let attempts =
        |upstream: &crate::model::Upstream| upstream.retries.as_ref().and_then(|retries| retries.attempts_max);
    let upstreams = merged.rest_api.upstreams.iter().map(|(name, upstream)| (name.as_str(), attempts(upstream)));
    assert_eq!(upstreams.collect::<Vec<_>>(), [("one", Some(3)), ("two", None)]);
    assert_eq!(merged.rest_api.throttle, existing().rest_api.throttle);
    assert_eq!(merged.rest_api.throttle.len(), 1);
    assert!(merged.rest_api.disable_execute_api_endpoint && merged.rest_api.policy.is_some());
    assert_eq!(merged.rest_api.endpoint_configuration, existing().rest_api.endpoint_configuration);
}

#[test]
fn overwrite_removes_what_is_not_named() {
    let overwritten = put(NEW, PutMode::Overwrite);
    assert_eq!(methods(&overwritten), ["/ old1: ", "/a old2: GET newA", "/b old3: ", "/b/d new1: GET getD"]);
    assert_eq!(overwritten.resources[3].parent_id, Some(overwritten.resources[2].id.clone()));
    assert_eq!((overwritten.authorizers.len(), overwritten.authorizers[0].id.as_str()), (1, "old5"));
    assert_eq!((overwritten.request_validators.len(), overwritten.gateway_responses.len()), (1, 1));
    assert_eq!(parts(&overwritten), [r#"API old11: {"b":4,"d":5}"#, r#"RESOURCE new3: {"e":6}"#]);
    let rest_api = &overwritten.rest_api;
    assert_eq!((rest_api.id.as_str(), rest_api.created_date, &rest_api.policy), ("api", Some(7), &None));
    assert_eq!(rest_api.root_resource_id.as_ref(), Some(&overwritten.resources[0].id));
    assert_eq!((rest_api.api_key_source, rest_api.disable_execute_api_endpoint), (ApiKeySource::Header, false));
    assert_eq!((&rest_api.description, rest_api.minimum_compression_size), (&None, None));
    assert_eq!(rest_api.endpoint_configuration.types, [EndpointType::Regional]);
    assert!(rest_api.endpoint_configuration.vpc_endpoint_ids.is_empty() && rest_api.tags["team"] == "b");
}

#[test]
fn what_a_document_says_counts_in_a_merge_even_if_it_is_the_default() {
    let text = format!(
        "{NEW}x-amazon-apigateway-api-key-source: HEADER\nservers: [{{url: /, x-amazon-apigateway-endpoint-configuration: {{disableExecuteApiEndpoint: false}}}}]\n"
    );
    let merged = put(&text, PutMode::Merge).rest_api;
    assert_eq!((merged.api_key_source, merged.disable_execute_api_endpoint), (ApiKeySource::Header, false));
}

#[test]
fn the_same_document_again_changes_nothing() {
    for mode in [PutMode::Merge, PutMode::Overwrite] {
        let again = merge(&existing(), &imported(EXISTING), mode, &mut || unreachable!("nothing is new"));
        assert_eq!(again, existing(), "{mode:?}");
    }
}

#[test]
fn documentation_is_imported_by_itself() {
    let existing = existing().documentation_parts;
    let new = imported(NEW).definition.documentation_parts;
    let put = |mode| merge_documentation(&existing, new.clone(), mode, &mut || "new".to_owned());
    let (parts, ids) = put(PutMode::Merge);
    assert_eq!(
        (parts.len(), ids.iter().map(DocumentationPartId::as_str).collect::<Vec<_>>()),
        (3, vec!["old11", "new"])
    );
    let (parts, ids) = put(PutMode::Overwrite);
    assert_eq!((parts.len(), ids.len(), &*parts[0].properties), (2, 2, r#"{"b":4,"d":5}"#));
    assert_eq!((PutMode::from_name("overwrite"), PutMode::from_name("x")), (Some(PutMode::Overwrite), None));
}
