//! What a request meets. Everything here runs on one shard, without locks.
//!
//! Start with [`exchange`]: one request from start to end. Around it:
//!
//! - [`shard`]: one core: its listeners, its mail, its clock; [`live`]: the plan it serves and what belongs to it here.
//! - [`connection`]: a client's connection: heads in, exchanges, bytes out.
//! - [`authorize`]: whether the caller may call; [`signed`]: who signed it; [`identity`]: who calls. [`admit`]: the API key that a method demands.
//! - [`forwarding`]: from a client's request to the origin's: what is dropped, mapped and added.
//! - [`integrate`]: HTTP origins, functions, services of AWS and mock answers; [`upstream`]: the pools of connections to origins,
//!   and what protects them.
//! - [`aws_signer`]: signs requests to AWS's services.
//! - [`cache`]: answers that are given again without asking an origin.
//! - [`call`]: requests of the gateway's own.
//! - [`body`]: bodies on their way through; [`compress`]: in and out of content codings.
//! - [`respond`]: method responses and gateway responses: the one place where an error becomes a response; [`request_parts`]: what gateway
//!   responses ask of a request.
//! - [`context`]: the facts of an exchange behind `$context`; [`access_log`]: a line for each exchange.
//! - [`trace`]: what `tollgate test-invoke` wants to know of an exchange.
//! - [`settings`]: limits and time-outs, checked.

pub mod access_log;
pub mod admit;
pub mod authorize;
pub mod aws_signer;
pub mod body;
pub mod cache;
pub mod call;
pub mod compress;
pub mod connection;
pub mod context;
pub mod exchange;
pub mod forwarding;
pub mod identity;
pub mod integrate;
pub mod live;
pub mod request_parts;
pub mod respond;
pub mod settings;
pub mod shard;
pub mod signed;
pub mod throttle;
pub mod trace;
pub mod upstream;
