//! Events as the service makes them: what their members are for requests of many kinds, and that the crate that Rust
//! functions read them with does.

use std::rc::Rc;
use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayCustomAuthorizerRequestTypeRequest, ApiGatewayProxyRequest};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::data_plane::context::{ApiKeyFacts, IdSource, RequestIds};
use crate::data_plane::forwarding::Client;
use crate::data_plane::identity::{Authorized, IamIdentity, Identity};
use crate::data_plane::settings::{Cidr, ForwardingSettings};
use crate::http::head::{FieldSpace, HeadLimits, request};
use crate::http::target;
use crate::net::tls::client_certificate::ClientCertificate;
use crate::plan::authorizer::Authorization;
use crate::plan::content::BinaryMediaTypes;
use crate::plan::integration::{Denied, Integration};
use crate::plan::release::Release;
use crate::plan::route::RouteTable;
use crate::plan::{ApiKeySource, MethodIndex, MethodPlan, StagePlan};

/// One request, and what is known of it besides.
struct Case {
    raw: String,
    resource: &'static str,
    /// How much of the path is the stage's, or a custom domain name's base path.
    prefix_bytes: usize,
    base_path_bytes: usize,
    body: &'static [u8],
    is_binary: bool,
    trusted: bool,
    fills_cache: bool,
    with_key: bool,
    authorized: Option<Authorized>,
    operation_name: Option<&'static str>,
    certificate: Option<ClientCertificate>,
}

impl Default for Case {
    fn default() -> Self {
        Case {
            raw: "GET /prod/a HTTP/1.1\r\nHost: abc.example.com\r\n\r\n".to_owned(),
            resource: "/{proxy+}",
            prefix_bytes: 5,
            base_path_bytes: 0,
            body: b"",
            is_binary: false,
            trusted: false,
            fills_cache: false,
            with_key: false,
            authorized: None,
            operation_name: None,
            certificate: None,
        }
    }
}

/// The method that an authorizer is asked about.
const ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:abc123/prod/GET/a";

fn get(target: &str, fields: &str) -> Case {
    Case { raw: format!("GET {target} HTTP/1.1\r\nHost: abc.example.com\r\n{fields}\r\n"), ..Case::default() }
}

fn ids() -> RequestIds {
    IdSource::new(1).ids()
}

fn certificate() -> ClientCertificate {
    ClientCertificate {
        pem: "-----BEGIN CERTIFICATE-----".into(),
        subject_dn: "CN=me".into(),
        issuer_dn: "CN=ca".into(),
        serial_number: "7".into(),
        not_before: "May 28 12:30:02 2019 GMT".into(),
        not_after: "Aug  5 09:36:04 2021 GMT".into(),
    }
}

fn stage() -> StagePlan {
    StagePlan {
        region: "us-east-1".into(),
        api_id: "abc123".into(),
        api_name: "pets".into(),
        stage: "prod".into(),
        deployment_id: "d1".into(),
        endpoint_type: None,
        variables: vec![("tier".into(), "gold".into())],
        release: Release::Only,
        method_arn_prefix: "arn:aws:execute-api:us-east-1:123456789012:abc123/prod/".into(),
        routes: Arc::default(),
        methods: Arc::new([]),
        origins: Arc::new([]),
        protections: Arc::new([]),
        rules: Arc::new([]),
        authorizers: Arc::new([]),
        gateway_responses: Arc::default(),
        api_key_source: ApiKeySource::Header,
        signs: false,
        resource_policy: None,
        throttles: None,
        access_log_format: None,
        binary_media_types: BinaryMediaTypes::default(),
        minimum_compression_size: None,
        cache: None,
    }
}

/// The event as JSON; the type of the crate can read it.
#[track_caller]
fn read_as<T: DeserializeOwned>(json: &[u8]) -> Value {
    let read = serde_json::from_slice::<T>(json);
    let text = String::from_utf8_lossy(json);
    assert!(read.is_ok(), "{:?}: {text}", read.err());
    serde_json::from_slice(json).unwrap_or_else(|error| panic!("{error}: {text}"))
}

impl Case {
    fn event(&self) -> Value {
        read_as::<ApiGatewayProxyRequest>(&self.written(|event| event.to_json()))
    }

