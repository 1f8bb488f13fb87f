//! Where shards and control thread meet: each shard has a recorder, the control thread reads totals and collects.
//!
//! Two mutexes, neither on a request's path: a shard takes one when it adopts a plan, the other when it hands
//! histograms over; the control thread holds each for as long as it takes to copy or swap a list of pointers.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::block::{Block, Harvest, Rows};
use super::counter::{Counter, Counters};
use super::latency::Latency;

/// All statistics of the process.
pub struct Registry {
    shards: Vec<ShardPlace>,
    /// Written by the control thread and its helpers.
    control: Counters,
    open: Mutex<Vec<Arc<Rows>>>,
    inbox: Mutex<Inbox>,
}

struct ShardPlace {
    counters: Arc<Counters>,
    claimed: AtomicBool,
    /// Harvests that the shard has answered.
    harvests: AtomicU64,
}

/// What shards handed over. Bounded by the collector itself: it asks for the harvests that come in here.
#[derive(Default)]
struct Inbox {
    harvests: Vec<Harvest>,
    overheads: Vec<Latency>,
}

/// What came together since the last [`Registry::collect`].
pub struct Collected {
    /// Counts of plans that a shard is done with; they will not change again.
    pub closed: Vec<Rows>,
    pub harvests: Vec<Harvest>,
    /// The gateway's own share of exchanges.
    pub overheads: Vec<Latency>,
}

impl Registry {
    pub fn new(shards: usize) -> Arc<Registry> {
        let place = || ShardPlace {
            counters: Arc::new(Counters::new()),
            claimed: AtomicBool::new(false),
            harvests: AtomicU64::new(0),
        };
        Arc::new(Registry {
            shards: (0..shards).map(|_| place()).collect(),
            control: Counters::new(),
            open: Mutex::default(),
            inbox: Mutex::default(),
        })
    }

    /// The recorder of a shard; to be asked for on the shard's own thread.
    ///
    /// # Panics
    /// When the shard does not exist or has one already: counters have one writer.
    pub fn recorder(self: &Arc<Self>, shard: usize) -> Recorder {
        let place = &self.shards[shard];
        assert!(!place.claimed.swap(true, Ordering::Relaxed), "shard {shard} has a recorder already");
        let counters = Arc::clone(&place.counters);
        let overhead = RefCell::new(None);
        let shard = Shard { registry: Arc::clone(self), index: shard, overhead, blocks: RefCell::default() };
        Recorder { counters, shard: Rc::new(shard) }
    }

    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Counts from outside the shards; any thread, off the path of a request.
    pub fn count(&self, counter: Counter) {
        self.count_by(counter, 1);
    }

    pub fn count_by(&self, counter: Counter, amount: u64) {
        self.control.add_shared(counter, amount);
    }

    /// The sum over all shards and the control side.
    pub fn total(&self, counter: Counter) -> u64 {
        let shards = self.shards.iter().map(|place| place.counters.read(counter));
        shards.fold(self.control.read(counter), u64::wrapping_add)
    }

    pub fn on_shard(&self, shard: usize, counter: Counter) -> u64 {
        self.shards[shard].counters.read(counter)
    }

    /// How many harvests a shard has answered: to wait for one that was asked for.
    pub fn harvests(&self, shard: usize) -> u64 {
        self.shards[shard].harvests.load(Ordering::Acquire)
    }

    /// The rows that shards are writing to. They must be let go of before the next [`Self::collect`], which else takes
    /// the reader for a writer and leaves them open until the one after.
    pub fn open(&self) -> Vec<Arc<Rows>> {
        lock(&self.open).clone()
    }

    /// Takes what is final. One collector: what it gets, nobody else does.
    pub fn collect(&self) -> Collected {
        // Rows first: a block hands over its histograms before it lets go of its rows.
        let ended: Vec<_> = lock(&self.open).extract_if(.., |rows| Arc::strong_count(rows) == 1).collect();
        // With one holder left there is nobody who could make another; `into_inner` orders the writes before our reads.
        let closed = ended.into_iter().filter_map(Arc::into_inner).collect();
        let Inbox { harvests, overheads } = std::mem::take(&mut *lock(&self.inbox));
        Collected { closed, harvests, overheads }
    }
}

/// A poisoned list is still a list: each change under these locks is a single call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A shard's end. Clones are handles to the same; not `Send`.
#[derive(Clone)]
pub struct Recorder {
    counters: Arc<Counters>,
    shard: Rc<Shard>,
}

/// What the blocks of a shard share.
pub(super) struct Shard {
    registry: Arc<Registry>,
    index: usize,
    overhead: RefCell<Option<Latency>>,
    blocks: RefCell<Vec<Weak<Block>>>,
}

impl Recorder {
    pub fn count(&self, counter: Counter) {
        self.count_by(counter, 1);
    }

    pub fn count_by(&self, counter: Counter, amount: u64) {
        self.counters.add_alone(counter, amount);
    }

    /// Opens the counts for a plan that this shard adopts: how many methods each of its stages has.
    pub fn open_block(&self, generation: u64, methods: impl IntoIterator<Item = usize>) -> Rc<Block> {
        let block = Rc::new(Block::new(Rc::clone(&self.shard), generation, methods));
        let mut blocks = self.shard.blocks.borrow_mut();
        blocks.retain(|block| block.strong_count() > 0);
        blocks.push(Rc::downgrade(&block));
        lock(&self.shard.registry.open).push(block.rows());
        block
    }

