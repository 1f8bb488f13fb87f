//! What an authorizer demands of a token, and in which order it is looked at.

use super::algorithm::Algorithms;
use super::claims::Verified;
use super::error::JwtError;
use super::jws::Token;
use super::key_set::KeySet;

/// Whom tokens have to be for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Whomever: a user pool's authorizer takes the tokens of every client of the pool.
    Any,
    /// One of these; of none, no token.
    OneOf(Box<[Box<str>]>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Verifier {
    /// `iss` is exactly one of these. More than one for a user pool that is served from another address too.
    pub issuers: Box<[Box<str>]>,
    pub audience: Audience,
    pub algorithms: Algorithms,
    /// AWS's JWT authorizers demand it.
    pub kid_required: bool,
    /// By how much the issuer's clock may be off.
    pub leeway_s: u32,
    pub token_bytes_max: usize,
}

/// Tokens with more bytes than this are none that AWS would take: its heads have 10,240 bytes at most.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

impl Verifier {
    /// What AWS's JWT authorizers demand.
    pub fn of_issuer(issuer: &str, audience: Audience) -> Verifier {
        Verifier {
            issuers: [issuer.into()].into(),
            audience,
            algorithms: Algorithms::RSA,
            kid_required: true,
            leeway_s: 0,
            token_bytes_max: TOKEN_BYTES_MAX,
        }
    }

    /// What a token says, if it is one of the issuer's, for this audience, and now. What differs from method to method is
    /// asked of the answer: [`Verified::check_use`], [`Verified::check_scopes`].
    ///
    /// # Errors
    /// Why the token is not accepted.
    pub fn verify(&self, token: &[u8], keys: &KeySet, now_s: i64) -> Result<Verified, JwtError> {
        let token = Token::parse(token, self.token_bytes_max)?;
        self.verify_parsed(&token, keys, now_s)
    }

    /// The same for a token that was taken apart already: an authorizer of several user pools asks one after the other.
    ///
    /// # Errors
    /// Like [`Self::verify`].
    pub fn verify_parsed(&self, token: &Token<'_>, keys: &KeySet, now_s: i64) -> Result<Verified, JwtError> {
        if self.kid_required && token.kid().is_none() {
            return Err(JwtError::KeyIdMissing);
        }
        let payload = token.payload(keys, self.algorithms)?;
        let verified = Verified::of_payload(&payload)?;
        verified.check_issuer(&self.issuers)?;
        if let Audience::OneOf(audiences) = &self.audience {
            verified.check_audience(audiences)?;
        }
        self.recheck(&verified, now_s)?;
        Ok(verified)
    }

    /// What may change from request to request for a token that was verified before with the same keys.
    ///
    /// # Errors
    /// It has run out, or the clock went back.
    pub fn recheck(&self, verified: &Verified, now_s: i64) -> Result<(), JwtError> {
        verified.check_time(now_s, self.leeway_s)
    }
}
