//! What authorizers have decided, kept on a shard for as long as they say: a table with a bound in bytes.
//!
//! A key has everything that a decision is about, each part with its length before it: region, API, stage, the authorizer with
//! all that describes it, and every identity source. What was decided is asked again at each request: a policy for this
//! request's method and path, a token for its time.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use ahash::RandomState;
use quick_cache::Weighter;
use quick_cache::unsync::{Cache, DefaultLifecycle};

use super::super::cache::store::Flight;
use super::super::identity::Identity;
use super::says::Says;

/// What an authorizer has decided of a caller.
#[derive(Debug)]
pub struct Decision {
    pub says: Says,
    pub identity: Rc<Identity>,
    /// About as much memory as it takes.
    pub bytes: u64,
}

struct Kept {
    decision: Rc<Decision>,
    until_ms: u64,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Rc<[u8]>, Kept> for Weight {
    fn weight(&self, key: &Rc<[u8]>, kept: &Kept) -> u64 {
        /// Of the table itself, and of what is around a decision.
        const ENTRY_BYTES: u64 = 256;
        key.len() as u64 + kept.decision.bytes + ENTRY_BYTES
    }
}

type Entries = Cache<Rc<[u8]>, Kept, Weight, RandomState>;

pub struct Decisions {
    entries: RefCell<Entries>,
    /// Who is being asked about, so that one asks for all who wait.
    flights: RefCell<HashMap<Rc<[u8]>, Rc<Flight>, RandomState>>,
    /// Room for a key, used again for each request.
    room: RefCell<Vec<u8>>,
    /// How often something was flushed.
    flushes: Cell<u64>,
}

/// A place among those who ask: the others wait until it is dropped.
pub struct Leading<'d> {
    decisions: &'d Decisions,
    key: Rc<[u8]>,
    flight: Rc<Flight>,
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        self.decisions.flights.borrow_mut().remove(&self.key);
        self.flight.land();
    }
}

/// Whether somebody asks already.
pub enum Turn<'d> {
    Lead(Leading<'d>),
    Wait(Rc<Flight>),
}

impl Decisions {
    pub fn new(bytes_max: u64) -> Decisions {
        /// A decision with its key, roughly: what the table is made for at first.
        const DECISION_BYTES: u64 = 1024;
        let items = usize::try_from(bytes_max / DECISION_BYTES).unwrap_or(usize::MAX).clamp(16, 1 << 16);
        let entries = Cache::with(items, bytes_max, Weight, RandomState::new(), DefaultLifecycle::default());
        Decisions {
            entries: RefCell::new(entries),
            flights: RefCell::default(),
            room: RefCell::default(),
            flushes: Cell::new(0),
        }
    }

    /// Gives room for a key to `write` and then what is kept under it to `read`.
    pub fn with_key<R>(&self, write: impl FnOnce(&mut Vec<u8>), read: impl FnOnce(&[u8]) -> R) -> R {
        let mut room = self.room.take();
        room.clear();
        write(&mut room);
        let result = read(&room);
        self.room.replace(room);
        result
    }

    /// What was decided, if that still counts.
    pub fn find(&self, key: &[u8], now_ms: u64) -> Option<Rc<Decision>> {
        let entries = self.entries.borrow();
        entries.get(key).filter(|kept| now_ms < kept.until_ms).map(|kept| Rc::clone(&kept.decision))
    }

    pub fn keep(&self, key: Rc<[u8]>, decision: Rc<Decision>, until_ms: u64) {
        self.entries.borrow_mut().insert(key, Kept { decision, until_ms });
    }

    pub fn forget(&self, key: &[u8]) {
        self.entries.borrow_mut().remove(key);
    }

    /// Forgets what was decided for a stage: all keys that begin so.
    pub fn flush(&self, beginning: &[u8]) {
        self.entries.borrow_mut().retain(|key, _| !key.starts_with(beginning));
        self.flushes.set(self.flushes.get() + 1);
    }

    /// What was asked at another count of flushes is not kept: it may be what was to be forgotten.
    pub fn flushes(&self) -> u64 {
        self.flushes.get()
    }

    /// There are no more of them than requests.
    pub fn turn(&self, key: &Rc<[u8]>) -> Turn<'_> {
        let mut flights = self.flights.borrow_mut();
        if let Some(flight) = flights.get(key) {
            return Turn::Wait(Rc::clone(flight));
        }
        let flight = Rc::new(Flight::default());
        flights.insert(Rc::clone(key), Rc::clone(&flight));
        Turn::Lead(Leading { decisions: self, key: Rc::clone(key), flight })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(bytes: u64) -> Rc<Decision> {
        Rc::new(Decision { says: Says::Allows, identity: Rc::default(), bytes })
    }

    #[test]
    fn decisions_are_found_until_their_time_is_over() {
        let decisions = Decisions::new(1 << 20);
        decisions.keep(Rc::from(&b"one"[..]), decision(10), 100);
        assert!(decisions.find(b"one", 99).is_some());
        assert!(decisions.find(b"one", 100).is_none());
        assert!(decisions.find(b"on", 0).is_none() && decisions.find(b"one2", 0).is_none());
        decisions.forget(b"one");
        assert!(decisions.find(b"one", 0).is_none());
    }

    #[test]
    fn no_more_are_kept_than_there_is_room_for() {
        let decisions = Decisions::new(100_000);
        for number in 0..10_000u32 {
            decisions.keep(Rc::from(&number.to_le_bytes()[..]), decision(1000), u64::MAX);
        }
        let kept = (0..10_000u32).filter(|number| decisions.find(&number.to_le_bytes(), 0).is_some()).count();
        assert!((10..=100).contains(&kept), "{kept}");
        decisions.keep(Rc::from(&b"large"[..]), decision(200_000), u64::MAX);
        assert!(decisions.find(b"large", 0).is_none());
    }

    #[test]
    fn a_stages_are_flushed() {
        let decisions = Decisions::new(1 << 20);
        for key in ["a/prod/1", "a/prod/2", "a/prod2/1"] {
            decisions.keep(Rc::from(key.as_bytes()), decision(1), 100);
        }
        decisions.flush(b"a/prod/");
        let left = ["a/prod/1", "a/prod/2", "a/prod2/1"].map(|key| decisions.find(key.as_bytes(), 0).is_some());
        assert_eq!(left, [false, false, true]);
    }

    #[test]
    fn one_asks_for_all() {
        let decisions = Decisions::new(1 << 20);
        let key: Rc<[u8]> = Rc::from(&b"key"[..]);
        let Turn::Lead(leading) = decisions.turn(&key) else { panic!("nobody asks yet") };
        assert!(matches!(decisions.turn(&key), Turn::Wait(_)));
        drop(leading);
        assert!(matches!(decisions.turn(&key), Turn::Lead(_)));
    }
}
