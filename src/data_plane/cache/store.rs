//! The answers that a shard keeps of one stage, by weight in bytes, and who is asking for one right now.
//!
//! AWS gives a stage a cluster of its own; here it has its part of the memory that a shard may use for answers
//! (`cache.shard_bytes_max`), so that no stage can drive another's out.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use ahash::{AHashMap, AHashSet, RandomState};
use quick_cache::Weighter;
use quick_cache::unsync::{Cache, DefaultLifecycle};

use crate::plan::delivery::CacheFlush;
use crate::plan::{Plan, StagePlan};

use super::stored::Stored;

/// The stores of a shard, by what makes two of them the same from plan to plan.
pub type Stores = AHashMap<StoreName, Rc<StageStore>>;

/// A deployment leaves the store as it is: what was kept before is given until its time is over, as at AWS.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoreName {
    pub api_id: Arc<str>,
    pub stage: Arc<str>,
    pub of_canary: bool,
}

impl StoreName {
    /// Whether a flush is of this stage, or of its canary.
    pub fn is_of(&self, flush: &CacheFlush) -> bool {
        self.api_id == flush.api_id && self.stage == flush.stage
    }
}

pub struct StageStore {
    /// What the user gave the stage, over all shards: with another size it is another cluster, and begins empty.
    pub cluster_bytes: u64,
    capacity: Cell<u64>,
    entries: RefCell<Entries>,
    flights: RefCell<AHashMap<Rc<[u8]>, Rc<Flight>>>,
    /// Rises with each flush: an answer that was asked for before is not kept after it.
    epoch: Cell<u64>,
    /// Of answers on their way in.
    filling_bytes: Cell<u64>,
}

type Entries = Cache<Rc<[u8]>, Entry, Weight, RandomState, DefaultLifecycle<Rc<[u8]>, Entry>>;

#[derive(Clone)]
enum Entry {
    Answer(Rc<Stored>),
    /// The last answer could not be kept: until then nobody waits for another's.
    Passes {
        until_ms: u64,
    },
}

/// How long nobody waits for an answer whose like could not be kept. Long enough that waiting is rare, and short enough
/// that a backend that has changed its mind is heard.
const PASSES_MS: u64 = 10_000;

#[derive(Clone)]
struct Weight;

/// What an entry takes beside its key and its answer's bytes: two reference counts each, its place in the table and in the
/// list, as measured with empty answers.
const OVERHEAD_BYTES: u64 = 200;

impl Weighter<Rc<[u8]>, Entry> for Weight {
    fn weight(&self, key: &Rc<[u8]>, entry: &Entry) -> u64 {
        let bytes = match entry {
            Entry::Answer(stored) => stored.bytes(),
            Entry::Passes { .. } => 0,
        };
        OVERHEAD_BYTES + key.len() as u64 + bytes
    }
}

/// What a look finds.
pub enum Looked {
    Fresh(Rc<Stored>),
    /// Older than its time to live.
    Stale(Rc<Stored>),
    Passes,
    Nothing,
}

/// The stores of a plan.
pub struct Adopted {
    /// By stage.
    pub by_stage: Vec<Option<Rc<StageStore>>>,
    pub named: Stores,
    /// Of stores that are no more.
    pub remains: Vec<Remains>,
}

/// Takes the stores over that a plan names as well, and gives each its part of `bytes_max`.
pub fn adopt(plan: &Plan, mut earlier: Stores, bytes_max: u64, shards: u64) -> Adopted {
    let names: Vec<Option<(StoreName, u64)>> = plan.stages.iter().map(|stage| name(stage)).collect();
    let distinct: AHashSet<&StoreName> = names.iter().flatten().map(|(name, _)| name).collect();
    let part = bytes_max / (distinct.len() as u64).max(1);
    let mut named = Stores::with_capacity(distinct.len());
    let mut store = |(name, cluster_bytes): &(StoreName, u64)| {
        let capacity = part.min(cluster_bytes / shards.max(1));
        let store = named.entry(name.clone()).or_insert_with(|| {
            let same = |known: &Rc<StageStore>| known.cluster_bytes == *cluster_bytes;
            let known = earlier.get(name).is_some_and(same).then(|| earlier.remove(name)).flatten();
            known.unwrap_or_else(|| StageStore::new(*cluster_bytes, capacity))
        });
        store.resize(capacity);
        Rc::clone(store)
    };
    let by_stage = names.iter().map(|name| name.as_ref().map(&mut store)).collect();
    let remains = earlier.into_values().map(|store| store.flush()).collect();
    Adopted { by_stage, named, remains }
}

