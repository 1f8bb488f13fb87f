//! Signing and verifying as a whole; AWS's own vectors are in `tests/signatures.rs`.

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SCOPE: Scope<'_> = Scope { region: "us-east-1", service: "apigateway" };
const SKEW: u64 = 300;

type Change = fn(&mut Sent);

/// A request that owns what it has, so that a test can change it.
#[derive(Clone, Debug, PartialEq)]
struct Sent {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Sent {
    fn new() -> Sent {
        let headers: &[(&str, &[u8])] =
            &[("Host", b"127.0.0.1:8081"), ("Content-Type", b"application/json"), ("X-Amz-Meta", b"a  b")];
        Sent {
            method: "POST".to_owned(),
            path: "/restapis/a%20b/x".to_owned(),
            query: "mode=overwrite&mode=a&failonwarnings".to_owned(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect(),
            body: b"{\"name\":\"pets\"}".to_vec(),
        }
    }

    fn signed(mut self) -> Sent {
        let credentials =
            Credentials { access_key_id: "AKID".to_owned(), secret_access_key: SECRET.to_owned(), session_token: None };
        let added = self.with_request(|request| sign(request, &credentials, SCOPE, now()));
        self.headers.extend(added.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())));
        self
    }

    fn with_request<R>(&self, see: impl FnOnce(&Request<'_>) -> R) -> R {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        see(&Request {
            method: &self.method,
            path: &self.path,
            path_style: PathStyle::Normalized,
            query: &self.query,
            headers: &headers,
            body: &self.body,
        })
    }

    /// By hand: with these fields.
    fn signature(&self, names: &[&str]) -> String {
        let mut canonical = self.with_request(|request| canonical::head(request, names));
        canonical.extend_from_slice(hash(&self.body).as_bytes());
        SigningKey::derive(SECRET, "20150830", SCOPE).signature(now(), &hash(&canonical))
    }

    /// The head by itself, for a key with this session token.
    fn head_verified(&self, session_token: Option<&str>) -> Result<BodyHash, SignError> {
        self.with_request(|request| {
            let claim = Claim::parse(request)?;
            let key = SigningKey::derive(SECRET, &claim.date, claim.scope());
            let without_body = Request { body: b"not looked at", ..*request };
            verify_head(&without_body, &claim, Known { key: &key, session_token }, now(), SKEW)
        })
    }

    fn verified(&self, now: Timestamp) -> Result<(), SignError> {
        self.with_request(|request| verify(request, &Claim::parse(request)?, SECRET, now, SKEW))
    }

    fn header(&mut self, name: &str) -> &mut Vec<u8> {
        let found = self.headers.iter_mut().find(|(found, _)| found.eq_ignore_ascii_case(name));
        &mut found.expect("tests name fields that are there").1
    }

    fn replace(&mut self, name: &str, from: &str, to: &str) {
        let value = self.header(name);
        let text = String::from_utf8(value.clone()).expect("what tests sign is text");
        assert!(text.contains(from), "{text} has no {from}");
        *value = text.replace(from, to).into_bytes();
    }

    fn add(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
    }
}

fn now() -> Timestamp {
    Timestamp::parse("20150830T123600Z").expect("a time")
}

#[test]
fn what_was_signed_is_verified() {
    assert_eq!(Sent::new().signed().verified(now()), Ok(()));
}

fn temporary() -> Credentials {
    Credentials {
        access_key_id: "ASIA".to_owned(),
        secret_access_key: SECRET.to_owned(),
        session_token: Some("token-1".to_owned()),
    }
}

#[test]
fn a_session_token_is_signed_and_the_keys_own() {
    let mut sent = Sent::new();
    for (name, value) in sent.with_request(|request| sign(request, &temporary(), SCOPE, now())) {
        sent.add(name, &value);
    }
    assert_eq!(sent.verified(now()), Ok(()));
    check_token(&sent, Some("token-1"), Ok(()));
    check_token(&sent, Some("token-2"), Err(SignError::UnrecognizedClient));
    check_token(&sent, None, Err(SignError::UnrecognizedClient));
    check_token(&Sent::new().signed(), None, Ok(()));
    check_token(&Sent::new().signed(), Some("token-1"), Err(SignError::UnrecognizedClient));
    let mut unsigned = sent.clone();
    unsigned.replace(AUTHORIZATION, ";x-amz-security-token", "");
    check_token(&unsigned, Some("token-1"), Err(SignError::UnsignedHeader(SECURITY_TOKEN.to_owned())));
    *sent.header(SECURITY_TOKEN) = b"other".to_vec();
    assert_eq!(sent.verified(now()), Err(SignError::SignatureDoesNotMatch));
    check_token(&sent, Some("other"), Err(SignError::SignatureDoesNotMatch));
    let shown = format!("{:?} {:?}", temporary(), sent.with_request(Claim::parse));
    assert!(!shown.contains(SECRET) && !shown.contains("token-") && !shown.contains("other"), "{shown}");
}

