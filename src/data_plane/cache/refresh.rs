//! A new answer in place of a stale one, asked for while the client has the stale one already.
//!
//! The request is made again from what its client sent, on a connection that nobody listens to: a pair of sockets in this
//! process. So it takes the way of every other request, and what comes is kept on it.

use std::cell::Cell;
use std::rc::Rc;

use crate::http::field::FieldKind;
use crate::net::runtime::spawn;
use crate::plan::StageIndex;
use crate::plan::clients::Caller;
use crate::stats::Counter;

use super::super::connection;
use super::super::forwarding::{Client, Inbound};
use super::super::identity::Authorized;
use super::super::live::Live;
use super::super::shard::Shard;
use super::filling::Caching;

/// A request that nobody waits for.
pub struct Refresh {
    /// The stage that was chosen for the client: a canary's answer belongs to the canary.
    pub live: Rc<Live>,
    pub stage: StageIndex,
    pub caching: Box<Caching>,
    /// What its client was authorized to be.
    pub authorized: Option<Authorized>,
    /// Whose API key it came with.
    pub caller: Option<Caller>,
}

/// What a task takes to ask again.
pub struct Again {
    pub refresh: Refresh,
    pub client: Client,
    pub request: Vec<u8>,
}

/// What a shard asks for again at a time. Beyond that, stale answers are given until there is a place.
const REFRESHES_MAX: u32 = 256;

/// Those under way on a shard.
#[derive(Clone, Default)]
pub struct Refreshes(Rc<Cell<u32>>);

/// A place among them, until it is dropped.
pub struct Place(Refreshes);

impl Refreshes {
    pub fn place(&self) -> Option<Place> {
        let taken = self.0.get();
        (taken < REFRESHES_MAX).then(|| {
            self.0.set(taken + 1);
            Place(self.clone())
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.set(self.0.0.get().saturating_sub(1));
    }
}

pub fn begin(shard: &Rc<Shard>, inbound: &Inbound<'_>, refresh: Refresh, place: Place) {
    let again = Again { refresh, client: inbound.client.clone(), request: request(inbound) };
    let (shard, panics) = (Rc::clone(shard), shard.recorder.clone());
    let task = async move {
        connection::ask_again(&shard, again).await;
        drop(place);
    };
    spawn(task, move || panics.count(Counter::Panics));
}

/// The request as its client sent it, without what it says of a body: that had nothing in it.
fn request(inbound: &Inbound<'_>) -> Vec<u8> {
    let head = inbound.head;
    let mut request = Vec::with_capacity(head.bytes);
    request.extend_from_slice(head.method.as_bytes());
    request.push(b' ');
    request.extend_from_slice(head.target.as_bytes());
    request.extend_from_slice(b" HTTP/1.1\r\n");
    for (field, kind) in head.fields.iter().zip(head.kinds) {
        if matches!(
            kind,
            FieldKind::ContentLength | FieldKind::Expect | FieldKind::Trailer | FieldKind::TransferEncoding
        ) {
            continue;
        }
        crate::http::encode::field(field.name, field.value, &mut request);
    }
    request.extend_from_slice(b"\r\n");
    request
}
