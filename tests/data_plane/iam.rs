//! `AWS_IAM`: requests that are signed, by whom, and what their policies let them do. Before a signature has been proved,
//! with the body where it covers one, nobody else learns of the request.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use tollgate::sign::{self, Credentials, PathStyle, Request, Scope, Timestamp};

use crate::harness::function::{Invoked, functions, lambda};
use crate::harness::gateway::Start;
use crate::harness::{Api, Backend, Driver, Gateway, Message, http, http_proxy, mock};

on_both_drivers! {
    who_signed_may_call,
    whose_signature_is_none,
    users_are_exchanged_by_a_reload,
    a_body_is_part_of_the_proof,
    nothing_is_done_before_the_proof,
    nothing_is_counted_before_the_proof,
    who_waits_to_continue,
    presigned_requests,
    what_policies_let_a_user_do,
    another_account_needs_the_apis_policy_too,
    a_session_is_its_roles,
    paths_and_queries_are_signed_as_they_are_sent,
    who_called_is_told,
    who_may_have_a_new_answer_of_a_cache,
    a_kept_answer_is_nobodys_before_the_proof,
}

const HOST: &str = "api.test";
const NOBODY: &str = r#"{"message":"Missing Authentication Token"}"#;
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided.";

struct Key {
    id: &'static str,
    secret: &'static str,
    token: Option<&'static str>,
}

const ANN: Key = Key { id: "AKIAIOSFODNN7EXAMANN", secret: "ann/K7MDENG+bPxRfiCYEXAMPLEKEY0123456789", token: None };
const BOB: Key = Key { id: "AKIAIOSFODNN7EXAMBOB", secret: "bob/K7MDENG+bPxRfiCYEXAMPLEKEY0123456789", token: None };
const CAT: Key = Key { id: "AKIAIOSFODNN7EXAMCAT", secret: "cat/K7MDENG+bPxRfiCYEXAMPLEKEY0123456789", token: None };
const DAN: Key = Key { id: "AKIAIOSFODNN7EXAMDAN", secret: "dan/K7MDENG+bPxRfiCYEXAMPLEKEY0123456789", token: None };
const EVE: Key = Key {
    id: "ASIAIOSFODNN7EXAMEVE",
    secret: "eve/K7MDENG+bPxRfiCYEXAMPLEKEY0123456789",
    token: Some("session-of-eve"),
};

fn statement(effect: &str, action: &str, resources: &[&str]) -> Value {
    let arn = |resource: &&str| format!("arn:aws:execute-api:us-east-1:000000000000:api1/default/{resource}");
    json!({ "Effect": effect, "Action": action, "Resource": resources.iter().map(arn).collect::<Vec<_>>() })
}

fn policy(statements: &[Value]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Ann and Eve may call everything; Bob a part of it, and Ann may have new answers too; Cat nothing. Dan is of another
/// account.
fn users() -> Value {
    let all = policy(&[statement("Allow", "execute-api:Invoke", &["*"])]);
    let part = policy(&[statement("Allow", "execute-api:Invoke", &["GET/a", "*/files/*"])]);
    let not = policy(&[statement("Deny", "execute-api:*", &["*/files/secret", "*/files/secret/*"])]);
    let fresh = policy(&[statement("Allow", "execute-api:InvalidateCache", &["GET/cached"])]);
    let anywhere =
        json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } });
    let user = |name: &str, key: &Key, policies: &[&Value]| {
        let policies: Vec<String> = policies.iter().map(|policy| policy.to_string()).collect();
        json!({
            "name": name, "access_key_id": key.id, "secret": key.secret, "user_id": format!("AIDA{name}"),
            "policies": policies,
        })
    };
    let mut eve = user("eve", &EVE, &[&all]);
    eve["session_token"] = json!(EVE.token);
    let mut dan = user("dan", &DAN, &[&anywhere]);
    dan["arn"] = json!("arn:aws:iam::111111111111:user/team/dan");
    json!([user("ann", &ANN, &[&all, &fresh]), user("bob", &BOB, &[&part, &not]), user("cat", &CAT, &[]), dan, eve])
}

fn gateway(api: &Api, driver: Driver) -> Start {
    let start = Gateway::with(api).driver(driver);
    let settings = start.folder.path().join("settings.json");
    std::fs::write(&settings, json!({ "iam": { "users": users() } }).to_string()).expect("the folder is ours");
    start.arg("--config").arg(settings.display().to_string())
}

fn locked(routes: &[(&str, Value)]) -> Api {
    let signed = json!({ "type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4" });
    let api = Api::new().with("components", json!({ "securitySchemes": { "sigv4": signed } }));
    let lock = |api: Api, (route, integration): &(&str, Value)| {
        api.route(route, integration.clone()).on(route, "security", json!([{ "sigv4": [] }]))
    };
    routes.iter().fold(api, lock)
}

fn now() -> Timestamp {
    Timestamp::from_seconds(SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs())
}

/// A request to be signed; what of it is sent can be changed afterwards.
struct Signing<'s> {
    key: &'s Key,
    line: &'s str,
    fields: Vec<(&'s str, String)>,
    body: &'s [u8],
    scope: Scope<'s>,
    at: Timestamp,
}

