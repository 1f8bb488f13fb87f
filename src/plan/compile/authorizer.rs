//! Authorizers, and what methods demand of their callers. A door that is described as locked is never served open: what
//! cannot be enforced is refused, or denies. [`own`] has those that are not AWS's.

mod own;

use std::collections::HashMap;

use super::targets::TokenOptions;
use super::{Compilation, StageSource, Unsupported, expression};
use crate::jwt::{Algorithm, Algorithms, Audience, Verifier};
use crate::model::{self, AuthorizationType, AuthorizerId, AuthorizerType, JwtConfiguration, Method, Pointer};
use crate::plan::authorizer::{Authorization, Authorizer, AuthorizerIndex, AuthorizerKind, Issuer};
use crate::plan::key_sets::KeySource;
use crate::plan::key_sets::user_pool::UserPool;
use crate::plan::template::ValueSource;

/// AWS's default and most, in seconds. (API reference, `API_Authorizer`.)
const TTL_S_DEFAULT: i32 = 300;
const TTL_S_MAX: i32 = 3600;

/// The authorizers of a definition that its methods name.
#[derive(Default)]
pub struct Authorizers {
    list: Vec<Authorizer>,
    /// `None` where one was refused.
    known: HashMap<AuthorizerId, Option<AuthorizerIndex>>,
}

impl Authorizers {
    pub fn into_list(self) -> Vec<Authorizer> {
        self.list
    }
}

const HELP: &str = "take it from `security`, if everybody may call this operation";

/// What a method demands; what was noted against it, otherwise.
pub fn of_method(
    compilation: &mut Compilation<'_>,
    source: StageSource<'_>,
    method: &Method,
    pointer: &Pointer,
) -> Authorization {
    let at = pointer.child("authorizationType");
    match method.authorization_type {
        AuthorizationType::None => Authorization::None,
        AuthorizationType::AwsIam => Authorization::Iam,
        AuthorizationType::Custom | AuthorizationType::CognitoUserPools => {
            let named = method.authorizer_id.as_ref();
            let authorizers = &source.definition.authorizers;
            let Some(authorizer) = authorizers.iter().find(|authorizer| Some(&authorizer.id) == named) else {
                let message = format!(
                    "the method's authorization is {} by an authorizer that is not there",
                    method.authorization_type.name()
                );
                compilation.refuse_or_deny(at, message).help(HELP);
                return Authorization::None;
            };
            let known = compilation.authorizers.known.get(&authorizer.id).copied();
            let index = known.unwrap_or_else(|| {
                let compiled = compile(compilation, source, authorizer);
                let index = compiled.and_then(|authorizer| {
                    let Ok(index) = u16::try_from(compilation.authorizers.list.len()) else {
                        compilation.refuse(at.clone(), "there are more than 65536 authorizers").help(HELP);
                        return None;
                    };
                    compilation.authorizers.list.push(authorizer);
                    Some(AuthorizerIndex(index))
                });
                compilation.authorizers.known.insert(authorizer.id.clone(), index);
                index
            });
            let Some(index) = index else {
                // Where that is refused, what is wrong with the authorizer has been said.
                if compilation.compiler.on_unsupported == Unsupported::Deny {
                    let message = format!("the authorizer `{}` cannot be asked", authorizer.name);
                    compilation.refuse_or_deny(at, message).help(HELP);
                }
                return Authorization::None;
            };
            let reads_tokens =
                matches!(authorizer.authorizer_type, AuthorizerType::CognitoUserPools | AuthorizerType::Jwt);
            if !method.authorization_scopes.is_empty() && !reads_tokens {
                let message = format!("the authorizer `{}` looks at no scopes", authorizer.name);
                let help = "take the scopes away; those of a token are looked at by `cognito_user_pools` and `jwt`";
                compilation.refuse_or_deny(pointer.child("authorizationScopes"), message).help(help);
            }
            let scopes = method.authorization_scopes.iter().map(|scope| scope.as_str().into()).collect();
            Authorization::By { authorizer: index, scopes }
        }
    }
}

fn fingerprint(authorizer: &model::Authorizer, variables: &model::StageVariables) -> [u8; 16] {
    let mut text = serde_json::to_vec(authorizer).unwrap_or_default();
    for (name, value) in variables {
        for part in [name, value] {
            text.extend_from_slice(&(part.len() as u64).to_le_bytes());
            text.extend_from_slice(part.as_bytes());
        }
    }
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &text);
    digest.as_ref()[..16].try_into().expect("a SHA-256 has 32 bytes")
}

struct Context<'c, 'k, 'm> {
    compilation: &'c mut Compilation<'k>,
    source: StageSource<'m>,
    authorizer: &'m model::Authorizer,
    pointer: Pointer,
}

