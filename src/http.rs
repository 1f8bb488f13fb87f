//! HTTP/1.1 on the wire, strict and without I/O: bytes in, values out, and back. (RFC 9110, RFC 9112.)
//!
//! - [`head`]: request and response heads, the checks that keep two readers of one stream in step.
//! - [`target`]: the request target, parsed once into the one path string that everybody uses.
//! - [`field`]: field names with a meaning to a proxy, and field values.
//! - [`chunked`]: the chunked coding, both ways, with trailers.
//! - [`coding`]: `gzip` and `deflate`, and who wants them.
//! - [`event_stream`], [`lambda_stream`]: answers that AWS streams, and those of Lambda functions.
//! - [`encode`]: status lines, numbers and dates as bytes.

pub mod chunked;
pub mod coding;
pub mod encode;
pub mod event_stream;
pub mod field;
pub mod head;
pub mod lambda_stream;
pub mod target;
