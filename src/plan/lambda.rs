//! Lambda functions and other services of AWS as integrations: where each is called, and how.
//!
//! A function is invoked by the function host of this process, by another place that speaks Lambda's Invoke API, or by AWS
//! itself.

use super::OriginIndex;

/// How one function is invoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionCall {
    /// As in the ARN, with the qualifier where it has one: `orders` or `orders:live`.
    pub function: Box<str>,
    pub origin: OriginIndex,
    /// Percent-encoded: `/2015-03-31/functions/orders:live/invocations`.
    pub path: Box<str>,
    /// The same for answers that come as a stream.
    pub streaming_path: Box<str>,
    /// Where the request has to be signed, for which region.
    pub signed_for: Option<Box<str>>,
}

/// `aws_proxy`: the request as an event, the function's answer as HTTP's.
#[derive(Debug)]
pub struct LambdaIntegration {
    pub call: FunctionCall,
    /// `responseTransferMode: STREAM`
    pub streams: bool,
    /// From the invocation to the answer; of one that is streamed, to its metadata. 50 or more.
    pub timeout_ms: u32,
    /// `$context.operationName`, where the method has one.
    pub operation_name: Option<Box<str>>,
}

/// `aws`: what a request to a service has that one to another HTTP origin has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceCall {
    pub selects_by: SelectsBy,
    /// `None` where nobody asks for a signature: the function host of this process.
    pub signed_for: Option<SignatureScope>,
    /// `X-Amz-Target`
    pub target: Option<Box<str>>,
    /// Where nothing is mapped to `Content-Type`, in place of the body's own.
    pub content_type: Option<Box<str>>,
}

/// What `selectionPattern` is matched with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectsBy {
    /// Of the service's answer.
    Status,
    /// `errorMessage` of a function that failed; one that has not is answered by the default response.
    ErrorMessage,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureScope {
    pub region: Box<str>,
    pub service: Box<str>,
}
