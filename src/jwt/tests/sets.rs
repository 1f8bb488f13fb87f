use serde_json::{Value, json};

use super::issuer::{Issuer, text, with};
use crate::jwt::{Algorithm, KeyOrigin, KeySet, KeySetBounds, KeySetError};

fn parse(document: &str, origin: KeyOrigin) -> Result<(usize, Vec<&'static str>), KeySetError> {
    let parsed = KeySet::parse(document.as_bytes(), origin, KeySetBounds { bytes_max: 100_000, keys_max: 5 })?;
    Ok((parsed.keys.len(), parsed.skipped.iter().map(|skipped| skipped.reason).collect()))
}

#[track_caller]
fn check_set(document: &str, expected: Result<usize, KeySetError>) {
    assert_eq!(parse(document, KeyOrigin::Published).map(|(keys, _)| keys), expected, "{document}");
}

/// A set of this key alone: whether it is used, or why not.
#[track_caller]
fn check_key(origin: KeyOrigin, jwk: &Value, expected: Result<(), &'static str>) {
    let (keys, skipped) = parse(&json!({"keys": [jwk]}).to_string(), origin).expect("a set");
    assert_eq!((keys, skipped.first().copied()), (usize::from(expected.is_ok()), expected.err()), "{jwk}");
}

#[test]
fn documents() {
    let key = Issuer::elliptic().jwk();
    check_set(r#"{"keys":[]}"#, Ok(0));
    check_set(&json!({"keys": [key], "more": {"a": [1]}}).to_string(), Ok(1));
    for malformed in
        ["", "{}", "[]", "null", r#"{"keys":{}}"#, r#"{"keys":null}"#, r#"{"keys":[],"keys":[]}"#, "<html>"]
    {
        check_set(malformed, Err(KeySetError::Malformed));
    }
    check_set(&format!("{{\"keys\":[]}}{}", " ".repeat(100_000)), Err(KeySetError::TooLarge));
    check_set(r#"{"keys":[1,2,3,4,5,6]}"#, Err(KeySetError::TooManyKeys));
    check_set(&format!("{{\"keys\":[1,\"x\",null,[],{key}]}}"), Ok(1));
    check_set(&format!("{{\"keys\":[{}{}]}}", "[".repeat(20_000), "]".repeat(20_000)), Ok(0));
}

#[test]
fn keys_that_are_not_for_signatures_are_left_out() {
    let key = Issuer::elliptic().jwk();
    let check = |changes: &[(&str, Value)], expected| {
        check_key(KeyOrigin::Published, &with(key.clone(), changes), expected);
    };
    check(&[], Ok(()));
    check(&[("use", json!("sig")), ("key_ops", json!(["verify"])), ("alg", json!("ES256"))], Ok(()));
    check(&[("use", json!("enc"))], Err("use is not sig"));
    check(&[("use", json!(["sig"]))], Err("use is not sig"));
    check(&[("key_ops", json!(["sign"]))], Err("key_ops has no verify"));
    check(&[("key_ops", json!([]))], Err("key_ops has no verify"));
    check(&[("key_ops", json!("verify"))], Err("key_ops has no verify"));
    check(&[("alg", json!("ES384"))], Err("alg does not fit kty and crv"));
    check(&[("alg", json!("HS256"))], Err("alg does not fit kty and crv"));
    check(&[("alg", json!("none"))], Err("alg is not a signature algorithm"));
    check(&[("alg", json!(1))], Err("alg is not a signature algorithm"));
    check(&[("kid", json!(1))], Err("kid is not a string"));
    check(&[("kty", json!("oct"))], Err("a member is missing or no string"));
    check(&[("kty", json!("XYZ"))], Err("kty is not known"));
    check(&[("kty", Value::Null)], Err("a member is missing or no string"));
    check(&[("d", json!("AA"))], Err("it is a private key"));
    check(&[("crv", json!("secp256k1"))], Err("crv is not known"));
    check(&[("crv", json!("P-384"))], Err("x or y has not the curve's length"));
    check(&[("x", json!(text([1; 32])))], Err("the point is not on the curve"));
    check(&[("x", json!("AA=="))], Err("a member is not base64url"));
    check(&[("y", json!(text([0; 33])))], Err("x or y has not the curve's length"));
}

#[test]
fn weak_rsa_keys_are_left_out() {
    let key = Issuer::rsa().jwk();
    let check = |modulus: Vec<u8>, exponent: &[u8], expected| {
        let jwk = with(key.clone(), &[("n", json!(text(modulus))), ("e", json!(text(exponent)))]);
        check_key(KeyOrigin::Published, &jwk, expected);
    };
    check_key(KeyOrigin::Published, &key, Ok(()));
    let bits = "the RSA key has less than 2048 bits";
    check(vec![0xff; 64], &[1, 0, 1], Err(bits));
    check([&[0x7f][..], &[0xff; 255]].concat(), &[1, 0, 1], Err(bits));
    check([&[0; 300][..], &[0xff; 64]].concat(), &[1, 0, 1], Err(bits));
    check(vec![], &[1, 0, 1], Err(bits));
    check(vec![0xff; 1025], &[1, 0, 1], Err("the RSA key has more than 8192 bits"));
    let exponent = "the RSA key's exponent is out of bounds";
    for bad in [&[1][..], &[0, 1], &[], &[0], &[2], &[1, 0, 0], &[1, 0, 0, 0, 1]] {
        check(vec![0xff; 256], bad, Err(exponent));
    }
}

#[test]
fn secrets_are_configured_and_never_published() {
    let secret = Issuer::secret().jwk();
    check_key(KeyOrigin::Configured, &secret, Ok(()));
    check_key(KeyOrigin::Published, &secret, Err("it is a secret, yet published"));
    let mixed = json!({"keys": [secret, Issuer::elliptic().jwk()]}).to_string();
    assert_eq!(parse(&mixed, KeyOrigin::Configured), Err(KeySetError::SecretsAmongPublicKeys));
    assert_eq!(parse(&mixed, KeyOrigin::Published).map(|(keys, _)| keys), Ok(1));
    let of = |secret: &[u8], algorithm| KeySet::of_secret(secret, algorithm).map(|keys| keys.len());
    assert_eq!(of(&[1; 32], Algorithm::Hs256), Ok(1));
    assert_eq!(of(&[1; 31], Algorithm::Hs256), Err(KeySetError::Secret));
    assert_eq!(of(&[1; 32], Algorithm::Hs512), Err(KeySetError::Secret));
    assert_eq!(of(&[1; 64], Algorithm::Rs256), Err(KeySetError::Secret));
}

#[test]
fn a_kid_of_two_keys_names_none() {
    let named = |issuer: Issuer, kid: &str| with(issuer.jwk(), &[("kid", json!(kid))]);
    let of = |keys: &[Value]| parse(&json!({"keys": keys}).to_string(), KeyOrigin::Published);
    let (first, second) = (named(Issuer::elliptic(), "1"), named(Issuer::elliptic(), "1"));
    let twins = vec!["another key has its kid"; 2];
    assert_eq!(of(&[first.clone(), second.clone(), named(Issuer::elliptic(), "2")]), Ok((1, twins)));
    assert_eq!(of(&[first.clone(), named(Issuer::edwards(), "1")]), Ok((2, vec![])), "of two algorithms");
    let encryption = with(second, &[("use", json!("enc"))]);
    let broken = with(first.clone(), &[("x", json!("AB"))]);
    let reasons = vec!["another key has its kid", "a member is not base64url"];
    assert_eq!(of(&[first.clone(), broken]), Ok((0, reasons)), "one cannot be read");
    assert_eq!(of(&[first, encryption]), Ok((1, vec!["use is not sig"])));
    assert_eq!(of(&[Issuer::elliptic().jwk(), Issuer::elliptic().jwk()]), Ok((2, vec![])), "without names");
}

#[test]
fn sets_are_compared_by_their_documents() {
    let of = |document: String| {
        KeySet::parse(document.as_bytes(), KeyOrigin::Published, KeySetBounds::default()).expect("a set").keys
    };
    let key = Issuer::elliptic().jwk();
    let (first, again) = (of(json!({"keys": [key]}).to_string()), of(json!({"keys": [key]}).to_string()));
    assert!(first.is_same(&again));
    assert!(!first.is_same(&of(json!({"keys": [Issuer::elliptic().jwk()]}).to_string())));
    assert!(!first.is_same(&KeySet::empty()));
    assert_eq!(format!("{first:?}"), "KeySet { keys: 1, .. }");
}
