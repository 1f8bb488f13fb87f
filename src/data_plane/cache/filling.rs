//! An answer on its way into the store: from the request that asks for it to its last byte.

use std::cell::Cell;
use std::rc::Rc;

use crate::plan::cache::MethodCache;

use super::super::compress::lines;
use super::Note;
use super::rules::Permission;
use super::store::{Flight, StageStore};
use super::stored::Stored;

/// What an exchange has of the cache while the integration is asked.
pub struct Caching {
    pub note: Note,
    filling: Cell<Option<Box<Filling>>>,
    /// An older answer, to be given where the backend fails.
    pub stale: Option<Rc<Stored>>,
}

impl Caching {
    pub fn new(note: Note, filling: Option<Filling>, stale: Option<Rc<Stored>>) -> Box<Caching> {
        Box::new(Caching { note, filling: Cell::new(filling.map(Box::new)), stale })
    }

    /// Whether what comes may be kept: then the whole answer is asked for, and not as a single client wants it.
    pub fn fills(&self) -> bool {
        let filling = self.filling.take();
        let fills = filling.is_some();
        self.filling.set(filling);
        fills
    }

    pub fn take_filling(&self) -> Option<Box<Filling>> {
        self.filling.take()
    }
}

/// The place of an answer that is not there yet. Whoever waits for it goes on when it is dropped.
pub struct Filling {
    store: Rc<StageStore>,
    epoch: u64,
    key: Rc<[u8]>,
    flight: Option<Rc<Flight>>,
    /// The request had credentials that are not in the key.
    guarded: bool,
}

/// What there is to see of an answer before its body.
pub struct Seen<'a> {
    pub status: u16,
    /// What the client gets, up to where fields of this message alone begin.
    pub head: &'a [u8],
    /// How long it will be, where that is known.
    pub length: Option<u64>,
}

impl Filling {
    pub fn new(store: &Rc<StageStore>, key: &[u8], flight: Option<Rc<Flight>>, guarded: bool) -> Filling {
        Filling { store: Rc::clone(store), epoch: store.epoch(), key: Rc::from(key), flight, guarded }
    }

    /// What takes the answer's body, if it may be kept. `origin` are the fields of the integration's own answer: what
    /// they forbid is forbidden, whatever the client gets of them.
    pub fn open<'f>(
        self: Box<Self>,
        method: &MethodCache,
        seen: &Seen<'_>,
        origin: impl Iterator<Item = (&'f [u8], &'f [u8])>,
        now_ms: u64,
    ) -> Option<Box<Capture>> {
        let definition = &method.definition;
        let mut permission = Permission::default();
        origin.for_each(|(name, value)| permission.hear(name, value, definition));
        let written = lines(seen.head).filter_map(|line| line.split_at_checked(memchr::memchr(b':', line)?));
        written.for_each(|(name, value)| permission.hear(name, value[1..].trim_ascii(), definition));
        let bytes_max = definition.extension.item_bytes_max;
        let kept = matches!(seen.status, 200..=205 | 207..=299)
            && !permission.forbidden
            && (permission.public || !self.guarded)
            && seen.length.is_none_or(|length| length <= bytes_max)
            && self.store.charge(seen.length.unwrap_or(0));
        if !kept {
            self.give_up(seen.status, now_ms);
            return None;
        }
        Some(Box::new(Capture {
            filling: Some(self),
            status: seen.status,
            head: seen.head.to_vec(),
            body: Vec::with_capacity(usize::try_from(seen.length.unwrap_or(0)).unwrap_or(0)),
            bytes_max,
            public: permission.public,
            etag: definition.extension.etag,
            charged: seen.length.unwrap_or(0),
        }))
    }

    /// Says that nobody needs wait for the like of it. A failure says nothing of what comes after it.
    pub fn give_up(self, status: u16, now_ms: u64) {
        if self.flight.is_some() && status < 500 && self.epoch == self.store.epoch() {
            self.store.put_passes(Rc::clone(&self.key), now_ms);
        }
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        if let Some(flight) = &self.flight {
            self.store.land(&self.key, flight);
        }
    }
}

/// An answer that is kept while it passes.
pub struct Capture {
    /// `None` once it is clear that it is not kept: then it only passes.
    filling: Option<Box<Filling>>,
    status: u16,
    head: Vec<u8>,
    /// What has come so far; of an answer that is not kept, the last piece.
    body: Vec<u8>,
    bytes_max: u64,
    public: bool,
    etag: bool,
    /// What of the store's memory for answers on their way it has.
    charged: u64,
}

impl Capture {
    /// Where the next piece of the body belongs, without framing; and where it begins in it.
    pub fn room(&mut self) -> (&mut Vec<u8>, usize) {
        if self.filling.is_none() {
            self.body.clear();
        }
        let start = self.body.len();
        (&mut self.body, start)
    }

    pub fn piece(&self, start: usize) -> &[u8] {
        &self.body[start..]
    }

    /// Sees to the limits, when a piece has come and gone on.
    pub fn grew(&mut self, now_ms: u64) {
        let Some(filling) = &self.filling else { return };
        let more = (self.body.len() as u64).saturating_sub(self.charged);
        if self.body.len() as u64 <= self.bytes_max && filling.store.charge(more) {
            self.charged += more;
            return;
        }
        self.discharge();
        if let Some(filling) = self.filling.take() {
            filling.give_up(self.status, now_ms);
        }
    }

    /// The answer is all there.
    pub fn keep(&mut self, now_ms: u64) {
        self.discharge();
        let Some(filling) = self.filling.take() else { return };
        if filling.epoch != filling.store.epoch() {
            return;
        }
        let (head, body) = (std::mem::take(&mut self.head), std::mem::take(&mut self.body));
        let stored = Stored::new(self.status, &head, body, self.public, self.etag, now_ms);
        filling.store.put(Rc::clone(&filling.key), stored);
    }

    /// Keeps an answer of which the body is there already.
    pub fn keep_whole(mut self, body: &[u8], now_ms: u64) {
        self.body.extend_from_slice(body);
        self.grew(now_ms);
        self.keep(now_ms);
    }

    fn discharge(&mut self) {
        if let Some(filling) = &self.filling {
            filling.store.discharge(std::mem::take(&mut self.charged));
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.discharge();
    }
}
