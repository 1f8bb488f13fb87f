//! AWS Signature Version 4: signs requests and verifies signed ones. Without I/O and clock: the time is passed in.
//!
//! - `canonical`: a request as both sides write it down before they sign it.
//! - [`claim`]: what a request says of its signature, from `Authorization` or from the query.
//! - [`timestamp`]: the two spellings of a request's time.
//! - `error`: why a signature was not accepted, in AWS's words.
//!
//! What is allocated is at most some four times as long as the request's head; the work is that of sorting it, and of
//! hashing the body once. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

mod canonical;
pub mod claim;
mod error;
#[cfg(test)]
mod tests;
pub mod timestamp;

pub use claim::Claim;
pub use error::SignError;
pub use timestamp::Timestamp;

use aws_lc_rs::{constant_time, digest, hmac};
use std::fmt;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
const AUTHORIZATION: &str = "authorization";
const CONTENT_SHA256: &str = "x-amz-content-sha256";
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
#[derive(Clone)]
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
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    pub region: &'a str,
    pub service: &'a str,
}

/// The fields to add to a request: `x-amz-date`, `x-amz-security-token` where there is one, `authorization`. Every field that
/// the request has is signed, so leave out those that change on the way (`user-agent`, `connection`); `host` must be among
/// them. A field `x-amz-content-sha256` is taken for the body's hash ([`hash`], or `UNSIGNED-PAYLOAD` where the service
/// takes that).
pub fn sign(
    request: &Request<'_>,
    credentials: &Credentials,
    scope: Scope<'_>,
    at: Timestamp,
) -> Vec<(&'static str, String)> {
    let mut added = vec![(DATE, at.to_string())];
    added.extend(credentials.session_token.iter().map(|token| (SECURITY_TOKEN, token.clone())));
    let mut headers = request.headers.to_vec();
    headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
    let request = Request { headers: &headers, ..*request };

    let lines = canonical::header_lines(&request);
    let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
    let declared = lines.iter().find(|line| line.name == CONTENT_SHA256).map(|line| line.value.clone());
    let hash = declared.unwrap_or_else(|| hash(request.body).into_bytes());
    let canonical = canonical::request(&request, &names, &hash);
    let date = at.date();
    let signature = signature(&credentials.secret_access_key, scope, &date, at, &canonical);
    let Credentials { access_key_id, .. } = credentials;
    let Scope { region, service } = scope;
    let authorization = format!(
        "{ALGORITHM} Credential={access_key_id}/{date}/{region}/{service}/{TERMINATOR}, SignedHeaders={}, \
         Signature={signature}",
        names.join(";")
    );
    added.push((AUTHORIZATION, authorization));
    added
}

/// Whether the holder of `secret` signed this request, `skew_seconds` or less away from `now`. `claim` is
/// [`Claim::parse`]'s for the same request. A presigned request counts for as long as it says.
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
    claim.check_head(request, now, skew_seconds)?;
    let declared = claim::only(request, CONTENT_SHA256)?;
    // A declared hash is signed, so that a stranger's body need not be read; the claim's check has seen that it is.
    let hash_written = declared.map_or_else(|| hash(request.body), |hash| String::from_utf8_lossy(hash).into_owned());
    let names: Vec<&str> = claim.signed_headers.split(';').collect();
    let canonical = canonical::request(request, &names, hash_written.as_bytes());
    let scope = Scope { region: &claim.region, service: &claim.service };
    let expected = signature(secret, scope, &claim.date, claim.time, &canonical);
    let same = constant_time::verify_slices_are_equal(expected.as_bytes(), claim.signature.as_bytes());
    same.map_err(|_| SignError::SignatureDoesNotMatch)?;
    if declared.is_some_and(|declared| declared != hash(request.body).as_bytes()) {
        return Err(SignError::ContentHashMismatch);
    }
    Ok(())
}

/// SHA-256 in lower-case hexadecimal.
pub fn hash(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn signature(secret: &str, scope: Scope<'_>, date: &str, at: Timestamp, canonical: &[u8]) -> String {
    let Scope { region, service } = scope;
    let string_to_sign = format!("{ALGORITHM}\n{at}\n{date}/{region}/{service}/{TERMINATOR}\n{}", hash(canonical));
    let key = hmac(format!("AWS4{secret}").as_bytes(), date);
    let key = hmac(key.as_ref(), region);
    let key = hmac(key.as_ref(), service);
    let key = hmac(key.as_ref(), TERMINATOR);
    hex(hmac(key.as_ref(), &string_to_sign).as_ref())
}

fn hmac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).expect("four bits are one digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
