//! JSON Web Tokens: Cognito's user pools, and any other issuer. Nobody is asked: the keys are here, or the token is refused.
//! A token that was verified is kept by its text, until it runs out or the issuer's keys change.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use crate::http::encode;
use crate::jwt::jws::Token;
use crate::jwt::{JwtError, KeySet, Verified};
use crate::plan::authorizer::{Authorizer, Issuer};
use crate::stats::Counter;

use super::super::identity::Identity;
use super::super::respond::{ErrorDetail, GatewayError};
use super::decisions::Decision;
use super::says::Says;
use super::{Asking, Refused};

/// A token that counts, and why.
struct Trusted {
    verified: Verified,
    keys: Arc<KeySet>,
    issuer: usize,
    revision: u64,
}

impl Asking<'_> {
    /// What the token says, if it counts now.
    pub(super) fn by_token(
        &self,
        authorizer: &Authorizer,
        issuers: &[Issuer],
        kept: Option<Rc<Decision>>,
        key: Option<Rc<[u8]>>,
    ) -> Result<Rc<Decision>, Refused> {
        let now_s = (self.inbound.facts.time_ms / 1000) as i64;
        if let Some(decision) = kept.filter(|decision| self.still_counts(decision, issuers, now_s)) {
            self.shard.recorder.count(Counter::AuthorizerKept);
            return Ok(decision);
        }
        let token = bearer(self.token(authorizer).unwrap_or_default());
        let verified = Token::parse(token, issuers.first().map_or(0, |issuer| issuer.verifier.token_bytes_max))
            .and_then(|token| self.verify(&token, issuers, now_s));
        let Trusted { verified, keys, issuer, revision } = verified.map_err(|error| self.refused(error))?;
        self.shard.recorder.count(Counter::AuthorizerAsked);
        let identity = identity(&verified, issuers[issuer].is_user_pool);
        // What is kept of it: the claims, twice.
        let bytes = token.len() as u64 * 4;
        let expires_at_s = verified.expires_at_s;
        let says = Says::Token { verified, keys, issuer, revision: Cell::new(revision) };
        let decision = Rc::new(Decision { says, identity: Rc::new(identity), bytes });
        if let Some(key) = key {
            let left_ms = u64::try_from(expires_at_s.saturating_sub(now_s)).unwrap_or(0).saturating_mul(1000);
            // An hour later it is verified once more, whatever it says.
            let until_ms = self.shard.now_ms() + left_ms.min(3_600_000);
            self.shard.decisions.keep(key, Rc::clone(&decision), until_ms);
        }
        Ok(decision)
    }

    fn still_counts(&self, decision: &Decision, issuers: &[Issuer], now_s: i64) -> bool {
        let Says::Token { verified, keys, issuer, revision } = &decision.says else { return false };
        let Some(issuer) = issuers.get(*issuer) else { return false };
        let same_keys = self.shard.with_key_sets(|known| {
            let seen = revision.get() == known.revision;
            let same = seen || known.of(&issuer.keys).is_some_and(|now| Arc::ptr_eq(&now.keys, keys));
            if same {
                revision.set(known.revision);
            }
            same
        });
        same_keys && issuer.verifier.recheck(verified, now_s).is_ok()
    }

    /// By the first issuer whose token it is.
    fn verify(&self, token: &Token<'_>, issuers: &[Issuer], now_s: i64) -> Result<Trusted, JwtError> {
        self.shard.with_key_sets(|known| {
            let mut why = JwtError::NoKeys;
            for (number, issuer) in issuers.iter().enumerate() {
                let Some(source) = known.of(&issuer.keys) else { continue };
                match issuer.verifier.verify_parsed(token, &source.keys, now_s) {
                    Ok(verified) => {
                        let (keys, revision) = (Arc::clone(&source.keys), known.revision);
                        return Ok(Trusted { verified, keys, issuer: number, revision });
                    }
                    Err(error) => {
                        if error.wants_newer_keys() {
                            source.ask_for_newer();
                        }
                        // Of several pools, the one that knows the key says what is wrong with the token.
                        if number == 0 || !error.wants_newer_keys() {
                            why = error;
                        }
                    }
                }
            }
            Err(why)
        })
    }

    fn refused(&self, error: JwtError) -> Refused {
        self.shard.recorder.count(Counter::AuthorizerUnauthorized);
        // AWS's words; of nothing else a client learns what is wrong.
        let expired = (error == JwtError::Expired)
            .then(|| Box::new(ErrorDetail::message("The incoming token has expired".to_owned())));
        Refused { error: GatewayError::Unauthorized, detail: expired, note: Some(error.to_string()) }
    }

    /// Whether a token that counts is one for this method.
    pub(super) fn judge_use(&self, verified: &Verified, issuer: &Issuer, scopes: &[Box<str>]) -> Result<(), Refused> {
        if let Some(token_use) = issuer.token_use(scopes) {
            verified.check_use(token_use).map_err(|error| self.refused(error))?;
        }
        if let Some(pattern) = &issuer.audience_pattern
            && !verified.audience().is_some_and(|audience| pattern.is_match(audience))
        {
            return Err(self.refused(JwtError::Audience));
        }
        verified.check_scopes(scopes).map_err(|error| {
            self.shard.recorder.count(Counter::AuthorizerDenied);
            Refused { error: GatewayError::AccessDenied, detail: None, note: Some(error.to_string()) }
        })
    }
}

