//! The log's text, step by step.

use super::*;
use crate::plan::MethodIndex;
use crate::plan::integration::{MockIntegration, PassthroughBehavior};

/// Tue May 30 01:22:45 UTC 2023
const STARTED_MS: u64 = 1_685_409_765_000;

fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    text.split(' ').filter_map(pair).collect()
}

/// The log of a request to `/pets/{petId}` that went as noted, without dates.
fn text(body: &str, noted: Noted, answer: Answer) -> String {
    let mock = MockIntegration {
        statuses: Vec::new(),
        mapped: false,
        content_handling: None,
        passthrough: PassthroughBehavior::default(),
        responses: Vec::new(),
    };
    let method = MethodPlan {
        api_key_required: false,
        authorization: Default::default(),
        rules: Box::default(),
        http_method: "ANY".into(),
        resource_path: "/pets/{petId}".into(),
        resource_id: "abc".into(),
        validator: Some(Box::default()),
        cache: None,
        integration: Integration::Mock(Box::new(mock)),
    };
    let request = TestInvocationRequest {
        http_method: "POST".to_owned(),
        path_with_query_string: "/pets/7?a=1&a=2".to_owned(),
        headers: pairs("Accept=text/html X-Api-Key=0123456789abcdef Accept=*/* Authorization=secret"),
        body: body.as_bytes().to_vec(),
    };
    let route = Route {
        method: MethodIndex(0),
        target: request.path_with_query_string.clone(),
        path_parameters: pairs("petId=7"),
        query: pairs("a=1 b= a=2"),
    };
    let (noted, answer) = (&Noted { request_id: "id-1".to_owned(), ..noted }, &answer);
    let (request, route, method) = (&request, &route, &method);
    let steps = Steps { request, route, method, noted, answer, started_ms: STARTED_MS, latency_ms: 1500 };
    let text = steps.to_text();
    text.lines().map(|line| line.split_once(" : ").map_or(line, |(_, event)| event).to_owned() + "\n").collect()
}

fn answer(status: u16, headers: &str, body: &str) -> Answer {
    Answer { status, headers: pairs(headers), body: body.as_bytes().to_vec(), broken_off: None }
}

fn sent(bytes: &str) -> Option<EndpointRequest> {
    Some(EndpointRequest { origin: "https://petstore.test".to_owned(), bytes: bytes.as_bytes().to_vec(), whole: true })
}

