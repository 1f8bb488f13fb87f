//! AWS Signature Version 4: signs requests and verifies signed ones. Without I/O and clock: the time is passed in.
//!
//! - `canonical`: a request as both sides write it down before they sign it.
//! - [`claim`]: what a request says of its signature, from `Authorization` or from the query.
//! - [`key`]: what a secret becomes for one day, region and service, to be kept.
//! - [`verify`]: whether a signature holds: first the head, then the body's hash.
//! - [`timestamp`]: the two spellings of a request's time.
//! - `error`: why a signature was not accepted, in AWS's words.
//!
//! What is allocated is at most some four times as long as the request's head; the work is that of sorting it, and of
//! hashing the body once. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

mod canonical;
pub mod claim;
mod error;
pub mod key;
#[cfg(test)]
mod tests;
pub mod timestamp;
pub mod verify;

pub use claim::Claim;
pub use error::SignError;
pub use key::{SigningKey, SigningKeys};
pub use timestamp::Timestamp;
pub use verify::{BodyHash, BodyHasher, EMPTY_SHA256, Known, verify, verify_head};

use aws_lc_rs::digest;
use std::fmt;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
const AUTHORIZATION: &str = "authorization";
/// The field that declares the body's hash.
pub const CONTENT_SHA256: &str = "x-amz-content-sha256";
/// What a request that does not sign its body declares, to services that take that, such as S3.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
const SECURITY_TOKEN: &str = "x-amz-security-token";
const DATE: &str = "x-amz-date";

/// What is signed: a request as it is on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub method: &'a str,
    /// Percent-encoded, beginning with a slash.
    pub path: &'a str,
    pub path_style: PathStyle,
    /// Percent-encoded, without the question mark.
    pub query: &'a str,
    /// In their order; names in any case.
    pub headers: &'a [(&'a str, &'a [u8])],
    pub body: &'a [u8],
}

/// How a path is written down to be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathStyle {
    /// Without `.`, `..` and empty segments, and encoded once more: every service but S3.
    Normalized,
    /// Encoded once more, as it is besides: what some clients do instead.
    Verbatim,
    /// Encoded once: S3, where `a//b` and `a/b` are two objects.
    S3,
}

impl PathStyle {
    pub fn of(service: &str) -> PathStyle {
        if service == "s3" { PathStyle::S3 } else { PathStyle::Normalized }
    }
}

/// Whose signature it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
}

/// Without the secrets.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// For which service and where a signature counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    pub region: &'a str,
    pub service: &'a str,
}

/// The fields to add to a request: `x-amz-date`, `x-amz-security-token` where there is one, `authorization`. Every field that
/// the request has is signed, so leave out those that change on the way (`user-agent`, `connection`); `host` must be among
/// them. A field `x-amz-content-sha256` is taken for the body's hash ([`hash`], or [`UNSIGNED_PAYLOAD`] where the service
/// takes that).
pub fn sign(
    request: &Request<'_>,
    credentials: &Credentials,
    scope: Scope<'_>,
    at: Timestamp,
) -> Vec<(&'static str, String)> {
    let key = SigningKey::derive(&credentials.secret_access_key, &at.date(), scope);
    sign_with(request, credentials, &key, at)
}

/// The same with a key that was derived before, of these credentials and for the day of `at`.
pub fn sign_with(
    request: &Request<'_>,
    credentials: &Credentials,
    key: &SigningKey,
    at: Timestamp,
) -> Vec<(&'static str, String)> {
    debug_assert_eq!(key.date(), at.date(), "a key counts for one day");
    let mut added = vec![(DATE, at.to_string())];
    added.extend(credentials.session_token.iter().map(|token| (SECURITY_TOKEN, token.clone())));
    let mut headers = request.headers.to_vec();
    headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
    let request = Request { headers: &headers, ..*request };

    let lines = canonical::header_lines(&request);
    let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
    let declared = lines.iter().find(|line| line.name == CONTENT_SHA256).map(|line| line.value.clone());
    let body_hash = declared.unwrap_or_else(|| hash(request.body).into_bytes());
    let mut canonical = canonical::head(&request, &names);
    canonical.extend_from_slice(&body_hash);
    let signature = key.signature(at, &hash(&canonical));
    let authorization = format!(
        "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={signature}",
        credentials.access_key_id,
        key.credential_scope(),
        names.join(";")
    );
    added.push((AUTHORIZATION, authorization));
    added
}

/// SHA-256 in lower-case hexadecimal.
pub fn hash(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).expect("four bits are one digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
