//! One key of a set, ready to verify.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents as RsaComponents, VerificationAlgorithm,
};
use serde_json::{Map, Value};

use super::algorithm::{Algorithm, Algorithms};
use super::base64url;

/// NIST SP 800-57, part 1, 5.6: 112 bits of strength, the least that is allowed today; RFC 7518, 3.3 says the same.
const RSA_BITS_MIN: usize = 2048;
/// More would be work that one who publishes keys could put on every request.
const RSA_BITS_MAX: usize = 8192;
/// Members of keys that only their owner may know. (RFC 7518, 6.2.2, 6.3.2.)
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

pub(super) struct Key {
    kid: Option<Box<str>>,
    /// One for each algorithm that it may be used with.
    ways: Box<[(Algorithm, Way)]>,
}

enum Way {
    Public(ParsedPublicKey),
    // Boxed: it is twenty times as large as a public key's handle.
    Secret(Box<hmac::Key>),
}

/// A key, or why none was made of a JWK.
pub(super) type Made = Result<Key, NoKey>;

#[derive(Debug)]
pub(super) struct NoKey {
    pub(super) reason: &'static str,
    /// It would be one, if it were not broken or weak.
    pub(super) for_signatures: bool,
}

impl Key {
    /// The key of a JWK (RFC 7517, 4).
    ///
    /// # Errors
    /// It is not for verifying signatures, or not fit for it.
    pub(super) fn of_jwk(jwk: &Map<String, Value>) -> Made {
        let only = purpose(jwk).map_err(|reason| NoKey { reason, for_signatures: false })?;
        Key::for_signatures(jwk, only).map_err(|reason| NoKey { reason, for_signatures: true })
    }

    fn for_signatures(jwk: &Map<String, Value>, only: Option<Algorithm>) -> Result<Key, &'static str> {
        let kid = match jwk.get("kid") {
            None => None,
            Some(kid) => Some(kid.as_str().ok_or("kid is not a string")?.into()),
        };
        let kind = text(jwk, "kty")?;
        if kind != "oct" && PRIVATE.iter().any(|member| jwk.contains_key(*member)) {
            return Err("it is a private key");
        }
        let wanted = |algorithms: Algorithms| -> Vec<Algorithm> {
            algorithms.iter().filter(|algorithm| only.is_none_or(|only| only == *algorithm)).collect()
        };
        let ways = match kind {
            "RSA" => rsa(jwk, &wanted(Algorithms::RSA))?,
            "EC" => elliptic(jwk, wanted)?,
            "OKP" => edwards(jwk, wanted)?,
            "oct" => secret(&bytes(jwk, "k")?, &wanted(Algorithms::SYMMETRIC))?,
            _ => return Err("kty is not known"),
        };
        match ways.is_empty() {
            true => Err("alg does not fit kty and crv"),
            false => Ok(Key { kid, ways: ways.into() }),
        }
    }

    /// # Errors
    /// The secret is shorter than the algorithm's hash. (RFC 7518, 3.2.)
    pub(super) fn of_secret(secret_bytes: &[u8], algorithm: Algorithm) -> Result<Key, &'static str> {
        Ok(Key { kid: None, ways: secret(secret_bytes, &[algorithm])?.into() })
    }

    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    pub(super) fn is_secret(&self) -> bool {
        self.ways.iter().any(|(_, way)| matches!(way, Way::Secret(_)))
    }

    pub(super) fn shares_algorithm(&self, other: &Key) -> bool {
        self.ways.iter().any(|(algorithm, _)| other.ways.iter().any(|(others, _)| algorithm == others))
    }

    /// Whether the signature is this key's; `None` where the key is not for the algorithm.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Option<bool> {
        let (_, way) = self.ways.iter().find(|(own, _)| *own == algorithm)?;
        Some(match way {
            Way::Public(key) => key.verify_sig(message, signature).is_ok(),
            Way::Secret(key) => hmac::verify(key, message, signature).is_ok(),
        })
    }
}

/// The one algorithm that the key is for, or `None` for each that fits it.
fn purpose(jwk: &Map<String, Value>) -> Result<Option<Algorithm>, &'static str> {
    if jwk.get("use").is_some_and(|purpose| *purpose != "sig") {
        return Err("use is not sig");
    }
    let verifies =
        |operations: &Value| operations.as_array().is_some_and(|names| names.iter().any(|name| *name == "verify"));
    if jwk.get("key_ops").is_some_and(|operations| !verifies(operations)) {
        return Err("key_ops has no verify");
    }
    let algorithm = |name: &Value| name.as_str().and_then(Algorithm::named).ok_or("alg is not a signature algorithm");
    jwk.get("alg").map(algorithm).transpose()
}

type Ways = Result<Vec<(Algorithm, Way)>, &'static str>;

fn text<'j>(jwk: &'j Map<String, Value>, member: &'static str) -> Result<&'j str, &'static str> {
    jwk.get(member).and_then(Value::as_str).ok_or("a member is missing or no string")
}

