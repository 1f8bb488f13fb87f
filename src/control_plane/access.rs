//! Who may do what on the admin listener. Pure: a request's parts in, a principal or a refusal out.
//!
//! With access keys or tokens in the settings, everything but the open routes (health, metrics, the index) demands one:
//! AWS's calls and the operator's routes alike take a signature (SigV4, service `apigateway`) or `Authorization: Bearer`.
//!
//! Without any, only this machine may ask. AWS's calls must then carry a signature, for they take their region from it and
//! AWS's tools send one anyway, but it may be anybody's; the operator's routes ask for nothing. What such a listener must
//! fear is a page in a browser on the same machine, made to send requests here: hence `from_here`.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use aws_lc_rs::constant_time;
use axum::http::{HeaderMap, StatusCode, header};

use crate::sign::{self, Claim, PathStyle, Request, SignError, Timestamp};

/// The admin listener's service.
const SERVICE: &str = "apigateway";

/// No region of AWS has a longer name; what is kept by region must not grow by what clients make up.
const REGION_LENGTH_MAX: usize = 32;

/// Of a name that nobody has proved, for the audit log.
const CLAIMED_LENGTH_MAX: usize = 128;

const ANONYMOUS: &str = "anonymous";

/// What the settings say.
#[derive(Clone, Debug)]
pub struct AccessSettings {
    pub access_keys: Vec<AccessKey>,
    pub tokens: Vec<Token>,
    /// The region of calls that come with a token.
    pub region: String,
    /// How far the time of a signature may be from now, either way.
    pub clock_skew_ms: u64,
}

/// An access key as AWS's tools take it.
#[derive(Clone)]
pub struct AccessKey {
    pub id: String,
    pub secret: String,
    pub scope: Scope,
}

/// A bearer token; `name` is for the audit log.
#[derive(Clone)]
pub struct Token {
    pub name: String,
    pub token: String,
    pub scope: Scope,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Full,
    ReadOnly,
}

/// What is asked for, all but the body.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub method: &'a str,
    /// As it came, percent-encoded.
    pub path: &'a str,
    /// As it came, without the question mark; empty for none.
    pub query: &'a str,
    pub headers: &'a HeaderMap,
    pub peer: IpAddr,
    pub kind: CallKind,
    /// Whether it changes anything.
    pub is_write: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// One of AWS's operations.
    Management,
    /// One of our own routes, such as `/reload`; not an open one, for which nobody need be asked.
    Operator,
}

/// Who asks, once that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The access key's id, or the token's name; `anonymous` where nobody was asked.
    pub name: String,
    pub scope: Scope,
    pub region: String,
}

/// Why a call is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    /// As in `x-amzn-ErrorType`.
    pub error_type: &'static str,
    pub message: String,
    /// Who the call said it was from, proved or not.
    pub claimed: Option<String>,
}

/// Judges calls. Knows tokens by their hashes only.
pub struct Access {
    keys: HashMap<String, AccessKey>,
    tokens: Vec<HashedToken>,
    region: String,
    clock_skew_seconds: u64,
    /// The service that a signature has to be for.
    service: &'static str,
}

struct HashedToken {
    name: String,
    hash: String,
    scope: Scope,
}

/// Who it is if the signature, where there is one, holds.
struct Identified<'a> {
    principal: Principal,
    to_verify: Option<(Claim, &'a AccessKey)>,
}

impl Access {
    /// Of two keys with one id the settings have made one.
    pub fn new(settings: AccessSettings) -> Access {
        Access::of_service(settings, SERVICE)
    }

    /// The same for a listener of another of AWS's services.
    pub fn of_service(settings: AccessSettings, service: &'static str) -> Access {
        let AccessSettings { access_keys, tokens, region, clock_skew_ms } = settings;
        let hashed = |Token { name, token, scope }| HashedToken { name, hash: sign::hash(token.as_bytes()), scope };
        Access {
            keys: access_keys.into_iter().map(|key| (key.id.clone(), key)).collect(),
            tokens: tokens.into_iter().map(hashed).collect(),
            region,
            clock_skew_seconds: clock_skew_ms.div_ceil(1000),
            service,
        }
    }

