//! What of a request reaches the backend, and what of its answer the client.

use serde_json::{Value, json};

use crate::harness::{Api, Backend, Driver, Gateway, Message, http_proxy};

on_both_drivers! {
    a_request_is_rebuilt,
    fields_of_one_hop_stay_behind,
    what_a_client_says_of_its_address_is_replaced,
    trusted_proxies_are_appended_to,
    an_absolute_target_rules_over_host,
    clients_with_ipv6,
    twins_are_refused,
    twins_are_dropped_on_demand,
    via_can_be_named_and_turned_off,
    parameters_are_mapped,
    an_answer_is_rebuilt,
}

fn proxy_to(backend: &Backend) -> Value {
    http_proxy(format!("{}/{{proxy}}", backend.url()))
}

fn proxy(backend: &Backend) -> Api {
    Api::new().route("ANY /{proxy+}", proxy_to(backend))
}

/// The fields that a backend got, but for those that every request has.
fn sent(request: &Message) -> Vec<String> {
    let own = ["host", "via", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-host"];
    let own = |name: &str| {
        let name = name.to_ascii_lowercase();
        own.contains(&name.as_str()) || name.starts_with("x-amzn-apigateway-")
    };
    let fields = request.fields.iter().filter(|(name, _)| !own(name));
    fields.map(|(name, value)| format!("{name}: {value}")).collect()
}

fn a_request_is_rebuilt(driver: Driver) {
    let backend = Backend::named();
    let gateway = Gateway::with(&proxy(&backend)).driver(driver).start();
    let answer = gateway.exchange("POST /a?b=c HTTP/1.1\r\nhost: gw.test:99\r\nX-A:  1\t\r\nx-a: 2\r\nCookie: c=d\r\nContent-Length: 3\r\n\r\nxyz");
    assert_eq!(answer.status(), 200);
    let port = gateway.address().port();
    let expected = format!(
        "POST /a?b=c HTTP/1.1\r\nHost: {}\r\nX-A: 1\r\nx-a: 2\r\nCookie: c=d\r\n\
         X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: {port}\r\n\
         X-Forwarded-Host: gw.test:99\r\nVia: 1.1 tollgate\r\nx-amzn-apigateway-api-id: api1\r\n\
         Content-Length: 3\r\n\r\n",
        backend.address
    );
    assert_eq!((backend.last().head, backend.last().text()), (expected, "xyz"));
}

fn fields_of_one_hop_stay_behind(driver: Driver) {
    let backend = Backend::named();
    let gateway = Gateway::with(&proxy(&backend)).driver(driver).start();
    let client = &mut gateway.connect();
    let mut check = |fields: &str, expected: &[&str]| {
        let answer = client.exchange(format!("GET /a HTTP/1.1\r\nHost: gw.test\r\n{fields}\r\n"));
        assert_eq!(answer.status(), 200, "{fields}");
        assert_eq!(sent(&backend.last()), expected, "{fields}");
    };
    check("Accept: */*\r\nUser-Agent: t\r\n", &["Accept: */*", "User-Agent: t"]);
    check("Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nX-Stay: 2\r\n", &["X-Stay: 2"]);
    check("Connection: x-a\r\nConnection: X-B , ,x-c\r\nX-A: 1\r\nx-b: 2\r\nX-C: 3\r\nX-D: 4\r\n", &["X-D: 4"]);
    check("Keep-Alive: 5\r\nProxy-Connection: a\r\nProxy-Authorization: b\r\nTE: trailers\r\nTrailer: X\r\n", &[]);
    check("Upgrade: websocket\r\nConnection: upgrade\r\nHTTP2-Settings: AAA\r\n", &[]);
    // Naming them does not take away what the gateway itself says.
    check("Connection: host, x-forwarded-for, via, content-length\r\n", &[]);
    assert_eq!(backend.last().field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(backend.last().field("host"), Some(backend.address.to_string().as_str()));
    check("x-amzn-RequestId: mine\r\nX-Amzn-Apigateway-Api-Id: other\r\nX-Amzn-Remapped-Host: evil\r\n", &[]);
    assert_eq!(backend.last().field("x-amzn-apigateway-api-id"), Some("api1"));
}

fn what_a_client_says_of_its_address_is_replaced(driver: Driver) {
    let backend = Backend::named();
    let gateway = Gateway::with(&proxy(&backend)).driver(driver).start();
    gateway.exchange(
        "GET /a HTTP/1.1\r\nHost: gw.test\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-Port: 443\r\nX-Forwarded-Host: evil\r\nForwarded: for=6.6.6.6\r\n\r\n",
    );
    let request = backend.last();
    assert_eq!(request.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.field("x-forwarded-proto"), Some("http"));
    assert_eq!(request.field("x-forwarded-port"), Some(gateway.address().port().to_string().as_str()));
    assert_eq!(request.field("x-forwarded-host"), Some("gw.test"));
    assert!(!request.has("forwarded"), "{}", request.head);
    assert_eq!(gateway.log(1)[0]["sourceIp"], "127.0.0.1");
}

fn trusted_proxies_are_appended_to(driver: Driver) {
    let backend = Backend::named();
    let start = Gateway::with(&proxy(&backend)).driver(driver);
    let start = start.set("forwarding.trusted_proxies", "127.0.0.0/8,10.0.0.0/8");
    let gateway = start.set("forwarding.forwarded_header", true).start();
    gateway.exchange(
        "GET /a HTTP/1.1\r\nHost: gw.test\r\nX-Forwarded-For: 6.6.6.6, 203.0.113.9\r\nX-Forwarded-For: 10.1.1.1\r\n\
         X-Forwarded-Proto: https\r\nForwarded: for=203.0.113.9\r\n\r\n",
    );
    let request = backend.last();
    assert_eq!(request.field("x-forwarded-for"), Some("6.6.6.6, 203.0.113.9, 10.1.1.1, 127.0.0.1"));
    assert_eq!(request.field("x-forwarded-proto"), Some("https"));
    assert_eq!(request.field("x-forwarded-host"), Some("gw.test"));
    let forwarded: Vec<_> = request.values("forwarded").collect();
    assert_eq!(forwarded, ["for=203.0.113.9", "for=127.0.0.1;host=\"gw.test\";proto=http"]);
    gateway.exchange("GET /a HTTP/1.1\r\nHost: gw.test\r\nX-Forwarded-For: not an address\r\n\r\n");
    let log = gateway.log(2);
    assert_eq!(log[0]["sourceIp"], "203.0.113.9", "the nearest that is no trusted proxy");
    assert_eq!(log[1]["sourceIp"], "127.0.0.1");
}

/// Whatever a client writes into `Host`: the backend is told of the host that selected the API. (RFC 9112, 3.2.2.)
fn an_absolute_target_rules_over_host(driver: Driver) {
    let backend = Backend::named();
    let gateway = Gateway::with(&proxy(&backend)).driver(driver).set("forwarding.forwarded_header", true).start();
    gateway.exchange("GET http://gw.test:80/a HTTP/1.1\r\nHost: other.test\r\n\r\n");
    let request = backend.last();
    assert_eq!((request.target(), request.field("x-forwarded-host")), ("/a", Some("gw.test:80")));
    assert_eq!(request.field("forwarded"), Some("for=127.0.0.1;host=\"gw.test:80\";proto=http"));
    assert_eq!(gateway.log(1)[0]["domainName"], "gw.test:80");
}

fn clients_with_ipv6(driver: Driver) {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return eprintln!("skipped: this machine has no IPv6");
    }
    let backend = Backend::named();
    let start = Gateway::with(&proxy(&backend)).driver(driver).set("forwarding.forwarded_header", true);
    let gateway = start.without_flag("--listen").arg("--listen").arg("[::1]:0").start();
    gateway.exchange("GET /a HTTP/1.1\r\nHost: [::1]:80\r\n\r\n");
    let request = backend.last();
    assert_eq!(request.field("x-forwarded-for"), Some("::1"));
    assert_eq!(request.field("forwarded"), Some("for=\"[::1]\";host=\"[::1]:80\";proto=http"));
    assert_eq!(gateway.log(1)[0]["sourceIp"], "::1");
}

const TWINS: [&str; 6] = [
    "X_Forwarded_For: 6.6.6.6",
    "x-forwarded_proto: https",
    "Content_Length: 5",
    "Transfer_Encoding: chunked",
    "X.Forwarded.Host: evil",
    "X_Tenant: other",
];

fn with_tenant(backend: &Backend) -> Api {
    let mut integration = proxy_to(backend);
    integration["requestParameters"]["integration.request.header.X-Tenant"] = json!("'ours'");
    Api::new().route("ANY /{proxy+}", integration)
}

fn twins_are_refused(driver: Driver) {
    let backend = Backend::named();
    let gateway = Gateway::with(&with_tenant(&backend)).driver(driver).start();
    for twin in TWINS {
        let answer = gateway.exchange(format!("GET /a HTTP/1.1\r\nHost: gw.test\r\n{twin}\r\n\r\n"));
        assert_eq!(answer.status(), 400, "{twin}");
    }
    assert_eq!(backend.connections(), 0);
    gateway.exchange("GET /a HTTP/1.1\r\nHost: gw.test\r\nmy_own: 1\r\nX-Tenant: other\r\n\r\n");
    assert_eq!(sent(&backend.last()), ["my_own: 1", "x-tenant: ours"]);
}

fn twins_are_dropped_on_demand(driver: Driver) {
    let backend = Backend::named();
    let start = Gateway::with(&with_tenant(&backend)).driver(driver);
    let gateway = start.set("forwarding.underscore_twins", "drop").start();
    for twin in TWINS {
        let answer = gateway.exchange(format!("GET /a HTTP/1.1\r\nHost: gw.test\r\n{twin}\r\n\r\n"));
        assert_eq!(answer.status(), 200, "{twin}");
        assert_eq!(sent(&backend.last()), ["x-tenant: ours"], "{twin}");
    }
}

fn via_can_be_named_and_turned_off(driver: Driver) {
    let backend = Backend::named();
    let gateway = Gateway::with(&proxy(&backend)).driver(driver).set("forwarding.via_name", "edge-7").start();
    gateway.exchange("GET /a HTTP/1.1\r\nHost: gw.test\r\nVia: 1.0 first\r\n\r\n");
    assert_eq!(backend.last().values("via").collect::<Vec<_>>(), ["1.0 first", "1.1 edge-7"]);
    gateway.exchange("GET /a HTTP/1.0\r\n\r\n");
    assert_eq!(backend.last().field("via"), Some("1.0 edge-7"));
    let gateway = Gateway::with(&proxy(&backend)).driver(driver).set("forwarding.via", false).start();
    gateway.get("/a");
    assert!(!backend.last().has("via"));
}

fn parameters_are_mapped(driver: Driver) {
    let backend = Backend::named();
    let mut integration = http_proxy(format!("{}/v1/{{id}}?fixed=1", backend.url()));
    integration["httpMethod"] = json!("PUT");
    for (to, from) in [
        ("path.id", "method.request.path.petId"),
        ("querystring.q", "method.request.querystring.query"),
        ("querystring.absent", "method.request.querystring.none"),
        ("header.X-From-Header", "method.request.header.X-In"),
        ("header.X-From-Query", "method.request.querystring.query"),
        ("header.X-From-Path", "method.request.path.petId"),
        ("header.X-Static", "'text'"),
        ("header.X-Variable", "stageVariables.colour"),
        ("header.X-Id", "context.requestId"),
        ("header.X-Stage", "context.stage"),
        ("header.X-Absent", "method.request.header.None"),
        ("header.Host", "'backend.internal'"),
    ] {
        integration["requestParameters"][format!("integration.request.{to}")] = json!(from);
    }
    let api = Api::new().route("POST /pets/{petId}", integration);
    let gateway = Gateway::with(&api).driver(driver).arg("--stage-variable").arg("colour=blue").start();
    let answer = gateway.exchange(
        "POST /pets/a%20b?query=x%26y&q=mine&other=z HTTP/1.1\r\nHost: gw.test\r\nX-In: in\r\nx-static: spoofed\r\n\
         Content-Length: 2\r\n\r\nok",
    );
    let request = backend.last();
    assert_eq!(request.start, "PUT /v1/a%20b?fixed=1&query=x%26y&other=z&q=x%26y HTTP/1.1");
    let id = answer.field("x-amzn-requestid").expect("every answer has an id");
    for (name, value) in [
        ("x-from-header", "in"),
        ("x-from-query", "x&y"),
        ("x-from-path", "a b"),
        ("x-static", "text"),
        ("x-variable", "blue"),
        ("x-id", id),
        ("x-stage", "default"),
        ("host", "backend.internal"),
    ] {
        assert_eq!(request.field(name), Some(value), "{}", request.head);
    }
    assert!(!request.has("x-absent"));
    // A value that would leave its place is refused.
    let answer = gateway.exchange("POST /pets/1?query=a%0d%0aX:%20y HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    let expected = (400, r#"{"message":"Invalid request parameters"}"#, Some("BadRequestException"));
    assert_eq!((answer.status(), answer.text(), answer.field("x-amzn-errortype")), expected);
    assert_eq!(backend.requests().len(), 1);
}

fn an_answer_is_rebuilt(driver: Driver) {
    let backend = Backend::answering(
        "HTTP/1.1 418 I'm a teapot\r\nContent-Type: a/b\r\nX-Hop: 1\r\nConnection: X-Hop\r\nKeep-Alive: timeout=5\r\n\
         Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nProxy-Authenticate: x\r\nUpgrade: h2c\r\nX-Amzn-RequestId: theirs\r\n\
         X-Bytes: caf\u{e9}\r\nServer: them\r\nDate: then\r\nx-amzn-Remapped-Date: forged\r\n\
         Content-Length: 3\r\n\r\ntea",
    );
    let gateway = Gateway::with(&proxy(&backend)).driver(driver).start();
    let answer = gateway.get("/a");
    assert_eq!((answer.status(), answer.text()), (418, "tea"));
    assert_eq!(answer.values("set-cookie").collect::<Vec<_>>(), ["a=1", "b=2"]);
    for (name, value) in [("server", "them"), ("date", "then"), ("connection", "X-Hop"), ("content-length", "3")] {
        let values: Vec<_> = answer.values(&format!("x-amzn-remapped-{name}")).collect();
        assert_eq!(values, [value], "{name}");
    }
    assert_ne!(answer.field("date"), Some("then"));
    assert_eq!(answer.field("x-bytes"), Some("caf\u{e9}"));
    assert!(answer.has("date"));
    for name in ["x-hop", "keep-alive", "proxy-authenticate", "upgrade", "connection", "server"] {
        assert!(!answer.has(name), "{name} in\n{}", answer.head);
    }
    assert_ne!(answer.field("x-amzn-requestid"), Some("theirs"));
}
