//! Tollgate's load tester.
//!
//! One promise: the figures are the server's, not the tool's. Requests leave when the schedule says, whether or not
//! earlier ones were answered, and latency counts from that intended moment; where the tool itself was too slow, the
//! report says so.
//!
//! # The rooms, in reading order
//!
//! - [`command`]: what the command does; [`args`]: the command line → [`settings`], checked.
//! - [`target`]: whom to ask, and the requests, rendered before the run where they are always the same.
//! - [`schedule`]: when each request is due. Pure: times are offsets from the start.
//! - [`engine`]: a worker thread with its event loop (io_uring or epoll), connections and protocol.
//! - [`measure`]: what a worker counts in an interval, how intervals add up, CPU and memory of processes.
//! - [`run`]: warm-up, workers, progress, the end: settings in, [`report::Report`] out.
//! - [`report`]: one value with everything that was measured, and its shapes: text, JSON, CSV, HdrHistogram files, HTML;
//!   comparison and thresholds.
//!
//! # Words of our own
//!
//! An *answer* is a complete response, whatever it says. A *failure* is a request without one, or with a wrong one.
//! *Lag* is how long after its intended start a request left although a connection was free: the tool's own doing.
//!
//! # Invariants
//!
//! 1. Only `engine` names io_uring, epoll and rustls; `unsafe` stands in `engine/{epoll,ring}.rs` and
//!    `measure/process.rs` only, each block with its SAFETY note.
//!    This package and `tollgate` do not depend on each other. `tests/architecture.rs` of the repository holds all of that.
//! 2. Every request that was sent is counted once: as an answer, as a failure, or as in flight at the end.
//! 3. Memory does not grow with the run's length: histograms and a bounded number of intervals are kept, no samples.

#![deny(unsafe_code)]

pub mod args;
pub mod command;
pub mod engine;
pub mod measure;
pub mod report;
pub mod run;
pub mod schedule;
pub mod settings;
pub mod target;
