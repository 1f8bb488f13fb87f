//! Where an error becomes a response, and where every response gets the fields that are the gateway's own.
//!
//! The texts are AWS's where AWS has one; `$context.error.message` in a gateway response is the same text.

use crate::http::encode;
use crate::plan::gateway_response::{GatewayResponse, GatewayResponseType};

use crate::plan::template::Text;

use super::context::{ErrorFacts, Facts, RequestIds};

/// Why an exchange does not end with the integration's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayError {
    /// The message is no HTTP that could be served. The connection ends with it.
    BadRequest,
    /// A value cannot be mapped to where it belongs.
    BadRequestParameters,
    /// A mapping template wants JSON, and the body is none.
    BadRequestBody,
    /// A mapped parameter wants JSON, and the body only looks like it.
    InvalidJson,
    /// A required parameter is missing; the [`ErrorDetail`] says which.
    MissingParameters,
    /// The body does not fit its model; the [`ErrorDetail`] says why.
    InvalidBody,
    RequestTimeout,
    TargetTooLong,
    HeaderTooLarge,
    RequestTooLarge,
    VersionNotSupported,
    /// No API or stage is at that host and path.
    NoStage,
    /// The host is a custom domain name with mutual TLS, and the connection's client was not verified for it.
    NoClientCertificate,
    /// The stage has no such resource, or the resource no such method.
    NoRoute,
    /// The caller did not say who it is, or its authorizer does not know it.
    Unauthorized,
    /// An authorizer, or a policy, does not allow it.
    AccessDenied,
    /// A policy denies it by name.
    AccessDeniedExplicitly,
    /// The method wants a signed request.
    NoToken,
    /// The signature is none that counts; the [`ErrorDetail`] says why.
    InvalidSignature,
    /// An authorizer could not be asked, or failed.
    AuthorizerFailure,
    /// An authorizer answered what decides nothing.
    AuthorizerConfiguration,
    /// The method demands an API key, and the request has none that opens the stage.
    InvalidApiKey,
    /// A limit has no token for it.
    Throttled,
    /// The key has used up its quota.
    QuotaExceeded,
    UnsupportedMediaType,
    /// A new answer was asked for in place of a kept one, without the permission.
    InvalidationDenied,
    /// No integration response fits, or a mock has no status.
    Configuration,
    IntegrationTimeout,
    /// Not reached, or gone before it answered.
    IntegrationFailure,
    /// It answered with something that is no HTTP response, or one that cannot be passed on.
    IntegrationMalformed,
    /// The limit of connections to the origin is reached, or its circuit breaker is open.
    IntegrationBusy,
    /// Lambda did not invoke the function: it is not there, or called too often.
    InvocationFailed,
}

impl GatewayError {
    pub fn status(self) -> u16 {
        match self {
            GatewayError::BadRequest
            | GatewayError::BadRequestParameters
            | GatewayError::BadRequestBody
            | GatewayError::InvalidJson
            | GatewayError::MissingParameters
            | GatewayError::InvalidBody => 400,
            GatewayError::Unauthorized => 401,
            GatewayError::NoStage
            | GatewayError::NoClientCertificate
            | GatewayError::NoRoute
            | GatewayError::NoToken
            | GatewayError::InvalidSignature
            | GatewayError::AccessDenied
            | GatewayError::AccessDeniedExplicitly
            | GatewayError::InvalidApiKey
            | GatewayError::InvalidationDenied => 403,
            GatewayError::RequestTimeout => 408,
            GatewayError::RequestTooLarge => 413,
            GatewayError::TargetTooLong => 414,
            GatewayError::UnsupportedMediaType => 415,
            GatewayError::Throttled | GatewayError::QuotaExceeded => 429,
            GatewayError::HeaderTooLarge => 431,
            GatewayError::Configuration
            | GatewayError::AuthorizerFailure
            | GatewayError::AuthorizerConfiguration
            | GatewayError::InvocationFailed => 500,
            GatewayError::IntegrationMalformed => 502,
            GatewayError::IntegrationBusy => 503,
            GatewayError::IntegrationTimeout | GatewayError::IntegrationFailure => 504,
            GatewayError::VersionNotSupported => 505,
        }
    }

