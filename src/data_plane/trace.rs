//! What a shard notes of an exchange for `tollgate test-invoke`: the steps that neither the client nor the plan can see.
//!
//! A shard that serves clients has no trace. A note costs it the test of one `Option`, and notes are taken only where
//! the exchange begins to wait for its origin, has waited for it, failed, or is over; nothing is copied without a trace.

use std::cell::RefCell;

use crate::plan::integration::Origin;

use super::exchange::{Ended, Exchange};
use super::identity::Identity;
use super::respond::GatewayError;

/// The notes on a traced shard's only exchange.
#[derive(Default)]
pub struct Trace {
    noted: RefCell<Noted>,
    /// A method is tried without its authorizer, unless it is that which is tried.
    pub asks_authorizer: bool,
}

/// In the order in which it comes about; what did not come about is empty.
#[derive(Clone, Debug, Default)]
pub struct Noted {
    pub endpoint_request: Option<EndpointRequest>,
    /// The head of the origin's answer, as it came.
    pub endpoint_response_head: Option<Vec<u8>>,
    /// `None` where nothing needed it whole: it then went through as it came, or was not read.
    pub endpoint_response_body: Option<Vec<u8>>,
    /// What a request validator found wrong with the body.
    pub validation_error: Option<String>,
    /// The gateway's own answer, and its status.
    pub failed: Option<(GatewayError, u16)>,
    /// Why, where there is more to say than the answer does: a template's place, what the origin did.
    pub why: Option<String>,
    pub request_id: String,
    pub integration_us: Option<u64>,
    /// Whom the authorizer knows the caller as.
    pub authorized: Option<Box<Identity>>,
    /// What the authorizer's function answered.
    pub authorizer_answer: Option<Vec<u8>>,
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
    pub fn new(asks_authorizer: bool) -> Trace {
        Trace { asks_authorizer, ..Trace::default() }
    }

    pub fn take(&self) -> Noted {
        self.noted.take()
    }

    pub fn sending(&self, origin: &Origin, request: &[u8], whole: bool) {
        let scheme = if origin.tls { "https" } else { "http" };
        let origin = format!("{scheme}://{}", origin.authority);
        self.noted.borrow_mut().endpoint_request = Some(EndpointRequest { origin, bytes: request.to_vec(), whole });
    }

    pub fn received(&self, head: &[u8]) {
        self.noted.borrow_mut().endpoint_response_head = Some(head.to_vec());
    }

    pub fn received_body(&self, body: &[u8]) {
        self.noted.borrow_mut().endpoint_response_body = Some(body.to_vec());
    }

    pub fn authorizer_answered(&self, body: &[u8]) {
        self.noted.borrow_mut().authorizer_answer = Some(body.to_vec());
    }

    pub fn authorized(&self, identity: &Identity) {
        self.noted.borrow_mut().authorized = Some(Box::new(identity.clone()));
    }

    pub fn ended(&self, exchange: &Exchange, ended: &Ended) {
        let mut noted = self.noted.borrow_mut();
        let detail = exchange.detail.as_deref();
        noted.request_id = String::from_utf8_lossy(exchange.ids.request()).into_owned();
        noted.integration_us = ended.integration_us;
        noted.failed = exchange.gateway_error.get().map(|error| (error, ended.status));
        noted.validation_error = detail.and_then(|detail| detail.validation_error.as_deref()).map(str::to_owned);
        let message = detail.and_then(|detail| detail.message.as_deref());
        noted.why = exchange.note.as_deref().or(message).or(ended.error).map(str::to_owned);
    }
}
