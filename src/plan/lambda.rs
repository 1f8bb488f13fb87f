//! Where a Lambda function is invoked: the function host of this process, another place that speaks Lambda's Invoke API, or
//! AWS itself.

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