    /// The event of an authorizer that sees the whole request.
    fn authorizer_event(&self) -> Value {
        read_as::<ApiGatewayCustomAuthorizerRequestTypeRequest>(&self.written(|event| event.to_authorizer(ARN)))
    }

    fn written(&self, write: impl FnOnce(&Event<'_, '_>) -> Vec<u8>) -> Vec<u8> {
        let limits = HeadLimits { target_bytes_max: 4000, header_bytes_max: 8000, header_fields_max: 100 };
        let mut space = FieldSpace::new();
        let head = request(self.raw.as_bytes(), &limits, &mut space).expect("a valid head").expect("a complete head");
        let mut scratch = String::new();
        let target = target::parse(head.target, &mut scratch).expect("a valid target");
        let mut routes = RouteTable::default();
        routes.insert(self.resource, "ANY", MethodIndex(0)).expect("a valid route");
        let path = &target.path[self.prefix_bytes..];
        let (_, parameters) = routes.route(head.method, path).expect("the resource fits");
        let method = MethodPlan {
            http_method: "ANY".into(),
            resource_path: self.resource.into(),
            resource_id: "r1d2c3".into(),
            api_key_required: false,
            authorization: Authorization::None,
            rules: Box::default(),
            validator: None,
            cache: None,
            integration: Integration::Denied(Box::new(Denied { reason: "".into() })),
        };
        let (ids, stage) = (ids(), stage());
        let facts = Facts {
            account_id: "123456789012",
            ids: &ids,
            stage: Some(&stage),
            method: Some(&method),
            http_method: head.method,
            path: target.path,
            base_path_bytes: self.base_path_bytes,
            minor: head.minor,
            source_ip: "192.0.2.1",
            user_agent: head.user_agent.unwrap_or(b""),
            host: target.authority.or(head.host).unwrap_or(""),
            time_ms: 1_795_305_599_042,
            error: None,
            request_parts: None,
            api_key: self.with_key.then_some(ApiKeyFacts { value: b"secret", id: "k1" }),
            authorized: self.authorized.as_ref(),
            client_certificate: self.certificate.as_ref(),
        };
        let address = Cidr { address: "192.0.2.0".parse().expect("an address"), prefix_bits: 24 };
        let trusted_proxies = if self.trusted { vec![address] } else { Vec::new() };
        let settings = ForwardingSettings { trusted_proxies, ..ForwardingSettings::default() };
        let client = Client::new("192.0.2.1".parse().expect("an address"), 8443, true, &settings);
        let inbound = Inbound {
            head: &head,
            target: &target,
            path,
            parameters: &parameters,
            facts: &facts,
            client: &client,
            settings: &settings,
            content_type: head.content_type,
            framing: head.framing,
            body: None,
            fills_cache: self.fills_cache,
        };
        let (body, is_binary) = (self.body, self.is_binary);
        let event =
            Event { inbound: &inbound, body, is_binary, trace_id: b"Root=1-2-3", operation_name: self.operation_name };
        write(&event)
    }

    /// Checks members by their pointers; `null` also where there is none.
    #[track_caller]
    fn check(&self, expected: &[(&str, Value)]) {
        let event = self.event();
        for (pointer, expected) in expected {
            assert_eq!(event.pointer(pointer).unwrap_or(&Value::Null), expected, "{pointer} of {event:#}");
        }
    }
}

