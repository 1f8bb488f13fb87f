use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::issuer::{AUDIENCE, Issuer, NOW_S, good, keys_of, text, with};
use crate::jwt::{Algorithm, Algorithms, JsonFault, JwtError, KeySet, Part, Verifier};

struct Case {
    issuer: Issuer,
    keys: KeySet,
    verifier: Verifier,
}

impl Case {
    fn new(issuer: Issuer) -> Case {
        Case { keys: issuer.keys(), verifier: issuer.verifier(), issuer }
    }

    #[track_caller]
    fn check(&self, token: &str, expected: Result<(), JwtError>) {
        let verified = self.verifier.verify(token.as_bytes(), &self.keys, NOW_S);
        let shown = &token[..token.len().min(200)];
        assert_eq!(verified.map(|_| ()), expected, "{shown}");
    }

    /// A token with a right signature over this header.
    #[track_caller]
    fn check_header(&self, header: &Value, expected: Result<(), JwtError>) {
        self.check(&self.issuer.sign(&header.to_string(), &good().to_string()), expected);
    }
}

#[test]
fn good_tokens_of_every_kind_of_key() {
    for issuer in [Issuer::elliptic(), Issuer::edwards(), Issuer::rsa(), Issuer::secret()] {
        let case = Case::new(issuer);
        case.check(&case.issuer.token(&good()), Ok(()));
    }
}

#[test]
fn a_token_without_a_signature() {
    let case = Case::new(Issuer::elliptic());
    let claims = text(good().to_string());
    for name in ["none", "None", "nOnE", "NONE", "", "es256", "ES256 ", "HS1"] {
        let header = text(json!({"alg": name, "kid": "1"}).to_string());
        case.check(&format!("{header}.{claims}."), Err(JwtError::UnknownAlgorithm));
        case.check(&format!("{header}.{claims}"), Err(JwtError::NotThreeParts));
        case.check_header(&json!({"alg": name, "kid": "1"}), Err(JwtError::UnknownAlgorithm));
    }
    for alg in [Value::Null, json!(["ES256"]), json!(256), json!({"alg": "ES256"})] {
        case.check_header(&json!({"alg": alg, "kid": "1"}), Err(JwtError::UnknownAlgorithm));
    }
    case.check_header(&json!({"kid": "1"}), Err(JwtError::UnknownAlgorithm));
    let token = case.issuer.token(&good());
    let (signed, _) = token.rsplit_once('.').expect("three parts");
    case.check(&format!("{signed}."), Err(JwtError::Signature));
    case.check(signed, Err(JwtError::NotThreeParts));
}

/// CVE-2015-9235 and its kin: what is public taken for a secret.
#[test]
fn a_public_key_is_no_secret() {
    for issuer in [Issuer::rsa(), Issuer::elliptic()] {
        let mut case = Case::new(issuer);
        let jwk = with(case.issuer.jwk(), &[("kid", json!("1"))]);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", text(jwk.to_string()));
        let header = text(json!({"alg": "HS256", "kid": "1"}).to_string());
        let signed = format!("{header}.{}", text(good().to_string()));
        let raw = jwk.get("n").or_else(|| jwk.get("x")).and_then(Value::as_str).unwrap_or_default().to_owned();
        for secret in [jwk.to_string(), json!({"keys": [jwk]}).to_string(), pem, raw, String::new()] {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            let token = format!("{signed}.{}", text(hmac::sign(&key, signed.as_bytes())));
            case.verifier.algorithms = Algorithms::of(&[case.issuer.algorithm()]);
            case.check(&token, Err(JwtError::AlgorithmNotAllowed));
            // Even where somebody allows both.
            case.verifier.algorithms = Algorithms::of(&Algorithm::ALL);
            case.check(&token, Err(JwtError::KeyDoesNotFit));
        }
    }
}

/// CVE-2018-0114: the token brings its key.
#[test]
fn a_key_in_the_header_is_not_used() {
    let (case, attacker) = (Case::new(Issuer::elliptic()), Issuer::elliptic());
    let jwk = with(attacker.jwk(), &[("kid", json!("1"))]);
    for (name, value) in [
        ("jwk", jwk.clone()),
        ("jku", json!("https://attacker.example/keys")),
        ("x5u", json!("https://attacker.example/certificate")),
        ("x5c", json!([text(jwk.to_string())])),
    ] {
        let header = with(json!({"alg": "ES256", "kid": "1"}), &[(name, value)]);
        case.check(&attacker.sign(&header.to_string(), &good().to_string()), Err(JwtError::Signature));
        case.check_header(&header, Ok(()));
    }
}

