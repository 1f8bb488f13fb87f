//! How much may pass: token buckets that are exact across cores, for a few limits that all share and for millions of
//! clients, and counts of what is under way.
//!
//! - [`rate`]: a rate and a burst as AWS writes them, made into whole units of time.
//! - [`bucket`]: the arithmetic of a token bucket, which is one moment: when it will be full again.
//! - [`cell`]: a bucket of its own, taken from directly. For what has a record already, such as a key in a usage plan.
//! - [`budget`]: a bucket that all shards share through leases; [`budgets`]: every budget by its identity.
//! - [`lease`]: a shard's few tokens in advance of a budget. Two loads and two stores a request.
//! - [`keyed`]: buckets for keys that nobody listed in advance (client addresses, claims), in bounded memory.
//! - [`concurrency`]: how many at a time.
//! - [`registry`]: what shards share, found again by its identity.
//!
//! The room knows no clock. `now_ns` is passed in: nanoseconds of one monotonic clock that all shards share, from any
//! start, read *after* the request came and before it is let through. A moment read earlier makes a bucket emptier than
//! it is, never fuller, yet a window measured from outside would seem to have begun later than it did.
//!
//! # What holds
//!
//! For a limit of rate r and burst b: over every window of length w, at most `b + r × w` requests pass, over all cores
//! together. For any interleaving of the shards, whatever lease holds what. And nothing is withheld for long: with all
//! leases returned a full bucket gives exactly b at once, to any core, and a core alone gets all of r. What a lease
//! holds unspent comes back at its shard's next tick. The proof for [`Cell`] is in [`bucket`], that for leases in
//! [`budget`].

pub mod bucket;
pub mod budget;
pub mod budgets;
pub mod cell;
pub mod concurrency;
pub mod keyed;
pub mod lease;
#[cfg(test)]
mod model;
pub mod rate;
pub mod registry;

pub use bucket::{Standing, Wait};
pub use budget::Budget;
pub use budgets::Budgets;
pub use cell::{Cell, CellOf, Taken};
pub use concurrency::{Concurrency, Entered};
pub use keyed::{KeyedCells, KeyedTaken};
pub use lease::{Lease, Leases};
pub use rate::{OddRate, Rate};
pub use registry::Registry;

/// Stands before every access to a word that threads share. Models let another thread in here; it is nothing otherwise.
#[cfg(not(test))]
#[inline(always)]
fn step() {}
#[cfg(test)]
use model::step;