/// A recording of the service, `test_lambda_aws_proxy_integration` of LocalStack, has exactly these members.
#[test]
fn an_event_has_the_members_that_the_service_gives_it() {
    let case = get("/prod/test-path", "Accept: */*\r\nUser-Agent: curl/8\r\n");
    let id = String::from_utf8_lossy(ids().request()).into_owned();
    let extended = String::from_utf8_lossy(ids().extended()).into_owned();
    let single = json!({
        "Host": "abc.example.com", "Accept": "*/*", "User-Agent": "curl/8", "X-Amzn-Trace-Id": "Root=1-2-3",
        "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Port": "8443", "X-Forwarded-Proto": "https",
    });
    let multi: serde_json::Map<String, Value> =
        single.as_object().expect("an object").iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
    let expected = json!({
        "resource": "/{proxy+}",
        "path": "/test-path",
        "httpMethod": "GET",
        "headers": single,
        "multiValueHeaders": multi,
        "queryStringParameters": null,
        "multiValueQueryStringParameters": null,
        "pathParameters": { "proxy": "test-path" },
        "stageVariables": { "tier": "gold" },
        "requestContext": {
            "resourceId": "r1d2c3", "resourcePath": "/{proxy+}", "httpMethod": "GET", "extendedRequestId": extended,
            "requestTime": "21/Nov/2026:23:59:59 +0000", "path": "/prod/test-path", "accountId": "123456789012",
            "protocol": "HTTP/1.1", "stage": "prod", "domainPrefix": "abc", "requestTimeEpoch": 1_795_305_599_042u64,
            "requestId": id, "domainName": "abc.example.com", "deploymentId": "d1", "apiId": "abc123",
            "identity": {
                "cognitoIdentityPoolId": null, "accountId": null, "cognitoIdentityId": null, "caller": null,
                "sourceIp": "192.0.2.1", "principalOrgId": null, "accessKey": null, "cognitoAuthenticationType": null,
                "cognitoAuthenticationProvider": null, "userArn": null, "userAgent": "curl/8", "user": null,
            },
        },
        "body": null,
        "isBase64Encoded": false,
    });
    assert_eq!(case.event(), expected);
}

