//! The request that invokes a Lambda function, whoever runs it. (Lambda's API reference, `API_Invoke`.)

use crate::http::encode;
use crate::plan::lambda::FunctionCall;
use crate::sign::{PathStyle, Request, Scope, Timestamp};

use super::aws_signer::NoCredentials;
use super::shard::Shard;
use super::upstream::Upstream;

/// A synchronous invocation with `event`, signed where its place wants that.
///
/// # Errors
/// [`NoCredentials`] to sign it with.
pub fn request(
    function: &FunctionCall,
    upstream: &Upstream,
    event: &[u8],
    shard: &Shard,
) -> Result<Vec<u8>, NoCredentials> {
    let mut bytes = Vec::with_capacity(256 + event.len());
    bytes.extend_from_slice(b"POST ");
    bytes.extend_from_slice(function.path.as_bytes());
    bytes.extend_from_slice(b" HTTP/1.1\r\n");
    bytes.extend_from_slice(&upstream.host_line);
    bytes.extend_from_slice(b"Content-Type: application/json\r\nX-Amz-Invocation-Type: RequestResponse\r\n");
    encode::content_length(event.len() as u64, &mut bytes);
    if let Some(region) = &function.signed_for {
        let (path, query) = function.path.split_once('?').unwrap_or((&function.path, ""));
        let headers: [(&str, &[u8]); 3] = [
            ("host", upstream.origin.authority.as_bytes()),
            ("content-type", b"application/json"),
            ("x-amz-invocation-type", b"RequestResponse"),
        ];
        let request =
            Request { method: "POST", path, path_style: PathStyle::Normalized, query, headers: &headers, body: event };
        let now = Timestamp::from_seconds(shard.unix_ms(std::time::Instant::now()) / 1000);
        for (name, value) in shard.aws_signer.sign(&request, Scope { region, service: "lambda" }, now)? {
            encode::field(name, value.as_bytes(), &mut bytes);
        }
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(event);
    Ok(bytes)
}
