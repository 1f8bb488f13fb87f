//! The claims of a token whose signature is right: RFC 7519, 4.1, as AWS's JWT and Cognito authorizers read them.

use serde_json::{Map, Value};

use super::error::{JwtError, Part};
use super::json;

/// What a user pool's token is for, by its claim `token_use`. A method with `authorizationScopes` takes access tokens, one
/// without takes identity tokens. (Guide, `apigateway-enable-cognito-user-pool`.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenUse {
    Id,
    Access,
}

impl TokenUse {
    /// As the claim has it.
    pub fn name(self) -> &'static str {
        match self {
            TokenUse::Id => "id",
            TokenUse::Access => "access",
        }
    }
}

/// What a token with a right signature says. Whether it holds for a method, and still, can be asked again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    pub claims: Map<String, Value>,
    /// From this second on it is worth nothing, but for the verifier's leeway.
    pub expires_at_s: i64,
    /// `nbf`.
    not_before_s: Option<i64>,
    /// `iat`.
    issued_at_s: Option<i64>,
}

impl Verified {
    /// # Errors
    /// No claims, or without an expiry.
    pub(super) fn of_payload(payload: &[u8]) -> Result<Verified, JwtError> {
        let claims = json::object(payload).map_err(|fault| JwtError::Json(Part::Claims, fault))?;
        let expires_at_s = expiry(claims.get("exp").ok_or(JwtError::Missing("exp"))?)?;
        let (not_before_s, issued_at_s) = (begin(&claims, "nbf")?, begin(&claims, "iat")?);
        Ok(Verified { claims, expires_at_s, not_before_s, issued_at_s })
    }

    /// Whether the time is one at which the token holds.
    ///
    /// # Errors
    /// Which of its times it is that does not fit.
    pub fn check_time(&self, now_s: i64, leeway_s: u32) -> Result<(), JwtError> {
        let leeway_s = i64::from(leeway_s);
        let latest_s = now_s.saturating_add(leeway_s);
        if now_s >= self.expires_at_s.saturating_add(leeway_s) {
            return Err(JwtError::Expired);
        }
        if self.not_before_s.is_some_and(|not_before_s| not_before_s > latest_s) {
            return Err(JwtError::NotYetValid);
        }
        if self.issued_at_s.is_some_and(|issued_at_s| issued_at_s > latest_s) {
            return Err(JwtError::IssuedInFuture);
        }
        Ok(())
    }

    /// # Errors
    /// [`JwtError::TokenUse`]
    pub fn check_use(&self, token_use: TokenUse) -> Result<(), JwtError> {
        let is = self.text("token_use") == Some(token_use.name());
        is.then_some(()).ok_or(JwtError::TokenUse)
    }

    /// Whether the token has one of the scopes, in `scope` or else in `scp`: texts parted by spaces, or lists of them.
    /// Of no scopes, none is needed.
    ///
    /// # Errors
    /// [`JwtError::Scope`]
    pub fn check_scopes(&self, scopes: &[impl AsRef<str>]) -> Result<(), JwtError> {
        let is_wanted = |one: &str| scopes.iter().any(|scope| scope.as_ref() == one);
        let has = match self.claims.get("scope").or_else(|| self.claims.get("scp")) {
            Some(Value::String(list)) => list.split(' ').any(is_wanted),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).any(is_wanted),
            _ => false,
        };
        (scopes.is_empty() || has).then_some(()).ok_or(JwtError::Scope)
    }

    /// `aud`, a text or a list, has one of these; where there is no `aud`, `client_id` is one. (Guide,
    /// `http-api-jwt-authorizer`: Cognito's access tokens have the latter.)
    pub(super) fn check_audience(&self, audiences: &[Box<str>]) -> Result<(), JwtError> {
        let is_ours = |one: &str| audiences.iter().any(|audience| **audience == *one);
        let fits = match self.claims.get("aud") {
            Some(Value::String(audience)) => is_ours(audience),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).any(is_ours),
            Some(_) => return Err(JwtError::WrongType("aud")),
            None => self.text("client_id").is_some_and(is_ours),
        };
        fits.then_some(()).ok_or(JwtError::Audience)
    }

    pub(super) fn check_issuer(&self, issuers: &[Box<str>]) -> Result<(), JwtError> {
        let issuer = self.claims.get("iss").ok_or(JwtError::Missing("iss"))?;
        let issuer = issuer.as_str().ok_or(JwtError::WrongType("iss"))?;
        issuers.iter().any(|ours| **ours == *issuer).then_some(()).ok_or(JwtError::Issuer)
    }

    /// `aud`, where it is a text.
    pub fn audience(&self) -> Option<&str> {
        self.text("aud")
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }
}

/// A whole number of seconds. What AWS makes of a fraction it does not say, and an expiry that two readers round in two
/// ways is one that cannot be decided.
fn expiry(value: &Value) -> Result<i64, JwtError> {
    let seconds = value.as_i64().or_else(|| value.as_u64().map(|_| i64::MAX));
    seconds.ok_or(JwtError::WrongType("exp"))
}

/// Seconds, of which a fraction counts as a whole one (RFC 7519, 2, allows fractions).
fn begin(claims: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, JwtError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds.ceil() as i64));
    seconds.map(Some).ok_or(JwtError::WrongType(name))
}
