//! Whom to ask, and what: an origin and its requests.
//!
//! - [`origin`]: URL → host, port, scheme, addresses;
//! - [`template`]: texts with `{{variables}}`; [`request`]: a request as bytes, or as a template of bytes;
//! - [`check`]: what an answer has to be; [`credentials`]: keys and tokens from a file;
//! - [`openapi`], [`json_lines`]: requests from files;
//! - [`order`] by weight.

pub mod check;
pub mod credentials;
pub mod json_lines;
pub mod openapi;
pub mod order;
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
    /// As asked; the first of several.
    pub url: String,
    pub requests: Vec<Request>,
    /// Indices into `requests`, in the order of sending, over and over: each appears in proportion to its weight, spread
    /// evenly. Workers begin at different places.
    pub order: Vec<u32>,
}

impl Target {
    /// `drafts` are sent to `site`; there is at least one. `connect_to` is as in [`origin::Site::resolve`].
    pub fn new(
        site: origin::Site,
        url: String,
        drafts: Vec<request::Draft>,
        connect_to: Option<&str>,
    ) -> Result<Target, String> {
        let authority = site.authority();
        let weights: Vec<u64> = drafts.iter().map(|draft| draft.weight).collect();
        let requests = drafts.into_iter().map(|draft| draft.finish(&authority)).collect::<Result<_, _>>()?;
        Ok(Target { origin: site.resolve(connect_to)?, url, requests, order: order::order(&weights) })
    }
}