fn fixture(name: &str) -> Value {
    let path = format!("tests/events/example-apigw-{name}.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).expect("JSON")
}

/// The paths of all members that a recorded event has, but for those that requests bring with them.
fn members(value: &Value, at: &str, found: &mut Vec<String>) {
    let brought = ["/headers", "/multiValueHeaders", "/queryStringParameters", "/multiValueQueryStringParameters"];
    let made = ["/pathParameters", "/stageVariables", "/requestContext/authorizer"];
    let Value::Object(object) = value else { return };
    for (name, value) in object {
        let at = format!("{at}/{name}");
        if !brought.contains(&at.as_str()) && !made.contains(&at.as_str()) {
            members(value, &at, found);
        }
        found.push(at);
    }
}

/// A request that has everything.
fn full() -> Case {
    let identity = Identity { principal_id: Some("me".into()), ..Identity::default() };
    Case {
        with_key: true,
        operation_name: Some("Op"),
        authorized: Some(Authorized { identity: Rc::new(identity), ..Authorized::default() }),
        certificate: Some(certificate()),
        ..get("/prod/a?q=1", "")
    }
}

#[test]
fn the_crates_own_fixtures_have_no_other_members() {
    let of_functions = [
        "request",
        "request-catch-all",
        "request-multi-value-parameters",
        "console-request",
        "console-test-request",
        "restapi-openapi-request",
        "sam-rest-request",
    ];
    let of_authorizers = ["custom-auth-request-type-request"];
    let (event, asked) = (full().event(), full().authorizer_event());
    let all = of_functions.map(|name| (name, &event)).into_iter().chain(of_authorizers.map(|name| (name, &asked)));
    for (name, event) in all {
        let mut expected = Vec::new();
        members(&fixture(name), "", &mut expected);
        assert!(expected.len() > 15, "{name} has {expected:?}");
        // Two that the crate's authors made up, and one that only SAM's emulator has.
        let odd = ["/otherField", "/requestContext/identity/otherField", "/version"];
        for member in expected.into_iter().filter(|member| !odd.contains(&member.as_str())) {
            assert!(event.pointer(&member).is_some(), "{name} has {member}, and we have not: {event:#}");
        }
    }
}

/// The guide's example, which the crate has as well, has `{}` where an event for a function has `null`.
#[test]
fn an_authorizer_sees_all_but_the_body() {
    let body = b"secret";
    let case = Case { body, resource: "/a", ..get("/prod/a", "X-A: 1\r\nX-A: 2\r\n") };
    let mut expected = case.event();
    let members = expected.as_object_mut().expect("an object");
    assert_eq!(members.remove("body"), Some(json!("secret")));
    assert_eq!(members.remove("isBase64Encoded"), Some(json!(false)));
    for name in ["queryStringParameters", "multiValueQueryStringParameters", "pathParameters"] {
        assert_eq!(members.insert(name.to_owned(), json!({})), Some(Value::Null), "{name}");
    }
    members.extend([("type".to_owned(), json!("REQUEST")), ("methodArn".to_owned(), json!(ARN))]);
    assert_eq!(case.authorizer_event(), expected);

    let event = get("/prod/a?q=1&q=2", "").authorizer_event();
    assert_eq!(event["multiValueQueryStringParameters"], json!({ "q": ["1", "2"] }));
    assert_eq!(event["pathParameters"], json!({ "proxy": "a" }));
    assert_eq!(fixture("custom-auth-request-type-request")["pathParameters"], json!({}));
}

#[test]
fn paths_stay_as_they_came() {
    let check = |target: &str, path: &str, proxy: &str| {
        get(target, "").check(&[
            ("/path", json!(path)),
            ("/pathParameters/proxy", json!(proxy)),
            ("/requestContext/path", json!(format!("/prod{path}"))),
        ]);
    };
    check("/prod/test-path/", "/test-path/", "test-path");
    check(
        "/prod/user/test%2Balias@gmail.com/plus/test+alias",
        "/user/test%2Balias@gmail.com/plus/test+alias",
        "user/test%2Balias@gmail.com/plus/test+alias",
    );
    check("/prod/a%20b/%C3%A9?x=1", "/a%20b/%C3%A9", "a%20b/%C3%A9");
    let case = Case { resource: "/pets/{id}/{part}", ..get("/prod/pets/7%2F8/x", "") };
    case.check(&[
        ("/pathParameters", json!({ "id": "7%2F8", "part": "x" })),
        ("/resource", json!("/pets/{id}/{part}")),
    ]);
    let case = Case { resource: "/a", ..Case::default() };
    case.check(&[("/pathParameters", Value::Null)]);
    let case = Case { resource: "/", ..get("/prod", "") };
    case.check(&[("/path", json!("/")), ("/requestContext/path", json!("/prod"))]);
    let case = Case { prefix_bytes: 5, base_path_bytes: 4, ..get("/base/a", "") };
    case.check(&[
        ("/path", json!("/base/a")),
        ("/requestContext/path", json!("/base/a")),
        ("/pathParameters/proxy", json!("a")),
    ]);
    let case = Case { prefix_bytes: 0, ..get("/a/b", "") };
    case.check(&[("/path", json!("/a/b")), ("/requestContext/path", json!("/a/b"))]);
}

#[test]
fn queries_are_decoded() {
    let check = |query: &str, single: Value, multi: Value| {
        get(&format!("/prod/a?{query}"), "")
            .check(&[("/queryStringParameters", single), ("/multiValueQueryStringParameters", multi)]);
    };
    check("a=1&b=2&a=3", json!({ "a": "3", "b": "2" }), json!({ "a": ["1", "3"], "b": ["2"] }));
    let encoded = "dateTimeOffset=2023-06-12T18:05:10.123456+00:00&email=test%2Balias@gmail.com&plus=test+alias";
    let single = json!({
        "dateTimeOffset": "2023-06-12T18:05:10.123456 00:00", "email": "test+alias@gmail.com", "plus": "test alias",
    });
    get(&format!("/prod/a?{encoded}"), "").check(&[("/queryStringParameters", single)]);
    check("a", json!({ "a": "" }), json!({ "a": [""] }));
    check("a=&%61=x%22%0A", json!({ "a": "x\"\n" }), json!({ "a": ["", "x\"\n"] }));
    check("=x", json!({ "": "x" }), json!({ "": ["x"] }));
    check("a=%FF", json!({ "a": "\u{fffd}" }), json!({ "a": ["\u{fffd}"] }));
    check("", Value::Null, Value::Null);
    check("&&", Value::Null, Value::Null);
}

#[test]
fn headers_are_those_that_are_meant_for_the_function() {
    let case = get("/prod/a", "tEsT-HEADeR: aValUE\r\nX-A: 1\r\nx-a: 2\r\nX-B: \"q\"\\\r\n");
    case.check(&[
        ("/headers/tEsT-HEADeR", json!("aValUE")),
        ("/headers/X-A", json!("2")),
        ("/headers/x-a", Value::Null),
        ("/multiValueHeaders/X-A", json!(["1", "2"])),
        ("/headers/X-B", json!("\"q\"\\")),
    ]);
    let hop = "Connection: X-Secret, keep-alive\r\nX-Secret: 1\r\nTE: gzip\r\nUpgrade: h2c\r\nKeep-Alive: 5\r\nTrailer: x\r\n\
               x-amzn-RequestId: spoof\r\nX-Amzn-Remapped-Host: spoof\r\nX_Forwarded_For: spoof\r\n";
    let names: Vec<String> =
        get("/prod/a", hop).event()["headers"].as_object().expect("an object").keys().cloned().collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["Host", "X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"]);
    let post = Case { raw: "POST /prod/a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\n\r\n".to_owned(), body: b"hi", ..Case::default() };
    post.check(&[
        ("/headers/Content-Length", Value::Null),
        ("/headers/Expect", Value::Null),
        ("/headers/Content-Type", json!("text/plain")),
        ("/body", json!("hi")),
    ]);
    get("/prod/a", "X-Amzn-Trace-Id: Root=1-a\r\n")
        .check(&[("/multiValueHeaders/X-Amzn-Trace-Id", json!(["Root=1-a"]))]);
    let absolute = Case {
        raw: "GET http://real.example.com/prod/a HTTP/1.1\r\nHost: real.example.com\r\n\r\n".to_owned(),
        ..Case::default()
    };
    absolute.check(&[
        ("/headers/Host", json!("real.example.com")),
        ("/requestContext/domainName", json!("real.example.com")),
    ]);
    let conditional = "If-None-Match: \"x\"\r\nRange: bytes=0-1\r\nAccept-Encoding: gzip\r\n";
    let filling = Case { fills_cache: true, ..get("/prod/a", conditional) };
    filling.check(&[("/headers/If-None-Match", Value::Null), ("/headers/Range", Value::Null)]);
    get("/prod/a", conditional)
        .check(&[("/headers/If-None-Match", json!("\"x\"")), ("/headers/Accept-Encoding", json!("gzip"))]);
}

