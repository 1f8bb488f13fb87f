//! What a JSON Web Token costs that was not verified before, beside the bare check of its signature: `cargo bench --bench jwt`.
//!
//! The figures to keep: what is not the signature, the token's parts and its two objects, takes 5 µs at most. The claims are
//! those of an access token of Amazon Cognito.

use std::hint::black_box;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, ParsedPublicKey, RsaKeyPair, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};
use tollgate::jwt::{Algorithm, Algorithms, Audience, KeyOrigin, KeySet, KeySetBounds, Verifier};

const ISSUER: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEfGhI";
const CLIENT: &str = "1h57kf5cpq17m0eml12EXAMPLE";
const NOW_S: i64 = 1_700_000_000;

fn text(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn claims() -> Value {
    json!({
        "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "cognito:groups": ["admins", "editors"], "iss": ISSUER,
        "version": 2, "client_id": CLIENT, "origin_jti": "11111111-2222-3333-4444-555555555555", "token_use": "access",
        "scope": "openid profile pets/read pets/write", "auth_time": NOW_S, "exp": NOW_S + 3600, "iat": NOW_S,
        "jti": "99999999-8888-7777-6666-555555555555", "username": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
    })
}

/// A token of one issuer, and the key that verifies it.
struct Signed {
    algorithm: Algorithm,
    token: String,
    jwk: Value,
    /// The message and its signature.
    bare: (ParsedPublicKey, Vec<u8>, Vec<u8>),
}

impl Signed {
    fn new(
        algorithm: Algorithm,
        jwk: Value,
        verification: &'static dyn VerificationAlgorithm,
        public: &[u8],
        sign: impl Fn(&[u8]) -> Vec<u8>,
    ) -> Signed {
        let header = json!({"kid": "ab1cdEFGhi2jklmn3op45qrs67TUVWxyz8AB90C1dEF=", "alg": algorithm.name()});
        let message = format!("{}.{}", text(header.to_string()), text(claims().to_string()));
        let signature = sign(message.as_bytes());
        let token = format!("{message}.{}", text(&signature));
        let key = ParsedPublicKey::new(verification, public).expect("a key");
        Signed { algorithm, token, jwk, bare: (key, message.into_bytes(), signature) }
    }

    fn measure(mut self, criterion: &mut Criterion) {
        let name = self.algorithm.name();
        let (key, message, signature) = &self.bare;
        criterion.bench_function(&format!("{name}, the signature alone"), |bench| {
            bench.iter(|| key.verify_sig(black_box(message), signature));
        });
        self.jwk["kid"] = json!("ab1cdEFGhi2jklmn3op45qrs67TUVWxyz8AB90C1dEF=");
        let document = json!({"keys": [self.jwk]}).to_string();
        let keys = KeySet::parse(document.as_bytes(), KeyOrigin::Published, KeySetBounds::default());
        let keys = keys.expect("a set").keys;
        let audience = Audience::OneOf([CLIENT.into()].into());
        let verifier =
            Verifier { algorithms: Algorithms::of(&[self.algorithm]), ..Verifier::of_issuer(ISSUER, audience) };
        let verified = verifier.verify(self.token.as_bytes(), &keys, NOW_S).expect("the token is good");
        criterion.bench_function(&format!("{name}, a token"), |bench| {
            bench.iter(|| verifier.verify(black_box(self.token.as_bytes()), &keys, NOW_S));
        });
        criterion.bench_function(&format!("{name}, a token that was verified before"), |bench| {
            bench.iter(|| verifier.recheck(black_box(&verified), NOW_S));
        });
    }
}

fn tokens(criterion: &mut Criterion) {
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let point = pair.public_key().as_ref();
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..])});
    let sign = |message: &[u8]| pair.sign(&random, message).expect("a signature").as_ref().to_vec();
    Signed::new(Algorithm::Es256, jwk, &signature::ECDSA_P256_SHA256_FIXED, point, sign).measure(criterion);

    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    // RFC 8017, A.1.1: the modulus after nine bytes, the exponent after two more.
    let der = pair.public_key().as_ref();
    let jwk = json!({"kty": "RSA", "n": text(&der[9..265]), "e": text(&der[267..])});
    let sign = |message: &[u8]| {
        let mut signed = vec![0; pair.public_modulus_len()];
        pair.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut signed).expect("a signature");
        signed
    };
    Signed::new(Algorithm::Rs256, jwk, &signature::RSA_PKCS1_2048_8192_SHA256, der, sign).measure(criterion);

    let pair = Ed25519KeyPair::generate().expect("a key");
    let public = pair.public_key().as_ref();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": text(public)});
    let sign = |message: &[u8]| pair.sign(message).as_ref().to_vec();
    Signed::new(Algorithm::EdDsa, jwk, &signature::ED25519, public, sign).measure(criterion);
}

criterion_group!(benches, tokens);
criterion_main!(benches);
