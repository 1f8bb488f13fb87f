//! A JWK Set (RFC 7517, 5), its keys ready to verify.

use std::fmt;

use aws_lc_rs::digest;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::algorithm::Algorithm;
use super::json;
use super::key::{Key, Made, NoKey};

/// Who says that these are the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// An issuer, to all the world: a secret among them is none, and not used.
    Published,
    /// The gateway's own configuration, which may have secrets.
    Configured,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySetBounds {
    pub bytes_max: usize,
    pub keys_max: usize,
}

impl Default for KeySetBounds {
    fn default() -> KeySetBounds {
        KeySetBounds { bytes_max: 1024 * 1024, keys_max: 100 }
    }
}

/// Why a whole set was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySetError {
    TooLarge,
    /// Not `{"keys":[…]}`.
    Malformed,
    TooManyKeys,
    /// Secrets beside public keys: which of them a token is checked with would be the token's to say.
    SecretsAmongPublicKeys,
    /// The secret is shorter than the algorithm's hash, or the algorithm takes none.
    Secret,
}

/// A key of the document that is not used: the key's position, and why. Nothing of the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub index: usize,
    pub reason: &'static str,
}

/// What [`KeySet::parse`] found.
#[derive(Debug)]
pub struct Parsed {
    pub keys: KeySet,
    pub skipped: Vec<Skipped>,
}

#[derive(Default)]
pub struct KeySet {
    keys: Box<[Key]>,
    /// SHA-256 of what it was made from.
    digest: [u8; 32],
}

#[derive(Deserialize)]
struct Document<'d> {
    #[serde(borrow)]
    keys: Vec<&'d RawValue>,
}

impl KeySet {
    /// No key: it verifies nothing.
    pub fn empty() -> KeySet {
        KeySet::default()
    }

    /// A document's keys that can verify signatures; those that cannot, or not safely, are left out.
    ///
    /// # Errors
    /// It is no JWK Set, or out of bounds. A set in which every key was left out is one without keys.
    pub fn parse(document: &[u8], origin: KeyOrigin, bounds: KeySetBounds) -> Result<Parsed, KeySetError> {
        if document.len() > bounds.bytes_max {
            return Err(KeySetError::TooLarge);
        }
        let listed: Document<'_> = serde_json::from_slice(document).map_err(|_| KeySetError::Malformed)?;
        if listed.keys.len() > bounds.keys_max {
            return Err(KeySetError::TooManyKeys);
        }
        let listed: Vec<Listed> = listed.keys.iter().map(|jwk| Listed::new(jwk, origin)).collect();
        let ambiguous: Vec<bool> = (0..listed.len()).map(|index| is_ambiguous(&listed, index)).collect();
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for (index, (listed, ambiguous)) in listed.into_iter().zip(ambiguous).enumerate() {
            match listed.made {
                Ok(_) if ambiguous => skipped.push(Skipped { index, reason: "another key has its kid" }),
                Ok(key) => keys.push(key),
                Err(NoKey { reason, .. }) => skipped.push(Skipped { index, reason }),
            }
        }
        if keys.iter().any(Key::is_secret) && !keys.iter().all(Key::is_secret) {
            return Err(KeySetError::SecretsAmongPublicKeys);
        }
        Ok(Parsed { keys: KeySet { keys: keys.into(), digest: sha256(document) }, skipped })
    }

    /// One configured secret.
    ///
    /// # Errors
    /// [`KeySetError::Secret`].
    pub fn of_secret(secret: &[u8], algorithm: Algorithm) -> Result<KeySet, KeySetError> {
        if !algorithm.is_symmetric() {
            return Err(KeySetError::Secret);
        }
        let key = Key::of_secret(secret, algorithm).map_err(|_| KeySetError::Secret)?;
        Ok(KeySet { keys: [key].into(), digest: sha256(secret) })
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether they were made from the same document.
    pub fn is_same(&self, other: &KeySet) -> bool {
        self.len() == other.len() && self.digest == other.digest
    }

    /// No two of them are for the same algorithm. Exact: a `kid` is a name, and nothing is looked up by it elsewhere.
    pub(super) fn with_kid(&self, kid: &str) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |key| key.kid() == Some(kid))
    }

    pub(super) fn all(&self) -> &[Key] {
        &self.keys
    }
}

/// A member of a document's list, whether it is a key or not.
struct Listed {
    kid: Option<String>,
    kty: Option<String>,
    made: Made,
}

impl Listed {
    fn new(jwk: &RawValue, origin: KeyOrigin) -> Listed {
        let Ok(jwk) = json::object(jwk.get().as_bytes()) else {
            let reason = "it is no JSON object, or has a member twice";
            return Listed { kid: None, kty: None, made: Err(NoKey { reason, for_signatures: false }) };
        };
        let text = |member: &str| jwk.get(member).and_then(|value| value.as_str()).map(str::to_owned);
        let made = Key::of_jwk(&jwk).and_then(|key| match (origin, key.is_secret()) {
            (KeyOrigin::Published, true) => {
                Err(NoKey { reason: "it is a secret, yet published", for_signatures: false })
            }
            (KeyOrigin::Published | KeyOrigin::Configured, _) => Ok(key),
        });
        Listed { kid: text("kid"), kty: text("kty"), made }
    }
}

/// Whether another key answers to the same name for the same algorithm, or would if it were not broken: which of them is
/// meant cannot be known.
fn is_ambiguous(all: &[Listed], index: usize) -> bool {
    let Listed { kid: Some(kid), kty, made: Ok(key) } = &all[index] else { return false };
    let is_twin = |other: &Listed| match &other.made {
        _ if other.kid.as_ref() != Some(kid) => false,
        Ok(others) => others.shares_algorithm(key),
        Err(no_key) => no_key.for_signatures && other.kty == *kty,
    };
    all.iter().enumerate().any(|(position, other)| position != index && is_twin(other))
}

fn sha256(document: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(digest::digest(&digest::SHA256, document).as_ref());
    digest
}

/// Without the keys: some are secrets.
impl fmt::Debug for KeySet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KeySet").field("keys", &self.len()).finish_non_exhaustive()
    }
}

impl fmt::Display for KeySetError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            KeySetError::TooLarge => "the JWK Set is too large",
            KeySetError::Malformed => "the document is no JWK Set",
            KeySetError::TooManyKeys => "the JWK Set has too many keys",
            KeySetError::SecretsAmongPublicKeys => "the JWK Set has secrets beside public keys",
            KeySetError::Secret => "the secret is too short for the algorithm, or not for it",
        })
    }
}

impl std::error::Error for KeySetError {}