    /// Hands over what the histograms of all live blocks hold.
    pub fn harvest(&self) {
        let blocks = self.shard.blocks.borrow();
        let harvests = blocks.iter().filter_map(Weak::upgrade).filter_map(|block| block.harvest()).collect();
        drop(blocks);
        self.shard.hand_over(harvests);
        self.shard.registry.shards[self.shard.index].harvests.fetch_add(1, Ordering::Release);
    }
}

impl Shard {
    pub(super) fn overhead(&self, time_us: u64) {
        self.overhead.borrow_mut().get_or_insert_with(Latency::new).record(time_us);
    }

    pub(super) fn hand_over(&self, harvests: Vec<Harvest>) {
        let overhead = self.overhead.borrow_mut().take();
        let mut inbox = lock(&self.registry.inbox);
        inbox.harvests.extend(harvests);
        inbox.overheads.extend(overhead);
    }
}

#[cfg(test)]
mod tests {
    use super::super::status::{LABELS, slot};
    use super::*;

    fn counts(rows: &Rows) -> Vec<(usize, &'static str, u64)> {
        let mut all = Vec::new();
        rows.each(|stage, method, counts| {
            assert_eq!(stage, 0, "only the first stage is called in these tests");
            let called = counts.into_iter().enumerate().filter(|(_, count)| *count > 0);
            all.extend(called.map(|(slot, count)| (method, LABELS[slot], count)));
        });
        all
    }

    #[test]
    fn a_total_is_the_sum_over_shards_and_control() {
        let registry = Registry::new(2);
        registry.recorder(0).count(Counter::Panics);
        registry.recorder(1).count_by(Counter::Panics, 5);
        registry.count(Counter::Panics);
        assert_eq!(registry.total(Counter::Panics), 7);
        assert_eq!(registry.on_shard(1, Counter::Panics), 5);
        assert_eq!(registry.total(Counter::ClientAborts), 0);
    }

    #[test]
    #[should_panic(expected = "has a recorder already")]
    fn counters_have_one_writer() {
        let registry = Registry::new(1);
        let _first = registry.recorder(0);
        registry.recorder(0);
    }

    #[test]
    fn only_methods_that_were_called_have_rows() {
        let registry = Registry::new(1);
        let recorder = registry.recorder(0);
        let block = recorder.open_block(1, [10_000, 10_000]);
        for (method, status) in [(7, 200), (7, 200), (7, 418), (9_999, 101)] {
            block.record(0, method, status);
        }
        let open = registry.open();
        assert_eq!(counts(&open[0]), [(7, "200", 2), (7, "4xx", 1), (9_999, "1xx", 1)]);
        assert_eq!((open[0].generation(), slot(200)), (1, 0));
    }

    #[test]
    fn a_block_is_closed_when_its_last_holder_lets_go() {
        let registry = Registry::new(1);
        let recorder = registry.recorder(0);
        let exchange_in_flight = recorder.open_block(1, [1]);
        let current = recorder.open_block(2, [1]);
        assert!(registry.collect().closed.is_empty());
        exchange_in_flight.record(0, 0, 204);
        exchange_in_flight.latency(0, 1_500, Some(1_000));
        drop(exchange_in_flight);

        let collected = registry.collect();
        assert_eq!(collected.closed.len(), 1);
        assert_eq!(counts(&collected.closed[0]), [(0, "204", 1)]);
        assert_eq!(collected.harvests.len(), 1, "latencies must be there when the rows are");
        assert_eq!((collected.harvests[0].generation, collected.overheads.len()), (1, 1));
        assert_eq!(registry.open().len(), 1);
        drop(current);
        assert_eq!(registry.collect().closed.len(), 1);
        assert!(registry.open().is_empty());
    }

    #[test]
    fn a_harvest_takes_all_blocks_and_leaves_them_empty() {
        let registry = Registry::new(1);
        let recorder = registry.recorder(0);
        let (old, new) = (recorder.open_block(1, [0]), recorder.open_block(2, [0, 0]));
        old.latency(0, 10, None);
        new.latency(1, 2_000, Some(1_900));
        new.latency(1, 3_000, None);
        recorder.harvest();
        let collected = registry.collect();
        let shown: Vec<_> =
            collected.harvests.iter().map(|harvest| (harvest.generation, harvest.stages.len())).collect();
        assert_eq!(shown, [(1, 1), (2, 1)]);
        let stage = &collected.harvests[1].stages[0];
        assert_eq!((stage.stage, stage.request.count(), stage.request.sum_us()), (1, 2, 5_000));
        assert_eq!(stage.integration.as_ref().map(Latency::sum_us), Some(1_900));
        assert_eq!(collected.overheads[0].sum_us(), 10 + 100 + 3_000);

        recorder.harvest();
        let collected = registry.collect();
        assert!(collected.harvests.is_empty() && collected.overheads.is_empty());
        assert_eq!(registry.harvests(0), 2);
    }

    #[test]
    fn a_shard_counts_while_the_control_thread_reads() {
        let registry = Registry::new(1);
        let shared = Arc::clone(&registry);
        let shard = std::thread::spawn(move || {
            let recorder = shared.recorder(0);
            let block = recorder.open_block(1, [1]);
            for _ in 0..50_000 {
                block.record(0, 0, 200);
                recorder.count(Counter::AccessLogRecords);
            }
        });
        let mut last = 0;
        while last < 50_000 {
            let now = registry.total(Counter::AccessLogRecords);
            assert!(now >= last);
            last = now;
        }
        shard.join().expect("the shard does not panic");
        assert_eq!(counts(&registry.collect().closed[0]), [(0, "200", 50_000)]);
    }
}