const REQUEST: &str = "\
Execution log for request id-1
Starting execution for request: id-1
HTTP Method: POST, Resource Path: /pets/{petId}
Method request path: {petId=7}
Method request query string: {a=2, b=}
Method request headers: {Accept=text/html,*/*, X-Api-Key=**********abcdef, Authorization=******}
";

#[track_caller]
fn check(noted: Noted, answer: Answer, expected: &str) {
    let expected = format!("{REQUEST}Method request body before transformations: in\n{expected}");
    assert_eq!(text("in", noted, answer), expected);
}

#[test]
fn an_answer_from_the_gateway_alone() {
    let noted = Noted::default();
    let expected = "\
Request validation succeeded for content type application/json
Method response body after transformations: out
Method response headers: {Content-Type=application/json}
Successfully completed execution
Method completed with status: 201
";
    check(noted, answer(201, "Content-Type=application/json", "out"), expected);
}

#[test]
fn an_answer_from_an_endpoint() {
    let noted = Noted {
        endpoint_request: sent(
            "POST /p?x=1 HTTP/1.1\r\nHost: petstore.test\r\nAuthorization: Bearer 0123456789\r\n\r\nmapped",
        ),
        endpoint_response_head: Some(b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\n".to_vec()),
        endpoint_response_body: Some(b"\xff\xfe\xfd".to_vec()),
        integration_us: Some(12_999),
        ..Noted::default()
    };
    let expected = "\
Request validation succeeded for content type application/json
Endpoint request URI: https://petstore.test/p?x=1
Endpoint request headers: {Host=petstore.test, Authorization=***********456789}
Endpoint request body after transformations: mapped
Sending request to https://petstore.test/p?x=1
Received response. Status: 404, Integration latency: 12 ms
Endpoint response headers: {Content-Length=3}
Endpoint response body before transformations: [Binary Data]
Method response body after transformations: out
Method response headers: {}
Successfully completed execution
Method completed with status: 200
";
    check(noted, answer(200, "", "out"), expected);
}

#[test]
fn failures_in_the_services_words() {
    #[track_caller]
    fn fails(error: GatewayError, why: &str, expected: &str) {
        let why = if why.is_empty() { error.message() } else { why };
        let noted = Noted { failed: Some((error, error.status())), why: Some(why.to_owned()), ..Noted::default() };
        let status = error.status();
        let end = format!("with status code: {status}\nMethod completed with status: {status}\n");
        check(noted, answer(status, "", "{}"), &format!("{expected} {end}"));
    }
    use GatewayError as E;
    let failed = "Execution failed due to ";
    fails(
        E::Configuration,
        "request template 1:3: no value",
        &format!(
            "{failed}configuration error: Unable to transform request: request template 1:3: no value\n\
             Gateway response type: API_CONFIGURATION_ERROR"
        ),
    );
    fails(
        E::Configuration,
        "response template 2:1: too long",
        &format!(
            "{failed}configuration error: Unable to transform response: response template 2:1: too long\n\
             Gateway response type: API_CONFIGURATION_ERROR"
        ),
    );
    fails(
        E::Configuration,
        "the mock's request names no status",
        &format!(
            "{failed}configuration error: Unable to parse statusCode. It should be an integer that is defined in the \
             request template.\nGateway response type: API_CONFIGURATION_ERROR"
        ),
    );
    fails(
        E::Configuration,
        "",
        &format!("{failed}configuration error\nGateway response type: API_CONFIGURATION_ERROR"),
    );
    fails(
        E::IntegrationTimeout,
        "the origin did not answer in time",
        &format!(
            "{failed}a timeout error: the origin did not answer in time\nGateway response type: INTEGRATION_TIMEOUT"
        ),
    );
    fails(
        E::IntegrationFailure,
        "the origin cannot be reached",
        &format!(
            "{failed}a network error communicating with endpoint: the origin cannot be reached\n\
             Gateway response type: INTEGRATION_FAILURE"
        ),
    );
    let missing = "Missing required request parameters: [a, b]";
    fails(E::MissingParameters, missing, &format!("{missing}\nGateway response type: BAD_REQUEST_PARAMETERS"));
    fails(E::UnsupportedMediaType, "", "Unsupported Media Type\nGateway response type: UNSUPPORTED_MEDIA_TYPE");
    fails(
        E::BadRequestBody,
        "request template 1:3: no JSON",
        "Could not parse request body into json: request template 1:3: no JSON\n\
         Gateway response type: BAD_REQUEST_BODY",
    );
}

#[test]
fn a_body_that_does_not_fit_its_model() {
    let error = GatewayError::InvalidBody;
    let noted = Noted {
        validation_error: Some("[object has missing required properties ([\"id\"])]".to_owned()),
        failed: Some((error, 400)),
        why: Some(error.message().to_owned()),
        ..Noted::default()
    };
    let expected = "\
Request body does not match model schema for content type application/json: [object has missing required properties ([\"id\"])]
Gateway response type: BAD_REQUEST_BODY with status code: 400
Method completed with status: 400
";
    check(noted, answer(400, "", "{}"), expected);
}

#[test]
fn an_answer_that_was_not_finished() {
    let cut = || Answer { broken_off: Some("it broke off".to_owned()), ..answer(200, "", "ou") };
    let said = "Request validation succeeded for content type application/json\nMethod response body after transformations: ou\nMethod response headers: {}\n";
    let ended = "Method completed with status: 200\n";
    let why = Noted { why: Some("the answer stalled".to_owned()), ..Noted::default() };
    check(why, cut(), &format!("{said}The answer was not finished: it broke off; the answer stalled\n{ended}"));
    let expected = format!("{said}The test did not wait for the rest of the answer: it broke off\n{ended}");
    check(Noted::default(), cut(), &expected);
}

#[test]
fn long_events_are_cut_between_characters() {
    let cut = |body: &str| {
        let text = text(body, Noted::default(), answer(200, "", ""));
        text.lines().nth(6).map(str::to_owned).unwrap_or_default()
    };
    let prefix = "Method request body before transformations: ";
    let fits = "x".repeat(1024 - prefix.len());
    assert_eq!(cut(&fits), format!("{prefix}{fits}"));
    assert_eq!(cut(&format!("{fits}y")), format!("{prefix}{fits} [TRUNCATED]"));
    assert_eq!(cut(&format!("{}é", &fits[1..])), format!("{prefix}{} [TRUNCATED]", &fits[1..]));
}

#[test]
fn secrets_show_their_end_only() {
    #[track_caller]
    fn check(value: &str, expected: &str) {
        assert_eq!(masked(value), expected);
    }
    check("", "");
    check("abc", "***");
    check("abcdefghijk", "***********");
    check("abcdefghijkl", "******ghijkl");
    check("éééééééééééé", "******éééééé");
}

#[test]
fn dates_are_javas() {
    assert_eq!(date(STARTED_MS), "Tue May 30 01:22:45 UTC 2023");
    assert_eq!(date(0), "Thu Jan 01 00:00:00 UTC 1970");
    assert_eq!(date(1_646_495_252_999), "Sat Mar 05 15:47:32 UTC 2022");
}