#[test]
fn a_presigned_request_has_its_token_in_the_query() {
    let token = "X-Amz-Security-Token=token-1&";
    check_token(&presigned("60", token), Some("token-1"), Ok(()));
    check_token(&presigned("60", token), None, Err(SignError::UnrecognizedClient));
    check_token(&presigned("60", ""), Some("token-1"), Err(SignError::UnrecognizedClient));
    let mut added = presigned("60", "");
    added.query += "&X-Amz-Security-Token=token-1";
    check_token(&added, Some("token-1"), Err(SignError::SignatureDoesNotMatch));
    let incomplete = |reason: &str| Err(SignError::IncompleteSignature(reason.to_owned()));
    let twice = presigned("60", &token.repeat(2));
    check_token(&twice, Some("token-1"), incomplete("The query has 'X-Amz-Security-Token' twice."));
    let mut both = presigned("60", token);
    both.add(SECURITY_TOKEN, "token-1");
    let reason = "The request has a session token in both the query and a header.";
    check_token(&both, Some("token-1"), incomplete(reason));
}

#[track_caller]
fn check_token(sent: &Sent, of_key: Option<&str>, expected: Result<(), SignError>) {
    let found = sent.head_verified(of_key).and_then(|left| left.check(&digest_of(&sent.body)));
    assert_eq!(found, expected);
}

fn digest_of(body: &[u8]) -> [u8; 32] {
    let mut hasher = BodyHasher::new();
    body.chunks(3).for_each(|piece| hasher.update(piece));
    hasher.finish()
}

#[test]
fn the_head_is_judged_before_the_body() {
    let body = Sent::new().body;
    let declared = |sent: &mut Sent| sent.add(CONTENT_SHA256, &hash(&body));
    let mut known = Sent::new();
    declared(&mut known);
    let known = known.signed();
    let left = known.head_verified(None).expect("the head is signed");
    assert!(left.is_declared());
    assert_eq!(left.check(&digest_of(&body)), Ok(()));
    let other = known.head_verified(None).expect("the head is signed");
    assert_eq!(other.check(&digest_of(b"another")), Err(SignError::ContentHashMismatch));
    let mut forged = known;
    forged.method = "PUT".to_owned();
    let refused = forged.head_verified(None).map(|left| left.is_declared());
    assert_eq!(refused, Err(SignError::SignatureDoesNotMatch), "no body is read for it");

    let waiting = |sent: &Sent| sent.head_verified(None).expect("it waits for the body");
    let undeclared = Sent::new().signed();
    assert!(!waiting(&undeclared).is_declared());
    assert_eq!(waiting(&undeclared).check(&digest_of(&body)), Ok(()));
    assert_eq!(waiting(&undeclared).check(&verify::EMPTY_SHA256), Err(SignError::SignatureDoesNotMatch));
    let mut forged = undeclared;
    forged.method = "PUT".to_owned();
    assert_eq!(waiting(&forged).check(&digest_of(&body)), Err(SignError::SignatureDoesNotMatch));
    let mut empty = Sent::new();
    empty.body.clear();
    assert_eq!(waiting(&empty.signed()).check(&verify::EMPTY_SHA256), Ok(()));
    assert_eq!(verify::EMPTY_SHA256, digest_of(b""));
}

#[test]
fn a_signature_is_for_one_service_and_region() {
    let claim = Sent::new().signed().with_request(Claim::parse).expect("it was signed");
    let check = |region: Option<&str>, service: &str, expected: Result<(), &str>| {
        let found = claim.check_scope(region, service).map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(str::to_owned));
    };
    check(None, "apigateway", Ok(()));
    check(Some("us-east-1"), "apigateway", Ok(()));
    let region = "Credential should be scoped to a valid region, not 'us-east-1'.";
    check(Some("eu-west-1"), "apigateway", Err(region));
    let service = "Credential should be scoped to correct service: 'execute-api'.";
    check(Some("us-east-1"), "execute-api", Err(service));
}