#[test]
fn a_field_that_is_not_utf_8_is_latin_1() {
    let case = get("/prod/a", "");
    let mut raw = case.raw.into_bytes();
    let end = raw.len() - 2;
    raw.splice(end..end, b"X-A: caf\xe9\r\nX-B: caf\xc3\xa9\r\n".iter().copied());
    // The text is for the event's writer alone, which takes bytes.
    let limits = HeadLimits { target_bytes_max: 400, header_bytes_max: 800, header_fields_max: 10 };
    let mut space = FieldSpace::new();
    let head = request(&raw, &limits, &mut space).expect("a valid head").expect("a complete head");
    let mut out = Vec::new();
    for field in head.fields.iter().filter(|field| field.name.starts_with("X-")) {
        field_value(field.value, &mut out);
    }
    assert_eq!(String::from_utf8_lossy(&out), "\"caf\u{e9}\"\"caf\u{e9}\"");
}

#[test]
fn what_clients_say_of_others_counts_where_they_are_trusted() {
    let fields =
        "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: other\r\nForwarded: for=6\r\n";
    get("/prod/a", fields).check(&[
        ("/headers/X-Forwarded-For", json!("192.0.2.1")),
        ("/headers/X-Forwarded-Proto", json!("https")),
        ("/headers/X-Forwarded-Host", Value::Null),
        ("/headers/Forwarded", Value::Null),
    ]);
    Case { trusted: true, ..get("/prod/a", fields) }.check(&[
        ("/headers/X-Forwarded-For", json!("203.0.113.9, 192.0.2.1")),
        ("/multiValueHeaders/X-Forwarded-Proto", json!(["http"])),
        ("/headers/X-Forwarded-Port", json!("8443")),
        ("/headers/X-Forwarded-Host", json!("other")),
    ]);
}

#[test]
fn bodies_are_text_or_base64() {
    let check = |body: &'static [u8], is_binary, expected: Value, encoded: bool| {
        let raw = "POST /prod/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n".to_owned();
        let case = Case { raw, body, is_binary, ..Case::default() };
        case.check(&[("/body", expected), ("/isBase64Encoded", json!(encoded))]);
    };
    check(b"{\"a\": \"\\u0000\r\n\t\"}", false, json!("{\"a\": \"\\u0000\r\n\t\"}"), false);
    check(
        "h\u{e9} \u{1F600} \u{0} \u{1f} \u{7f}".as_bytes(),
        false,
        json!("h\u{e9} \u{1F600} \u{0} \u{1f} \u{7f}"),
        false,
    );
    check(b"\xff\xfe", false, json!("\u{fffd}\u{fffd}"), false);
    check(b"\xff\xfe\x00\x01", true, json!("//4AAQ=="), true);
    check(b"abc", true, json!("YWJj"), true);
    check(b"", false, Value::Null, false);
    check(b"", true, Value::Null, false);
}

