//! Signatures: whatever is sent is judged without a panic, what was signed is verified, and not with another body or secret.

use tollgate::sign::{
    BodyHash, BodyHasher, Claim, Credentials, Known, PathStyle, Request, Scope, SignError, SigningKey, Timestamp, sign,
    verify, verify_head,
};

const SECRET: &str = "secret-of-AK";

/// A request as it is on the wire: a line with method and target, fields, an empty line, the body.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let (first, fields) = head.split_once('\n').unwrap_or((head, ""));
    let (method, target) = first.split_once(' ').unwrap_or((first, "/"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(&str, &[u8])> =
        fields.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.as_bytes())).collect();
    for path_style in [PathStyle::Normalized, PathStyle::Verbatim, PathStyle::S3] {
        let request = Request { method, path, path_style, query, headers: &headers, body: body.as_bytes() };
        check_sent(&request);
        check_signed(&request);
    }
}

fn check_sent(request: &Request<'_>) {
    let Ok(claim) = Claim::parse(request) else { return };
    let signed = claim.signed_headers.split(';');
    assert!(signed.clone().is_sorted() && signed.clone().all(|name| !name.is_empty()), "{}", claim.signed_headers);
    for part in [&claim.access_key_id, &claim.region, &claim.service] {
        assert!(!part.is_empty() && !part.contains('/') && part.is_ascii(), "{part:?}");
    }
    assert_eq!(Timestamp::parse(&claim.time.to_string()), Some(claim.time));
    let judged = verify(request, &claim, "a secret that signed nothing", claim.time, 0);
    assert!(judged.is_err(), "{claim:?}");
    assert_eq!(in_two_steps(request, &claim, "a secret that signed nothing"), judged);
}

/// The head first and without the body, then the body's hash.
fn in_two_steps(request: &Request<'_>, claim: &Claim, secret: &str) -> Result<(), SignError> {
    let key = SigningKey::derive(secret, &claim.date, claim.scope());
    let known = Known { key: &key, session_token: claim.session_token.as_deref() };
    let head = Request { body: b"not looked at", ..*request };
    let left: BodyHash = verify_head(&head, claim, known, claim.time, 0)?;
    let mut hasher = BodyHasher::new();
    request.body.chunks(5).for_each(|piece| hasher.update(piece));
    left.check(&hasher.finish())
}

fn check_signed(request: &Request<'_>) {
    let is_ours = |name: &str| ["authorization", "host"].contains(&name) || name.starts_with("x-amz-");
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let others = request.headers.iter().filter(|(name, _)| is_name(name) && !is_ours(&name.to_ascii_lowercase()));
    let mut headers: Vec<(&str, &[u8])> = others.copied().chain([("Host", b"127.0.0.1".as_slice())]).collect();
    let unsigned = Request { headers: &headers, ..*request };
    if Claim::parse(&unsigned) != Err(SignError::MissingAuthenticationToken) {
        return;
    }
    let credentials =
        Credentials { access_key_id: "AK".to_owned(), secret_access_key: SECRET.to_owned(), session_token: None };
    let now = Timestamp::from_seconds(1_440_938_160);
    let added = sign(&unsigned, &credentials, Scope { region: "us-east-1", service: "apigateway" }, now);
    headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
    let signed = Request { headers: &headers, ..*request };
    let claim = Claim::parse(&signed).expect("what was signed can be read");
    assert_eq!(verify(&signed, &claim, SECRET, now, 0), Ok(()));
    assert_eq!(in_two_steps(&signed, &claim, SECRET), Ok(()));
    assert_eq!(verify(&signed, &claim, "another", now, 0), Err(SignError::SignatureDoesNotMatch));
    let longer = [signed.body, b"x"].concat();
    let changed = Request { body: &longer, ..signed };
    assert_eq!(verify(&changed, &claim, SECRET, now, 0), Err(SignError::SignatureDoesNotMatch));
}
