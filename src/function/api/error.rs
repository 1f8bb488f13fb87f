//! Errors as AWS's Lambda answers them.

use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::Denied;
use crate::function::body::Body;
use crate::function::pool::Throttled;

#[derive(Debug)]
pub struct Exception {
    status: StatusCode,
    /// `x-amzn-ErrorType`.
    error_type: &'static str,
    body: Value,
    retry_after: bool,
}

impl Exception {
    fn new(status: StatusCode, error_type: &'static str, message: impl Into<String>) -> Exception {
        let body = json!({ "Type": "User", "message": message.into() });
        Exception { status, error_type, body, retry_after: false }
    }

    pub fn not_found(arn: &str) -> Exception {
        let body = json!({ "Type": "User", "Message": format!("Function not found: {arn}") });
        let error_type = "ResourceNotFoundException";
        Exception { status: StatusCode::NOT_FOUND, error_type, body, retry_after: false }
    }

    /// What else there is not.
    pub fn nothing_there(message: impl Into<String>) -> Exception {
        let body = json!({ "Type": "User", "Message": message.into() });
        let error_type = "ResourceNotFoundException";
        Exception { status: StatusCode::NOT_FOUND, error_type, body, retry_after: false }
    }

    pub fn unknown_operation(path: &str) -> Exception {
        let message = format!("there is no such operation: {path}");
        Exception::new(StatusCode::NOT_FOUND, "UnknownOperationException", message)
    }

    /// The request itself cannot be used.
    pub fn invalid_request(message: impl Into<String>) -> Exception {
        Exception::new(StatusCode::BAD_REQUEST, "InvalidRequestContentException", message)
    }

    /// A value in the request is none that is allowed.
    pub fn invalid_parameter(message: impl Into<String>) -> Exception {
        Exception::new(StatusCode::BAD_REQUEST, "InvalidParameterValueException", message)
    }

    pub fn conflict(message: impl Into<String>) -> Exception {
        Exception::new(StatusCode::CONFLICT, "ResourceConflictException", message)
    }

    /// It was changed since the caller looked.
    pub fn precondition(message: impl Into<String>) -> Exception {
        Exception::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailedException", message)
    }

    pub fn too_large(most: usize) -> Exception {
        let message = format!("Request must be smaller than {most} bytes for the InvokeFunction operation");
        Exception::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", message)
    }

    pub fn throttled(why: Throttled) -> Exception {
        let (reason, message) = match why {
            Throttled::ReservedConcurrency => ("ReservedFunctionConcurrentInvocationLimitExceeded", "Rate Exceeded."),
            Throttled::Queue | Throttled::Payloads => ("ConcurrentInvocationLimitExceeded", "Rate Exceeded."),
        };
        let body = json!({ "Reason": reason, "Type": "User", "message": message, "retryAfterSeconds": "1" });
        let error_type = "TooManyRequestsException";
        Exception { status: StatusCode::TOO_MANY_REQUESTS, error_type, body, retry_after: true }
    }

    /// The host itself cannot.
    pub fn service(message: impl Into<String>) -> Exception {
        let body = json!({ "Type": "Service", "Message": message.into() });
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Exception { status, error_type: "ServiceException", body, retry_after: false }
    }

    pub fn response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(HeaderName::from_static("x-amzn-errortype"), HeaderValue::from_static(self.error_type));
        if self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<Denied> for Exception {
    fn from(Denied { status, error_type, message }: Denied) -> Exception {
        Exception::new(status, error_type, message)
    }
}
