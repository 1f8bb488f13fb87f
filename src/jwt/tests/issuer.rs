use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use aws_lc_rs::{hmac, signature::RsaEncoding};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::jwt::{Algorithm, Algorithms, Audience, KeyOrigin, KeySet, KeySetBounds, Verifier};

pub const ISSUER: &str = "https://issuer.example/pool";
pub const AUDIENCE: &str = "client-1";
pub const NOW_S: i64 = 1_700_000_000;

pub fn text(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub enum Issuer {
    Elliptic(EcdsaKeyPair),
    Edwards(Ed25519KeyPair),
    Rsa(RsaKeyPair),
    Secret(Vec<u8>),
}

impl Issuer {
    pub fn elliptic() -> Issuer {
        Issuer::Elliptic(EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"))
    }

    pub fn edwards() -> Issuer {
        Issuer::Edwards(Ed25519KeyPair::generate().expect("a key"))
    }

    pub fn rsa() -> Issuer {
        Issuer::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"))
    }

    pub fn secret() -> Issuer {
        Issuer::Secret(b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".to_vec())
    }

    pub fn jwk(&self) -> Value {
        match self {
            Issuer::Elliptic(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..])})
            }
            Issuer::Edwards(pair) => json!({"kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key())}),
            Issuer::Rsa(pair) => {
                // RFC 8017, A.1.1, of 2048 bits: the modulus after nine bytes, then the exponent after two.
                let der = pair.public_key().as_ref();
                json!({"kty": "RSA", "n": text(&der[9..265]), "e": text(&der[267..])})
            }
            Issuer::Secret(secret) => json!({"kty": "oct", "k": text(secret)}),
        }
    }

    pub fn algorithm(&self) -> Algorithm {
        match self {
            Issuer::Elliptic(_) => Algorithm::Es256,
            Issuer::Edwards(_) => Algorithm::EdDsa,
            Issuer::Rsa(_) => Algorithm::Rs256,
            Issuer::Secret(_) => Algorithm::Hs256,
        }
    }

    pub fn sign_bytes(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Issuer::Elliptic(pair) => pair.sign(&random, message).expect("a signature").as_ref().to_vec(),
            Issuer::Edwards(pair) => pair.sign(message).as_ref().to_vec(),
            Issuer::Rsa(pair) => {
                let padding: &dyn RsaEncoding = &signature::RSA_PKCS1_SHA256;
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signed).expect("a signature");
                signed
            }
            Issuer::Secret(secret) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec(),
        }
    }

    /// A token with this header and these claims, as written.
    pub fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", text(header), text(claims));
        let signature = text(self.sign_bytes(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// A token with the key `1` and these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": self.algorithm().name(), "kid": "1"}).to_string(), &claims.to_string())
    }

    /// A set with this key alone, by the name of `1`.
    pub fn keys(&self) -> KeySet {
        keys_of(&[with(self.jwk(), &[("kid", json!("1"))])])
    }

    /// Who takes this issuer's tokens.
    pub fn verifier(&self) -> Verifier {
        Verifier {
            algorithms: Algorithms::of(&[self.algorithm()]),
            ..Verifier::of_issuer(ISSUER, Audience::OneOf([AUDIENCE.into()].into()))
        }
    }
}

/// Claims that are in order.
pub fn good() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "exp": NOW_S + 300, "iat": NOW_S - 1, "sub": "somebody"})
}

/// With these members set, or taken away where they are null.
pub fn with(mut object: Value, changes: &[(&str, Value)]) -> Value {
    let members = object.as_object_mut().expect("an object");
    for (name, value) in changes {
        members.remove(*name);
        if !value.is_null() {
            members.insert((*name).to_owned(), value.clone());
        }
    }
    object
}

/// Configured, which may be secrets.
pub fn keys_of(jwks: &[Value]) -> KeySet {
    let document = json!({"keys": jwks}).to_string();
    let parsed = KeySet::parse(document.as_bytes(), KeyOrigin::Configured, KeySetBounds::default());
    parsed.expect("a set").keys
}
