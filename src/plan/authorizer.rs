//! Who may call a method: what it demands, and who decides.

use crate::jwt::{TokenUse, Verifier};

use super::OriginIndex;
use super::key_sets::KeySource;
use super::lambda::FunctionCall;
use super::template::ValueSource;

/// The position of an authorizer in [`StagePlan::authorizers`](super::StagePlan::authorizers).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AuthorizerIndex(pub u16);

/// What a method demands of its callers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Authorization {
    #[default]
    None,
    /// A request signed by an access key that may call it.
    Iam,
    By {
        authorizer: AuthorizerIndex,
        /// `authorizationScopes`: a token has to have one of them.
        scopes: Box<[Box<str>]>,
    },
}

#[derive(Debug)]
pub struct Authorizer {
    pub id: Box<str>,
    pub name: Box<str>,
    /// Of all that describes it: what another has decided is not its decision.
    pub fingerprint: [u8; 16],
    /// How long a decision is kept, in milliseconds; 0 keeps none.
    pub ttl_ms: u64,
    /// What the decision is about: parts of the request, all of which have to be there.
    pub sources: Box<[ValueSource]>,
    pub kind: AuthorizerKind,
}

#[derive(Debug)]
pub enum AuthorizerKind {
    /// A Lambda function that sees one token. Its pattern, which a token has to match from start to end, is anchored.
    Token { function: FunctionCall, pattern: Option<regex::Regex> },
    /// A Lambda function that sees all of the request but its body.
    Request { function: FunctionCall },
    /// An issuer's token; of several issuers, one has to take it.
    Jwt(Box<[Issuer]>),
    /// An HTTP service that is told what is asked for.
    Http(Box<HttpService>),
    /// A name and a password. `challenge`: what clients without one are answered in `WWW-Authenticate`.
    Basic { challenge: Box<str> },
}

/// How an HTTP service is asked whether a request may go on. Beyond AWS; see `docs/authorizers.md`.
#[derive(Debug, PartialEq, Eq)]
pub struct HttpService {
    pub origin: OriginIndex,
    /// `GET` or `POST`.
    pub http_method: &'static str,
    /// Path and query.
    pub target: Box<str>,
    /// `None`: that of the settings.
    pub timeout_ms: Option<u64>,
    /// Fields of the client's that the service is shown, in lower case.
    pub request_headers: Box<[Box<str>]>,
    /// Fields of its answer, and what they are called in `$context.authorizer`.
    pub context_headers: Box<[(Box<str>, Box<str>)]>,
    /// The field of its answer that says who calls.
    pub principal_id_header: Option<Box<str>>,
}

/// Whose tokens an authorizer takes.
#[derive(Debug)]
pub struct Issuer {
    pub verifier: Verifier,
    pub keys: KeySource,
    /// A user pool, whose tokens say what they are for.
    pub is_user_pool: bool,
    /// `identityValidationExpression` of a user pool's authorizer, anchored: what `aud` of its tokens has to match.
    pub audience_pattern: Option<regex::Regex>,
}

impl Issuer {
    /// What a token has to be for, where the method wants these scopes. (Guide, `apigateway-enable-cognito-user-pool`.)
    pub fn token_use(&self, scopes: &[Box<str>]) -> Option<TokenUse> {
        let of_pool = if scopes.is_empty() { TokenUse::Id } else { TokenUse::Access };
        self.is_user_pool.then_some(of_pool)
    }
}

impl Authorizer {
    /// Where the keys of its issuers are.
    pub fn key_sources(&self) -> impl Iterator<Item = &KeySource> {
        let issuers = match &self.kind {
            AuthorizerKind::Jwt(issuers) => &issuers[..],
            AuthorizerKind::Token { .. }
            | AuthorizerKind::Request { .. }
            | AuthorizerKind::Http(_)
            | AuthorizerKind::Basic { .. } => &[],
        };
        issuers.iter().map(|issuer| &issuer.keys)
    }

    /// Whether a request without one of the sources is refused unasked: always, but for a function or a service that sees
    /// the whole request and whose decisions are not kept. (Guide, `configure-api-gateway-lambda-authorization`.)
    pub fn demands_sources(&self) -> bool {
        match self.kind {
            AuthorizerKind::Token { .. } | AuthorizerKind::Jwt(_) => true,
            AuthorizerKind::Request { .. } | AuthorizerKind::Http(_) => self.ttl_ms > 0,
            // Who has no password is told how to show one.
            AuthorizerKind::Basic { .. } => false,
        }
    }
}