fn name(stage: &StagePlan) -> Option<(StoreName, u64)> {
    let cache = stage.cache.as_ref()?;
    let (api_id, name) = (Arc::clone(&stage.api_id), Arc::clone(&stage.stage));
    Some((StoreName { api_id, stage: name, of_canary: cache.of_canary }, cache.bytes_max))
}

impl StageStore {
    pub fn new(cluster_bytes: u64, capacity: u64) -> Rc<StageStore> {
        Rc::new(StageStore {
            cluster_bytes,
            capacity: Cell::new(capacity),
            entries: RefCell::new(entries(capacity)),
            flights: RefCell::default(),
            epoch: Cell::new(0),
            filling_bytes: Cell::new(0),
        })
    }

    /// Gives the stage another part of the memory.
    pub fn resize(&self, capacity: u64) {
        if self.capacity.replace(capacity) != capacity {
            self.entries.borrow_mut().set_capacity(capacity);
        }
    }

    pub fn look(&self, key: &[u8], now_ms: u64, ttl_ms: u64) -> Looked {
        match self.entries.borrow().get(key) {
            Some(Entry::Answer(stored)) if stored.is_within(now_ms, ttl_ms, 0) => Looked::Fresh(Rc::clone(stored)),
            Some(Entry::Answer(stored)) => Looked::Stale(Rc::clone(stored)),
            Some(Entry::Passes { until_ms }) if *until_ms > now_ms => Looked::Passes,
            Some(Entry::Passes { .. }) | None => Looked::Nothing,
        }
    }

    pub fn put(&self, key: Rc<[u8]>, stored: Stored) {
        self.entries.borrow_mut().insert(key, Entry::Answer(Rc::new(stored)));
    }

    /// Notes that the answer cannot be kept; an older one stays, for as long as it may be given.
    pub fn put_passes(&self, key: Rc<[u8]>, now_ms: u64) {
        let mut entries = self.entries.borrow_mut();
        if !matches!(entries.peek(&*key), Some(Entry::Answer(_))) {
            entries.insert(key, Entry::Passes { until_ms: now_ms + PASSES_MS });
        }
    }

    /// Forgets everything. What is on its way is not kept. What remains is the caller's to free: it may be much.
    pub fn flush(&self) -> Remains {
        self.epoch.set(self.epoch.get() + 1);
        // Those who wait for an answer from before ask for themselves.
        let flights = self.flights.take();
        flights.values().for_each(|flight| flight.land());
        Remains(self.entries.replace(entries(self.capacity.get())))
    }

    pub fn epoch(&self) -> u64 {
        self.epoch.get()
    }

    /// Who is asking for the answer with the key.
    pub fn flight(&self, key: &[u8]) -> Option<Rc<Flight>> {
        self.flights.borrow().get(key).map(Rc::clone)
    }

    /// Makes the caller the one who asks; `None` where there is one. There are no more of them than requests.
    pub fn lead(&self, key: &[u8]) -> Option<Rc<Flight>> {
        let mut flights = self.flights.borrow_mut();
        if flights.contains_key(key) {
            return None;
        }
        let flight = Rc::new(Flight::default());
        flights.insert(Rc::from(key), Rc::clone(&flight));
        Some(flight)
    }

    /// Whoever asked has an answer, or none.
    pub fn land(&self, key: &[u8], flight: &Rc<Flight>) {
        let mut flights = self.flights.borrow_mut();
        if flights.get(key).is_some_and(|known| Rc::ptr_eq(known, flight)) {
            flights.remove(key);
        }
        drop(flights);
        flight.land();
    }

    /// Takes memory for an answer on its way; `false` where as much is on its way as the store holds.
    pub fn charge(&self, bytes: u64) -> bool {
        let charged = self.filling_bytes.get() + bytes;
        let fits = charged <= self.capacity.get();
        if fits {
            self.filling_bytes.set(charged);
        }
        fits
    }

    pub fn discharge(&self, bytes: u64) {
        self.filling_bytes.set(self.filling_bytes.get().saturating_sub(bytes));
    }
}

fn entries(capacity: u64) -> Entries {
    /// An answer of an API, roughly: what the table is made for at first.
    const ANSWER_BYTES: u64 = 4096;
    let items = usize::try_from(capacity / ANSWER_BYTES).unwrap_or(usize::MAX).clamp(16, 1 << 20);
    Cache::with(items, capacity, Weight, RandomState::new(), DefaultLifecycle::default())
}

