//! Sockets, timers and threads of a shard: the only room that names monoio, io_uring and rustls's connections.
//!
//! - [`runtime`]: a shard's event loop on the best driver that this kernel allows.
//! - [`buffer`]: memory to read into: pages that go back to the kernel, or the heap for what is larger.
//! - [`stream`]: a connection as a reader and a writer, plain or TLS.
//! - [`tls`]: certificates, keys, roots; the record layer between a stream and its bytes.
//! - [`listener`]: sockets that accept, one a shard.
//! - [`deadline`]: every time-out: one lazy wheel a shard.
//! - [`mailbox`]: how other threads talk to a shard.
//!
//! With a completion ring, dropping a future does not undo its operation. Nothing here drops a read that somebody
//! will continue: time-outs shut the socket down, or cancel and then wait.

pub mod buffer;
pub mod deadline;
pub mod listener;
pub mod mailbox;
pub mod runtime;
pub mod stream;
pub mod tls;