    /// Whether anybody on this machine may do anything.
    pub fn is_open(&self) -> bool {
        self.keys.is_empty() && self.tokens.is_empty()
    }

    /// A line for the log at the start.
    pub fn warning(&self) -> Option<&'static str> {
        self.is_open().then_some(
            "the admin listener asks nobody for credentials: whoever can connect to it from this machine may change \
             everything; set management.access_keys or management.tokens",
        )
    }

    /// Whether a call is refused whatever its body, to be asked before that is read.
    ///
    /// # Errors
    /// The same as those of [`Self::admit`].
    pub fn admit_head(&self, call: &Call<'_>, now: Timestamp) -> Result<(), Refusal> {
        let identified = self.identify(call)?;
        if let Some((claim, _)) = &identified.to_verify {
            let checked = call.with_request(b"", |request| claim.check_head(request, now, self.clock_skew_seconds));
            checked.map_err(|error| refused(&error, call.kind, Some(&claim.access_key_id)))?;
        }
        identified.principal.may(call)
    }

    /// Who asks, if that one may do it.
    ///
    /// # Errors
    /// Nobody that is known, nobody that can be believed, or nobody that may change anything.
    pub fn admit(&self, call: &Call<'_>, body: &[u8], now: Timestamp) -> Result<Principal, Refusal> {
        let Identified { principal, to_verify } = self.identify(call)?;
        if let Some((claim, key)) = to_verify {
            let skew = self.clock_skew_seconds;
            let verified = call.with_request(body, |request| sign::verify(request, &claim, &key.secret, now, skew));
            verified.map_err(|error| refused(&error, call.kind, Some(&claim.access_key_id)))?;
        }
        principal.may(call)?;
        Ok(principal)
    }

    fn identify(&self, call: &Call<'_>) -> Result<Identified<'_>, Refusal> {
        if self.is_open() {
            let principal = self.anybody(call)?;
            return Ok(Identified { principal, to_verify: None });
        }
        if let Some(token) = bearer_token(call.headers) {
            let token = self.token(token).ok_or_else(|| refused(&SignError::UnrecognizedClient, call.kind, None))?;
            let principal = Principal { name: token.name.clone(), scope: token.scope, region: self.region.clone() };
            return Ok(Identified { principal, to_verify: None });
        }
        let claim = call.claim()?;
        let checked = match self.keys.get(&claim.access_key_id) {
            None => Err(SignError::UnrecognizedClient),
            Some(_) if claim.service != self.service => {
                let message = format!("Credential should be scoped to correct service: '{}'.", self.service);
                Err(SignError::WrongScope(message))
            }
            Some(key) => Ok(key),
        };
        let key = checked.map_err(|error| refused(&error, call.kind, Some(&claim.access_key_id)))?;
        let principal = Principal { name: key.id.clone(), scope: key.scope, region: claim.region.clone() };
        Ok(Identified { principal, to_verify: Some((claim, key)) })
    }

    /// Looks at all tokens, so that the time that it takes says nothing of them.
    fn token(&self, token: &[u8]) -> Option<&HashedToken> {
        let hash = sign::hash(token);
        let same = |known: &&HashedToken| {
            constant_time::verify_slices_are_equal(known.hash.as_bytes(), hash.as_bytes()).is_ok()
        };
        self.tokens.iter().filter(same).fold(None, |found, token| found.or(Some(token)))
    }

    /// The principal of a call where nobody is asked.
    fn anybody(&self, call: &Call<'_>) -> Result<Principal, Refusal> {
        if !call.peer.to_canonical().is_loopback() {
            return Err(denied("without credentials in its settings, this listener answers its own machine only"));
        }
        // A page in a browser can sign as well as anybody where any signature will do; and a backup is not for it to read.
        from_here(call.headers).map_err(|reason| denied(&reason))?;
        match call.kind {
            CallKind::Operator => {
                Ok(Principal { name: ANONYMOUS.to_owned(), scope: Scope::Full, region: self.region.clone() })
            }
            CallKind::Management => {
                let claim = call.claim()?;
                Ok(Principal { name: claim.access_key_id, scope: Scope::Full, region: claim.region })
            }
        }
    }
}