#[test]
fn authorizers_have_their_say() {
    let authorized = |identity: Identity, integration_latency_ms| {
        Some(Authorized {
            identity: Rc::new(identity),
            latency_ms: 9,
            integration_latency_ms,
            status: Some(200),
            ..Authorized::default()
        })
    };
    let pair = |name: &str, value: &str| (Box::<str>::from(name), Box::<str>::from(value));
    let lambda = Identity {
        principal_id: Some("me".into()),
        context: vec![pair("tier", "gold"), pair("count", "7"), pair("quote", "\"")],
        ..Identity::default()
    };
    Case { authorized: authorized(lambda, Some(12)), ..Case::default() }.check(&[(
        "/requestContext/authorizer",
        json!({ "tier": "gold", "count": "7", "quote": "\"", "principalId": "me", "integrationLatency": 12 }),
    )]);
    let claims = vec![pair("sub", "s1"), pair("groups", "[\"a\"]")];
    let claims = Identity { principal_id: Some("s1".into()), claims, ..Identity::default() };
    Case { authorized: authorized(claims, None), ..Case::default() }
        .check(&[("/requestContext/authorizer", json!({ "claims": { "sub": "s1", "groups": "[\"a\"]" } }))]);
    let iam = IamIdentity {
        access_key: "AK".into(),
        account_id: "210987654321".into(),
        caller: "AIDA".into(),
        user_arn: "arn:aws:iam::210987654321:user/me".into(),
        role_arn: None,
    };
    let signed = Identity { iam: Some(Box::new(iam)), ..Identity::default() };
    Case { authorized: authorized(signed, None), ..Case::default() }.check(&[
        ("/requestContext/authorizer", Value::Null),
        ("/requestContext/identity/accessKey", json!("AK")),
        ("/requestContext/identity/accountId", json!("210987654321")),
        ("/requestContext/identity/caller", json!("AIDA")),
        ("/requestContext/identity/user", json!("AIDA")),
        ("/requestContext/identity/userArn", json!("arn:aws:iam::210987654321:user/me")),
    ]);
    Case { with_key: true, ..Case::default() }.check(&[
        ("/requestContext/identity/apiKey", json!("secret")),
        ("/requestContext/identity/apiKeyId", json!("k1")),
    ]);
    Case { certificate: Some(certificate()), ..Case::default() }.check(&[(
        "/requestContext/identity/clientCert",
        json!({
            "clientCertPem": "-----BEGIN CERTIFICATE-----", "subjectDN": "CN=me", "issuerDN": "CN=ca", "serialNumber": "7",
            "validity": { "notBefore": "May 28 12:30:02 2019 GMT", "notAfter": "Aug  5 09:36:04 2021 GMT" },
        }),
    )]);
    Case { operation_name: Some("ListPets"), ..Case::default() }
        .check(&[("/requestContext/operationName", json!("ListPets"))]);
}

/// Few are compared, many are hashed: to the same end.
#[test]
fn things_of_one_name_come_together() {
    for count in [0, 1, FEW, FEW + 1, 5_000] {
        let names: Vec<String> = (0..count).map(|at| (at * 5 % 7).to_string()).collect();
        let groups = grouped(count, |at| names[at].as_bytes());
        assert_eq!(groups.len(), count.min(7));
        for (position, group) in groups.iter().enumerate() {
            let same: Vec<usize> = (0..count).filter(|at| names[*at] == names[position]).collect();
            assert_eq!(*group, same, "{count}");
        }
    }
}

#[test]
fn what_json_escapes_is_found_wherever_it_stands() {
    for length in 0..40 {
        for other in [b'a', 0x7f, 0x80, 0xff, b' ', b'!', b'#', b'[', b']'] {
            let mut text = vec![other; length];
            assert_eq!(first_escaped(&text), None, "{other}");
            for at in (0..length).rev() {
                for byte in [0, 1, 0x1f, b'"', b'\\'] {
                    text[at] = byte;
                    assert_eq!(first_escaped(&text), Some(at), "{byte} at {at} of {length}");
                }
            }
        }
    }
}