#[test]
fn fields_sent_twice() {
    let mut sent = Sent::new();
    sent.add("X-Amz-Meta", "c");
    let sent = sent.signed();
    assert_eq!(sent.verified(now()), Ok(()), "they are one line, in their order");
    let mut turned = sent.clone();
    (turned.headers[2].1, turned.headers[3].1) = (b"c".to_vec(), b"a b".to_vec());
    assert_eq!(turned.verified(now()), Err(SignError::SignatureDoesNotMatch));
    let mut declared = Sent::new();
    let body_hash = hash(&declared.body);
    declared.add(CONTENT_SHA256, &body_hash);
    declared.add(CONTENT_SHA256, &body_hash);
    let reason = "The header 'x-amz-content-sha256' is sent more than once.".to_owned();
    assert_eq!(declared.signed().verified(now()), Err(SignError::IncompleteSignature(reason)));
    for name in ["Host", DATE, AUTHORIZATION, SECURITY_TOKEN] {
        let mut sent = Sent::new().signed();
        sent.add(name, "x");
        sent.add(name, "x");
        let reason = format!("The header '{}' is sent more than once.", name.to_ascii_lowercase());
        assert_eq!(sent.verified(now()), Err(SignError::IncompleteSignature(reason)), "{name}");
    }
}

#[test]
fn whatever_is_changed_is_noticed() {
    let changes: &[(&str, Change)] = &[
        ("method", |sent| sent.method = "PUT".to_owned()),
        ("path", |sent| sent.path.push('y')),
        ("path's encoding", |sent| sent.path = "/restapis/a%2520b/x".to_owned()),
        ("query", |sent| sent.query = "mode=overwrite".to_owned()),
        ("one parameter more", |sent| sent.query.push_str("&x")),
        ("another value", |sent| sent.query = "mode=a&mode=overwritf&failonwarnings".to_owned()),
        ("host", |sent| *sent.header("host") = b"elsewhere".to_vec()),
        ("content type", |sent| *sent.header("content-type") = b"text/plain".to_vec()),
        ("one field more of a signed name", |sent| sent.add("content-type", "text/plain")),
        ("body", |sent| sent.body.push(b' ')),
        ("no body", |sent| sent.body.clear()),
        ("time", |sent| *sent.header(DATE) = b"20150830T123601Z".to_vec()),
        ("region", |sent| sent.replace(AUTHORIZATION, "us-east-1", "us-east-2")),
        ("service", |sent| sent.replace(AUTHORIZATION, "/apigateway/", "/execute-api/")),
        ("signature", |sent| sent.replace(AUTHORIZATION, "Signature=", "Signature=0")),
        ("no content type among the signed", |sent| sent.replace(AUTHORIZATION, "=content-type;", "=")),
        ("one name more among the signed", |sent| sent.replace(AUTHORIZATION, ";x-amz-meta", ";x-amz-meta;x-b")),
    ];
    for (what, change) in changes {
        let mut sent = Sent::new().signed();
        change(&mut sent);
        assert_eq!(sent.verified(now()), Err(SignError::SignatureDoesNotMatch), "{what}");
    }
}

#[test]
fn what_does_not_change_the_meaning_is_let_pass() {
    let changes: &[Change] = &[
        |sent| sent.add("user-agent", "x"),
        |sent| sent.headers.reverse(),
        |sent| sent.query = "failonwarnings=&mode=a&mode=%6fverwrite".to_owned(),
        |sent| sent.path = "/./restapis//a%20b/z/../x".to_owned(),
        |sent| *sent.header("x-amz-meta") = b" a b ".to_vec(),
        |sent| sent.replace(AUTHORIZATION, ", ", ","),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut sent = Sent::new().signed();
        change(&mut sent);
        assert_eq!(sent.verified(now()), Ok(()), "change {number}");
    }
}

#[track_caller]
fn check_refused(change: impl FnOnce(&mut Sent), error_type: &str, message: &str) {
    let mut sent = Sent::new().signed();
    change(&mut sent);
    let error = sent.verified(now()).expect_err("it is refused");
    assert_eq!((error.error_type(), error.to_string().as_str()), (error_type, message));
}

