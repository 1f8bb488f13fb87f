//! Why a signature was not accepted, in AWS's words: SDKs and people know them.

use super::Timestamp;
use std::fmt;

const DOES_NOT_MATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
                              Secret Access Key and signing method. Consult the service documentation for details.";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignError {
    /// The request has no signature.
    MissingAuthenticationToken,
    /// It has one that cannot be read; the reason is a sentence.
    IncompleteSignature(String),
    /// Nobody has the access key that it names.
    UnrecognizedClient,
    /// It is for another service or another day; the reason is a sentence.
    WrongScope(String),
    Expired {
        signed: Timestamp,
        earliest: Timestamp,
        now: Timestamp,
    },
    NotYetCurrent {
        signed: Timestamp,
        latest: Timestamp,
        now: Timestamp,
    },
    /// A field is sent that must be signed and is not.
    UnsignedHeader(String),
    /// `UNSIGNED-PAYLOAD`, or the hash of the chunks of a stream.
    UnsignedPayload,
    /// The body is not the one whose hash was signed.
    ContentHashMismatch,
    SignatureDoesNotMatch,
}

impl SignError {
    /// As in `x-amzn-ErrorType`; all are answered with the status 403.
    pub fn error_type(&self) -> &'static str {
        match self {
            SignError::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            SignError::IncompleteSignature(_) => "IncompleteSignatureException",
            SignError::UnrecognizedClient => "UnrecognizedClientException",
            SignError::WrongScope(_)
            | SignError::Expired { .. }
            | SignError::NotYetCurrent { .. }
            | SignError::UnsignedHeader(_)
            | SignError::UnsignedPayload
            | SignError::ContentHashMismatch
            | SignError::SignatureDoesNotMatch => "InvalidSignatureException",
        }
    }
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SignError::MissingAuthenticationToken => f.write_str("Missing Authentication Token"),
            SignError::IncompleteSignature(reason) | SignError::WrongScope(reason) => f.write_str(reason),
            SignError::UnrecognizedClient => f.write_str("The security token included in the request is invalid."),
            SignError::Expired { signed, earliest, now } => {
                let span = Span(now.seconds().saturating_sub(earliest.seconds()));
                write!(f, "Signature expired: {signed} is now earlier than {earliest} ({now} - {span})")
            }
            SignError::NotYetCurrent { signed, latest, now } => {
                let span = Span(latest.seconds().saturating_sub(now.seconds()));
                write!(f, "Signature not yet current: {signed} is still later than {latest} ({now} + {span})")
            }
            SignError::UnsignedHeader(name) if name == "host" => {
                f.write_str("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
            }
            SignError::UnsignedHeader(name) => {
                write!(f, "'{name}' must be a 'SignedHeader' in the AWS Authorization.")
            }
            SignError::UnsignedPayload => write!(
                f,
                "{DOES_NOT_MATCH} 'x-amz-content-sha256' has to be the SHA-256 hash of the body in lower-case \
                 hexadecimal, or absent."
            ),
            SignError::ContentHashMismatch => {
                f.write_str("The provided 'x-amz-content-sha256' header does not match what was computed.")
            }
            SignError::SignatureDoesNotMatch => f.write_str(DOES_NOT_MATCH),
        }
    }
}

/// `5 min.`, or seconds where they are no whole minutes.
struct Span(u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 60, self.0 % 60) {
            (minutes, 0) => write!(f, "{minutes} min."),
            _ => write!(f, "{} s.", self.0),
        }
    }
}