/// The token in a field's value, with or without the scheme before it: `Bearer`, in any case, and one space or more.
fn bearer(value: &[u8]) -> &[u8] {
    match value.split_at_checked(b"bearer ".len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token.trim_ascii_start(),
        _ => value,
    }
}

/// Claims as `$context.authorizer.claims` has them: text as it is, all else as JSON. Of a user pool's token, lists and times
/// are as API Gateway writes them, which its page does not say: `a,b` and `Fri Jul 29 18:52:53 UTC 2016`, as functions get
/// them (<https://github.com/amazon-archives/amazon-cognito-identity-js/issues/92>,
/// <https://github.com/aws/chalice/issues/783>).
fn identity(verified: &Verified, is_user_pool: bool) -> Identity {
    let claim = |name: &str, value: &Value| match value {
        Value::Array(items) if is_user_pool => items.iter().map(text).collect::<Vec<_>>().join(","),
        Value::Number(seconds) if is_user_pool && matches!(name, "exp" | "iat") => {
            seconds.as_i64().and_then(date).unwrap_or_else(|| text(value))
        }
        _ => text(value),
    };
    let claims =
        verified.claims.iter().map(|(name, value)| (name.as_str().into(), claim(name, value).into())).collect();
    let principal_id = verified.claims.get("sub").map(|sub| text(sub).into());
    Identity { principal_id, claims, ..Identity::default() }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// As Java writes it; a time that no token has in earnest is written as it is.
fn date(unix_seconds: i64) -> Option<String> {
    /// The year 9999.
    const SECONDS_MAX: i64 = 253_402_300_799;
    let mut fixed = Vec::new();
    if !(0..=SECONDS_MAX).contains(&unix_seconds) {
        return None;
    }
    encode::date(unix_seconds, &mut fixed);
    let fixed = String::from_utf8(fixed).ok()?;
    // `Sun, 06 Nov 1994 08:49:37 GMT`
    let mut words = fixed.split(' ');
    let [weekday, day, month, year, time] = std::array::from_fn(|_| words.next().unwrap_or_default());
    Some(format!("{} {month} {day} {time} UTC {year}", weekday.trim_end_matches(',')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let is = |seconds| date(seconds).unwrap_or_default();
        assert_eq!(is(1_469_818_373), "Fri Jul 29 18:52:53 UTC 2016");
        assert_eq!(is(1_680_637_179), "Tue Apr 04 19:39:39 UTC 2023");
        assert_eq!([is(-1), is(i64::MAX), is(0)], ["", "", "Thu Jan 01 00:00:00 UTC 1970"]);
    }

    #[test]
    fn schemes() {
        #[track_caller]
        fn check(value: &str, expected: &str) {
            assert_eq!(bearer(value.as_bytes()), expected.as_bytes(), "{value}");
        }
        check("Bearer a.b.c", "a.b.c");
        check("bearer  a.b.c", "a.b.c");
        check("BEARER a.b.c", "a.b.c");
        check("a.b.c", "a.b.c");
        check("Bearer\ta.b.c", "Bearer\ta.b.c");
        check("Bearera.b.c", "Bearera.b.c");
        check("Basic a.b.c", "Basic a.b.c");
        check("Bearer ", "");
        check("", "");
    }
}
