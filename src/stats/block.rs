//! One shard's counts and latencies for one plan: a row of counters a method, a pair of histograms a stage.
//!
//! A block lives as long as anything on its shard serves that plan: exchanges in flight keep the block beside their
//! plan. When the last holder lets go, what its histograms have goes to the registry's inbox and its rows become the
//! control thread's own, to be added to the totals.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::counter::add_alone;
use super::latency::Latency;
use super::registry::Shard;
use super::status::{SLOTS, slot};

/// A method's counters by status slot; on cache lines of its own, as rows of several shards may be neighbours.
#[repr(align(64))]
struct Row([AtomicU64; SLOTS]);

/// The counters of all methods of a plan on one shard: written there, read by the control thread.
///
/// A stage has 32 bytes here, and 16 for each method from its first answer on; a method has its row from its own first
/// answer on. With 1,000 stages of 40 methods, of which a hundred are called, a shard pays some 50 KB a plan rather than
/// 10 MB, and a scrape looks at the stages that were called.
pub struct Rows {
    generation: u64,
    stages: Box<[StageRows]>,
}

struct StageRows {
    methods: u32,
    rows: OnceLock<Box<[OnceLock<Box<Row>>]>>,
}

impl Rows {
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Visits the methods that were called, by stage and method, with the counts by status slot
    /// ([`super::status::LABELS`]).
    pub fn each(&self, mut visit: impl FnMut(usize, usize, [u64; SLOTS])) {
        for (stage, rows) in self.stages.iter().enumerate() {
            for (method, row) in rows.rows.get().into_iter().flatten().enumerate() {
                if let Some(row) = row.get() {
                    visit(stage, method, std::array::from_fn(|slot| row.0[slot].load(Ordering::Relaxed)));
                }
            }
        }
    }

    fn record(&self, stage: usize, method: usize, status: u16) {
        let rows = self.stages.get(stage).map(StageRows::rows).unwrap_or_default();
        let Some(row) = rows.get(method) else {
            debug_assert!(false, "method {method} of stage {stage} is not one of this plan's");
            return;
        };
        let row = row.get_or_init(|| Box::new(Row([const { AtomicU64::new(0) }; SLOTS])));
        add_alone(&row.0[slot(status)], 1);
    }
}

impl StageRows {
    fn rows(&self) -> &[OnceLock<Box<Row>>] {
        self.rows.get_or_init(|| (0..self.methods).map(|_| OnceLock::new()).collect())
    }
}

/// The latencies of one stage since the last harvest.
pub struct StageHarvest {
    /// The stage's position in its plan.
    pub stage: usize,
    pub request: Latency,
    pub integration: Option<Latency>,
}

/// What a block's histograms held.
pub struct Harvest {
    pub generation: u64,
    pub stages: Vec<StageHarvest>,
}

/// The shard's own end: not `Send`, since its counters have one writer.
pub struct Block {
    rows: Arc<Rows>,
    latencies: RefCell<Vec<Option<Box<StageHarvest>>>>,
    shard: Rc<Shard>,
}

impl Block {
    pub(super) fn new(shard: Rc<Shard>, generation: u64, methods: impl IntoIterator<Item = usize>) -> Block {
        let rows_of = |methods| StageRows { methods: methods as u32, rows: OnceLock::new() };
        let rows = Rows { generation, stages: methods.into_iter().map(rows_of).collect() };
        let latencies = RefCell::new(rows.stages.iter().map(|_| None).collect());
        Block { rows: Arc::new(rows), latencies, shard }
    }

    pub(super) fn rows(&self) -> Arc<Rows> {
        Arc::clone(&self.rows)
    }

    pub fn generation(&self) -> u64 {
        self.rows.generation
    }

    /// Counts an answer of a method, by its stage's position in the plan and its own in the stage.
    pub fn record(&self, stage: usize, method: usize, status: u16) {
        self.rows.record(stage, method, status);
    }

    /// Notes how long an exchange took, in µs, and how much of it was the integration. What is left is the gateway's
    /// own share: `tollgate_gateway_overhead_seconds`.
    pub fn latency(&self, stage: usize, total_us: u64, integration_us: Option<u64>) {
        let mut latencies = self.latencies.borrow_mut();
        let Some(place) = latencies.get_mut(stage) else {
            debug_assert!(false, "stage {stage} is not one of this plan's {}", latencies.len());
            return;
        };
        let latency =
            place.get_or_insert_with(|| Box::new(StageHarvest { stage, request: Latency::new(), integration: None }));
        latency.request.record(total_us);
        if let Some(integration_us) = integration_us {
            latency.integration.get_or_insert_with(Latency::new).record(integration_us);
        }
        self.shard.overhead(total_us.saturating_sub(integration_us.unwrap_or(0)));
    }

    /// Takes the histograms that hold anything, and leaves none behind.
    pub(super) fn harvest(&self) -> Option<Harvest> {
        let stages: Vec<_> =
            self.latencies.borrow_mut().iter_mut().filter_map(|place| place.take().map(|taken| *taken)).collect();
        (!stages.is_empty()).then_some(Harvest { generation: self.generation(), stages })
    }
}

impl Drop for Block {
    /// The histograms go before the rows are let go of (fields drop after this): whoever sees the rows closed finds
    /// the latencies in the inbox.
    fn drop(&mut self) {
        if let Some(harvest) = self.harvest() {
            self.shard.hand_over(vec![harvest]);
        }
    }
}