    /// What there is to say of the kind; an [`ErrorDetail`] may say more.
    pub fn message(self) -> &'static str {
        match self {
            GatewayError::BadRequest => "Bad Request",
            GatewayError::BadRequestParameters => "Invalid request parameters",
            GatewayError::BadRequestBody => "Could not parse request body into json",
            GatewayError::InvalidJson => "Invalid JSON in request body",
            GatewayError::MissingParameters => "Missing required request parameters",
            GatewayError::InvalidBody => "Invalid request body",
            GatewayError::NoStage
            | GatewayError::NoClientCertificate
            | GatewayError::InvalidApiKey
            | GatewayError::InvalidationDenied => "Forbidden",
            GatewayError::Throttled => "Too Many Requests",
            GatewayError::QuotaExceeded => "Limit Exceeded",
            GatewayError::NoRoute | GatewayError::NoToken => "Missing Authentication Token",
            GatewayError::Unauthorized => "Unauthorized",
            GatewayError::InvalidSignature => "The request signature does not match",
            GatewayError::AccessDenied => "User is not authorized to access this resource",
            GatewayError::AccessDeniedExplicitly => {
                "User is not authorized to access this resource with an explicit deny"
            }
            GatewayError::AuthorizerFailure | GatewayError::AuthorizerConfiguration => "Internal server error",
            GatewayError::RequestTimeout => "Request Timeout",
            GatewayError::RequestTooLarge => "Request Too Long",
            GatewayError::TargetTooLong => "URI Too Long",
            GatewayError::UnsupportedMediaType => "Unsupported Media Type",
            GatewayError::HeaderTooLarge => "Request Header Fields Too Large",
            GatewayError::Configuration | GatewayError::IntegrationMalformed | GatewayError::InvocationFailed => {
                "Internal server error"
            }
            GatewayError::IntegrationBusy => "Service Unavailable",
            GatewayError::IntegrationTimeout => "Endpoint request timed out",
            GatewayError::IntegrationFailure => "Network error communicating with endpoint",
            GatewayError::VersionNotSupported => "HTTP Version Not Supported",
        }
    }

    /// Whether the integration is at fault rather than the request or the gateway.
    pub fn is_of_integration(self) -> bool {
        matches!(
            self,
            GatewayError::IntegrationTimeout
                | GatewayError::IntegrationFailure
                | GatewayError::IntegrationMalformed
                | GatewayError::IntegrationBusy
                | GatewayError::InvocationFailed
        )
    }

    /// The gateway response that a stage may have configured for it.
    pub fn response_type(self) -> GatewayResponseType {
        match self {
            GatewayError::BadRequestParameters | GatewayError::MissingParameters => {
                GatewayResponseType::BadRequestParameters
            }
            GatewayError::BadRequestBody | GatewayError::InvalidBody => GatewayResponseType::BadRequestBody,
            GatewayError::NoRoute | GatewayError::NoToken => GatewayResponseType::MissingAuthenticationToken,
            GatewayError::Unauthorized => GatewayResponseType::Unauthorized,
            GatewayError::InvalidSignature => GatewayResponseType::InvalidSignature,
            GatewayError::AuthorizerFailure => GatewayResponseType::AuthorizerFailure,
            GatewayError::AuthorizerConfiguration => GatewayResponseType::AuthorizerConfigurationError,
            GatewayError::NoStage
            | GatewayError::NoClientCertificate
            | GatewayError::AccessDenied
            | GatewayError::AccessDeniedExplicitly
            | GatewayError::InvalidationDenied => GatewayResponseType::AccessDenied,
            GatewayError::InvalidApiKey => GatewayResponseType::InvalidApiKey,
            GatewayError::Throttled => GatewayResponseType::Throttled,
            GatewayError::QuotaExceeded => GatewayResponseType::QuotaExceeded,
            GatewayError::RequestTooLarge => GatewayResponseType::RequestTooLarge,
            GatewayError::UnsupportedMediaType => GatewayResponseType::UnsupportedMediaType,
            GatewayError::Configuration => GatewayResponseType::ApiConfigurationError,
            GatewayError::IntegrationTimeout => GatewayResponseType::IntegrationTimeout,
            GatewayError::IntegrationFailure | GatewayError::InvocationFailed => {
                GatewayResponseType::IntegrationFailure
            }
            GatewayError::BadRequest
            | GatewayError::InvalidJson
            | GatewayError::RequestTimeout
            | GatewayError::TargetTooLong
            | GatewayError::HeaderTooLarge => GatewayResponseType::Default4xx,
            GatewayError::IntegrationMalformed | GatewayError::IntegrationBusy | GatewayError::VersionNotSupported => {
                GatewayResponseType::Default5xx
            }
        }
    }

    /// The value of `x-amzn-ErrorType`.
    fn error_type(self) -> &'static str {
        match self {
            GatewayError::NoStage | GatewayError::NoClientCertificate => "ForbiddenException",
            other => other.response_type().error_type(),
        }
    }
}

