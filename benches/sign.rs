//! Signatures: `cargo bench --bench sign`.
//!
//! The figure to keep: the head of a signed request is verified in less than 10 µs with a kept key, so that `AWS_IAM` costs
//! a request less than anything that it waits for.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tollgate::sign::{
    self, Claim, Credentials, Known, PathStyle, Request, Scope, SigningKey, SigningKeys, Timestamp, verify_head,
};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SCOPE: Scope<'_> = Scope { region: "eu-central-1", service: "execute-api" };
const BODY: &[u8] = br#"{"id":"o-4711","customer":"ada","lines":[{"sku":"A-1001","quantity":2}],"total":82.85}"#;

/// What botocore and a browser behind it send.
const HEADERS: &[(&str, &[u8])] = &[
    ("host", b"a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"),
    ("content-type", b"application/json"),
    ("accept", b"application/json"),
    ("x-amz-user-agent", b"aws-sdk-js/3.600.0"),
    ("x-request-source", b"web"),
];

fn credentials() -> Credentials {
    Credentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_access_key: SECRET.to_owned(),
        session_token: None,
    }
}

fn request<'a>(headers: &'a [(&'a str, &'a [u8])]) -> Request<'a> {
    Request {
        method: "POST",
        path: "/prod/orders/o-4711/lines",
        path_style: PathStyle::Normalized,
        query: "expand=customer&limit=20",
        headers,
        body: BODY,
    }
}

fn signatures(criterion: &mut Criterion) {
    let now = Timestamp::from_seconds(1_440_938_160);
    let credentials = credentials();
    let key = SigningKey::derive(SECRET, &now.date(), SCOPE);
    let body_hash = sign::hash(BODY);
    let mut declared = HEADERS.to_vec();
    declared.push((sign::CONTENT_SHA256, body_hash.as_bytes()));
    let added = sign::sign(&request(&declared), &credentials, SCOPE, now);
    let mut headers = declared.clone();
    headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
    let signed = request(&headers);

    criterion.bench_function("sign/derive a key", |bencher| {
        bencher.iter(|| SigningKey::derive(black_box(SECRET), "20150830", SCOPE));
    });
    criterion.bench_function("sign/sign a request with a kept key", |bencher| {
        bencher.iter(|| sign::sign_with(black_box(&request(HEADERS)), &credentials, &key, now));
    });
    criterion.bench_function("sign/verify a head with a kept key", |bencher| {
        let mut keys = SigningKeys::new(16);
        bencher.iter(|| {
            let claim = Claim::parse(black_box(&signed)).expect("it is signed");
            let key = keys.key(&claim.access_key_id, SECRET, &claim.date, claim.scope());
            verify_head(&signed, &claim, Known { key: &key, session_token: None }, now, 300).expect("it is signed")
        });
    });
    criterion.bench_function("sign/refuse a head with a wrong signature", |bencher| {
        let claim = Claim::parse(&signed).expect("it is signed");
        let wrong = SigningKey::derive("another", &claim.date, SCOPE);
        let known = Known { key: &wrong, session_token: None };
        bencher.iter(|| verify_head(black_box(&signed), &claim, known, now, 300).is_err());
    });
}

criterion_group!(benches, signatures);
criterion_main!(benches);