#[test]
fn what_must_be_signed_is() {
    let invalid = "InvalidSignatureException";
    let host = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
    check_refused(|sent| sent.replace(AUTHORIZATION, ";host", ""), invalid, host);
    check_refused(|sent| drop(sent.headers.remove(0)), invalid, host);
    let date = "'x-amz-date' must be a 'SignedHeader' in the AWS Authorization.";
    check_refused(|sent| sent.replace(AUTHORIZATION, ";x-amz-date", ""), invalid, date);
    let other = "'x-amz-other' must be a 'SignedHeader' in the AWS Authorization.";
    check_refused(|sent| sent.add("X-Amz-Other", "1"), invalid, other);
}

#[test]
fn a_declared_hash_is_the_bodys() {
    let declared = |hash: &str| {
        let mut sent = Sent::new();
        sent.add(CONTENT_SHA256, hash);
        sent.signed()
    };
    let body_hash = hash(&Sent::new().body);
    assert_eq!(declared(&body_hash).verified(now()), Ok(()));
    assert_eq!(declared(&hash(b"other")).verified(now()), Err(SignError::ContentHashMismatch));
    for text in [
        UNSIGNED_PAYLOAD,
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
        "",
        &body_hash.to_uppercase(),
        &body_hash[1..],
    ] {
        assert_eq!(declared(text).verified(now()), Err(SignError::UnsignedPayload), "{text}");
        let head = declared(text).head_verified(None).map(|left| left.is_declared());
        assert_eq!(head, Err(SignError::UnsignedPayload), "{text}");
    }
    let mut sent = declared(&body_hash);
    sent.body.push(b' ');
    assert_eq!(sent.verified(now()), Err(SignError::ContentHashMismatch));
}

#[test]
fn times_away_from_now() {
    let check = |now: &str, expected: Result<(), &str>| {
        let found = Sent::new().signed().verified(Timestamp::parse(now).expect("a time"));
        assert_eq!(found.map_err(|error| error.to_string()), expected.map_err(str::to_owned), "{now}");
    };
    check("20150830T124100Z", Ok(()));
    check("20150830T123100Z", Ok(()));
    check(
        "20150830T124101Z",
        Err("Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)"),
    );
    check(
        "20150830T123059Z",
        Err("Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 \
             min.)"),
    );
}

#[test]
fn the_days_agree() {
    let message = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                   '20150829' != '20150830', from '20150830T123600Z'.";
    check_refused(|sent| sent.replace(AUTHORIZATION, "/20150830/", "/20150829/"), "InvalidSignatureException", message);
}

#[test]
fn the_date_field_stands_in() {
    let mut sent = Sent::new();
    sent.headers.remove(2);
    sent.add("Date", "Sun, 30 Aug 2015 12:36:00 GMT");
    let signature = sent.signature(&["date", "host"]);
    let scope = "AKID/20150830/us-east-1/apigateway/aws4_request";
    sent.add(
        "Authorization",
        &format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=date;host, Signature={signature}"),
    );
    assert_eq!(sent.verified(now()), Ok(()));
}

