//! Methods are put into the store directly: what makes them is not under test.

use serde_json::{Value, json};

use super::super::fixture::{Desk, patch_body};
use crate::model::{Integration, IntegrationType, Method, MethodResponse, OrderedMap};

/// The method's path, of an API whose `/` has a GET. It declares `q` and `h`, and a response 200 with a header `X`.
fn method(desk: &mut Desk) -> String {
    let api_id = desk.api("pets");
    let root = desk.store.rest_apis.row(&["us-east-1", &api_id]).and_then(|api| api.root_resource_id.clone());
    let root = root.expect("an API has a root");
    let key = ["us-east-1", &api_id, root.as_str()];
    let mut resource = desk.store.resources.row(&key).expect("the root is there").clone();
    let declared = |name: &str| (name.to_owned(), false);
    let response = MethodResponse {
        status_code: "200".to_owned(),
        response_parameters: OrderedMap::from_iter([declared("method.response.header.X")]),
        ..MethodResponse::default()
    };
    let parameters = [declared("method.request.querystring.q"), declared("method.request.header.h")];
    let method = Method {
        http_method: "GET".to_owned(),
        request_parameters: OrderedMap::from_iter(parameters),
        method_responses: OrderedMap::from_iter([("200".to_owned(), response)]),
        ..Method::default()
    };
    resource.resource_methods.insert("GET".to_owned(), method);
    desk.store.resources.put(&key, resource);
    format!("/restapis/{api_id}/resources/{root}/methods/GET")
}

fn root_of(path: &str) -> &str {
    path.split('/').nth(4).expect("the resource's id")
}

fn http() -> Value {
    json!({ "type": "HTTP", "httpMethod": "POST", "uri": "http://localhost:8080/{id}" })
}

fn with(mut input: Value, member: &str, value: Value) -> Value {
    input[member] = value;
    input
}

#[test]
fn an_integration_is_put_found_changed_and_removed() {
    let mut desk = Desk::default();
    let method = method(&mut desk);
    let path = format!("{method}/integration");
    let missing = "NotFoundException: Invalid Integration identifier specified";
    assert_eq!(desk.refusal("GET", &path, Value::Null), missing);

    let put = desk.call("PUT", &path, http());
    let expected = json!({
        "type": "HTTP",
        "httpMethod": "POST",
        "uri": "http://localhost:8080/{id}",
        "connectionType": "INTERNET",
        "passthroughBehavior": "WHEN_NO_MATCH",
        "timeoutInMillis": 29000,
        "cacheNamespace": root_of(&method),
        "cacheKeyParameters": [],
    });
    assert_eq!(put, expected);
    assert_eq!(desk.call("GET", &path, Value::Null), expected);

    let changed = desk.patch(
        &path,
        &[
            "add /cacheKeyParameters/integration.request.header.a",
            "add /requestParameters/integration.request.header.a method.request.querystring.q",
            "add /requestTemplates/application~1json",
            "replace /timeoutInMillis 50",
            "replace /tlsConfig/insecureSkipVerification true",
            "replace /cacheNamespace shared",
            "replace /passthroughBehavior never",
            "replace /contentHandling CONVERT_TO_TEXT",
        ],
    );
    assert_eq!(changed["cacheKeyParameters"], json!(["integration.request.header.a"]));
    assert_eq!(changed["requestTemplates"], json!({ "application/json": null }));
    assert_eq!(changed["timeoutInMillis"], 50);
    assert_eq!(changed["tlsConfig"], json!({ "insecureSkipVerification": true }));
    assert_eq!(changed["cacheNamespace"], "shared");
    assert_eq!(changed["passthroughBehavior"], "NEVER");
    let back = desk.patch(
        &path,
        &[
            "remove /cacheKeyParameters/integration.request.header.a",
            "remove /requestParameters",
            "remove /requestTemplates/application~1json",
            "replace /cacheNamespace",
            "replace /contentHandling",
        ],
    );
    assert_eq!(back["cacheNamespace"], root_of(&method));
    for gone in ["contentHandling", "requestParameters", "requestTemplates"] {
        assert_eq!(back.get(gone), None, "{gone}");
    }

    desk.call("DELETE", &path, Value::Null);
    assert_eq!(desk.refusal("DELETE", &path, Value::Null), missing);
}

