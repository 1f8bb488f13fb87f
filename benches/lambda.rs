//! What a function costs the gateway itself: `cargo bench --bench lambda`.
//!
//! The figure to keep: the event of a request of a browser in less than 10 µs, and the answer of a function in less than 5 µs,
//! both without the optimization across crates that a release has; together they are a twentieth of the 0.3 ms that a
//! function behind the gateway may take longer than without it.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use tollgate::data_plane::context::{Facts, IdSource};
use tollgate::data_plane::forwarding::{Client, Inbound};
use tollgate::data_plane::integrate::lambda::answer::ProxyAnswer;
use tollgate::data_plane::integrate::lambda::event::Event;
use tollgate::data_plane::settings::ForwardingSettings;
use tollgate::http::head::{FieldSpace, HeadLimits, request};
use tollgate::http::target;
use tollgate::plan::authorizer::Authorization;
use tollgate::plan::content::BinaryMediaTypes;
use tollgate::plan::integration::{Denied, Integration};
use tollgate::plan::release::Release;
use tollgate::plan::route::RouteTable;
use tollgate::plan::{ApiKeySource, MethodIndex, MethodPlan, StagePlan};

/// As a browser sends it.
const REQUEST: &str = "POST /prod/orders/7f3a/lines?page=2&size=50&filter=open%20only HTTP/1.1\r\n\
    Host: abc123.execute-api.eu-west-1.amazonaws.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36\r\n\
    Accept: application/json, text/plain, */*\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en-GB,en;q=0.9\r\n\
    Authorization: Bearer eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiIxMjM0NTY3ODkwIiwiaWF0IjoxNTE2MjM5MDIyfQ.c2lnbmF0dXJl\r\n\
    Cookie: session=1f0c3bb4-6a1c-4ccb-93f5-ab61a1a9a7a7; theme=dark\r\nOrigin: https://shop.example.com\r\n\
    Referer: https://shop.example.com/orders\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: cross-site\r\n\
    Content-Type: application/json\r\nContent-Length: 1024\r\n\r\n";

fn stage() -> StagePlan {
    StagePlan {
        region: "eu-west-1".into(),
        api_id: "abc123".into(),
        api_name: "orders".into(),
        stage: "prod".into(),
        deployment_id: "d1e2f3".into(),
        endpoint_type: Some("REGIONAL"),
        variables: vec![("table".into(), "orders-prod".into())],
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

fn method() -> MethodPlan {
    MethodPlan {
        http_method: "ANY".into(),
        resource_path: "/orders/{id}/{proxy+}".into(),
        resource_id: "r1d2c3".into(),
        api_key_required: false,
        authorization: Authorization::None,
        rules: Box::default(),
        validator: None,
        cache: None,
        integration: Integration::Denied(Box::new(Denied { reason: "".into() })),
    }
}

fn events(criterion: &mut Criterion) {
    let limits = HeadLimits { target_bytes_max: 4096, header_bytes_max: 8192, header_fields_max: 100 };
    let mut space = FieldSpace::new();
    let head = request(REQUEST.as_bytes(), &limits, &mut space).expect("a valid head").expect("a complete head");
    let mut scratch = String::new();
    let target = target::parse(head.target, &mut scratch).expect("a valid target");
    let (stage, method, ids) = (stage(), method(), IdSource::new(1).ids());
    let mut routes = RouteTable::default();
    routes.insert(&method.resource_path, "ANY", MethodIndex(0)).expect("a valid route");
    let path = &target.path[5..];
    let (_, parameters) = routes.route(head.method, path).expect("it fits");
    let facts = Facts {
        account_id: "123456789012",
        ids: &ids,
        stage: Some(&stage),
        method: Some(&method),
        http_method: head.method,
        path: target.path,
        base_path_bytes: 0,
        minor: 1,
        source_ip: "192.0.2.1",
        user_agent: head.user_agent.unwrap_or(b""),
        host: head.host.unwrap_or(""),
        time_ms: 1_795_305_599_042,
        error: None,
        request_parts: None,
        api_key: None,
        authorized: None,
        client_certificate: None,
    };
    let settings = ForwardingSettings::default();
    let client = Client::new("192.0.2.1".parse().expect("an address"), 443, true, &settings);
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
        fills_cache: false,
    };
    let text = r#"{"sku": "A-1001", "quantity": 2},"#.repeat(31);
    let event = |body, is_binary| Event {
        inbound: &inbound,
        body,
        is_binary,
        trace_id: b"Root=1-67891233-abcdef012345678912345678",
        operation_name: None,
    };
    criterion.bench_function("event, 1 KB of text", |bencher| {
        bencher.iter(|| black_box(event(black_box(text.as_bytes()), false).to_json()));
    });
    criterion.bench_function("event, 1 KB of binary data", |bencher| {
        bencher.iter(|| black_box(event(black_box(text.as_bytes()), true).to_json()));
    });
}

fn answers(criterion: &mut Criterion) {
    let body = serde_json::to_string(&r#"{"sku": "A-1001", "quantity": 2},"#.repeat(31)).expect("a text is JSON");
    let answer = format!(
        r#"{{"statusCode":200,"headers":{{"Content-Type":"application/json","Cache-Control":"no-store","X-Request-Id":"7f3a"}},
           "multiValueHeaders":{{"Set-Cookie":["a=1; Path=/","b=2; Path=/"]}},"body":{body},"isBase64Encoded":false}}"#
    );
    let mut out = Vec::with_capacity(4096);
    criterion.bench_function("answer, 1 KB", |bencher| {
        bencher.iter(|| {
            out.clear();
            let parsed = ProxyAnswer::parse(black_box(answer.as_bytes())).expect("a sound answer");
            parsed.write_headers(&mut out);
            black_box((&parsed.body, out.len()));
        });
    });
}

criterion_group!(benches, events, answers);
criterion_main!(benches);