fn compile(
    compilation: &mut Compilation<'_>,
    source: StageSource<'_>,
    authorizer: &model::Authorizer,
) -> Option<Authorizer> {
    let pointer = Pointer::authorizer(&authorizer.name);
    let mut context = Context { compilation, source, authorizer, pointer };
    let ttl_ms = context.ttl_ms();
    let kind = match authorizer.authorizer_type {
        AuthorizerType::Token => {
            let (function, pattern) = (context.function(), context.pattern());
            AuthorizerKind::Token { function: function?, pattern: pattern? }
        }
        AuthorizerType::Request => AuthorizerKind::Request { function: context.function()? },
        AuthorizerType::CognitoUserPools => AuthorizerKind::Jwt(context.user_pools()?),
        AuthorizerType::Jwt => AuthorizerKind::Jwt([context.issuer()?].into()),
        AuthorizerType::Http => context.http_service()?,
        AuthorizerType::Basic => context.basic()?,
    };
    let sources = context.sources()?;
    Some(Authorizer {
        id: authorizer.id.as_str().into(),
        name: authorizer.name.as_str().into(),
        fingerprint: fingerprint(authorizer, &source.stage.variables),
        ttl_ms: ttl_ms?,
        sources: sources.into(),
        kind,
    })
}

impl Context<'_, '_, '_> {
    fn refuse<T>(&mut self, at: &str, message: impl Into<String>, help: impl Into<String>) -> Option<T> {
        self.compilation.refuse(self.pointer.child(at), message).help(help);
        None
    }

    fn ttl_s(&self) -> i32 {
        let default = match self.authorizer.authorizer_type {
            AuthorizerType::Http | AuthorizerType::Basic => 0,
            AuthorizerType::Token
            | AuthorizerType::Request
            | AuthorizerType::CognitoUserPools
            | AuthorizerType::Jwt => TTL_S_DEFAULT,
        };
        self.authorizer.authorizer_result_ttl_in_seconds.unwrap_or(default)
    }

    fn ttl_ms(&mut self) -> Option<u64> {
        let ttl_s = self.ttl_s();
        if !(0..=TTL_S_MAX).contains(&ttl_s) {
            let message = format!("a decision cannot be kept for {ttl_s} seconds");
            let help = format!("it is between 0, which keeps none, and {TTL_S_MAX}");
            return self.refuse("authorizerResultTtlInSeconds", message, help);
        }
        Some(u64::from(ttl_s.unsigned_abs()) * 1000)
    }

    /// The function to ask, stage variables being put in.
    fn function(&mut self) -> Option<crate::plan::lambda::FunctionCall> {
        let Some(uri) = self.authorizer.authorizer_uri.as_deref() else {
            return self.refuse("authorizerUri", "the authorizer names no function", "add `authorizerUri`");
        };
        let pointer = self.pointer.child("authorizerUri");
        match expression::with_stage_variables(uri, &self.source.stage.variables) {
            Ok(uri) => self.compilation.function(&uri, &pointer),
            Err(refused) => {
                self.compilation.refuse(pointer, refused.message).help(refused.help);
                None
            }
        }
    }

    fn tokens(&self) -> TokenOptions {
        self.compilation.compiler.targets.as_ref().map(|targets| targets.tokens.clone()).unwrap_or_default()
    }

    fn user_pools(&mut self) -> Option<Box<[Issuer]>> {
        let TokenOptions { token_bytes_max, leeway_s, cognito_endpoint } = self.tokens();
        let endpoint = cognito_endpoint.as_deref();
        let audience_pattern = self.pattern()?;
        let mut issuers = Vec::new();
        for arn in &self.authorizer.provider_arns {
            let made = UserPool::of_arn(arn).and_then(|pool| {
                let verifier = Verifier {
                    issuers: pool.issuers(endpoint),
                    token_bytes_max,
                    leeway_s,
                    ..Verifier::of_issuer("", Audience::Any)
                };
                let audience_pattern = audience_pattern.clone();
                Ok(Issuer { verifier, keys: pool.key_source(endpoint)?, is_user_pool: true, audience_pattern })
            });
            match made {
                Ok(issuer) => issuers.push(issuer),
                Err(reason) => {
                    let help = "write `arn:aws:cognito-idp:REGION:ACCOUNT:userpool/REGION_ID`";
                    return self.refuse("providerARNs", format!("`{arn}` is no user pool: {reason}"), help);
                }
            }
        }
        if issuers.is_empty() {
            return self.refuse(
                "providerARNs",
                "the authorizer names no user pool",
                "add the pool's ARN to `providerARNs`",
            );
        }
        Some(issuers.into())
    }

    fn issuer(&mut self) -> Option<Issuer> {
        const AT: &str = "jwtConfiguration";
        if self.authorizer.identity_validation_expression.is_some() {
            let help = "take it away; whom tokens have to be for stands in `audience`";
            return self.refuse("identityValidationExpression", "a `jwt` authorizer has no such expression", help);
        }
        let TokenOptions { token_bytes_max, leeway_s, .. } = self.tokens();
        let JwtConfiguration { issuer, audience, jwks_uri, algorithms } =
            self.authorizer.jwt_configuration.clone().unwrap_or_default();
        let Some(issuer) = issuer.filter(|issuer| !issuer.is_empty()) else {
            return self.refuse(AT, "the authorizer names no issuer", "add `issuer` to `jwtConfiguration`");
        };
        if audience.is_empty() {
            let help = "add to `audience` whom tokens have to be for: those of others would open this API too";
            return self.refuse(AT, "the authorizer names no audience", help);
        }
        let keys = jwks_uri.as_deref().map_or_else(|| KeySource::discovery(&issuer), KeySource::url);
        let keys = match keys {
            Ok(keys) => keys,
            Err(reason) => {
                let help = "an issuer is an address with `https://`, and so is `jwksUri`";
                return self.refuse(AT, format!("the issuer's keys cannot be fetched: {reason}"), help);
            }
        };
        let mut known = Vec::new();
        for name in &algorithms {
            match Algorithm::named(name).filter(|algorithm| !algorithm.is_symmetric()) {
                Some(algorithm) => known.push(algorithm),
                None => {
                    let message = format!("`{name}` is not a signature algorithm that issuers' tokens may have");
                    let help = "it is `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`, `ES512` or `EdDSA`";
                    return self.refuse(AT, message, help);
                }
            }
        }
        let audience = Audience::OneOf(audience.iter().map(|one| one.as_str().into()).collect());
        let mut verifier = Verifier { token_bytes_max, leeway_s, ..Verifier::of_issuer(&issuer, audience) };
        if !known.is_empty() {
            verifier.algorithms = Algorithms::of(&known);
            // AWS demands it of the algorithms that it takes.
            verifier.kid_required = false;
        }
        Some(Issuer { verifier, keys, is_user_pool: false, audience_pattern: None })
    }

    /// The inner `None` takes every token.
    fn pattern(&mut self) -> Option<Option<regex::Regex>> {
        let Some(text) = self.authorizer.identity_validation_expression.as_deref() else { return Some(None) };
        match regex::Regex::new(&format!("^(?:{text})$")) {
            Ok(pattern) => Some(Some(pattern)),
            Err(error) => {
                let message = format!("the expression cannot be used: {error}");
                let help = "it is a regular expression without look-around and back references";
                self.refuse("identityValidationExpression", message, help)
            }
        }
    }

    fn sources(&mut self) -> Option<Vec<ValueSource>> {
        let text = self.authorizer.identity_source.as_deref().unwrap_or_default();
        let mut sources = Vec::new();
        for written in text.split(',').map(str::trim).filter(|written| !written.is_empty()) {
            sources.push(self.one_source(written)?);
        }
        let needs_one = match self.authorizer.authorizer_type {
            AuthorizerType::Token | AuthorizerType::CognitoUserPools | AuthorizerType::Jwt => true,
            AuthorizerType::Request | AuthorizerType::Http => self.ttl_s() != 0,
            AuthorizerType::Basic => false,
        };
        if sources.is_empty() && needs_one {
            let help = "write `identitySource: method.request.header.Authorization`; a `request` authorizer without one \
                        needs `authorizerResultTtlInSeconds: 0`";
            return self.refuse("identitySource", "nothing says whom a decision is about", help);
        }
        // Otherwise a token would be looked for where none can be.
        let takes_token = match self.authorizer.authorizer_type {
            AuthorizerType::Token | AuthorizerType::CognitoUserPools | AuthorizerType::Jwt => true,
            AuthorizerType::Request | AuthorizerType::Http | AuthorizerType::Basic => false,
        };
        if takes_token && !matches!(sources[..], [ValueSource::Header(_)]) {
            let help = "write one header: `identitySource: method.request.header.Authorization`";
            return self.refuse("identitySource", "a token stands in one header, and nowhere else", help);
        }
        Some(sources)
    }

    fn one_source(&mut self, written: &str) -> Option<ValueSource> {
        const SOURCES: &str = "it is `method.request.header.NAME`, `method.request.querystring.NAME`, \
                               `context.NAME` or `stageVariables.NAME`";
        // As HTTP APIs write it.
        let written = &*written.replacen("$request.", "method.request.", 1);
        if let Some(name) = written.strip_prefix("method.request.header.").filter(|name| !name.is_empty()) {
            return Some(ValueSource::Header(name.to_ascii_lowercase().into()));
        }
        if let Some(name) = written.strip_prefix("method.request.querystring.").filter(|name| !name.is_empty()) {
            return Some(ValueSource::QueryString(name.into()));
        }
        match expression::common(written, &self.source.stage.variables) {
            Ok(Some(expression::Common::Context(variable))) => Some(ValueSource::Context(variable)),
            Ok(Some(expression::Common::Static(value))) if written.starts_with("stageVariables.") => {
                Some(ValueSource::Static(value))
            }
            Ok(_) => self.refuse("identitySource", format!("`{written}` is no identity source"), SOURCES),
            Err(refused) => self.refuse("identitySource", refused.message, refused.help),
        }
    }
}
