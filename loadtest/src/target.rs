//! Whom to ask, and what: an origin and its requests.
//!
//! - [`origin`]: URL → host, port, scheme, addresses;
//! - [`template`]: texts with `{{variables}}`; [`request`]: a request as bytes, or as a template of bytes;
//! - [`check`]: what an answer has to be; [`credentials`]: keys and tokens from a file;
//! - [`openapi`], [`json_lines`]: requests from files.

pub mod check;
pub mod credentials;
pub mod json_lines;
pub mod openapi;
pub mod origin;
pub mod request;
pub mod template;

pub use check::Check;
pub use origin::Origin;
pub use request::{Rendering, Request};

/// One origin and the requests it is sent. Built once, shared by all workers, never changed.
#[derive(Debug)]
pub struct Target {
    pub origin: Origin,
    pub requests: Vec<Request>,
    /// Indices into `requests`, in the order of sending, over and over: each appears in proportion to its weight, spread
    /// evenly. Workers begin at different places.
    pub order: Vec<u32>,
}
