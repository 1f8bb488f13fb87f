//! Why the management API refuses a call: AWS's error types with its statuses. (botocore's service model `apigateway`,
//! the shapes that are exceptions.)
//!
//! This is data; `server` makes it a response: the type in `x-amzn-ErrorType`, the message in the body.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    pub kind: ExceptionKind,
    /// For people; AWS's own text where it is known.
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExceptionKind {
    BadRequest,
    /// A member is not of the service model: none of its words, or not of its pattern. It is no shape of the model, but
    /// what the framework in front of API Gateway answers.
    Validation,
    Unauthorized,
    AccessDenied,
    NotFound,
    Conflict,
    LimitExceeded,
    TooManyRequests,
    ServiceUnavailable,
    /// The call fits no operation.
    UnknownOperation,
}

impl ExceptionKind {
    /// As SDKs know it.
    pub fn name(self) -> &'static str {
        match self {
            ExceptionKind::BadRequest => "BadRequestException",
            ExceptionKind::Validation => "ValidationException",
            ExceptionKind::Unauthorized => "UnauthorizedException",
            ExceptionKind::AccessDenied => "AccessDeniedException",
            ExceptionKind::NotFound => "NotFoundException",
            ExceptionKind::Conflict => "ConflictException",
            ExceptionKind::LimitExceeded => "LimitExceededException",
            ExceptionKind::TooManyRequests => "TooManyRequestsException",
            ExceptionKind::ServiceUnavailable => "ServiceUnavailableException",
            ExceptionKind::UnknownOperation => "UnknownOperationException",
        }
    }

    pub fn status(self) -> u16 {
        match self {
            ExceptionKind::BadRequest | ExceptionKind::Validation => 400,
            ExceptionKind::Unauthorized => 401,
            ExceptionKind::AccessDenied => 403,
            ExceptionKind::NotFound | ExceptionKind::UnknownOperation => 404,
            ExceptionKind::Conflict => 409,
            ExceptionKind::LimitExceeded | ExceptionKind::TooManyRequests => 429,
            ExceptionKind::ServiceUnavailable => 503,
        }
    }

    /// `Retry-After`, in seconds, for the errors of which AWS says when to come back.
    pub fn retry_after_s(self) -> Option<u32> {
        matches!(
            self,
            ExceptionKind::LimitExceeded | ExceptionKind::TooManyRequests | ExceptionKind::ServiceUnavailable
        )
        .then_some(1)
    }
}

impl Exception {
    pub fn new(kind: ExceptionKind, message: impl Into<String>) -> Exception {
        Exception { kind, message: message.into() }
    }

    pub fn bad_request(message: impl Into<String>) -> Exception {
        Exception::new(ExceptionKind::BadRequest, message)
    }

    pub fn not_found(message: impl Into<String>) -> Exception {
        Exception::new(ExceptionKind::NotFound, message)
    }

    pub fn conflict(message: impl Into<String>) -> Exception {
        Exception::new(ExceptionKind::Conflict, message)
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.kind.name(), self.message)
    }
}
