//! Calls of every kind against listeners with and without credentials.

use super::*;
use crate::sign::Credentials;
use axum::http::{HeaderName, HeaderValue};

const BODY: &[u8] = b"{\"name\":\"pets\"}";

fn now() -> Timestamp {
    Timestamp::parse("20150830T123600Z").expect("a time")
}

fn access(with_credentials: bool) -> Access {
    let key = |id: &str, scope| AccessKey { id: id.to_owned(), secret: format!("secret-of-{id}"), scope };
    let token = |name: &str, scope| Token { name: name.to_owned(), token: format!("token-of-{name}"), scope };
    let (access_keys, tokens) = match with_credentials {
        true => (
            vec![key("AKFULL", Scope::Full), key("AKREAD", Scope::ReadOnly)],
            vec![token("ci", Scope::Full), token("viewer", Scope::ReadOnly)],
        ),
        false => (Vec::new(), Vec::new()),
    };
    Access::new(AccessSettings { access_keys, tokens, region: "eu-central-1".to_owned(), clock_skew_ms: 300_000 })
}

/// A call with the fields given and a body, unsigned.
struct Asked {
    kind: CallKind,
    is_write: bool,
    query: String,
    headers: HeaderMap,
    peer: IpAddr,
}

impl Asked {
    fn new(kind: CallKind, is_write: bool) -> Asked {
        let peer = "127.0.0.1".parse().expect("an address");
        Asked { kind, is_write, query: String::new(), headers: HeaderMap::new(), peer }.field("host", "127.0.0.1:8081")
    }

    fn field(mut self, name: &'static str, value: &str) -> Asked {
        let value = HeaderValue::from_str(value).expect("a field's value");
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    fn signed_for(mut self, id: &str, secret: &str, region: &str, service: &str, at: Timestamp) -> Asked {
        let credentials =
            Credentials { access_key_id: id.to_owned(), secret_access_key: secret.to_owned(), session_token: None };
        let scope = sign::Scope { region, service };
        let added = self.call().with_request(BODY, |request| sign::sign(request, &credentials, scope, at));
        for (name, value) in added {
            self = self.field(name, &value);
        }
        self
    }

    fn signed(self, id: &str) -> Asked {
        self.signed_for(id, &format!("secret-of-{id}"), "us-east-1", SERVICE, now())
    }

    fn call(&self) -> Call<'_> {
        let Asked { kind, is_write, query, headers, peer } = self;
        Call { method: "POST", path: "/restapis", query, headers, peer: *peer, kind: *kind, is_write: *is_write }
    }

    #[track_caller]
    fn admitted(self, access: &Access, name: &str, scope: Scope, region: &str) {
        let principal = Principal { name: name.to_owned(), scope, region: region.to_owned() };
        assert_eq!(access.admit(&self.call(), BODY, now()), Ok(principal));
        assert_eq!(access.admit_head(&self.call(), now()), Ok(()));
    }

    /// `(status, error type)`, and what the message has in it.
    #[track_caller]
    fn refused(self, access: &Access, status: u16, error_type: &str, part: &str) {
        let refusal = access.admit(&self.call(), BODY, now()).expect_err("it is refused");
        assert_eq!((refusal.status.as_u16(), refusal.error_type), (status, error_type), "{refusal:?}");
        assert!(refusal.message.contains(part), "{refusal:?}");
    }
}

fn read() -> Asked {
    Asked::new(CallKind::Management, false)
}

fn write() -> Asked {
    Asked::new(CallKind::Management, true)
}

fn operate() -> Asked {
    Asked::new(CallKind::Operator, true)
}

#[test]
fn keys_and_tokens_are_known() {
    let access = access(true);
    assert!(!access.is_open() && access.warning().is_none());
    write().signed("AKFULL").admitted(&access, "AKFULL", Scope::Full, "us-east-1");
    read().signed("AKREAD").admitted(&access, "AKREAD", Scope::ReadOnly, "us-east-1");
    write().field("authorization", "Bearer token-of-ci").admitted(&access, "ci", Scope::Full, "eu-central-1");
    read().field("authorization", "bearer  token-of-viewer").admitted(
        &access,
        "viewer",
        Scope::ReadOnly,
        "eu-central-1",
    );
    operate().signed("AKFULL").admitted(&access, "AKFULL", Scope::Full, "us-east-1");
    operate().field("authorization", "Bearer token-of-ci").admitted(&access, "ci", Scope::Full, "eu-central-1");
}

#[test]
fn credentials_admit_from_everywhere_and_under_every_name() {
    let elsewhere = |asked: Asked| Asked { peer: "192.0.2.1".parse().expect("an address"), ..asked };
    elsewhere(write().field("host", "gateway.example").signed("AKFULL")).admitted(
        &access(true),
        "AKFULL",
        Scope::Full,
        "us-east-1",
    );
}

#[test]
fn readers_change_nothing() {
    let access = access(true);
    let part = "AKREAD is not authorized to perform this operation";
    write().signed("AKREAD").refused(&access, 403, "AccessDeniedException", part);
    operate().signed("AKREAD").refused(&access, 403, "AccessDeniedException", part);
    let viewer = || write().field("authorization", "Bearer token-of-viewer");
    viewer().refused(&access, 403, "AccessDeniedException", "viewer is not authorized");
    assert!(access.admit_head(&viewer().call(), now()).is_err());
}

