//! Tollgate: AWS API Gateway's semantics on one's own servers, at the speed of the best proxies.
//!
//! # One idea: compile the API, then run it
//!
//! The control plane (one thread, tokio) owns the API as AWS describes it and compiles a deployment into an immutable
//! *plan*. The data plane (one shard a core, each with its own event loop) receives plans, keeps its own mutable state
//! beside them, and takes each request through one function, [`data_plane::exchange::begin`].
//!
//! # The rooms, in reading order
//!
//! - [`cli`]: one file a command; [`config`]: settings as written → settings checked.
//! - [`server`]: boot and shutdown in order; introduces the two planes to each other.
//! - [`model`]: the API as AWS describes it; [`openapi`]: documents ⇄ model, with [`diagnostic`]s that name the place.
//! - [`plan`]: the contract between the planes.
//! - [`data_plane`]: what a request meets. Start with `data_plane/exchange.rs`.
//! - [`http`]: HTTP on the wire, without I/O; [`net`]: sockets, timers, TLS, the only room that names the runtime.
//! - [`control_plane`]: publishing, the admin listener, names to addresses, the access log's writer.
//! - [`vtl`]: the mapping templates' language, Velocity as API Gateway runs it; [`jsonpath`]: JSONPath as it reads it. Both
//!   know values and text only.
//! - [`limit`]: how much may pass, exact across cores: token buckets, a shard's leases of them, concurrency.
//! - [`sign`]: AWS Signature Version 4, without I/O and clock.
//! - [`jwt`]: JSON Web Tokens and the keys that verify them, without I/O and clock.
//! - [`policy`]: policies in IAM's language, of resources, of users and of authorizers' answers: who may call what.
//! - [`meter`]: how often each API key has called under each usage plan: counters in a mapped file, which outlive the
//!   process, and the quotas' periods.
//! - [`function`]: the function host: functions written for AWS Lambda as processes of this machine, behind Lambda's APIs.
//! - [`stats`]: every metric, a shard's recorder, the merge.
//!
//! # Words of our own
//!
//! A *shard* is a core with all that runs on it. A *plan* is a compiled configuration; a *live* plan is one with a shard's
//! own state beside it. A *delivery* brings something to a shard. A *block* is one shard's counters for one plan. A
//! *budget* is a token bucket that all shards share, a *lease* a shard's few tokens of it in advance.
//!
//! # Architecture Invariants
//!
//! `tests/architecture.rs` reads the `use crate::` lines and holds the rooms to the first three.
//!
//! 1. The planes never name each other; they share `plan` and `stats`; `server` introduces them.
//! 2. Only `net` names monoio, io-uring and rustls.
//! 3. `http`, `stats`, `model`, `limit`, `meter`, `jsonpath`, `sign`, `policy`, `jwt` and `function` import nothing from the
//!    crate, `vtl` only `jsonpath`; `plan` names `stats`, `limit`, `meter`, `sign`, `vtl`, `jsonpath`, `policy` and `jwt`, and
//!    in `compile` `model`.
//! 4. A plan is a value: built once, never changed, without interior mutability and clock; one copy in the process.
//! 5. State is touched in plain `fn`s, I/O happens in `async fn`s; no `RefCell` borrow lives across an `.await`.
//! 6. An error becomes bytes in one place: `data_plane/respond.rs` for clients, `control_plane/server.rs` for operators.
//! 7. `unsafe` is denied but in `net/{buffer,deadline,listener,mailbox,runtime,stream}.rs`, `meter/arena.rs` (the mapped
//!    file), `function/warden.rs` (processes and their limits) and `server.rs` (limits, priority, memory); each block has its SAFETY note.
//! 8. A panic in one exchange ends its connection, never the shard.
//! 9. What needs tokio lives on the control thread, never on a data core.
//! 10. Unknown or unsupported configuration is an error at import or deploy, never ignored.

#![deny(unsafe_code)]
#![deny(clippy::await_holding_refcell_ref)]

pub mod cli;
pub mod config;
pub mod control_plane;
pub mod data_plane;
pub mod diagnostic;
pub mod function;
pub mod http;
pub mod jsonpath;
pub mod jwt;
pub mod limit;
pub mod meter;
pub mod model;
pub mod net;
pub mod openapi;
pub mod plan;
pub mod policy;
pub mod server;
pub mod sign;
pub mod stats;
pub mod vtl;
