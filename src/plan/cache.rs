//! The stage cache, as a plan describes it: which methods' answers are kept, for how long, and what tells two of them
//! apart. (Guide, `api-gateway-caching`; API reference, `API_MethodSetting`, `API_Integration`.)
//!
//! What a method's integration says ([`CacheDefinition`]) belongs to the definition, which stages share; what a stage says
//! of its methods stands beside them, in [`StageCache`].

use super::template::ValueSource;

/// An answer that is longer is not kept. (Guide, `limits`: "API caching … maximum size of a cached response".)
pub const ITEM_BYTES_MAX: u64 = 1_048_576;

/// As far as `x-tollgate-cache` may raise it.
pub const EXTENDED_ITEM_BYTES_MAX: u64 = 8 << 20;

/// What a method's integration says of keeping its answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheDefinition {
    /// `cacheKeyParameters`: what is in the key beside host, HTTP method and path.
    pub parameters: Box<[ValueSource]>,
    /// A `cacheNamespace` that several resources name: they share answers, so that their paths are not in the key.
    pub shared_namespace: Option<Box<str>>,
    pub extension: CacheExtension,
}

/// `x-tollgate-cache`: what AWS's cache does not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheExtension {
    /// How long after its time to live an answer is given, while a new one is asked for.
    pub stale_while_revalidate_ms: u64,
    /// How long after its time to live an answer is given where the backend fails.
    pub stale_if_error_ms: u64,
    pub item_bytes_max: u64,
    /// Answers without an `ETag` get one, and a client that has it a 304.
    pub etag: bool,
    /// Answers to requests with `Authorization` are for everybody that may ask.
    pub shared_with_authorization: bool,
}

impl Default for CacheExtension {
    fn default() -> CacheExtension {
        CacheExtension {
            stale_while_revalidate_ms: 0,
            stale_if_error_ms: 0,
            item_bytes_max: ITEM_BYTES_MAX,
            etag: false,
            shared_with_authorization: false,
        }
    }
}

/// The cache of a stage, or of its canary.
#[derive(Debug, PartialEq, Eq)]
pub struct StageCache {
    /// `cacheClusterSize`: the most that it may hold, over all shards.
    pub bytes_max: u64,
    /// Whether it is the canary's own: one without `useStageCache`.
    pub of_canary: bool,
    /// By [`MethodIndex`](super::MethodIndex), those whose answers are kept.
    pub methods: Box<[Option<Box<MethodCache>>]>,
}

/// How the answers of a method are kept in a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodCache {
    /// More than 0.
    pub ttl_ms: u64,
    pub invalidation: Invalidation,
    /// Of the method, so that a request finds all of it in one place.
    pub definition: CacheDefinition,
    /// Templates for answers, or what becomes of binary ones, are chosen by the request's `Accept`: it is in the key then.
    pub by_accept: bool,
    /// Templates for requests are chosen by their `Content-Type`: it is in the key then.
    pub by_content_type: bool,
    /// The method is `ANY`: only answers to `GET` are kept, from which `HEAD` is answered too.
    pub any: bool,
}

/// What becomes of a request with `Cache-Control: max-age=0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalidation {
    /// It is answered anew, and so are those after it.
    ByAnybody,
    /// `requireAuthorizationForCacheControl`: it takes the permission `execute-api:InvalidateCache`.
    ByAuthorized(UnauthorizedStrategy),
}

/// `unauthorizedCacheControlHeaderStrategy`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnauthorizedStrategy {
    FailWith403,
    /// The header is ignored, and a `Warning` says so.
    #[default]
    SucceedWithResponseHeader,
    SucceedWithoutResponseHeader,
}

impl UnauthorizedStrategy {
    pub fn named(name: &str) -> Option<UnauthorizedStrategy> {
        match name {
            "FAIL_WITH_403" => Some(UnauthorizedStrategy::FailWith403),
            "SUCCEED_WITH_RESPONSE_HEADER" => Some(UnauthorizedStrategy::SucceedWithResponseHeader),
            "SUCCEED_WITHOUT_RESPONSE_HEADER" => Some(UnauthorizedStrategy::SucceedWithoutResponseHeader),
            _ => None,
        }
    }
}

impl CacheDefinition {
    /// Whether a header of the request is in the key; the name in lower case.
    pub fn keys_header(&self, name: &str) -> bool {
        let is_it = |source: &ValueSource| match source {
            ValueSource::Header(known) | ValueSource::MultiValueHeader(known) => **known == *name,
            ValueSource::Static(_)
            | ValueSource::Context(_)
            | ValueSource::PathParameter(_)
            | ValueSource::QueryString(_)
            | ValueSource::MultiValueQueryString(_)
            | ValueSource::Body
            | ValueSource::BodyPath(_) => false,
        };
        self.parameters.iter().any(is_it)
    }

    /// Whether the key tells one caller from another by what the method's authorization made of the credentials, whatever
    /// those are.
    pub fn keys_caller(&self) -> bool {
        let by_context =
            |source: &ValueSource| matches!(source, ValueSource::Context(variable) if variable.is_of_caller());
        self.parameters.iter().any(by_context)
    }
}