#[test]
fn what_is_no_signature() {
    let incomplete = "IncompleteSignatureException";
    check_refused(
        |sent| drop(sent.headers.pop()),
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
    let all = "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' \
               parameter. Authorization header requires 'SignedHeaders' parameter.";
    for text in ["", "Bearer x", "AWS4-HMAC-SHA1 Credential=a", "AWS4-HMAC-SHA256Credential=a"] {
        check_refused(|sent| *sent.header(AUTHORIZATION) = text.as_bytes().to_vec(), incomplete, all);
    }
    let check = |from: &str, to: &str, message: &str| {
        check_refused(|sent| sent.replace(AUTHORIZATION, from, to), incomplete, message);
    };
    let pair = "Invalid key=value pair (missing equal-sign) in Authorization header.";
    check("Signature=", "Signature", pair);
    check("Signature=", ",Signature=", pair);
    check("Signature=", "Credential=x, Signature=", "The Authorization header has a parameter twice.");
    check("Signature=", "x=1, Signature=", "The Authorization header has a parameter that is not known.");
    let parts = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.";
    check("AKID/", "", parts);
    check("AKID/", "A/KID/", parts);
    check("us-east-1", "", parts);
    check("us-east-1", "us east", parts);
    check("aws4_request", "aws4", "Credential should be scoped with a valid terminator: 'aws4_request'.");
    check("/20150830/", "/2015083/", "The date in Credential must be written YYYYMMDD.");
    let names = "'SignedHeaders' must be lower-case names in ascending order with ';' between.";
    check(";host", ";Host", names);
    check(";host", ";host;host", names);
    check(";host", ";;host", names);
    check("content-type;host", "host;content-type", names);
    let no_date = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
    check_refused(|sent| sent.headers.retain(|(name, _)| name != DATE), incomplete, no_date);
    let bad_date = "Date must be in ISO-8601 'basic format', such as 20150830T123600Z.";
    check_refused(|sent| *sent.header(DATE) = b"now".to_vec(), incomplete, bad_date);
    let twice = "The header 'x-amz-date' is sent more than once.";
    check_refused(|sent| sent.add(DATE, "20150830T123600Z"), incomplete, twice);
    let both = "The request is signed in both the Authorization header and the query.";
    check_refused(|sent| sent.query.push_str("&X-Amz-Signature=1"), incomplete, both);
}

/// A presigned request, with what is given in front of its query.
fn presigned(expires: &str, more: &str) -> Sent {
    let mut sent = Sent::new();
    sent.headers.truncate(1);
    sent.query = format!(
        "{more}X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20150830%2Fus-east-1%2Fapigateway%2Faws4_request\
         &X-Amz-Date=20150830T123600Z&X-Amz-Expires={expires}&X-Amz-SignedHeaders=host"
    );
    sent.query += &format!("&X-Amz-Signature={}", sent.signature(&["host"]));
    sent
}

#[test]
fn presigned_requests() {
    assert_eq!(presigned("3600", "a=1&").verified(now().plus(3600)), Ok(()));
    let late = presigned("60", "").verified(now().plus(61)).map_err(|error| error.to_string());
    let message =
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T123701Z - 1 min.)";
    assert_eq!(late, Err(message.to_owned()));
    let mut longer = presigned("60", "");
    longer.query = longer.query.replace("Expires=60", "Expires=61");
    assert_eq!(longer.verified(now()), Err(SignError::SignatureDoesNotMatch));
    let mut more = presigned("60", "");
    more.query.push_str("&b=1");
    assert_eq!(more.verified(now()), Err(SignError::SignatureDoesNotMatch));
    let incomplete = |reason: &str| Err(SignError::IncompleteSignature(reason.to_owned()));
    for expires in ["0", "604801", "+60", "", "1e3"] {
        let reason = "'X-Amz-Expires' must be a number of seconds from 1 to 604800.";
        assert_eq!(presigned(&expires.replace('+', "%2B"), "").verified(now()), incomplete(reason), "{expires}");
    }
    let twice = presigned("60", "X-Amz-Date=20150830T123600Z&").verified(now());
    assert_eq!(twice, incomplete("The query has 'X-Amz-Date' twice."));
    let mut without = presigned("60", "");
    without.query = without.query.replace("X-Amz-SignedHeaders", "x");
    assert_eq!(without.verified(now()), incomplete("AWS query-string parameters must include 'X-Amz-SignedHeaders'."));
}

/// Requests of every shape, from a generator that is the same in every run.
#[test]
fn sign_then_verify() {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % bound
    };
    for _ in 0..2000 {
        let mut text = |alphabet: &[u8], length_max: usize| -> String {
            (0..below(length_max)).map(|_| char::from(alphabet[below(alphabet.len())])).collect()
        };
        let mut sent = Sent {
            method: text(b"GETPUS", 7),
            path: format!("/{}", text(b"ab/.%2fF+~:@", 20)),
            query: text(b"ab=&%+/;2E~", 30),
            headers: vec![("HOST".to_owned(), text(b"abc.:1", 12).into_bytes())],
            body: text(b"{}\":,x\n", 40).into_bytes(),
        };
        for _ in 0..4 {
            let name = format!("h{}", text(b"aBc-", 4));
            sent.headers.push((name, text(b"a b\t,\xE9", 12).into_bytes()));
        }
        let mut sent = sent.signed();
        assert_eq!(sent.verified(now()), Ok(()), "{sent:?}");
        sent.body.push(b'.');
        assert_eq!(sent.verified(now()), Err(SignError::SignatureDoesNotMatch), "{sent:?}");
    }
}
