use serde_json::{Value, json};

use super::issuer::{AUDIENCE, ISSUER, Issuer, NOW_S, good, with};
use crate::jwt::{JsonFault, JwtError, Part, TokenUse, Verified, Verifier};

fn verify(leeway_s: u32, claims: &str) -> Result<Verified, JwtError> {
    let issuer = Issuer::secret();
    let verifier = Verifier { leeway_s, ..issuer.verifier() };
    let token = issuer.sign(r#"{"alg":"HS256","kid":"1"}"#, claims);
    verifier.verify(token.as_bytes(), &issuer.keys(), NOW_S)
}

#[track_caller]
fn check(changes: &[(&str, Value)], expected: Result<(), JwtError>) {
    let claims = with(good(), changes).to_string();
    assert_eq!(verify(0, &claims).map(|_| ()), expected, "{claims}");
}

#[test]
fn the_expiry() {
    check(&[("exp", json!(NOW_S + 1))], Ok(()));
    check(&[("exp", json!(NOW_S))], Err(JwtError::Expired));
    check(&[("exp", json!(0))], Err(JwtError::Expired));
    check(&[("exp", json!(-1))], Err(JwtError::Expired));
    check(&[("exp", json!(i64::MIN))], Err(JwtError::Expired));
    check(&[("exp", json!(i64::MAX))], Ok(()));
    check(&[("exp", json!(u64::MAX))], Ok(()));
    check(&[("exp", Value::Null)], Err(JwtError::Missing("exp")));
    for exp in [json!("1800000000"), json!(1_800_000_000.5), json!(1.8e9), json!([1]), json!(true), json!({})] {
        check(&[("exp", exp)], Err(JwtError::WrongType("exp")));
    }
    let huge = good().to_string().replace(&(NOW_S + 300).to_string(), "1e400");
    assert_eq!(verify(0, &huge), Err(JwtError::Json(Part::Claims, JsonFault::Malformed)));
    let null = good().to_string().replace(&(NOW_S + 300).to_string(), "null");
    assert_eq!(verify(0, &null), Err(JwtError::WrongType("exp")));
}

#[test]
fn the_beginning() {
    for (claim, too_early) in [("nbf", JwtError::NotYetValid), ("iat", JwtError::IssuedInFuture)] {
        let wrong_type = match claim {
            "nbf" => JwtError::WrongType("nbf"),
            _ => JwtError::WrongType("iat"),
        };
        check(&[(claim, Value::Null)], Ok(()));
        check(&[(claim, json!(NOW_S))], Ok(()));
        check(&[(claim, json!(NOW_S as f64 - 0.5))], Ok(()));
        check(&[(claim, json!(-1e300))], Ok(()));
        check(&[(claim, json!(i64::MIN))], Ok(()));
        check(&[(claim, json!(NOW_S + 1))], Err(too_early));
        check(&[(claim, json!(NOW_S as f64 + 0.25))], Err(too_early));
        check(&[(claim, json!(1e300))], Err(too_early));
        check(&[(claim, json!(u64::MAX))], Err(too_early));
        check(&[(claim, json!("1"))], Err(wrong_type));
        check(&[(claim, json!([]))], Err(wrong_type));
    }
}

#[test]
fn leeway_is_as_much_as_is_said() {
    let at = |claim: &str, offset_s: i64| verify(5, &with(good(), &[(claim, json!(NOW_S + offset_s))]).to_string());
    assert!(at("exp", -4).is_ok());
    assert_eq!(at("exp", -5), Err(JwtError::Expired));
    assert!(at("nbf", 5).is_ok());
    assert_eq!(at("nbf", 6), Err(JwtError::NotYetValid));
    assert!(at("iat", 5).is_ok());
    assert_eq!(at("iat", 6), Err(JwtError::IssuedInFuture));
}

#[test]
fn a_token_that_was_verified_runs_out() {
    let verified = verify(0, &good().to_string()).expect("it is good");
    assert_eq!(verified.expires_at_s, NOW_S + 300);
    let verifier = Issuer::secret().verifier();
    assert_eq!(verifier.recheck(&verified, NOW_S + 299), Ok(()));
    assert_eq!(verifier.recheck(&verified, NOW_S + 300), Err(JwtError::Expired));
    assert_eq!(verifier.recheck(&verified, NOW_S - 2), Err(JwtError::IssuedInFuture));
    assert_eq!(verified.claims["sub"], "somebody");
}

#[test]
fn the_issuer_is_exact() {
    check(&[("iss", json!(format!("{ISSUER}/")))], Err(JwtError::Issuer));
    check(&[("iss", json!(ISSUER.to_uppercase()))], Err(JwtError::Issuer));
    check(&[("iss", json!(ISSUER.replace("https", "http")))], Err(JwtError::Issuer));
    check(&[("iss", json!(""))], Err(JwtError::Issuer));
    check(&[("iss", Value::Null)], Err(JwtError::Missing("iss")));
    check(&[("iss", json!([ISSUER]))], Err(JwtError::WrongType("iss")));
}

#[test]
fn the_audience_is_in_aud_or_else_in_client_id() {
    check(&[("aud", json!(AUDIENCE))], Ok(()));
    check(&[("aud", json!(["a", AUDIENCE, 1]))], Ok(()));
    check(&[("aud", json!([]))], Err(JwtError::Audience));
    check(&[("aud", json!(["a", "b"]))], Err(JwtError::Audience));
    check(&[("aud", json!(format!("{AUDIENCE} ")))], Err(JwtError::Audience));
    check(&[("aud", json!("a")), ("client_id", json!(AUDIENCE))], Err(JwtError::Audience));
    check(&[("aud", json!([])), ("client_id", json!(AUDIENCE))], Err(JwtError::Audience));
    check(&[("aud", json!(1))], Err(JwtError::WrongType("aud")));
    check(&[("aud", Value::Null)], Err(JwtError::Audience));
    check(&[("aud", Value::Null), ("client_id", json!(AUDIENCE))], Ok(()));
    check(&[("aud", Value::Null), ("client_id", json!("a"))], Err(JwtError::Audience));
    check(&[("aud", Value::Null), ("client_id", json!([AUDIENCE]))], Err(JwtError::Audience));
}

#[test]
fn scopes_are_in_scope_or_else_in_scp() {
    let of = |changes: &[(&str, Value)], scopes: &[&str]| {
        verify(0, &with(good(), changes).to_string()).expect("it is good").check_scopes(scopes)
    };
    let read = &["pets/read", "pets/write"][..];
    assert_eq!(of(&[], &[]), Ok(()));
    assert_eq!(of(&[], read), Err(JwtError::Scope));
    assert_eq!(of(&[("scope", json!("openid pets/write"))], read), Ok(()));
    assert_eq!(of(&[("scope", json!("openid pets/writer pets"))], read), Err(JwtError::Scope));
    assert_eq!(of(&[("scope", json!(""))], &[""]), Ok(()));
    assert_eq!(of(&[("scope", json!(["pets/read"]))], read), Ok(()));
    assert_eq!(of(&[("scp", json!(["openid", "pets/read"]))], read), Ok(()));
    assert_eq!(of(&[("scp", json!("pets/read openid"))], read), Ok(()));
    assert_eq!(of(&[("scp", json!([["pets/read"]]))], read), Err(JwtError::Scope));
    assert_eq!(of(&[("scope", json!("none")), ("scp", json!("pets/read"))], read), Err(JwtError::Scope));
    assert_eq!(of(&[("scope", json!({"pets/read": 1}))], read), Err(JwtError::Scope));
}

#[test]
fn what_a_user_pools_token_is_for() {
    let of = |token_use: Value, wanted| {
        verify(0, &with(good(), &[("token_use", token_use)]).to_string()).expect("it is good").check_use(wanted)
    };
    assert_eq!(of(json!("id"), TokenUse::Id), Ok(()));
    assert_eq!(of(json!("access"), TokenUse::Access), Ok(()));
    assert_eq!(of(json!("access"), TokenUse::Id), Err(JwtError::TokenUse));
    assert_eq!(of(json!("id"), TokenUse::Access), Err(JwtError::TokenUse));
    assert_eq!(of(json!(["id"]), TokenUse::Id), Err(JwtError::TokenUse));
    assert_eq!(of(Value::Null, TokenUse::Id), Err(JwtError::TokenUse));
}