#[test]
fn a_response_is_put_found_changed_and_removed() {
    let mut desk = Desk::default();
    let integration = format!("{}/integration", method(&mut desk));
    let path = format!("{integration}/responses/200");
    let input = json!({ "selectionPattern": "", "responseParameters": { "method.response.header.X": "'*'" } });
    let refusal = desk.refusal("PUT", &path, input.clone());
    assert_eq!(refusal, "NotFoundException: Invalid Integration identifier specified");
    desk.call("PUT", &integration, json!({ "type": "MOCK" }));

    let put = desk.call("PUT", &path, input.clone());
    assert_eq!(put, with(input, "statusCode", json!("200")));
    let changed = desk.patch(
        &path,
        &[
            "replace /selectionPattern 2..",
            "add /responseTemplates/application~1json {}",
            "replace /responseParameters/method.response.header.X integration.response.header.y",
        ],
    );
    let expected = json!({
        "statusCode": "200",
        "selectionPattern": "2..",
        "responseTemplates": { "application/json": "{}" },
        "responseParameters": { "method.response.header.X": "integration.response.header.y" },
    });
    assert_eq!(changed, expected);
    assert_eq!(desk.call("GET", &path, Value::Null), expected);
    let whole = desk.call("GET", &integration, Value::Null);
    assert_eq!(whole["integrationResponses"], json!({ "200": expected }));

    desk.call("DELETE", &path, Value::Null);
    assert_eq!(desk.call("GET", &integration, Value::Null).get("integrationResponses"), None);
    let missing = "NotFoundException: Invalid Response status code specified";
    assert_eq!(desk.refusal("DELETE", &path, Value::Null), missing);
    assert_eq!(desk.refusal("GET", &path, Value::Null), missing);
    let undeclared = format!("{integration}/responses/404");
    assert_eq!(desk.refusal("PUT", &undeclared, json!({})), missing);
}

#[test]
fn responses_are_checked() {
    let mut desk = Desk::default();
    let integration = format!("{}/integration", method(&mut desk));
    desk.call("PUT", &integration, json!({ "type": "MOCK" }));
    let mut check = |status: &str, input: Value, expected: &str| {
        assert_eq!(desk.refusal("PUT", &format!("{integration}/responses/{status}"), input), expected);
    };
    check(
        "600",
        json!({}),
        "ValidationException: 1 validation error detected: Value '600' at 'statusCode' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [1-5]\\d\\d",
    );
    check(
        "200",
        json!({ "contentHandling": "NONE" }),
        "ValidationException: 1 validation error detected: Value 'NONE' at \
         'putIntegrationResponseInput.contentHandling' failed to satisfy constraint: Member must satisfy enum value \
         set: [CONVERT_TO_BINARY, CONVERT_TO_TEXT]",
    );
    let mapping = |what: &str| {
        format!(
            "BadRequestException: Invalid mapping expression specified: Validation Result: warnings : [], errors : \
             [{what}]"
        )
    };
    let other = json!({ "responseParameters": { "method.response.header.Y": "'*'" } });
    check("200", other.clone(), &mapping("Invalid mapping expression parameter specified: method.response.header.Y"));
    check("404", other, &mapping("No method response exists for method."));
}

#[test]
fn each_part_of_the_path_has_to_be_there() {
    let mut desk = Desk::default();
    let method = method(&mut desk);
    let mut check = |from: &str, to: &str, expected: &str| {
        let path = format!("{}/integration", method.replace(from, to));
        assert_eq!(desk.refusal("PUT", &path, http()), format!("NotFoundException: {expected}"));
    };
    check("GET", "POST", "Invalid Method identifier specified");
    check(root_of(&method), "nowhere", "Invalid Resource identifier specified");
}

#[track_caller]
fn check_put(input: Value, expected: &str) {
    let mut desk = Desk::default();
    let path = format!("{}/integration", method(&mut desk));
    let outcome = desk.try_call("PUT", &path, input.to_string().as_bytes());
    assert_eq!(outcome.err().map_or(String::new(), |exception| exception.to_string()), expected, "{input}");
}

#[test]
fn each_type_has_its_needs() {
    let aws = |kind: &str, uri: &str| json!({ "type": kind, "httpMethod": "POST", "uri": uri });
    let lambda = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${stageVariables.f}/invocations";
    let bucket = "arn:aws:apigateway:us-west-2:s3:path/b/k";
    check_put(json!({ "type": "MOCK" }), "");
    check_put(aws("AWS", lambda), "");
    check_put(aws("AWS_PROXY", lambda), "");
    check_put(with(aws("AWS", bucket), "credentials", json!("arn:aws:iam::123456789012:role/r")), "");
    check_put(with(aws("AWS", bucket), "credentials", json!("arn:aws:iam::*:user/*")), "");
    check_put(with(http(), "uri", json!("https://${stageVariables.host}/a")), "");
    let bad = |message: &str| format!("BadRequestException: {message}");
    check_put(
        json!({ "type": "HTTP_PROXY", "uri": "http://a" }),
        &bad("Enumeration value for HttpMethod must be non-empty"),
    );
    check_put(with(http(), "httpMethod", json!("FETCH")), &bad("Invalid HTTP method specified"));
    for uri in ["", "localhost", "ftp://a", "http:///a", "http://a b"] {
        check_put(with(http(), "uri", json!(uri)), &bad("Invalid HTTP endpoint specified for URI"));
    }
    check_put(aws("AWS", "no-arn"), &bad("Invalid ARN specified in the request"));
    check_put(
        aws("AWS_PROXY", "arn:aws:iam::000000000000:role/r"),
        &bad("AWS ARN for integration must contain path or action"),
    );
    check_put(
        aws("AWS_PROXY", bucket),
        &bad("Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream \
             invocations."),
    );
    check_put(aws("AWS", bucket), &bad("Role ARN must be specified for AWS integrations"));
    let foreign = with(aws("AWS", bucket), "credentials", json!("arn:aws:iam::210987654321:role/r"));
    check_put(foreign, "AccessDeniedException: Cross-account pass role is not allowed.");
    check_put(
        json!({}),
        "ValidationException: 1 validation error detected: Value null at 'putIntegrationInput.type' failed to satisfy \
         constraint: Member must not be null",
    );
    check_put(
        json!({ "type": "FTP" }),
        "ValidationException: 1 validation error detected: Value 'FTP' at 'putIntegrationInput.type' failed to \
         satisfy constraint: Member must satisfy enum value set: [HTTP, MOCK, AWS_PROXY, HTTP_PROXY, AWS]",
    );
}