fn bytes(jwk: &Map<String, Value>, member: &'static str) -> Result<Vec<u8>, &'static str> {
    base64url(text(jwk, member)?).ok_or("a member is not base64url")
}

fn rsa(jwk: &Map<String, Value>, algorithms: &[Algorithm]) -> Ways {
    let (modulus, exponent) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
    let (modulus, exponent) = (without_zeros(&modulus), without_zeros(&exponent));
    let bits = modulus.len() * 8 - modulus.first().map_or(0, |first| first.leading_zeros() as usize);
    if bits < RSA_BITS_MIN {
        return Err("the RSA key has less than 2048 bits");
    }
    if bits > RSA_BITS_MAX {
        return Err("the RSA key has more than 8192 bits");
    }
    // Up to 2^32: with a longer one each verification would take as long as a signature. Odd, and not 1.
    if exponent.len() > 4 || exponent.last().is_none_or(|last| last % 2 == 0) || exponent == [1] {
        return Err("the RSA key's exponent is out of bounds");
    }
    if is_roca(modulus) {
        return Err("the RSA key can be factored (CVE-2017-15361)");
    }
    let components = RsaComponents { n: modulus, e: exponent };
    let way = |algorithm: &Algorithm| {
        let parameters = rsa_parameters(*algorithm).ok_or("alg does not fit kty and crv")?;
        let key = components.to_parsed_public_key(parameters).map_err(|_| "it is no RSA key")?;
        Ok((*algorithm, Way::Public(key)))
    };
    algorithms.iter().map(way).collect()
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

/// Leading zeros are forbidden (RFC 7518, 6.3.1.1), yet often there; they change nothing.
fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// Whether the modulus is that of a chip whose primes were made from powers of 65537: its remainder by each of these primes
/// is such a power too, which of other moduli one in 2^28 has. (Nemec et al., "The Return of Coppersmith's Attack", 2017.)
fn is_roca(modulus: &[u8]) -> bool {
    const PRIMES: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];
    PRIMES.iter().all(|prime| {
        let remainder = modulus.iter().fold(0, |remainder, byte| (remainder * 256 + u32::from(*byte)) % prime);
        let mut power = 1;
        (0..*prime).any(|_| {
            power = power * (65537 % prime) % prime;
            power == remainder
        })
    })
}

fn elliptic(jwk: &Map<String, Value>, wanted: impl Fn(Algorithms) -> Vec<Algorithm>) -> Ways {
    let (algorithm, verification, length): (_, &'static dyn VerificationAlgorithm, _) = match text(jwk, "crv")? {
        "P-256" => (Algorithm::Es256, &signature::ECDSA_P256_SHA256_FIXED, 32),
        "P-384" => (Algorithm::Es384, &signature::ECDSA_P384_SHA384_FIXED, 48),
        "P-521" => (Algorithm::Es512, &signature::ECDSA_P521_SHA512_FIXED, 66),
        _ => return Err("crv is not known"),
    };
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != length || y.len() != length {
        return Err("x or y has not the curve's length");
    }
    let point = [&[4], &*x, &*y].concat();
    let way = |algorithm| {
        let key = ParsedPublicKey::new(verification, &point).map_err(|_| "the point is not on the curve")?;
        Ok((algorithm, Way::Public(key)))
    };
    wanted(Algorithms::of(&[algorithm])).into_iter().map(way).collect()
}

fn edwards(jwk: &Map<String, Value>, wanted: impl Fn(Algorithms) -> Vec<Algorithm>) -> Ways {
    if text(jwk, "crv")? != "Ed25519" {
        return Err("crv is not known");
    }
    let x = bytes(jwk, "x")?;
    if x.len() != 32 {
        return Err("x or y has not the curve's length");
    }
    let way = |algorithm| {
        let key = ParsedPublicKey::new(&signature::ED25519, &x).map_err(|_| "the point is not on the curve")?;
        Ok((algorithm, Way::Public(key)))
    };
    wanted(Algorithms::of(&[Algorithm::EdDsa])).into_iter().map(way).collect()
}

/// Without `alg`, a secret is for those algorithms whose hash is not longer.
fn secret(bytes: &[u8], algorithms: &[Algorithm]) -> Ways {
    let way = |algorithm: &Algorithm| {
        let (hash, length) = match algorithm {
            Algorithm::Hs256 => (hmac::HMAC_SHA256, 32),
            Algorithm::Hs384 => (hmac::HMAC_SHA384, 48),
            Algorithm::Hs512 => (hmac::HMAC_SHA512, 64),
            _ => return None,
        };
        (bytes.len() >= length).then(|| (*algorithm, Way::Secret(Box::new(hmac::Key::new(hash, bytes)))))
    };
    let ways: Vec<_> = algorithms.iter().filter_map(way).collect();
    match ways.is_empty() && !algorithms.is_empty() {
        true => Err("the secret is shorter than the algorithm's hash"),
        false => Ok(ways),
    }
}