impl Principal {
    fn may(&self, call: &Call<'_>) -> Result<(), Refusal> {
        if !call.is_write || self.scope == Scope::Full {
            return Ok(());
        }
        let message =
            format!("User: {} is not authorized to perform this operation: its scope is read-only", self.name);
        Err(Refusal { claimed: Some(self.name.clone()), ..denied(&message) })
    }
}

impl Call<'_> {
    /// The signature as it was sent, for a region that can be one.
    fn claim(&self) -> Result<Claim, Refusal> {
        let claim = self.with_request(b"", Claim::parse).map_err(|error| refused(&error, self.kind, None))?;
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if claim.region.len() > REGION_LENGTH_MAX || !claim.region.bytes().all(letter) {
            let error = SignError::WrongScope("Credential should be scoped to a valid region.".to_owned());
            return Err(refused(&error, self.kind, Some(&claim.access_key_id)));
        }
        Ok(claim)
    }

    fn with_request<R>(&self, body: &[u8], see: impl FnOnce(&Request<'_>) -> R) -> R {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        see(&Request {
            method: self.method,
            path: self.path,
            path_style: PathStyle::of(SERVICE),
            query: self.query,
            headers: &headers,
            body,
        })
    }
}

/// The token of `Authorization: Bearer …`, or `None` for anything else, RFC 6750, section 2.1.
fn bearer_token(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

fn refused(error: &SignError, kind: CallKind, claimed: Option<&str>) -> Refusal {
    let claimed = claimed.map(|name| name.chars().take(CLAIMED_LENGTH_MAX).collect());
    if (error, kind) == (&SignError::MissingAuthenticationToken, CallKind::Operator) {
        let message = "credentials are needed: Authorization: Bearer TOKEN, or a signature (SigV4, service apigateway)";
        let error_type = error.error_type();
        return Refusal { status: StatusCode::UNAUTHORIZED, error_type, message: message.to_owned(), claimed };
    }
    Refusal { status: StatusCode::FORBIDDEN, error_type: error.error_type(), message: error.to_string(), claimed }
}

fn denied(message: &str) -> Refusal {
    let error_type = "AccessDeniedException";
    Refusal { status: StatusCode::FORBIDDEN, error_type, message: message.to_owned(), claimed: None }
}

/// Whether a request may be what it says: not one that a page in a browser sends, from another origin or from a name whose
/// address was changed to ours (DNS rebinding).
///
/// # Errors
/// What speaks against it.
pub fn from_here(headers: &HeaderMap) -> Result<(), String> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(header::HOST).unwrap_or_default();
    if !addresses_directly(host) {
        return Err(format!("Host `{host}` is neither an IP address nor localhost; use one of these"));
    }
    let own_origin =
        |origin: &str| origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
    if text(header::ORIGIN).is_some_and(|origin| !own_origin(origin)) {
        return Err("requests from pages of other origins are refused".to_owned());
    }
    Ok(())
}

/// Whether a `Host` field names an IP address, or `localhost`, which no DNS answer can rebind.
fn addresses_directly(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// Without the secret.
impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AccessKey { id, scope, secret: _ } = self;
        f.debug_struct("AccessKey").field("id", id).field("scope", scope).finish_non_exhaustive()
    }
}

/// Without the token.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Token { name, scope, token: _ } = self;
        f.debug_struct("Token").field("name", name).field("scope", scope).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
