//! What a shard notes of an exchange for `tollgate test-invoke`: the steps that neither the client nor the plan can see.
//!
//! A shard that serves clients has no trace. A note costs it the test of one `Option`, and notes are taken only where
//! the exchange begins to wait for its origin, has waited for it, failed, or is over; nothing is copied without a trace.

use std::cell::RefCell;

use crate::plan::integration::Origin;

use super::context::RequestIds;
use super::exchange::Ended;
use super::respond::GatewayError;

/// The notes on a traced shard's only exchange.
#[derive(Default)]
pub struct Trace(RefCell<Noted>);

/// In the order in which it comes about; what did not come about is empty.
#[derive(Clone, Debug, Default)]
pub struct Noted {
    /// Steps before the integration, in the words of AWS's log: what validators and authorizers found.
    pub before_integration: Vec<String>,
    pub endpoint_request: Option<EndpointRequest>,
    /// The head of the origin's answer, as it came.
    pub endpoint_response_head: Option<Vec<u8>>,
    /// `None` where nothing needed it whole: it then went through as it came, or was not read.
    pub endpoint_response_body: Option<Vec<u8>>,
    /// The gateway's own answer, and its status.
    pub failed: Option<(GatewayError, u16)>,
    /// Why, where there is more to say than the answer does: a template's place, what the origin did.
    pub why: Option<String>,
    pub request_id: String,
    pub integration_us: Option<u64>,
}

#[derive(Clone, Debug)]
pub struct EndpointRequest {
    /// `https://host:port`
    pub origin: String,
    /// Head, and body as far as `whole` says.
    pub bytes: Vec<u8>,
    /// The rest of the body is the client's, as it comes.
    pub whole: bool,
}

impl Trace {
    pub fn take(&self) -> Noted {
        self.0.take()
    }

    /// A step before the integration, as a line of AWS's log: `Request validation succeeded for content type …`.
    pub fn before_integration(&self, line: impl Into<String>) {
        self.0.borrow_mut().before_integration.push(line.into());
    }

    pub fn sending(&self, origin: &Origin, request: &[u8], whole: bool) {
        let scheme = if origin.tls { "https" } else { "http" };
        let origin = format!("{scheme}://{}", origin.authority);
        self.0.borrow_mut().endpoint_request = Some(EndpointRequest { origin, bytes: request.to_vec(), whole });
    }

    pub fn received(&self, head: &[u8]) {
        self.0.borrow_mut().endpoint_response_head = Some(head.to_vec());
    }

    pub fn received_body(&self, body: &[u8]) {
        self.0.borrow_mut().endpoint_response_body = Some(body.to_vec());
    }

    pub fn failed(&self, error: GatewayError, status: u16) {
        self.0.borrow_mut().failed = Some((error, status));
    }

    pub fn ended(&self, ids: &RequestIds, ended: &Ended, note: Option<&str>) {
        let mut noted = self.0.borrow_mut();
        noted.request_id = String::from_utf8_lossy(ids.request()).into_owned();
        noted.integration_us = ended.integration_us;
        noted.why = note.or(ended.error).map(str::to_owned);
    }
}