#[test]
fn members_have_their_ranges() {
    let bad = |message: &str| format!("BadRequestException: {message}");
    let timeout = bad("Timeout should be between 50 ms and 900000 ms");
    check_put(with(http(), "timeoutInMillis", json!(49)), &timeout);
    check_put(with(http(), "timeoutInMillis", json!(50)), "");
    check_put(with(http(), "timeoutInMillis", json!(900_000)), "");
    check_put(with(http(), "timeoutInMillis", json!(900_001)), &timeout);
    check_put(with(http(), "passthroughBehavior", json!("x")), &bad("Invalid passthrough behavior specified: x"));
    let stream = bad("Response transfer mode STREAM is only supported for AWS_PROXY and HTTP_PROXY integrations");
    let streaming = with(http(), "responseTransferMode", json!("STREAM"));
    check_put(streaming.clone(), &stream);
    check_put(with(streaming, "type", json!("HTTP_PROXY")), "");
    let linked = with(http(), "connectionType", json!("VPC_LINK"));
    check_put(linked.clone(), &bad("Connection ID must be specified for connection type VPC_LINK"));
    check_put(with(linked, "connectionId", json!("${stageVariables.link}")), "");
    check_put(with(http(), "cacheKeyParameters", json!(["method.request.querystring.q"])), "");
    let unknown = bad("Invalid cache key parameter specified");
    check_put(with(http(), "cacheKeyParameters", json!(["method.request.querystring.no"])), &unknown);
    let parameters = json!({ "integration.request.header.a": "true" });
    check_put(
        with(http(), "requestParameters", parameters),
        &bad("Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping \
             expression specified: true]"),
    );
}

#[test]
fn a_patch_is_refused_as_a_whole() {
    let mut desk = Desk::default();
    let path = format!("{}/integration", method(&mut desk));
    let mut check = |input: Value, operations: &[&str], expected: &str| {
        desk.call("PUT", &path, input);
        assert_eq!(desk.refusal("PATCH", &path, patch_body(operations)), expected, "{operations:?}");
    };
    let mock = "BadRequestException: Invalid value 'http://a' specified for path '/uri': an integration of type MOCK \
                has none";
    check(json!({ "type": "MOCK" }), &["replace /uri http://a"], mock);
    let url = "BadRequestException: Invalid HTTP endpoint specified for URI";
    check(http(), &["replace /httpMethod GET", "replace /uri a"], url);
    let op = "BadRequestException: Invalid patch operation 'remove' specified for path '/uri'";
    check(http(), &["remove /uri"], op);
    let missing = "NotFoundException: Invalid parameter name specified";
    check(http(), &["remove /cacheKeyParameters/method.request.header.h"], missing);
    check(http(), &["replace /requestParameters/integration.request.header.a 'a'"], missing);
    check(
        http(),
        &["replace /requestTemplates/text~1plain a"],
        "NotFoundException: Content-Type specified was not found",
    );
    let map = "BadRequestException: Invalid value '[]' specified for path '/requestTemplates': it must be a JSON \
               object of texts";
    check(http(), &["replace /requestTemplates []"], map);
    desk.try_call("PATCH", &path, patch_body(&["replace /type AWS"]).to_string().as_bytes())
        .expect_err("the type stays what it is");
    assert_eq!(desk.call("GET", &path, Value::Null)["httpMethod"], "POST");
}

#[test]
fn one_from_a_document_is_shown_with_the_defaults() {
    let integration = Integration {
        integration_type: IntegrationType::Mock,
        cache_key_parameters: vec!["method.request.querystring.q".to_owned()],
        ..Integration::default()
    };
    let shown = super::shape(&integration, &crate::model::ResourceId("abc123".to_owned()));
    let expected = json!({
        "type": "MOCK",
        "passthroughBehavior": "WHEN_NO_MATCH",
        "timeoutInMillis": 29000,
        "cacheNamespace": "abc123",
        "cacheKeyParameters": ["method.request.querystring.q"],
    });
    assert_eq!(shown, expected);
}