/// What an error says beyond its kind, made for the requests that have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorDetail {
    /// `$context.error.message`, where the kind's own says too little.
    pub message: Option<Box<str>>,
    /// `$context.error.validationErrorString`.
    pub validation_error: Option<Box<str>>,
    /// What the client learns of the limit that it met.
    pub limit: Option<Box<LimitDetail>>,
    /// `x-amzn-ErrorType`, where there are several of a kind.
    pub error_type: Option<&'static str>,
    /// `WWW-Authenticate`: how the client may say who it is.
    pub challenge: Option<Box<str>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitDetail {
    /// `None` where nobody can say.
    pub wait_seconds: Option<u64>,
    /// `None` where only the wait is told.
    pub policy: Option<LimitPolicy>,
}

/// (draft-ietf-httpapi-ratelimit-headers-10, sections 3.1 and 4.1.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitPolicy {
    pub name: &'static str,
    pub quota: u64,
    /// `None` where the quota is of requests at a time.
    pub window_seconds: Option<u64>,
}

impl ErrorDetail {
    pub fn message(message: String) -> ErrorDetail {
        ErrorDetail { message: Some(message.into()), ..ErrorDetail::default() }
    }

    pub fn validation_error(text: String) -> ErrorDetail {
        ErrorDetail { validation_error: Some(text.into()), ..ErrorDetail::default() }
    }

    pub fn limit(limit: LimitDetail) -> ErrorDetail {
        ErrorDetail { limit: Some(Box::new(limit)), ..ErrorDetail::default() }
    }
}

impl LimitDetail {
    /// The fields, but those that the stage sets itself.
    fn write(&self, configured: Option<&GatewayResponse>, out: &mut Vec<u8>) {
        let mut field = |name: &str, value: String| {
            let headers = configured.map_or(&[][..], |response| &response.headers);
            if !headers.iter().any(|header| header.name.eq_ignore_ascii_case(name)) {
                encode::field(name, value.as_bytes(), out);
            }
        };
        if let Some(seconds) = self.wait_seconds {
            field("Retry-After", seconds.to_string());
        }
        if let Some(LimitPolicy { name, quota, window_seconds }) = &self.policy {
            let window = window_seconds.map(|seconds| format!(";w={seconds}"));
            let window = window.unwrap_or_else(|| ";qu=\"concurrent-requests\"".to_owned());
            field("RateLimit-Policy", format!("\"{name}\";q={quota}{window}"));
            let wait = self.wait_seconds.map(|seconds| format!(";t={seconds}")).unwrap_or_default();
            field("RateLimit", format!("\"{name}\";r=0{wait}"));
        }
    }
}

/// What a response says of the connection that it goes out on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// HTTP/1.1 and going on: nothing to say.
    Implied,
    /// HTTP/1.0 and going on.
    KeepAlive,
    Close,
}

/// Appends the fields of every response: ids, and what the connection does.
pub fn write_own_fields(ids: &RequestIds, persistence: Persistence, out: &mut Vec<u8>) {
    out.extend_from_slice(b"x-amzn-RequestId: ");
    out.extend_from_slice(ids.request());
    out.extend_from_slice(b"\r\nx-amz-apigw-id: ");
    out.extend_from_slice(ids.extended());
    out.extend_from_slice(match persistence {
        Persistence::Implied => b"\r\n".as_slice(),
        Persistence::KeepAlive => b"\r\nConnection: keep-alive\r\n",
        Persistence::Close => b"\r\nConnection: close\r\n",
    });
}

