//! The error answers of a stage: AWS's 21 gateway response types, each with its status, fields and templates.
//!
//! Names and default statuses: developer guide, `supported-gateway-response-types`.

use super::template::{RequestPartIndex, Text};

/// `(variant, AWS's name, default status, x-amzn-ErrorType)`; a status of 0 is "as the error that occurred".
macro_rules! gateway_response_types {
    ($($variant:ident $name:literal $status:literal $error_type:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum GatewayResponseType { $($variant,)* }

        impl GatewayResponseType {
            pub const ALL: &'static [GatewayResponseType] = &[$(GatewayResponseType::$variant,)*];

            /// AWS's name, as in `x-amazon-apigateway-gateway-responses`.
            pub fn name(self) -> &'static str {
                match self { $(GatewayResponseType::$variant => $name,)* }
            }

            /// The status when nothing else is configured; `None` for the two defaults, which keep the error's own.
            pub fn default_status(self) -> Option<u16> {
                match self { $(GatewayResponseType::$variant => if $status == 0 { None } else { Some($status) },)* }
            }

            /// The value of `x-amzn-ErrorType`.
            pub fn error_type(self) -> &'static str {
                match self { $(GatewayResponseType::$variant => $error_type,)* }
            }
        }
    };
}

gateway_response_types! {
    AccessDenied "ACCESS_DENIED" 403 "AccessDeniedException",
    ApiConfigurationError "API_CONFIGURATION_ERROR" 500 "InternalServerErrorException",
    AuthorizerConfigurationError "AUTHORIZER_CONFIGURATION_ERROR" 500 "AuthorizerConfigurationException",
    AuthorizerFailure "AUTHORIZER_FAILURE" 500 "AuthorizerFailureException",
    BadRequestBody "BAD_REQUEST_BODY" 400 "BadRequestException",
    BadRequestParameters "BAD_REQUEST_PARAMETERS" 400 "BadRequestException",
    Default4xx "DEFAULT_4XX" 0 "BadRequestException",
    Default5xx "DEFAULT_5XX" 0 "InternalServerErrorException",
    ExpiredToken "EXPIRED_TOKEN" 403 "ExpiredTokenException",
    IntegrationFailure "INTEGRATION_FAILURE" 504 "InternalServerErrorException",
    IntegrationTimeout "INTEGRATION_TIMEOUT" 504 "InternalServerErrorException",
    InvalidApiKey "INVALID_API_KEY" 403 "ForbiddenException",
    InvalidSignature "INVALID_SIGNATURE" 403 "InvalidSignatureException",
    MissingAuthenticationToken "MISSING_AUTHENTICATION_TOKEN" 403 "MissingAuthenticationTokenException",
    QuotaExceeded "QUOTA_EXCEEDED" 429 "LimitExceededException",
    RequestTooLarge "REQUEST_TOO_LARGE" 413 "RequestTooLargeException",
    ResourceNotFound "RESOURCE_NOT_FOUND" 404 "NotFoundException",
    Throttled "THROTTLED" 429 "TooManyRequestsException",
    Unauthorized "UNAUTHORIZED" 401 "UnauthorizedException",
    UnsupportedMediaType "UNSUPPORTED_MEDIA_TYPE" 415 "BadRequestException",
    WafFiltered "WAF_FILTERED" 403 "ForbiddenException",
}

impl GatewayResponseType {
    pub fn named(name: &str) -> Option<GatewayResponseType> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// A configured response. A type without one uses DEFAULT_4XX or DEFAULT_5XX, and these AWS's own text.
#[derive(Clone, Debug, Default)]
pub struct GatewayResponse {
    pub status: Option<u16>,
    /// `gatewayresponse.header.Name`, in lower case.
    pub headers: Vec<GatewayResponseHeader>,
    /// By content type, in the document's order; empty keeps `{"message": …}`.
    pub templates: Vec<(Box<str>, Text)>,
}

#[derive(Clone, Debug)]
pub struct GatewayResponseHeader {
    pub name: Box<str>,
    pub value: Text,
}

/// What a gateway response may take from the request that it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestPart {
    /// `method.request.path.name`: of the resource, where one was found.
    Path(Box<str>),
    /// `method.request.querystring.name`: the first of that name, percent-decoded.
    QueryString(Box<str>),
    /// `method.request.header.name`: the last of that name; the name in lower case.
    Header(Box<str>),
    /// `method.input.params.name`, as the guide's example in OpenAPI has it: the first of path, query and headers.
    Any(Box<str>),
    /// The media type that chooses among templates.
    Accept,
}

/// What a stage has configured, one place a type.
#[derive(Debug, Default)]
pub struct GatewayResponses {
    configured: [Option<Box<GatewayResponse>>; 21],
    /// What has to be kept of every request, since an error may come when its bytes are gone. Empty for most stages.
    pub request_parts: Vec<RequestPart>,
    /// Where a response has several templates.
    pub accept: Option<RequestPartIndex>,
}

impl GatewayResponses {
    pub fn set(&mut self, kind: GatewayResponseType, response: GatewayResponse) {
        self.configured[kind as usize] = Some(Box::new(response));
    }

    pub fn is_empty(&self) -> bool {
        self.configured.iter().all(Option::is_none)
    }

    /// The response for an error of `kind` that would answer `status`: its own, or the default of its class.
    pub fn find(&self, kind: GatewayResponseType, status: u16) -> Option<&GatewayResponse> {
        let default = if status < 500 { GatewayResponseType::Default4xx } else { GatewayResponseType::Default5xx };
        self.configured[kind as usize].as_deref().or(self.configured[default as usize].as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found_by_its_name() {
        assert_eq!(GatewayResponseType::ALL.len(), 21);
        for kind in GatewayResponseType::ALL {
            assert_eq!(GatewayResponseType::named(kind.name()), Some(*kind));
        }
    }

    #[test]
    fn a_type_falls_back_to_the_default_of_its_class() {
        let mut responses = GatewayResponses::default();
        responses.set(GatewayResponseType::Default4xx, GatewayResponse { status: Some(418), ..Default::default() });
        assert_eq!(responses.find(GatewayResponseType::Throttled, 429).and_then(|found| found.status), Some(418));
        assert!(responses.find(GatewayResponseType::IntegrationFailure, 504).is_none());
    }
}
