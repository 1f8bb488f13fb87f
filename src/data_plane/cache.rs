//! The stage cache on a shard: answers that are given again without asking the integration.
//! (Guide, `api-gateway-caching`; RFC 9111, 3 and 4, for what a shared cache must not keep.)
//!
//! ```text
//! request ──▶ key ──▶ fresh answer? ──▶ given
//!                        │ none
//!                        ├─ nobody asks yet: this request asks; what comes is kept while it passes
//!                        └─ somebody asks: wait for that answer; if it is not kept, ask too
//! ```
//! It stands behind everything that may refuse a request, and before the integration: who may not ask gets nothing of it.
//!
//! - [`key`]: what tells one answer from another.
//! - [`store`]: the answers of a stage, by weight in bytes, and who is asking for one.
//! - [`stored`]: an answer as it is kept, and as it is given.
//! - [`rules`]: what a request asks of a cache, and what an answer lets it do.
//! - [`filling`]: an answer on its way into the store.

pub mod filling;
pub mod key;
mod refresh;
mod rules;
pub mod store;
pub mod stored;

use std::cell::Cell;
use std::rc::Rc;

use crate::net::runtime::{First, either, sleep_ms};
use crate::plan::cache::{Invalidation, MethodCache, UnauthorizedStrategy};
use crate::stats::Counter;

use super::exchange::{Ended, Exchange};
use super::forwarding::Inbound;
use super::respond::GatewayError;
use super::shard::Shard;
use filling::{Caching, Filling};
pub use refresh::{Again, Refresh, Refreshes};
use rules::Wishes;
use store::{Flight, Looked, StageStore};
use stored::Stored;

/// A method whose answers are kept, with the store that they are in.
#[derive(Clone, Copy)]
pub struct Cached<'l> {
    pub store: &'l Rc<StageStore>,
    pub method: &'l MethodCache,
}

/// How far a request came.
pub enum Entered {
    /// The answer is in the output.
    Answered(Ended),
    /// Somebody asks for the same already.
    Wait(Rc<Flight>),
    /// The integration has to be asked.
    Ask(Box<Caching>),
}

/// What a client is told of the cache's part in its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    pub result: CacheResult,
    /// The request's `Cache-Control` was ignored.
    pub warns: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheResult {
    Hit,
    /// Older than its time to live.
    Stale,
    Miss,
    /// Asked for anew because the client wanted it so.
    Refresh,
}

impl CacheResult {
    fn name(self) -> &'static str {
        match self {
            CacheResult::Hit => "HIT",
            CacheResult::Stale => "STALE",
            CacheResult::Miss => "MISS",
            CacheResult::Refresh => "REFRESH",
        }
    }
}

/// As the service words it.
const IGNORED: &str = "199 Cache-control headers were ignored because the caller was unauthorized.";

impl Note {
    /// Appends what the client is told.
    pub fn write(self, shard: &Shard, out: &mut Vec<u8>) {
        if self.warns {
            crate::http::encode::field("Warning", IGNORED.as_bytes(), out);
        }
        if shard.settings.cache.header {
            crate::http::encode::field("X-Cache", self.result.name().as_bytes(), out);
        }
    }
}

/// Which time a request comes to the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    First,
    /// It has waited for somebody else's answer.
    AfterWaiting,
}

/// Looks for an answer, and becomes the one who asks where there is none. `body` is the digest of the request's body.
///
/// # Errors
/// [`GatewayError::InvalidationDenied`]: the request wants a new answer and may not have one.
pub fn enter(
    cached: Cached<'_>,
    inbound: &Inbound<'_>,
    body: Option<&[u8; 32]>,
    turn: Turn,
    exchange: &Exchange,
    shard: &Rc<Shard>,
    out: &mut Vec<u8>,
) -> Result<Entered, GatewayError> {
    let wishes = Wishes::of(inbound.head);
    let (refreshes, warns) = invalidation(cached.method, wishes, exchange)?;
    let mut key = shard.cache_key.take();
    key.clear();
    key::write(cached.method, inbound, body, &mut key);
    let guarded = wishes.is_guarded(&cached.method.definition, exchange.authorized.is_some());
    let has_body = body.is_some();
    let entering =
        Entering { cached, key: &key, wishes, has_body, guarded, refreshes, warns, turn, inbound, exchange, shard };
    let entered = entering.enter(out);
    shard.cache_key.set(key);
    Ok(entered)
}

/// Whether a new answer is asked for, and whether it is said that it is not.
fn invalidation(method: &MethodCache, wishes: Wishes<'_>, exchange: &Exchange) -> Result<(bool, bool), GatewayError> {
    if !wishes.fresh {
        return Ok((false, false));
    }
    let authorized = exchange.authorized.as_ref().is_some_and(|authorized| authorized.may_invalidate);
    match method.invalidation {
        Invalidation::ByAnybody => Ok((true, false)),
        Invalidation::ByAuthorized(_) if authorized => Ok((true, false)),
        Invalidation::ByAuthorized(UnauthorizedStrategy::FailWith403) => Err(GatewayError::InvalidationDenied),
        Invalidation::ByAuthorized(UnauthorizedStrategy::SucceedWithResponseHeader) => Ok((false, true)),
        Invalidation::ByAuthorized(UnauthorizedStrategy::SucceedWithoutResponseHeader) => Ok((false, false)),
    }
}

/// A request that has come to the cache.
struct Entering<'e> {
    cached: Cached<'e>,
    key: &'e [u8],
    wishes: Wishes<'e>,
    has_body: bool,
    /// It has credentials that the key does not have.
    guarded: bool,
    /// It wants a new answer, and may.
    refreshes: bool,
    warns: bool,
    turn: Turn,
    inbound: &'e Inbound<'e>,
    exchange: &'e Exchange,
    shard: &'e Rc<Shard>,
}