/// Answers that nobody finds any more. To free all of them at once would make requests wait.
pub struct Remains(Entries);

impl Remains {
    /// Frees some; `false` where nothing is left.
    pub fn shrink(&mut self) -> bool {
        const STEP_BYTES: u64 = 1 << 20;
        let left = self.0.weight().saturating_sub(STEP_BYTES);
        if left > 0 {
            self.0.set_capacity(left);
        }
        left > 0
    }
}

/// Somebody's request for an answer that others wait for.
#[derive(Default)]
pub struct Flight {
    landed: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Flight {
    pub fn land(&self) {
        self.landed.set(true);
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    pub async fn landed(&self) {
        poll_fn(|context| {
            if self.landed.get() {
                return Poll::Ready(());
            }
            let mut waiting = self.waiting.borrow_mut();
            if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(body: usize, now_ms: u64) -> Stored {
        Stored::new(200, b"HTTP/1.1 200 OK\r\n", vec![b'x'; body], true, false, now_ms)
    }

    fn found(store: &StageStore, key: &[u8], now_ms: u64) -> &'static str {
        match store.look(key, now_ms, 1000) {
            Looked::Fresh(_) => "fresh",
            Looked::Stale(_) => "stale",
            Looked::Passes => "passes",
            Looked::Nothing => "nothing",
        }
    }

    #[test]
    fn answers_grow_old() {
        let store = StageStore::new(1 << 20, 1 << 20);
        assert_eq!(found(&store, b"a", 0), "nothing");
        store.put_passes(Rc::from(*b"a"), 0);
        assert_eq!([found(&store, b"a", 9_999), found(&store, b"a", 10_000)], ["passes", "nothing"]);
        store.put(Rc::from(*b"a"), stored(10, 5));
        assert_eq!([found(&store, b"a", 1004), found(&store, b"a", 1005)], ["fresh", "stale"]);
        store.put_passes(Rc::from(*b"a"), 1005);
        assert_eq!(found(&store, b"a", 1005), "stale", "an older answer is worth more than to know that there is none");
        let epoch = store.epoch();
        assert!(!store.flush().shrink());
        assert_eq!((found(&store, b"a", 6), store.epoch()), ("nothing", epoch + 1));
    }

    #[test]
    fn a_store_holds_what_it_may() {
        let store = StageStore::new(1 << 30, 100_000);
        for number in 0..1000u32 {
            store.put(Rc::from(number.to_le_bytes()), stored(1000, 0));
            assert!(store.entries.borrow().weight() <= 100_000);
        }
        assert!(store.entries.borrow().weight() > 90_000, "{}", store.entries.borrow().weight());
        store.put(Rc::from(*b"huge"), stored(100_000, 0));
        assert_eq!(found(&store, b"huge", 0), "nothing");
        store.resize(10_000);
        assert!(store.entries.borrow().weight() <= 10_000);
        assert!(store.charge(10_000) && !store.charge(1));
        store.discharge(10_000);
        assert!(store.charge(1));
    }

    #[test]
    fn remains_are_freed_bit_by_bit() {
        let store = StageStore::new(1 << 30, 8 << 20);
        for number in 0..5000u32 {
            store.put(Rc::from(number.to_le_bytes()), stored(1000, 0));
        }
        let mut remains = store.flush();
        let (mut steps, before) = (1, remains.0.weight());
        while remains.shrink() {
            steps += 1;
        }
        assert!((4..=8).contains(&steps), "{steps} for {before} bytes");
    }

    #[test]
    fn one_asks_and_the_others_wait() {
        let store = StageStore::new(1 << 20, 1 << 20);
        let flight = store.lead(b"a").expect("nobody asks");
        assert!(store.lead(b"a").is_none() && store.lead(b"b").is_some());
        assert!(store.flight(b"a").is_some_and(|known| Rc::ptr_eq(&known, &flight)));
        store.flush();
        assert!(flight.landed.get() && store.flight(b"a").is_none());
        let later = store.lead(b"a").expect("nobody asks any more");
        store.land(b"a", &flight);
        assert!(store.flight(b"a").is_some(), "the earlier one has no say in it");
        store.land(b"a", &later);
        assert!(store.flight(b"a").is_none() && later.landed.get());
    }
}
