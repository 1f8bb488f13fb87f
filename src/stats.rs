//! What is counted and how it comes together: shards write, the control thread merges, nothing is contended.
//!
//! - [`counter`]: the shard-wide counters, one enum with each one's Prometheus name, help and labels.
//! - [`status`]: from a status code to its slot in a method's row.
//! - [`block`]: one shard's counts and latencies for the methods and stages of one plan.
//! - [`latency`]: the histograms that a shard fills and hands over.
//! - [`registry`]: the meeting place: a [`Recorder`] for each shard, totals and harvests for the control thread.
//!
//! Counters are atomics that one shard alone writes (a relaxed load and a relaxed store, no locked instruction) and
//! that the control thread may read at any time. Histograms are plain memory of the shard; a harvest swaps them for
//! empty ones. The rooms here know plans by generation and flat index only: names are the reader's business.

pub mod block;
pub mod counter;
pub mod latency;
pub mod registry;
pub mod status;

pub use block::Block;
pub use counter::Counter;
pub use latency::Latency;
pub use registry::{Recorder, Registry};
