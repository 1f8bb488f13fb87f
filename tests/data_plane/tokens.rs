//! Tokens of user pools and of other issuers: which are taken, what they are asked for, and where their keys come from.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::harness::function::{Invoked, functions, lambda};
use crate::harness::gateway::Start;
use crate::harness::{Api, Backend, Client, Driver, Gateway, Message, mock, wait_until};

on_both_drivers! {
    what_tokens_come_to,
    every_algorithm_that_is_configured,
    where_a_token_stands,
    user_pools_tell_their_tokens_apart,
    an_expression_is_about_the_audience,
    a_test_verifies_a_pools_token,
    scopes_are_a_methods_own,
    keys_come_late_and_change,
    what_a_token_says_is_not_fetched,
    made_up_keys_do_not_ask_the_issuer_again_and_again,
    a_key_set_that_is_not_the_issuers,
    claims_are_told_to_templates_headers_and_logs,
    an_audience_that_a_deployment_takes_away,
}

#[test]
fn what_cannot_be_served_is_refused_at_the_start() {
    #[track_caller]
    fn check(authorizer: Value, expected: &str) {
        let refused = Gateway::with(&locked(authorizer)).run();
        assert_ne!(refused.code(), 0);
        assert!(refused.stderr.contains(expected), "{expected}\n{}", refused.stderr);
    }
    let jwt = |changes: &[(&str, Value)]| {
        let configuration = json!({ "issuer": ISSUER, "audience": [AUDIENCE], "jwksUri": "https://keys.test/" });
        json!({ "type": "jwt", "jwtConfiguration": with(configuration, changes) })
    };
    check(jwt(&[("audience", Value::Null)]), "names no audience");
    check(jwt(&[("audience", json!([]))]), "names no audience");
    check(jwt(&[("issuer", Value::Null)]), "names no issuer");
    check(jwt(&[("jwksUri", json!("file:///etc/keys"))]), "keys cannot be fetched");
    check(jwt(&[("algorithms", json!(["HS256"]))]), "is not a signature algorithm");
    check(jwt(&[("algorithms", json!(["none"]))]), "is not a signature algorithm");
    let from = |source: &str| with(jwt(&[]), &[("identitySource", json!(source))]);
    for source in [
        "method.request.querystring.token",
        "method.request.header.A, method.request.header.B",
        "method.request.header.A, context.httpMethod",
        "context.httpMethod",
    ] {
        check(from(source), "a token stands in one header, and nowhere else");
    }
    check(with(jwt(&[]), &[("identityValidationExpression", json!("a"))]), "has no such expression");
    let pools = |arns: Value| json!({ "type": "cognito_user_pools", "providerARNs": arns });
    check(with(pools(json!([POOL])), &[("identityValidationExpression", json!("("))]), "cannot be used");
    check(pools(json!([])), "names no user pool");
    check(pools(json!([POOL, "arn:aws:cognito-idp:evil.example/:1:userpool/evil.example/_a"])), "is no user pool");
}

const ISSUER: &str = "https://issuer.test/pool";
const AUDIENCE: &str = "client-1";
const POOL: &str = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_Pool1";
const POOL_ISSUER: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Pool1";
const UNAUTHORIZED: &str = r#"{"message":"Unauthorized"}"#;
const EXPIRED: &str = r#"{"message":"The incoming token has expired"}"#;