impl Entering<'_> {
    fn enter(&self, out: &mut Vec<u8>) -> Entered {
        match self.look() {
            Looked::Fresh(stored) => self.give(&stored, CacheResult::Hit, out),
            Looked::Stale(stored) if self.is_renewed(&stored) => {
                self.renew();
                self.give(&stored, CacheResult::Stale, out)
            }
            Looked::Stale(stored) => self.ask(Some(stored), false),
            Looked::Passes => self.ask(None, true),
            Looked::Nothing => self.ask(None, false),
        }
    }

    /// What there is for this request.
    fn look(&self) -> Looked {
        let Cached { store, method } = self.cached;
        if self.refreshes {
            return Looked::Nothing;
        }
        match store.look(self.key, self.shard.now_ms(), method.ttl_ms) {
            Looked::Fresh(stored) | Looked::Stale(stored) if self.guarded && !stored.public => Looked::Nothing,
            looked => looked,
        }
    }

    fn give(&self, stored: &Stored, result: CacheResult, out: &mut Vec<u8>) -> Entered {
        self.shard.recorder.count(match (result, self.turn) {
            (CacheResult::Stale, _) => Counter::CacheStale,
            (_, Turn::First) => Counter::CacheHits,
            (_, Turn::AfterWaiting) => Counter::CacheShared,
        });
        let note = Note { result, warns: self.warns };
        let Entering { cached, wishes, exchange, shard, .. } = self;
        Entered::Answered(give(stored, cached.method, wishes.if_none_match, note, exchange, shard, out))
    }

    /// Whether a stale answer is given while a new one is asked for. What is asked for then is asked for everybody.
    fn is_renewed(&self, stored: &Stored) -> bool {
        let method = self.cached.method;
        let alone = self.exchange.to_head_request || self.guarded || self.has_body;
        let more_ms = method.definition.extension.stale_while_revalidate_ms;
        !alone && stored.is_within(self.shard.now_ms(), method.ttl_ms, more_ms)
    }

    /// Asks for a new answer, if nobody does.
    fn renew(&self) {
        let Entering { cached: Cached { store, .. }, key, exchange, shard, .. } = self;
        if let Some((stage, _)) = exchange.found
            && let Some(place) = shard.refreshes.place()
            && let Some(flight) = store.lead(key)
        {
            let filling = Filling::new(store, key, Some(flight), false);
            let note = Note { result: CacheResult::Refresh, warns: false };
            let caching = Caching::new(note, Some(filling), None);
            let (authorized, caller) = (exchange.authorized.clone(), exchange.caller.clone());
            refresh::begin(
                shard,
                self.inbound,
                Refresh { live: Rc::clone(&exchange.live), stage, caching, authorized, caller },
                place,
            );
        }
    }

    /// There is nothing to give: whether this request asks, and whether what comes is kept.
    fn ask(&self, stale: Option<Rc<Stored>>, passes: bool) -> Entered {
        let Entering { cached: Cached { store, .. }, key, guarded, refreshes, .. } = *self;
        let filling = |flight| Some(Filling::new(store, key, flight, guarded));
        // Of an answer without its body, nobody else gets anything.
        let filling = if self.exchange.to_head_request {
            None
        } else if guarded || passes || refreshes {
            filling(None)
        } else {
            match (store.flight(key), self.turn) {
                (Some(flight), Turn::First) => return Entered::Wait(flight),
                // It has waited long enough. What comes of it is the other's to keep.
                (Some(_), Turn::AfterWaiting) => None,
                (None, _) => filling(store.lead(key)),
            }
        };
        let (result, counter) = if refreshes {
            (CacheResult::Refresh, Counter::CacheRefreshes)
        } else {
            (CacheResult::Miss, Counter::CacheMisses)
        };
        self.shard.recorder.count(counter);
        Entered::Ask(Caching::new(Note { result, warns: self.warns }, filling, stale))
    }
}

/// Writes an answer that is there.
fn give(
    stored: &Stored,
    method: &MethodCache,
    if_none_match: Option<&[u8]>,
    note: Note,
    exchange: &Exchange,
    shard: &Shard,
    out: &mut Vec<u8>,
) -> Ended {
    let if_none_match = if_none_match.filter(|_| method.definition.extension.etag);
    let (status, response_bytes) = stored.write(if_none_match, note, exchange, shard, out);
    Ended { status, response_bytes, integration_us: None, error: None }
}

/// Waits until somebody else's answer is there or will not be, but not for ever.
pub async fn wait(flight: Rc<Flight>, shard: &Shard) {
    let landed = std::pin::pin!(flight.landed());
    let late = std::pin::pin!(sleep_ms(shard.settings.cache.wait_ms));
    match either(landed, late).await {
        First::Left(()) | First::Right(()) => {}
    }
}

/// Gives an older answer in place of an error of the backend's, where the method allows it.
pub fn give_for_error(exchange: &Exchange, shard: &Shard, out: &mut Vec<u8>) -> Option<Ended> {
    let stored = exchange.cache.as_ref()?.stale.as_ref()?;
    let (stage, method) = exchange.found?;
    let method = exchange.live.cached_method(stage, method)?;
    if !stored.is_within(shard.now_ms(), method.ttl_ms, method.definition.extension.stale_if_error_ms) {
        return None;
    }
    shard.recorder.count(Counter::CacheStale);
    let warns = exchange.cache.as_ref().is_some_and(|caching| caching.note.warns);
    let note = Note { result: CacheResult::Stale, warns };
    Some(give(stored, method, None, note, exchange, shard, out))
}

/// Room for a key, used again for each request of a shard.
pub type KeyRoom = Cell<Vec<u8>>;
