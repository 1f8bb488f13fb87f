//! Whether a signature holds, in two steps, so that no body is read for a stranger:
//!
//! ```text
//!  head ── verify_head ──▶ BodyHash::Declared    the signature holds, if the body has the hash that it covers
//!                    └───▶ BodyHash::Undeclared  the head may be whose it says: the signature waits for the body
//!  body ── BodyHash::check ──▶ it is theirs
//! ```
//!
//! The body's hash is part of what is signed. Clients that send it as `x-amz-content-sha256` are known before their body is
//! there; the others, botocore among them, when it is complete.
//!
//! Only a real hash counts. `UNSIGNED-PAYLOAD` and the hashes of streams (`STREAMING-AWS4-HMAC-SHA256-PAYLOAD`,
//! `STREAMING-UNSIGNED-PAYLOAD-TRAILER` …) are S3's own ("Authenticating Requests: Using the Authorization Header",
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html>); execute-api computes the
//! hash of what it got, so that such a request's signature does not match
//! (<https://github.com/aws/aws-sdk-js-v3/issues/308>). It is refused here before its body is read.

use super::{CONTENT_SHA256, Claim, Request, SignError, SigningKey, Timestamp, canonical, claim, hex};
use aws_lc_rs::{constant_time, digest};
use std::fmt;

/// What is known of an access key that signs.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Of its secret, for the day, region and service of the claim.
    pub key: &'a SigningKey,
    /// Of temporary credentials; others come without.
    pub session_token: Option<&'a str>,
}

/// What is left to prove of a request.
#[must_use]
#[derive(Debug)]
pub enum BodyHash {
    /// The signature holds for a body with this SHA-256.
    Declared([u8; 32]),
    /// Nothing is proved before the body is there.
    Undeclared(Box<Undeclared>),
}

/// All that a signature covers but the body.
pub struct Undeclared {
    canonical: digest::Context,
    key: SigningKey,
    at: Timestamp,
    signature: String,
}

/// Hashes a body as it comes.
#[derive(Clone)]
pub struct BodyHasher(digest::Context);

/// Whether the holder of `secret` signed this request, `skew_seconds` or less away from `now`. `claim` is
/// [`Claim::parse`]'s for the same request. A presigned request counts for as long as it says. A session token is not
/// judged; [`verify_head`] does that.
///
/// # Errors
/// What is wrong with the time, the signed fields, the body or the signature.
pub fn verify(
    request: &Request<'_>,
    claim: &Claim,
    secret: &str,
    now: Timestamp,
    skew_seconds: u64,
) -> Result<(), SignError> {
    let key = SigningKey::derive(secret, &claim.date, claim.scope());
    let known = Known { key: &key, session_token: claim.session_token.as_deref() };
    let left = verify_head(request, claim, known, now, skew_seconds)?;
    let mut hasher = BodyHasher::new();
    hasher.update(request.body);
    left.check(&hasher.finish())
}

/// The same without the body: `request.body` is not looked at.
///
/// # Errors
/// As above, and a session token that is not the key's.
pub fn verify_head(
    request: &Request<'_>,
    claim: &Claim,
    known: Known<'_>,
    now: Timestamp,
    skew_seconds: u64,
) -> Result<BodyHash, SignError> {
    let Known { key, session_token } = known;
    debug_assert_eq!((key.date(), key.scope()), (claim.date.as_str(), claim.scope()), "a key for another day or place");
    claim.check_head(request, now, skew_seconds)?;
    claim.check_session_token(session_token)?;
    let names: Vec<&str> = claim.signed_headers.split(';').collect();
    let mut canonical = digest::Context::new(&digest::SHA256);
    canonical.update(&canonical::head(request, &names));
    let unproved = Undeclared { canonical, key: key.clone(), at: claim.time, signature: claim.signature.clone() };
    // The claim's check has seen that a hash that is there is signed, and one.
    match claim::only(request, CONTENT_SHA256)? {
        None => Ok(BodyHash::Undeclared(Box::new(unproved))),
        Some(declared) => {
            let hash = bytes_of(declared).ok_or(SignError::UnsignedPayload)?;
            unproved.check(&hash)?;
            Ok(BodyHash::Declared(hash))
        }
    }
}

impl BodyHash {
    /// Whether it is known already who sent the head, whatever the body.
    pub fn is_declared(&self) -> bool {
        matches!(self, BodyHash::Declared(_))
    }

    /// Whether the request with a body of this SHA-256 is the one that was signed; [`EMPTY_SHA256`] is that of none.
    ///
    /// # Errors
    /// Another body, or a signature that does not match.
    pub fn check(self, sha256: &[u8; 32]) -> Result<(), SignError> {
        match self {
            BodyHash::Declared(declared) if declared == *sha256 => Ok(()),
            BodyHash::Declared(_) => Err(SignError::ContentHashMismatch),
            BodyHash::Undeclared(unproved) => unproved.check(sha256),
        }
    }
}

impl Undeclared {
    fn check(mut self, sha256: &[u8; 32]) -> Result<(), SignError> {
        self.canonical.update(hex(sha256).as_bytes());
        let canonical_hash = hex(self.canonical.finish().as_ref());
        let expected = self.key.signature(self.at, &canonical_hash);
        let same = constant_time::verify_slices_are_equal(expected.as_bytes(), self.signature.as_bytes());
        same.map_err(|_| SignError::SignatureDoesNotMatch)
    }
}

/// Without the signature.
impl fmt::Debug for Undeclared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Undeclared").field("key", &self.key).field("at", &self.at).finish_non_exhaustive()
    }
}

impl Default for BodyHasher {
    fn default() -> BodyHasher {
        BodyHasher::new()
    }
}

impl BodyHasher {
    pub fn new() -> BodyHasher {
        BodyHasher(digest::Context::new(&digest::SHA256))
    }

    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    pub fn finish(self) -> [u8; 32] {
        self.0.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
    }
}

/// The SHA-256 of no body.
pub const EMPTY_SHA256: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// Of 64 lower-case hexadecimal digits.
pub(super) fn bytes_of(text: &[u8]) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}