fn text(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key that tokens are signed with, by its name.
struct Signer {
    kid: &'static str,
    pair: Pair,
}

enum Pair {
    Elliptic(EcdsaKeyPair),
    Edwards(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl Signer {
    fn elliptic(kid: &'static str) -> Signer {
        let pair = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Signer { kid, pair: Pair::Elliptic(pair) }
    }

    fn edwards(kid: &'static str) -> Signer {
        Signer { kid, pair: Pair::Edwards(Ed25519KeyPair::generate().expect("a key")) }
    }

    fn rsa(kid: &'static str) -> Signer {
        Signer { kid, pair: Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key")) }
    }

    fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Elliptic(_) => "ES256",
            Pair::Edwards(_) => "EdDSA",
            Pair::Rsa(_) => "RS256",
        }
    }

    fn jwk(&self) -> Value {
        let key = match &self.pair {
            Pair::Elliptic(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..]) })
            }
            Pair::Edwards(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key()) }),
            Pair::Rsa(pair) => {
                // RFC 8017, A.1.1, of 2048 bits: the modulus after nine bytes, then the exponent after two.
                let der = pair.public_key().as_ref();
                json!({ "kty": "RSA", "n": text(&der[9..265]), "e": text(&der[267..]) })
            }
        };
        with(key, &[("kid", json!(self.kid)), ("use", json!("sig"))])
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Elliptic(pair) => pair.sign(&random, message).expect("a signature").as_ref().to_vec(),
            Pair::Edwards(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut signed).expect("a signature");
                signed
            }
        }
    }

    /// With a header as it is written.
    fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", text(header), text(claims));
        let signature = text(self.signature(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    fn token(&self, claims: &Value) -> String {
        self.with_header(&[], claims)
    }

    fn with_header(&self, changes: &[(&str, Value)], claims: &Value) -> String {
        let header = with(json!({ "alg": self.algorithm(), "kid": self.kid }), changes);
        self.sign(&header.to_string(), &claims.to_string())
    }
}

/// With these members set, or taken away where they are null.
fn with(mut object: Value, changes: &[(&str, Value)]) -> Value {
    let members = object.as_object_mut().expect("an object");
    for (name, value) in changes {
        members.remove(*name);
        if !value.is_null() {
            members.insert((*name).to_owned(), value.clone());
        }
    }
    object
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs()
}

/// Claims that are in order, with changes.
fn claims(changes: &[(&str, Value)]) -> Value {
    let now_s = now_s();
    with(json!({ "iss": ISSUER, "aud": AUDIENCE, "exp": now_s + 600, "iat": now_s - 10, "sub": "somebody" }), changes)
}

fn pool_claims(changes: &[(&str, Value)]) -> Value {
    with(claims(&[("iss", json!(POOL_ISSUER)), ("token_use", json!("id"))]), changes)
}

/// An issuer's server, whose answer can be changed.
struct Keys {
    server: Backend,
    answer: Arc<Mutex<String>>,
}

impl Keys {
    fn new(signers: &[&Signer]) -> Keys {
        let answer = Arc::new(Mutex::new(key_set(signers)));
        let said = Arc::clone(&answer);
        let server = Backend::start(move |conversation| {
            let answer = said.lock().expect("no panic with it").clone();
            conversation.send(answer);
        });
        Keys { server, answer }
    }

    fn set(&self, answer: String) {
        *self.answer.lock().expect("no panic with it") = answer;
    }
}

fn key_set(signers: &[&Signer]) -> String {
    key_set_of(&signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>())
}

fn key_set_of(keys: &[Value]) -> String {
    let body = json!({ "keys": keys }).to_string();
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

const DOWN: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

fn jwt(keys: &Keys, changes: &[(&str, Value)]) -> Value {
    let uri = format!("{}/keys", keys.server.url());
    let configuration = json!({
        "issuer": ISSUER, "audience": [AUDIENCE], "jwksUri": uri, "algorithms": ["ES256", "RS256", "EdDSA"],
    });
    json!({
        "type": "jwt",
        "identitySource": "$request.header.Authorization",
        "jwtConfiguration": with(configuration, changes),
    })
}

/// `GET /a` takes any token, `GET /scoped` one with a scope.
fn locked(authorizer: Value) -> Api {
    let kind = if authorizer["type"] == "cognito_user_pools" { "cognito_user_pools" } else { "custom" };
    Api::new()
        .route("GET /a", mock(200, "in"))
        .on("GET /a", "security", json!([{ "auth": [] }]))
        .route("GET /scoped", mock(200, "in"))
        .on("GET /scoped", "security", json!([{ "auth": ["pets/read", "pets/write"] }]))
        .route("GET /open", mock(200, "open"))
        .with(
            "components",
            json!({ "securitySchemes": { "auth": {
                "type": "apiKey", "name": "Authorization", "in": "header",
                "x-amazon-apigateway-authtype": kind, "x-amazon-apigateway-authorizer": authorizer,
            } } }),
        )
}

fn gateway(api: &Api, driver: Driver) -> Start {
    Gateway::with(api).driver(driver)
}

/// Waits until the keys are there.
#[track_caller]
fn ready(gateway: &Gateway, token: &str) {
    wait_until("the issuer's keys", || with_token(gateway, "/a", token).status() == 200);
}

fn send(client: &mut Client, line: &str, fields: &str) -> Message {
    client.exchange(format!("{line} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n"))
}

fn with_token(gateway: &Gateway, path: &str, token: &str) -> Message {
    send(&mut gateway.connect(), &format!("GET {path}"), &format!("Authorization: Bearer {token}\r\n"))
}

/// What a good token becomes by one change each, all of them asked twice: nothing of a refusal is kept.
fn what_tokens_come_to(driver: Driver) {
    let (ours, other) = (Signer::elliptic("1"), Signer::elliptic("1"));
    let rsa = Signer::rsa("rsa");
    let keys = Keys::new(&[&ours, &rsa]);
    let gateway = gateway(&locked(jwt(&keys, &[])), driver).start();
    let good = ours.token(&claims(&[]));
    ready(&gateway, &good);
    let now_s = now_s();
    let changed = |changes: &[(&str, Value)]| ours.token(&claims(changes));
    let header = |changes: &[(&str, Value)]| ours.with_header(changes, &claims(&[]));
    let parts: Vec<&str> = good.split('.').collect();
    let (head, payload, signature) = (parts[0], parts[1], parts[2]);
    let another = changed(&[("sub", json!("another"))]);
    let unsigned = |algorithm: &str| text(json!({ "alg": algorithm }).to_string());
    let by_secret = |secret: &[u8]| {
        let signed = format!("{}.{payload}", text(r#"{"alg":"HS256","kid":"rsa"}"#));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
        format!("{signed}.{}", text(tag))
    };
    let Pair::Rsa(pair) = &rsa.pair else { unreachable!("it is one") };
    let der = pair.public_key().as_ref();
    let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n", STANDARD.encode(der));
    let taken = [
        good.clone(),
        changed(&[("aud", json!(["x", AUDIENCE]))]),
        changed(&[("aud", Value::Null), ("client_id", json!(AUDIENCE))]),
        changed(&[("nbf", json!(now_s - 5))]),
        rsa.token(&claims(&[])),
        header(&[("jku", json!("https://evil.test")), ("typ", json!("JWT"))]),
    ];
    let refused = [
        ("other issuer", changed(&[("iss", json!("https://issuer.test/pool2"))])),
        ("slash after the issuer", changed(&[("iss", json!(format!("{ISSUER}/")))])),
        ("no issuer", changed(&[("iss", Value::Null)])),
        ("other audience", changed(&[("aud", json!("client-2"))])),
        ("other audiences", changed(&[("aud", json!(["client-2", "client-11"]))])),
        ("no audience", changed(&[("aud", Value::Null)])),
        ("other client", changed(&[("aud", Value::Null), ("client_id", json!("client-2"))])),
        ("other audience beside our client", changed(&[("aud", json!("x")), ("client_id", json!(AUDIENCE))])),
        ("not yet", changed(&[("nbf", json!(now_s + 600))])),
        ("issued in the future", changed(&[("iat", json!(now_s + 600))])),
        ("no expiry", changed(&[("exp", Value::Null)])),
        ("expiry as text", changed(&[("exp", json!("9999999999"))])),
        ("expiry as a fraction", changed(&[("exp", json!(9_999_999_999.5))])),
        ("other key of the same name", other.token(&claims(&[]))),
        ("unknown key", header(&[("kid", json!("2"))])),
        ("key of another kind", header(&[("kid", json!("rsa"))])),
        ("key as a list", header(&[("kid", json!(["1"]))])),
        ("key of a path", header(&[("kid", json!("../../dev/null"))])),
        ("none", format!("{}.{payload}.", unsigned("none"))),
        ("None", format!("{}.{payload}.", unsigned("None"))),
        ("nOnE with a signature", format!("{}.{payload}.{signature}", unsigned("nOnE"))),
        ("no algorithm", format!("{}.{payload}.", text("{}"))),
        ("two parts", format!("{}.{payload}", unsigned("none"))),
        ("signed with the public key", by_secret(der)),
        ("signed with the public key's PEM", by_secret(pem.as_bytes())),
        ("signed with nothing", by_secret(b"")),
        ("other claims", format!("{head}.{}.{signature}", text(claims(&[("sub", json!("root"))]).to_string()))),
        ("another's signature", format!("{head}.{payload}.{}", another.split('.').nth(2).expect("three parts"))),
        ("no signature", format!("{head}.{payload}.")),
        ("signature of zeros", format!("{head}.{payload}.{}", text([0; 64]))),
        ("other header", format!("{}.{payload}.{signature}", text(r#"{"alg":"ES256","kid":"1","x":1}"#))),
        ("padding", format!("{head}.{payload}.{signature}==")),
        ("five parts", format!("{good}.a.b")),
        ("critical extension", header(&[("crit", json!(["exp"]))])),
        ("payload as it is", header(&[("b64", json!(false))])),
        (
            "claim twice",
            ours.sign(
                r#"{"alg":"ES256","kid":"1"}"#,
                &format!(r#"{{"iss":"{ISSUER}","aud":"x","aud":"{AUDIENCE}","exp":{}}}"#, now_s + 600),
            ),
        ),
        ("algorithm twice", ours.sign(r#"{"alg":"none","alg":"ES256","kid":"1"}"#, &claims(&[]).to_string())),
        ("claims that are none", ours.sign(r#"{"alg":"ES256","kid":"1"}"#, "[]")),
        ("garbage", "a.b.c".to_owned()),
        ("dots", "..".to_owned()),
    ];
    for round in 0..2 {
        for token in &taken {
            let answer = with_token(&gateway, "/a", token);
            assert_eq!((answer.status(), answer.text()), (200, "in"), "{round} {token}");
        }
        for (name, token) in &refused {
            let answer = with_token(&gateway, "/a", token);
            assert_eq!((answer.status(), answer.text()), (401, UNAUTHORIZED), "{name} {round}");
            assert_eq!(answer.field("x-amzn-errortype"), Some("UnauthorizedException"), "{name}");
        }
        let answer = with_token(&gateway, "/a", &changed(&[("exp", json!(now_s - 1))]));
        assert_eq!((answer.status(), answer.text()), (401, EXPIRED));
    }
    // One that runs out while it is kept.
    let short = changed(&[("exp", json!(now_s + 3))]);
    let first = with_token(&gateway, "/a", &short);
    assert!(first.status() == 200 || first.text() == EXPIRED, "{}", first.text());
    wait_until("the end of a token", || with_token(&gateway, "/a", &short).text() == EXPIRED);
    // Neither is a token in a log, nor why it was refused in an answer.
    let lines = gateway.log(10);
    let log = lines.iter().map(Value::to_string).collect::<String>() + &gateway.output();
    assert!(!log.contains(signature) && !log.contains(payload));
    let noted = lines.iter().filter_map(|line| line["error"].as_str()).any(|error| error.contains("audience"));
    assert!(noted, "the log says what a token lacks");
}

/// Without `algorithms` it is those of AWS: RSA alone.
fn every_algorithm_that_is_configured(driver: Driver) {
    let signers = [Signer::elliptic("e"), Signer::edwards("d"), Signer::rsa("r")];
    let keys = Keys::new(&[&signers[0], &signers[1], &signers[2]]);
    let gateway = gateway(&locked(jwt(&keys, &[])), driver).start();
    ready(&gateway, &signers[2].token(&claims(&[])));
    let statuses = || signers.each_ref().map(|signer| with_token(&gateway, "/a", &signer.token(&claims(&[]))).status());
    assert_eq!(statuses(), [200, 200, 200]);
    // Configured algorithms are taken without a key's name too, which AWS demands.
    let nameless =
        |signer: &Signer| with_token(&gateway, "/a", &signer.with_header(&[("kid", Value::Null)], &claims(&[])));
    assert_eq!(signers.each_ref().map(|signer| nameless(signer).status()), [200, 200, 200]);
    for (algorithms, expected) in
        [(Value::Null, [401, 401, 200]), (json!(["EdDSA"]), [401, 200, 401]), (json!(["RS512"]), [401, 401, 401])]
    {
        gateway.write("api0.yaml", &locked(jwt(&keys, &[("algorithms", algorithms.clone())])).text());
        assert_eq!(gateway.reload().status(), 200);
        assert_eq!(statuses(), expected, "{algorithms}");
        if algorithms.is_null() {
            assert_eq!(nameless(&signers[2]).status(), 401);
        }
    }
}

fn where_a_token_stands(driver: Driver) {
    let signer = Signer::elliptic("1");
    let keys = Keys::new(&[&signer]);
    let api = locked(jwt(&keys, &[]));
    let gateway = gateway(&api, driver).set("limits.header_bytes_max", 20_000).start();
    let token = signer.token(&claims(&[]));
    ready(&gateway, &token);
    let client = &mut gateway.connect();
    #[track_caller]
    fn check(client: &mut Client, fields: &str, status: u16) {
        assert_eq!(send(client, "GET /a", fields).status(), status, "{fields}");
    }
    for spelling in ["Bearer ", "bearer ", "BEARER ", "Bearer   ", ""] {
        check(client, &format!("Authorization: {spelling}{token}\r\n"), 200);
    }
    check(client, &format!("aUTHORIZATION:Bearer {token} \r\n"), 200);
    for spelling in ["Basic ", "Bearer\t", "Bearer,", "Bearer Bearer ", "Bearer: ", "JWT ", "x"] {
        check(client, &format!("Authorization: {spelling}{token}\r\n"), 401);
    }
    check(client, "", 401);
    check(client, "Authorization:\r\n", 401);
    check(client, "Authorization: Bearer\r\n", 401);
    check(client, &format!("Authorization: Bearer {token}, Bearer {token}\r\n"), 401);
    check(client, &format!("Authorization: Bearer {token}\r\nAuthorization: Bearer {token}\r\n"), 401);
    check(client, &format!("Authorization: Bearer {token}\r\nauthorization: x\r\n"), 401);
    check(client, &format!("X-Authorization: Bearer {token}\r\n"), 401);
    check(client, &format!("Cookie: Authorization={token}\r\n"), 401);
    check(client, &format!("Proxy-Authorization: Bearer {token}\r\n"), 401);
    check(client, &format!("Authorization: Bearer {}\r\n", "a".repeat(12_000)), 401);
    let in_query = send(client, &format!("GET /a?Authorization={token}&access_token={token}"), "");
    assert_eq!(in_query.status(), 401);
    assert_eq!(send(client, "GET /open", "").text(), "open");
    // From a header of another name, and from no other then.
    let mut authorizer = jwt(&keys, &[]);
    authorizer["identitySource"] = json!("method.request.header.X-Token");
    gateway.write("api0.yaml", &locked(authorizer).text());
    assert_eq!(gateway.reload().status(), 200);
    check(client, &format!("x-token: {token}\r\n"), 200);
    check(client, &format!("X-Token: Bearer {token}\r\nAuthorization: Basic x\r\n"), 200);
    check(client, &format!("Authorization: Bearer {token}\r\n"), 401);
    check(client, &format!("X_Token: {token}\r\n"), 401);
}

fn pools(server: &Backend, driver: Driver, arns: Value) -> Gateway {
    pools_with(server, driver, json!({ "providerARNs": arns }))
}

fn pools_with(server: &Backend, driver: Driver, authorizer: Value) -> Gateway {
    let api = locked(with(authorizer, &[("type", json!("cognito_user_pools"))]));
    gateway(&api, driver).set("jwt.cognito_endpoint", server.url()).start()
}

/// `identityValidationExpression` of a user pool's authorizer. (API reference, `API_Authorizer`.)
fn an_expression_is_about_the_audience(driver: Driver) {
    let signer = Signer::rsa("1");
    let set = key_set(&[&signer]);
    let server = Backend::start(move |conversation| conversation.send(&set));
    let expression = json!("client-[12]");
    let gateway =
        pools_with(&server, driver, json!({ "providerARNs": [POOL], "identityValidationExpression": expression }));
    let status = |path: &str, changes: &[(&str, Value)]| {
        with_token(&gateway, path, &signer.token(&pool_claims(changes))).status()
    };
    ready(&gateway, &signer.token(&pool_claims(&[("aud", json!("client-1"))])));
    for _ in 0..2 {
        assert_eq!(status("/a", &[("aud", json!("client-2"))]), 200);
        for other in [json!("client-3"), json!("client-12"), json!(["client-1"]), json!(""), Value::Null] {
            assert_eq!(status("/a", &[("aud", other.clone())]), 401, "{other}");
        }
        // Access tokens are for no audience.
        let access = [("token_use", json!("access")), ("scope", json!("pets/read")), ("aud", Value::Null)];
        assert_eq!(status("/scoped", &access), 401);
    }
}

fn user_pools_tell_their_tokens_apart(driver: Driver) {
    let (first, second) = (Signer::rsa("1"), Signer::rsa("2"));
    let sets = [key_set(&[&first]), key_set(&[&second])];
    let server = Backend::start(move |conversation| match conversation.request.target() {
        "/us-east-1_Pool1/.well-known/jwks.json" => conversation.send(&sets[0]),
        "/us-east-1_Pool2/.well-known/jwks.json" => conversation.send(&sets[1]),
        other => panic!("{other} is no pool's"),
    });
    let gateway = pools(&server, driver, json!([POOL, POOL.replace("Pool1", "Pool2")]));
    let second_issuer = json!(POOL_ISSUER.replace("Pool1", "Pool2"));
    ready(&gateway, &first.token(&pool_claims(&[])));
    ready(&gateway, &second.token(&pool_claims(&[("iss", second_issuer.clone())])));
    #[track_caller]
    fn check(gateway: &Gateway, signer: &Signer, changes: &[(&str, Value)], expected: [u16; 2]) {
        let token = signer.token(&pool_claims(changes));
        for round in 0..2 {
            let found = ["/a", "/scoped"].map(|path| with_token(gateway, path, &token).status());
            assert_eq!(found, expected, "{changes:?} {round}");
        }
    }
    let local = json!(format!("{}/us-east-1_Pool1", server.url()));
    let access = ("token_use", json!("access"));
    check(&gateway, &first, &[("iss", local)], [200, 401]);
    check(&gateway, &first, &[("aud", json!("any client of the pool"))], [200, 401]);
    check(&gateway, &first, &[access.clone(), ("scope", json!("pets/read"))], [401, 200]);
    check(&gateway, &first, &[("token_use", Value::Null), ("scope", json!("pets/read"))], [401, 401]);
    check(&gateway, &first, &[("token_use", json!("refresh"))], [401, 401]);
    check(&gateway, &second, &[access, ("iss", second_issuer.clone()), ("scope", json!("pets/write"))], [401, 200]);
    // Who signs for one pool does not sign for the other.
    check(&gateway, &first, &[("iss", second_issuer)], [401, 401]);
    check(&gateway, &second, &[], [401, 401]);
    check(&gateway, &first, &[("iss", json!(ISSUER))], [401, 401]);
    check(&gateway, &first, &[("exp", json!(now_s() - 5))], [401, 401]);
}

/// `TestInvokeAuthorizer`, with the keys that a deployed API has fetched.
fn a_test_verifies_a_pools_token(driver: Driver) {
    let (signer, stranger) = (Signer::rsa("1"), Signer::rsa("1"));
    let set = key_set(&[&signer]);
    let server = Backend::start(move |conversation| conversation.send(&set));
    let gateway = pools(&server, driver, json!([POOL]));
    ready(&gateway, &signer.token(&pool_claims(&[])));
    let id = |made: Value| made["id"].as_str().expect("an id").to_owned();
    let api = id(gateway.manage("POST", "/restapis", &json!({ "name": "tried" })));
    let path = format!("/restapis/{api}/authorizers");
    let source = "method.request.header.Authorization";
    let made = json!({ "name": "p", "type": "COGNITO_USER_POOLS", "providerARNs": [POOL], "identitySource": source });
    let own = format!("{path}/{}", id(gateway.manage("POST", &path, &made)));
    let tried = |token: &str| gateway.manage("POST", &own, &json!({ "headers": { "Authorization": token } }));
    let answer = tried(&signer.token(&pool_claims(&[("sub", json!("ann"))])));
    assert_eq!((&answer["clientStatus"], &answer["claims"]["sub"]), (&json!(0), &json!("ann")), "{answer}");
    for token in [stranger.token(&pool_claims(&[])), signer.token(&pool_claims(&[("exp", json!(1))])), "t".to_owned()] {
        let answer = tried(&token);
        assert_eq!(answer["clientStatus"], 401, "{answer}");
        assert!(answer.get("claims").is_none(), "{answer}");
    }
}

fn scopes_are_a_methods_own(driver: Driver) {
    let signer = Signer::elliptic("1");
    let keys = Keys::new(&[&signer]);
    let gateway = gateway(&locked(jwt(&keys, &[])), driver).start();
    ready(&gateway, &signer.token(&claims(&[])));
    for (scopes, status) in [
        (vec![("scope", json!("pets/read"))], 200),
        (vec![("scope", json!("openid pets/write other"))], 200),
        (vec![("scp", json!(["pets/write"]))], 200),
        (vec![("scope", json!(["x", "pets/read"]))], 200),
        (vec![], 403),
        (vec![("scope", json!(""))], 403),
        (vec![("scope", json!("pets pets/reader PETS/READ"))], 403),
        (vec![("scope", json!("pets/read,pets/write"))], 403),
        (vec![("scope", json!({ "pets/read": true }))], 403),
        (vec![("scope", json!("x")), ("scp", json!(["pets/write"]))], 403),
    ] {
        let token = signer.token(&claims(&scopes));
        for round in 0..2 {
            let answer = with_token(&gateway, "/scoped", &token);
            assert_eq!(answer.status(), status, "{scopes:?} {round}");
            if status == 403 {
                let body = r#"{"message":"User is not authorized to access this resource"}"#;
                assert_eq!(answer.text(), body);
                assert_eq!(answer.field("x-amzn-errortype"), Some("AccessDeniedException"));
            }
            // One token, two methods: what is kept of it is not what it may do.
            assert_eq!(with_token(&gateway, "/a", &token).status(), 200);
        }
    }
}

fn keys_come_late_and_change(driver: Driver) {
    let (old, new) = (Signer::elliptic("old"), Signer::elliptic("new"));
    let keys = Keys::new(&[]);
    keys.set(DOWN.to_owned());
    let gateway = gateway(&locked(jwt(&keys, &[])), driver)
        .set("jwt.early_refresh_ms", 1000)
        .set("jwt.refresh_ms", 1000)
        .set("jwt.refresh_min_ms", 1000)
        .start();
    let (by_old, by_new) = (old.token(&claims(&[])), new.token(&claims(&[])));
    keys.server.wait_for_requests(1);
    for _ in 0..3 {
        assert_eq!(with_token(&gateway, "/a", &by_old).status(), 401, "without keys no token is good");
    }
    keys.set(key_set(&[&old]));
    ready(&gateway, &by_old);
    assert_eq!(with_token(&gateway, "/a", &by_new).status(), 401);
    keys.set(key_set(&[&old, &new]));
    ready(&gateway, &by_new);
    assert_eq!(with_token(&gateway, "/a", &by_old).status(), 200);
    // One that was kept falls with its key.
    keys.set(key_set(&[&new]));
    wait_until("the end of the old key", || with_token(&gateway, "/a", &by_old).status() == 401);
    assert_eq!(with_token(&gateway, "/a", &by_new).status(), 200);
    // The server is away: what is known stays good.
    keys.set(DOWN.to_owned());
    let asked = keys.server.requests().len();
    keys.server.wait_for_requests(asked + 2);
    assert_eq!(with_token(&gateway, "/a", &by_new).status(), 200);
    assert_eq!(with_token(&gateway, "/a", &new.token(&claims(&[("sub", json!("x"))]))).status(), 200);
    assert_eq!(with_token(&gateway, "/a", &by_old).status(), 401);
}

fn what_a_token_says_is_not_fetched(driver: Driver) {
    let (ours, evil) = (Signer::elliptic("1"), Signer::elliptic("evil"));
    let trap = Backend::answering(key_set(&[&evil]));
    let keys = Keys::new(&[&ours]);
    let gateway = gateway(&locked(jwt(&keys, &[])), driver).start();
    ready(&gateway, &ours.token(&claims(&[])));
    let url = json!(trap.url());
    for header in [
        vec![("jku", url.clone())],
        vec![("x5u", url.clone())],
        vec![("jwk", evil.jwk())],
        vec![("jwk", evil.jwk()), ("kid", json!("1"))],
        vec![("jku", url.clone()), ("kid", json!("1"))],
        vec![("jku", url.clone()), ("kid", Value::Null)],
        vec![("kid", url.clone())],
        vec![("x5c", json!([STANDARD.encode([0; 64])]))],
    ] {
        assert_eq!(with_token(&gateway, "/a", &evil.with_header(&header, &claims(&[]))).status(), 401, "{header:?}");
    }
    let own_issuer = evil.token(&claims(&[("iss", url)]));
    assert_eq!(with_token(&gateway, "/a", &own_issuer).status(), 401);
    assert_eq!(with_token(&gateway, "/a", &ours.token(&claims(&[]))).status(), 200);
    assert_eq!(trap.connections(), 0);
}

/// A fetch at the start, and one that the first unknown key may ask for.
fn made_up_keys_do_not_ask_the_issuer_again_and_again(driver: Driver) {
    let signer = Signer::elliptic("1");
    let keys = Keys::new(&[&signer]);
    let gateway = gateway(&locked(jwt(&keys, &[])), driver).start();
    let good = signer.token(&claims(&[]));
    ready(&gateway, &good);
    let client = &mut gateway.connect();
    let payload = text(claims(&[]).to_string());
    for number in 0..1000 {
        let header = text(json!({ "alg": "ES256", "kid": format!("key-{number}") }).to_string());
        let token = format!("{header}.{payload}.{}", text([1; 64]));
        assert_eq!(send(client, "GET /a", &format!("Authorization: Bearer {token}\r\n")).status(), 401);
    }
    assert_eq!(send(client, "GET /a", &format!("Authorization: Bearer {good}\r\n")).status(), 200);
    let asked = keys.server.requests().len();
    assert!(asked <= 2, "asked {asked} times");
}

/// Whoever could say what the keys are could let anybody in: what is odd is no key.
fn a_key_set_that_is_not_the_issuers(driver: Driver) {
    let (good, evil) = (Signer::elliptic("1"), Signer::elliptic("1"));
    let trap = Backend::answering(key_set(&[&evil]));
    let secret = b"0123456789abcdef0123456789abcdef";
    let symmetric = {
        let signed = format!("{}.{}", text(r#"{"alg":"HS256","kid":"s"}"#), text(claims(&[]).to_string()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
        format!("{signed}.{}", text(tag))
    };
    let encryption = with(evil.jwk(), &[("use", json!("enc")), ("kid", json!("enc"))]);
    let off_curve = json!({ "kty": "EC", "crv": "P-256", "kid": "off", "x": text([1; 32]), "y": text([1; 32]) });
    let padded = format!("{{\"keys\":[{}],\"x\":\"{}\"}}", evil.jwk(), "x".repeat(200_000));
    let body = json!({ "keys": [evil.jwk()] }).to_string();
    let redirect = format!("HTTP/1.1 302 Found\r\nLocation: {}/\r\nContent-Length: 0\r\n\r\n", trap.url());
    let answers = [
        ("redirect", redirect),
        ("moved", format!("HTTP/1.1 308 Permanent Redirect\r\nLocation: {}/\r\nContent-Length: 0\r\n\r\n", trap.url())),
        ("too large", format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{padded}", padded.len())),
        ("an error with keys", format!("HTTP/1.1 500 No\r\nContent-Length: {}\r\n\r\n{body}", body.len())),
        ("no JSON", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>".to_owned()),
        (
            "broken off",
            format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len() + 9),
        ),
    ];
    for (name, answer) in answers {
        let keys = Keys::new(&[]);
        keys.set(answer);
        let gateway = gateway(&locked(jwt(&keys, &[])), driver).set("jwt.fetch_timeout_ms", 300).start();
        wait_until("the failed fetch", || gateway.output().contains("keys could not be fetched"));
        assert_eq!(with_token(&gateway, "/a", &evil.token(&claims(&[]))).status(), 401, "{name}");
        assert_eq!(with_token(&gateway, "/a", &evil.with_header(&[("kid", Value::Null)], &claims(&[]))).status(), 401);
    }
    assert_eq!(trap.connections(), 0);
    let keys = Keys::new(&[]);
    let shared = json!({ "kty": "oct", "kid": "s", "alg": "HS256", "k": text(secret) });
    keys.set(key_set_of(&[shared, encryption, off_curve, good.jwk()]));
    let gateway = gateway(&locked(jwt(&keys, &[])), driver).start();
    ready(&gateway, &good.token(&claims(&[])));
    for token in [
        symmetric,
        evil.with_header(&[("kid", json!("enc"))], &claims(&[])),
        evil.with_header(&[("kid", json!("off"))], &claims(&[])),
    ] {
        assert_eq!(with_token(&gateway, "/a", &token).status(), 401, "{token}");
    }
}

fn claims_are_told_to_templates_headers_and_logs(driver: Driver) {
    let signer = Signer::rsa("1");
    let keys = Keys::new(&[&signer]);
    let backend = Backend::named();
    let mut integration = crate::harness::http_proxy(backend.url());
    integration["requestParameters"] = json!({
        "integration.request.header.x-sub": "context.authorizer.claims.sub",
        "integration.request.header.x-tenant": "context.authorizer.claims.custom:tenant",
        "integration.request.header.x-none": "context.authorizer.claims.none",
    });
    let mut line = crate::harness::http_proxy(backend.url());
    line["requestParameters"] = json!({ "integration.request.header.x-line": "context.authorizer.claims.custom:line" });
    let said = r#"$context.authorizer.claims.sub|$context.authorizer.claims.email_verified|$context.authorizer.claims.groups|$context.authorizer.claims['cognito:groups']|$context.authorizer.claims.none"#;
    let mapped = json!({
        "type": "mock", "requestTemplates": { "application/json": "{\"statusCode\": 200}" },
        "responses": { "default": { "statusCode": "200", "responseTemplates": { "application/json": said } } },
    });
    let locks = json!([{ "auth": [] }]);
    let api = locked(json!({ "type": "cognito_user_pools", "providerARNs": [POOL] }))
        .route("GET /proxy", integration)
        .on("GET /proxy", "security", locks.clone())
        .route("GET /line", line)
        .on("GET /line", "security", locks.clone())
        .route("GET /fn", lambda("f"))
        .on("GET /fn", "security", locks.clone())
        .route("GET /mapped", mapped)
        .on("GET /mapped", "security", locks)
        .with("x-tollgate-stages", json!({ "default": { "accessLogSettings": {
            "format": r#"{"id":"$context.requestId","sub":"$context.authorizer.claims.sub","principal":"$context.authorizer.principalId","error":"$context.authorizer.error"}"#,
        } } }));
    let functions = functions(|_, event| {
        let told = event["requestContext"]["authorizer"].to_string();
        Invoked::Result(json!({ "statusCode": 200, "body": told }))
    });
    let gateway = gateway(&api, driver)
        .set("jwt.cognito_endpoint", keys.server.url())
        .set("aws.credentials", "off")
        .set("aws.endpoints", format!("lambda={}", functions.url()))
        .start();
    let token = signer.token(&pool_claims(&[
        ("email_verified", json!(true)),
        ("groups", json!(["a", "b"])),
        ("cognito:groups", json!(["a", "b"])),
        ("custom:tenant", json!("blue")),
        ("custom:line", json!("a\r\nX-Evil: 1")),
    ]));
    ready(&gateway, &token);
    let spoofed = "X-Tenant: red\r\nx-sub: root\r\nX-Sub: root\r\n";
    for round in 0..2 {
        let fields = format!("Authorization: {token}\r\n{spoofed}");
        assert_eq!(send(&mut gateway.connect(), "GET /proxy", &fields).status(), 200);
        let seen = backend.last();
        assert_eq!((seen.field("x-sub"), seen.field("x-tenant")), (Some("somebody"), Some("blue")), "{round}");
        assert_eq!(seen.values("x-none").collect::<String>(), "", "{round}");
        assert_eq!(with_token(&gateway, "/mapped", &token).text(), "somebody|true|a,b|a,b|", "{round}");
    }
    // A claim does not end a header's line.
    with_token(&gateway, "/line", &token);
    assert!(!backend.last().has("x-evil"), "{}", backend.last().head);
    let told: Value = serde_json::from_str(with_token(&gateway, "/fn", &token).text()).expect("JSON");
    assert_eq!(told.as_object().expect("an object").keys().collect::<Vec<_>>(), ["claims"]);
    let told = &told["claims"];
    assert_eq!((&told["cognito:groups"], &told["email_verified"]), (&json!("a,b"), &json!("true")));
    assert!(told["exp"].as_str().is_some_and(|time| time.contains(" UTC 2")), "{told}");
    assert_eq!(with_token(&gateway, "/mapped", "x.y.z").status(), 401);
    // Of the last call nobody is named.
    wait_until("the last line", || {
        let lines = gateway.log(1);
        let named = lines.iter().filter(|line| line["sub"] == "somebody").count();
        named == 7 && lines.last().is_some_and(|line| line["sub"] == "-")
    });
}

fn an_audience_that_a_deployment_takes_away(driver: Driver) {
    let signer = Signer::elliptic("1");
    let keys = Keys::new(&[&signer]);
    let of = |audiences: Value| locked(jwt(&keys, &[("audience", audiences)]));
    let gateway = gateway(&of(json!(["client-0", AUDIENCE])), driver).start();
    let token = signer.token(&claims(&[]));
    ready(&gateway, &token);
    for (audiences, status) in [(json!(["client-0"]), 401), (json!([AUDIENCE]), 200), (json!(["x"]), 401)] {
        gateway.write("api0.yaml", &of(audiences.clone()).text());
        assert_eq!(gateway.reload().status(), 200);
        assert_eq!(with_token(&gateway, "/a", &token).status(), status, "{audiences}");
    }
}
