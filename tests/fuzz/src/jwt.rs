//! Tokens and key sets: whatever is sent is judged without a panic, and the one token that a key signed is the only one
//! that is taken, written in the one way that there is.

use tollgate::jwt::jws::Token;
use tollgate::jwt::{Algorithm, Algorithms, Audience, KeyOrigin, KeySet, KeySetBounds, Verifier};

/// RFC 8037, A.1 and A.4.
const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
    hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
const BOUNDS: KeySetBounds = KeySetBounds { bytes_max: 64 * 1024, keys_max: 8 };

/// A token, a line end, and a document with keys.
pub fn check(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (token, document) = (&input[..end], input.get(end + 1..).unwrap_or_default());
    let ours = KeySet::parse(KEYS.as_bytes(), KeyOrigin::Published, BOUNDS).expect("it is a set").keys;
    check_token(token, &ours);
    for origin in [KeyOrigin::Published, KeyOrigin::Configured] {
        let Ok(parsed) = KeySet::parse(document, origin, BOUNDS) else { continue };
        assert!(parsed.keys.len() + parsed.skipped.len() <= BOUNDS.keys_max && document.len() <= BOUNDS.bytes_max);
        let symmetric = read(token, &parsed.keys, Algorithms::SYMMETRIC);
        assert!(symmetric.is_none() || origin == KeyOrigin::Configured, "a published key is no secret");
        let asymmetric = read(token, &parsed.keys, Algorithms::ASYMMETRIC);
        assert!(symmetric.is_none() || asymmetric.is_none(), "one or the other");
    }
}

fn read(token: &[u8], keys: &KeySet, algorithms: Algorithms) -> Option<Vec<u8>> {
    Token::parse(token, 8192).ok()?.payload(keys, algorithms).ok()
}

fn check_token(token: &[u8], keys: &KeySet) {
    let every = Algorithms::of(&Algorithm::ALL);
    let payload = read(token, keys, every);
    assert_eq!(payload.is_some(), token == TOKEN.as_bytes(), "{:?}", String::from_utf8_lossy(token));
    let verifier = Verifier {
        algorithms: every,
        kid_required: false,
        ..Verifier::of_issuer("https://issuer.example", Audience::Any)
    };
    assert!(verifier.verify(token, keys, 0).is_err(), "it has no claims");
}