/// Appends `Date: …` from the shard's clock.
pub fn write_date(date: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"Date: ");
    out.extend_from_slice(date);
    out.extend_from_slice(b"\r\n");
}

/// Appends the whole response for an error, and returns its status. A `HEAD` request gets no body.
pub fn write_error(
    error: GatewayError,
    detail: Option<&ErrorDetail>,
    facts: &Facts<'_>,
    date: &[u8],
    persistence: Persistence,
    out: &mut Vec<u8>,
) -> u16 {
    let kind = error.response_type();
    let error_facts = ErrorFacts {
        message: detail.and_then(|detail| detail.message.as_deref()).unwrap_or(error.message()),
        validation_error: detail.and_then(|detail| detail.validation_error.as_deref()),
        response_type: kind.name(),
    };
    let facts = Facts { error: Some(error_facts), ..*facts };
    // REQUEST_TOO_LARGE cannot be customised, by the guide.
    let customised = facts.stage.filter(|_| kind != GatewayResponseType::RequestTooLarge);
    let configured = customised.and_then(|stage| stage.gateway_responses.find(kind, error.status()));
    let status = configured.and_then(|response| response.status).unwrap_or(error.status());
    let mut body = Vec::new();
    let content_type = write_error_body(error, configured, &facts, &mut body);

    encode::status_line(status, out);
    write_date(date, out);
    let bodiless = matches!(status, 204 | 304);
    if !bodiless {
        encode::field("Content-Type", content_type.as_bytes(), out);
        encode::content_length(body.len() as u64, out);
    }
    write_own_fields(facts.ids, persistence, out);
    let error_type = detail.and_then(|detail| detail.error_type).unwrap_or(error.error_type());
    encode::field("x-amzn-ErrorType", error_type.as_bytes(), out);
    if let Some(limit) = detail.and_then(|detail| detail.limit.as_ref()) {
        limit.write(configured, out);
    }
    if let Some(challenge) = detail.and_then(|detail| detail.challenge.as_ref()) {
        let headers = configured.map_or(&[][..], |response| &response.headers);
        if !headers.iter().any(|header| header.name.eq_ignore_ascii_case("www-authenticate")) {
            encode::field("WWW-Authenticate", challenge.as_bytes(), out);
        }
    }
    for header in configured.map_or(&[][..], |response| &response.headers) {
        let mut value = Vec::new();
        facts.write_text(&header.value, &mut value);
        if !value.is_empty() && encode::is_field_value(&value) {
            encode::field(&header.name, &value, out);
        }
    }
    out.extend_from_slice(b"\r\n");
    if facts.http_method != "HEAD" && !bodiless {
        out.extend_from_slice(&body);
    }
    status
}

/// The template for the first media type of `Accept`, else the first, as for integration responses.
fn template_for<'r>(response: &'r GatewayResponse, facts: &Facts<'_>) -> Option<&'r (Box<str>, Text)> {
    let accept = facts.stage.and_then(|stage| stage.gateway_responses.accept);
    let accepted = accept.and_then(|index| facts.request_part(index));
    let fits = |known: &str| accepted.is_some_and(|wanted| known.as_bytes().eq_ignore_ascii_case(wanted));
    response.templates.iter().find(|(known, _)| fits(known)).or(response.templates.first())
}

fn write_error_body<'r>(
    error: GatewayError,
    configured: Option<&'r GatewayResponse>,
    facts: &Facts<'_>,
    body: &mut Vec<u8>,
) -> &'r str {
    if let Some((content_type, template)) = configured.and_then(|response| template_for(response, facts)) {
        facts.write_text(template, body);
        return content_type;
    }
    if matches!(error, GatewayError::AuthorizerFailure | GatewayError::AuthorizerConfiguration) {
        // AWS says nothing of what is wrong with an authorizer.
        body.extend_from_slice(b"{\"message\":null}");
        return "application/json";
    }
    body.extend_from_slice(b"{\"message\":");
    super::context::write_json_string(facts.error.map_or("", |error| error.message), body);
    body.push(b'}');
    "application/json"
}