impl<'s> Signing<'s> {
    fn new(key: &'s Key, line: &'s str) -> Signing<'s> {
        let scope = Scope { region: "us-east-1", service: "execute-api" };
        Signing { key, line, fields: Vec::new(), body: b"", scope, at: now() }
    }

    fn field(mut self, name: &'s str, value: impl Into<String>) -> Signing<'s> {
        self.fields.push((name, value.into()));
        self
    }

    fn body(mut self, body: &'s (impl AsRef<[u8]> + ?Sized)) -> Signing<'s> {
        self.body = body.as_ref();
        self
    }

    /// With the body's hash declared.
    fn declared(self) -> Signing<'s> {
        let hash = sign::hash(self.body);
        self.field("x-amz-content-sha256", hash)
    }

    /// The head's lines, signed, without the body's length.
    fn head(&self) -> String {
        let (method, target) = self.line.split_once(' ').expect("a method and a target");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers: Vec<(&str, &[u8])> = vec![("host", HOST.as_bytes())];
        headers.extend(self.fields.iter().map(|(name, value)| (*name, value.as_bytes())));
        let request =
            Request { method, path, path_style: PathStyle::Normalized, query, headers: &headers, body: self.body };
        let Key { id, secret, token } = self.key;
        let credentials = Credentials {
            access_key_id: (*id).to_owned(),
            secret_access_key: (*secret).to_owned(),
            session_token: token.map(str::to_owned),
        };
        let added = sign::sign(&request, &credentials, self.scope, self.at);
        let mut head = format!("{} HTTP/1.1\r\nHost: {HOST}\r\n", self.line);
        for (name, value) in self.fields.iter().map(|(name, value)| (*name, value)) {
            head += &format!("{name}: {value}\r\n");
        }
        for (name, value) in &added {
            head += &format!("{name}: {value}\r\n");
        }
        head
    }

    fn sent(&self) -> Vec<u8> {
        self.sent_with(self.body)
    }

    /// With another body than was signed.
    fn sent_with(&self, body: &[u8]) -> Vec<u8> {
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        [format!("{}{length}\r\n", self.head()).as_bytes(), body].concat()
    }

    /// In chunks of a few bytes.
    fn sent_chunked(&self, body: &[u8]) -> Vec<u8> {
        let mut bytes = format!("{}Transfer-Encoding: chunked\r\n\r\n", self.head()).into_bytes();
        for piece in body.chunks(3) {
            bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            bytes.extend_from_slice(piece);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        bytes
    }
}

fn call(gateway: &Gateway, key: &Key, line: &str) -> Message {
    gateway.exchange(Signing::new(key, line).sent())
}

#[track_caller]
fn refused(answer: &Message, error_type: &str, message: &str) {
    let text = answer.text();
    assert_eq!((answer.status(), answer.field("x-amzn-errortype")), (403, Some(error_type)), "{text}");
    assert!(text.contains(message), "{text}");
}

fn who_signed_may_call(driver: Driver) {
    let api = locked(&[("ANY /a", mock(200, "in"))]).route("GET /open", mock(200, "open"));
    let gateway = gateway(&api, driver).start();
    for _ in 0..2 {
        assert_eq!(call(&gateway, &ANN, "GET /a").text(), "in");
        assert_eq!(call(&gateway, &EVE, "GET /a?x=1").text(), "in");
        assert_eq!(gateway.exchange(Signing::new(&ANN, "GET /a").field("X-Own", "a  b").sent()).text(), "in");
    }
    let head = gateway.exchange(Signing::new(&ANN, "HEAD /a").sent());
    assert_eq!(head.status(), 200);
    assert_eq!(gateway.get("/open").text(), "open");
    let unsigned = gateway.get("/a");
    assert_eq!((unsigned.status(), unsigned.text()), (403, NOBODY));
    assert_eq!(unsigned.field("x-amzn-errortype"), Some("MissingAuthenticationTokenException"));
    let output = gateway.log(8).iter().map(Value::to_string).collect::<String>() + &gateway.output();
    assert!(!output.contains(ANN.secret) && !output.contains("session-of-eve") && !output.contains("Signature="));
}

/// The file that has them, and those that it names. A user's new secret is the only one from then on.
fn users_are_exchanged_by_a_reload(driver: Driver) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, value: Value| {
        std::fs::write(folder.path().join(name), value.to_string()).expect("the folder is ours");
    };
    let user = |name: &str, key: &Key, secret: &str| json!({ "name": name, "access_key_id": key.id, "secret": secret, "policies": ["policy.json"] });
    write("policy.json", policy(&[statement("Allow", "execute-api:Invoke", &["GET/a"])]));
    write("users.json", json!({ "users": [user("ann", &ANN, ANN.secret)] }));
    let users = folder.path().join("users.json");
    let api = locked(&[("GET /a", mock(200, "in")), ("GET /b", mock(200, "in"))]);
    let gateway = Gateway::with(&api).driver(driver).shards(2).set("iam.users_file", users.display()).start();
    let statuses = || {
        [(&ANN, "GET /a"), (&ANN, "GET /b"), (&BOB, "GET /a"), (&BOB, "GET /b")]
            .map(|(key, line)| call(&gateway, key, line).status())
    };
    assert_eq!(statuses(), [200, 403, 403, 403]);

    write("policy.json", policy(&[statement("Allow", "execute-api:Invoke", &["GET/b"])]));
    write("users.json", json!({ "users": [user("bob", &BOB, BOB.secret), user("ann", &ANN, CAT.secret)] }));
    assert_eq!(gateway.reload().status(), 200);
    assert_eq!(statuses(), [403, 403, 403, 200]);
    let renewed = Key { secret: CAT.secret, ..ANN };
    assert_eq!(call(&gateway, &renewed, "GET /b").text(), "in");

    write("policy.json", json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Perhaps" }] }));
    let answer = gateway.reload();
    assert!(answer.status() == 422 && answer.text().contains("users were not reloaded"), "{}", answer.text());
    assert_eq!(statuses(), [403, 403, 403, 200]);
}

fn whose_signature_is_none(driver: Driver) {
    let gateway = gateway(&locked(&[("ANY /a", mock(200, "in"))]), driver).start();
    let good = || Signing::new(&ANN, "GET /a");
    const INVALID: &str = "InvalidSignatureException";
    let check = |signing: &Signing<'_>, error_type: &str, message: &str| {
        refused(&gateway.exchange(signing.sent()), error_type, message);
    };
    let other_secret = Key { secret: BOB.secret, ..ANN };
    check(&Signing::new(&other_secret, "GET /a"), INVALID, MISMATCH);
    let unknown = Key { id: "AKIAIOSFODNN7EXAMZZZ", ..ANN };
    let invalid_token = "The security token included in the request is invalid.";
    check(&Signing::new(&unknown, "GET /a"), "UnrecognizedClientException", invalid_token);
    for token in [None, Some("session-of-ann"), Some("")] {
        let other = Key { token, ..EVE };
        check(&Signing::new(&other, "GET /a"), "UnrecognizedClientException", invalid_token);
    }
    let needless = Key { token: Some("x"), ..ANN };
    check(&Signing::new(&needless, "GET /a"), "UnrecognizedClientException", invalid_token);
    let late = Signing { at: now().minus(400), ..good() };
    check(&late, INVALID, "Signature expired");
    let early = Signing { at: now().plus(400), ..good() };
    check(&early, INVALID, "Signature not yet current");
    let scoped = |region, service| Signing { scope: Scope { region, service }, ..good() };
    check(&scoped("eu-west-1", "execute-api"), INVALID, "Credential should be scoped to a valid region");
    check(&scoped("us-east-1", "s3"), INVALID, "Credential should be scoped to correct service: 'execute-api'.");
    check(&good().field("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), INVALID, "");
    check(&good().field("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), INVALID, "");
    check(&good().field("x-amz-content-sha256", sign::hash(b"x")), INVALID, "");
    // What is done to a signed request on its way.
    let changed = |from: &str, to: &str| {
        let text = String::from_utf8(good().field("X-Own", "a").sent()).expect("text");
        assert!(text.contains(from), "{text}");
        gateway.exchange(text.replacen(from, to, 1))
    };
    refused(&changed("GET", "PUT"), INVALID, MISMATCH);
    refused(&changed("X-Own: a", "X-Own: b"), INVALID, MISMATCH);
    refused(&changed("X-Own: a\r\n", ""), INVALID, "");
    refused(&changed("X-Own: a", "X-Own: a\r\nX-Own: b"), INVALID, MISMATCH);
    refused(&changed("/a", "/a?x=1"), INVALID, MISMATCH);
    refused(&changed("Host: api.test", "Host: other.test"), INVALID, MISMATCH);
    refused(&changed("X-Own: a", "X-Own: a\r\nX-Amz-Target: x"), INVALID, "");
    refused(&changed("Signature=", "Signature=0"), INVALID, MISMATCH);
    refused(&changed("SignedHeaders=host;", "SignedHeaders="), INVALID, "");
    for (from, to) in [
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        ("Credential=", "Credentials="),
        ("Signature=", "Signatur="),
        ("aws4_request", "aws5_request"),
        ("us-east-1/", ""),
        ("x-amz-date: ", "x-amz-date: x"),
        ("authorization: ", "authorization: x\r\nauthorization: "),
    ] {
        refused(&changed(from, to), "IncompleteSignatureException", "");
    }
    // A bearer's token is no signature.
    for field in ["Bearer x", "Basic YTpi", "AWS4-HMAC-SHA256"] {
        let answer = gateway.exchange(format!("GET /a HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: {field}\r\n\r\n"));
        assert_eq!(answer.status(), 403, "{field}: {}", answer.text());
        assert_eq!(answer.field("x-amzn-errortype"), Some("IncompleteSignatureException"));
    }
    // Who has not proved to be Cat does not learn what she may do.
    let pretender = Key { secret: ANN.secret, ..CAT };
    check(&Signing::new(&pretender, "GET /a"), INVALID, MISMATCH);
    check(&Signing::new(&pretender, "POST /a").body("x"), INVALID, MISMATCH);
    check(&Signing::new(&pretender, "POST /a").body("x").declared(), INVALID, MISMATCH);
    let denied = "user/cat is not authorized to perform";
    for signing in [Signing::new(&CAT, "GET /a"), Signing::new(&CAT, "POST /a").body("x")] {
        check(&signing, "AccessDeniedException", denied);
    }
    check(&Signing::new(&CAT, "POST /a").body("x").declared(), "AccessDeniedException", denied);
}

fn a_body_is_part_of_the_proof(driver: Driver) {
    let backend = Backend::start(|conversation| {
        conversation.read_body();
        let body = String::from_utf8_lossy(&conversation.request.body).into_owned();
        conversation.ok(&body);
    });
    let url = backend.url();
    let api =
        locked(&[("POST /proxy", http_proxy(&url)), ("POST /mapped", http(&url)), ("GET /proxy", http_proxy(&url))]);
    let gateway = gateway(&api, driver).start();
    let body = br#"{"pet":"cat"}"#;
    let large = "x".repeat(300_000);
    for line in ["POST /proxy", "POST /mapped"] {
        let signing = || Signing::new(&ANN, line).field("Content-Type", "application/json").body(body);
        for signed in [signing(), signing().declared()] {
            assert_eq!(gateway.exchange(signed.sent()).text().as_bytes(), body, "{line}");
            assert_eq!(gateway.exchange(signed.sent_chunked(body)).text().as_bytes(), body, "{line}");
        }
        let signed = Signing::new(&ANN, line).field("Content-Type", "application/json").body(&large);
        assert_eq!(gateway.exchange(signed.sent()).text().len(), large.len());
        assert_eq!(gateway.exchange(Signing::new(&ANN, line).sent()).status(), 200, "no body at all");
        assert_eq!(gateway.exchange(Signing::new(&ANN, line).sent_chunked(b"")).status(), 200, "an empty one");
        let empty = format!("{}Content-Length: 0\r\n\r\n", Signing::new(&ANN, line).head());
        assert_eq!(gateway.exchange(empty).status(), 200);
    }
    assert_eq!(gateway.exchange(Signing::new(&ANN, "GET /proxy").body(body).sent()).text().as_bytes(), body);
    let seen = backend.last();
    assert!(seen.has("authorization") || !seen.has("x-amz-security-token"), "{}", seen.head);
}

/// However a wrong body is sent, and whatever the method would do with it.
fn nothing_is_done_before_the_proof(driver: Driver) {
    let backend = Backend::named();
    let functions = functions(|_, _| Invoked::Result(json!({ "statusCode": 200, "body": "in" })));
    let url = backend.url();
    let mapped_mock = json!({
        "type": "mock", "requestTemplates": { "application/json": "{\"statusCode\": 200, \"x\": $input.json('$')}" },
        "responses": { "default": { "statusCode": "200", "responseTemplates": { "application/json": "in" } } },
    });
    let routes = [
        ("POST /mock", mock(200, "in")),
        ("POST /mapped-mock", mapped_mock),
        ("POST /proxy", http_proxy(&url)),
        ("POST /mapped", http(&url)),
        ("POST /fn", lambda("f")),
        ("POST /valid", http_proxy(&url)),
        ("GET /proxy", http_proxy(&url)),
    ];
    let api = locked(&routes)
        .on("POST /valid", "x-amazon-apigateway-request-validator", json!("body"))
        .on(
            "POST /valid",
            "requestBody",
            json!({ "content": { "application/json": { "schema": {
            "type": "object", "required": ["pet"],
        } } } }),
        )
        .with(
            "x-amazon-apigateway-request-validators",
            json!({ "body": {
            "validateRequestBody": true, "validateRequestParameters": false,
        } }),
        )
        .with("x-amazon-apigateway-minimum-compression-size", json!(0));
    let gateway = gateway(&api, driver)
        .set("aws.credentials", "off")
        .set("aws.endpoints", format!("lambda={}", functions.url()))
        .start();
    let (right, wrong) = (br#"{"pet":"cat"}"#, br#"{"pet":"dog"}"#);
    let gzip = gzip(right);
    for (line, _) in &routes {
        let (line, before) = (*line, backend.requests().len() + functions.requests().len());
        let json = || Signing::new(&ANN, line).field("Content-Type", "application/json");
        let cases = [
            ("other body", json().body(right).sent_with(wrong)),
            ("other body than declared", json().body(right).declared().sent_with(wrong)),
            ("other body in chunks", json().body(right).sent_chunked(wrong)),
            ("other body than declared in chunks", json().body(right).declared().sent_chunked(wrong)),
            ("body where none was signed", json().sent_with(wrong)),
            ("no body where one was signed", json().body(right).sent_with(b"")),
            ("no body where one was declared", json().body(right).declared().sent_with(b"")),
            ("empty chunks", json().body(right).sent_chunked(b"")),
            ("longer", json().body(right).sent_with(&[&right[..], b" "].concat())),
            ("shorter", json().body(right).sent_with(&right[..5])),
            ("not of a schema", json().body(right).sent_with(b"[]")),
            ("unzipped", json().body(&gzip).sent_with(right)),
            ("zipped after it was signed", {
                let head = json().body(right).field("Content-Encoding", "gzip").head();
                let head = format!("{head}Content-Length: {}\r\n\r\n", gzip.len());
                [head.as_bytes(), &gzip].concat()
            }),
        ];
        for (name, sent) in cases {
            let answer = gateway.exchange(sent);
            refused(&answer, "InvalidSignatureException", "");
            assert!(!answer.text().contains("cat"), "{line}, {name}");
        }
        assert_eq!(backend.requests().len() + functions.requests().len(), before, "{line}");
        // The body that was signed is the one that is sent: compressed where it is.
        let zipped = json().field("Content-Encoding", "gzip").body(&gzip);
        for sent in [json().body(right).sent(), zipped.sent(), zipped.sent_chunked(&gzip), zipped.declared().sent()] {
            let answer = gateway.exchange(sent);
            assert_eq!(answer.status(), 200, "{line}: {}", answer.text());
        }
    }
    // Of two that come at once on one connection, the first does not speak for the second.
    let signed = Signing::new(&ANN, "POST /proxy").body(right);
    let client = &mut gateway.connect();
    client.send([signed.sent(), signed.sent_with(wrong), signed.sent()].concat());
    assert_eq!([0; 3].map(|_| client.answer_to("POST").status()), [200, 403, 200]);
}

/// Whoever knows the id of an access key uses up nothing of what its owner may ask for.
fn nothing_is_counted_before_the_proof(driver: Driver) {
    let settings = json!({ "*/*": { "throttlingRateLimit": 0.001, "throttlingBurstLimit": 2 } });
    let api = locked(&[("POST /a", mock(200, "in"))])
        .with("x-tollgate-stages", json!({ "default": { "methodSettings": settings } }));
    let gateway = gateway(&api, driver).start();
    let (right, wrong) = (b"right", b"wrong");
    let forged = Key { secret: BOB.secret, ..ANN };
    for _ in 0..3 {
        for sent in [
            Signing::new(&ANN, "POST /a").body(right).sent_with(wrong),
            Signing::new(&forged, "POST /a").body(right).sent(),
            Signing::new(&forged, "POST /a").body(right).declared().sent(),
        ] {
            assert_eq!(gateway.exchange(sent).status(), 403);
        }
    }
    let right = Signing::new(&ANN, "POST /a").body(right);
    assert_eq!([0; 3].map(|_| gateway.exchange(right.sent()).status()), [200, 200, 429]);
}

/// Made by Python's `gzip.compress(body, mtime=0)`, stored: there is no compressor here.
fn gzip(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("it is short");
    let mut crc = !0_u32;
    for byte in body {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&(!length).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes.extend_from_slice(&(!crc).to_le_bytes());
    bytes.extend_from_slice(&u32::from(length).to_le_bytes());
    bytes
}

/// A stranger is not told to go on; somebody who may be known is, and the body then decides.
fn who_waits_to_continue(driver: Driver) {
    let backend = Backend::named();
    let gateway = gateway(&locked(&[("POST /proxy", http_proxy(backend.url()))]), driver).start();
    let body = b"hello";
    let ask = |signing: &Signing<'_>| {
        let mut client = gateway.connect();
        client.send(format!("{}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", signing.head()));
        let answer = client.answer_to("POST");
        (client, answer)
    };
    let signed = Signing::new(&ANN, "POST /proxy").body(body);
    for (sent, status) in [(b"hello", 200), (b"HELLO", 403)] {
        let (mut client, answer) = ask(&signed);
        assert_eq!(answer.status(), 100);
        client.send(sent);
        assert_eq!(client.answer_to("POST").status(), status);
    }
    assert_eq!(backend.requests().len(), 1);
    let impostor = Key { secret: BOB.secret, ..ANN };
    let (_, answer) = ask(&Signing::new(&impostor, "POST /proxy").body(body).declared());
    assert_eq!(answer.status(), 403);
    let (_, answer) = ask(&Signing { at: now().minus(1000), ..Signing::new(&ANN, "POST /proxy").body(body) });
    assert_eq!(answer.status(), 403);
    assert_eq!(backend.requests().len(), 1);
}

/// The target of a request that was signed in its query; `more` comes before what is added.
fn presigned(key: &Key, method: &str, path: &str, at: Timestamp, expires_s: u64) -> String {
    let credential = format!("{}%2F{}%2Fus-east-1%2Fexecute-api%2Faws4_request", key.id, at.date());
    let token = key.token.map(|token| format!("&X-Amz-Security-Token={token}")).unwrap_or_default();
    let query = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={at}&X-Amz-Expires={expires_s}\
         {token}&X-Amz-SignedHeaders=host"
    );
    let canonical = format!("{method}\n{path}\n{query}\nhost:{HOST}\n\nhost\n{}", sign::hash(b""));
    let scope = format!("{}/us-east-1/execute-api/aws4_request", at.date());
    let text = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", sign::hash(canonical.as_bytes()));
    // By itself, and not by the code that is tested.
    let tag = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    let secret = format!("AWS4{}", key.secret);
    let derived = scope.split('/').fold(secret.into_bytes(), |key, part| tag(&key, part).as_ref().to_vec());
    let signature: String = tag(&derived, &text).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{path}?{query}&X-Amz-Signature={signature}")
}

fn presigned_requests(driver: Driver) {
    let backend = Backend::named();
    let gateway = gateway(&locked(&[("ANY /a", http_proxy(backend.url()))]), driver).start();
    let send = |line: &str, fields: &str| gateway.exchange(format!("{line} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n"));
    let good = presigned(&ANN, "GET", "/a", now(), 60);
    assert_eq!(send(&format!("GET {good}"), "").status(), 200);
    assert_eq!(send(&format!("GET {good}"), "").status(), 200, "until it runs out it can be sent again");
    let of_eve = presigned(&EVE, "GET", "/a", now(), 60);
    assert_eq!(send(&format!("GET {of_eve}"), "").status(), 200);
    let old = presigned(&ANN, "GET", "/a", now().minus(3000), 3600);
    assert_eq!(
        send(&format!("GET {old}"), "").status(),
        200,
        "it counts as long as it says, not as long as a clock errs"
    );
    let asked = backend.requests().len();
    let mut signature = good.clone();
    signature.replace_range(signature.len() - 1.., if good.ends_with('0') { "1" } else { "0" });
    for (line, fields) in [
        (format!("GET {signature}"), ""),
        (format!("PUT {good}"), ""),
        (format!("GET {good}&x=1"), ""),
        (format!("GET {}", good.replacen("X-Amz-Expires=60", "X-Amz-Expires=600", 1)), ""),
        (format!("GET {}", good.replacen("X-Amz-Expires=60&", "", 1)), ""),
        (format!("GET {}", good.replacen("SignedHeaders=host", "SignedHeaders=", 1)), ""),
        (format!("GET {good}"), "X-Amz-Target: x\r\n"),
        (format!("GET {good}"), "Content-Length: 2\r\n"),
        (format!("GET {good}&X-Amz-Signature=0"), ""),
        (format!("GET {}", presigned(&ANN, "GET", "/a", now().minus(100), 60)), ""),
        (format!("GET {}", presigned(&ANN, "GET", "/a", now().plus(1000), 60)), ""),
        (format!("GET {}", presigned(&ANN, "GET", "/a", now(), 604_801)), ""),
        (format!("GET {}", of_eve.replacen("&X-Amz-Security-Token=session-of-eve", "", 1)), ""),
        (format!("GET {}", presigned(&Key { token: None, ..EVE }, "GET", "/a", now(), 60)), ""),
        (format!("GET {}", presigned(&Key { secret: BOB.secret, ..ANN }, "GET", "/a", now(), 60)), ""),
        (format!("GET {good}"), "Authorization: AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request\r\n"),
    ] {
        let length = fields.starts_with("Content-Length");
        let answer = if length {
            gateway.exchange(format!("{line} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n{{}}"))
        } else {
            send(&line, fields)
        };
        assert_eq!(answer.status(), 403, "{line} {fields}: {}", answer.text());
    }
    assert_eq!(backend.requests().len(), asked);
}

fn what_policies_let_a_user_do(driver: Driver) {
    let api =
        locked(&[("ANY /a", mock(200, "in")), ("ANY /b", mock(200, "in")), ("ANY /files/{path+}", mock(200, "in"))]);
    let gateway = gateway(&api, driver).start();
    let status = |key: &Key, line: &str| call(&gateway, key, line).status();
    for line in ["GET /a", "PUT /a", "GET /b", "DELETE /files/secret/x"] {
        assert_eq!(status(&ANN, line), 200, "{line}");
        assert_eq!(status(&CAT, line), 403, "{line}");
    }
    for (line, expected) in [
        ("GET /a", 200),
        ("GET /a/", 200),
        ("GET //a", 200),
        ("GET /%61", 200),
        ("PUT /a", 403),
        ("HEAD /a", 403),
        ("GET /b", 403),
        ("PUT /files/open/x", 200),
        ("GET /files/secret/x", 403),
        ("GET /files/s%65cret/x", 403),
        ("GET //files/secret/x", 403),
        ("GET /files/secret", 403),
        ("GET /files/secret%2Fx", 200),
    ] {
        assert_eq!(status(&BOB, line), expected, "{line}");
    }
    let arn = "arn:aws:execute-api:us-east-1:********0000:api1/default";
    let user = "User: arn:aws:iam::000000000000:user/bob is not authorized to perform: execute-api:Invoke on resource:";
    let implicitly = call(&gateway, &BOB, "GET /b");
    assert_eq!(implicitly.text(), format!(r#"{{"message":"{user} {arn}/GET/b"}}"#));
    let explicitly = call(&gateway, &BOB, "GET /files/secret/x");
    let expected = format!(r#"{{"message":"{user} {arn}/GET/files/secret/x with an explicit deny"}}"#);
    assert_eq!(explicitly.text(), expected);
}

fn another_account_needs_the_apis_policy_too(driver: Driver) {
    let api = |policy: Option<Value>| {
        let api = locked(&[("GET /a", mock(200, "in")), ("GET /b", mock(200, "in"))]);
        match policy {
            Some(policy) => api.with("x-amazon-apigateway-policy", policy),
            None => api,
        }
    };
    let of = |effect: &str, principal: Value, resource: &str| {
        json!({ "Version": "2012-10-17", "Statement": {
            "Effect": effect, "Principal": principal, "Action": "execute-api:Invoke", "Resource": resource,
        } })
    };
    let gateway = gateway(&api(None), driver).start();
    let dan = || json!({ "AWS": "arn:aws:iam::111111111111:user/team/dan" });
    let cases = [
        (None, [200, 403, 403, 403]),
        (Some(of("Allow", dan(), "execute-api:/default/GET/a")), [200, 403, 200, 403]),
        (Some(of("Allow", json!({ "AWS": "111111111111" }), "execute-api:/*")), [200, 403, 200, 200]),
        (Some(of("Allow", json!({ "AWS": "222222222222" }), "execute-api:/*")), [200, 403, 403, 403]),
        // In the API's own account, either may allow.
        (Some(of("Allow", json!("*"), "execute-api:/*/GET/a")), [200, 200, 200, 403]),
        (Some(of("Deny", json!("*"), "execute-api:/*/*/b")), [200, 403, 403, 403]),
        (Some(of("Deny", json!("*"), "execute-api:/*/GET/*")), [403, 403, 403, 403]),
    ];
    for (policy, expected) in cases {
        gateway.write("api0.yaml", &api(policy.clone()).text());
        assert_eq!(gateway.reload().status(), 200);
        let found = [(&ANN, "/a"), (&CAT, "/a"), (&DAN, "/a"), (&DAN, "/b")]
            .map(|(key, path)| call(&gateway, key, &format!("GET {path}")).status());
        assert_eq!(found, expected, "{policy:?}");
        // Nobody is let in unsigned, whatever the policy says of everybody.
        assert_eq!(gateway.get("/a").status(), 403);
    }
}

/// What policies say of a role is said of its sessions. (IAM user guide, "AWS JSON policy elements: Principal".)
fn a_session_is_its_roles(driver: Driver) {
    let of = |effect: &str, principal: Value, condition: Value| json!({ "Effect": effect, "Principal": principal, "Action": "*", "Resource": "execute-api:/*", "Condition": condition });
    let api = |statements: Value| {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements });
        locked(&[("GET /a", mock(200, "in"))]).with("x-amazon-apigateway-policy", policy)
    };
    let (role, everybody) = (json!({ "AWS": "arn:aws:iam::111111111111:role/admin" }), json!("*"));
    let anywhere =
        json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } });
    let session = json!({
        "name": "eve", "access_key_id": EVE.id, "secret": EVE.secret, "session_token": EVE.token,
        "arn": "arn:aws:sts::111111111111:assumed-role/admin/ann", "policies": [anywhere.to_string()],
    });
    let first = api(json!(of("Allow", role.clone(), json!({}))));
    let start = Gateway::with(&first).driver(driver);
    let settings = start.folder.path().join("settings.json");
    std::fs::write(&settings, json!({ "iam": { "users": [session] } }).to_string()).expect("the folder is ours");
    let gateway = start.arg("--config").arg(settings.display().to_string()).start();
    let status = |statements: Value| {
        gateway.write("api0.yaml", &api(statements).text());
        assert_eq!(gateway.reload().status(), 200);
        call(&gateway, &EVE, "GET /a").status()
    };
    assert_eq!(call(&gateway, &EVE, "GET /a").status(), 200);
    let all = || of("Allow", everybody.clone(), json!({}));
    let when = |operator: &str, key: &str, value: &str| {
        let mut condition = json!({});
        condition[operator][key] = json!(value);
        of("Allow", everybody.clone(), condition)
    };
    assert_eq!(status(json!([all(), of("Deny", role, json!({}))])), 403);
    assert_eq!(status(json!(when("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/admin"))), 200);
    assert_eq!(status(json!(when("ArnLike", "aws:PrincipalArn", "arn:aws:sts::*:assumed-role/admin/*"))), 403);
    assert_eq!(status(json!(when("StringEquals", "aws:username", "ann"))), 403);
    assert_eq!(status(json!(when("StringEquals", "aws:PrincipalType", "AssumedRole"))), 200);
    assert_eq!(status(json!(when("StringLike", "aws:userid", "AROA*:ann"))), 200);
}

fn paths_and_queries_are_signed_as_they_are_sent(driver: Driver) {
    let backend = Backend::named();
    let gateway =
        gateway(&locked(&[("ANY /files/{path+}", http_proxy(format!("{}/{{path}}", backend.url())))]), driver).start();
    for line in [
        "GET /files/a%20b",
        "GET /files/a%2Fb",
        "GET /files/%E2%82%AC",
        "GET /files/a:b@c!$&'()*+,;=~",
        "GET /files/a//b",
        "GET /files/a/",
        "GET //files/a",
        "GET /files/a?b=2&a=1&a=0&c",
        "GET /files/a?x=%20%2B%7e&=y&x=a+b",
        "GET /files/a?q=a=b%3D&Z=1&z=2",
        "GET /files/a?",
    ] {
        let answer = call(&gateway, &ANN, line);
        assert_eq!(answer.status(), 200, "{line}: {}", answer.text());
    }
    // The order of a query is no part of what is signed; all else of it is.
    let signed = Signing::new(&ANN, "GET /files/a?a=1&b=2");
    let sent = String::from_utf8(signed.sent()).expect("text");
    assert_eq!(gateway.exchange(sent.replace("a=1&b=2", "b=2&a=1")).status(), 200);
    for (from, to) in [("a=1", "a=2"), ("a=1", "A=1"), ("a=1&", ""), ("a=1", "a=1&a=1"), ("files/a", "files/%61b")] {
        assert_eq!(gateway.exchange(sent.replacen(from, to, 1)).status(), 403, "{from} {to}");
    }
    let escaped = String::from_utf8(Signing::new(&ANN, "GET /files/a%2Fb").sent()).expect("text");
    assert_eq!(gateway.exchange(escaped.replacen("a%2Fb", "a/b", 1)).status(), 403);
}

fn who_called_is_told(driver: Driver) {
    let said = r#"$context.identity.userArn $context.identity.user $context.identity.caller $context.identity.accountId $context.identity.accessKey"#;
    let answering = |template: &str| {
        json!({
            "type": "mock", "requestTemplates": { "application/json": "{\"statusCode\": 200}" },
            "responses": { "default": { "statusCode": "200", "responseTemplates": { "application/json": template } } },
        })
    };
    let told = json!({ "INVALID_SIGNATURE": { "responseTemplates": {
        "application/json": "[$context.identity.userArn] $context.error.message",
    } } });
    let api = locked(&[("ANY /a", answering(said))])
        .route("GET /open", answering(said))
        .with("x-amazon-apigateway-gateway-responses", told)
        .with(
            "x-tollgate-stages",
            json!({ "default": { "accessLogSettings": {
            "format": r#"{"id":"$context.requestId","user":"$context.identity.userArn","account":"$context.identity.accountId"}"#,
        } } }),
        );
    let gateway = gateway(&api, driver).start();
    let ann = format!("arn:aws:iam::000000000000:user/ann AIDAann AIDAann 000000000000 {}", ANN.id);
    assert_eq!(call(&gateway, &ANN, "GET /a").text(), ann);
    assert_eq!(gateway.exchange(Signing::new(&ANN, "POST /a").body("x").sent()).text(), ann);
    assert_eq!(gateway.get("/open").text().trim(), "");
    for line in &gateway.log(2)[..2] {
        assert_eq!(line["user"], "arn:aws:iam::000000000000:user/ann");
        assert_eq!(line["account"], "000000000000");
    }
    // Whom a wrong signature names has said nothing.
    for sent in [
        Signing::new(&Key { secret: BOB.secret, ..ANN }, "GET /a").sent(),
        Signing::new(&ANN, "POST /a").body("x").sent_with(b"y"),
        Signing::new(&ANN, "POST /a").body("x").declared().sent_with(b"y"),
    ] {
        let answer = gateway.exchange(sent);
        assert!(answer.text().starts_with("[]") || answer.text().starts_with("[-]"), "{}", answer.text());
    }
    for line in &gateway.log(6)[3..] {
        assert_eq!((&line["user"], &line["account"]), (&json!("-"), &json!("-")));
    }
}

fn counting() -> Backend {
    let number = std::sync::atomic::AtomicUsize::new(0);
    Backend::start(move |conversation| {
        conversation.read_body();
        let number = number.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        let body = number.to_string();
        conversation
            .send(format!("HTTP/1.1 200 OK\r\nCache-Control: public\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    })
}

fn cached(backend: &Backend) -> Api {
    let settings = json!({ "cachingEnabled": true, "unauthorizedCacheControlHeaderStrategy": "FAIL_WITH_403" });
    locked(&[("GET /cached", http_proxy(backend.url()))]).with(
        "x-tollgate-stages",
        json!({ "default": { "cacheClusterEnabled": true, "cacheClusterSize": 0.5, "methodSettings": { "*/*": settings } } }),
    )
}

fn who_may_have_a_new_answer_of_a_cache(driver: Driver) {
    let backend = counting();
    let gateway = gateway(&cached(&backend), driver).start();
    let ask = |key: &Key, fresh: bool| {
        let signing = Signing::new(key, "GET /cached");
        let signing = if fresh { signing.field("Cache-Control", "max-age=0") } else { signing };
        let answer = gateway.exchange(signing.sent());
        format!("{} {}", answer.status(), answer.text())
    };
    assert_eq!([ask(&ANN, false), ask(&ANN, false), ask(&EVE, false)], ["200 1", "200 1", "200 1"]);
    assert_eq!([ask(&ANN, true), ask(&EVE, false)], ["200 2", "200 2"]);
    assert_eq!(ask(&EVE, true), r#"403 {"message":"Forbidden"}"#);
    assert_eq!(ask(&EVE, false), "200 2");
    // The cache answers nobody who may not call.
    for key in [&CAT, &Key { secret: BOB.secret, ..ANN }, &BOB] {
        assert!(ask(key, false).starts_with("403"));
    }
    assert_eq!(gateway.exchange(format!("GET /cached HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).text(), NOBODY);
    assert_eq!(backend.requests().len(), 2);
}

/// With a body, the proof comes after the head: neither is an answer given before it, nor one thrown away.
fn a_kept_answer_is_nobodys_before_the_proof(driver: Driver) {
    let backend = counting();
    let gateway = gateway(&cached(&backend), driver).start();
    let signed = |fresh: bool| {
        let signing = Signing::new(&ANN, "GET /cached").body("q");
        if fresh { signing.field("Cache-Control", "max-age=0") } else { signing }
    };
    let answers = |sent: Vec<u8>| {
        let answer = gateway.exchange(sent);
        format!("{} {}", answer.status(), answer.text())
    };
    assert_eq!(answers(signed(false).sent()), "200 1");
    for fresh in [false, true] {
        assert!(answers(signed(fresh).sent_with(b"r")).starts_with("403"));
        assert!(
            answers(Signing { key: &Key { secret: BOB.secret, ..ANN }, ..signed(fresh) }.sent()).starts_with("403")
        );
        assert!(
            answers(Signing { key: &Key { secret: BOB.secret, ..ANN }, ..signed(fresh) }.declared().sent())
                .starts_with("403")
        );
    }
    assert_eq!(answers(signed(false).sent()).split(' ').next(), Some("200"));
    assert!(backend.requests().len() <= 2, "{}", backend.requests().len());
}