#[test]
fn strangers_are_refused() {
    let access = access(true);
    let missing = "MissingAuthenticationTokenException";
    read().refused(&access, 403, missing, "Missing Authentication Token");
    operate().refused(&access, 401, missing, "Authorization: Bearer TOKEN");
    let unknown = "The security token included in the request is invalid.";
    read().signed("AKOTHER").refused(&access, 403, "UnrecognizedClientException", unknown);
    for token in ["", "token-of-c", "token-of-cii", "Token-of-ci"] {
        let asked = read().field("authorization", &format!("Bearer {token}"));
        asked.refused(&access, 403, "UnrecognizedClientException", unknown);
    }
    read().field("authorization", "Basic dTpw").refused(&access, 403, "IncompleteSignatureException", "requires");
}

#[test]
fn signatures_must_hold() {
    let (access, invalid) = (access(true), "InvalidSignatureException");
    let signed =
        |secret: &str, region: &str, service: &str, at| read().signed_for("AKFULL", secret, region, service, at);
    let secret = "secret-of-AKFULL";
    signed("other", "us-east-1", SERVICE, now()).refused(&access, 403, invalid, "does not match the signature");
    signed(secret, "us-east-1", "s3", now()).refused(&access, 403, invalid, "correct service: 'apigateway'");
    signed(secret, "../../etc", SERVICE, now()).refused(&access, 403, "IncompleteSignatureException", "5 slash");
    signed(secret, "US", SERVICE, now()).refused(&access, 403, invalid, "a valid region");
    signed(secret, &"a".repeat(33), SERVICE, now()).refused(&access, 403, invalid, "a valid region");
    let late = signed(secret, "us-east-1", SERVICE, now().minus(301));
    assert!(access.admit_head(&late.call(), now()).is_err(), "before the body is read");
    late.refused(&access, 403, invalid, "Signature expired");
    let changed = Asked { query: "mode=overwrite".to_owned(), ..read().signed("AKFULL") };
    changed.refused(&access, 403, invalid, "does not match the signature");
    let asked = read().signed("AKFULL");
    let refusal = access.admit(&asked.call(), b"another body", now()).expect_err("the body is signed");
    assert_eq!(refusal.claimed.as_deref(), Some("AKFULL"));
}

#[test]
fn without_credentials_any_signature_will_do() {
    let access = access(false);
    assert!(access.is_open() && access.warning().is_some());
    let year_ago = now().minus(31_536_000);
    let signed = |region: &str| write().signed_for("test", "test", region, "apigateway", year_ago);
    signed("eu-west-1").admitted(&access, "test", Scope::Full, "eu-west-1");
    signed("US").refused(&access, 403, "InvalidSignatureException", "a valid region");
    write().refused(&access, 403, "MissingAuthenticationTokenException", "Missing Authentication Token");
    operate().admitted(&access, "anonymous", Scope::Full, "eu-central-1");
}

#[test]
fn without_credentials_only_this_machine_is_answered() {
    let access = access(false);
    let from = |peer: &str, asked: Asked| Asked { peer: peer.parse().expect("an address"), ..asked };
    from("::ffff:127.0.0.1", operate()).admitted(&access, "anonymous", Scope::Full, "eu-central-1");
    from("192.0.2.1", operate()).refused(&access, 403, "AccessDeniedException", "its own machine only");
}

#[test]
fn without_credentials_pages_in_browsers_are_refused() {
    let (access, denied) = (access(false), "AccessDeniedException");
    let look = || Asked::new(CallKind::Operator, false);
    for asked in [read(), write(), operate(), look()] {
        let asked = asked.field("host", "rebound.example:8081").signed("a");
        asked.refused(&access, 403, denied, "neither an IP address nor localhost");
    }
    for asked in [read(), write(), operate(), look()] {
        asked.field("origin", "https://page.example").signed("a").refused(&access, 403, denied, "other origins");
    }
    look().admitted(&access, "anonymous", Scope::Full, "eu-central-1");
}

#[track_caller]
fn check(host: &str, origin: Option<&'static str>, allowed: bool) {
    let mut asked = write().field("host", host);
    if let Some(origin) = origin {
        asked = asked.field("origin", origin);
    }
    assert_eq!(from_here(&asked.headers).is_ok(), allowed, "{host} {origin:?}");
}

#[test]
fn only_direct_requests_may_change_anything() {
    check("127.0.0.1:8081", None, true);
    check("127.0.0.1", None, true);
    check("[::1]:8081", None, true);
    check("LOCALHOST:8081", None, true);
    check("10.1.2.3:8081", None, true);
    check("rebound.example:8081", None, false);
    check("127.0.0.1.example", None, false);
    check("[::1", None, false);
    check("", None, false);
    check("127.0.0.1:8081", Some("http://127.0.0.1:8081"), true);
    check("127.0.0.1:8081", Some("http://127.0.0.1:3000"), false);
    check("127.0.0.1:8081", Some("https://page.example"), false);
    check("127.0.0.1:8081", Some("null"), false);
}

#[test]
fn secrets_are_not_shown() {
    let key = AccessKey { id: "AK".to_owned(), secret: "hidden".to_owned(), scope: Scope::Full };
    let token = Token { name: "ci".to_owned(), token: "hidden".to_owned(), scope: Scope::Full };
    let settings = AccessSettings {
        access_keys: vec![key],
        tokens: vec![token],
        region: "us-east-1".to_owned(),
        clock_skew_ms: 1,
    };
    let shown = format!("{settings:?}");
    assert!(shown.contains("AK") && shown.contains("ci") && !shown.contains("hidden"), "{shown}");
}
