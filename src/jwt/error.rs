//! Why a token was refused, for logs and metrics. Nothing of the token is in it.

use std::fmt;

/// A part of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Header,
    Claims,
    Signature,
}

/// What is wrong with a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonFault {
    /// No JSON, or no object.
    Malformed,
    TooDeep,
    /// A member is twice in an object: two readers may take different ones.
    DuplicateMember,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtError {
    TooLong,
    /// Not header, claims and signature; encrypted tokens have five parts.
    NotThreeParts,
    Base64(Part),
    Json(Part, JsonFault),
    /// Without `alg`, or with one that is no signature algorithm: `none` among them.
    UnknownAlgorithm,
    /// With one that the authorizer does not take.
    AlgorithmNotAllowed,
    /// The header demands an extension (`crit`, `b64`), and none is understood.
    UnknownExtension,
    /// `kid` is not a string.
    KeyIdNotText,
    /// The authorizer demands `kid`.
    KeyIdMissing,
    /// The keys have not been fetched yet, or too long ago.
    NoKeys,
    /// No key of the set has this `kid`, or none without `kid` fits.
    UnknownKey,
    /// The key with this `kid` is not for this algorithm.
    KeyDoesNotFit,
    Signature,
    /// A claim that has to be there is not.
    Missing(&'static str),
    /// A claim is not of the type that it has to be.
    WrongType(&'static str),
    Expired,
    NotYetValid,
    IssuedInFuture,
    Issuer,
    Audience,
    TokenUse,
    Scope,
}

impl JwtError {
    /// A word for a metric's label: there are as many as variants.
    pub fn reason(self) -> &'static str {
        match self {
            JwtError::TooLong => "too_long",
            JwtError::NotThreeParts => "not_three_parts",
            JwtError::Base64(_) => "base64",
            JwtError::Json(..) => "json",
            JwtError::UnknownAlgorithm => "unknown_algorithm",
            JwtError::AlgorithmNotAllowed => "algorithm_not_allowed",
            JwtError::UnknownExtension => "unknown_extension",
            JwtError::KeyIdNotText | JwtError::KeyIdMissing => "key_id",
            JwtError::NoKeys => "no_keys",
            JwtError::UnknownKey => "unknown_key",
            JwtError::KeyDoesNotFit => "key_does_not_fit",
            JwtError::Signature => "signature",
            JwtError::Missing(_) => "missing_claim",
            JwtError::WrongType(_) => "claim_type",
            JwtError::Expired => "expired",
            JwtError::NotYetValid => "not_yet_valid",
            JwtError::IssuedInFuture => "issued_in_future",
            JwtError::Issuer => "issuer",
            JwtError::Audience => "audience",
            JwtError::TokenUse => "token_use",
            JwtError::Scope => "scope",
        }
    }

    /// Whether a newer set of keys could make the answer another one.
    pub fn wants_newer_keys(self) -> bool {
        matches!(self, JwtError::UnknownKey | JwtError::NoKeys)
    }
}

/// For logs; where AWS's words are known (`error_description` of its 401), they are these. (Guide,
/// `http-api-troubleshooting-jwt`.)
impl fmt::Display for JwtError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JwtError::TooLong => formatter.write_str("the token is too long"),
            JwtError::NotThreeParts => formatter.write_str("the token has not three parts"),
            JwtError::Base64(part) => write!(formatter, "the {part} is not base64url"),
            JwtError::Json(part, fault) => write!(formatter, "the {part} {fault}"),
            JwtError::UnknownAlgorithm => formatter.write_str("the token has no signature algorithm"),
            JwtError::AlgorithmNotAllowed => {
                formatter.write_str("the token's algorithm is not one of the authorizer's")
            }
            JwtError::UnknownExtension => formatter.write_str("the header demands an extension"),
            JwtError::KeyIdNotText => formatter.write_str("kid is not a string"),
            JwtError::KeyIdMissing => formatter.write_str("the token has no kid"),
            JwtError::NoKeys => formatter.write_str("there are no keys"),
            JwtError::UnknownKey => formatter.write_str("the token's key is not known"),
            JwtError::KeyDoesNotFit => formatter.write_str("the token's key is not for its algorithm"),
            JwtError::Signature => formatter.write_str("the signature is wrong"),
            JwtError::Missing(claim) => write!(formatter, "the token has no {claim}"),
            JwtError::WrongType(claim) => write!(formatter, "{claim} has the wrong type"),
            JwtError::Expired => formatter.write_str("the token has expired"),
            JwtError::NotYetValid => formatter.write_str("the token is not valid yet"),
            JwtError::IssuedInFuture => formatter.write_str("the token was issued in the future"),
            JwtError::Issuer => formatter.write_str("the token is another issuer's"),
            JwtError::Audience => formatter.write_str("the token does not have a valid audience"),
            JwtError::TokenUse => formatter.write_str("the token is for another use"),
            JwtError::Scope => formatter.write_str("the token has none of the scopes"),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Part::Header => "header",
            Part::Claims => "claims set",
            Part::Signature => "signature",
        })
    }
}

impl fmt::Display for JsonFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            JsonFault::Malformed => "is not a JSON object",
            JsonFault::TooDeep => "is nested too deeply",
            JsonFault::DuplicateMember => "has a member twice",
        })
    }
}

impl std::error::Error for JwtError {}