#[test]
fn kid_is_a_name_in_the_set_and_nothing_else() {
    let case = Case::new(Issuer::elliptic());
    let header = |kid: Value| json!({"alg": "ES256", "kid": kid});
    for kid in ["2", "", "1 ", "1\0", "../../../dev/null", "1' OR '1'='1", "\u{ff11}"] {
        case.check_header(&header(json!(kid)), Err(JwtError::UnknownKey));
    }
    case.check_header(&header(json!("1".repeat(4000))), Err(JwtError::UnknownKey));
    case.check_header(&header(json!("1".repeat(64_000))), Err(JwtError::TooLong));
    for kid in [json!(["1"]), json!(1), json!({"1": 1}), Value::Null, json!(true)] {
        case.check_header(&header(kid), Err(JwtError::KeyIdNotText));
    }
    case.check_header(&json!({"alg": "ES256"}), Err(JwtError::KeyIdMissing));
}

#[test]
fn without_kid_some_keys_are_tried() {
    let issuer = Issuer::edwards();
    let others: Vec<Value> = (0..3).map(|_| Issuer::edwards().jwk()).collect();
    let keys = keys_of(&[&others[..], &[Issuer::elliptic().jwk(), issuer.jwk()]].concat());
    let verifier = Verifier { kid_required: false, ..issuer.verifier() };
    let token = issuer.sign(r#"{"alg":"EdDSA"}"#, &good().to_string());
    assert_eq!(verifier.verify(token.as_bytes(), &keys, NOW_S).map(|_| ()), Ok(()), "the fourth that fits");
    let keys = keys_of(&[&others[..], &[Issuer::edwards().jwk(), issuer.jwk()]].concat());
    assert_eq!(verifier.verify(token.as_bytes(), &keys, NOW_S), Err(JwtError::Signature), "the fifth is not tried");
    let keys = keys_of(&[Issuer::elliptic().jwk()]);
    assert_eq!(verifier.verify(token.as_bytes(), &keys, NOW_S), Err(JwtError::UnknownKey));
    assert_eq!(verifier.verify(token.as_bytes(), &KeySet::empty(), NOW_S), Err(JwtError::NoKeys));
}

#[test]
fn extensions_that_the_header_demands_are_not_known() {
    let case = Case::new(Issuer::elliptic());
    let header = json!({"alg": "ES256", "kid": "1"});
    for (name, value, expected) in [
        ("crit", json!(["exp"]), Err(JwtError::UnknownExtension)),
        ("crit", json!([]), Err(JwtError::UnknownExtension)),
        ("crit", json!("b64"), Err(JwtError::UnknownExtension)),
        ("b64", json!(false), Err(JwtError::UnknownExtension)),
        ("b64", json!("true"), Err(JwtError::UnknownExtension)),
        ("b64", json!(true), Ok(())),
        ("zip", json!("DEF"), Ok(())),
        ("p2c", json!(2_147_483_648_u64), Ok(())),
        ("typ", json!("at+jwt"), Ok(())),
    ] {
        case.check_header(&with(header.clone(), &[(name, value)]), expected);
    }
    // Encrypted with a password, after ever so many rounds.
    let header = text(json!({"alg": "PBES2-HS512+A256KW", "enc": "A256GCM", "p2c": 2_147_483_648_u64}).to_string());
    case.check(&format!("{header}.AA.AA.AA.AA"), Err(JwtError::NotThreeParts));
    case.check(&format!("{header}.AA.AA"), Err(JwtError::UnknownAlgorithm));
}

#[test]
fn a_token_is_written_in_one_way() {
    let case = Case::new(Issuer::edwards());
    let token = case.issuer.token(&good());
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    for (token, expected) in [
        (format!("{header}=.{claims}.{signature}"), Err(JwtError::Base64(Part::Header))),
        (format!("{header}.{claims}.{signature}=="), Err(JwtError::Base64(Part::Signature))),
        (format!("{header}.{claims}.{signature} "), Err(JwtError::Base64(Part::Signature))),
        (format!("{header}.{claims}.{signature}\n"), Err(JwtError::Base64(Part::Signature))),
        (format!(" {token}"), Err(JwtError::Base64(Part::Header))),
        (format!("{header}.{claims}\n.{signature}"), Err(JwtError::Signature)),
        (format!("{header}.{claims}.{}", signature.replace(['-', '_'], "/")), Err(JwtError::Base64(Part::Signature))),
        (format!("{token}."), Err(JwtError::NotThreeParts)),
        (format!(".{token}"), Err(JwtError::NotThreeParts)),
        (String::new(), Err(JwtError::NotThreeParts)),
        (format!("{header}.{claims}.{}", "A".repeat(4096)), Err(JwtError::Signature)),
        ("a".repeat(100_000), Err(JwtError::TooLong)),
        (".".repeat(8192), Err(JwtError::NotThreeParts)),
    ] {
        let unchanged = token == format!("{header}.{claims}.{signature}");
        case.check(&token, if unchanged { Ok(()) } else { expected });
    }
    // Bits that the last letter has too many, in a signature of 64 bytes.
    let last = signature.chars().last().expect("a signature");
    let other = char::from(last as u8 + 1);
    case.check(
        &format!("{header}.{claims}.{}{other}", &signature[..signature.len() - 1]),
        Err(JwtError::Base64(Part::Signature)),
    );
    // Signed as they are, and yet not base64url.
    for claims in [format!("{claims}="), format!("{claims}\n"), format!("{claims} ")] {
        let signed = format!("{header}.{claims}");
        let signature = text(case.issuer.sign_bytes(signed.as_bytes()));
        case.check(&format!("{signed}.{signature}"), Err(JwtError::Base64(Part::Claims)));
    }
}

#[test]
fn members_that_are_twice() {
    let case = Case::new(Issuer::elliptic());
    let duplicate = |part| Err(JwtError::Json(part, JsonFault::DuplicateMember));
    let claims = good().to_string();
    let twice = r#"{"alg":"none","kid":"1","alg":"ES256"}"#;
    case.check(&case.issuer.sign(twice, &claims), duplicate(Part::Header));
    case.check(&case.issuer.sign(r#"{"kid":"1","alg":"ES256","kid":"1"}"#, &claims), duplicate(Part::Header));
    let header = r#"{"alg":"ES256","kid":"1"}"#;
    let twice = format!("{{\"exp\":1,{}", &claims[1..]);
    case.check(&case.issuer.sign(header, &twice), duplicate(Part::Claims));
    let malformed = Err(JwtError::Json(Part::Claims, JsonFault::Malformed));
    for claims in ["", "[]", "null", "\"x\"", "{\"exp\":", "{\"exp\":1e400}", "eyJhbGciOiJub25lIn0.e30."] {
        case.check(&case.issuer.sign(header, claims), malformed);
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(2000), "]".repeat(2000));
    case.check(&case.issuer.sign(header, &deep), Err(JwtError::Json(Part::Claims, JsonFault::TooDeep)));
    case.check(&case.issuer.sign(&deep, &claims), Err(JwtError::Json(Part::Header, JsonFault::TooDeep)));
}

#[test]
fn a_signature_that_is_another_tokens() {
    let case = Case::new(Issuer::elliptic());
    let token = case.issuer.token(&good());
    let other = case.issuer.token(&with(good(), &[("sub", json!("root"))]));
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (token, other) = (parts(&token), parts(&other));
    case.check(&format!("{}.{}.{}", token[0], token[1], other[2]), Err(JwtError::Signature));
    case.check(&format!("{}.{}.{}", token[0], other[1], token[2]), Err(JwtError::Signature));
    let header = text(r#"{"kid":"1","alg":"ES256"}"#);
    case.check(&format!("{header}.{}.{}", token[1], token[2]), Err(JwtError::Signature));
    for signature in [[0; 64], [255; 64]] {
        case.check(&format!("{}.{}.{}", token[0], token[1], text(signature)), Err(JwtError::Signature));
    }
    // The same as DER, which is what other protocols have.
    let der = [&[0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01][..], &[0; 56]].concat();
    case.check(&format!("{}.{}.{}", token[0], token[1], text(der)), Err(JwtError::Signature));
}

#[test]
fn a_token_for_somebody_else() {
    let case = Case::new(Issuer::elliptic());
    let token = case.issuer.token(&good());
    let elsewhere =
        Verifier { audience: crate::jwt::Audience::OneOf(["another".into()].into()), ..case.issuer.verifier() };
    assert_eq!(elsewhere.verify(token.as_bytes(), &case.keys, NOW_S), Err(JwtError::Audience));
    let nobody = Verifier { audience: crate::jwt::Audience::OneOf([].into()), ..case.issuer.verifier() };
    assert_eq!(nobody.verify(token.as_bytes(), &case.keys, NOW_S), Err(JwtError::Audience));
    let anybody = Verifier { audience: crate::jwt::Audience::Any, ..case.issuer.verifier() };
    assert_eq!(anybody.verify(token.as_bytes(), &case.keys, NOW_S).map(|_| ()), Ok(()));
    assert!(good()["aud"] == AUDIENCE);
}

/// Two HS algorithms are two keys, two curves too: the token does not choose.
#[test]
fn a_key_is_for_its_own_algorithm() {
    let issuer = Issuer::rsa();
    let named = |algorithm: &str| with(issuer.jwk(), &[("kid", json!("1")), ("alg", json!(algorithm))]);
    let verifier = Verifier { algorithms: Algorithms::ASYMMETRIC, ..issuer.verifier() };
    let token = issuer.token(&good());
    for (algorithm, expected) in
        [("RS256", Ok(())), ("RS512", Err(JwtError::KeyDoesNotFit)), ("PS256", Err(JwtError::KeyDoesNotFit))]
    {
        let keys = keys_of(&[named(algorithm)]);
        assert_eq!(verifier.verify(token.as_bytes(), &keys, NOW_S).map(|_| ()), expected, "{algorithm}");
    }
}
